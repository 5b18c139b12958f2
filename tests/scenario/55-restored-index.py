#!/usr/bin/python3
"""The gateway's index comes back from a backup: what was written since is found again on the store, and nothing of it is collected."""

import io
import os
import shutil
import subprocess
import sys

from stack import Checks, Stack, wait_for

checks = Checks()
MIB = 1 << 20


def maintain(stack, option):
    done = subprocess.run([stack.program("rempart-gateway"), "--config", stack.gateway_ini, option],
                          capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def get(s3, key, bucket="data"):
    try:
        return s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except s3.exceptions.ClientError as e:
        return e.response["Error"]["Code"]


def metric(stack, name):
    text = stack.ops(stack.gateway_ops_port, "/metrics")[1]
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("rempart_gateway_%s " % name))


def main():
    with Stack(store="blob_size = 128K\ncollect_seconds = 1\norphan_age_seconds = 1\n") as stack:
        s3 = stack.client()
        where = {"LocationConstraint": stack.region}
        s3.create_bucket(Bucket="data", CreateBucketConfiguration=where)
        for key in ("stays", "replaced", "deleted before"):
            s3.put_object(Bucket="data", Key=key, Body=b"old " + key.encode())
        s3.delete_object(Bucket="data", Key="deleted before")
        wait_for("what was deleted to be collected", lambda: metric(stack, "blobs_removed_total") == 1)
        stack.gateway.stop()
        backup = os.path.join(stack.dir, "backup")
        shutil.copytree(stack.index, backup)
        old_marks = stack.marks()
        stack.restart_gateway()

        large = os.urandom(9 * MIB + 5)
        s3.put_object(Bucket="data", Key="replaced", Body=b"new")
        s3.put_object(Bucket="data", Key="new é", Body=b"after the backup", Metadata={"kept": "too"}, Tagging="a=b")
        s3.upload_fileobj(io.BytesIO(large), "data", "large")
        s3.create_bucket(Bucket="late", CreateBucketConfiguration=where)
        s3.put_object(Bucket="late", Key="x", Body=b"of a later bucket")
        written = metric(stack, "blobs_written_total")
        checks.ok(written > 70, "%d blobs were written since" % written)
        wait_for("a new mark on the store", lambda: stack.marks() - old_marks)
        status, said = maintain(stack, "--rebuild-index")
        checks.ok(status == 1 and "another process uses this database" in said, "not while the gateway runs")
        stack.gateway.stop()
        shutil.rmtree(stack.index)
        shutil.copytree(backup, stack.index)

        blobs = stack.blobs()
        stack.restart_gateway()
        checks.equal((get(s3, "large"), get(s3, "late", "late")), ("NoSuchKey", "NoSuchBucket"), "the backup does not know them")
        wait_for("the collector to refuse", lambda: "vault.old_index" in open(stack.gateway.log, encoding="utf-8").read())
        checks.ok(set(blobs) - set(stack.blobs()) == set(), "no blob was collected")
        stack.gateway.stop()
        status, said = maintain(stack, "--rebuild-index")
        checks.ok(status == 1 and '"restored":3' in said and '"bucket":"late"' in said, "rebuilt but for a bucket that is missing")

        stack.restart_gateway()
        checks.equal(get(s3, "large"), large, "an object in many blobs and parts")
        checks.equal(get(s3, "replaced"), b"new", "one that was replaced")
        got = s3.get_object(Bucket="data", Key="new é")
        checks.equal((got["Body"].read(), got["Metadata"], got["TagCount"]), (b"after the backup", {"kept": "too"}, 1),
                     "one with metadata and tags")
        checks.equal((get(s3, "stays"), get(s3, "deleted before")), (b"old stays", "NoSuchKey"), "what the backup knew is as it was")
        s3.create_bucket(Bucket="late", CreateBucketConfiguration=where)
        stack.gateway.stop()
        status, said = maintain(stack, "--rebuild-index")
        checks.ok(status == 0 and '"restored":1' in said, "the bucket was created again")
        stack.restart_gateway()
        checks.equal(get(s3, "x", "late"), b"of a later bucket", "and its object is back")

        # An index that is accepted as it is: what it does not know goes.
        stack.gateway.stop()
        shutil.rmtree(stack.index)
        shutil.copytree(backup, stack.index)
        status, said = maintain(stack, "--accept-index")
        checks.ok(status == 0 and len(stack.blobs()) < len(blobs) - 60, "accepted as it is: the rest is removed: %s" % said[-80:].strip())
        stack.restart_gateway()
        checks.equal((get(s3, "stays"), get(s3, "large")), (b"old stays", "NoSuchKey"), "what it knows is readable")
    return checks.done()


if __name__ == "__main__":
    sys.exit(main())
