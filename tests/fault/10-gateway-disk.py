#!/usr/bin/python3
"""Every call that the gateway makes on a file of its store or its index fails once, in every operation: the client gets the
success or an honest refusal, nothing acknowledged is lost, nothing is half there, nothing is left over."""

import errno
import os
import re
import sys
import time

from stack import Checks, Stack, wait_for

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from inject import FOREVER, LIE, REFUSE, SHORT, Injector  # noqa: E402
from world import World  # noqa: E402

checks = Checks()
HEADER_BYTES, ORPHAN_AGE_S = 48, 1
CALLS_LEAST = 25 # writes of all operations together
BYSTANDERS = 150 # more than the orphans of one round, which are some 60
CALLS_MAX = 60 # no operation here makes more on one folder: an enumeration that does not end is a failure
SMALL, LARGE = b"small" * 100, bytes(range(256)) * 1200 # one blob; three blobs of 128 KiB
FAULTS = [
    ("fails with EIO", dict(error=errno.EIO)),
    ("fails with ENOSPC", dict(error=errno.ENOSPC)),
    ("is done, and reported as failed", dict(error=errno.EIO, mode=LIE)),
]


class Operation:
    """One request under test: `before` prepares it without faults, `run` makes it, `after` cleans up without faults."""

    def __init__(self, world):
        self.world = world
        self.number = 0

    def before(self):
        self.number += 1

    def after(self):
        pass


class Put(Operation):
    name, key, data = "PUT", "put", SMALL

    def run(self):
        self.world.put(self.key, self.data + b"%d" % self.number)


class PutLarge(Put):
    name, key, data = "PUT of three blobs", "large", LARGE


class Delete(Operation):
    name = "DELETE"

    def before(self):
        self.world.put("gone", SMALL)

    def run(self):
        self.world.delete("gone")


class Copy(Operation):
    name = "copy"

    def run(self):
        self.world.copy("source", "copied")


class Get(Operation):
    name = "GET"

    def run(self):
        self.world.get("source")


class Part(Operation):
    name = "upload of a part"

    def before(self):
        self.upload = self.world.begin_upload("part")

    def run(self):
        self.world.put_part("part", self.upload, 1, LARGE)

    def after(self):
        self.world.abort("part", self.upload)


class Complete(Operation):
    """Whatever happens, sending it again afterwards completes it."""

    name = "completion of an upload"

    def before(self):
        super().before()
        self.data = LARGE + b"%d" % self.number
        self.upload = self.world.begin_upload("joined")
        self.etags = [self.world.put_part("joined", self.upload, 1, self.data)]

    def run(self):
        return self.world.complete("joined", self.upload, self.etags, self.data)

    def after(self):
        if not self.run():
            self.world.complain("an upload that cannot be completed any more")


class Tags(Operation):
    """Tags of an object: the old or the new ones, and the object stays."""

    name = "PUT of tags"

    def before(self):
        super().before()
        if self.number == 1:
            self.may_be = set(re.findall(rb"<Value>(\w+)<", self.world.ask("GET", "source", query="tagging=")[2])) or {None}

    def run(self):
        w, value = self.world, b"%d" % self.number
        document = b"<Tagging><TagSet><Tag><Key>n</Key><Value>%s</Value></Tag></TagSet></Tagging>" % value
        done = w.done(w.ask("PUT", "source", document, query="tagging="), "tags", 200)
        self.may_be = {value} if done else self.may_be | {value}

    def after(self):
        status, _, body = self.world.ask("GET", "source", query="tagging=")
        seen = re.search(rb"<Value>(\w+)<", body)
        if status != 200 or (seen and seen[1]) not in self.may_be:
            self.world.complain("tags that were never put", status, body[:300])


class Policy(Operation):
    name = "PUT of a bucket policy"

    def run(self):
        w = self.world
        document = ('{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject",'
                    '"Resource":"arn:aws:s3:::%s/none/*"}]}' % w.bucket).encode()
        w.done(w.ask("PUT", "", document, query="policy="), "policy", 200, 204)

    def after(self):
        self.run()


OPERATIONS = [Put, PutLarge, Delete, Copy, Get, Part, Tags, Policy, Complete]


def enumerate_calls(injector, folder, operation, fault):
    """Fail call 1, 2, 3, ... of the operation, until it makes no more; how many failed."""
    world = operation.world
    for n in range(1, CALLS_MAX):
        operation.before()
        with injector.fail(folder, first=n, **fault):
            operation.run()
        before = len(world.wrong)
        operation.after()
        world.get("source", must=True)
        if not world.put("next", b"%d" % n):
            world.complain("the next PUT is refused")
        if len(world.wrong) > before:
            world.complain("after", operation.name, n, injector.what)
        if not injector.hit:
            return n - 1
    world.complain("no end of calls", operation.name, folder)
    return CALLS_MAX


