#!/usr/bin/python3
"""The corruption matrix: source mode x destination mode x size x range x part boundary, byte for byte.

The store cuts blobs at 128 KiB, so that small data has every edge: segment (64 KiB), blob, part. All cases are generated; each is
compared with the bytes that were sent, and so are sizes, ETags and checksums wherever they are told.
"""
# timeout: 600

import base64
import collections
import datetime
import hashlib
import hmac
import http.client
import random
import re
import sys
import time
import urllib.parse
import zlib

from stack import Checks, Stack

checks = Checks()
SEGMENT, BLOB, PART = 65536, 131072, 5 << 20
SEED = 20261123
SSE = "x-amz-server-side-encryption"
SIZES = [0, 1, 15, 16, 17, SEGMENT - 1, SEGMENT, SEGMENT + 1, BLOB - 1, BLOB, BLOB + 1, BLOB + SEGMENT - 1, BLOB + SEGMENT,
         BLOB + SEGMENT + 1, 2 * BLOB - 1, 2 * BLOB, 2 * BLOB + 1, 3 * BLOB + 777]
MODES = ("default", "kms", "aes256", "customer")
CASES_LEAST = 10000


class Count:
    """Cases by kind; one line for each kind in the end, and one for each case that fails."""

    def __init__(self):
        self.passed, self.failed = collections.Counter(), collections.Counter()

    def case(self, kind, what, **compared):
        """compared: name=(got, wanted)."""
        wrong = ["%s: got %.120r, wanted %.120r" % (k, g, w) for k, (g, w) in compared.items() if g != w]
        if not wrong:
            self.passed[kind] += 1
            return
        self.failed[kind] += 1
        if self.failed[kind] <= 5:
            print("# %s %s: %s" % (kind, what, "; ".join(wrong)))

    def close(self):
        for kind in sorted(self.passed | self.failed):
            checks.equal(self.failed[kind], 0, "%s: %d cases" % (kind, self.passed[kind] + self.failed[kind]))
        total = sum(self.passed.values()) + sum(self.failed.values())
        checks.ok(total >= CASES_LEAST, "%d cases in all" % total)


count = Count()


class S3:
    """Signature version 4 on one kept connection: what boto3 does, at a tenth of its cost."""

    def __init__(self, stack):
        self.host = "127.0.0.1:%d" % stack.s3_port
        self.connection = http.client.HTTPConnection("127.0.0.1", stack.s3_port, timeout=60)
        self.id, self.secret, self.region = stack.access["main"]["access_key"], stack.access["main"]["secret_key"], stack.region
        self.keys = {}
        self.requests = 0

    def signing_key(self, day):
        if day not in self.keys:
            key = ("AWS4" + self.secret).encode()
            for step in (day, self.region, "s3", "aws4_request"):
                key = hmac.new(key, step.encode(), hashlib.sha256).digest()
            self.keys = {day: key}
        return self.keys[day]

    def __call__(self, method, path, body=b"", headers=None, query=None):
        """Status, headers in lower case, body."""
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        digest = hashlib.sha256(body).hexdigest() if len(body) < PART else "UNSIGNED-PAYLOAD"
        given = {k.lower(): v for k, v in (headers or {}).items()}
        given.update({"host": self.host, "x-amz-date": now, "x-amz-content-sha256": digest})
        names = ";".join(sorted(given))
        text = urllib.parse.urlencode(sorted((query or {}).items()), quote_via=urllib.parse.quote)
        canonical = "\n".join([method, path, text] + ["%s:%s" % (k, given[k]) for k in sorted(given)] + ["", names, digest])
        scope = "%s/%s/s3/aws4_request" % (now[:8], self.region)
        to_sign = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        signature = hmac.new(self.signing_key(now[:8]), to_sign.encode(), hashlib.sha256).hexdigest()
        given["Authorization"] = "AWS4-HMAC-SHA256 Credential=%s/%s,SignedHeaders=%s,Signature=%s" % (self.id, scope, names, signature)
        self.requests += 1
        self.connection.request(method, path + ("?" + text if text else ""), body, given)
        answer = self.connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()

    def must(self, *args, **more):
        answer = self(*args, **more)
        if answer[0] not in (200, 204, 206):
            raise AssertionError("%r: %d %r" % (args[:2], answer[0], answer[2][:300]))
        return answer


