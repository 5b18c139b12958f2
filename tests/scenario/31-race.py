#!/usr/bin/python3
"""Conditional requests in a race: many writers, one key, each on a connection of its own, all at the same time.

Whoever builds a table format or a lock on S3 stands on this: of many conditional writes of one state exactly one wins,
the others are told so, and what is stored is the winner's. A writer is a generator that yields requests and gets answers;
one loop drives all of them, so that nothing but the gateway decides who is first.
"""
# timeout: 900

import datetime
import hashlib
import hmac
import random
import re
import selectors
import socket
import sys
import time
import urllib.parse
from collections import Counter

from stack import Checks, Stack

checks = Checks()
WRITERS = 64
READERS = 4
ROUNDS = 1000
VERSIONED_ROUNDS = 60
COPY_ROUNDS = 40
COMPLETE_ROUNDS = 30
DELETE_ROUNDS = 60
INCREMENTS = 4  # of each writer
IDLE_S = 20  # the gateway closes connections that nobody has used for a minute
BUCKET, VERSIONED = "race", "race-versioned"
LOST = (409, 412)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Wire:
    """One kept connection with requests of its own making: as little client as possible."""

    def __init__(self, stack):
        self.address = "127.0.0.1", stack.s3_port
        self.host = "%s:%d" % self.address
        self.region, self.access = stack.region, stack.access["main"]
        self.socket, self.used = None, -IDLE_S
        self.received = b""
        self.day, self.key = None, None

    def ready(self):
        """The socket; a new one where the gateway may soon close the old one, for nobody used it."""
        if time.monotonic() - self.used >= IDLE_S:
            if self.socket:
                self.socket.close()
            self.socket = socket.create_connection(self.address)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.socket

    def _signing_key(self, day):
        if day != self.day:
            key = ("AWS4" + self.access["secret_key"]).encode()
            for word in (day, self.region, "s3", "aws4_request"):
                key = hmac.digest(key, word.encode(), "sha256")
            self.day, self.key = day, key
        return self.key

    def send(self, method, path, body=b"", query="", **headers):
        """Headers by name with _ for -; those of x-amz are signed, as SigV4 demands."""
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        signed = dict({n: v for n, v in given.items() if n.startswith("x-amz-")}, host=self.host)
        signed.update({"x-amz-content-sha256": sha256(body), "x-amz-date": now})
        names = ";".join(sorted(signed))
        canonical = "\n".join([method, urllib.parse.quote(path), query,
                               "".join("%s:%s\n" % (n, signed[n]) for n in sorted(signed)), names, sha256(body)])
        scope = "%s/%s/s3/aws4_request" % (now[:8], self.region)
        to_sign = "AWS4-HMAC-SHA256\n%s\n%s\n%s" % (now, scope, sha256(canonical.encode()))
        signature = hmac.digest(self._signing_key(now[:8]), to_sign.encode(), "sha256").hex()
        sent = dict(given, **signed)
        sent["authorization"] = "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s" % (
            self.access["access_key"], scope, names, signature)
        sent["content-length"] = str(len(body))
        head = "%s %s%s HTTP/1.1\r\n%s\r\n" % (method, urllib.parse.quote(path), "?" + query if query else "",
                                            "".join("%s: %s\r\n" % h for h in sent.items()))
        self.used = time.monotonic()
        self.socket.sendall(head.encode() + body)

    def take(self):
        """The answer when it is complete, else None: status, headers, body. Call when there is something to read."""
        more = self.socket.recv(1 << 16)
        if not more:
            raise AssertionError("the gateway closed a connection; received %r" % self.received[:300])
        self.received += more
        head, end, rest = self.received.partition(b"\r\n\r\n")
        if not end:
            return None
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split()[1])
        headers = {n.lower(): v.strip() for n, v in (line.split(":", 1) for line in lines[1:])}
        length = int(headers.get("content-length", 0))
        if "transfer-encoding" in headers:
            raise AssertionError("a chunked answer was not expected here")
        if len(rest) < length:
            return None
        self.received = rest[length:]
        return status, headers, rest[:length]


class Field:
    """The connections, and the loop that runs one generator on each of them."""

    def __init__(self, stack, n):
        self.wires = [Wire(stack) for _ in range(n)]
        self.selector = selectors.EpollSelector()

    def _advance(self, running, results, n, answer):
        try:
            method, path, more = running[n].send(answer)
            self.wires[n].send(method, path, **more)
        except StopIteration as e:
            results[n] = e.value
            self.selector.unregister(self.wires[n].socket)
            del running[n]

    def run(self, generators):
        """What each returned. First requests go out in random order, all before the first answer is read."""
        running, results = dict(enumerate(generators)), [None] * len(generators)
        for n in running:
            self.selector.register(self.wires[n].ready(), selectors.EVENT_READ, n)
        for n in random.sample(sorted(running), len(running)):
            self._advance(running, results, n, None)
        while running:
            for ready, _ in self.selector.select():
                answer = self.wires[ready.data].take()
                if answer is not None:
                    self._advance(running, results, ready.data, answer)
        return results

    def one(self, method, path, **more):
        return self.run([request(method, path, **more)])[0]


