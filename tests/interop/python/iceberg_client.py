"""PyIceberg with a catalog in SQLite: create, append, overwrite, delete, snapshots, by PyArrow's file system."""

import pyarrow as pa
import pyiceberg
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.expressions import EqualTo, GreaterThan

from common import CA, HTTP, HTTPS, KEY, REGION, SECRET, checks, end, group, scratch
from s3tool import make_bucket


def run(name, url, bucket):
    make_bucket(bucket)
    more = {"s3.tls-ca-file-path": CA} if name == "https" else {}
    catalog = SqlCatalog("interop", **{
        "uri": "sqlite:///" + scratch(name + ".db"), "warehouse": "s3://%s/warehouse" % bucket, "s3.endpoint": url,
        "s3.access-key-id": KEY, "s3.secret-access-key": SECRET, "s3.region": REGION,
        "s3.force-virtual-addressing": "false", **more})
    catalog.create_namespace("health")
    rows = pa.table({"id": list(range(10000)), "ward": ["w%d" % (i % 5) for i in range(10000)]})
    table = catalog.create_table("health.stays", schema=rows.schema)
    with table.update_spec() as spec:
        spec.add_identity("ward")
    table.append(rows)
    first = table.current_snapshot().snapshot_id
    checks.equal(len(table.scan().to_arrow()), 10000, name + ": appended")
    checks.equal(len(table.scan(row_filter=EqualTo("ward", "w3")).to_arrow()), 2000, name + ": a filter over a partition")
    table.append(pa.table({"id": [10000, 10001], "ward": ["w1", "w9"]}))
    table.delete(GreaterThan("id", 10000))
    checks.equal((len(table.scan().to_arrow()), len(table.scan(snapshot_id=first).to_arrow())), (10001, 10000),
                 name + ": delete, and the older snapshot")
    table.overwrite(rows.slice(0, 10))
    again = catalog.load_table("health.stays")
    checks.equal((len(again.scan().to_arrow()), len(again.history())), (10, len(table.history())), name + ": overwritten, loaded again")
    catalog.drop_table("health.stays")


def main():
    print("# pyiceberg", pyiceberg.__version__)
    for url in (HTTP, HTTPS):
        name = url.split(":")[0]
        group(name, run, name, url, "iceberg-" + name)
    end()


main()
