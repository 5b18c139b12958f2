// Hadoop's s3a through the FileSystem API, as Spark and Hive use it: blocks, ranges, exclusive creation, folders, renames, the magic committer.
import java.io.FileNotFoundException;
import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;

import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileAlreadyExistsException;
import org.apache.hadoop.fs.FileRange;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.FileUtil;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.s3a.S3AFileSystem;
import org.apache.hadoop.fs.s3a.commit.magic.MagicS3GuardCommitter;
import org.apache.hadoop.mapreduce.JobID;
import org.apache.hadoop.mapreduce.TaskAttemptContext;
import org.apache.hadoop.mapreduce.TaskAttemptID;
import org.apache.hadoop.mapreduce.TaskID;
import org.apache.hadoop.mapreduce.TaskType;
import org.apache.hadoop.mapreduce.task.TaskAttemptContextImpl;
import org.apache.hadoop.util.VersionInfo;

public class S3a {
    static final int MIB = 1 << 20, WRITERS = 8, FILES = 300;
    static boolean failed;

    static void ok(String what, Callable<Boolean> check) {
        boolean good = false;
        try {
            good = check.call();
        } catch (Throwable e) {
            System.out.println("# " + what + ": " + e.toString().replace('\n', ' '));
        }
        failed |= !good;
        System.out.println((good ? "ok " : "not ok ") + what);
    }

    static byte[] data(int size, long seed) {
        byte[] b = new byte[size];
        new Random(seed + size).nextBytes(b);
        return b;
    }

    static void write(FileSystem fs, Path path, byte[] body) throws IOException {
        try (FSDataOutputStream out = fs.create(path, true)) {
            out.write(body);
        }
    }

    static byte[] read(FileSystem fs, Path path) throws IOException {
        try (FSDataInputStream in = fs.open(path)) {
            return in.readAllBytes();
        }
    }

    static Configuration configuration(URI endpoint) {
        Configuration c = new Configuration();
        c.set("fs.s3a.endpoint", endpoint.toString());
        c.set("fs.s3a.endpoint.region", System.getenv("AWS_DEFAULT_REGION"));
        c.set("fs.s3a.access.key", System.getenv("AWS_ACCESS_KEY_ID"));
        c.set("fs.s3a.secret.key", System.getenv("AWS_SECRET_ACCESS_KEY"));
        c.set("fs.s3a.aws.credentials.provider", "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider");
        c.setBoolean("fs.s3a.path.style.access", true);
        c.setBoolean("fs.s3a.connection.ssl.enabled", endpoint.getScheme().equals("https"));
        c.set("fs.s3a.multipart.size", "5M");
        c.set("fs.s3a.multipart.threshold", "8M");
        c.set("fs.s3a.block.size", "5M");
        c.set("fs.s3a.fast.upload.buffer", "array");
        c.set("fs.s3a.connection.maximum", "64");
        c.set("fs.s3a.attempts.maximum", "1");
        c.set("hadoop.tmp.dir", System.getenv("INTEROP_DIR"));
        c.setInt("fs.s3a.bucket.probe", 0);
        c.setBoolean("fs.s3a.committer.magic.enabled", true);
        return c;
    }

