"""delta-rs: commits by conditional PUT, several writers at once, merge, optimize, vacuum, time travel."""

from concurrent.futures import ThreadPoolExecutor

import deltalake
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from common import HTTP, HTTPS, KEY, REGION, SECRET, checks, end, group
from s3tool import make_bucket

WRITERS = 6


def rows(first, count):
    return pa.table({"id": list(range(first, first + count)), "p": [i % 3 for i in range(first, first + count)]})


def total(uri, options, **more):
    return DeltaTable(uri, storage_options=options, **more).to_pyarrow_table().num_rows


def run(name, url, bucket):
    options = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": REGION, "AWS_ENDPOINT_URL": url,
               "AWS_ALLOW_HTTP": "true", "aws_conditional_put": "etag"}
    make_bucket(bucket)
    uri = "s3://%s/tables/é t" % bucket
    write_deltalake(uri, rows(0, 1000), storage_options=options, partition_by=["p"])
    checks.equal(total(uri, options), 1000, name + ": a partitioned table")

    def append(i):
        write_deltalake(uri, rows(10000 * (i + 1), 100), mode="append", storage_options=options)
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(append, range(WRITERS)))
    table = DeltaTable(uri, storage_options=options)
    checks.equal((total(uri, options), table.version()), (1000 + 100 * WRITERS, WRITERS),
                 name + ": %d writers at once, no commit lost" % WRITERS)
    checks.equal(total(uri, options, version=0), 1000, name + ": time travel")
    table.merge(rows(0, 10).append_column("x", pa.array([1] * 10)).select(["id", "p"]), "s.id = t.id", source_alias="s",
                target_alias="t").when_matched_delete().execute()
    checks.equal(total(uri, options), 990 + 100 * WRITERS, name + ": merge deletes")
    table = DeltaTable(uri, storage_options=options)
    table.optimize.compact()
    gone = DeltaTable(uri, storage_options=options).vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    checks.ok(len(gone) > 0 and total(uri, options) == 990 + 100 * WRITERS, name + ": compacted, %d files removed" % len(gone))
    DeltaTable(uri, storage_options=options).create_checkpoint()
    checks.equal(total(uri, options), 990 + 100 * WRITERS, name + ": read over a checkpoint")


def main():
    print("# deltalake", deltalake.__version__)
    for url in (HTTP, HTTPS):
        name = url.split(":")[0]
        group(name, run, name, url, "delta-" + name)
    end()


main()