def request(method, path, **more):
    return (yield method, path, more)


def reader(path):
    """Read until there is something."""
    while True:
        status, _, body = yield "GET", path, {}
        if status != 404:
            return status, body


def bodies_of(round_number):
    """One for each writer, of different lengths, some larger than one segment of 64 KiB in rare rounds."""
    most = 70000 if round_number % 100 == 0 else 300
    return [b"%d %d " % (round_number, n) + random.randbytes(random.randrange(most)) for n in range(WRITERS)]


class Tally:
    """What went wrong, with the first example of each kind."""

    def __init__(self):
        self.wrong, self.statuses = {}, Counter()

    def expect(self, good, what, detail):
        if not good:
            self.wrong.setdefault(what, detail)

    def judge(self, results, won=200):
        """Exactly one winner; its number."""
        statuses = [status for status, _, _ in results]
        self.statuses.update(statuses)
        winners = [n for n, status in enumerate(statuses) if status == won]
        self.expect(len(winners) == 1, "exactly one wins", Counter(statuses))
        self.expect(all(s in LOST or s == won for s in statuses), "losers are told 412 or 409", Counter(statuses))
        return winners[0] if winners else None

    def report(self, what):
        print("# %s: %s" % (what, dict(self.statuses)))
        for wrong, detail in self.wrong.items():
            print("# %s: %s: %.300r" % (what, wrong, detail))
        return checks.ok(not self.wrong, what)


def create(field):
    """The object appears once: for the writers, and for readers that look all the time."""
    tally, wrong_reads = Tally(), Tally()
    for n in range(ROUNDS):
        path, bodies = "/%s/once/%d" % (BUCKET, n), bodies_of(n)
        results = field.run([request("PUT", path, body=b, if_none_match="*") for b in bodies] +
                            [reader(path) for _ in range(READERS)])
        winner = tally.judge(results[:WRITERS])
        if winner is None:
            break
        for status, body in results[WRITERS:]:
            wrong_reads.expect(status == 200 and body == bodies[winner], "a reader sees the winner's", (status, body[:40]))
        status, headers, body = field.one("GET", path)
        tally.expect(status == 200 and body == bodies[winner], "stored is the winner's", (status, winner, body[:40]))
        tally.expect(headers.get("etag") == results[winner][1].get("etag"), "the winner's ETag is the object's", headers)
    tally.report("If-None-Match: %d writers, %d rounds: one winner in each, and its bytes" % (WRITERS, ROUNDS))
    wrong_reads.report("If-None-Match: a reader meanwhile sees nothing or the winner's bytes")


