#!/usr/bin/env python3
# timeout: 600
"""The writer of the key log killed at any moment, again and again, in one log: each time it opens, verifies, and is the same history.

    KILL_ROUNDS=200 tests/crash/keylog.py      (25 in `make check`)"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import check as lines
from check import check

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("TEST_BUILD", os.path.join(TOP, "build"))
DIR = os.environ["TEST_DIR"]
ROUNDS = int(os.environ.get("KILL_ROUNDS", "25"))
MAKE_LOG = os.path.join(BUILD, "lib", "make_log")
AUDIT = os.path.join(BUILD, "rempart-audit")


def verify(since):
    command = [AUDIT, "verify", "--log", os.path.join(DIR, "log"), "--key", os.path.join(DIR, "key"), "--json"]
    r = subprocess.run(command + (["--since-checkpoint", since] if since else []), stdout=subprocess.PIPE, check=False)
    return r.returncode, json.loads(r.stdout)


def kill_somewhere(rng, started):
    """Start a writer, kill it at a random moment, counted from its start entry or from its birth. True: it was still at work."""
    p = subprocess.Popen([MAKE_LOG, DIR, "200000"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if started:
        p.stdout.readline()
    try:
        p.wait(timeout=rng.uniform(0.0, 0.6)) # the moment of the kill, not a wait for something to be right
    except subprocess.TimeoutExpired:
        p.send_signal(signal.SIGKILL)
        p.wait()
    p.stdout.close()
    return p.returncode == -signal.SIGKILL


def main():
    subprocess.run(["make", "-s", "BUILD=" + BUILD, MAKE_LOG, AUDIT], cwd=TOP, check=True)
    subprocess.run([MAKE_LOG, DIR, "10"], stdout=subprocess.DEVNULL, check=True)
    shutil.copy(os.path.join(DIR, "vkey"), os.path.join(DIR, "key")) # the writer makes its own anew each time
    rng = random.Random(int(time.time()))
    killed, at_work, since, size, wrong = 0, 0, None, 0, []
    for n in range(ROUNDS):
        dead = kill_somewhere(rng, started=n % 2 == 0)
        killed += dead
        at_work += dead and n % 2 == 0
        code, report = verify(since)
        if code != 0 or report["size"] < size:
            wrong.append((n, report))
            break
        size, since = report["size"], os.path.join(DIR, "kept")
        shutil.copy(os.path.join(DIR, "log", "checkpoint"), since)
    check("after each of %d kills what is published verifies and goes on from what was published" % killed,
          killed > ROUNDS // 2 and not wrong, wrong or killed)
    last = subprocess.run([MAKE_LOG, DIR, "100"], stdout=subprocess.DEVNULL, check=False)
    code, report = verify(since)
    check("the log opens after the last kill, and all of it verifies", last.returncode == 0 and code == 0, report)
    stops = [n["count"] for n in report["notes"] if n["fault"] == "unclean-stop"]
    check("the log itself says each time that it was not stopped properly", stops and stops[0] >= at_work, (stops, at_work))


lines.scenario(main)
lines.end()