def customer(key, prefix="x-amz-"):
    name = prefix + "server-side-encryption-customer-"
    return {name + "algorithm": "AES256", name + "key": base64.b64encode(key).decode(),
            name + "key-md5": base64.b64encode(hashlib.md5(key).digest()).decode()}


class Mode:
    """How objects of a mode are written, read and copied from, and what their ETags look like."""

    def __init__(self, name, key_arn):
        key = hashlib.sha256(name.encode()).digest()
        self.name = name
        self.write = {"default": {}, "kms": {SSE: "aws:kms", SSE + "-aws-kms-key-id": key_arn}, "aes256": {SSE: "AES256"},
                      "customer": customer(key)}[name]
        self.read = customer(key) if name == "customer" else {}
        self.source = customer(key, "x-amz-copy-source-") if name == "customer" else {}
        self.told = {"default": "aws:kms", "kms": "aws:kms", "aes256": "AES256", "customer": None}[name]

    def etag_fits(self, etag, data):
        if self.name == "aes256":
            return etag == '"%s"' % hashlib.md5(data).hexdigest()
        return re.fullmatch(r'"[0-9a-f]{32}-1"', etag) is not None and hashlib.md5(data).hexdigest() not in etag

    def joined_etag_fits(self, etag, parts):
        if self.name == "aes256":
            whole = hashlib.md5(b"".join(hashlib.md5(p).digest() for p in parts)).hexdigest()
            return etag == '"%s-%d"' % (whole, len(parts))
        return re.fullmatch(r'"[0-9a-f]{32}-%d"' % len(parts), etag) is not None


def checksum(kind, data):
    value = zlib.crc32(data).to_bytes(4, "big") if kind == "crc32" else hashlib.new(kind, data).digest()
    return base64.b64encode(value).decode()


def element(body, name):
    found = re.search(b"<%s>([^<]*)</%s>" % (name.encode(), name.encode()), body)
    return found.group(1).decode().replace("&quot;", '"') if found else None


def ranges_of(size, edges):
    """Header, first byte and end of what must come; None: not satisfiable. Around every edge, and from both ends."""
    if size == 0:
        return [("bytes=0-0", None), ("bytes=-1", None), ("bytes=0-", None), ("bytes=1-2", None)]
    found = {}

    def add(first, last):
        if 0 <= first <= last and first < size:
            found["bytes=%d-%d" % (first, last)] = (first, min(last, size - 1) + 1)

    for edge in sorted({e for e in edges if e <= size} | {0, size}):
        for first in (edge - 1, edge, edge + 1):
            for last in (edge - 1, edge, edge + 1):
                add(first, last)
            if 0 <= first < size:
                found["bytes=%d-" % first] = (first, size)
            add(0, first)
        add(edge - SEGMENT - 1, edge + SEGMENT)
        add(edge, edge + BLOB)
        if edge > 0:
            found["bytes=-%d" % edge] = (size - edge, size)
        found["bytes=-%d" % (edge + 1)] = (max(0, size - edge - 1), size)
    add(0, 10 * size)
    cases = list(found.items())
    return cases + [("bytes=%d-" % size, None), ("bytes=%d-%d" % (size, size + 5), None), ("bytes=-0", None)]


def check_ranges(s3, kind, path, mode, data, etag, cases):
    for header, span in cases:
        status, answer, body = s3("GET", path, headers=dict(mode.read, range=header))
        what = "%s %d bytes %s" % (mode.name, len(data), header)
        if span is None:
            count.case(kind, what, status=(status, 416))
            continue
        first, end = span
        count.case(kind, what, status=(status, 206), size=(len(body), end - first), bytes=(body == data[first:end], True),
                   length=(answer.get("content-length"), str(end - first)), etag=(answer.get("etag"), etag),
                   span=(answer.get("content-range"), "bytes %d-%d/%d" % (first, end - 1, len(data))))


