"""Section 5 of the bench: what a page of a listing costs in a bucket of a thousand and of a million objects, through S3.

Time is one thing; the other is how many pages of the database a request looked at. The index is mapped into the gateway, so the
kernel knows: it marks what is touched. The marks are cleared, one request is made, the marks are counted.
"""

import os
import re
import urllib.parse
import urllib.request

from measure import Result, Target, program, wrk

SMALL = 1000
LARGE, LARGE_QUICK = 1000000, 20000
FOLDER = 1000
PAGE = 1000
INDEX_MAX = 4 << 30
PLACES = 16  # where pages begin
ROUNDS, TRIES = 3, 3
DATABASE_PAGE_KIB = 4
SMALL_BUCKET, FOLDERS_BUCKET, LARGE_BUCKET = "list-small", "list-folders", "list-large"

# How a page is asked for that begins behind a key.
SHAPES = {"V1": ("", "marker"), "V2": ("list-type=2&", "start-after"), "versions": ("versions=&", "key-marker")}


def key(i, folder):
    return "warehouse/part-%05d/object-%09d.parquet" % (i // folder, i)


class Listing:
    def __init__(self, bench, say):
        self.bench, self.stack, self.say = bench, bench.stack, say
        self.large = LARGE_QUICK if bench.args.quick else LARGE

    # The buckets

    def fill(self, bucket, objects, folder):
        a = self.stack.authority
        return program(self.bench.build, "fill", self.stack.index, INDEX_MAX, "https://127.0.0.1:%d" % self.stack.kms_port,
                       a + "/server-ca.pem", a + "/gateway.pem", a + "/gateway.key", self.stack.secret, bucket, objects, folder)

    def make(self):
        """One bucket has as many common prefixes as the large one, with one object behind each: the floor, as they all lie on
        neighbouring database pages. Behind a thousand keys each, a prefix needs a leaf of its own and the branch above it."""
        for bucket in (SMALL_BUCKET, FOLDERS_BUCKET, LARGE_BUCKET):
            self.bench.s3.create_bucket(Bucket=bucket)

        def fill():
            self.fill(FOLDERS_BUCKET, self.large // FOLDER, 1) if self.large // FOLDER >= PAGE else None
            return self.fill(SMALL_BUCKET, SMALL, FOLDER), self.fill(LARGE_BUCKET, self.large, FOLDER)
        return self.bench.restart_gateway(fill)

    # Requests

    def keys(self, shape, bucket, objects):
        """Pages of 1,000 keys from everywhere in the bucket; the whole of it when it has no more."""
        what, behind = SHAPES[shape]
        queries = set()
        for i in range(PLACES):
            first = (objects - PAGE) * i // PLACES
            query = what + "max-keys=%d" % PAGE
            if first > 0:
                query += "&%s=%s" % (behind, urllib.parse.quote(key(first - 1, FOLDER), safe=""))
            queries.add(query)
        return Target("rempart", self.stack.url(False), [self.bench.signed("GET", "/" + bucket, q) for q in sorted(queries)])

    def prefixes(self, shape, bucket):
        query = SHAPES[shape][0] + "max-keys=%d&delimiter=%%2F&prefix=warehouse%%2F" % PAGE
        return Target("rempart", self.stack.url(False), [self.bench.signed("GET", "/" + bucket, query)])

    def get(self, target, n=0):
        path, headers = target.keys[n]
        with urllib.request.urlopen(urllib.request.Request(target.url + path, headers=headers), timeout=60) as answer:
            return answer.read()

    # Measures

    def smaps(self):
        """(KiB of the database that were touched since clear_refs, KiB of memory that is no file)."""
        touched = anonymous = 0
        with open("/proc/%d/smaps" % self.bench.gateway.pid, encoding="utf-8") as f:
            ours = False
            for line in f:
                if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                    ours = line.rstrip().startswith(self.stack.index, line.find("/") if "/" in line else 0)
                elif line.startswith("Referenced:") and ours:
                    touched += int(line.split()[1])
                elif line.startswith("Anonymous:"):
                    anonymous += int(line.split()[1])
        return touched, anonymous

    def pages(self, target):
        """Database pages that one request looks at; the least of some tries, as threads in the background look, too."""
        least = None
        for n in range(TRIES):
            n = n * len(target.keys) // TRIES
            self.get(target, n)
            with open("/proc/%d/clear_refs" % self.bench.gateway.pid, "w", encoding="ascii") as f:
                f.write("1\n")
            self.get(target, n)
            got = self.smaps()[0] // DATABASE_PAGE_KIB
            least = got if least is None else min(least, got)
        return least

    def row(self, what, targets, count):
        for target in targets:
            got = self.get(target).count(count)
            if got != PAGE:
                raise RuntimeError("%s: a page has %d entries" % (what, got))
        results = [Result() for _ in targets]
        for _ in range(1 if self.bench.args.quick else ROUNDS):
            for result, target in zip(results, targets):
                result.add(wrk(target, "GET", 1, 1, 0, self.bench.script))
        ms = [1e3 / r.per_s() if r.per_s() else 0 for r in results]
        pages = [self.pages(t) for t in targets]
        row = {"what": what, "prefixes": count == b"<CommonPrefixes>", "ms": ms, "time_ratio": ms[1] / ms[0] if ms[0] else 0, "pages": pages, "errors": sum(r.errors for r in results)}
        self.say("%-26s %8.2f ms %8.2f ms   %5.2f   %6d %6d%s" % (what, *ms, row["time_ratio"], *pages, "  ERRORS" if row["errors"] else ""))
        return row

    def walk(self):
        """The large bucket to its end; memory of the gateway that is not the mapped index."""
        before = peak = self.smaps()[1]
        token, pages, listed = "", 0, 0
        while True:
            query = "list-type=2&max-keys=%d" % PAGE
            if token:
                query = "continuation-token=%s&%s" % (urllib.parse.quote(token, safe=""), query)
            target = Target("rempart", self.stack.url(False), [self.bench.signed("GET", "/" + LARGE_BUCKET, query)])
            body = self.get(target).decode()
            listed += body.count("<Contents>")
            pages += 1
            if pages % 20 == 0:
                peak = max(peak, self.smaps()[1])
            more = re.search("<NextContinuationToken>(.*?)</NextContinuationToken>", body)
            if not more:
                break
            token = more.group(1)
        if listed != self.large:
            raise RuntimeError("%d of %d objects were listed" % (listed, self.large))
        return {"pages": pages, "objects": listed, "anon_before_mib": before / 1024, "anon_peak_mib": peak / 1024}

    def run(self):
        small, large = self.make()
        self.say("\nListing, a page of %d entries, one connection, in a bucket of %d and of %d objects (filled with %.0f objects/s)"
                 % (PAGE, SMALL, self.large, large["objects_per_s"]))
        self.say("%-26s %11s %11s   %5s   %s" % ("", "small", "large", "ratio", "pages of the index looked at"))
        rows = []
        for shape in SHAPES:
            count = b"<Version>" if shape == "versions" else b"<Contents>"
            rows.append(self.row(shape, [self.keys(shape, SMALL_BUCKET, SMALL), self.keys(shape, LARGE_BUCKET, self.large)], count))
        if self.large // FOLDER >= PAGE:
            for shape in SHAPES:
                rows.append(self.row(shape + ", common prefixes", [self.prefixes(shape, FOLDERS_BUCKET),
                                                                   self.prefixes(shape, LARGE_BUCKET)], b"<CommonPrefixes>"))
        walk = self.walk()
        self.say("index alone %15.2f ms %8.2f ms   %5.2f" % (small["page_us"] / 1e3, large["page_us"] / 1e3,
                                                            large["page_us"] / small["page_us"]))
        self.say("All %d objects in %d pages: gateway memory beside the mapped index %.1f MiB before, %.1f MiB at most" % (
            walk["objects"], walk["pages"], walk["anon_before_mib"], walk["anon_peak_mib"]))
        self.bench.report["listing"] = {"rows": rows, "walk": walk, "objects": [SMALL, self.large], "fill_per_s": large["objects_per_s"],
                                        "index_page_us": [small["page_us"], large["page_us"]]}
