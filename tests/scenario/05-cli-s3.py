#!/usr/bin/env python3
"""rempart's S3 commands against an S3 whose signatures are checked by botocore, and which misbehaves."""

import os
import subprocess

import scripted_s3
from check import check, end, scenario

PORT = int(os.environ["TEST_PORT"])
DIR = os.environ["TEST_DIR"]
REMPART = os.path.join(os.environ["TEST_BUILD"], "rempart")
ENV = dict(os.environ, REMPART_S3_URL="http://127.0.0.1:%d" % PORT, AWS_ACCESS_KEY_ID="AKID",
           AWS_SECRET_ACCESS_KEY="SECRET", AWS_DEFAULT_REGION="eu-test-1", REMPART_CONFIG="/nonexistent",
           HTTP_PROXY="http://127.0.0.1:9", http_proxy="http://127.0.0.1:9", ALL_PROXY="http://127.0.0.1:9")
store = scripted_s3.start(PORT)
PART = 16 << 20


def run(*words, stdin=b"", env=None):
    p = subprocess.run([REMPART, *words], input=stdin, env=env or ENV, capture_output=True, timeout=120,
                       check=False)
    return p.returncode, p.stdout, p.stderr.decode()


def path(name, content=None):
    full = os.path.join(DIR, name)
    if content is not None:
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as f:
            f.write(content)
    return full


def read(full):
    with open(full, "rb") as f:
        return f.read()


def buckets():
    check("mb makes a bucket", run("mb", "s3://box")[0] == 0 and "box" in store.buckets)
    status, _, err = run("mb", "s3://box")
    check("a second mb says whose it is", status == 1 and "yours already" in err, err)
    status, out, _ = run("ls")
    check("ls lists buckets", status == 0 and out == b"2026-01-02T03:04:05  box\n", out)
    status, _, err = run("ls", "s3://nobox")
    check("no such bucket: says how to make it", status == 1 and "rempart mb" in err, err)
    check("a name without bucket is a usage error", run("ls", "box")[0] == 2 and run("mb", "s3://")[0] == 2)


def names_and_bytes():
    odd = "d/é +%&=?#'\"~;:@,!$*()[]x.txt"
    data = os.urandom(5000)
    local = path("in.bin", data)
    status, _, err = run("cp", local, "s3://box/" + odd)
    check("an odd key is stored under exactly that name", status == 0 and store.buckets["box"].get(odd) == data,
          (err, list(store.buckets["box"])))
    status, out, err = run("cp", "s3://box/" + odd, "-")
    check("and read back", status == 0 and out == data, err)
    for key in ("a/../b", "./x", "//y", "z//", "w."):
        run("cp", local, "s3://box/" + key)
    missing = [k for k in ("a/../b", "./x", "//y", "w.") if k not in store.buckets["box"]]
    check("dots and empty parts of a key stay as they are", not missing, missing)
    status, out, _ = run("ls", "-r", "s3://box", "--json")
    check("ls --json gives each name exactly", odd.replace('"', '\\"').encode() in out, out)
    run("rm", "-r", "s3://box")
    check("rm -r deletes all, page by page", store.buckets["box"] == {}, store.buckets["box"])


def targets():
    local = path("name.txt", b"text")
    run("cp", local, "s3://box/folder/")
    run("cp", local, "s3://box")
    check("a folder as target takes the file's name", set(store.buckets["box"]) == {"folder/name.txt", "name.txt"},
          list(store.buckets["box"]))
    run("cp", "s3://box/name.txt", "s3://box/copies/")
    check("a copy within S3", store.buckets["box"].get("copies/name.txt") == b"text")
    os.makedirs(path("down"), exist_ok=True)
    run("cp", "s3://box/name.txt", path("down"))
    check("a local folder as target takes the key's name", read(path("down/name.txt")) == b"text")
    status, _, err = run("cp", "s3://box/none", path("none"))
    check("what is not there fails and leaves nothing", status == 1 and not os.path.exists(path("none")) and
          [f for f in os.listdir(DIR) if "rempart-" in f] == [], err)
    run("cp", local, "s3://box/t", "--content-type", "text/x", "--sse", "AES256")
    headers = store.headers_of["t"]
    check("headers of an upload", headers.get("Content-Type") == "text/x" and
          headers.get("x-amz-server-side-encryption") == "AES256", headers)
    status, _, err = run("cp", local, path("other"))
    check("two local files are a usage error", status == 2, err)
    status, _, err = run("cp", path("down"), "s3://box/x")
    check("a folder without -r says so", status == 1 and "-r" in err, err)


def listing():
    store.buckets["list"] = {k: b"xy" for k in ("a/1", "a/2", "a/b/3", "b", "c d", "e+f", "g%20h")}
    status, out, _ = run("ls", "s3://list/", "--json")
    names = [line.split(b'"')[3].decode() for line in out.splitlines()]
    check("a delimiter makes folders, over pages", status == 0 and sorted(names) ==
          sorted(["a/", "b", "c d", "e+f", "g%20h"]), names)
    status, out, _ = run("ls", "s3://list/a/")
    check("names below a prefix are shown without it", out.split()[-1] in (b"2", b"b/") and b"a/" not in out, out)


