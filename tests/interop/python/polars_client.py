"""Polars: write_parquet, scan_parquet with predicates and projections, sinks, by the Rust object_store."""

import polars as pl

from common import HTTP, HTTPS, KEY, REGION, SECRET, checks, end, group
from s3tool import make_bucket

ROWS = 300000


def run(name, url, bucket):
    options = {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET, "aws_region": REGION,
               "aws_endpoint_url": url, "aws_allow_http": "true", "aws_virtual_hosted_style_request": "false"}
    make_bucket(bucket)
    frame = pl.DataFrame({"n": range(ROWS), "g": [i % 10 for i in range(ROWS)],
                          "text": ["row %d" % (i * 31) for i in range(ROWS)]})
    frame.write_parquet("s3://%s/one.parquet" % bucket, storage_options=options, row_group_size=20000)
    lazy = pl.scan_parquet("s3://%s/one.parquet" % bucket, storage_options=options)
    checks.equal(lazy.select(pl.col("n").sum()).collect().item(), ROWS * (ROWS - 1) // 2, name + ": a sum over a column")
    checks.equal(lazy.filter(pl.col("n") == 123456).select("text").collect().item(), "row %d" % (123456 * 31),
                 name + ": one row by ranges")
    checks.ok(lazy.collect().equals(frame), name + ": every value")
    for g in range(3):
        frame.filter(pl.col("g") == g).write_parquet("s3://%s/set/g=%d/é part.parquet" % (bucket, g), storage_options=options)
    got = pl.scan_parquet("s3://%s/set/" % bucket, storage_options=options, hive_partitioning=True)
    checks.equal(got.group_by("g").len().sort("g").collect()["len"].to_list(), [ROWS // 10] * 3, name + ": a partitioned set")
    lazy.filter(pl.col("g") < 5).sink_parquet("s3://%s/sink.parquet" % bucket, storage_options=options)
    checks.equal(pl.scan_parquet("s3://%s/sink.parquet" % bucket, storage_options=options).select(pl.len()).collect().item(),
                 ROWS // 2, name + ": streamed from S3 to S3")


def main():
    print("# polars", pl.__version__)
    for url in (HTTP, HTTPS):
        name = url.split(":")[0]
        group(name, run, name, url, "polars-" + name)
    end()


main()
