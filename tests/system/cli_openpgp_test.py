#!/usr/bin/env python3
"""Keys and messages that people really have, through the real `strongroom` and the real gpg.

cli_openpgp_test.py PROGRAM [CASE...]. What gpg encrypts to, `init --pgp-key` wraps to, and gpg decrypts; what gpg
refuses is refused with a reason. Differences are named where they are tested.
"""
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # the sources stay as they are
import cli_lifecycle_test
import cli_test
from cli_test import DENIED, INVALID, TOO_LARGE

CURVE = "Key-Type: EDDSA\nKey-Curve: ed25519\nSubkey-Type: ECDH\nSubkey-Curve: cv25519\nSubkey-Usage: encrypt"
RSA = ("Key-Type: RSA\nKey-Length: {0}\nKey-Usage: sign\nSubkey-Type: RSA\nSubkey-Length: {0}\n"
       "Subkey-Usage: encrypt")
SHA1 = ("--digest-algo", "SHA1", "--cert-digest-algo", "SHA1")
MD5 = ("--digest-algo", "MD5", "--cert-digest-algo", "MD5", "--allow-weak-digest-algos")
SIGNATURE, PUBLIC, PRIVATE_SUB, MARKER, TRUST, ID, SUB, PHOTO, PADDING = 2, 6, 7, 10, 12, 13, 14, 17, 21
# The primary key packet of the certificate in RFC 9580, appendix A.3.
V6 = bytes.fromhex("c62a0663877fe31b00000020"
                   "f94da7bb48d60a61e567706a6587d0331999bb9d891a08242ead84543df895a3")


def packets(whole):
    """Takes what gpg wrote apart; it uses lengths of one and two bytes of the old format, or the new one."""
    found = []
    while whole:
        if whole[0] & 0x40:
            tag, first = whole[0] & 0x3F, whole[1]
            head, size = (2, first) if first < 192 else (3, ((first - 192) << 8) + whole[2] + 192)
        else:
            tag, head = whole[0] >> 2 & 15, 1 + (1 << (whole[0] & 3))
            size = int.from_bytes(whole[1:head], "big")
        found.append((tag, whole[head:head + size]))
        whole = whole[head + size:]
    return found


def joined(parts):
    return b"".join(bytes([0xC0 | tag, 255]) + struct.pack(">I", len(body)) + body for tag, body in parts)


def flipped(body):
    """A signature whose numbers are wrong."""
    return body[:-3] + bytes([body[-3] ^ 1]) + body[-2:]


