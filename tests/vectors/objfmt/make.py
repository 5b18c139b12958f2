#!/usr/bin/env python3
"""Writes the vectors beside it with tests/lib/objfmt.py, and checks each with it. Deterministic."""
import hashlib
import json
import pathlib
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "lib"))
import objfmt  # noqa: E402
from objfmt import HEADER, SEGMENT, TAG, Refused  # noqa: E402

PLAIN = "byte i of the plaintext is (7 * i + 13 * (i >> 8)) mod 256"


def plain_of(n):
    return bytes((7 * i + 13 * (i >> 8)) & 255 for i in range(n))


def stream(label, n):
    return hashlib.shake_256(label.encode()).digest(n)


DEK, DEK2 = stream("dek", 32), stream("another dek", 32)
SEED, SEED2 = stream("seed", 32), stream("another seed", 32)
ID, ID1, ID2 = objfmt.blob_id(SEED, 0), objfmt.blob_id(SEED, 1), objfmt.blob_id(SEED2, 0)
INDEX_KEY, INDEX_KEY2 = stream("index key", 32), stream("another index key", 32)


def write(name, source, cases):
    text = json.dumps({"source": source, "cases": cases}, indent=1)
    (HERE / name).write_text(text + "\n")


# ---- what must open

def make_id():
    cases = [{"seed": s.hex(), "number": n, "id": objfmt.blob_id(s, n).hex()}
             for s in (SEED, SEED2, bytes(32)) for n in (0, 1, 255, 65536, 2**63 - 1)]
    write("id.json", "section 3", cases)


def make_customer():
    cases = []
    for label in ("one", "two"):
        kms_dek, key, oid = stream("kms " + label, 32), stream("customer " + label, 32), stream("oid " + label, 16)
        for dek, customer, object_id in ((kms_dek, key, oid), (key, kms_dek, oid), (kms_dek, key, bytes(16)),
                                         (bytes(32), key, oid), (kms_dek, bytes(32), oid)):
            mixed = objfmt.customer_dek(dek, customer, object_id)
            blob = objfmt.seal_blob(mixed, ID, plain_of(100))
            cases.append({"kms_dek": dek.hex(), "customer_key": customer.hex(), "object_id": object_id.hex(),
                          "dek": mixed.hex(), "check": objfmt.customer_check(customer, object_id).hex(),
                          "id": ID.hex(), "plain_size": 100, "blob": blob.hex()})
    assert len({c["dek"] for c in cases}) == len(cases)
    write("customer.json", "section 2.1; " + PLAIN, cases)


def make_blob():
    cases = []
    for n in (0, 1, 15, 16, 1000, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT, 2 * SEGMENT + 100):
        plain = plain_of(n)
        blob = objfmt.seal_blob(DEK, ID, plain)
        assert len(blob) == objfmt.sealed_size(n)
        assert objfmt.open_blob(DEK, ID, blob) == objfmt.open_blob(DEK, ID, blob, n) == plain
        case = {"dek": DEK.hex(), "id": ID.hex(), "plain_size": n, "size": len(blob),
                "sha256": hashlib.sha256(blob).hexdigest()}
        if n <= 1000:
            case["blob"] = blob.hex()
        cases.append(case)
    write("blob.json", "sections 4 to 6; " + PLAIN, cases)


def make_trailer():
    cases = []
    for n in (0, 1, 254, 255, 256, 257, 511, 512, 3000):
        record = stream(f"record {n}", n)
        trailer = objfmt.seal_trailer(INDEX_KEY, ID, record)
        assert objfmt.open_trailer(INDEX_KEY, ID, trailer) == record
        cases.append({"index_key": INDEX_KEY.hex(), "id": ID.hex(), "record": record.hex(),
                      "trailer": trailer.hex()})
    for record in (b"\x80", b"\x80\x00\x00", bytes(255), bytes(256), b"\x80" * 256):
        trailer = objfmt.seal_trailer(INDEX_KEY, ID, record)
        assert objfmt.open_trailer(INDEX_KEY, ID, trailer) == record
        cases.append({"index_key": INDEX_KEY.hex(), "id": ID.hex(), "record": record.hex(),
                      "trailer": trailer.hex()})
    write("trailer.json", "section 7", cases)


WRAP = {"kek": stream("kek", 32), "key_id": stream("key id", 16), "version": 7,
        "context": objfmt.object_context("clinic", "dossiers/é 42.parquet", stream("oid", 16)),
        "key": DEK}


