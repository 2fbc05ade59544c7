#include "strongroom/credential.hpp"

#include <gtest/gtest.h>
#include <sodium.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <random>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "strongroom/impl/crypto/digest.hpp"
#include "strongroom/impl/crypto/secret_arena.hpp"
#include "support/process.hpp"

namespace strongroom::credential_test {
namespace {

using testing::Complaint;
using testing::in_child;

// Made with Python's hashlib.blake2b(.., digest_size=32), another implementation of RFC 7693, out of
// set id 10..17, x 7, y 40..5f; and of store id 20..2f, slot 0x103, key 80..9f.
const std::string kShareText =
    "01101112131415161707404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f5313b3a8";
const std::string kKeyText =
    "02202122232425262728292a2b2c2d2e2f00000103808182838485868788898a8b8c8d8e8f90919293949596979899"
    "9a"
    "9b9c9d9e9f1a42f8a8";

// The texts of these tests are no secrets; a program's own never are strings.
Result<Credential> parse(std::string_view text) {
  return Credential::parse(SecretView(text.data(), text.size()));
}

template <typename Bytes>
void count_from(Bytes&& bytes, std::uint8_t first) {
  std::iota(bytes.begin(), bytes.end(), first);
}

Credential share() {
  Credential made;
  made.kind = Credential::Kind::share;
  count_from(made.set, 0x10);
  made.secret = SecretBytes::for_key(33).value();
  made.secret.reveal_mutable()[0] = 7;
  count_from(made.secret.reveal_mutable().subspan(1), 0x40);
  return made;
}

Credential key() {
  Credential made;
  made.kind = Credential::Kind::key;
  count_from(made.store, 0x20);
  made.slot = 0x103;
  made.secret = SecretBytes::for_key(32).value();
  count_from(made.secret.reveal_mutable(), 0x80);
  return made;
}

::testing::AssertionResult is_refused(std::string_view text) {
  const auto parsed = parse(text);
  if (parsed) return ::testing::AssertionFailure() << "taken: " << text;
  if (parsed.error().code != Code::invalid) return ::testing::AssertionFailure() << "wrong code";
  return ::testing::AssertionSuccess();
}

TEST(Credential, TextIsAsAnotherImplementationMakesIt) {
  EXPECT_EQ(share().text().value().reveal_text(), kShareText);
  EXPECT_EQ(key().text().value().reveal_text(), kKeyText);
}

TEST(Credential, ShareComesBackFromItsText) {
  const auto parsed = parse(kShareText);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->kind, Credential::Kind::share);
  EXPECT_EQ(parsed->set, share().set);
  EXPECT_TRUE(same_secret(parsed->secret.view(), share().secret.view()));
}

TEST(Credential, KeyComesBackFromItsText) {
  const auto parsed = parse(kKeyText);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->kind, Credential::Kind::key);
  EXPECT_EQ(parsed->store, key().store);
  EXPECT_EQ(parsed->slot, 0x103U);
  EXPECT_TRUE(same_secret(parsed->secret.view(), key().secret.view()));
}

TEST(Credential, ExtremesSurviveTheRoundTrip) {
  for (const SlotId slot : {SlotId{0}, SlotId{1}, SlotId{0x80000000}, SlotId{0xffffffff}}) {
    Credential made = key();
    made.slot = slot;
    EXPECT_EQ(Credential::parse(made.text().value().view()).value().slot, slot);
  }
  for (const int byte : {0x00, 0xff}) {
    Credential made = share();
    std::memset(made.secret.reveal_mutable().data(), byte, 33);
    const auto parsed = Credential::parse(made.text().value().view());
    ASSERT_TRUE(parsed);
    EXPECT_TRUE(same_secret(parsed->secret.view(), made.secret.view()));
  }
}

TEST(Credential, EveryMistypedDigitIsNoticed) {
  for (const std::string& text : {kShareText, kKeyText}) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      for (const char digit : std::string_view("0123456789abcdef")) {
        if (digit == text[i]) continue;
        std::string mistyped = text;
        mistyped[i] = digit;
        ASSERT_TRUE(is_refused(mistyped)) << i;
      }
    }
  }
}

