"""fsspec's s3fs and pandas over it: files in blocks, append, exclusive creation, globs, caches, moves."""

import pandas as pd
import s3fs

from common import CA, HTTP, HTTPS, KEY, MIB, REGION, SECRET, checks, data, end, group


def files(name, fs, bucket):
    fs.mkdir(bucket)
    for size in (0, 1, 5 * MIB, 12 * MIB + 9):
        body = data(size)
        with fs.open(bucket + "/file é", "wb", block_size=5 * MIB) as f:
            f.write(body)
        fs.invalidate_cache()
        checks.ok(fs.cat(bucket + "/file é") == body and fs.info(bucket + "/file é")["size"] == size,
                  "%s: a file of %d bytes in blocks" % (name, size))
    with fs.open(bucket + "/file é", "rb", block_size=100000) as f:
        f.seek(5 * MIB - 10)
        checks.ok(f.read(20) == body[5 * MIB - 10:5 * MIB + 10], name + ": seek and read over a part's end")
    with fs.open(bucket + "/file é", "ab", block_size=5 * MIB) as f:
        f.write(b"more")
    checks.ok(fs.cat_file(bucket + "/file é", start=-8) == body[-4:] + b"more", name + ": append by copying parts")
    fs.pipe({bucket + "/d/%d/x" % i: b"%d" % i for i in range(20)})
    checks.equal(len(fs.find(bucket + "/d")), 20, name + ": find")
    checks.equal(sorted(fs.glob(bucket + "/d/1?/x"))[0], bucket + "/d/10/x", name + ": glob")
    checks.equal(len(fs.ls(bucket + "/d")), 20, name + ": ls of folders")
    with fs.open(bucket + "/once", "xb") as f:
        f.write(b"1")
    try:
        with fs.open(bucket + "/once", "xb") as f:
            f.write(b"2")
        checks.ok(False, name + ": exclusive creation of what exists is refused")
    except OSError:  # which one it is has changed with the versions of s3fs
        checks.ok(fs.cat(bucket + "/once") == b"1", name + ": exclusive creation of what exists is refused")
    fs.mv(bucket + "/once", bucket + "/moved")
    checks.ok(fs.exists(bucket + "/moved") and not fs.exists(bucket + "/once"), name + ": moved")
    fs.setxattr(bucket + "/moved", mine="value")
    checks.equal(fs.getxattr(bucket + "/moved", "mine"), "value", name + ": metadata set by a copy onto itself")


def pandas(name, options, bucket):
    frame = pd.DataFrame({"n": range(50000), "g": [i % 4 for i in range(50000)]})
    frame.to_parquet("s3://%s/p" % bucket, partition_cols=["g"], storage_options=options)
    got = pd.read_parquet("s3://%s/p" % bucket, storage_options=options, filters=[("g", "=", 2)])
    checks.equal(len(got), 12500, name + ": pandas, a partitioned set")
    frame.to_csv("s3://%s/t.csv.gz" % bucket, index=False, storage_options=options)
    checks.ok(pd.read_csv("s3://%s/t.csv.gz" % bucket, storage_options=options).equals(frame), name + ": pandas, CSV")


def remove(name, fs, bucket):
    fs.rm(bucket, recursive=True)
    fs.invalidate_cache()
    checks.ok(not fs.exists(bucket), name + ": bucket and contents removed")


def main():
    print("# s3fs", s3fs.__version__)
    for url in (HTTP, HTTPS):
        name, bucket = url.split(":")[0], "s3fs-" + url.split(":")[0]
        options = {"key": KEY, "secret": SECRET, "endpoint_url": url, "use_listings_cache": False,
                   "client_kwargs": {"region_name": REGION, "verify": CA}, "config_kwargs": {"retries": {"total_max_attempts": 1}}}
        fs = s3fs.S3FileSystem(**options)
        group(name + ": files", files, name, fs, bucket)
        group(name + ": pandas", pandas, name, options, bucket)
        group(name + ": remove", remove, name, fs, bucket)
    end()


main()