def check_whole(s3, kind, path, mode, data, etag, what, value=None):
    """GET and HEAD of a whole object. value: the checksum header that must be told, and its value."""
    asked = dict(mode.read, **{"x-amz-checksum-mode": "ENABLED"})
    for method in ("GET", "HEAD"):
        status, answer, body = s3(method, path, headers=asked)
        count.case(kind, "%s %s" % (method, what), status=(status, 200), etag=(answer.get("etag"), etag),
                   length=(answer.get("content-length"), str(len(data))), sse=(answer.get(SSE), mode.told),
                   bytes=(body == (data if method == "GET" else b""), True),
                   checksum=(answer.get(value[0]) if value else None, value[1] if value else None))


def puts(s3, modes, data):
    """Every mode and size: what is put comes back, whole and in ranges. Gives the objects to copy from."""
    made = {}
    for mode in modes.values():
        for i, size in enumerate(SIZES):
            kind = ("crc32", "sha1", "sha256")[i % 3]
            path = "/matrix/put-%s-%d" % (mode.name, size)
            plain = data[i:i + size]
            name, value = "x-amz-checksum-" + kind, checksum(kind, plain)
            _, answer, _ = s3.must("PUT", path, plain, dict(mode.write, **{name: value}))
            etag = answer["etag"]
            count.case("put", path, etag=(mode.etag_fits(etag, plain), True), sse=(answer.get(SSE), mode.told),
                       checksum=(answer.get(name), value))
            check_whole(s3, "put", path, mode, plain, etag, path, (name, value))
            edges = list(range(0, size + 1, SEGMENT))
            check_ranges(s3, "put: range", path, mode, plain, etag, ranges_of(size, edges))
            made[mode.name, size] = path, plain, etag, (name, value)
    return made


def copies(s3, modes, made):
    """Every mode to every mode at every size."""
    for (name, size), (path, plain, etag, value) in made.items():
        source = modes[name]
        for target in modes.values():
            to = "/matrix/copy-%s-%s-%d" % (name, target.name, size)
            _, _, body = s3.must("PUT", to, headers=dict(source.source, **target.write, **{
                "x-amz-copy-source": path, "x-amz-copy-source-if-match": etag}))
            copied = element(body, "ETag")
            count.case("copy", to, etag=(target.etag_fits(copied, plain), True))
            check_whole(s3, "copy", to, target, plain, copied, to, value)
            few = [c for c in ranges_of(size, [SEGMENT, BLOB]) if c[1]][::4]
            check_ranges(s3, "copy: range", to, target, plain, copied, few)


class Upload:
    """A multipart upload that knows what its parts hold."""

    def __init__(self, s3, path, mode, full_crc=False):
        self.s3, self.path, self.mode, self.full_crc = s3, path, mode, full_crc
        algorithm = {"x-amz-checksum-algorithm": "CRC32", "x-amz-checksum-type": "FULL_OBJECT"} if full_crc else {}
        body = s3.must("POST", path, headers=dict(mode.write, **algorithm), query={"uploads": ""})[2]
        self.id = element(body, "UploadId")
        self.parts = {}

    def query(self, number):
        return {"uploadId": self.id, "partNumber": str(number)}

    def put(self, number, plain):
        _, answer, _ = self.s3.must("PUT", self.path, plain, self.mode.read, self.query(number))
        self.parts[number] = plain, answer["etag"]
        return answer["etag"]

    def copy(self, number, source, path, plain, first, end):
        headers = dict(self.mode.read, **source.source, **{
            "x-amz-copy-source": path, "x-amz-copy-source-range": "bytes=%d-%d" % (first, end - 1)})
        body = self.s3.must("PUT", self.path, headers=headers, query=self.query(number))[2]
        self.parts[number] = plain[first:end], element(body, "ETag")
        return self.parts[number][1]

    def complete(self):
        """The joined bytes, their parts and the ETag."""
        body = b"<CompleteMultipartUpload>"
        for number, (_, etag) in sorted(self.parts.items()):
            body += b"<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>" % (number, etag.encode())
        headers = self.mode.read if self.full_crc else {}
        answer = self.s3.must("POST", self.path, body + b"</CompleteMultipartUpload>", headers, {"uploadId": self.id})[2]
        parts = [plain for _, (plain, _) in sorted(self.parts.items())]
        whole = b"".join(parts)
        etag = element(answer, "ETag")
        count.case("complete", self.path, etag=(self.mode.joined_etag_fits(etag, parts), True),
                   checksum=(element(answer, "ChecksumCRC32"), checksum("crc32", whole) if self.full_crc else None))
        return whole, parts, etag


