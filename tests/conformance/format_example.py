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

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.cmac import CMAC


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


def location(domain, path):
    return cmac(LOCATION_KEY, bytes([domain]) + path)


def entry(kind, folder, name):
    directory = location(2, folder)
    padded = name + bytes(-len(name) % 16)
    return kind + directory + AESSIV(NAME_KEY).encrypt(padded, [kind, directory])


def envelope():
    label = bytes([1, 1, 1, 0]) + struct.pack(">IQ", 1, 1)
    nonce = pattern(0x01, 24)
    metadata = bytes([1, 0, 0, 0]) + TIME.to_bytes(6, "big") + TIME.to_bytes(6, "big")
    associated = label + location(1, PATH) + STORE
    return label + nonce + xaes_seal(DATA_KEY, nonce, metadata + VALUE, associated)


def header():
    slot_label = struct.pack(">IBBBBQI", 2, 2, 0, 0, 0, TIME, 72)
    nonce = pattern(0x31, 24)
    wrapped = nonce + xaes_seal(SLOT_KEY, nonce, ROOT, b"strongroom slot" + STORE + slot_label)
    slot = slot_label + wrapped
    keyring = struct.pack(">HHIQ", 1, 1, 1, 1) + blake2b(slot)
    keyring += LOCATION_KEY + NAME_KEY + AUDIT_KEY
    keyring += struct.pack(">I", 2) + SLOT_KEY
    keyring += struct.pack(">IQ", 1, TIME) + DATA_KEY
    context = b"strongroom keyring" + struct.pack(">H", 1) + STORE + struct.pack(">QI", 1, 1048576)
    nonce = pattern(0x51, 24)
    sealed = nonce + xaes_seal(ROOT, nonce, keyring, context)
    record = b"SRHD" + struct.pack(">HH", 1, 0) + STORE + struct.pack(">QIHH", 1, 1048576, 1, 0)
    record += slot + struct.pack(">I", len(sealed)) + sealed
    return record + blake2b(record)


def checked(body):
    return body + blake2b(body)[:4]


def example():
    return [
        ("store id", STORE),
        ("key file", checked(b"\x02" + STORE + struct.pack(">I", 2) + SLOT_KEY)),
        ("share", checked(b"\x01" + pattern(0xA0, 8) + b"\x05" + pattern(0xB0, 32))),
        ("record key", b"r" + location(1, PATH)),
        ("folder entry", entry(b"g", b"", b"db")),
        ("secret entry", entry(b"s", b"db", b"prod")),
        ("envelope", envelope()),
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
