#!/usr/bin/env python3
# timeout: 600
"""Key logs made by the server's code, read by rempart-audit and by a verifier written from LOG-FORMAT.md alone."""

import hashlib
import hmac
import json
import os
import random
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import check as lines
import verify_log
from check import check

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("TEST_BUILD", os.path.join(TOP, "build"))
DIR = os.environ["TEST_DIR"]
AUDIT = os.path.join(BUILD, "rempart-audit")
MAKE_LOG = os.path.join(BUILD, "lib", "make_log")
FLIPS = int(os.environ.get("LOG_FLIPS", "150"))


def make_log(name, entries):
    subprocess.run([MAKE_LOG, os.path.join(DIR, name), str(entries)], stdout=subprocess.DEVNULL, check=True)


def audit(name, *more, log="log"):
    p = os.path.join(DIR, name)
    r = subprocess.run([AUDIT, "verify", "--log", os.path.join(p, log), "--key", os.path.join(p, "vkey"), "--json",
                        *more], stdout=subprocess.PIPE, check=False)
    return r.returncode, json.loads(r.stdout) if r.stdout else None


def python(name, log="log", since=None):
    p = os.path.join(DIR, name)
    with open(os.path.join(p, "vkey"), encoding="utf-8") as f:
        vkey = f.read()
    try:
        return verify_log.verify(os.path.join(p, log), vkey, since)
    except verify_log.Bad:
        return None


def both_agree(name, entries):
    os.mkdir(os.path.join(DIR, name))
    make_log(name, entries)
    older = os.path.join(DIR, name, "older")
    code, report = audit(name, "--since-checkpoint", older)
    with open(older, "rb") as f:
        other = python(name, since=f.read())
    check("%d accesses: both verifiers find the log good" % entries, code == 0 and other is not None, (code, other))
    check("%d accesses: both count the same" % entries,
          report["entries"] == other["entries"] and report["keys"] ==
          {k: other[k] for k in ("issued", "opened", "refused")}, (report, other))


def files_of(folder):
    found = []
    for where, _, names in os.walk(folder):
        found += [os.path.join(where, n) for n in names]
    return sorted(f for f in found if "/journal/" not in f and not f.endswith("/lock"))


def flip_anywhere(name):
    """One bit of a random byte of the published files: each verifier must refuse."""
    rng = random.Random(20261123)
    files = files_of(os.path.join(DIR, name, "log"))
    missed = {"rempart-audit": [], "verify_log.py": []}
    for n in range(FLIPS):
        path = rng.choice(files)
        with open(path, "r+b") as f:
            content = f.read()
            at, bit = rng.randrange(len(content)), 1 << rng.randrange(8)
            f.seek(at)
            f.write(bytes([content[at] ^ bit]))
            f.flush()
            if audit(name)[0] != 1:
                missed["rempart-audit"].append((path, at, bit))
            if n % 10 == 0 and python(name) is not None:
                missed["verify_log.py"].append((path, at, bit))
            f.seek(at)
            f.write(content[at:at + 1])
    for who, what in missed.items():
        check("%s refuses each of the changed bits" % who, not what, what)
    check("and accepts the log again", audit(name)[0] == 0)


def rolled_back(name):
    """An old copy of the log: good in itself, and refused by who kept a checkpoint."""
    p = os.path.join(DIR, name)
    shutil.copytree(os.path.join(p, "log"), os.path.join(p, "before"))
    make_log(name, 50)
    kept = os.path.join(p, "kept")
    shutil.copy(os.path.join(p, "log", "checkpoint"), kept)
    check("the log that went on has the same history", audit(name, "--since-checkpoint", kept)[0] == 0)
    check("the old copy is good in itself", audit(name, log="before")[0] == 0)
    code, report = audit(name, "--since-checkpoint", kept, log="before")
    check("the old copy is refused by who kept a later checkpoint",
          code == 1 and report["faults"][0]["fault"] == "since-larger", report)


