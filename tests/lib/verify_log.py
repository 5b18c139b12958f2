#!/usr/bin/env python3
"""A second verifier of key logs, written from common/logfmt/LOG-FORMAT.md alone.

    verify_log.py FOLDER VKEYFILE [--since FILE]

Prints one JSON object; exit code 0 when the log is good, 1 when it is not."""

import base64
import datetime
import hashlib
import json
import os
import re
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

WIDTH = 256
ENTRY_MAX = 16384


class Bad(Exception):
    pass


def need(condition, what):
    if not condition:
        raise Bad(what)


# --- 5: key, note, checkpoint

def b64(text):
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError as e:
        raise Bad("base64") from e
    need(base64.b64encode(raw).decode() == text, "base64 is not canonical")
    return raw


def read_key(vkey):
    name, key_id, rest = vkey.split("+", 2)
    typed = b64(rest)
    need(len(typed) == 33 and typed[0] == 1, "key type")
    want = hashlib.sha256(name.encode() + b"\n" + typed).digest()[:4]
    need(bytes.fromhex(key_id) == want, "key id")
    return name, want, Ed25519PublicKey.from_public_bytes(typed[1:])


def open_note(note, key):
    name, key_id, public = key
    try:
        text = note.decode()
    except UnicodeDecodeError as e:
        raise Bad("note: UTF-8") from e
    need(text.endswith("\n") and not any(ord(c) < 32 and c != "\n" for c in text), "note: characters")
    need("\n\n" in text, "note: no signature block")
    at = text.rindex("\n\n")
    body, lines = text[:at + 1], text[at + 2:].split("\n")[:-1]
    need(lines, "note: no signature")
    good = 0
    for line in lines:
        m = re.fullmatch(r"\u2014 ([^ +]+) ([A-Za-z0-9+/=]+)", line)
        need(m, "note: signature line")
        blob = b64(m[2])
        need(len(blob) > 4, "note: signature length")
        if m[1] == name and blob[:4] == key_id:
            try:
                public.verify(blob[4:], body.encode())
            except InvalidSignature as e:
                raise Bad("note: signature") from e
            good += 1
    need(good, "note: no signature of the key")
    return body


def read_checkpoint(note, key):
    lines = open_note(note, key).split("\n")
    need(len(lines) >= 4 and lines[0] == key[0], "checkpoint: origin")
    need(re.fullmatch(r"0|[1-9][0-9]*", lines[1]), "checkpoint: size")
    root = b64(lines[2])
    need(len(root) == 32, "checkpoint: root")
    return int(lines[1]), root


# --- 2: entries

STRING_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
BEFORE = ["v", "seq", "time", "boot", "event", "result", "request", "gateway", "tenant", "principal",
          "access_key", "source", "agent", "op", "bucket_token", "period", "basis", "detail", "keys"]
ALWAYS = ["v", "seq", "time", "boot", "event", "result"]
KEY_MEMBERS = ["use", "key", "version", "wrapped", "object_token"]
EVENTS = {"start", "stop", "init", "unseal", "seal", "access", "chunks", "index-key", "admin"}
HEX = {"boot": 32, "request": 32, "bucket_token": 64, "key": 32, "wrapped": 64, "object_token": 64}
MAY_BE_ZERO = {"boot", "key", "wrapped"}


def write_string(s):
    out = []
    for c in s:
        if c in STRING_ESCAPES:
            out.append(STRING_ESCAPES[c])
        elif ord(c) < 0x20 or ord(c) == 0x7f:
            need(ord(c) != 0, "entry: NUL")
            out.append("\\u%04x" % ord(c))
        else:
            out.append(c)
    return '"' + "".join(out) + '"'


def write_value(v):
    if isinstance(v, bool) or v is None or isinstance(v, float):
        raise Bad("entry: type")
    if isinstance(v, int):
        return str(v)
    if isinstance(v, str):
        return write_string(v)
    if isinstance(v, list):
        return "[" + ",".join(write_value(x) for x in v) + "]"
    return "{" + ",".join(write_string(k) + ":" + write_value(x) for k, x in v.items()) + "}"


