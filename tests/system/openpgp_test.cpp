// openpgp_test.cpp: shares wrapped here and read by gpg, and the reverse; what is refused; and what
// becomes of a host whose helper misbehaves.
#include <botan/block_cipher.h>
#include <botan/hex.h>
#include <gtest/gtest.h>
#include <sodium.h>

#include <chrono>

#include "memory_scan.hpp"
#include "openpgp_fixture.hpp"
#include "strongroom/backend.hpp"
#include "strongroom/impl/crypto/aead.hpp"
#include "support/process.hpp"

namespace strongroom::testing::openpgp_test {
namespace {

using std::chrono::steady_clock;

double seconds_since(steady_clock::time_point begin) {
  return std::chrono::duration<double>(steady_clock::now() - begin).count();
}

// It takes long to make, so it is made here alone.
void make_rsa4096(const GpgHome& home) {
  static const bool made = [&] {
    home.make_key("rsa4096",
                  "Key-Type: RSA\nKey-Length: 4096\nKey-Usage: sign\nSubkey-Type: RSA\n"
                  "Subkey-Length: 4096\nSubkey-Usage: encrypt");
    return true;
  }();
  ASSERT_TRUE(made);
}

TEST_F(OpenPgpTest, GpgDecryptsWhatWasWrapped) {
  make_rsa4096(home());
  const std::vector<std::string> names = {"rsa2048", "rsa4096", "curve", "nist"};
  std::vector<std::string> texts;
  std::vector<Bytes> keys;
  for (const auto& name : names) {
    texts.push_back(kShareText + std::to_string(texts.size()));
    keys.push_back(home().public_key(name));
  }
  const auto shares = wrap(texts, keys);
  ASSERT_TRUE(shares) << shares.error().message;
  ASSERT_EQ(shares->size(), names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    EXPECT_EQ(hex((*shares)[i].fingerprint), home().fingerprint(names[i]));
    EXPECT_EQ(home().gpg({"--decrypt"}, (*shares)[i].message), bytes(texts[i])) << names[i];
  }
}

TEST_F(OpenPgpTest, WhatWasWrappedUsesAes256AndIsWhole) {
  const auto shares = wrap({kShareText}, {home().public_key("curve")});
  ASSERT_TRUE(shares);
  home().gpg({"--verbose", "--decrypt"}, (*shares)[0].message);
  const Bytes listed = home().gpg({"--list-packets"}, (*shares)[0].message);
  const std::string packets(listed.begin(), listed.end());
  EXPECT_NE(packets.find("mdc_method"), std::string::npos) << packets;
  home().gpg({"--show-session-key", "--decrypt"}, (*shares)[0].message);
  EXPECT_NE(home().error().find("session key: '9:"), std::string::npos) << home().error();
}

TEST_F(OpenPgpTest, MessageOfGpgIsUnwrapped) {
  make_rsa4096(home());
  for (const std::string name : {"rsa2048", "rsa4096", "curve"}) {
    for (const std::string compression : {"none", "zip", "zlib", "bzip2"}) {
      const Bytes message =
          home().gpg({"--encrypt", "--compress-algo", compression, "-r", name}, bytes(kShareText));
      const auto got = unwrap(message, home().private_key(name));
      ASSERT_TRUE(got) << name << " " << compression << ": " << got.error().message;
      EXPECT_EQ(text(*got), kShareText);
    }
  }
}

TEST_F(OpenPgpTest, SignedMessageForSeveralPeopleIsUnwrapped) {
  make_rsa4096(home());
  const Bytes message = home().gpg(
      {"--sign", "--encrypt", "-u", "rsa2048", "-r", "rsa4096", "-r", "curve"}, bytes(kShareText));
  const auto got = unwrap(message, home().private_key("curve"));
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(text(*got), kShareText);
}

TEST_F(OpenPgpTest, KeyIsTakenInEveryForm) {
  const Bytes binary = home().public_key("rsa2048");
  const Bytes armored = home().gpg({"--armor", "--export", "rsa2048"});
  const std::string armored_text(armored.begin(), armored.end());
  const std::vector<Bytes> forms = {
      binary,
      armored,
      bytes(base64(binary)),
      bytes(wrapped_at(base64(binary), 76)),
      bytes(base64(armored)),
      bytes(hex(binary)),
      bytes(wrapped_at(hex(binary), 64) + "\n\n"),
      bytes("\xEF\xBB\xBF" + armored_text),
      bytes("here is my key:\n\n" + armored_text + "\nbye\n"),
  };
  for (std::size_t i = 0; i < forms.size(); ++i) {
    const auto looked = inspect({forms[i]});
    ASSERT_TRUE(looked) << i << ": " << looked.error().message;
    EXPECT_EQ(hex((*looked)[0].fingerprint), home().fingerprint("rsa2048")) << i;
    EXPECT_TRUE((*looked)[0].message.empty());
  }
}

TEST_F(OpenPgpTest, MessageAndPrivateKeyAreTakenInEveryForm) {
  const Bytes binary = home().gpg({"--encrypt", "-r", "curve"}, bytes(kShareText));
  const Bytes armored = home().gpg({"--armor", "--encrypt", "-r", "curve"}, bytes(kShareText));
  const Bytes key = home().private_key("curve");
  const Bytes armored_key = home().gpg({"--armor", "--export-secret-keys", "curve"});
  for (const Bytes& message :
       {binary, armored, bytes(hex(binary)), bytes(wrapped_at(base64(binary), 64))}) {
    const auto got = unwrap(message, armored_key);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(text(*got), kShareText);
  }
  for (const Bytes& form : {key, bytes(base64(key)), bytes(wrapped_at(hex(key), 80))}) {
    const auto got = unwrap(binary, form);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(text(*got), kShareText);
  }
}

TEST_F(OpenPgpTest, PrivateKeyWithPassphraseOpensWithThatAlone) {
  const Bytes message = home().gpg({"--encrypt", "-r", "guarded"}, bytes(kShareText));
  const Bytes key = home().gpg({"--passphrase", kPassphrase, "--export-secret-keys", "guarded"});
  const auto got = unwrap(message, key, kPassphrase);
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(text(*got), kShareText);

  const auto wrong = unwrap(message, key, "incorrect horse");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Code::denied);
  EXPECT_NE(wrong.error().message.find("was wrong"), std::string::npos) << wrong.error().message;
  const auto none = unwrap(message, key);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::denied);
  EXPECT_NE(none.error().message.find("none was given"), std::string::npos);
}

