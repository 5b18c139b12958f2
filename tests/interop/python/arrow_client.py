"""PyArrow: its own S3 file system (AWS SDK for C++), partitioned datasets, predicates, files moved and removed."""

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow import csv, fs

from common import CA, HTTP, HTTPS, KEY, MIB, REGION, SECRET, checks, data, end, group

ROWS = 200000


def table():
    n = pa.array(range(ROWS))
    return pa.table({"n": n, "year": pc.add(2020, pc.cast(pc.floor(pc.divide(n, 50000)), pa.int64())),
                     "text": pa.array(["value %d" % (i * 7919 % ROWS) for i in range(ROWS)])})


def text(value):
    return value.decode() if isinstance(value, bytes) else value


def connect(url):
    scheme, host = url.split("://")
    more = {"tls_ca_file_path": CA} if scheme == "https" else {}
    return fs.S3FileSystem(access_key=KEY, secret_key=SECRET, region=REGION, scheme=scheme, endpoint_override=host,
                           allow_bucket_creation=True, allow_bucket_deletion=True, **more)


def datasets(name, s3, bucket):
    t = table()
    ds.write_dataset(t, bucket + "/set", filesystem=s3, format="parquet", partitioning=["year"],
                     partitioning_flavor="hive", max_rows_per_file=20000, max_rows_per_group=5000)
    files = [f for f in s3.get_file_info(fs.FileSelector(bucket + "/set", recursive=True)) if f.is_file]
    checks.ok(len(files) == 12 and all(f.size > 0 and f.mtime for f in files), name + ": a dataset of 12 files, with sizes")
    back = ds.dataset(bucket + "/set", filesystem=s3, format="parquet", partitioning="hive")
    checks.equal(back.count_rows(), ROWS, name + ": every row is there")
    part = back.to_table(filter=(ds.field("year") == 2022) & (ds.field("n") > 149000), columns=["n"])
    checks.equal(sorted(part["n"].to_pylist()), list(range(149001, 150000)), name + ": a filter over a partition")
    got = back.to_table(columns=["n", "text"]).sort_by("n")
    checks.ok(got["text"].combine_chunks() == t["text"].combine_chunks(), name + ": the same values")
    pq.write_table(t, bucket + "/one.parquet", filesystem=s3, compression="none")
    read = pq.read_table(bucket + "/one.parquet", filesystem=s3, columns=["text"], pre_buffer=True)
    checks.equal(read.num_rows, ROWS, name + ": one column of one file, by ranges")
    csv.write_csv(t.slice(0, 100), s3.open_output_stream(bucket + "/t.csv"))


def files(name, s3, bucket):
    for size in (0, 10, 10 * MIB, 23 * MIB + 1):
        body = data(size)
        with s3.open_output_stream(bucket + "/file") as f:
            f.write(body)
        info = s3.get_file_info(bucket + "/file")
        with s3.open_input_stream(bucket + "/file") as f:
            checks.ok(info.size == size and f.read() == body, "%s: a file of %d bytes" % (name, size))
    with s3.open_input_file(bucket + "/file") as f:
        f.seek(65530)
        checks.ok(f.read(20) == body[65530:65550], name + ": seek and read")
    with s3.open_output_stream(bucket + "/meta é", metadata={"Content-Type": "x/y", "mine": "1"}) as f:
        f.write(b"m")
    with s3.open_input_stream(bucket + "/meta é") as f:
        got = {text(k).lower(): text(v) for k, v in f.metadata().items()}
    checks.equal(got.get("content-type"), "x/y", name + ": metadata")
    s3.create_dir(bucket + "/dir/sub", recursive=True)
    checks.equal(s3.get_file_info(bucket + "/dir/sub").type, fs.FileType.Directory, name + ": a directory marker")
    s3.copy_file(bucket + "/meta é", bucket + "/dir/sub/copy")
    s3.move(bucket + "/dir/sub/copy", bucket + "/moved")
    checks.equal([s3.get_file_info(bucket + "/" + p).type for p in ("dir/sub/copy", "moved", "none")],
                 [fs.FileType.NotFound, fs.FileType.File, fs.FileType.NotFound], name + ": copied, moved")
    s3.delete_dir_contents(bucket)
    checks.equal(len(s3.get_file_info(fs.FileSelector(bucket))), 0, name + ": contents deleted")
    s3.delete_dir(bucket)
    checks.equal(s3.get_file_info(bucket).type, fs.FileType.NotFound, name + ": bucket deleted")


def main():
    print("# pyarrow", pa.__version__)
    for url in (HTTP, HTTPS):
        name = url.split(":")[0]
        try:
            s3 = connect(url)
        except TypeError:
            checks.skip(name, "this pyarrow takes no CA")
            continue
        bucket = "arrow-" + name
        group(name + ": bucket", s3.create_dir, bucket)
        group(name + ": datasets", datasets, name, s3, bucket)
        group(name + ": files", files, name, s3, bucket)
    end()


main()
