#!/usr/bin/env python3
"""Writes the worked example of src/FORMAT.md, from the words of that page alone.

An independent implementation: pyca/cryptography and hashlib, none of the engine's code. Every random
choice is a counting pattern, so that the page can be checked byte by byte.

    pip install cryptography
    python3 tests/conformance/format_example.py            prints the example
    python3 tests/conformance/format_example.py --check    compares it with src/FORMAT.md
"""
import hashlib
import pathlib
import struct
import sys

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.poly1305 import Poly1305


def pattern(first, length):
    return bytes((first + i) & 0xFF for i in range(length))


def block(key, data):
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return encryptor.update(data) + encryptor.finalize()


def cmac(key, data):
    mac = CMAC(algorithms.AES(key))
    mac.update(data)
    return mac.finalize()


def xaes_seal(key, nonce, plaintext, associated):
    """C2SP XAES-256-GCM."""
    value = int.from_bytes(block(key, bytes(16)), "big") << 1
    if value >> 128:
        value = (value & ((1 << 128) - 1)) ^ 0x87
    subkey = value.to_bytes(16, "big")
    derived = b"".join(
        block(key, bytes(a ^ b for a, b in zip(b"\x00" + bytes([i]) + b"X\x00" + nonce[:12], subkey)))
        for i in (1, 2)
    )
    return AESGCM(derived).encrypt(nonce[12:], plaintext, associated)


def blake2b(data):
    return hashlib.blake2b(data, digest_size=32).digest()


def words(data):
    return list(struct.unpack(f"<{len(data) // 4}I", data))


def salsa20(key, block, add=True):
    """The Salsa20 core (add) or HSalsa20 (not add); block: 16 bytes of nonce and counter."""
    c, k, n = words(b"expand 32-byte k"), words(key), words(block)
    start = [c[0], *k[:4], c[1], *n, c[2], *k[4:], c[3]]
    x = list(start)
    columns = [(0, 4, 8, 12), (5, 9, 13, 1), (10, 14, 2, 6), (15, 3, 7, 11)]
    rows = [(0, 1, 2, 3), (5, 6, 7, 4), (10, 11, 8, 9), (15, 12, 13, 14)]
    for _ in range(10):
        for quarter in columns + rows:
            for i, turn in enumerate((7, 9, 13, 18)):
                t = (x[quarter[i]] + x[quarter[i - 1]]) & 0xFFFFFFFF
                x[quarter[(i + 1) % 4]] ^= (t << turn | t >> (32 - turn)) & 0xFFFFFFFF
    if not add:
        return struct.pack("<8I", *(x[i] for i in (0, 5, 10, 15, 6, 7, 8, 9)))
    return struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(x, start)))


def secretbox(key, nonce, message):
    """XSalsa20-Poly1305 as NaCl has it, for messages of up to 32 bytes."""
    stream = salsa20(salsa20(key, nonce[:16], add=False), nonce[16:] + bytes(8))
    ciphertext = bytes(a ^ b for a, b in zip(message, stream[32:]))
    return Poly1305.generate_tag(stream[:32], ciphertext) + ciphertext


def sealed_box(public_key, ephemeral, message):
    """libsodium's crypto_box_seal, with a given ephemeral key."""
    own = X25519PrivateKey.from_private_bytes(ephemeral)
    own_public = own.public_key().public_bytes_raw()
    shared = own.exchange(X25519PublicKey.from_public_bytes(public_key))
    nonce = hashlib.blake2b(own_public + public_key, digest_size=24).digest()
    return own_public + secretbox(salsa20(shared, bytes(16), add=False), nonce, message)


def subkey(slot_key, number):
    """libsodium's crypto_kdf_derive_from_key, 32 bytes."""
    return hashlib.blake2b(
        key=slot_key,
        salt=struct.pack("<Q", number) + bytes(8),
        person=b"sr slot " + bytes(8),
        digest_size=32,
    ).digest()