def part_edges(parts):
    """Where parts begin, and the segment and blob edges on both sides of it, which count from the part's own start."""
    edges, at = [], 0
    for plain in parts:
        tail = len(plain) - len(plain) % SEGMENT
        edges += [at, at + SEGMENT, at + BLOB, at + tail, at + len(plain) - len(plain) % BLOB]
        at += len(plain)
    return [e for e in edges if e <= at]


def check_parts(s3, path, mode, whole, parts, etag):
    """partNumber=N: that part's bytes, wherever they lie."""
    at = 0
    for number, plain in enumerate(parts, 1):
        status, answer, body = s3("GET", path, headers=mode.read, query={"partNumber": str(number)})
        count.case("upload: part read", "%s part %d" % (path, number), status=(status, 206), bytes=(body == plain, True),
                   etag=(answer.get("etag"), etag), number=(answer.get("x-amz-mp-parts-count"), str(len(parts))),
                   span=(answer.get("content-range"), "bytes %d-%d/%d" % (at, at + len(plain) - 1, len(whole)) if plain else None))
        at += len(plain)
    status, _, _ = s3("GET", path, headers=mode.read, query={"partNumber": str(len(parts) + 1)})
    count.case("upload: part read", path + " one too many", refused=(status in (400, 416), True))


def uploads(s3, modes, data):
    """Parts whose edges fall beside, on and behind those of segments and blobs. Gives the objects to copy from."""
    shapes = [("odd", [PART + 1, PART + SEGMENT - 1, 7]), ("even", [PART, PART + BLOB, BLOB]),
              ("edge", [PART + SEGMENT + 1, PART + BLOB - 1, SEGMENT + 1])]
    made = {}
    for mode in modes.values():
        for shape, sizes in shapes:
            path = "/matrix/upload-%s-%s" % (mode.name, shape)
            upload = Upload(s3, path, mode, full_crc=shape == "odd")
            at = len(shape)
            for number, size in enumerate(sizes, 1):
                plain = data[at:at + size]
                if number == 2: # sent twice, with other bytes first: the last one counts
                    upload.put(number, plain[::-1][:PART])
                etag = upload.put(number, plain)
                fits = etag == '"%s"' % hashlib.md5(plain).hexdigest()
                count.case("upload: part", "%s part %d" % (path, number), md5=(fits, mode.name == "aes256"))
                at += size
            whole, parts, etag = upload.complete()
            value = ("x-amz-checksum-crc32", checksum("crc32", whole)) if upload.full_crc else None
            check_whole(s3, "upload", path, mode, whole, etag, path, value)
            check_ranges(s3, "upload: range", path, mode, whole, etag, ranges_of(len(whole), part_edges(parts)))
            check_parts(s3, path, mode, whole, parts, etag)
            made[mode.name, shape] = path, whole, parts
    return made