class RealKeys(cli_lifecycle_test.Lifecycle):
    @classmethod
    def setUpClass(cls):
        helper = os.environ.get("STRONGROOM_OPENPGP_HELPER", "")
        cls.skip = "" if os.access(helper, os.X_OK) else "the OpenPGP helper is not built"
        cls.skip = cls.skip or ("" if shutil.which("gpg") else "there is no gpg")
        if cls.skip:
            return
        cls.home = tempfile.mkdtemp(prefix="sr-gpg-")  # short: sockets lie in it
        cls.make("curve", CURVE)
        cls.curve = packets(cls.public("curve"))

    @classmethod
    def tearDownClass(cls):
        if not cls.skip:
            subprocess.run(["gpgconf", "--homedir", cls.home, "--kill", "all"], check=False)
            shutil.rmtree(cls.home, ignore_errors=True)

    @classmethod
    def run_gpg(cls, *args, given=b""):
        return subprocess.run(
            ["gpg", "--homedir", cls.home, "--batch", "--yes", "--quiet", "--no-tty", "--trust-model", "always",
             "--pinentry-mode", "loopback", "--passphrase", "", *args], input=given, capture_output=True,
            timeout=60, check=False)

    @classmethod
    def gpg(cls, *args, given=b""):
        done = cls.run_gpg(*args, given=given)
        if done.returncode != 0:
            raise RuntimeError((args, done.stderr))
        return done.stdout

    @classmethod
    def make(cls, name, parameters, *options):
        expiry = "" if "Expire-Date" in parameters else "\nExpire-Date: 0"
        cls.gpg(*options, "--gen-key",
                given=f"{parameters}\nName-Real: {name}{expiry}\n%no-protection\n".encode())

    @classmethod
    def public(cls, name, *options):
        return cls.gpg(*options, "--export", "=" + name)

    @classmethod
    def private(cls, name, *options):
        return cls.gpg(*options, "--export-secret-keys", "=" + name)

    @classmethod
    def fingerprint(cls, name):
        listed = cls.gpg("--with-colons", "--list-keys", "=" + name).decode()
        return re.search(r"^fpr:+([0-9A-F]{40}):", listed, re.MULTILINE)[1]

    def setUp(self):
        if self.skip:
            self.skipTest(self.skip)
        super().setUp()
        self.num_stores = 0

    def environ(self, key=True, **extra):
        return super().environ(key, STRONGROOM_OPENPGP_HELPER=os.environ["STRONGROOM_OPENPGP_HELPER"],
                               **extra)

    def anew(self):
        self.num_stores += 1
        return ["--store", "lmdb:" + self.path(f"store{self.num_stores}")]

    def gpg_takes(self, key):
        return self.run_gpg("--recipient-file", self.file_of(key), "--encrypt", given=b"x").returncode == 0

    def taken(self, key, why, by_gpg=True):
        """We wrap to the key, and gpg decrypts what we wrapped."""
        self.assertEqual(self.gpg_takes(key), by_gpg, why)
        made = self.made(*self.anew(), "init", "--pgp-key", self.file_of(key), key=False)
        share = self.gpg("--decrypt", given=bytes.fromhex(made["keys"][0]))
        self.secrets.append(share)
        self.assertRegex(share, rb"\A[0-9a-f]{92}\Z", why)

    def not_taken(self, key, says, by_gpg=False, status=INVALID):
        """The file and the reason are named."""
        self.assertEqual(self.gpg_takes(key), by_gpg, says)
        file = self.file_of(key)
        err = self.fails(status, *self.anew(), "init", "--pgp-key", file, key=False, says=says)
        self.assertRegex(err, f"the OpenPGP key (in )?'{file}' ")


class Kinds(RealKeys):
    def test_primary_key_that_encrypts(self):
        self.make("primary", "Key-Type: RSA\nKey-Length: 2048\nKey-Usage: encrypt,sign,cert")
        self.taken(self.public("primary"), "primary")
        made = self.made("init", "--pgp-key", self.file_of(self.public("primary")), key=False)
        self.assertEqual(made["pgp_fingerprints"], [self.fingerprint("primary").lower()])
        self.ok("list", "--pgp-private-key", self.file_of(self.private("primary")), key=False)

    def test_self_signatures_with_sha1(self):
        self.make("sha1", CURVE, *SHA1)
        self.taken(self.public("sha1"), "sha1")

    def test_self_signatures_with_md5_do_not_count(self):
        self.make("md5", RSA.format(2048), *MD5)
        self.not_taken(self.public("md5"), "has no user id with a valid signature of its own")

    def test_curves(self):
        for curve in ("nistp256", "nistp384", "nistp521", "brainpoolP256r1", "brainpoolP384r1",
                      "brainpoolP512r1", "secp256k1"):
            self.make(curve, f"Key-Type: ECDSA\nKey-Curve: {curve}\nSubkey-Type: ECDH\nSubkey-Curve: {curve}\n"
                      "Subkey-Usage: encrypt")
            self.taken(self.public(curve), curve)
        made = self.made("init", "--pgp-key", self.file_of(self.public("nistp384")), key=False)
        share = self.gpg("--decrypt", given=bytes.fromhex(made["keys"][0]))
        self.secrets.append(share)
        again = self.gpg("--encrypt", "-r", "=nistp384", given=share)
        self.ok("list", *self.given(again), "--pgp-private-key", self.file_of(self.private("nistp384")),
                key=False)

    def test_elgamal(self):
        key = os.path.join(os.path.dirname(os.path.abspath(__file__)), "openpgp_elgamal.asc")
        self.gpg("--import", key)
        self.taken(self.public("dsa"), "elgamal")
        self.ok("init", "--pgp-key", self.file_of(self.public("dsa")), key=False)
        self.ok("list", "--pgp-private-key", self.file_of(self.private("dsa")), key=False)

    def test_packets_around_a_key_do_not_spoil_it(self):
        key = self.curve
        for tag in (MARKER, TRUST, PADDING, 40, 60):
            self.taken(joined(key[:1] + [(tag, b"PGP")] + key[1:2] + [(tag, b"PGP")] + key[2:] + [(tag, b"PGP")]),
                       tag)
        self.taken(joined([(MARKER, b"PGP")] + key), "first")
        photo = (PHOTO, b"\x10\x01\x10\x00\x01\x01" + bytes(12) + b"JPEG")
        self.taken(joined(key[:3] + [photo, key[2]] + key[3:]), "photo")
        attested = (SIGNATURE, key[2][1][:1] + b"\x16" + key[2][1][2:])
        self.taken(joined(key[:3] + [attested] + key[3:]), "attested")
        # gpg 2.2 does not read a key with a subkey of version 6.
        self.taken(joined(key + [(SUB, b"\x06" + key[3][1][1:]), key[4]]), "v6 subkey", by_gpg=False)

    def test_thousands_of_signatures(self):
        def by(number):
            return (SIGNATURE, b"\x04\x10\x16\x08\x00\x06\x05\x02" + struct.pack(">I", 0x60000000 + number) +
                    b"\x00\x0a\x09\x10" + struct.pack(">Q", number) + b"aa\x01\x00" + b"\xff" * 32 + b"\x01\x00" +
                    b"\xff" * 32)
        self.taken(joined(self.curve[:3] + [by(i) for i in range(8000)] + self.curve[3:]), "8000")

    def test_private_keys_of_many_shapes_open(self):
        made = self.made("init", "--pgp-key", self.file_of(self.public("curve")), key=False)
        whole = packets(self.private("curve"))
        bare = self.gpg("--export-secret-subkeys", "=curve")  # its primary key is a stub
        self.make("other", CURVE)
        armored = self.private("curve", "--armor")
        for shape in (bare, joined(whole + [(60, b"x")]), joined(whole[3:]),
                      self.public("curve", "--armor") + armored, self.private("other", "--armor") + armored,
                      self.public("curve") + self.private("curve"),
                      b"From: me\n\nHi\n" + armored.replace(b"\n", b" \r\n") + b"bye\n"):
            self.ok("list", "--pgp-private-key", self.file_of(shape), key=False)
        stub = packets(bare)[0][1][len(self.curve[0][1]):]
        stubs = joined(whole[:3] + [(PRIVATE_SUB, self.curve[3][1] + stub), whole[4]])
        self.fails(DENIED, "list", *self.given(bytes.fromhex(made["keys"][0])), "--pgp-private-key",
                   self.file_of(stubs), key=False, says="was exported without the private part")


