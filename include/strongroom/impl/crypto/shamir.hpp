// shamir.hpp: a secret split into n shares, any t of which restore it; t - 1 shares reveal nothing.
//
// The arithmetic uses no table indexed by a secret and no branch on one, so neither time nor cache
// reveals it. A share is one byte of x coordinate, and then one byte for each byte of the secret. Nothing
// in a share shows whether it is genuine, so code that hands shares out also keeps a hash of each.
//
// Source   A. Shamir, "How to share a secret" (1979), over GF(2^8) as defined in FIPS 197 section 4. The
//          shares are those of draft-mcgrew-tss-03 without its header.
// Threads  all functions may be called by any number of threads at once.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

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

// add_product does sum[i] += factor * share[i] for every byte.
void add_product(std::span<std::uint8_t> sum, std::uint8_t factor,
                 std::span<const std::uint8_t> share) noexcept;

// lagrange_at_zero is the weight of share i at x = 0: the product of all x_j / (x_j - x_i), j != i.
std::uint8_t lagrange_at_zero(std::span<const SecretView> shares, std::size_t i) noexcept;

}  // namespace detail

// Shares are what split_secret made, all in one block of key memory: a block costs 15 us, and a share
// needs only 33 bytes of it. A view of a share is valid as long as its Shares.
class Shares {
 public:
  Shares() = default;
  // block holds shares of share_len bytes, one after the other.
  Shares(SecretBytes block, std::size_t share_len) noexcept
      : block_(std::move(block)), share_len_(share_len) {
    assert(share_len > 0 && block_.size() % share_len == 0);
  }

  std::size_t size() const noexcept { return block_.size() / share_len_; }
  SecretView operator[](std::size_t i) const noexcept;

  // intact returns false in a forked child, where every share reads as zeros.
  bool intact() const noexcept { return block_.intact(); }

 private:
  SecretBytes block_;
  std::size_t share_len_ = 1;
};

namespace detail {

// evaluate fills a share, whose y bytes are zeros, with the polynomial's value at x, by Horner's rule.
// The coefficients are those of x, x^2, .., each as long as the secret. The secret is that of x^0.
void evaluate(std::span<std::uint8_t> share, std::uint8_t x, SecretView secret,
              std::span<const std::uint8_t> coefficients) noexcept;

}  // namespace detail

// split_secret splits a secret into shares; combine_shares needs any `threshold` of them.
//
// secret   1 byte or more; borrowed for the call.
// Returns  shares of 1 + secret.size() bytes in key memory, x coordinates 1, 2, .. in this order.
// Errors   invalid: not 1 <= threshold <= shares <= 255, or an empty secret.
//          unavailable: no key memory.  internal: no random bytes.
Result<Shares> split_secret(SecretView secret, unsigned threshold, unsigned shares);

// combine_shares returns the secret, in key memory, from threshold or more of its shares.
//
// shares   in any order. Too few shares, or a forged one, yield a wrong value and no error.
// Errors   invalid: no shares, an x coordinate that is 0 or appears twice, or sizes that differ or are
//          under 2.
//          unavailable: no key memory.
Result<SecretBytes> combine_shares(std::span<const SecretView> shares);

}  // namespace strongroom