TEST_F(OpenPgpTest, ExpiredPrivateKeyStillUnwraps) {
  const Bytes message = home().gpg(
      {"--faked-system-time", "20200201T000000", "--encrypt", "-r", "expired"}, bytes(kShareText));
  const auto got = unwrap(message, home().private_key("expired"));
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(text(*got), kShareText);
}

TEST_F(OpenPgpTest, RevokedPrivateKeyStillUnwraps) {
  home().make_key("lost",
                  "Key-Type: RSA\nKey-Length: 2048\nKey-Usage: sign\nSubkey-Type: RSA\n"
                  "Subkey-Length: 2048\nSubkey-Usage: encrypt");
  const auto shares = wrap({kShareText}, {home().public_key("lost")});
  ASSERT_TRUE(shares) << shares.error().message;
  Keys::revoke(home(), "lost");
  const auto refused = inspect({home().public_key("lost")});
  ASSERT_FALSE(refused);
  const auto got = unwrap((*shares)[0].message, home().private_key("lost"));
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(text(*got), kShareText);
}

struct BadKey {
  std::string name;
  Bytes key;
  std::string says;
};

TEST_F(OpenPgpTest, EveryBadKeyIsNamedAndSaysWhatToDo) {
  Bytes two = home().public_key("curve");
  const Bytes second = home().public_key("rsa2048");
  two.insert(two.end(), second.begin(), second.end());
  Bytes armored = home().gpg({"--armor", "--export", "curve"});
  const Bytes armored_second = home().gpg({"--armor", "--export", "rsa2048"});
  armored.insert(armored.end(), armored_second.begin(), armored_second.end());
  Bytes cut = home().public_key("rsa2048");
  cut.resize(cut.size() / 3);
  Bytes flipped = home().public_key("rsa2048");
  flipped[40] ^= 1;
  Bytes noise(100'000);
  randombytes_buf(noise.data(), noise.size());
  noise[0] &= 0x7F;  // no packet begins so; one in 64 would be taken for a private key's
  const std::vector<BadKey> bad = {
      {"expired", home().public_key("expired"), "has expired"},
      {"revoked", home().public_key("revoked"), "was revoked"},
      {"expired subkey", home().public_key("oldsubkey"), "has expired"},
      {"sign only", home().public_key("signonly"), "can sign but not encrypt"},
      {"short RSA", home().public_key("rsa1024"), "less than 2048 bits"},
      {"two keys", two, "several keys"},
      {"two armored keys", armored, "several keys"},
      {"private", home().private_key("curve"), "private key"},
      {"armored private", home().gpg({"--armor", "--export-secret-keys", "curve"}), "private key"},
      {"cut short", cut, "is cut short"},
      {"flipped", flipped, "no user id with a valid signature"},
      {"noise", noise, "not an OpenPGP public key"},
      {"empty", {}, "was empty"},
      {"text", bytes("hello, here is my key"), "not an OpenPGP public key"},
      {"zeros", Bytes(1000, 0), "not an OpenPGP public key"},
      {"a message", home().gpg({"--encrypt", "-r", "curve"}, bytes("x")),
       "not an OpenPGP public key"},
      {"broken armor", bytes("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n####\n"),
       "has damaged ASCII armor"},
  };
  for (const BadKey& one : bad) {
    const std::vector<Bytes> keys = {home().public_key("curve"), one.key};
    for (const auto& result : {wrap({kShareText, kShareText}, keys), inspect(keys)}) {
      ASSERT_FALSE(result) << one.name;
      EXPECT_EQ(result.error().code, Code::invalid) << one.name;
      EXPECT_EQ(result.error().message.rfind("key 2 ", 0), 0U) << result.error().message;
      EXPECT_NE(result.error().message.find(one.says), std::string::npos)
          << one.name << ": " << result.error().message;
    }
  }
}

TEST_F(OpenPgpTest, TooFewKeysAreRefused) {
  const auto result = wrap({kShareText, kShareText, kShareText},
                           {home().public_key("curve"), home().public_key("rsa2048")});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::invalid);
}

