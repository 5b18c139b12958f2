"""DuckDB with httpfs: COPY to Parquet and CSV in parts, globs, predicates by ranges, a whole database attached."""

import duckdb

from common import CA, HTTP, HTTPS, KEY, REGION, SECRET, checks, end, group
from s3tool import make_bucket

ROWS = 1000000


def connect(url):
    c = duckdb.connect()
    c.execute("LOAD httpfs")
    scheme, host = url.split("://")
    c.execute("SET ca_cert_file='%s'" % CA)
    c.execute("SET enable_server_cert_verification=true")
    c.execute("CREATE SECRET (TYPE s3, KEY_ID '%s', SECRET '%s', REGION '%s', ENDPOINT '%s', URL_STYLE 'path', "
              "USE_SSL %s)" % (KEY, SECRET, REGION, host, "true" if scheme == "https" else "false"))
    return c


def queries(name, c, bucket):
    c.execute("CREATE TABLE t AS SELECT i AS n, i %% 4 AS part, 'text ' || hash(i) AS text FROM range(%d) r(i)" % ROWS)
    c.execute("COPY t TO 's3://%s/one.parquet' (FORMAT parquet, COMPRESSION 'uncompressed')" % bucket)
    checks.equal(c.execute("SELECT count(*), sum(n) FROM 's3://%s/one.parquet'" % bucket).fetchone(),
                 (ROWS, ROWS * (ROWS - 1) // 2), name + ": a Parquet file, and a sum over it")
    checks.equal(c.execute("SELECT text FROM 's3://%s/one.parquet' WHERE n = 777777" % bucket).fetchone(),
                 c.execute("SELECT text FROM t WHERE n = 777777").fetchone(), name + ": one row by ranges")
    c.execute("COPY t TO 's3://%s/set' (FORMAT parquet, PARTITION_BY (part))" % bucket)
    checks.equal(c.execute("SELECT part, count(*) FROM read_parquet('s3://%s/set/**/*.parquet', hive_partitioning=true) "
                           "GROUP BY part ORDER BY part" % bucket).fetchall(),
                 [(i, ROWS // 4) for i in range(4)], name + ": a partitioned set by a glob")
    checks.ok(len(c.execute("SELECT * FROM glob('s3://%s/set/part=[12]/*')" % bucket).fetchall()) >= 2, name + ": glob")
    c.execute("COPY (SELECT * FROM t LIMIT 1000) TO 's3://%s/some é.csv.gz'" % bucket)
    checks.equal(c.execute("SELECT count(*) FROM 's3://%s/some é.csv.gz'" % bucket).fetchone(), (1000,), name + ": CSV, compressed")


def main():
    print("# duckdb", duckdb.__version__)
    try:
        duckdb.connect().execute("LOAD httpfs")
    except duckdb.Error as e:
        try:
            duckdb.connect().execute("INSTALL httpfs")
        except duckdb.Error:
            checks.skip("duckdb", "its extension httpfs is not in the package and its hub is not reachable: %s" %
                        str(e).splitlines()[0][:100])
            end()
    for url in (HTTP, HTTPS):
        name, bucket = url.split(":")[0], "duckdb-" + url.split(":")[0]
        make_bucket(bucket)
        group(name, lambda u=url, n=name, b=bucket: queries(n, connect(u), b))
    end()


main()