def wrap_case(valid, **changes):
    """`wrapped` is made from WRAP; the changes are what the reader is given."""
    wrapped = objfmt.wrap(WRAP["kek"], WRAP["key_id"], WRAP["version"], stream("salt", 32),
                          WRAP["context"], WRAP["key"])
    given = {**WRAP, "wrapped": wrapped, **{k: v for k, v in changes.items() if k != "comment"}}
    try:
        opened = objfmt.unwrap(given["kek"], given["key_id"], given["version"], given["context"],
                               given["wrapped"])
        assert valid and opened == given["key"]
    except Refused:
        assert not valid
    case = {k: v.hex() if isinstance(v, bytes) else v for k, v in given.items()}
    return dict(case, valid=valid, **({"comment": changes["comment"]} if "comment" in changes else {}))


def make_wrap():
    cases = [wrap_case(True)]
    for n in (1, 16, 48, 64):
        key = stream(f"wrapped {n}", n)
        wrapped = objfmt.wrap(WRAP["kek"], WRAP["key_id"], 2**32 - 1, stream("salt", 32), b"", key)
        cases.append(wrap_case(True, version=2**32 - 1, context=b"", key=key, wrapped=wrapped))
    write("wrap.json", "section 8", cases)
    contexts = [
        {"bucket": b, "key": k, "object_id": o.hex(), "context": objfmt.object_context(b, k, o).hex()}
        for b, k, o in (("clinic", "dossiers/é 42.parquet", stream("oid", 16)), ("b", "", bytes(16)),
                        ("bucket", "k" * 1024, bytes(range(16))))]
    assert contexts[0]["context"] == WRAP["context"].hex()
    write("context.json", "section 8, object contexts", contexts)


# ---- what must be refused: one file for each class

def pieces_of(base, pieces):
    out = b""
    for p in pieces:
        out += bytes.fromhex(p["hex"]) if "hex" in p else base[p["from"]:p["to"]]
    return out


def blob_case(base_name, comment, pieces=None, at=None, dek=DEK, bid=ID, plain_size=None):
    """A blob put together from pieces of a stored one. plain_size None: a reader without record."""
    base = (HERE / base_name).read_bytes()
    blob = pieces_of(base, pieces) if pieces is not None else base
    where = None
    try:
        objfmt.open_blob(dek, bid, blob, plain_size)
    except Refused as r:
        where = r.where
    assert where == at, (comment, where, at)
    case = {"comment": comment, "valid": at is None, "dek": dek.hex(), "id": bid.hex(),
            "base": base_name, "pieces": pieces or [{"from": 0, "to": len(base)}]}
    if at is not None:
        case["refused_at"] = at
    if plain_size is not None:
        case["plain_size"] = plain_size
    return case


def cut(start, end):
    return {"from": start, "to": end}


def flip(base_name, at, bit=0):
    base = (HERE / base_name).read_bytes()
    return [cut(0, at), {"hex": f"{base[at] ^ (1 << bit):02x}"}, cut(at + 1, len(base))]


SMALL, SMALL_N = "small.blob", 100                 # one short segment
FULL, FULL_N = "full.blob", SEGMENT                # one full segment
LARGE, LARGE_N = "large.blob", 2 * SEGMENT + 100   # three segments
LARGE_SIZE = HEADER + LARGE_N + 3 * TAG
EDGE1, EDGE2 = objfmt.segment_offset(1), objfmt.segment_offset(2)


def make_bases():
    for name, n in ((SMALL, SMALL_N), (FULL, FULL_N), (LARGE, LARGE_N)):
        (HERE / name).write_bytes(objfmt.seal_blob(DEK, ID, plain_of(n)))


def both(*args, n, **kwargs):
    """The same case for a reader with the record and for one without."""
    return [blob_case(*args, **kwargs), blob_case(*args, plain_size=n, **kwargs)]


def make_refused_header():
    cases = both(SMALL, "as stored", n=SMALL_N)
    for at in range(HEADER):
        cases.append(blob_case(SMALL, f"header byte {at} changed", flip(SMALL, at, at % 8), "header",
                               plain_size=SMALL_N))
    key, commitment = objfmt.blob_keys(DEK, ID)
    for comment, fields in (("version 2", (2, 0, 1, SEGMENT, 0)), ("suite 2", (1, 0, 2, SEGMENT, 0)),
                            ("flag set", (1, 1, 1, SEGMENT, 0)),
                            ("segment size 32768", (1, 0, 1, 32768, 0)),
                            ("segment size 0", (1, 0, 1, 0, 0))):
        # Sealed by somebody who has the key, so that only the header rule can refuse it.
        header = b"RPBL" + struct.pack(">BBHII", *fields) + commitment
        sealed = objfmt.seal(key, objfmt.segment_iv(0, True), header, plain_of(SMALL_N))
        cases.append(blob_case(SMALL, comment, [{"hex": (header + sealed).hex()}], "header",
                               plain_size=SMALL_N))
    cases.append(blob_case(SMALL, "shorter than a header", [cut(0, 47)], "header"))
    cases.append(blob_case(SMALL, "empty file", [{"hex": ""}], "header"))
    write("refuse-header.json", "section 5; " + PLAIN, cases)