TEST_F(OpenPgpTest, TenMegabytesOfGarbageAreRefusedAtOnce) {
  Bytes garbage(10'000'000);
  randombytes_buf(garbage.data(), garbage.size());
  const auto begin = steady_clock::now();
  const auto key = inspect({garbage});
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().code, Code::too_large);
  const auto message = unwrap(garbage, home().private_key("curve"));
  ASSERT_FALSE(message);
  EXPECT_EQ(message.error().code, Code::too_large);
  const auto private_key = unwrap(bytes("x"), garbage);
  ASSERT_FALSE(private_key);
  EXPECT_EQ(private_key.error().code, Code::too_large);
  EXPECT_LT(seconds_since(begin), 2.0);
}

TEST_F(OpenPgpTest, GarbageOfTheLargestSizeIsRefusedSoon) {
  Bytes garbage(kMaxOpenPgpKeyLen);
  for (const int first : {0x99, 0xC6, int{'A'}, 0}) {
    randombytes_buf(garbage.data(), garbage.size());
    if (first == 'A') std::fill(garbage.begin(), garbage.end(), std::uint8_t{'A'});
    garbage[0] = static_cast<std::uint8_t>(first);
    const auto begin = steady_clock::now();
    const auto key = inspect({garbage});
    ASSERT_FALSE(key);
    EXPECT_EQ(key.error().code, Code::invalid) << key.error().message;
    EXPECT_LT(seconds_since(begin), kSanitized ? 20.0 : 2.0);
  }
}

TEST_F(OpenPgpTest, ForeignOrPublicKeyDoesNotUnwrap) {
  const Bytes message = home().gpg({"--encrypt", "-r", "curve"}, bytes(kShareText));
  const auto foreign = unwrap(message, home().private_key("rsa2048"));
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().code, Code::denied);
  EXPECT_NE(foreign.error().message.find("another key"), std::string::npos);
  const auto open = unwrap(message, home().public_key("curve"));
  ASSERT_FALSE(open);
  EXPECT_EQ(open.error().code, Code::invalid);
  EXPECT_NE(open.error().message.find("public one"), std::string::npos);
  const auto garbage = unwrap(message, bytes("garbage"));
  ASSERT_FALSE(garbage);
  EXPECT_EQ(garbage.error().code, Code::invalid);
}