def part_copies(s3, modes, made, uploaded):
    """UploadPartCopy from every mode to every mode: ranges around the edges of the source become parts."""
    spans = [(0, 1), (SEGMENT - 1, SEGMENT + 1), (SEGMENT, SEGMENT + 1), (SEGMENT - 1, SEGMENT), (0, SEGMENT), (1, SEGMENT + 1),
             (BLOB - 1, BLOB + 1), (BLOB - 1, BLOB), (BLOB, BLOB + 1), (0, BLOB), (1, BLOB + SEGMENT), (BLOB, 2 * BLOB),
             (BLOB + SEGMENT - 1, 2 * BLOB + 1), (3 * BLOB, SIZES[-1]), (3 * BLOB - 1, 3 * BLOB + 1), (SIZES[-1] - 1, SIZES[-1]),
             (0, SIZES[-1])]
    for source in modes.values():
        path, plain, _, _ = made[source.name, SIZES[-1]]
        for target in modes.values():
            for first, end in spans:
                to = "/matrix/part-%s-%s-%d-%d" % (source.name, target.name, first, end)
                upload = Upload(s3, to, target)
                upload.copy(1, source, path, plain, first, end)
                whole, _, etag = upload.complete()
                check_whole(s3, "part copy", to, target, whole, etag, to)
            to = "/matrix/parts-%s-%s" % (source.name, target.name)
            from_path, from_plain, from_parts = uploaded[source.name, "odd"]
            upload = Upload(s3, to, target)
            edge = len(from_parts[0])
            upload.copy(1, source, from_path, from_plain, SEGMENT - 1, SEGMENT + PART)
            upload.copy(2, source, from_path, from_plain, edge - PART + 77, edge + SEGMENT + 77)
            upload.copy(3, source, path, plain, BLOB - 1, 2 * BLOB + 1)
            whole, parts, etag = upload.complete()
            check_whole(s3, "part copy", to, target, whole, etag, to)
            check_ranges(s3, "part copy: range", to, target, whole, etag, ranges_of(len(whole), part_edges(parts))[::3])
            check_parts(s3, to, target, whole, parts, etag)


def refused_part_copies(s3, modes, made):
    """A range that is not wholly inside its source is refused, whatever the modes."""
    for source in modes.values():
        path, _, _, _ = made[source.name, BLOB + 1]
        upload = Upload(s3, "/matrix/refused-" + source.name, modes["default"])
        for span in ("bytes=0-%d" % (BLOB + 1), "bytes=%d-%d" % (BLOB + 1, BLOB + 2), "bytes=5-4", "bytes=0-", "bytes=-5", "bytes=0-0,2-3"):
            headers = dict(source.source, **{"x-amz-copy-source": path, "x-amz-copy-source-range": span})
            status, _, _ = s3("PUT", upload.path, headers=headers, query=upload.query(1))
            count.case("part copy: refused", "%s %s" % (source.name, span), refused=(status in (400, 416), True))


def listing(s3, modes, made):
    """The listing tells the sizes and ETags that PUT told."""
    told, token = {}, None
    while token != "":
        more = {"continuation-token": token} if token else {}
        body = s3.must("GET", "/matrix", query=dict({"list-type": "2", "prefix": "put-"}, **more))[2]
        for entry in re.findall(b"<Contents>(.*?)</Contents>", body, re.S):
            told["/matrix/" + element(entry, "Key")] = element(entry, "ETag"), int(element(entry, "Size"))
        token = element(body, "NextContinuationToken") or ""
    for path, plain, etag, _ in made.values():
        count.case("listing", path, entry=(told.get(path), (etag, len(plain))))


def main():
    started = time.monotonic()
    with Stack(store="blob_size = 128K\n") as stack:
        s3 = S3(stack)
        s3.must("PUT", "/matrix", b"<CreateBucketConfiguration><LocationConstraint>%s</LocationConstraint></CreateBucketConfiguration>"
                % stack.region.encode())
        arn = stack.admin("key.create", tenant="main", alias="matrix")["arn"]
        modes = {name: Mode(name, arn) for name in MODES}
        data = random.Random(SEED).randbytes(3 * PART + 4 * BLOB)
        made = puts(s3, modes, data)
        listing(s3, modes, made)
        copies(s3, modes, made)
        uploaded = uploads(s3, modes, data)
        part_copies(s3, modes, made, uploaded)
        refused_part_copies(s3, modes, made)
        print("# %d requests in %d s" % (s3.requests, time.monotonic() - started))
    count.close()
    return checks.done()


sys.exit(main())