def streams_and_parts():
    big = os.urandom(2 * PART + 12345)
    local = path("big", big)
    status, _, err = run("cp", local, "s3://box/big")
    check("a large file goes up in parts", status == 0 and store.buckets["box"].get("big") == big and
          sum(1 for r in store.requests if "partNumber" in r[1]) == 3, err)
    status, _, err = run("cp", "-", "s3://box/pipe", stdin=big[:PART])
    check("a stream of exactly one part", status == 0 and store.buckets["box"].get("pipe") == big[:PART], err)
    status, _, err = run("cp", "-", "s3://box/empty")
    check("an empty stream", status == 0 and store.buckets["box"].get("empty") == b"", err)
    status, _, err = run("cp", "s3://box/big", path("big.out"))
    check("a large download", status == 0 and read(path("big.out")) == big, err)
    run("cp", "s3://box/empty", path("empty.out"))
    check("an empty download", read(path("empty.out")) == b"")


def trouble():
    data = os.urandom(3 << 20)
    local = path("t.bin", data)
    store.faults = [("PUT", "/box/again", "503"), ("PUT", "/box/again", "drop")]
    status, _, err = run("cp", local, "s3://box/again")
    check("503 and a lost connection are tried again", status == 0 and store.buckets["box"].get("again") == data and
          not store.faults, err)
    store.faults = [("GET", "/box/again", "cut"), ("GET", "/box/again", "cut")]
    status, _, err = run("cp", "s3://box/again", path("again.out"))
    check("a broken download goes on where it stood", status == 0 and read(path("again.out")) == data and
          not store.faults, err)
    store.faults = [("PUT", "/box/part?partNumber=2", "503")] * 5
    status, _, err = run("cp", "-", "s3://box/part", stdin=os.urandom(PART + 5))
    check("an upload that fails in the end is aborted", status == 1 and "SlowDown" in err and
          "part" not in store.buckets["box"] and not store.uploads, (status, err, store.uploads))
    store.faults = []
    status, _, err = run("ls", env=dict(ENV, AWS_SECRET_ACCESS_KEY="wrong"))
    check("a wrong secret says which variable", status == 1 and "AWS_SECRET_ACCESS_KEY" in err, err)
    status, _, err = run("ls", env=dict(ENV, REMPART_S3_URL="http://192.0.2.1:9000"))
    check("clear text to another machine is refused", status == 1 and "clear text" in err, err)
    status, _, err = run("ls", env=dict(ENV, REMPART_S3_URL=""))
    check("a missing endpoint names option and variable", status == 1 and "REMPART_S3_URL" in err, err)


def folders():
    for name, content in (("src/a", b"1"), ("src/deep/er/b", b"2"), ("src/c d", b"")):
        path(name, content)
    os.symlink("/etc/passwd", path("src/link"))
    status, _, err = run("cp", "-r", path("src"), "s3://box/up")
    up = {k: v for k, v in store.buckets["box"].items() if k.startswith("up/")}
    check("cp -r sends files, no links", status == 0 and up == {"up/a": b"1", "up/deep/er/b": b"2", "up/c d": b""},
          (err, up))
    status, _, err = run("cp", "-r", "s3://box/up", "s3://box/up2")
    check("cp -r within S3", store.buckets["box"].get("up2/deep/er/b") == b"2", err)
    status, _, err = run("cp", "-r", "s3://box/up/", path("back"))
    check("cp -r back", status == 0 and read(path("back/deep/er/b")) == b"2" and
          read(path("back/c d")) == b"", err)
    store.buckets["evil"] = {"../out": b"x", "ok": b"y", "a/../../out": b"x", "/abs": b"x"}
    status, _, err = run("cp", "-r", "s3://evil", path("cage"))
    check("a key that would leave the folder is refused, the others arrive", status == 1 and
          os.listdir(path("cage")) == ["ok"] and not os.path.exists(path("out")) and err.count("refused") == 3,
          (status, err))


def presigned():
    store.buckets["box"]["p q"] = b"hello"
    status, out, err = run("presign", "s3://box/p q", "--expires-in", "60")
    url = out.decode().strip()
    check("presign encodes the key and carries a signature", status == 0 and "/box/p%20q?" in url and
          "X-Amz-Expires=60" in url and "X-Amz-Signature=" in url, (url, err))
    # Is it the signature that botocore makes for the same moment?
    from botocore.auth import S3SigV4QueryAuth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    import urllib.parse
    query = dict(urllib.parse.parse_qsl(url.split("?", 1)[1]))
    given = query.pop("X-Amz-Signature")
    request = AWSRequest("GET", url.split("?")[0] + "?" + urllib.parse.urlencode(query, quote_via=urllib.parse.quote),
                         headers={"host": "127.0.0.1:%d" % PORT})
    request.context["timestamp"] = query["X-Amz-Date"]
    signer = S3SigV4QueryAuth(Credentials("AKID", "SECRET"), "s3", "eu-test-1")
    canonical = signer.canonical_request(request)
    check("and it is the one that botocore makes", given == signer.signature(signer.string_to_sign(request, canonical),
                                                                            request), (canonical, url))
    status, _, err = run("presign", "s3://box/x", "--expires-in", "700000")
    check("more than seven days are refused", status == 1 and "604800" in err, err)


def deletion():
    run("rm", "s3://box/p q")
    check("rm deletes one object", "p q" not in store.buckets["box"])
    status, _, err = run("rb", "s3://box")
    check("rb of a bucket that is not empty says how", status == 1 and "rm -r" in err, err)
    run("rm", "-r", "s3://box")
    check("rb", run("rb", "s3://box")[0] == 0 and "box" not in store.buckets)
    status, _, _ = run("rm", "s3://box")
    check("rm of a bucket without -r is a usage error", status == 2)


for step in (buckets, names_and_bytes, targets, listing, streams_and_parts, trouble, folders, presigned, deletion):
    scenario(step)
end()