TEST_F(OpenPgpTest, BadMessagesAreRefused) {
  const Bytes key = home().private_key("rsa2048");
  const Bytes good = home().gpg({"--encrypt", "-r", "rsa2048"}, bytes(kShareText));
  Bytes flipped = good;
  flipped[flipped.size() - 30] ^= 1;
  Bytes cut = good;
  cut.resize(cut.size() - 10);
  const Bytes plain = home().gpg({"--store"}, bytes(kShareText));
  const Bytes signature = home().gpg({"--sign", "-u", "rsa2048"}, bytes(kShareText));
  const Bytes password =
      home().gpg({"--passphrase", kPassphrase, "--symmetric"}, bytes(kShareText));
  for (const Bytes& bad : {flipped, cut, plain, signature, bytes("garbage"), Bytes(), key}) {
    const auto got = unwrap(bad, key);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, Code::invalid) << got.error().message;
  }
  const auto symmetric = unwrap(password, key, kPassphrase);
  ASSERT_FALSE(symmetric);
  EXPECT_EQ(symmetric.error().code, Code::denied) << symmetric.error().message;
}

// without_integrity encrypts a text as OpenPGP did before it had integrity protection, under the
// session key of a message. RFC 4880, sections 5.7 and 13.9.
Bytes without_integrity(const Bytes& message, const std::string& session_key, const Bytes& text) {
  Bytes packet = {0xCB, static_cast<std::uint8_t>(text.size() + 6), 'b', 0, 0, 0, 0, 0};
  packet.insert(packet.end(), text.begin(), text.end());
  const auto cipher = Botan::BlockCipher::create_or_throw("AES-256");
  cipher->set_key(Botan::hex_decode(session_key));
  Bytes out;
  const auto encrypt = [&](Bytes vector, const Bytes& plain) {
    for (std::size_t i = 0; i < plain.size(); ++i) {
      if (i % 16 == 0) cipher->encrypt(vector);
      vector[i % 16] ^= plain[i];
      out.push_back(vector[i % 16]);
    }
  };
  Bytes prefix(18, 7);
  encrypt(Bytes(16), prefix);
  encrypt(Bytes(out.begin() + 2, out.begin() + 18), packet);
  const std::size_t first = 3 + (std::size_t{message[1]} << 8 | message[2]);  // the key packet
  Bytes made(message.begin(), message.begin() + static_cast<std::ptrdiff_t>(first));
  made.insert(made.end(), {0xC9, static_cast<std::uint8_t>(out.size())});
  made.insert(made.end(), out.begin(), out.end());
  return made;
}

TEST_F(OpenPgpTest, MessageWithoutIntegrityProtectionIsRefused) {
  const Bytes good = home().gpg({"--encrypt", "-r", "rsa2048"}, bytes(kShareText));
  ASSERT_EQ(good[0], 0x85);  // an old-format packet with two bytes of length
  home().gpg({"--show-session-key", "--decrypt"}, good);
  const std::string told = home().error();
  const std::size_t at = told.find("session key: '9:");
  ASSERT_NE(at, std::string::npos) << told;
  const Bytes message = without_integrity(good, told.substr(at + 16, 64), bytes(kShareText));
  ASSERT_EQ(home().gpg({"--ignore-mdc-error", "--decrypt"}, message), bytes(kShareText));

  const auto got = unwrap(message, home().private_key("rsa2048"));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::invalid);
  EXPECT_NE(got.error().message.find("no integrity protection"), std::string::npos)
      << got.error().message;
}

TEST_F(OpenPgpTest, CompressionBombEndsAtTheLimit) {
  const Bytes bomb = home().gpg({"--encrypt", "-z", "9", "-r", "curve"}, Bytes(20'000'000));
  ASSERT_LT(bomb.size(), kMaxOpenPgpMessageLen);
  const auto begin = steady_clock::now();
  const auto got = unwrap(bomb, home().private_key("curve"));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::too_large) << got.error().message;
  EXPECT_LT(seconds_since(begin), 5.0);
}

