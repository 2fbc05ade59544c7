#include "strongroom/impl/crypto/shamir.hpp"

#include <botan/auto_rng.h>
#include <botan/tss.h>
#include <gtest/gtest.h>
#include <sodium.h>

#include <algorithm>
#include <numeric>
#include <string_view>
#include <utility>
#include <vector>

#include "support/process.hpp"

namespace strongroom::shamir_test {
namespace {

using Buffer = std::vector<std::uint8_t>;

Buffer bytes_of(std::span<const std::uint8_t> bytes) {
  return Buffer(bytes.begin(), bytes.end());
}
SecretView view(const Buffer& bytes) {
  return SecretView(bytes.data(), bytes.size());
}

Buffer numbered(std::size_t len) {
  Buffer bytes(len);
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{7});
  return bytes;
}

Shares split(const Buffer& secret, unsigned threshold, unsigned shares) {
  auto made = split_secret(view(secret), threshold, shares);
  EXPECT_TRUE(made);
  return made ? std::move(made).value() : Shares();
}

Result<SecretBytes> combine(const std::vector<Buffer>& shares) {
  std::vector<SecretView> views;
  for (const Buffer& share : shares) views.push_back(view(share));
  return combine_shares(views);
}

// combined takes the shares whose bits are set in chosen.
Buffer combined(const Shares& shares, unsigned chosen) {
  std::vector<SecretView> views;
  for (unsigned i = 0; i < shares.size(); ++i) {
    if ((chosen >> i & 1U) != 0) views.push_back(shares[i]);
  }
  auto secret = combine_shares(views);
  EXPECT_TRUE(secret);
  return secret ? bytes_of(secret->reveal()) : Buffer();
}

// The field, checked against the plainest form: long multiplication, then long division by the
// polynomial of FIPS 197, section 4.2.
std::uint8_t slow_product(unsigned a, unsigned b) {
  unsigned product = 0;
  for (unsigned bit = 0; bit < 8; ++bit) {
    if ((b >> bit & 1U) != 0) product ^= a << bit;
  }
  for (unsigned bit = 15; bit >= 8; --bit) {
    if ((product >> bit & 1U) != 0) product ^= 0x11bU << (bit - 8);
  }
  return static_cast<std::uint8_t>(product);
}

TEST(Shamir, MultiplicationIsTheFieldsForAllPairs) {
  for (unsigned a = 0; a < 256; ++a) {
    for (unsigned b = 0; b < 256; ++b) {
      ASSERT_EQ(detail::gf_multiply(static_cast<std::uint8_t>(a), static_cast<std::uint8_t>(b)),
                slow_product(a, b))
          << a << " * " << b;
    }
  }
  static_assert(detail::gf_multiply(0x57, 0x83) == 0xc1, "the example of FIPS 197, section 4.2");
}

TEST(Shamir, InverseTimesItselfIsOne) {
  for (unsigned a = 1; a < 256; ++a) {
    const auto element = static_cast<std::uint8_t>(a);
    ASSERT_EQ(slow_product(element, detail::gf_invert(element)), 1) << a;
  }
}

TEST(Shamir, EveryChoiceOfThresholdOrMoreSharesGivesTheSecretBack) {
  const Buffer secret = numbered(32);
  for (unsigned num_shares = 1; num_shares <= 6; ++num_shares) {
    for (unsigned threshold = 1; threshold <= num_shares; ++threshold) {
      const auto shares = split(secret, threshold, num_shares);
      for (unsigned chosen = 1; chosen < 1U << num_shares; ++chosen) {
        const auto num_chosen = static_cast<unsigned>(__builtin_popcount(chosen));
        if (num_chosen >= threshold) {
          EXPECT_EQ(combined(shares, chosen), secret) << threshold << " of " << num_shares;
        } else {
          EXPECT_NE(combined(shares, chosen), secret) << threshold << " of " << num_shares;
        }
      }
    }
  }
}

TEST(Shamir, SharesInAnyOrderGiveTheSecretBack) {
  const Buffer secret = numbered(32);
  const auto shares = split(secret, 4, 4);
  std::vector<std::size_t> order = {0, 1, 2, 3};
  do {
    std::vector<SecretView> views;
    for (const std::size_t i : order) views.push_back(shares[i]);
    auto back = combine_shares(views);
    ASSERT_TRUE(back);
    EXPECT_EQ(bytes_of(back->reveal()), secret);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(Shamir, All255SharesAreMadeAndNeeded) {
  const Buffer secret = numbered(4);
  const auto shares = split(secret, 255, 255);
  ASSERT_EQ(shares.size(), 255U);
  std::vector<SecretView> views;
  for (unsigned i = 0; i < shares.size(); ++i) {
    EXPECT_EQ(shares[i].size(), 5U);
    EXPECT_EQ(shares[i].reveal()[0], i + 1);
    views.push_back(shares[i]);
  }
  auto whole = combine_shares(views);
  ASSERT_TRUE(whole);
  EXPECT_EQ(bytes_of(whole->reveal()), secret);
  views.pop_back();
  auto short_of_one = combine_shares(views);
  ASSERT_TRUE(short_of_one);
  EXPECT_NE(bytes_of(short_of_one->reveal()), secret);  // by chance once in 2^32
}

TEST(Shamir, SecretsOfEveryLengthAreShared) {
  for (const std::size_t len : {1U, 2U, 15U, 16U, 17U, 31U, 33U, 64U, 100U, 1000U, 5000U}) {
    const auto shares = split(numbered(len), 2, 3);
    EXPECT_EQ(combined(shares, 0b110), numbered(len)) << len;
  }
}

// With t - 1 shares every value is equally likely: over many splits of one secret, what a share
// holds takes all 256 values about as often. 16,384 draws of 256 values: 64 each, deviation 8.
TEST(Shamir, FewerSharesThanTheThresholdTellNothing) {
  constexpr int kLen = 2048;
  std::vector<int> share_count(256);
  std::vector<int> guess_count(256);
  for (int round = 0; round < 8; ++round) {
    const auto shares = split(Buffer(kLen, 0x42), 3, 3);
    for (const std::uint8_t byte : shares[1].reveal().subspan(1)) ++share_count[byte];
    for (const std::uint8_t byte : combined(shares, 0b011)) ++guess_count[byte];
  }
  for (const auto& count : {share_count, guess_count}) {
    EXPECT_GT(*std::min_element(count.begin(), count.end()), 64 - 6 * 8);
    EXPECT_LT(*std::max_element(count.begin(), count.end()), 64 + 7 * 8);
  }
}

TEST(Shamir, SplittingTwiceGivesOtherShares) {
  const Buffer secret = numbered(32);
  const auto first = split(secret, 2, 2);
  const auto second = split(secret, 2, 2);
  EXPECT_NE(bytes_of(first[0].reveal()), bytes_of(second[0].reveal()));
  EXPECT_NE(bytes_of(first[1].reveal()), bytes_of(second[1].reveal()));
}

// A block of key memory costs more than all arithmetic; so there is one, however many the shares.
TEST(Shamir, AllSharesLieSideBySideInOneBlock) {
  const Shares shares = split(numbered(32), 3, 255);
  ASSERT_EQ(shares.size(), 255U);
  for (std::size_t i = 1; i < shares.size(); ++i) {
    EXPECT_EQ(shares[i].size(), 33U);
    EXPECT_EQ(shares[i].reveal().data(), shares[i - 1].reveal().data() + 33);
  }
}

// The coefficients with one share are the secret, whatever the threshold.
TEST(Shamir, CoefficientsAreWipedBeforeTheSharesAreHandedOut) {
  for (const unsigned threshold : {2U, 3U, 5U, 255U}) {
    const Shares shares = split(numbered(32), threshold, threshold);
    const SecretView last = shares[shares.size() - 1];
    const std::uint8_t* const behind = last.reveal().data() + last.size();
    EXPECT_EQ(sodium_is_zero(behind, (threshold - 1) * std::size_t{32}), 1) << threshold;
  }
}

TEST(Shamir, SharesMoveAsAWholeAndLeaveNothingBehind) {
  const Buffer secret = numbered(32);
  Shares from = split(secret, 2, 3);
  const std::uint8_t* const where = from[0].reveal().data();
  Shares to = std::move(from);
  EXPECT_EQ(from.size(), 0U);
  EXPECT_EQ(to[0].reveal().data(), where) << "a move must not copy";
  EXPECT_EQ(combined(to, 0b101), secret);
  to = split(secret, 1, 1);
  EXPECT_EQ(to.size(), 1U);
  EXPECT_FALSE(testing::is_mapped(where));
  EXPECT_EQ(Shares().size(), 0U);
}

TEST(Shamir, ForkedChildSeesNoShare) {
  const Shares shares = split(numbered(32), 2, 3);
  EXPECT_TRUE(shares.intact());
  EXPECT_EQ(testing::in_child([&]() -> testing::Complaint {
              if (shares.intact()) return "said to be intact";
              const auto all = shares[0].reveal();
              return sodium_is_zero(all.data(), 3 * 33) == 1 ? nullptr : "a child sees a share";
            }),
            "");
}

TEST(Shamir, ForgedShareGivesAnotherSecret) {
  const Buffer secret = numbered(32);
  const auto shares = split(secret, 2, 2);
  Buffer forged = bytes_of(shares[0].reveal());
  for (std::size_t i = 1; i < forged.size(); ++i) {
    forged[i] ^= 0x80;
    auto back = combine({forged, bytes_of(shares[1].reveal())});
    ASSERT_TRUE(back);
    EXPECT_NE(bytes_of(back->reveal()), secret);
    forged[i] ^= 0x80;
  }
}

// draft-mcgrew-tss-03, section 9.
TEST(Shamir, TestCaseOfTheInternetDraftComesOut) {
  auto secret =
      combine({{0x01, 0xb9, 0xfa, 0x07, 0xe1, 0x85}, {0x02, 0xf5, 0x40, 0x9b, 0x45, 0x11}});
  ASSERT_TRUE(secret);
  EXPECT_EQ(bytes_of(secret->reveal()), Buffer({0x74, 0x65, 0x73, 0x74, 0x00}));
}

// Botan's shares are ours behind 20 bytes: identifier, hash, threshold, and length of x and share.
constexpr std::size_t kBotanHeaderLen = 20;
const Buffer kBotanIdentifier(16, 0x69);

TEST(Shamir, SharesOfBotanGiveTheSecretBack) {
  Botan::AutoSeeded_RNG random;
  const Buffer secret = numbered(32);
  for (std::uint8_t threshold = 2; threshold <= 5; ++threshold) {
    const auto theirs =
        Botan::RTSS_Share::split(threshold, 5, secret.data(), 32, kBotanIdentifier, "None", random);
    std::vector<Buffer> shares;
    for (const auto& share : theirs) {
      shares.emplace_back(share.data().begin() + kBotanHeaderLen, share.data().end());
    }
    shares.erase(shares.begin(), shares.end() - threshold);
    auto back = combine(shares);
    ASSERT_TRUE(back);
    EXPECT_EQ(bytes_of(back->reveal()), secret) << int{threshold};
  }
}

TEST(Shamir, BotanCombinesOurShares) {
  const Buffer secret = numbered(32);
  for (std::uint8_t threshold = 1; threshold <= 5; ++threshold) {
    std::vector<Botan::RTSS_Share> theirs;
    const Shares ours = split(secret, threshold, 5);
    for (std::size_t i = 0; i < ours.size(); ++i) {
      const SecretView share = ours[i];
      Buffer bytes = kBotanIdentifier;
      for (const std::size_t field :
           {std::size_t{0}, std::size_t{threshold}, std::size_t{0}, share.size()}) {
        bytes.push_back(static_cast<std::uint8_t>(field));
      }
      bytes.insert(bytes.end(), share.reveal().begin(), share.reveal().end());
      theirs.emplace_back(bytes.data(), bytes.size());
    }
    const auto back = Botan::RTSS_Share::reconstruct(theirs);
    EXPECT_EQ(Buffer(back.begin(), back.end()), secret) << int{threshold};
  }
}

void expect_invalid_split(const Buffer& secret, unsigned threshold, unsigned shares) {
  const auto made = split_secret(view(secret), threshold, shares);
  ASSERT_FALSE(made) << threshold << " of " << shares;
  EXPECT_EQ(made.error().code, Code::invalid);
}

TEST(Shamir, ThresholdsOutsideTheRulesAreInvalid) {
  expect_invalid_split(numbered(32), 0, 0);
  expect_invalid_split(numbered(32), 0, 5);
  expect_invalid_split(numbered(32), 6, 5);
  expect_invalid_split(numbered(32), 2, 256);
  expect_invalid_split(numbered(32), 256, 256);
  expect_invalid_split(numbered(32), 4'294'967'295U, 4'294'967'295U);
  expect_invalid_split({}, 2, 3);
}

void expect_invalid_combine(const std::vector<Buffer>& shares, const char* why) {
  const auto secret = combine(shares);
  ASSERT_FALSE(secret) << why;
  EXPECT_EQ(secret.error().code, Code::invalid) << why;
}

TEST(Shamir, SharesThatDoNotFitTogetherAreInvalid) {
  expect_invalid_combine({}, "none");
  expect_invalid_combine({{}}, "empty");
  expect_invalid_combine({{1}}, "only an x coordinate");
  expect_invalid_combine({{0, 9}, {1, 9}}, "x is 0");
  expect_invalid_combine({{1, 9}, {2, 9}, {1, 9}}, "one share twice");
  expect_invalid_combine({{1, 9}, {1, 8}}, "x twice");
  expect_invalid_combine({{1, 9}, {2, 9, 9}}, "sizes differ");
  expect_invalid_combine({{1, 9}, {}}, "one is empty");
  expect_invalid_combine(std::vector<Buffer>(256, {1, 9}), "more than can be");
}

}  // namespace
}  // namespace strongroom::shamir_test