    static void files(String name, FileSystem fs, Path top) {
        for (int size : new int[] {0, 1, 65536, 8 * MIB - 1, 8 * MIB, 17 * MIB + 3}) {
            byte[] body = data(size, 1);
            ok(name + ": a file of " + size + " bytes", () -> {
                Path path = new Path(top, "files/é +%41 " + size);
                write(fs, path, body);
                return fs.getFileStatus(path).getLen() == size && Arrays.equals(read(fs, path), body);
            });
        }
        byte[] body = data(17 * MIB + 3, 2);
        Path path = new Path(top, "ranges");
        ok(name + ": seeks and positioned reads", () -> {
            write(fs, path, body);
            Random random = new Random(3);
            try (FSDataInputStream in = fs.open(path)) {
                for (int i = 0; i < 40; i++) {
                    int from = i % 2 == 0 ? random.nextInt(body.length - 100) : 5 * MIB * (1 + i % 3) - 50;
                    byte[] got = new byte[100];
                    if (i % 3 == 0) {
                        in.seek(from);
                        in.readFully(got);
                    } else {
                        in.readFully(from, got);
                    }
                    if (!Arrays.equals(got, Arrays.copyOfRange(body, from, from + 100))) {
                        return false;
                    }
                }
            }
            return true;
        });
        ok(name + ": vectored reads", () -> {
            List<FileRange> ranges = new ArrayList<>();
            for (int i = 0; i < 30; i++) {
                ranges.add(FileRange.createFileRange(i * 600_000L, 1 + i * 9000));
            }
            try (FSDataInputStream in = fs.open(path)) {
                in.readVectored(ranges, ByteBuffer::allocate);
                for (FileRange r : ranges) {
                    ByteBuffer got = r.getData().get();
                    int from = (int) r.getOffset();
                    if (!got.equals(ByteBuffer.wrap(body, from, r.getLength()))) {
                        return false;
                    }
                }
            }
            return true;
        });
        ok(name + ": a file that is replaced while it is read is never read as a mixture", () -> {
            Path changing = new Path(top, "changing");
            byte[] old = data(9 * MIB, 4), other = data(9 * MIB, 5);
            write(fs, changing, old);
            try (FSDataInputStream in = fs.open(changing)) {
                byte[] head = new byte[100];
                in.readFully(head);
                write(fs, changing, other);
                byte[] tail = new byte[100];
                in.seek(8 * MIB);
                in.readFully(tail);
                return Arrays.equals(tail, Arrays.copyOfRange(old, 8 * MIB, 8 * MIB + 100));
            } catch (IOException e) {
                return Arrays.equals(read(fs, changing), other); // told, not mixed
            }
        });
    }

    static void exclusive(String name, FileSystem fs, Path top) {
        ok(name + ": create without overwrite refuses what exists", () -> {
            Path path = new Path(top, "once");
            write(fs, path, data(10, 1));
            try (FSDataOutputStream out = fs.create(path, false)) {
                out.write(1);
            } catch (FileAlreadyExistsException e) {
                return read(fs, path).length == 10;
            }
            return false;
        });
        for (int size : new int[] {1000, 11 * MIB}) {
            ok(name + ": of " + WRITERS + " exclusive writers of " + size + " bytes one wins", () -> {
                Path path = new Path(top, "raced-" + size);
                var pool = Executors.newFixedThreadPool(WRITERS);
                AtomicInteger winner = new AtomicInteger(-1), wins = new AtomicInteger();
                List<Callable<Void>> writers = new ArrayList<>();
                for (int i = 0; i < WRITERS; i++) {
                    int me = i;
                    writers.add(() -> {
                        // No probe at the begin: only the conditional write at the end decides.
                        FSDataOutputStream out = (FSDataOutputStream) fs.createFile(path).overwrite(false)
                            .opt("fs.s3a.create.conditional.overwrite", true)
                            .opt("fs.s3a.create.performance", true).build();
                        try {
                            out.write(data(size, me));
                            out.close();
                            winner.set(me);
                            wins.incrementAndGet();
                        } catch (IOException e) {
                            System.out.println("# writer " + me + ": " + e.getClass().getSimpleName());
                        }
                        return null;
                    });
                }
                for (var done : pool.invokeAll(writers)) {
                    done.get();
                }
                pool.shutdown();
                return wins.get() == 1 && Arrays.equals(read(fs, path), data(size, winner.get()));
            });
        }
    }