def one_by_one(world, injector, folder, words, fault):
    """Every operation, every call of it."""
    name, calls = os.path.basename(folder), 0
    before = len(world.wrong)
    for kind in OPERATIONS:
        calls += enumerate_calls(injector, folder, kind(world), fault)
    world.settle()
    checks.equal(world.wrong[before:before + 5], [], "%s: each of %d calls of %d operations %s" % (
        name, calls, len(OPERATIONS), words))
    checks.ok(calls >= CALLS_LEAST, "%s: calls were hit" % name)


def short_and_interrupted(world, injector, store):
    """What no disk fault is, is none for the client either."""
    before = world.refused
    for fault in (dict(mode=SHORT), dict(error=errno.EINTR)):
        for n in range(1, 5):
            with injector.fail(store, calls=("read", "write"), first=n, **fault):
                world.put("put", LARGE)
                world.get("put", must=True)
    checks.equal(world.refused, before, "store: short and interrupted reads and writes are made whole")


def no_descriptors(world, injector, store):
    with injector.fail(store, calls=("open",), last=FOREVER, error=errno.EMFILE):
        answers = [world.ask("PUT", "put", SMALL)[0], world.ask("GET", "source")[0]]
    checks.equal(answers, [503, 503], "store: no descriptor left is 503 SlowDown")
    checks.ok(world.put("put", SMALL) and world.get("source"), "store: with descriptors again all is well")


def blobs(stack):
    """Blobs of objects: the vault's own marks are smaller than a blob's header."""
    return [path for path, data in stack.read_blobs() if len(data) > HEADER_BYTES]


def nothing_left(world, injector, stack):
    """Blobs of what was deleted, and of requests that failed: the collector finds them, whatever it meets on the way."""
    with injector.fail(stack.store, calls=("unlink",), last=FOREVER):
        for key in sorted(world.states):
            world.delete(key)
        wait_for("the collector to meet the failure", lambda: injector.hit)
    checks.equal([k for k, s in world.states.items() if s != {None}], [], "a store that removes nothing: DELETE works")
    checks.equal(stack.gateway.stop(), 0, "the gateway stops in order")
    old = max(map(os.path.getmtime, stack.blobs())) + ORPHAN_AGE_S
    wait_for("the youngest blob to be of age", lambda: time.time() > old)
    with injector.fail(stack.store, calls=("list",), last=FOREVER):
        stack.restart_gateway()
        wait_for("the sweep to meet the failure", lambda: injector.hit)
    world.settle()
    wait_for("the collector", lambda: len(blobs(stack)) <= BYSTANDERS, 60)
    checks.equal(len(blobs(stack)), BYSTANDERS, "every blob of what is gone is removed, and no other, although the first sweep failed")


def bystanders(stack):
    """Objects that no fault meets. Were most blobs of a store orphans, the collector would doubt the index."""
    assert stack.request("PUT", "/others")[0] == 200
    for i in range(BYSTANDERS):
        assert stack.request("PUT", "/others/%d" % i, SMALL)[0] == 200


def main():
    with Stack(store="blob_size = 128K\ncollect_seconds = 1\norphan_age_seconds = %d" % ORPHAN_AGE_S,
               gateway="access_log = no") as stack:
        stack.gateway.stop()
        injector = Injector(stack.dir, "gateway", stack.gateway)
        stack.restart_gateway()
        bystanders(stack)
        world = World(stack, "faults")
        assert world.ask("PUT", "")[0] == 200
        for words, fault in FAULTS:
            for folder in (stack.store, stack.index):
                world.put("source", LARGE)
                one_by_one(world, injector, folder, words, fault)
                if fault is FAULTS[0][1] and folder == stack.store:
                    short_and_interrupted(world, injector, stack.store)
                    no_descriptors(world, injector, stack.store)
                before = len(world.wrong)
                nothing_left(world, injector, stack)
                checks.equal(world.wrong[before:before + 5], [], "after a restart all is as it was answered")
        checks.ok(world.refused and world.succeeded, "%d requests succeeded, %d were refused" % (world.succeeded, world.refused))
        stack.published()
        checks.equal(stack.audit()[0], 0, "the key log verifies")
    return checks.done()


if __name__ == "__main__":
    sys.exit(main())
