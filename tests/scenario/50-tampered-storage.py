#!/usr/bin/python3
"""Whoever owns the storage flips, cuts, swaps and puts back: each GET fails before any unverified byte leaves."""
# timeout: 240

import http.client
import os
import random
import shutil
import sys

from stack import Checks, Stack

checks = Checks()
SEGMENT, TAG, HEADER, BLOB = 65536, 16, 48, 131072
SIZES = {"empty": 0, "small": 1000, "segment": SEGMENT, "two": SEGMENT + 1, "blob": BLOB, "many": 5 * BLOB + 777}


def get(stack, key, headers=None):
    """Status, bytes that arrived, and whether the answer ended cleanly."""
    path = "/bkt/" + key
    c = http.client.HTTPConnection("127.0.0.1", stack.s3_port, timeout=60)
    got = b""
    try:
        c.request("GET", path, headers=stack.sign("GET", path, headers=headers))
        answer = c.getresponse()
        status = answer.status
        try:
            while True:
                piece = answer.read(4096)
                if not piece:
                    break
                got += piece
            clean = answer.length in (0, None)
        except (http.client.IncompleteRead, OSError) as e:
            got += getattr(e, "partial", b"")
            clean = False
        return status, got, clean
    except (http.client.HTTPException, OSError):
        return 0, b"", False
    finally:
        c.close()


def fails_safely(stack, key, data, what):
    """An error, or a broken transfer of a true prefix in whole segments."""
    status, got, clean = get(stack, key)
    if status == 200:
        good = not clean and len(got) < max(1, len(data)) and data.startswith(got)
    else:
        good = status in (0, 500) and data[:16] not in (got or b"-") if data else status in (0, 500)
    if not good:
        print("# status %d, %d bytes, clean %s" % (status, len(got), clean))
    return checks.ok(good, what)


def blobs_of(stack, before):
    return [b for b in stack.blobs() if b not in before]


def put(stack, key, data):
    before = set(stack.blobs())
    status = stack.request("PUT", "/bkt/" + key, data)[0]
    assert status == 200, status
    return blobs_of(stack, before)


def change(path, how):
    saved = path + ".saved"
    shutil.copyfile(path, saved)
    with open(path, "r+b") as f:
        how(f, os.path.getsize(path))
    return saved


def restore(saved):
    os.replace(saved, saved[:-len(".saved")])


def flip(at):
    def how(f, size):
        where = at if at >= 0 else size + at
        f.seek(where)
        byte = f.read(1)
        f.seek(where)
        f.write(bytes([byte[0] ^ (1 << random.randrange(8))]))
    return how


def flips(stack, objects):
    for name, (data, blobs) in objects.items():
        blob = max(blobs, key=os.path.getsize)
        places = [("magic", 0), ("version", 4), ("suite", 7), ("segment size", 9), ("commitment", 20),
                  ("first byte of the first segment", HEADER)]
        if data:
            places += [("tag of the first segment", HEADER + min(len(data), SEGMENT) + 3)]
        for what, at in places:
            saved = change(blob, flip(at))
            fails_safely(stack, name, data, "%s: a bit of the %s flipped" % (name, what))
            restore(saved)


def cuts(stack, objects):
    for name, (data, blobs) in objects.items():
        blob = max(blobs, key=os.path.getsize)
        size = os.path.getsize(blob)
        for what, keep in (("to nothing", 0), ("inside the header", 20), ("after the header", HEADER),
                           ("in its first tag", HEADER + min(len(data), SEGMENT) + 5),
                           ("at a segment boundary", HEADER + SEGMENT + TAG)):
            if keep < size and (len(data) > SEGMENT or keep < HEADER + SEGMENT):
                saved = change(blob, lambda f, n, keep=keep: f.truncate(keep))
                fails_safely(stack, name, data, "%s: blob cut %s" % (name, what))
                restore(saved)
        os.rename(blob, blob + ".saved")
        fails_safely(stack, name, data, "%s: blob gone" % name)
        restore(blob + ".saved")


def swaps(stack, objects):
    data, blobs = objects["many"]
    full = [b for b in blobs if os.path.getsize(b) == HEADER + 2 * (SEGMENT + TAG)]
    a, b = full[0], full[1]
    os.rename(a, a + ".x"), os.rename(b, a), os.rename(a + ".x", b)
    fails_safely(stack, "many", data, "two blobs of an object swapped")
    os.rename(a, a + ".x"), os.rename(b, a), os.rename(a + ".x", b)

    def segments(f, n):
        f.seek(HEADER)
        first, second = f.read(SEGMENT + TAG), f.read(SEGMENT + TAG)
        f.seek(HEADER)
        f.write(second + first)
    saved = change(a, segments)
    fails_safely(stack, "many", data, "two segments of a blob swapped")
    restore(saved)
    other = objects["small"][1][0]
    saved = change(other, lambda f, n: (f.truncate(0), f.write(open(objects["empty"][1][0], "rb").read())))
    fails_safely(stack, "small", objects["small"][0], "another object's blob in its place")
    restore(saved)


def old_blob(stack):
    first = os.urandom(3000)
    old = put(stack, "versioned", first)[0]
    shutil.copyfile(old, old + ".saved")
    second = os.urandom(3000)
    new = put(stack, "versioned", second)[0]
    checks.ok(os.path.basename(new) != os.path.basename(old), "a new version is written under a fresh id")
    shutil.copyfile(old + ".saved", new)
    fails_safely(stack, "versioned", second, "the old version's blob put back under the new id")
    os.unlink(old + ".saved")


def ranges(stack, objects):
    data, blobs = objects["many"]
    for blob in blobs:
        saved = change(blob, flip(HEADER + min(SEGMENT, os.path.getsize(blob) - HEADER - 400) // 2))
        for first in (0, SEGMENT, BLOB, 3 * BLOB + 5):
            status, got, clean = get(stack, "many", {"Range": "bytes=%d-%d" % (first, first + 999)})
            right = data[first:first + 1000]
            checks.ok(got == right if status == 206 and clean else right[:16] not in (got or b"-"),
                      "range at %d: right bytes or none" % first)
        restore(saved)


def main():
    random.seed(4)
    with Stack(store="blob_size = 128K") as stack:
        checks.equal(stack.request("PUT", "/bkt")[0], 200, "bucket created")
        objects = {}
        for name, size in SIZES.items():
            data = os.urandom(size)
            objects[name] = (data, put(stack, name, data))
        checks.equal(len(objects["many"][1]), 6, "an object of five and a bit blobs is six blobs")
        for name, (data, _) in objects.items():
            checks.ok(get(stack, name) == (200, data, True), "%s: whole before" % name)
        flips(stack, objects)
        cuts(stack, objects)
        swaps(stack, objects)
        old_blob(stack)
        ranges(stack, objects)
        for name, (data, _) in objects.items():
            checks.ok(get(stack, name) == (200, data, True), "%s: whole again when the storage is honest" % name)
    return checks.done()


if __name__ == "__main__":
    sys.exit(main())