    static void folders(String name, FileSystem fs, Path top) {
        ok(name + ": folders, listings, content summary", () -> {
            Path dir = new Path(top, "dir");
            fs.mkdirs(new Path(dir, "empty/inner"));
            for (int i = 0; i < FILES; i++) {
                write(fs, new Path(dir, "part=" + i % 7 + "/file-" + i), data(i, 1));
            }
            var summary = fs.getContentSummary(dir);
            return fs.listStatus(dir).length == 8 && summary.getFileCount() == FILES
                && summary.getLength() == FILES * (FILES - 1) / 2 && fs.globStatus(new Path(dir, "part=[12]/*")).length == 86;
        });
        ok(name + ": a folder renamed: copied, deleted", () -> {
            boolean renamed = fs.rename(new Path(top, "dir"), new Path(top, "dir2"));
            int files = 0;
            var all = fs.listFiles(new Path(top, "dir2"), true);
            while (all.hasNext()) {
                FileStatus one = all.next();
                files++;
                String[] words = one.getPath().getName().split("-");
                if (!Arrays.equals(read(fs, one.getPath()), data(Integer.parseInt(words[1]), 1))) {
                    return false;
                }
            }
            return renamed && files == FILES && !fs.exists(new Path(top, "dir"));
        });
        ok(name + ": a large file renamed: copied in parts", () -> {
            write(fs, new Path(top, "large"), data(17 * MIB + 3, 6));
            return fs.rename(new Path(top, "large"), new Path(top, "large2"))
                && Arrays.equals(read(fs, new Path(top, "large2")), data(17 * MIB + 3, 6));
        });
        ok(name + ": a folder deleted with all that is in it", () -> {
            fs.delete(new Path(top, "dir2"), true);
            try {
                fs.getFileStatus(new Path(top, "dir2"));
                return false;
            } catch (FileNotFoundException e) {
                return true;
            }
        });
        ok(name + ": a file under a file's name and beside it", () -> {
            write(fs, new Path(top, "both/x"), data(5, 1));
            return FileUtil.copy(fs, new Path(top, "both/x"), fs, new Path(top, "both/y"), false, fs.getConf())
                && fs.listStatus(new Path(top, "both")).length == 2;
        });
    }

    static TaskAttemptContext task(Configuration conf, JobID job) {
        conf.set("mapreduce.job.id", job.toString());
        conf.set("fs.s3a.committer.uuid", job.toString());
        return new TaskAttemptContextImpl(conf, new TaskAttemptID(new TaskID(job, TaskType.MAP, 0), 0));
    }

    static void commits(String name, FileSystem fs, Path top) {
        byte[] body = data(11 * MIB, 7);
        for (boolean commit : new boolean[] {true, false}) {
            ok(name + ": magic committer, " + (commit ? "committed" : "aborted"), () -> {
                Path out = new Path(top, "job-" + commit);
                TaskAttemptContext t = task(new Configuration(fs.getConf()), new JobID("202601010000", commit ? 1 : 2));
                MagicS3GuardCommitter c = new MagicS3GuardCommitter(out, t);
                c.setupJob(t);
                c.setupTask(t);
                write(fs, new Path(c.getWorkPath(), "part-0"), body);
                write(fs, new Path(c.getWorkPath(), "deep/part-1"), data(100, 8));
                boolean hidden = !fs.exists(new Path(out, "part-0"));
                int pending = uploads(fs, out);
                if (commit) {
                    c.commitTask(t);
                    c.commitJob(t);
                    return hidden && pending == 2 && Arrays.equals(read(fs, new Path(out, "part-0")), body)
                        && read(fs, new Path(out, "deep/part-1")).length == 100 && fs.exists(new Path(out, "_SUCCESS"))
                        && uploads(fs, out) == 0;
                }
                c.abortTask(t);
                c.abortJob(t, org.apache.hadoop.mapreduce.JobStatus.State.FAILED);
                return hidden && pending == 2 && !fs.exists(new Path(out, "part-0")) && uploads(fs, out) == 0;
            });
        }
    }

    static int uploads(FileSystem fs, Path under) throws IOException {
        int n = 0;
        var all = ((S3AFileSystem) fs).listUploads(under.toUri().getPath().substring(1) + "/");
        while (all.hasNext()) {
            all.next();
            n++;
        }
        return n;
    }

    public static void main(String[] a) throws Exception {
        System.out.println("# Hadoop " + VersionInfo.getVersion());
        for (String address : List.of(System.getenv("INTEROP_HTTP"), System.getenv("INTEROP_HTTPS"))) {
            URI uri = URI.create(address);
            String name = uri.getScheme();
            try (FileSystem fs = FileSystem.newInstance(URI.create("s3a://" + a[0] + "/"), configuration(uri))) {
                Path top = new Path("s3a://" + a[0] + "/" + name);
                files(name, fs, top);
                exclusive(name, fs, top);
                folders(name, fs, top);
                commits(name, fs, top);
                ok(name + ": everything deleted", () -> fs.delete(top, true) && !fs.exists(top));
            }
        }
        System.exit(failed ? 1 : 0);
    }
}
