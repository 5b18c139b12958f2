#!/usr/bin/env python3
"""Writes the JSON files beside it: published vectors, and values computed by code that is not ours
(python3-cryptography, hashlib, zlib, bit-by-bit CRCs). Deterministic; run it to regenerate."""
import hashlib
import hmac
import json
import pathlib
import zlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

HERE = pathlib.Path(__file__).parent


def stream(label, n):
    """n bytes that look random and are the same in every run."""
    return hashlib.shake_256(label.encode()).digest(n)


def write(name, source, cases):
    text = json.dumps({"source": source, "cases": cases}, indent=1)
    (HERE / name).write_text(text + "\n")


def make_hmac():
    """RFC 4231 section 4, cases 1 to 7; the MACs are those of the RFC, checked here with hashlib."""
    rfc = [
        ("0b" * 20, b"Hi There".hex(),
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (b"Jefe".hex(), b"what do ya want for nothing?".hex(),
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        ("aa" * 20, "dd" * 50,
         "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        (bytes(range(1, 26)).hex(), "cd" * 50,
         "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
        ("0c" * 20, b"Test With Truncation".hex(), "a3b6167473100ee06e0c796c2955552b"),
        ("aa" * 131, b"Test Using Larger Than Block-Size Key - Hash Key First".hex(),
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
        ("aa" * 131, (b"This is a test using a larger than block-size key and a larger than "
                      b"block-size data. The key needs to be hashed before being used by the "
                      b"HMAC algorithm.").hex(),
         "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"),
    ]
    cases = [{"comment": f"RFC 4231 case {i + 1}", "key": k, "data": d, "mac": m}
             for i, (k, d, m) in enumerate(rfc)]
    for n in (0, 1, 63, 64, 65, 200):
        key, data = stream(f"hmac key {n}", n), stream(f"hmac data {n}", 200 - n)
        cases.append({"comment": f"key of {n} bytes", "key": key.hex(), "data": data.hex(),
                      "mac": hmac.new(key, data, "sha256").hexdigest()})
    for c in cases:
        mac = hmac.new(bytes.fromhex(c["key"]), bytes.fromhex(c["data"]), "sha256").hexdigest()
        assert mac.startswith(c["mac"]), c["comment"]
    write("hmac-sha256.json", "RFC 4231 section 4; python hmac", cases)


def make_sha256():
    """FIPS 180-4 example messages, and lengths around the block size."""
    fixed = {b"abc": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
             b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq":
             "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"}
    cases = []
    for data in list(fixed) + [stream(f"sha {n}", n) for n in (0, 1, 55, 56, 63, 64, 65, 1000)]:
        digest = hashlib.sha256(data).hexdigest()
        assert fixed.get(data, digest) == digest
        cases.append({"data": data.hex(), "digest": digest})
    write("sha256.json", "FIPS 180-4 examples; python hashlib", cases)


def reflected_crc(data, width, poly):
    """Bit by bit, init and final all ones."""
    ones = (1 << width) - 1
    crc = ones
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (poly if crc & 1 else 0)
    return (crc ^ ones).to_bytes(width // 8, "big")


def make_checksum():
    kinds = {
        "CRC32": lambda d: zlib.crc32(d).to_bytes(4, "big"),
        "CRC32C": lambda d: reflected_crc(d, 32, 0x82F63B78),
        "CRC64NVME": lambda d: reflected_crc(d, 64, 0x9A6C9329AC4BC9B5),
        "SHA1": lambda d: hashlib.sha1(d).digest(),
        "SHA256": lambda d: hashlib.sha256(d).digest(),
        "MD5": lambda d: hashlib.md5(d).digest(),
    }
    check = {"CRC32": "cbf43926", "CRC32C": "e3069283", "CRC64NVME": "ae8b14860a799888"}
    for kind, value in check.items():
        assert kinds[kind](b"123456789").hex() == value
    data = [b"", b"a", b"123456789", bytes(32), b"\xff" * 32, bytes(range(32))]
    data += [stream(f"crc {n}", n) for n in (7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 127, 1000)]
    cases = [{"kind": kind, "data": d.hex(), "value": f(d).hex()}
             for kind, f in kinds.items() for d in data]
    # RFC 3720 B.4: 32 zero bytes give aa 36 91 8a there, least significant byte first.
    zeros = [c for c in cases if c["kind"] == "CRC32C" and c["data"] == "00" * 32]
    assert zeros[0]["value"] == "8a9136aa"
    write("checksum.json", "zlib, hashlib, bit-by-bit CRC with the published check values", cases)


def make_hkdf():
    """RFC 5869 has SHA-256 and SHA-1 only: the inputs of its cases 1 to 3, and sizes of our own."""
    inputs = [
        ("0b" * 22, bytes(range(13)).hex(), bytes(range(0xf0, 0xfa)).hex(), 42),
        (bytes(range(32)).hex(), bytes(range(0x60, 0xb0)).hex(),
         bytes(range(0xb0, 0x100)).hex(), 64),
        ("0b" * 22, "", "", 42),
    ]
    for n in (1, 16, 31, 32, 33, 47, 48, 49, 63, 64):
        inputs.append((stream(f"ikm {n}", 32).hex(), stream(f"salt {n}", 32).hex(),
                       stream(f"info {n}", n).hex(), n))
    for salt_n in (0, 127, 128, 129, 300):
        inputs.append((stream(f"ikm s{salt_n}", 64).hex(), stream("salt", salt_n).hex(), "", 48))
    cases = []
    for ikm, salt, info, n in inputs:
        okm = HKDF(hashes.SHA384(), n, bytes.fromhex(salt), bytes.fromhex(info)).derive(
            bytes.fromhex(ikm))
        cases.append({"ikm": ikm, "salt": salt, "info": info, "okm": okm.hex()})
    write("hkdf-sha384.json", "inputs of RFC 5869 A.1 to A.3 and others; python3-cryptography",
          cases)


def make_gcm():
    """The four AES-256 cases with 96-bit IVs of the GCM submission (McGrew and Viega, cases 13 to
    16), then lengths around a block, then forgeries that must be refused."""
    feff = "feffe9928665731c6d6a8f9467308308" * 2
    plain = ("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
             "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255")
    cipher = ("522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
              "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad")
    aad = "feedfacedeadbeeffeedfacedeadbeefabaddad2"
    iv = "cafebabefacedbaddecaf888"
    cases = [
        ("00" * 32, "00" * 12, "", "", "530f8afbc74536b9a963b4f1c4cb738b"),
        ("00" * 32, "00" * 12, "", "00" * 16,
         "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"),
        (feff, iv, "", plain, cipher + "b094dac5d93471bdec1a502270e3cc6c"),
        (feff, iv, aad, plain[:120], cipher[:120] + "76fc6ece0f4e1768cddf8853bb2d551b"),
    ]
    for n in (1000, 0, 1, 15, 16, 17, 31, 32, 33):
        k, i, a, p = (stream(f"gcm {n} {x}", m) for x, m in
                      (("key", 32), ("iv", 12), ("aad", n // 2), ("plain", n)))
        cases.append((k.hex(), i.hex(), a.hex(), p.hex(), AESGCM(k).encrypt(i, p, a).hex()))
    out = []
    for k, i, a, p, s in cases:
        sealed = AESGCM(bytes.fromhex(k)).encrypt(*map(bytes.fromhex, (i, p, a)))
        assert sealed.hex() == s
        out.append({"key": k, "iv": i, "aad": a, "plain": p, "sealed": s, "valid": True})
    for bit in (0, 7, 127, 8 * 16, 8 * 32 + 3):
        case = dict(out[-1])
        sealed = bytearray.fromhex(case["sealed"])
        at = len(sealed) - 1 - bit // 8
        sealed[at] ^= 1 << (bit % 8)
        out.append(dict(case, sealed=sealed.hex(), valid=False, comment="flipped bit"))
    base = out[len(cases) - 1]
    out.append(dict(base, sealed=base["sealed"][:-2], valid=False, comment="tag cut by a byte"))
    out.append(dict(base, sealed=base["sealed"] + "00", valid=False, comment="one byte more"))
    out.append(dict(base, aad=base["aad"][:-2], valid=False, comment="shorter AAD"))
    out.append(dict(base, iv="00" * 12, valid=False, comment="another IV"))
    out.append(dict(base, key="00" * 32, valid=False, comment="another key"))
    out.append(dict(base, sealed="00" * 15, valid=False, comment="shorter than a tag"))
    out.append(dict(base, sealed="", valid=False, comment="empty"))
    write("aes256-gcm.json", "McGrew and Viega, GCM, test cases 13 to 16; python3-cryptography", out)


def make_ed25519():
    """RFC 8032 section 7.1, tests 1 to 3, and refusals: changed bits, and S + L (malleability)."""
    rfc = [
        ("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bac"
         "c61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
        ("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
         "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e"
         "458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
        ("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
         "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290"
         "ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"),
    ]
    cases = []
    for seed, public, message, signature in rfc:
        key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
        assert key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex() == public
        assert key.sign(bytes.fromhex(message)).hex() == signature
        cases.append({"seed": seed, "public": public, "message": message, "signature": signature,
                      "valid": True})
    base = cases[1]
    order = 2**252 + 27742317777372353535851937790883648493
    raw = bytes.fromhex(base["signature"])
    malleable = raw[:32] + (int.from_bytes(raw[32:], "little") + order).to_bytes(32, "little")
    cases.append(dict(base, signature=malleable.hex(), valid=False, comment="S not below L"))
    cases.append(dict(base, message="73", valid=False, comment="another message"))
    cases.append(dict(base, public=cases[0]["public"], valid=False, comment="another key"))
    cases.append(dict(base, signature="00" * 64, valid=False, comment="zero signature"))
    # A point of order 1 as the public key, R the same, S = 0: satisfies the bare equation.
    small = "01" + "00" * 31
    cases.append(dict(base, public=small, signature=small + "00" * 32, valid=False,
                      comment="public key of small order"))
    for at in (0, 31, 32, 63):
        flipped = bytearray(raw)
        flipped[at] ^= 1
        cases.append(dict(base, signature=flipped.hex(), valid=False, comment=f"byte {at}"))
    write("ed25519.json", "RFC 8032 section 7.1; python3-cryptography", cases)


def make_blob():
    """Blobs of the AWS KMS API: common/crypto/wrap.h, server/kms/AWS-API.md."""
    def pair(text):
        return len(text.encode()).to_bytes(2, "big") + text.encode()

    def context(members):
        rows = sorted(members.items(), key=lambda m: m[0].encode())
        return b"" if not rows else len(rows).to_bytes(2, "big") + b"".join(pair(k) + pair(v) for k, v in rows)

    cases = []
    for n, version, members in ((1, 1, {}), (32, 7, {"b": "2", "a": "1", "\u00e9": ""}), (4096, 2**32 - 1, {"purpose": "backup"})):
        kek, key_id, salt, plain = (stream(f"blob {what} {n}", size)
                                    for what, size in (("kek", 32), ("id", 16), ("salt", 32), ("plain", n)))
        head = b"\x02\x00\x01" + key_id + version.to_bytes(4, "big") + salt
        info = b"rempart kms blob v1" + b"\x00\x01" + key_id + version.to_bytes(4, "big")
        key = HKDF(hashes.SHA384(), 32, salt, info).derive(kek)
        blob = head + AESGCM(key).encrypt(bytes(12), plain, head + context(members))
        cases.append({"kek": kek.hex(), "key_id": key_id.hex(), "version": version, "context": context(members).hex(),
                      "plain": plain.hex(), "blob": blob.hex(), "valid": True})
    base = cases[1]
    raw = bytes.fromhex(base["blob"])
    for at in (0, 1, 2, 3, 19, 23, 54, 55, len(raw) - 1):
        flipped = bytearray(raw)
        flipped[at] ^= 1
        cases.append(dict(base, blob=flipped.hex(), valid=False, comment=f"byte {at}"))
    cases.append(dict(base, context="", valid=False, comment="no context"))
    cases.append(dict(base, version=8, valid=False, comment="another version"))
    cases.append(dict(base, blob=raw[:71].hex(), valid=False, comment="nothing in it"))
    # The same bytes as a wrapped key: other info, so another wrapping key.
    kek, key_id, salt = bytes.fromhex(base["kek"]), bytes.fromhex(base["key_id"]), raw[23:55]
    info = b"rempart wrap v1" + b"\x00\x01" + key_id + (7).to_bytes(4, "big")
    head = raw[:55]
    sealed = AESGCM(HKDF(hashes.SHA384(), 32, salt, info).derive(kek)).encrypt(
        bytes(12), bytes.fromhex(base["plain"]), head + bytes.fromhex(base["context"]))
    cases.append(dict(base, blob=(head + sealed).hex(), valid=False, comment="the wrapping key of a wrapped key"))
    write("kms-blob.json", "python3-cryptography", cases)


for make in (make_hmac, make_sha256, make_checksum, make_hkdf, make_gcm, make_ed25519, make_blob):
    make()