class Refused(RealKeys):
    def test_expired_and_future_keys(self):
        self.make("expired", CURVE + "\nExpire-Date: 20200601T000000", "--faked-system-time", "20200101T000000")
        self.not_taken(self.public("expired"), "has expired on 2020-06-01; extend it")
        key = packets(self.public("expired"))
        # Without its user id nobody knows that it has expired.
        self.not_taken(joined(key[:1] + key[3:]), "has no user id with a valid signature of its own")
        self.make("future", CURVE, "--faked-system-time", "20400101T000000")
        self.not_taken(self.public("future"), "was made in the future, on 2040-01-01; set this machine's clock")
        self.make("subkey", CURVE)
        self.gpg("--quick-set-expire", self.fingerprint("subkey"), "seconds=1", "*")
        time.sleep(2)
        self.not_taken(self.public("subkey"), "its subkey for that has expired on 20")

    def test_keys_that_cannot_encrypt(self):
        self.make("signs", "Key-Type: EDDSA\nKey-Curve: ed25519\nKey-Usage: sign")
        self.not_taken(self.public("signs"), "can sign but not encrypt; pass one with a subkey for encryption")

    def test_short_keys_are_refused_though_gpg_takes_them(self):
        self.make("short", RSA.format(1024))
        self.not_taken(self.public("short"), "encrypts with only 1024 bits, less than 2048 bits", by_gpg=True)

    def test_keys_of_later_and_earlier_versions(self):
        made = self.curve[0][1][1:5]
        self.not_taken(V6, "is in the format of OpenPGP v6, which this version does not know")
        self.not_taken(joined([(PUBLIC, b"\x03" + made + b"\0\0\x01\x04\0" + b"\xff" * 128 + b"\0\x11\1\0\1"),
                               self.curve[1]]), "is in the format of OpenPGP v3")
        x25519 = (SUB, b"\x04" + made + b"\x19" + b"\x55" * 32)
        x448 = (SUB, b"\x04" + made + b"\x12\x03\x2b\x65\x6f" + self.curve[3][1][17:])
        self.not_taken(joined(self.curve[:3] + [x25519, self.curve[4]]),
                       "uses X25519 of RFC 9580, which this version does not know")
        self.not_taken(joined(self.curve[:3] + [x448, self.curve[4]]), "uses ECDH over a curve, which")
        self.taken(joined(self.curve + [x25519, self.curve[4]]), "both")

    def revocation(self, name):
        """gpg made it with the key, and put a colon before it against accidents."""
        with open(os.path.join(self.home, "openpgp-revocs.d", self.fingerprint(name) + ".rev"),
                  encoding="ascii") as file:
            text = file.read()
        return packets(self.gpg("--dearmor", given=text[text.index(":-----BEGIN") + 1:].encode()))[0][1]

    def test_revocations_are_honoured_even_if_they_are_odd(self):
        key, body = self.curve, self.revocation("curve")
        self.not_taken(joined(key[:1] + [(SIGNATURE, body)] + key[1:]), "was revoked; pass another one")
        odd = "has a revocation that could not be verified"
        for one in (flipped(body), body[:3] + b"\x63" + body[4:], b"\x03\x05\x20" + bytes(20)):
            # gpg drops what it cannot verify.
            self.not_taken(joined(key[:1] + [(SIGNATURE, one)] + key[1:]), odd, by_gpg=True)
        for one in (b"\x06" + body[1:], body[:2]):
            self.not_taken(joined(key[:1] + [(SIGNATURE, one)] + key[1:]), odd)
        # gpg --import finds it at the wrong place, and --recipient-file does not.
        self.not_taken(joined(key + [(SIGNATURE, body)]), odd, by_gpg=True)

    def test_revoked_subkeys_get_no_share(self):
        self.make("subrev", CURVE)
        before = packets(self.public("subrev"))
        self.gpg_edit("subrev", "key 1\nrevkey\ny\n0\n\ny\nsave\n")
        key = packets(self.public("subrev"))
        at = next(i for i, (tag, body) in enumerate(key) if tag == SIGNATURE and body[1] == 0x28)
        says = "its subkey for that was revoked; pass another one"
        self.not_taken(joined(key), says)
        # The same subkey once more, without its revocation: gpg's --recipient-file takes that one.
        self.not_taken(joined(key + before[3:]), says, by_gpg=True)
        self.not_taken(joined(before + key[3:]), says, by_gpg=True)
        self.not_taken(joined(key[:at] + [(SIGNATURE, flipped(key[at][1]))] + key[at + 1:]), says, by_gpg=True)

    def gpg_edit(self, name, commands):
        self.run_gpg("--command-fd", "0", "--edit-key", self.fingerprint(name), given=commands.encode())

    def test_subkeys_of_others_get_no_share(self):
        self.make("mallory", CURVE)
        other = packets(self.public("mallory"))
        says = "has a subkey for encryption that its owner did not sign validly"
        key = self.curve
        for added in (other[3:4], other[3:], [other[3], key[4]]):
            self.not_taken(joined(key[:3] + added), says)
            self.taken(joined(key + added), "own subkey")
        self.not_taken(joined(key[:4] + [(SIGNATURE, flipped(key[4][1]))]), says)
        self.not_taken(joined(key[:2] + [(SIGNATURE, flipped(key[2][1]))] + key[3:]), "no user id with a valid")
        self.gpg("--delete-secret-keys", self.fingerprint("mallory"))
        self.taken(joined(key + other[3:]), "only the owner can open it")

    def test_files_of_several_keys(self):
        self.make("second", CURVE)
        both = self.public("curve") + self.public("second")
        # gpg's --recipient-file takes the first; which one was meant is not ours to guess.
        self.not_taken(both, "is a file of several keys; pass one public key per file", by_gpg=True)
        self.not_taken(self.public("curve", "--armor") + self.public("second", "--armor"), "several keys",
                       by_gpg=True)

    def test_private_keys_are_refused_where_public_ones_belong(self):
        says = "is a private key"
        for key in (self.private("curve"), self.public("curve") + self.private("curve")):
            self.fails(INVALID, *self.anew(), "init", "--pgp-key", self.file_of(key), key=False, says=says)
        for key in (self.private("curve", "--armor"),
                    b"Hi,\n" + self.public("curve", "--armor") + self.private("curve", "--armor")):
            self.fails(INVALID, *self.anew(), "init", "--pgp-key", self.file_of(key), key=False, says=says)