TEST(Credential, SwappedNeighboursAreNoticed) {
  for (const std::string& text : {kShareText, kKeyText}) {
    for (std::size_t i = 0; i + 1 < text.size(); ++i) {
      if (text[i] == text[i + 1]) continue;
      std::string mistyped = text;
      std::swap(mistyped[i], mistyped[i + 1]);
      ASSERT_TRUE(is_refused(mistyped)) << i;
    }
  }
}

TEST(Credential, CutShortOrDrawnOutAtAnyLengthIsRefused) {
  for (const std::string& text : {kShareText, kKeyText}) {
    for (std::size_t len = 0; len < text.size(); ++len) {
      ASSERT_TRUE(is_refused(text.substr(0, len))) << len;
      ASSERT_TRUE(is_refused(text.substr(text.size() - len))) << len;
    }
    for (const char* more : {"0", "00", "a8", "g", "0000000000000000000000"}) {
      ASSERT_TRUE(is_refused(text + more));
      ASSERT_TRUE(is_refused(more + text));
    }
    ASSERT_TRUE(is_refused(text + text));
  }
}

// With a check that is right, so that nothing but the form can refuse it.
std::string with_check(std::vector<std::uint8_t> body) {
  const Digest check = digest(body);
  body.insert(body.end(), check.begin(), check.begin() + 4);
  std::string text(2 * body.size() + 1, '\0');
  sodium_bin2hex(text.data(), text.size(), body.data(), body.size());
  text.pop_back();
  return text;
}

TEST(Credential, OneKindInTheLengthOfTheOtherIsRefused) {
  for (std::size_t len = 1; len < 80; ++len) {
    for (const int kind : {0, 1, 2, 3, 255}) {
      std::vector<std::uint8_t> body(len, 0x5a);
      body[0] = static_cast<std::uint8_t>(kind);
      const bool genuine = (kind == 1 && len == 42) || (kind == 2 && len == 53);
      ASSERT_EQ(parse(with_check(body)).ok(), genuine) << kind << " " << len;
    }
  }
}

TEST(Credential, EmptyTextAndWhiteSpaceAloneAreRefused) {
  EXPECT_TRUE(is_refused(""));
  EXPECT_TRUE(is_refused(" "));
  EXPECT_TRUE(is_refused("\r\n\t "));
  EXPECT_FALSE(Credential::parse(SecretView()));
}

TEST(Credential, WhiteSpaceAroundItIsDropped) {
  for (const char* space : {" ", "\n", "\r\n", "\t", " \t\r\n \n"}) {
    EXPECT_TRUE(parse(kKeyText + space));
    EXPECT_TRUE(parse(space + kKeyText));
    EXPECT_TRUE(parse(space + kShareText + space));
  }
}

TEST(Credential, AnythingElseInOrAroundItIsRefused) {
  using std::string_literals::operator""s;
  for (const std::string& more : {"\0"s, "\v"s, "\f"s, "\u00a0"s, "\xef\xbb\xbf"s, "-"s, ":"s,
                                  "0x"s, "\""s, "\x7f"s, "\xff"s}) {
    EXPECT_TRUE(is_refused(kKeyText + more));
    EXPECT_TRUE(is_refused(more + kKeyText));
    EXPECT_TRUE(is_refused(kKeyText.substr(0, 10) + more + kKeyText.substr(10)));
    EXPECT_TRUE(is_refused(kKeyText.substr(0, 10) + more + kKeyText.substr(10 + more.size())));
  }
  EXPECT_TRUE(is_refused(kKeyText.substr(0, 10) + " " + kKeyText.substr(10)));
  EXPECT_TRUE(is_refused(kKeyText.substr(0, 10) + "\n" + kKeyText.substr(10)));
  EXPECT_TRUE(is_refused(kKeyText + "\n" + kKeyText));
}

TEST(Credential, UpperCaseIsTaken) {
  for (std::string text : {kShareText, kKeyText}) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](char c) { return c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c; });
    const auto parsed = parse(text);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->text().value().reveal_text().size(), text.size());
    EXPECT_NE(parsed->text().value().reveal_text(), text) << "it is written in lower case";
  }
}

