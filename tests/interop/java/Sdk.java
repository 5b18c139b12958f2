// AWS SDK for Java 2: the synchronous client, the asynchronous one, the CRT client and the transfer manager.
import java.io.ByteArrayInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

import software.amazon.awssdk.core.async.AsyncRequestBody;
import software.amazon.awssdk.core.async.AsyncResponseTransformer;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3AsyncClient;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3Configuration;
import software.amazon.awssdk.services.s3.model.*;
import software.amazon.awssdk.services.s3.presigner.S3Presigner;
import software.amazon.awssdk.transfer.s3.S3TransferManager;

public class Sdk {
    static final int MIB = 1 << 20;
    static boolean failed;
    static final Region REGION = Region.of(System.getenv("AWS_DEFAULT_REGION"));

    interface Check { boolean run() throws Exception; }

    static void ok(String what, Check check) {
        boolean good = false;
        try {
            good = check.run();
        } catch (Throwable e) {
            Throwable cause = e.getCause() == null ? e : e.getCause();
            System.out.println("# " + what + ": " + cause.toString().replace('\n', ' '));
        }
        failed |= !good;
        System.out.println((good ? "ok " : "not ok ") + what);
    }

    static byte[] data(int size, long seed) {
        byte[] b = new byte[size];
        new Random(seed + size).nextBytes(b);
        return b;
    }

    static boolean is(String code, Check check) throws Exception {
        try {
            check.run();
            return false;
        } catch (S3Exception e) {
            String got = e.awsErrorDetails() == null ? "" + e.statusCode() : e.awsErrorDetails().errorCode();
            if (!code.equals(got) && !code.equals("" + e.statusCode())) {
                System.out.println("# got " + got + " " + e.statusCode());
                return false;
            }
            return true;
        }
    }

    static void sync(String name, S3Client s3, String bucket) {
        ok(name + ": createBucket", () -> {
            s3.createBucket(b -> b.bucket(bucket));
            return s3.listBuckets().buckets().stream().anyMatch(b -> b.name().equals(bucket));
        });
        byte[] body = data(3 * MIB + 7, 1);
        ok(name + ": putObject of bytes, and back", () -> {
            s3.putObject(b -> b.bucket(bucket).key("bytes").contentType("x/y"), RequestBody.fromBytes(body));
            // Asked for by name: some releases of the SDK leave it out.
            var got = s3.getObjectAsBytes(b -> b.bucket(bucket).key("bytes").checksumMode(ChecksumMode.ENABLED));
            return Arrays.equals(got.asByteArray(), body) && got.response().contentType().equals("x/y")
                && got.response().checksumType() != null;
        });
        ok(name + ": putObject of a stream, and back", () -> {
            s3.putObject(b -> b.bucket(bucket).key("stream"),
                RequestBody.fromInputStream(new ByteArrayInputStream(body), body.length));
            var got = s3.getObjectAsBytes(b -> b.bucket(bucket).key("stream"));
            String encoding = got.response().contentEncoding();
            return Arrays.equals(got.asByteArray(), body) && (encoding == null || !encoding.contains("aws-chunked"));
        });
        ok(name + ": putObject of nothing", () -> {
            s3.putObject(b -> b.bucket(bucket).key("empty"), RequestBody.empty());
            return s3.headObject(b -> b.bucket(bucket).key("empty")).contentLength() == 0;
        });
        for (ChecksumAlgorithm a : List.of(ChecksumAlgorithm.CRC32, ChecksumAlgorithm.CRC32_C,
                ChecksumAlgorithm.CRC64_NVME, ChecksumAlgorithm.SHA1, ChecksumAlgorithm.SHA256)) {
            ok(name + ": checksum " + a, () -> {
                s3.putObject(b -> b.bucket(bucket).key("sum").checksumAlgorithm(a), RequestBody.fromBytes(body));
                return Arrays.equals(s3.getObjectAsBytes(b -> b.bucket(bucket).key("sum")
                    .checksumMode(ChecksumMode.ENABLED)).asByteArray(), body);
            });
        }
        ok(name + ": a range", () -> Arrays.equals(
            s3.getObjectAsBytes(b -> b.bucket(bucket).key("bytes").range("bytes=65530-65549")).asByteArray(),
            Arrays.copyOfRange(body, 65530, 65550)));
        ok(name + ": AES256", () -> s3.putObject(b -> b.bucket(bucket).key("aes")
            .serverSideEncryption(ServerSideEncryption.AES256), RequestBody.fromString("x")).eTag()
            .equals("\"9dd4e461268c8034f5c8564e155c67a6\""));
        ok(name + ": ifNoneMatch", () -> {
            s3.putObject(b -> b.bucket(bucket).key("once").ifNoneMatch("*"), RequestBody.fromString("1"));
            return is("PreconditionFailed", () -> s3.putObject(b -> b.bucket(bucket).key("once").ifNoneMatch("*"),
                RequestBody.fromString("1")) != null);
        });
        ok(name + ": NoSuchKey, NoSuchBucket", () ->
            is("NoSuchKey", () -> s3.getObjectAsBytes(b -> b.bucket(bucket).key("none")) != null)
            && is("NoSuchBucket", () -> s3.listObjectsV2(b -> b.bucket("none-" + bucket)) != null)
            && is("404", () -> s3.headObject(b -> b.bucket(bucket).key("none")) != null));
        ok(name + ": multipart by hand", () -> {
            byte[] one = data(5 * MIB, 2), two = data(99, 3);
            var up = s3.createMultipartUpload(b -> b.bucket(bucket).key("parts"));
            List<CompletedPart> parts = new ArrayList<>();
            int n = 0;
            for (byte[] p : List.of(one, two)) {
                int number = ++n;
                var r = s3.uploadPart(b -> b.bucket(bucket).key("parts").uploadId(up.uploadId()).partNumber(number),
                    RequestBody.fromBytes(p));
                parts.add(CompletedPart.builder().partNumber(number).eTag(r.eTag()).checksumCRC32(r.checksumCRC32()).build());
            }
            s3.completeMultipartUpload(b -> b.bucket(bucket).key("parts").uploadId(up.uploadId())
                .multipartUpload(m -> m.parts(parts)));
            byte[] got = s3.getObjectAsBytes(b -> b.bucket(bucket).key("parts")).asByteArray();
            return got.length == one.length + two.length && Arrays.equals(Arrays.copyOfRange(got, one.length, got.length), two);
        });
        ok(name + ": copy, list, delete", () -> {
            s3.copyObject(b -> b.sourceBucket(bucket).sourceKey("bytes").destinationBucket(bucket).destinationKey("dir/é +%copy"));
            var keys = s3.listObjectsV2Paginator(b -> b.bucket(bucket).prefix("dir/").maxKeys(1)).contents().stream()
                .map(S3Object::key).toList();
            var gone = s3.deleteObjects(b -> b.bucket(bucket).delete(d -> d.objects(
                ObjectIdentifier.builder().key("dir/é +%copy").build(), ObjectIdentifier.builder().key("none").build())));
            return keys.equals(List.of("dir/é +%copy")) && gone.deleted().size() == 2 && gone.errors().isEmpty();
        });
    }