class Armor(RealKeys):
    def forms(self, num_left=1):
        """Lines of the armor: the first, those of the body, the checksum, the last. The lengths of signatures
        differ, so a trust packet fills the key up: the last group of the body has num_left bytes, or 0."""
        key = next(joined(self.curve + [(TRUST, bytes(n))]) for n in range(3)
                   if len(joined(self.curve + [(TRUST, bytes(n))])) % 3 == num_left)
        lines = [line for line in self.gpg("--enarmor", given=key).decode().replace(
            "ARMORED FILE", "PUBLIC KEY BLOCK").splitlines() if not line.startswith("Comment:")]
        return lines[0], lines[2:-2], lines[-2], lines[-1]

    def test_armor_that_gpg_takes(self):
        armored = self.public("curve", "--armor")
        begin, body, crc, end = self.forms()
        message = self.gpg("--armor", "--encrypt", "-r", "=curve", given=b"x")
        for form in (armored.replace(b"\n", b" \t\n"), armored.replace(b"\n", b"\r\n"),
                     b"Hi,\nmy key:\n\n" + armored + b"\nbye\n-- \nme\n",
                     "Grüße\n\n".encode() + armored, armored.replace(b"\n", b"\n  "),
                     armored + message, message + armored, self.gpg("--armor", "--detach-sign", given=b"x") + armored,
                     *("\n".join(lines).encode() for lines in (
                         [begin, "Version: GnuPG v1", "Comment: x", "Hash: SHA256", "", *body, crc, end],
                         [begin, "  ", *body, crc, end], [begin, "", *body, end], [begin, "", *body, crc, ""],
                         [begin, "", body[0], "", *body[1:], crc, "", end], [begin, "", "".join(body) + crc, end]))):
            self.taken(form, form)
        # Those that gpg does not take, and nobody can read in two ways.
        self.taken("Ü\n".encode() + armored, "a mail whose first byte looks like a packet", by_gpg=False)
        self.taken("\n".join([begin, *body, crc, end]).encode(), "no empty line", by_gpg=False)
        self.taken("".join(body).encode(), "base64", by_gpg=False)
        # Without padding and checksum, gpg reads the last line as if it were base64.
        begin, body, crc, end = self.forms(num_left=0)
        self.taken("\n".join([begin, "", *body, end]).encode(), "no sum, no padding", by_gpg=False)

    def test_armor_that_is_refused(self):
        armored = self.public("curve", "--armor")
        begin, body, crc, end = self.forms()

        def lines(*some):
            return "\n".join(some).encode()
        displaced = "no line begins with a whole"
        for form in (armored.replace(b"\n", b"\n> ").join([b"> ", b""]), b"  " + armored, b"key: " + armored,
                     armored.replace(b"\n", b"\r"), armored.replace(b"-----", b"- -----")):
            self.not_taken(form, displaced)
        self.not_taken(lines(begin, "", *body, "=AAAA", end), "the checksum of its ASCII armor is wrong")
        self.not_taken(lines(begin, "", *body, "=AA", end), "has damaged ASCII armor")
        self.not_taken(lines(begin, "", body[0][:9] + "!!" + body[0][9:], *body[1:], crc, end), "damaged ASCII armor")
        self.not_taken(lines(begin, "no colon here", "", *body, crc, end), "damaged ASCII armor")
        self.not_taken(lines(begin, "", *body[:3]), "is cut short; pass an intact copy of it")
        # It has neither a checksum nor an end, so nobody knows what is missing. gpg takes whole packets.
        self.not_taken(lines(begin, "", *body), "is cut short", by_gpg=True)
        self.not_taken(self.gpg("--clear-sign", given=armored), "is a signed text")
        self.not_taken(self.gpg("--armor", "--encrypt", "-r", "=curve", given=b"x"), "is not an OpenPGP public key")
        self.not_taken(armored.lower(), "is not an OpenPGP public key")
        self.not_taken(armored.replace(b"PUBLIC KEY BLOCK", b"MESSAGE"), "is not an OpenPGP public key")

    def test_messages_in_mails(self):
        made = self.made("init", "--pgp-key", self.file_of(self.public("curve")), key=False)
        key = ["--pgp-private-key", self.file_of(self.private("curve"))]
        share = self.gpg("--decrypt", given=bytes.fromhex(made["keys"][0]))
        self.secrets.append(share)
        armored = self.gpg("--armor", "--encrypt", "-r", "=curve", given=share)
        bare = re.sub(rb"\n=....\n", b"\n", armored)
        for form in (armored, b"From: me\nDad,\n\nhere it is:\n\n" + armored + b"\nbye\n",
                     "Über\n\n".encode() + armored, armored.replace(b"\n", b" \r\n"), bare,
                     b"Hi\n" + self.public("curve", "--armor") + armored):
            self.ok("list", *self.given(form), *key, key=False)
        for form, says in ((armored.replace(b"\n", b"\n ")[:300], "is cut short"),
                           (re.sub(rb"\n=....\n", b"\n=AAAA\n", armored), "the checksum of its ASCII armor is wrong"),
                           (armored.replace(b"\n\n", b"\n\n!", 1), "has damaged ASCII armor"),
                           (b"\xd2\xff\x00\x00\x00\x02\x02\x09", "is in the format of OpenPGP v6"),
                           (bytes.fromhex(made["keys"][0])[:50], "is cut short")):
            file = self.file_of(form)
            self.assertIn(file, self.fails(INVALID, "list", "--share", file, *key, key=False, says=says))