STORE = pattern(0x10, 16)
ROOT = pattern(0x20, 32)
SLOT_KEY = pattern(0x40, 32)
LOCATION_KEY = pattern(0x60, 32)
NAME_KEY = pattern(0x80, 64)
AUDIT_KEY = pattern(0xC0, 32)
DATA_KEY = pattern(0xE0, 32)
TIME = 1_700_000_000_000
PATH = b"db/prod"
VALUE = b"hunter2"
POLICY_NAME = b"web"
POLICY = b'{"version": 1, "rules": []}'


def location(domain, path):
    return cmac(LOCATION_KEY, bytes([domain]) + path)


def entry(kind, folder, name):
    directory = location(2, folder)
    padded = name + bytes(-len(name) % 16)
    return kind + directory + AESSIV(NAME_KEY).encrypt(padded, [kind, directory])


def envelope(place, content, value, nonce):
    label = bytes([1, 1, 1, 0]) + struct.pack(">IQ", 1, 1)
    metadata = bytes([content, 0, 0, 0]) + TIME.to_bytes(6, "big") + TIME.to_bytes(6, "big")
    return label + nonce + xaes_seal(DATA_KEY, nonce, metadata + value, label + place + STORE)


def policy_index():
    listed = bytes([1, 0, 0, 0]) + struct.pack(">I", 1)
    listed += struct.pack(">QQIB", 1, TIME, len(POLICY), len(POLICY_NAME)) + POLICY_NAME
    return envelope(location(3, b""), 2, listed, pattern(0xB1, 24))


def header():
    authentication = subkey(SLOT_KEY, 1)
    box = X25519PrivateKey.from_private_bytes(subkey(SLOT_KEY, 2))
    box_public = box.public_key().public_bytes_raw()
    slot_label = struct.pack(">IBBBBQI", 2, 2, 0, 0, 0, TIME, 120)
    context = b"strongroom slot" + STORE + slot_label
    boxed = sealed_box(box_public, pattern(0x71, 32), ROOT)
    nonce = pattern(0x31, 24)
    slot = slot_label + nonce + xaes_seal(authentication, nonce, boxed, context)
    keyring = struct.pack(">HHIQ", 2, 1, 1, 1) + blake2b(slot)
    keyring += LOCATION_KEY + NAME_KEY + AUDIT_KEY + struct.pack(">I", 3) + bytes(12)
    keyring += struct.pack(">I", 2) + authentication + box_public + blake2b(context)
    keyring += struct.pack(">IQ", 1, TIME) + DATA_KEY
    context = b"strongroom keyring" + struct.pack(">H", 2) + STORE + struct.pack(">QI", 1, 1048576)
    nonce = pattern(0x51, 24)
    sealed = nonce + xaes_seal(ROOT, nonce, keyring, context)
    record = b"SRHD" + struct.pack(">HH", 2, 0) + STORE + struct.pack(">QIHH", 1, 1048576, 1, 0)
    record += bytes(8) + slot + struct.pack(">I", len(sealed)) + sealed
    return record + blake2b(record)


def checked(body):
    return body + blake2b(body)[:4]


def example():
    return [
        ("store id", STORE),
        ("slot key", SLOT_KEY),
        ("key file", checked(b"\x02" + STORE + struct.pack(">I", 2) + SLOT_KEY)),
        ("share", checked(b"\x01" + pattern(0xA0, 8) + b"\x05" + pattern(0xB0, 32))),
        ("record key", b"r" + location(1, PATH)),
        ("folder entry", entry(b"g", b"", b"db")),
        ("secret entry", entry(b"s", b"db", b"prod")),
        ("envelope", envelope(location(1, PATH), 1, VALUE, pattern(0x01, 24))),
        ("policy key", b"r" + location(3, POLICY_NAME)),
        ("policy", envelope(location(3, POLICY_NAME), 1, POLICY, pattern(0x91, 24))),
        ("policy index key", b"r" + location(3, b"")),
        ("policy index", policy_index()),
        ("header record", header()),
    ]


def written():
    lines = []
    for name, data in example():
        lines.append(name)
        text = data.hex()
        lines += ["    " + text[i : i + 64] for i in range(0, len(text), 64)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if "--check" not in sys.argv[1:]:
        sys.stdout.write(written())
    elif written() not in (pathlib.Path(__file__).parents[2] / "src/FORMAT.md").read_text():
        sys.exit("src/FORMAT.md does not hold this example")