TEST(Credential, GarbageOfAnySizeCostsNoMemory) {
  const std::size_t before = SecretArena::instance().stats().reserved_bytes;
  std::mt19937 random(5);
  std::string garbage(1 << 20, '\0');
  for (char& c : garbage) c = static_cast<char>(random());
  EXPECT_TRUE(is_refused(garbage));
  EXPECT_TRUE(is_refused(std::string(1 << 20, 'a')));
  EXPECT_TRUE(is_refused(std::string(1 << 20, ' ')));
  EXPECT_TRUE(parse(std::string(1 << 20, ' ') + kKeyText + std::string(1 << 20, '\n')));
  EXPECT_EQ(SecretArena::instance().stats().reserved_bytes, before);
}

TEST(Credential, RandomTextsNeverCrashAndNeverOpen) {
  std::mt19937 random(6);
  for (int round = 0; round < 2000; ++round) {
    std::string text(random() % 130, '\0');
    for (char& c : text) c = "0123456789abcdefABCDEF gz\n"[random() % 26];
    ASSERT_TRUE(is_refused(text));
  }
}

TEST(Credential, ErrorsNeverQuoteTheText) {
  std::string mistyped = kKeyText;
  mistyped[60] = mistyped[60] == '0' ? '1' : '0';
  for (const std::string& text : {mistyped, "g" + kKeyText.substr(1), kKeyText.substr(2)}) {
    const std::string message = parse(text).error().message;
    for (std::size_t i = 0; i + 6 <= text.size(); ++i) {
      EXPECT_EQ(message.find(text.substr(i, 6)), std::string::npos) << message;
    }
  }
}

TEST(Credential, MistypedIsToldFromForeignText) {
  std::string mistyped = kKeyText;
  mistyped[60] = mistyped[60] == '0' ? '1' : '0';
  EXPECT_NE(parse(mistyped).error().message, parse("hello").error().message);
}

// Key memory and never a string: guarded, and gone in a forked child.
TEST(Credential, TextAndSecretLieInKeyMemory) {
  static_assert(std::is_same_v<decltype(key().text()), Result<SecretBytes>>);
  static_assert(std::is_same_v<decltype(Credential::secret), SecretBytes>);
  static_assert(!std::is_invocable_v<decltype(&Credential::parse), std::string>);
  static_assert(!std::is_copy_constructible_v<Credential>);
  const SecretBytes text = key().text().value();
  const Credential parsed = parse(kShareText).value();
  EXPECT_EQ(in_child([&]() -> Complaint {
              if (text.intact() || parsed.secret.intact()) return "not told";
              const auto zeros = [](const SecretBytes& secret) {
                return sodium_is_zero(secret.reveal().data(), secret.size()) == 1;
              };
              return zeros(text) && zeros(parsed.secret) ? nullptr : "a child sees it";
            }),
            "");
}

// The child's copy is zeros: as text, they would look like a genuine credential.
TEST(Credential, ForkedChildCanNotWriteOneOfZeros) {
  const Credential parents = key();
  EXPECT_EQ(in_child([&]() -> Complaint {
              const auto text = parents.text();
              if (text) return "a key file of zeros";
              return text.error().code == Code::sealed ? nullptr : "wrong code";
            }),
            "");
}

TEST(Credential, OneWithoutItsSecretCanNotBeWritten) {
  EXPECT_EQ(Credential().text().error().code, Code::invalid);
  Credential wrong = key();
  wrong.kind = Credential::Kind::share;  // 32 bytes, not 33
  EXPECT_EQ(wrong.text().error().code, Code::invalid);
}

TEST(Digest, OfPartsIsThatOfTheWhole) {
  const std::vector<std::uint8_t> whole = {1, 2, 3, 4, 5};
  const std::vector<std::uint8_t> head = {1, 2};
  const std::vector<std::uint8_t> tail = {3, 4, 5};
  const std::vector<std::uint8_t> none;
  EXPECT_EQ(digest(whole), digest(head, tail));
  EXPECT_EQ(digest(whole), digest(none, head, none, tail));
  EXPECT_NE(digest(head), digest(tail));
  // RFC 7693's algorithm with 32 bytes of output; hashlib.blake2b(b"abc", digest_size=32).
  const Digest abc = digest(std::vector<std::uint8_t>{0x61, 0x62, 0x63});
  EXPECT_EQ(abc[0], 0xbd);
  EXPECT_EQ(abc[1], 0xdd);
  EXPECT_EQ(abc[31], 0x19);
}

}  // namespace
}  // namespace strongroom::credential_test