def check_members(e, order, always):
    need(isinstance(e, dict), "entry: not an object")
    places = [order.index(k) if k in order else -1 for k in e]
    need(-1 not in places and places == sorted(places), "entry: members")
    need(all(k in e for k in always), "entry: a member is missing")
    for k, v in e.items():
        if k in HEX:
            need(isinstance(v, str) and re.fullmatch("[0-9a-f]{%d}" % HEX[k], v), "entry: " + k)
            need(k in MAY_BE_ZERO or v.strip("0"), "entry: zero " + k)
        elif isinstance(v, str):
            need(v != "", "entry: empty " + k)


def pairs(items):
    need(len({k for k, _ in items}) == len(items), "entry: a member twice")
    return dict(items)


def time_ns(text):
    m = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{9})Z", text)
    need(m, "entry: time")
    try:
        t = datetime.datetime.strptime(m[1], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=datetime.timezone.utc)
    except ValueError as e:
        raise Bad("entry: time") from e
    return int(t.timestamp()) * 10**9 + int(m[2])


def read_entry(line):
    need(1 <= len(line) <= ENTRY_MAX, "entry: length")
    try:
        e = json.loads(line.decode(), object_pairs_hook=pairs)
    except (UnicodeDecodeError, json.JSONDecodeError) as x:
        raise Bad("entry: JSON") from x
    check_members(e, BEFORE, ALWAYS)
    need(write_value(e).encode() == line, "entry: not canonical")
    need(e["v"] == 1 and isinstance(e["seq"], int) and e["seq"] >= 0 and e["event"] in EVENTS, "entry: values")
    for k, v in e.items():
        if k not in ("v", "seq", "keys"):
            need(isinstance(v, str), "entry: " + k)
    keys = e.get("keys", [])
    need(isinstance(keys, list) and len(keys) <= 8 and ("keys" not in e or keys), "entry: keys")
    for k in keys:
        check_members(k, KEY_MEMBERS, KEY_MEMBERS[:4])
        need(k["use"] in ("issued", "opened"), "entry: use")
        need(isinstance(k["version"], int) and 0 <= k["version"] < 2**32, "entry: version")
    e["time_ns"] = time_ns(e["time"])
    return e


# --- 4: tree

def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def mth(hashes):
    if not hashes:
        return hashlib.sha256(b"").digest()
    while len(hashes) > 1: # pairs from the left; an odd last one goes up as it is: the shape of RFC 6962
        hashes = [node(*hashes[i:i + 2]) if i + 1 < len(hashes) else hashes[i] for i in range(0, len(hashes), 2)]
    return hashes[0]


def path_of(level, number, width):
    groups = "%d" % (number % 1000)
    groups = groups.rjust(3, "0")
    number //= 1000
    while number:
        groups = "x%03d/" % (number % 1000) + groups
        number //= 1000
    return "tile/%s/%s%s" % (level, groups, "" if width == WIDTH else ".p/%d" % width)


class Log:
    def __init__(self, folder):
        self.folder = folder

    def read(self, path):
        try:
            with open(os.path.join(self.folder, path), "rb") as f:
                return f.read()
        except FileNotFoundError:
            return None

    def partials(self, level, number):
        try:
            names = os.listdir(os.path.join(self.folder, path_of(level, number, WIDTH) + ".p"))
        except FileNotFoundError:
            return []
        return [int(n) for n in names if re.fullmatch("[1-9][0-9]*", n) and int(n) < WIDTH]


def cut_bundle(raw, count):
    entries = []
    while raw:
        need(len(raw) >= 2, "bundle: cut")
        n = int.from_bytes(raw[:2], "big")
        need(len(raw) >= 2 + n, "bundle: cut")
        entries.append(raw[2:2 + n])
        raw = raw[2 + n:]
    need(len(entries) == count, "bundle: count")
    return entries