    static void async(String name, S3AsyncClient s3, String bucket, Path scratch) {
        byte[] body = data(21 * MIB + 1, 4);
        ExecutorService pool = Executors.newFixedThreadPool(1);
        ok(name + ": putObject, and back", () -> {
            s3.putObject(b -> b.bucket(bucket).key(name), AsyncRequestBody.fromBytes(body)).get();
            return Arrays.equals(s3.getObject(b -> b.bucket(bucket).key(name), AsyncResponseTransformer.toBytes()).get()
                .asByteArray(), body);
        });
        ok(name + ": a stream without length", () -> {
            s3.putObject(b -> b.bucket(bucket).key(name + "-stream"),
                AsyncRequestBody.fromInputStream(c -> c.inputStream(new ByteArrayInputStream(body))
                    .contentLength((long) body.length).executor(pool))).get();
            return s3.headObject(b -> b.bucket(bucket).key(name + "-stream")).get().contentLength() == body.length;
        });
        ok(name + ": the transfer manager, file to object to file", () -> {
            Path from = scratch.resolve(name.replaceAll("\\W", "-") + ".up"), to = scratch.resolve(name.replaceAll("\\W", "-") + ".down");
            Files.write(from, body);
            try (S3TransferManager tm = S3TransferManager.builder().s3Client(s3).build()) {
                tm.uploadFile(u -> u.source(from).putObjectRequest(p -> p.bucket(bucket).key(name + "-tm"))).completionFuture().get();
                tm.downloadFile(d -> d.destination(to).getObjectRequest(g -> g.bucket(bucket).key(name + "-tm"))).completionFuture().get();
            }
            return Arrays.equals(Files.readAllBytes(to), body);
        });
        pool.shutdown();
    }

    public static void main(String[] a) throws Exception {
        System.out.println("# AWS SDK for Java " + software.amazon.awssdk.core.util.VersionInfo.SDK_VERSION);
        Path scratch = Path.of(System.getenv("INTEROP_DIR"));
        for (String address : List.of(System.getenv("INTEROP_HTTP"), System.getenv("INTEROP_HTTPS"))) {
            URI uri = URI.create(address);
            String name = uri.getScheme();
            String bucket = "java-" + name;
            try (S3Client s3 = S3Client.builder().endpointOverride(uri).region(REGION).forcePathStyle(true).build()) {
                sync(name, s3, bucket);
            }
            try (S3Client s3 = S3Client.builder().endpointOverride(uri).region(REGION).forcePathStyle(true)
                    .serviceConfiguration(S3Configuration.builder().chunkedEncodingEnabled(false).build()).build()) {
                ok(name + ": without aws-chunked", () -> {
                    s3.putObject(b -> b.bucket(bucket).key("whole"), RequestBody.fromBytes(data(70000, 5)));
                    return s3.headObject(b -> b.bucket(bucket).key("whole")).contentLength() == 70000;
                });
            }
            try (S3AsyncClient s3 = S3AsyncClient.builder().endpointOverride(uri).region(REGION).forcePathStyle(true)
                    .multipartEnabled(true).build()) {
                async(name + " async", s3, bucket, scratch);
            }
        }
        URI uri = URI.create(System.getenv("INTEROP_HTTP"));
        try (S3AsyncClient s3 = S3AsyncClient.crtBuilder().endpointOverride(uri).region(REGION).forcePathStyle(true)
                .minimumPartSizeInBytes(5L * MIB).build()) {
            async("CRT over http", s3, "java-http", scratch);
        }
        System.out.println("ok CRT over https # skip the CRT takes no CA of ours");
        try (S3Presigner p = S3Presigner.builder().endpointOverride(uri).region(REGION)
                .serviceConfiguration(S3Configuration.builder().pathStyleAccessEnabled(true).build()).build()) {
            ok("presigned GET", () -> {
                var url = p.presignGetObject(g -> g.signatureDuration(Duration.ofMinutes(1))
                    .getObjectRequest(o -> o.bucket("java-http").key("once"))).url();
                return HttpClient.newHttpClient().send(HttpRequest.newBuilder(url.toURI()).build(),
                    HttpResponse.BodyHandlers.ofString()).body().equals("1");
            });
        }
        System.exit(failed ? 1 : 0);
    }
}