def create_versions(field):
    tally = Tally()
    field.one("PUT", "/" + VERSIONED, query="versioning=",
              body=b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
    for n in range(VERSIONED_ROUNDS):
        path, bodies = "/%s/%d" % (VERSIONED, n), bodies_of(1)
        winner = tally.judge(field.run([request("PUT", path, body=b, if_none_match="*") for b in bodies]))
        _, _, body = field.one("GET", path)
        tally.expect(body == bodies[winner or 0], "stored is the winner's", body[:40])
    listed = field.one("GET", "/" + VERSIONED, query="versions=")[2]
    tally.expect(listed.count(b"<Version>") == VERSIONED_ROUNDS, "one version of each key", listed.count(b"<Version>"))
    tally.report("If-None-Match in a bucket with versions: one version of each key")


def copies(field):
    """Many sources, one destination."""
    tally, bodies = Tally(), bodies_of(1)
    for n, body in enumerate(bodies):
        field.one("PUT", "/%s/source/%d" % (BUCKET, n), body=body)
    for n in range(COPY_ROUNDS):
        path = "/%s/copied/%d" % (BUCKET, n)
        winner = tally.judge(field.run([
            request("PUT", path, if_none_match="*", x_amz_copy_source="/%s/source/%d" % (BUCKET, source))
            for source in range(WRITERS)]))
        _, _, body = field.one("GET", path)
        tally.expect(body == bodies[winner or 0], "stored is the winner's", body[:40])
    tally.report("If-None-Match: %d copies onto one key, %d rounds" % (WRITERS, COPY_ROUNDS))


def increment(path, refused):
    """Read, add one, write if nobody did meanwhile; INCREMENTS times."""
    for _ in range(INCREMENTS):
        while True:
            status, headers, body = yield "GET", path, {}
            if status != 200:
                return "GET: %d" % status
            status, _, answer = yield "PUT", path, {"body": b"%d" % (int(body) + 1), "if_match": headers["etag"]}
            if status == 200:
                break
            if status not in LOST:
                return "PUT: %d %r" % (status, answer[:200])
            refused.append(status)
    return None


def counter(field):
    for bucket in (BUCKET, VERSIONED):
        path, refused = "/%s/counter" % bucket, []
        field.one("PUT", path, body=b"0")
        faults = [r for r in field.run([increment(path, refused) for _ in range(WRITERS)]) if r]
        print("# %s: %d writes refused on the way" % (bucket, len(refused)))
        checks.equal(faults, [], "If-Match: no fault in %s" % bucket)
        checks.equal(int(field.one("GET", path)[2]), WRITERS * INCREMENTS,
                     "If-Match: %d writers, a counter loses no increment (%s)" % (WRITERS, bucket))
        checks.ok(refused, "If-Match: they did get in each other's way (%s)" % bucket)
    listed = field.one("GET", "/" + VERSIONED, query="prefix=counter&versions=")[2]
    checks.equal(listed.count(b"<Version>"), WRITERS * INCREMENTS + 1, "If-Match: a version for each increment, no more")


def element(name, xml):
    found = re.search(b"<%s>(.*?)</%s>" % (name, name), xml)
    return found.group(1).decode() if found else None


def begin_upload(path, body):
    """One upload with one part: its id and the body that completes it."""
    _, _, answer = yield "POST", path, {"query": "uploads="}
    upload = element(b"UploadId", answer)
    status, headers, answer = yield "PUT", path, {"query": "partNumber=1&uploadId=" + upload, "body": body}
    if status != 200:
        raise AssertionError("UploadPart: %d %r" % (status, answer[:300]))
    return upload, ("<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>%s</ETag></Part>"
                    "</CompleteMultipartUpload>" % headers["etag"].replace('"', "&quot;")).encode()


def complete(field):
    tally = Tally()
    for n in range(COMPLETE_ROUNDS):
        path, bodies = "/%s/completed/%d" % (BUCKET, n), bodies_of(1)
        uploads = field.run([begin_upload(path, body) for body in bodies])
        winner = tally.judge(field.run([request("POST", path, query="uploadId=" + upload, body=document, if_none_match="*")
                                        for upload, document in uploads]))
        _, _, body = field.one("GET", path)
        tally.expect(body == bodies[winner or 0], "stored is the winner's", body[:40])
        ended = field.run([request("DELETE", path, query="uploadId=" + upload) for upload, _ in uploads])
        gone = [i for i, (status, _, _) in enumerate(ended) if status == 404]
        tally.expect(gone in ([], [winner]) and all(s in (204, 404) for s, _, _ in ended),
                     "the uploads of the losers are still there, to be aborted", Counter(s for s, _, _ in ended))
        tally.expect(field.one("GET", path)[2] == body, "an abort afterwards takes nothing from the winner", n)
    tally.report("CompleteMultipartUpload with If-None-Match: %d uploads, %d rounds" % (WRITERS, COMPLETE_ROUNDS))


def delete(field):
    """One deletion succeeds; and what was written in the meantime is not deleted."""
    once, spared = Tally(), Tally()
    for n in range(DELETE_ROUNDS):
        path = "/%s/deleted/%d" % (BUCKET, n)
        etag = field.one("PUT", path, body=b"old")[1]["etag"]
        results = field.run([request("DELETE", path, if_match=etag) for _ in range(WRITERS)])
        counts = Counter(status for status, _, _ in results)
        once.statuses.update(counts)
        once.expect(counts[204] == 1 and counts[204] + counts[404] + counts[412] + counts[409] == WRITERS, "one", counts)
        once.expect(field.one("GET", path)[0] == 404, "the object is gone", n)
        etag = field.one("PUT", path, body=b"old")[1]["etag"]
        results = field.run([request("PUT", path, body=b"new")] +
                            [request("DELETE", path, if_match=etag) for _ in range(WRITERS - 1)])
        spared.statuses.update(status for status, _, _ in results)
        spared.expect(results[0][0] == 200 and field.one("GET", path)[2] == b"new", "what was written last stands", n)
    once.report("DELETE with If-Match: %d of them, %d rounds, one succeeds" % (WRITERS, DELETE_ROUNDS))
    spared.report("DELETE with If-Match: never takes an object that was written since")


def main():
    with Stack() as stack:
        field = Field(stack, WRITERS + READERS)
        for bucket in (BUCKET, VERSIONED):
            field.one("PUT", "/" + bucket)
        for part in (create, create_versions, copies, counter, complete, delete):
            begin = time.monotonic()
            part(field)
            print("# %s: %.1f s" % (part.__name__, time.monotonic() - begin))
            sys.stdout.flush()
        stack.published()
        checks.ok(stack.audit()[0] == 0, "the log verifies")
    return checks.done()


if __name__ == "__main__":
    sys.exit(main())