def make_refused_id():
    cases = both(SMALL, "as stored", n=SMALL_N)
    for comment, bid in (("next blob of the part", ID1), ("another attempt", ID2),
                         ("zeros", bytes(32)), ("last bit", ID[:31] + bytes([ID[31] ^ 1]))):
        cases += both(SMALL, comment, n=SMALL_N, at="header", bid=bid)
    write("refuse-id.json", "sections 3 and 5", cases)


def make_refused_dek():
    cases = both(SMALL, "as stored", n=SMALL_N)
    for comment, dek in (("another DEK", DEK2), ("one bit", bytes([DEK[0] ^ 1]) + DEK[1:]),
                         ("zeros", bytes(32))):
        cases += both(SMALL, comment, n=SMALL_N, at="header", dek=dek)
    # The header of this key over segments of another: what the commitment alone would let through.
    sealed = objfmt.seal(objfmt.blob_keys(DEK2, ID)[0], objfmt.segment_iv(0, True),
                         objfmt.make_header(DEK, ID), plain_of(SMALL_N))
    cases += both(SMALL, "segments under another DEK", n=SMALL_N, at="segment 0",
                  pieces=[cut(0, HEADER), {"hex": sealed.hex()}])
    write("refuse-dek.json", "section 5", cases)


def make_refused_bit():
    cases = both(LARGE, "as stored", n=LARGE_N)
    for comment, at, where in (
            ("first byte of segment 0", HEADER, 0), ("tag of segment 0", EDGE1 - 1, 0),
            ("middle of segment 1", EDGE1 + 30000, 1), ("first byte of segment 2", EDGE2, 2),
            ("last byte", LARGE_SIZE - 1, 2)):
        cases += both(LARGE, comment, n=LARGE_N, pieces=flip(LARGE, at, 3), at=f"segment {where}")
    write("refuse-bit.json", "section 6", cases)


def make_refused_order():
    cases = both(LARGE, "as stored", n=LARGE_N)
    swapped = [cut(0, HEADER), cut(EDGE1, EDGE2), cut(HEADER, EDGE1), cut(EDGE2, LARGE_SIZE)]
    repeated = [cut(0, EDGE1), cut(HEADER, EDGE1), cut(EDGE2, LARGE_SIZE)]
    cases += both(LARGE, "segments 0 and 1 swapped", n=LARGE_N, pieces=swapped, at="segment 0")
    cases += both(LARGE, "segment 0 twice", n=LARGE_N, pieces=repeated, at="segment 1")
    other = objfmt.seal_blob(DEK, ID1, plain_of(SMALL_N))
    cases += both(SMALL, "segment of another blob of the object", n=SMALL_N,
                  pieces=[cut(0, HEADER), {"hex": other[HEADER:].hex()}], at="segment 0")
    write("refuse-order.json", "section 6", cases)


def make_refused_truncated():
    cases = both(LARGE, "as stored", n=LARGE_N) + both(FULL, "one full segment", n=FULL_N)
    edge1, edge2 = [cut(0, EDGE1)], [cut(0, EDGE2)]
    cases.append(blob_case(LARGE, "after segment 1", edge2, "segment 1"))
    cases.append(blob_case(LARGE, "after segment 1, record", edge2, "segment 2", plain_size=LARGE_N))
    cases.append(blob_case(LARGE, "after segment 1, record of that size", edge2, "segment 1",
                           plain_size=2 * SEGMENT))
    cases.append(blob_case(LARGE, "after segment 0", edge1, "segment 0"))
    cases.append(blob_case(LARGE, "after segment 0, record of that size", edge1, "segment 0",
                           plain_size=SEGMENT))
    cases += both(LARGE, "by one byte", n=LARGE_N, pieces=[cut(0, LARGE_SIZE - 1)], at="segment 2")
    cases += both(LARGE, "within the last tag", n=LARGE_N, pieces=[cut(0, EDGE2 + 5)], at="segment 2")
    cases += both(LARGE, "the last tag alone", n=LARGE_N, at="segment 2",
                  pieces=[cut(0, EDGE2), cut(LARGE_SIZE - TAG, LARGE_SIZE)])
    cases += both(LARGE, "header alone", n=LARGE_N, pieces=[cut(0, HEADER)], at="segment 0")
    cases += both(FULL, "by one byte", n=FULL_N, pieces=[cut(0, HEADER + SEGMENT + TAG - 1)],
                  at="segment 0")
    write("refuse-truncated.json", "section 6", cases)