class BadFiles(RealKeys):
    def bad(self):
        """What people pass by mistake, with what is said of it."""
        return ((b"", "is empty"), (b" \r\n\n", "is empty"), ("-----BEGIN PGP X".encode("utf-16"), "UTF-16"))

    def test_public_key_option(self):
        armored = self.public("curve", "--armor")
        for content, says in (*self.bad(), (armored[:300], "is cut short"),
                              (self.public("curve")[:55], "is cut short"), (self.public("curve") + b"junk", "is damaged"),
                              (b"\x7f" + os.urandom((1 << 20) - 1), "is not an OpenPGP public key")):
            says = "empty" if content == b"" else says
            self.not_taken(content, says)
        folder = self.path("folder")
        os.mkdir(folder)
        self.assertIn("it is a directory", self.fails(INVALID, *self.anew(), "init", "--pgp-key", folder, key=False,
                                                      says=folder))
        self.fails(TOO_LARGE, *self.anew(), "init", "--pgp-key", self.file_of(bytes((1 << 20) + 1)), key=False,
                   says="over 1048576 bytes")
        marked = self.file_of(b"\xef\xbb\xbf" + armored)
        self.fails(INVALID, *self.anew(), "init", "--pgp-key", marked, key=False, says="byte order mark")

    def test_private_key_option(self):
        self.ok("init", "--pgp-key", self.file_of(self.public("curve")), key=False)
        key = self.private("curve")
        for content, says in (*self.bad(), (self.private("curve", "--armor")[:300], "is cut short"),
                              (key[:40], "is cut short"), (b"CANARY", "is not an OpenPGP key"),
                              (self.public("curve"), "is a public one"), (V6.replace(b"\xc6", b"\xc5", 1), "OpenPGP v6"),
                              (b"\x7f" + os.urandom((1 << 18) - 1), "is not an OpenPGP key")):
            file = self.file_of(content)
            self.fails(INVALID, "list", "--pgp-private-key", file, key=False, says=f"the private key '{file}' {says}"
                       if says.startswith("is") else says)

    def test_passphrase_option(self):
        self.gpg("--passphrase", "open", "--quick-generate-key", "Guarded", "future-default", "default", "never")
        self.ok("init", "--pgp-key", self.file_of(self.public("Guarded")), key=False)
        key = self.file_of(self.gpg("--passphrase", "open", "--export-secret-keys", "=Guarded"))
        for content, status, says in ((b"", DENIED, "the passphrase given is empty"),
                                      (b"\nopen\n", DENIED, "the passphrase given is empty"),
                                      ("open".encode("utf-16"), INVALID, "is UTF-16")):
            self.fails(status, "list", "--pgp-private-key", key, "--pgp-passphrase-file", self.file_of(content),
                       key=False, says=says)
        self.ok("list", "--pgp-private-key", key, "--pgp-passphrase-file", self.file_of(b"open\r\n"), key=False)


if __name__ == "__main__":
    cli_test.main(globals())
