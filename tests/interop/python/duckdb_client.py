"""DuckDB with httpfs: COPY to Parquet and CSV in parts, globs, predicates by ranges, a whole database attached."""

import os

import duckdb
import duckdb_extension_httpfs

from common import CA, HTTP, HTTPS, KEY, REGION, SECRET, checks, end, group, scratch
from s3tool import make_bucket, request

ROWS = 1000000
HTTPFS = os.path.join(os.path.dirname(duckdb_extension_httpfs.__file__), "extensions", "v" + duckdb.__version__,
                      "httpfs.duckdb_extension")


def connect(url):
    c = duckdb.connect()
    c.execute("LOAD '%s'" % HTTPFS)
    scheme, host = url.split("://")
    c.execute("SET GLOBAL ca_cert_file='%s'" % CA)
    c.execute("SET GLOBAL enable_server_cert_verification=true")
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


def database(name, c, bucket):
    """A whole database file, read by ranges."""
    local = scratch(name + "-made.duckdb")
    c.execute("ATTACH '%s' AS made" % local)
    c.execute("CREATE TABLE made.t AS SELECT i AS n, i %% 1000 AS k FROM range(%d) r(i)" % ROWS)
    c.execute("DETACH made")
    with open(local, "rb") as f:
        request("PUT", "/%s/whole.duckdb" % bucket, f.read())
    c.execute("ATTACH 's3://%s/whole.duckdb' AS remote (READ_ONLY)" % bucket)
    checks.equal(c.execute("SELECT count(*), sum(n) FROM remote.t WHERE k = 7").fetchone(),
                 (ROWS // 1000, sum(range(7, ROWS, 1000))), name + ": a database attached, read by ranges")


def replaced(name, c, bucket):
    """A file that is replaced between two queries: the second sees the new one, or says that it changed; never a mixture."""
    at = "s3://%s/changing.parquet" % bucket
    for version in (1, 2):
        c.execute("COPY (SELECT %d AS v, hash(i) AS text FROM range(300000) r(i)) TO '%s' (FORMAT parquet)" % (version, at))
        try:
            got = c.execute("SELECT min(v), max(v), count(DISTINCT text) FROM '%s'" % at).fetchone()
        except duckdb.Error as e:
            got = "changed" if "ETag" in str(e) else str(e)
        checks.ok(got in ((version, version, 300000), "changed"), "%s: a file after it was written %d times" % (name, version))


def main():
    print("# duckdb", duckdb.__version__)
    if not os.path.exists(HTTPFS):
        checks.skip("duckdb", "the package of its extension httpfs is not of this version")
        end()
    for url in (HTTP, HTTPS):
        name, bucket = url.split(":")[0], "duckdb-" + url.split(":")[0]
        make_bucket(bucket)
        for part in (queries, database, replaced):
            group(name + ": " + part.__name__, lambda p=part, u=url, n=name, b=bucket: p(n, connect(u), b))
    end()


main()
