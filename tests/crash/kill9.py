#!/usr/bin/python3
"""kill -9 of either daemon at random instants under mixed load: nothing acknowledged is lost, nothing half-written is
seen, the log verifies after each restart.

    KILL_ROUNDS=200 tests/crash/kill9.py      (40 in `make check`)
"""
# timeout: 1200

import hashlib
import http.client
import os
import random
import sys
import tempfile
import threading
import time

from stack import Checks, Stack, wait_for

ROUNDS = int(os.environ.get("KILL_ROUNDS", "40"))
THREADS, KEYS_EACH = 4, 12
CHANGES_MAX = 40  # of all writers, before the kill of a round
SIZES = [0, 1, 700, 20000, 65536, 65537, 200000, 400000]
checks = Checks()


def digest(data):
    return hashlib.sha256(data).hexdigest()


class Writer(threading.Thread):
    """Owns its keys. For each it knows the states that a reader may see: one after an acknowledged change, two after
    a change whose answer never came."""

    def __init__(self, stack, number, seed):
        super().__init__(daemon=True)
        self.stack, self.number, self.random = stack, number, random.Random(seed)
        self.states = {"t%d/k%d" % (number, i): {None} for i in range(KEYS_EACH)}
        self.running = threading.Event()
        self.idle = threading.Event()
        self.idle.set()
        self.acknowledged = self.unknown = 0
        self.wrong = []
        self.ending = False

    def run(self):
        while not self.ending:
            if not self.running.wait(0.5):
                continue
            self.idle.clear()
            if self.running.is_set():
                self.step()
            self.idle.set()

    def ask(self, method, key, body=b"", headers=None):
        try:
            return self.stack.request(method, "/crash/" + key, body, headers)
        except (OSError, http.client.HTTPException):
            return 0, {}, b""

    def step(self):
        key = self.random.choice(sorted(self.states))
        what = self.random.random()
        if what < 0.55:
            data = self.random.randbytes(self.random.choice(SIZES))
            self.change(key, digest(data), self.ask("PUT", key, data)[0] == 200)
        elif what < 0.7:
            self.change(key, None, self.ask("DELETE", key)[0] == 204)
        elif what < 0.8:
            self.copy(key)
        else:
            self.read(key)

    def copy(self, key):
        source = self.random.choice(sorted(self.states))
        known = self.states[source]
        if source == key or len(known) != 1 or None in known:
            return
        status = self.ask("PUT", key, headers={"x-amz-copy-source": "/crash/" + source})[0]
        self.change(key, next(iter(known)), status == 200)

    def change(self, key, state, done):
        self.states[key] = {state} if done else self.states[key] | {state}
        self.acknowledged += done
        self.unknown += not done

    def read(self, key):
        status, _, data = self.ask("GET", key)
        if status in (200, 404):
            self.judge(key, digest(data) if status == 200 else None)

    def judge(self, key, seen):
        if seen not in self.states[key]:
            self.wrong.append((key, seen, self.states[key]))
        else:
            self.states[key] = {seen}

    def settle(self):
        """After a restart every key is read; what is seen now is what must stay."""
        for key in sorted(self.states):
            status, _, data = self.ask("GET", key)
            if status not in (200, 404):
                self.wrong.append((key, "status %d %s" % (status, data[:200]), self.states[key]))
            else:
                self.judge(key, digest(data) if status == 200 else None)


def pause(writers):
    for w in writers:
        w.running.clear()
    for w in writers:
        w.idle.wait(60)


def acknowledged(writers):
    return sum(w.acknowledged for w in writers)


def one_round(stack, writers, changes, dice):
    """Kill at a random instant after so many changes, however long the machine takes for them."""
    victim = dice.choice(["kms", "gateway", "gateway", "both"])
    enough = acknowledged(writers) + changes
    for w in writers:
        w.running.set()
    wait_for("changes that are acknowledged", lambda: acknowledged(writers) >= enough)
    time.sleep(dice.uniform(0.0, 0.05))  # the random instant is the test, not a wait
    if victim in ("kms", "both"):
        stack.kms.kill()
    if victim in ("gateway", "both"):
        stack.gateway.kill()
    pause(writers)
    if victim in ("kms", "both"):
        stack.restart_kms()
    if victim in ("gateway", "both"):
        stack.restart_gateway()
    stack.wait_ready()
    for w in writers:
        w.settle()
    stack.published()
    status, report = stack.audit()
    if status:
        print("# killed: %s: %s" % (victim, report))
    return status == 0


def listing(stack):
    listed, token = set(), ""
    for page in stack.client().get_paginator("list_objects_v2").paginate(Bucket="crash"):
        listed |= {(e["Key"], e["Size"]) for e in page.get("Contents", [])}
    return listed


def main():
    seed = int(os.environ.get("KILL_SEED", str(random.randrange(1 << 30))))
    print("# KILL_SEED=%d" % seed)
    dice = random.Random(seed)
    with Stack(gateway="access_log = no", store="blob_size = 128K\norphan_age_seconds = 1\ncollect_seconds = 1") as stack:
        assert stack.request("PUT", "/crash")[0] == 200
        writers = [Writer(stack, i, seed + i) for i in range(THREADS)]
        for w in writers:
            w.start()
        changes = [CHANGES_MAX * (n + 1) // ROUNDS for n in range(ROUNDS)]
        verified = sum(one_round(stack, writers, n, dice) for n in dice.sample(changes, ROUNDS))
        wrong = [x for w in writers for x in w.wrong]
        for x in wrong[:10]:
            print("#", x)
        done, lost = acknowledged(writers), sum(w.unknown for w in writers)
        checks.ok(done > 10 * ROUNDS, "%d changes acknowledged, %d cut off, in %d rounds" % (done, lost, ROUNDS))
        checks.ok(lost > 0, "kills did hit changes under way")
        checks.equal(wrong, [], "nothing acknowledged is lost, nothing half-written is seen")
        checks.equal(verified, ROUNDS, "the log verified after each restart")
        expected = {k for w in writers for k, s in w.states.items() if s != {None}}
        checks.equal({k for k, _ in listing(stack)}, expected, "the listing agrees with the objects")
        for w in writers:
            w.ending = True
    return checks.done()


if __name__ == "__main__":
    if "TEST_DIR" not in os.environ:
        os.environ["TEST_DIR"] = tempfile.mkdtemp(prefix="rempart-kill9-")
        os.environ.setdefault("TEST_PORT", "14000")
    sys.exit(main())