def check_level(log, level, hashes):
    """Every tile of a level against what the level should hold; gives the hashes of the next level."""
    for number in range((len(hashes) + WIDTH - 1) // WIDTH):
        want = hashes[number * WIDTH:(number + 1) * WIDTH]
        got = log.read(path_of(level, number, len(want)))
        if got is None and len(want) < WIDTH:
            got = log.read(path_of(level, number, WIDTH))
            need(got is not None and len(got) == 32 * WIDTH, "tile missing")
            got = got[:32 * len(want)]
        need(got == b"".join(want), "tile %s" % path_of(level, number, len(want)))
        for w in log.partials(level, number):
            part = log.read(path_of(level, number, w))
            both = 32 * min(w, len(want))
            need(len(part) == 32 * w and part[:both] == b"".join(want)[:both], "partial tile")
    return [mth(hashes[i:i + WIDTH]) for i in range(0, len(hashes) - WIDTH + 1, WIDTH)]


def read_entries(log, size):
    lines = []
    for number in range((size + WIDTH - 1) // WIDTH):
        width = min(WIDTH, size - number * WIDTH)
        raw = log.read(path_of("entries", number, width))
        if raw is None and width < WIDTH:
            raw, whole = log.read(path_of("entries", number, WIDTH)), WIDTH
        else:
            whole = width
        need(raw is not None, "bundle missing")
        entries = cut_bundle(raw, whole)[:width]
        for w in log.partials("entries", number):
            part = cut_bundle(log.read(path_of("entries", number, w)), w)
            need(part[:width] == entries[:w], "partial bundle")
        lines += entries
    return lines


def check_meaning(lines, now_ns):
    result = {"entries": len(lines), "issued": 0, "opened": 0, "refused": 0, "unclean_stops": 0}
    issued, before, last = set(), None, 0
    for i, line in enumerate(lines):
        e = read_entry(line)
        need(e["seq"] == i, "seq at %d" % i)
        need(last <= e["time_ns"] <= now_ns + 300 * 10**9, "clock at %d" % i)
        last = e["time_ns"]
        if before and before["boot"] != e["boot"] and before["event"] != "stop":
            result["unclean_stops"] += 1
        before = e
        result["refused"] += e["result"] != "ok"
        for k in e.get("keys", []):
            result[k["use"]] += 1
            name = (k["key"], k["wrapped"])
            if k["use"] == "opened":
                need(name in issued, "opened, never issued, at %d" % i)
            elif e["result"] == "ok":
                issued.add(name)
    return result


def verify(folder, vkey, since=None, now_ns=None):
    log, key = Log(folder), read_key(vkey.strip())
    note = log.read("checkpoint")
    need(note is not None, "no checkpoint")
    size, root = read_checkpoint(note, key)
    lines = read_entries(log, size)
    leaves = [hashlib.sha256(b"\x00" + line).digest() for line in lines]
    hashes, level = leaves, 0
    while hashes:
        hashes, level = check_level(log, level, hashes), level + 1
    need(mth(leaves) == root, "root")
    if since is not None:
        old_size, old_root = read_checkpoint(since, key)
        need(old_size <= size and mth(leaves[:old_size]) == old_root, "older checkpoint")
    now_ns = now_ns or int(datetime.datetime.now(datetime.timezone.utc).timestamp() * 10**9)
    return dict(check_meaning(lines, now_ns), size=size)


# --- c2sp.org/tlog-proof; `extra` holds the entry (LOG-FORMAT.md 7.1)

def root_of_path(index, size, leaf, path):
    """RFC 9162 2.1.3.2"""
    need(0 <= index < size, "proof: index")
    fn, sn, r = index, size - 1, leaf
    for p in path:
        need(sn > 0, "proof: too long")
        if fn & 1 or fn == sn:
            r = node(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node(r, p)
        fn, sn = fn >> 1, sn >> 1
    need(sn == 0, "proof: too short")
    return r


def verify_proof(proof, vkey):
    head, note = proof.split(b"\n\n", 1)
    lines = head.decode().split("\n")
    need(lines[0] == "c2sp.org/tlog-proof@v1" and lines[1].startswith("extra ") and lines[2].startswith("index "), "proof")
    entry, index = b64(lines[1][6:]), int(lines[2][6:])
    size, root = read_checkpoint(note, read_key(vkey.strip()))
    path = [b64(line) for line in lines[3:]]
    leaf = hashlib.sha256(b"\x00" + entry).digest()
    need(root_of_path(index, size, leaf, path) == root, "proof: root")
    e = read_entry(entry)
    need(e["seq"] == index, "proof: seq")
    return e


def main():
    since = None
    if "--since" in sys.argv:
        with open(sys.argv[sys.argv.index("--since") + 1], "rb") as f:
            since = f.read()
    with open(sys.argv[2], encoding="utf-8") as f:
        vkey = f.read()
    try:
        print(json.dumps(dict(verify(sys.argv[1], vkey, since), good=True)))
    except Bad as e:
        print(json.dumps({"good": False, "why": str(e)}))
        sys.exit(1)


if __name__ == "__main__":
    main()
