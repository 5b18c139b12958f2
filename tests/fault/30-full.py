#!/usr/bin/python3
"""Full: the index at its configured size, the volumes of index, store and key log. What adds is refused, honestly; what is there is
read; and removing works, so that there is room again, without a restart."""

import errno
import os
import sys
from concurrent.futures import ThreadPoolExecutor

from stack import Checks, Stack, wait_for

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from inject import BUDGET, FOREVER, Injector  # noqa: E402
from world import World  # noqa: E402

checks = Checks()
LARGE_ROW = {"x-amz-meta-notes": "n" * 1900}  # most that S3 lets a client say about an object
OBJECTS_MAX = 2000
REMOVERS = 8


def fill(world, prefix, data, headers=None):
    """Put objects until one is refused; their keys, and whether the refusal says why."""
    for n in range(OBJECTS_MAX):
        key = "%s%04d" % (prefix, n)
        answer = world.ask("PUT", key, data, headers)
        done = world.done(answer, "PUT " + key, 200)
        world.change(key, data, done)
        if not done:
            world.states[key] = {None}
            world.get(key, must=True)
            return ["%s%04d" % (prefix, i) for i in range(n)], answer[0] == 507 and b"<Code>InsufficientStorage<" in answer[2]
    world.complain("never full", prefix)
    return [], False


def remove_all(world, keys):
    """Many clients at once, each key once."""
    with ThreadPoolExecutor(REMOVERS) as pool:
        return set(pool.map(lambda k: world.ask("DELETE", k)[0], keys))


def index_full(world, stack, what):
    keys, honest = fill(world, "a" + "k" * 900, b"x", LARGE_ROW)
    small, also_honest = fill(world, "b", b"x")
    keys += small
    checks.ok(honest and also_honest, what + ": a PUT is 507 InsufficientStorage")
    checks.ok(len(keys) > 50 and world.get(keys[0], must=True), what + ": what is there is read")
    checks.equal(stack.gateway.stop(), 0, what + ": the gateway stops in order")
    stack.restart_gateway()
    checks.ok(world.get(keys[-1], must=True), what + ": and starts")
    checks.equal(remove_all(world, keys), {204}, what + ": each of %d DELETEs works" % len(keys))
    world.states.update((k, {None}) for k in keys)
    checks.ok(wait_for("room", lambda: world.put("c", b"x", LARGE_ROW)), what + ": then there is room again")
    world.settle()


def store_full(world, injector, stack):
    what = "volume of the store full"
    with injector.fail(stack.store, mode=BUDGET, room=4 << 20):
        keys, honest = fill(world, "s", b"s" * 300000)
        checks.ok(honest, what + ": a PUT is 507 InsufficientStorage")
        checks.ok(len(keys) >= 10 and world.get(keys[0], must=True), what + ": what is there is read")
        checks.equal(remove_all(world, keys), {204}, what + ": DELETE works")
        world.states.update((k, {None}) for k in keys)
        wait_for("room", lambda: world.ask("PUT", "again", b"l" * 300000)[0] == 200)
        checks.ok(True, what + ": the collector makes room")
    world.states["again"] = {b"l" * 300000}
    world.settle()


def log_full(world, injector, stack):
    what = "volume of the key log full"
    # not BUDGET: the log gives a reserve up first, and uses it
    with injector.fail(stack.log, calls=("write", "allocate"), last=FOREVER, error=errno.ENOSPC):
        answers = [world.ask(m, "again", b"x")[0] for m in ("GET", "PUT", "DELETE")]
        checks.equal(answers, [503] * 3, what + ": every request is 503")
        checks.equal(stack.ops(stack.kms_ops_port, "/readyz")[0], 503, what + ": the KMS is not ready")
    wait_for("the KMS", lambda: world.ask("GET", "again")[0] == 200)
    checks.ok(world.put("again", b"2"), what + ": with room it goes on by itself")
    world.settle()


def main():
    stack = Stack(store="blob_size = 128K\ncollect_seconds = 1", gateway="access_log = no")
    with open(stack.gateway_ini, "r+", encoding="utf-8") as f:
        text = f.read().replace("size_max = 4G", "size_max = 1M")
        f.seek(0)
        f.write(text)
        f.truncate()
    gateway, kms = (Injector(stack.dir, d.name, d) for d in (stack.gateway, stack.kms))
    with stack:
        world = World(stack, "full")
        assert world.ask("PUT", "")[0] == 200
        index_full(world, stack, "index at its size")
        with gateway.fail(stack.index, mode=BUDGET, room=0):
            index_full(world, stack, "volume of the index full")
        store_full(world, gateway, stack)
        log_full(world, kms, stack)
        checks.equal(world.wrong[:5], [], "nothing but what was answered is there")
        stack.published()
        checks.equal(stack.audit()[0], 0, "the key log verifies")
    return checks.done()


if __name__ == "__main__":
    sys.exit(main())