def make_refused_extended():
    cases = both(LARGE, "as stored", n=LARGE_N) + both(FULL, "one full segment", n=FULL_N)
    cases.append(blob_case(FULL, "the segment again", [cut(0, HEADER + SEGMENT + TAG),
                                                       cut(HEADER, HEADER + SEGMENT + TAG)],
                           "segment 0"))
    cases.append(blob_case(FULL, "17 bytes", [cut(0, HEADER + SEGMENT + TAG), {"hex": "00" * 17}],
                           "segment 0"))
    cases.append(blob_case(FULL, "an empty segment", [cut(0, HEADER + SEGMENT + TAG),
                                                      {"hex": "00" * 16}], "segment 1"))
    cases.append(blob_case(LARGE, "one byte", [cut(0, LARGE_SIZE), {"hex": "00"}], "segment 2"))
    for n in (LARGE_N + 1, 3 * SEGMENT + 1):
        cases.append(blob_case(LARGE, f"record of {n} bytes", [cut(0, LARGE_SIZE), {"hex": "00" * 20}],
                               "segment 2", plain_size=n))
    cases.append(blob_case(FULL, "record of two segments",
                           [cut(0, HEADER + SEGMENT + TAG), {"hex": "00" * 17}], "segment 0",
                           plain_size=SEGMENT + 1))
    write("refuse-extended.json", "section 6", cases)


def make_refused_flag():
    """Written by somebody who has the key and sets the flag wrongly."""
    cases = both(SMALL, "as stored", n=SMALL_N)
    for comment, i, last in (("only segment, flag 0", 0, False), ("only segment, counter 1", 1, True)):
        sealed = objfmt.seal_segment(DEK, ID, i, last, plain_of(SMALL_N))
        cases += both(SMALL, comment, n=SMALL_N, at="segment 0",
                      pieces=[cut(0, HEADER), {"hex": sealed.hex()}])
    sealed = objfmt.seal_segment(DEK, ID, 0, False, b"")
    cases += both(SMALL, "empty blob, flag 0", n=0, at="segment 0",
                  pieces=[cut(0, HEADER), {"hex": sealed.hex()}])
    last = objfmt.seal_segment(DEK, ID, 1, True, b"")
    cases.append(blob_case(LARGE, "an empty last segment that is not segment 0",
                           [cut(0, EDGE1), {"hex": last.hex()}], "segment 1"))
    other = objfmt.seal_segment(DEK, ID, 1, False, plain_of(100))
    cases.append(blob_case(LARGE, "record of 65,636 bytes over a last segment with flag 0",
                           [cut(0, EDGE1), {"hex": other.hex()}], "segment 1",
                           plain_size=SEGMENT + 100))
    write("refuse-flag.json", "section 6", cases)


def trailer_case(comment, trailer, valid=False, index_key=INDEX_KEY, bid=ID):
    try:
        objfmt.open_trailer(index_key, bid, trailer)
        assert valid, comment
    except Refused:
        assert not valid, comment
    return {"comment": comment, "valid": valid, "index_key": index_key.hex(), "id": bid.hex(),
            "trailer": trailer.hex()}


def make_refused_trailer():
    record = stream("refused record", 300)
    good = objfmt.seal_trailer(INDEX_KEY, ID, record)
    cases = [trailer_case("as stored", good, True)]
    cases.append(trailer_case("another blob's", good, bid=ID1))
    cases.append(trailer_case("another index key", good, index_key=INDEX_KEY2))
    cases.append(trailer_case("the DEK for index key", objfmt.seal_trailer(DEK, ID, record)))
    for at in list(range(0, len(good), 37)) + list(range(len(good) - 24, len(good))):
        changed = bytearray(good)
        changed[at] ^= 1 << (at % 8)
        cases.append(trailer_case(f"byte {at} changed", bytes(changed)))
    cases.append(trailer_case("empty", b""))
    cases.append(trailer_case("foot alone", good[-8:]))
    cases.append(trailer_case("first byte cut", good[1:]))
    cases.append(trailer_case("last byte cut", good[:-1]))
    cases.append(trailer_case("one byte before", b"\0" + good))
    sealed = good[:256 + TAG]
    cases.append(trailer_case("cut, with a foot to match",
                              sealed + struct.pack(">I", len(sealed)) + b"RPTR"))
    # Sealed by somebody who has the key and pads wrongly.
    for comment, padded in (("no mark", bytes(256)), ("other mark", b"\x81" + bytes(255)),
                            ("zeros of a whole unit", b"r\x80" + bytes(510)),
                            ("256 zeros", b"\x80" * 256 + bytes(256)),
                            ("not a multiple of 256", b"\x80"), ("empty", b"")):
        cases.append(trailer_case("padding: " + comment, objfmt.seal_padded(INDEX_KEY, ID, padded)))
    write("refuse-trailer.json", "section 7", cases)


