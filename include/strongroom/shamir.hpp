// shamir.hpp: a secret in n shares, of which any t give it back and t - 1 tell nothing.
//
// The arithmetic uses no table and no branch on a secret, so neither time nor cache tells of one.
// A share is one byte of x coordinate and then one byte for each byte of the secret; nothing in it
// tells whether it is genuine, so who hands shares out also keeps a hash of each.
//
// Source   A. Shamir, "How to share a secret" (1979), over GF(2^8) as FIPS 197 section 4 has it;
// the
//          shares are those of draft-mcgrew-tss-03 without its header.
// Threads  all functions may be called by any number of threads at once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "strongroom/aead.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom {

inline constexpr unsigned kMaxShares = 255;

namespace detail {

// gf_multiply is the product in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1, in constant time.
constexpr std::uint8_t gf_multiply(std::uint8_t a, std::uint8_t b) noexcept {
  unsigned left = a;
  unsigned right = b;
  unsigned product = 0;
  for (int bit = 0; bit < 8; ++bit) {
    product ^= left & (0U - (right & 1U));
    left = ((left << 1) ^ (0x1bU & (0U - (left >> 7)))) & 0xffU;
    right >>= 1;
  }
  return static_cast<std::uint8_t>(product);
}

// gf_invert is a^254, which is 1/a; of 0 it is 0.
constexpr std::uint8_t gf_invert(std::uint8_t a) noexcept {
  std::uint8_t power = a;
  for (int bit = 0; bit < 6; ++bit) power = gf_multiply(gf_multiply(power, power), a);  // a^127
  return gf_multiply(power, power);
}

// multiply_add does sum[i] = sum[i] * factor + addend[i] for every byte.
inline void multiply_add(std::span<std::uint8_t> sum, std::uint8_t factor,
                         std::span<const std::uint8_t> addend) noexcept {
  for (std::size_t i = 0; i < sum.size(); ++i) {
    sum[i] = static_cast<std::uint8_t>(gf_multiply(sum[i], factor) ^ addend[i]);
  }
}

// add_product does sum[i] += factor * share[i] for every byte.
inline void add_product(std::span<std::uint8_t> sum, std::uint8_t factor,
                        std::span<const std::uint8_t> share) noexcept {
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] ^= gf_multiply(share[i], factor);
}

// lagrange_at_zero is what share i counts for in the value at x = 0: the product of x_j/(x_j -
// x_i).
inline std::uint8_t lagrange_at_zero(std::span<const SecretView> shares, std::size_t i) noexcept {
  const std::uint8_t own = shares[i].reveal()[0];
  std::uint8_t above = 1;
  std::uint8_t below = 1;
  for (std::size_t j = 0; j < shares.size(); ++j) {
    if (j == i) continue;
    const std::uint8_t other = shares[j].reveal()[0];
    above = gf_multiply(above, other);
    below = gf_multiply(below, static_cast<std::uint8_t>(other ^ own));
  }
  return gf_multiply(above, gf_invert(below));
}

inline bool shares_fit_together(std::span<const SecretView> shares) noexcept {
  if (shares.empty() || shares.size() > kMaxShares) return false;
  std::array<bool, kMaxShares + 1> seen{};
  seen[0] = true;  // x = 0 would be the secret itself
  for (const SecretView share : shares) {
    if (share.size() < 2 || share.size() != shares[0].size()) return false;
    if (std::exchange(seen[share.reveal()[0]], true)) return false;
  }
  return true;
}

}  // namespace detail

// split_secret makes shares of a secret, any threshold of which combine_shares needs.
//
// secret   1 byte or more; borrowed for the call.
// Returns  shares of 1 + secret.size() bytes in key memory, x coordinates 1, 2, .. in this order.
// Errors   invalid: not 1 <= threshold <= shares <= 255, or an empty secret.
//          unavailable: no key memory.  internal: no random bytes.
inline Result<std::vector<SecretBytes>> split_secret(SecretView secret, unsigned threshold,
                                                     unsigned shares) {
  if (threshold < 1 || threshold > shares || shares > kMaxShares) {
    return Error{Code::invalid, "shares need 1 <= threshold <= shares <= 255"};
  }
  if (secret.empty()) return Error{Code::invalid, "an empty secret can not be shared"};

  // The coefficients of x, x^2, .. in one allocation, since each key allocation costs 10 us.
  const std::size_t len = secret.size();
  auto coefficients = SecretBytes::for_key((threshold - 1) * len);
  if (!coefficients) return std::move(coefficients).error();
  if (auto drawn = random_bytes(coefficients->reveal_mutable()); !drawn) return drawn.error();

  std::vector<SecretBytes> made;
  made.reserve(shares);
  for (unsigned x = 1; x <= shares; ++x) {
    auto share = SecretBytes::for_key(1 + len);  // zeros: Horner's rule starts from them
    if (!share) return std::move(share).error();
    const auto bytes = share->reveal_mutable();
    const auto factor = static_cast<std::uint8_t>(x);
    bytes[0] = factor;
    for (std::size_t power = threshold - 1; power > 0; --power) {
      const auto coefficient = coefficients->reveal().subspan((power - 1) * len, len);
      detail::multiply_add(bytes.subspan(1), factor, coefficient);
    }
    detail::multiply_add(bytes.subspan(1), factor, secret.reveal());
    made.push_back(std::move(share).value());
  }
  return made;
}

// combine_shares gives the secret back, in key memory, from threshold or more of its shares.
//
// shares   in any order. Fewer than the threshold, or a forged one, give a wrong value, not an
// error. Errors   invalid: no shares, an x coordinate twice or 0, or sizes that differ or are
// under 2.
//          unavailable: no key memory.
inline Result<SecretBytes> combine_shares(std::span<const SecretView> shares) {
  if (!detail::shares_fit_together(shares)) {
    return Error{Code::invalid, "the shares did not fit together"};
  }
  auto secret = SecretBytes::for_key(shares[0].size() - 1);
  if (!secret) return secret;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const std::uint8_t weight = detail::lagrange_at_zero(shares, i);
    detail::add_product(secret->reveal_mutable(), weight, shares[i].reveal().subspan(1));
  }
  return secret;
}

}  // namespace strongroom
