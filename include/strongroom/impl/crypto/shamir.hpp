// shamir.hpp: a secret in n shares, of which any t give it back and t - 1 tell nothing.
//
// The arithmetic uses no table and no branch on a secret, so neither time nor cache tells of one.
// A share is one byte of x coordinate and then one byte for each byte of the secret; nothing in it
// tells whether it is genuine, so who hands shares out also keeps a hash of each.
//
// Source   A. Shamir, "How to share a secret" (1979), over GF(2^8) as FIPS 197 section 4 has it; the
//          shares are those of draft-mcgrew-tss-03 without its header.
// Threads  all functions may be called by any number of threads at once.
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "strongroom/impl/crypto/aead.hpp"
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

// lagrange_at_zero is what share i counts for at x = 0: the product of all x_j / (x_j - x_i).
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

// Shares is what split_secret made, all in one block of key memory, since a block costs 15 us and a
// share needs 33 bytes of it. A view of a share lives as long as its Shares.
class Shares {
 public:
  Shares() = default;
  // block holds shares of share_len bytes, one after the other.
  Shares(SecretBytes block, std::size_t share_len) noexcept
      : block_(std::move(block)), share_len_(share_len) {
    assert(share_len > 0 && block_.size() % share_len == 0);
  }

  std::size_t size() const noexcept { return block_.size() / share_len_; }
  SecretView operator[](std::size_t i) const noexcept {
    assert(i < size());
    return block_.view().subview(i * share_len_, share_len_);
  }

  // intact is false in a forked child, where every share reads as zeros.
  bool intact() const noexcept { return block_.intact(); }

 private:
  SecretBytes block_;
  std::size_t share_len_ = 1;
};

namespace detail {

// evaluate fills a share, whose y bytes are zeros, with the polynomial at its x, by Horner's rule.
// The coefficients are those of x, x^2, .., each as long as the secret, which is that of x^0.
inline void evaluate(std::span<std::uint8_t> share, std::uint8_t x, SecretView secret,
                     std::span<const std::uint8_t> coefficients) noexcept {
  const std::size_t len = secret.size();
  share[0] = x;
  for (std::size_t end = coefficients.size(); end > 0; end -= len) {
    multiply_add(share.subspan(1), x, coefficients.subspan(end - len, len));
  }
  multiply_add(share.subspan(1), x, secret.reveal());
}

}  // namespace detail

// split_secret makes shares of a secret, any threshold of which combine_shares needs.
//
// secret   1 byte or more; borrowed for the call.
// Returns  shares of 1 + secret.size() bytes in key memory, x coordinates 1, 2, .. in this order.
// Errors   invalid: not 1 <= threshold <= shares <= 255, or an empty secret.
//          unavailable: no key memory.  internal: no random bytes.
inline Result<Shares> split_secret(SecretView secret, unsigned threshold, unsigned shares) {
  if (threshold < 1 || threshold > shares || shares > kMaxShares) {
    return Error{Code::invalid, "shares need 1 <= threshold <= shares <= 255"};
  }
  if (secret.empty()) return Error{Code::invalid, "an empty secret can not be shared"};

  const std::size_t share_len = 1 + secret.size();
  const std::size_t all_len = shares * share_len;
  // The coefficients lie behind the shares, and are gone before anybody sees the block.
  auto block = SecretBytes::for_key(all_len + (threshold - 1) * secret.size());
  if (!block) return std::move(block).error();
  const auto coefficients = block->reveal_mutable().subspan(all_len);
  if (auto drawn = random_bytes(coefficients); !drawn) return std::move(drawn).error();
  for (unsigned x = 1; x <= shares; ++x) {
    const auto share = block->reveal_mutable().subspan((x - 1) * share_len, share_len);
    detail::evaluate(share, static_cast<std::uint8_t>(x), secret, coefficients);
  }
  sodium_memzero(coefficients.data(), coefficients.size());
  block->keep(0, all_len);
  return Shares(std::move(block).value(), share_len);
}

// combine_shares gives the secret back, in key memory, from threshold or more of its shares.
//
// shares   in any order. Fewer than the threshold, or a forged one, give a wrong value, no error.
// Errors   invalid: no shares, an x coordinate twice or 0, or sizes that differ or are under 2.
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