def find(name):
    key = b"\x42" * 32
    path = os.path.join(DIR, "token-key")
    with open(path, "w", encoding="ascii") as f:
        f.write(key.hex() + "\n")
    r = subprocess.run([AUDIT, "find", "--log", os.path.join(DIR, name, "log"), "--token-key", path, "--bucket", "records",
                        "--key", "patient-3", "--object-id", (3).to_bytes(8, "big").hex(), "--json"],
                       stdout=subprocess.PIPE, check=True)
    entries = [json.loads(line) for line in r.stdout.splitlines()]
    token = hmac.new(key, b"records\0patient-3\0" + (3).to_bytes(8, "big"), hashlib.sha256).hexdigest()
    check("find gives the issue and the opening of an object, and nothing else",
          [e["keys"][0]["use"] for e in entries] == ["issued", "opened"] and
          all(e["keys"][0]["object_token"] == token for e in entries), entries)


def proven(name):
    """Proofs of entries, checked by rempart-audit and by the other verifier, with no log at hand."""
    p, key = os.path.join(DIR, name), os.path.join(DIR, name, "vkey")
    path = os.path.join(DIR, "one.tlog-proof")
    with open(key, encoding="utf-8") as f:
        vkey = f.read()
    ours = theirs = refused = 0
    numbers = [0, 1, 255, 256, 500, 1063]
    for number in numbers:
        r = subprocess.run([AUDIT, "prove", "--log", os.path.join(p, "log"), "--key", key, "--entry", str(number)],
                           stdout=subprocess.PIPE, check=True)
        with open(path, "wb") as f:
            f.write(r.stdout)
        theirs += verify_log.verify_proof(r.stdout, vkey)["seq"] == number
        c = subprocess.run([AUDIT, "check", "--proof", path, "--key", key, "--json"], stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, check=False)
        ours += c.returncode == 0 and json.loads(c.stdout)["seq"] == number
        with open(path, "wb") as f:
            f.write(r.stdout.replace(b"\nindex %d\n" % number, b"\nindex %d\n" % (number ^ 1)))
        c = subprocess.run([AUDIT, "check", "--proof", path, "--key", key], stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, check=False)
        refused += c.returncode == 1 and not c.stdout
    check("proofs of single entries: checked by both", ours == theirs == len(numbers), (ours, theirs))
    check("a proof with another index is refused", refused == len(numbers), refused)


def shown(name):
    r = subprocess.run([AUDIT, "show", "--log", os.path.join(DIR, name, "log"), "--json"], stdout=subprocess.PIPE, check=True)
    with open(os.path.join(DIR, name, "vkey"), encoding="utf-8") as f:
        size = verify_log.verify(os.path.join(DIR, name, "log"), f.read())["size"]
    check("show gives every entry, byte for byte",
          [verify_log.read_entry(line)["seq"] for line in r.stdout.split(b"\n")[:-1]] == list(range(size)))
    for language, words in (("en", "THE LOG IS GOOD"), ("fr", "LE JOURNAL EST INTÈGRE")):
        r = subprocess.run([AUDIT, "verify", "--log", os.path.join(DIR, name, "log"), "--key",
                            os.path.join(DIR, name, "vkey"), "--lang", language], stdout=subprocess.PIPE, check=False)
        check("the report in " + language, words in r.stdout.decode() and "\x1b" not in r.stdout.decode())


def wrong_use():
    for what, arguments in (("no option", ["verify"]), ("no such folder", ["show", "--log", "/nonexistent"]),
                            ("no such command", ["verfy"]), ("a key that is none",
                             ["verify", "--log", DIR, "--key", "/etc/hostname"])):
        r = subprocess.run([AUDIT, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        check("exit code 2 and a reason: " + what, r.returncode == 2 and r.stderr and not r.stdout, r)


def main():
    subprocess.run(["make", "-s", "BUILD=" + BUILD, MAKE_LOG, AUDIT], cwd=TOP, check=True)
    both_agree("small", 20)
    both_agree("medium", 1000)
    both_agree("large", 70000)
    flip_anywhere("medium")
    find("medium")
    shown("medium")
    proven("medium")
    rolled_back("small")
    wrong_use()


lines.scenario(main)
lines.end()
