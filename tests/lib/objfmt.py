"""Rempart object format v1, written from common/objfmt/OBJECT-FORMAT.md alone (section numbers in the
comments are of that document). Needs python3-cryptography. Shares no code with the C implementation."""
import hashlib
import hmac as hmac_module
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SUITE = 1
SEGMENT = 65536
TAG = 16
HEADER = 48
RECORD_MAX = 4193280
TRAILER_MAX = 4194304


class Refused(Exception):
    """The bytes are not what was stored. `where` is for tests; a product would not tell."""

    def __init__(self, where):
        super().__init__(where)
        self.where = where


def hkdf(ikm, salt, info):
    """Section 1: 32 bytes of HKDF-SHA-384."""
    return HKDF(hashes.SHA384(), 32, salt, info).derive(ikm)


def seal(key, iv, aad, plain):
    return AESGCM(key).encrypt(iv, plain, aad)


def unseal(key, iv, aad, sealed, where):
    if len(sealed) < TAG:
        raise Refused(where)
    try:
        return AESGCM(key).decrypt(iv, sealed, aad)
    except InvalidTag:
        raise Refused(where) from None


# Section 2.1

def customer_dek(kms_dek, customer_key, object_id):
    return hkdf(kms_dek + customer_key, object_id, b"rempart customer key v1")


def customer_check(customer_key, object_id):
    return hkdf(customer_key, object_id, b"rempart customer check v1")[:16]


# Section 3

def blob_id(seed, number):
    return hmac_module.new(seed, struct.pack(">Q", number), hashlib.sha256).digest()


def blobs_of_part(size, blob_size):
    """The plain sizes of the blobs of a part."""
    if size == 0:
        return [0]
    count = -(-size // blob_size)
    return [min(blob_size, size - k * blob_size) for k in range(count)]


# Section 4

def segments_of_blob(plain_size):
    return max(1, -(-plain_size // SEGMENT))


def segment_offset(i):
    return HEADER + (SEGMENT + TAG) * i


def sealed_size(plain_size):
    return HEADER + plain_size + TAG * segments_of_blob(plain_size)


# Section 5

def blob_keys(dek, bid):
    info = b"rempart blob v1" + struct.pack(">H", SUITE)
    return hkdf(dek, bid, info + b"key"), hkdf(dek, bid, info + b"commit")


def make_header(dek, bid):
    _, commitment = blob_keys(dek, bid)
    return b"RPBL" + struct.pack(">BBHII", 1, 0, SUITE, SEGMENT, 0) + commitment


def check_header(dek, bid, header):
    if not hmac_module.compare_digest(header, make_header(dek, bid)):
        raise Refused("header")


# Section 6

def segment_iv(i, last):
    return bytes(3) + struct.pack(">BQ", 1 if last else 0, i)


def seal_segment(dek, bid, i, last, plain):
    return seal(blob_keys(dek, bid)[0], segment_iv(i, last), make_header(dek, bid), plain)


def seal_blob(dek, bid, plain):
    """Header and segments."""
    m = segments_of_blob(len(plain))
    cut = [plain[i * SEGMENT:(i + 1) * SEGMENT] for i in range(m)]
    return make_header(dek, bid) + b"".join(
        seal_segment(dek, bid, i, i == m - 1, p) for i, p in enumerate(cut))


def open_blob(dek, bid, blob, plain_size=None):
    """Header and segments, without trailer. plain_size as the record says; None: from the blob."""
    if len(blob) < HEADER:
        raise Refused("header")
    header = blob[:HEADER]
    check_header(dek, bid, header)
    if plain_size is None:
        m = -(-(len(blob) - HEADER) // (SEGMENT + TAG))
        if len(blob) < HEADER + TAG:
            raise Refused("segment 0")
        if m > 1 and len(blob) - segment_offset(m - 1) < TAG + 1:
            raise Refused(f"segment {m - 1}")
        plain_size = len(blob) - HEADER - TAG * m
    m = segments_of_blob(plain_size)
    key, _ = blob_keys(dek, bid)
    out = []
    for i in range(m):
        last = i == m - 1
        size = plain_size - SEGMENT * (m - 1) if last else SEGMENT
        at = segment_offset(i)
        sealed = blob[at:at + size + TAG]
        if len(sealed) != size + TAG:
            raise Refused(f"segment {i}")
        out.append(unseal(key, segment_iv(i, last), header, sealed, f"segment {i}"))
    return b"".join(out)


# Section 7

def trailer_parts(index_key, bid):
    return hkdf(index_key, bid, b"rempart trailer v1"), b"rempart trailer v1" + bid


def pad_record(record):
    padded = record + b"\x80"
    return padded + bytes(-len(padded) % 256)


def seal_padded(index_key, bid, padded):
    key, aad = trailer_parts(index_key, bid)
    sealed = seal(key, bytes(12), aad, padded)
    return sealed + struct.pack(">I", len(sealed)) + b"RPTR"


def seal_trailer(index_key, bid, record):
    if len(record) > RECORD_MAX:
        raise ValueError("record too large")
    return seal_padded(index_key, bid, pad_record(record))


def trailer_size(foot):
    """Size of the whole trailer from the last 8 bytes of a blob; None when it has none."""
    if len(foot) != 8 or foot[4:] != b"RPTR":
        return None
    n, = struct.unpack(">I", foot[:4])
    if n < 256 + TAG or (n - TAG) % 256 != 0 or n + 8 > TRAILER_MAX:
        return None
    return n + 8


def open_trailer(index_key, bid, trailer):
    if trailer_size(trailer[-8:]) != len(trailer):
        raise Refused("foot")
    key, aad = trailer_parts(index_key, bid)
    padded = unseal(key, bytes(12), aad, trailer[:-8], "trailer")
    record = padded.rstrip(b"\0")
    if len(padded) - len(record) > 255 or not record.endswith(b"\x80"):
        raise Refused("padding")
    return record[:-1]


# Section 8

def context(entries):
    out = struct.pack(">H", len(entries))
    for name, value in sorted((n.encode(), v.encode()) for n, v in entries.items()):
        out += struct.pack(">H", len(name)) + name + struct.pack(">H", len(value)) + value
    return out


def object_context(bucket, key, object_id):
    return context({"rempart:bucket": bucket, "rempart:key": key,
                    "rempart:object-id": object_id.hex()})


def wrapping_key(kek, salt, key_id, version):
    return hkdf(kek, salt, b"rempart wrap v1" + struct.pack(">H", SUITE) + key_id +
                struct.pack(">I", version))


def wrap(kek, key_id, version, salt, aad, key):
    header = struct.pack(">BH", 1, SUITE) + key_id + struct.pack(">I", version) + salt
    return header + seal(wrapping_key(kek, salt, key_id, version), bytes(12), header + aad, key)


def unwrap(kek, key_id, version, aad, wrapped):
    if not 55 + 1 + TAG <= len(wrapped) <= 55 + 64 + TAG:
        raise Refused("wrap length")
    if wrapped[:23] != struct.pack(">BH", 1, SUITE) + key_id + struct.pack(">I", version):
        raise Refused("wrap header")
    return unseal(wrapping_key(kek, wrapped[23:55], key_id, version), bytes(12),
                  wrapped[:55] + aad, wrapped[55:], "wrap")