TEST_F(OpenPgpTest, TextOfTheLargestSizeGoesBothWays) {
  const std::string largest(4096, 'x');
  const auto shares = wrap({largest}, {home().public_key("curve")});
  ASSERT_TRUE(shares) << shares.error().message;
  const auto got = unwrap((*shares)[0].message, home().private_key("curve"));
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(text(*got), largest);
  const auto more = wrap({largest + "x"}, {home().public_key("curve")});
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, Code::too_large);
}

TEST_F(OpenPgpTest, TwoHundredFiftyFiveKeysAreWrappedInOrder) {
  const std::vector<std::string> names = {"curve", "rsa2048"};
  const std::vector<Bytes> two = {home().public_key("curve"), home().public_key("rsa2048")};
  std::vector<Bytes> keys;
  for (std::size_t i = 0; i < 255; ++i) keys.push_back(two[i % 2]);
  const auto shares = wrap(std::vector<std::string>(255, kShareText), keys);
  ASSERT_TRUE(shares) << shares.error().message;
  for (std::size_t i = 0; i < 255; ++i) {
    EXPECT_EQ(hex((*shares)[i].fingerprint), home().fingerprint(names[i % 2]));
  }
}

TEST_F(OpenPgpTest, GeneratedPairServesGpgAndOurselves) {
  const auto pair = real()->generate(2048, "Störche & Söhne <store@example.org>");
  ASSERT_TRUE(pair) << pair.error().message;
  const auto shares = wrap({kShareText}, {pair->public_key});
  ASSERT_TRUE(shares) << shares.error().message;
  EXPECT_EQ((*shares)[0].fingerprint, pair->fingerprint);
  const auto got = real()->unwrap((*shares)[0].message, pair->private_key.view(), {});
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(text(*got), kShareText);

  const GpgHome other;
  const std::string armored(pair->private_key.reveal_text());
  other.gpg({"--import"}, bytes(armored));
  EXPECT_EQ(other.fingerprint("store@example.org"), hex(pair->fingerprint));
  EXPECT_EQ(other.gpg({"--decrypt"}, (*shares)[0].message), bytes(kShareText));
  const Bytes from_gpg = other.gpg({"--encrypt", "-r", "store@example.org"}, bytes(kShareText));
  const auto back = real()->unwrap(from_gpg, pair->private_key.view(), {});
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(text(*back), kShareText);
}

TEST_F(OpenPgpTest, GenerateRefusesOddWishes) {
  for (const unsigned bits : {0U, 1024U, 2047U, 2049U, 8192U}) {
    const auto pair = real()->generate(bits, "someone");
    ASSERT_FALSE(pair);
    EXPECT_EQ(pair.error().code, Code::invalid);
  }
  for (const std::string& name :
       {std::string(), std::string(128, 'x'), std::string("a\nb"), std::string("\xFF")}) {
    const auto pair = real()->generate(2048, name);
    ASSERT_FALSE(pair);
    EXPECT_EQ(pair.error().code, Code::invalid);
  }
  EXPECT_TRUE(real()->generate(2048, std::string(127, 'x')));
}

TEST_F(OpenPgpTest, NothingOfAnUnwrappedTextStaysInThisProcess) {
  const Masked wanted = Masked::random(88);
  auto share = SecretBytes::for_key(wanted.size()).value();
  wanted.unmask_to(share.reveal_mutable().data());
  const Bytes public_key = home().public_key("rsa2048");
  const Bytes private_key = home().private_key("rsa2048");
  const SecretView share_view = share.view();
  const ByteView key_view(public_key);
  const auto shares = real()->wrap({&share_view, 1}, {&key_view, 1});
  ASSERT_TRUE(shares) << shares.error().message;
  share.wipe();
  ASSERT_FALSE(in_memory(wanted));

  auto got = real()->unwrap((*shares)[0].message, SecretView(private_key), {});
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_TRUE(wanted.matches(got->reveal().data()));
  EXPECT_TRUE(in_memory(wanted));
  got->wipe();
  EXPECT_FALSE(in_memory(wanted));
}

}  // namespace
}  // namespace strongroom::testing::openpgp_test