def make_refused_wrap():
    oid = stream("oid", 16)
    cases = [wrap_case(True)]
    name = "dossiers/é 42.parquet"
    for comment, ctx in (
            ("another bucket", objfmt.object_context("clinic2", name, oid)),
            ("another key", objfmt.object_context("clinic", name + "x", oid)),
            ("another version of the object", objfmt.object_context("clinic", name, oid[::-1])),
            ("bucket and key cut elsewhere", objfmt.object_context("clinicd", name[1:], oid)),
            ("an entry left out", objfmt.context({"rempart:bucket": "clinic", "rempart:key": name})),
            ("no context", b""), ("one byte more", WRAP["context"] + b"\0")):
        cases.append(wrap_case(False, comment=comment, context=ctx))
    write("refuse-wrap-context.json", "section 8", cases)

    good = bytes.fromhex(wrap_case(True)["wrapped"])
    cases = [wrap_case(True), wrap_case(False, comment="another KEK", kek=stream("kek 2", 32)),
             wrap_case(False, comment="another key version", version=8),
             wrap_case(False, comment="another key id", key_id=bytes(16))]
    other = objfmt.wrap(WRAP["kek"], WRAP["key_id"], 8, good[23:55], WRAP["context"], DEK)
    cases.append(wrap_case(False, comment="version 8 relabelled as 7",
                           wrapped=other[:19] + good[19:23] + other[23:]))
    write("refuse-wrap-kek.json", "section 8", cases)

    cases = [wrap_case(True)]
    for at in range(len(good)):
        changed = bytearray(good)
        changed[at] ^= 1 << (at % 8)
        cases.append(wrap_case(False, comment=f"byte {at}", wrapped=bytes(changed)))
    for n in (0, 1, 22, 23, 54, 55, 70, 71, 102):
        cases.append(wrap_case(False, comment=f"cut to {n} bytes", wrapped=good[:n]))
    cases.append(wrap_case(False, comment="one byte more", wrapped=good + b"\0"))
    for n in (0, 65):
        wrapped = objfmt.wrap(WRAP["kek"], WRAP["key_id"], WRAP["version"], stream("salt", 32),
                              WRAP["context"], bytes(n))
        cases.append(wrap_case(False, comment=f"a key of {n} bytes", wrapped=wrapped))
    write("refuse-wrap-bytes.json", "section 8", cases)


# ---- seeds of the fuzzers, under their fixed keys

def make_corpus():
    key, bid = bytes(range(32)), bytes(range(32, 64))
    corpus = HERE.parents[1] / "fuzz" / "corpus"

    def seed(fuzzer, name, data):
        (corpus / fuzzer).mkdir(parents=True, exist_ok=True)
        (corpus / fuzzer / name).write_bytes(data)

    for n in (0, 1, 100):
        seed("objfmt_header", f"blob-{n}", objfmt.seal_blob(key, bid, plain_of(n)))
    seed("objfmt_header", "counter-1", objfmt.make_header(key, bid) +
         objfmt.seal_segment(key, bid, 1, True, b"x"))
    seed("objfmt_header", "magic", b"RPBL\x01")
    for n in (0, 100, 255, 256):
        seed("trailer", f"record-{n}", objfmt.seal_trailer(key, bid, plain_of(n)))
        seed("trailer", f"padded-{n}", objfmt.pad_record(plain_of(n)))
    seed("trailer", "no-mark", bytes(512))
    seed("trailer", "foot", bytes(272) + b"\0\0\1\x10RPTR")
    for n in (1, 32, 64):
        seed("wrap", f"key-{n}", objfmt.wrap(key, key[:16], 1, bytes(32), b"context", plain_of(n)))
    seed("wrap", "header", b"\1\0\1" + key[:16] + b"\0\0\0\1")


def main():
    make_bases()
    make_corpus()
    make_id()
    make_customer()
    make_blob()
    make_trailer()
    make_wrap()
    for name, make in sorted(globals().items()):
        if name.startswith("make_refused_"):
            make()


main()
