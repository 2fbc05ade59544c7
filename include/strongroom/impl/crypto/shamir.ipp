// shamir.ipp: the bodies of shamir.hpp.
#include <sodium.h>

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/crypto/aead.hpp"
#include "strongroom/impl/crypto/shamir.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom::detail::shamir {

// multiply_add does sum[i] = sum[i] * factor + addend[i] for every byte.
static void multiply_add(std::span<std::uint8_t> sum, std::uint8_t factor,
                         std::span<const std::uint8_t> addend) noexcept {
  for (std::size_t i = 0; i < sum.size(); ++i) {
    sum[i] = static_cast<std::uint8_t>(gf_multiply(sum[i], factor) ^ addend[i]);
  }
}

}  // namespace strongroom::detail::shamir

namespace strongroom::detail {

void add_product(std::span<std::uint8_t> sum, std::uint8_t factor,
                 std::span<const std::uint8_t> share) noexcept {
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] ^= gf_multiply(share[i], factor);
}

std::uint8_t lagrange_at_zero(std::span<const SecretView> shares, std::size_t i) noexcept {
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

}  // namespace strongroom::detail

namespace strongroom::detail::shamir {

static bool shares_fit_together(std::span<const SecretView> shares) noexcept {
  if (shares.empty() || shares.size() > kMaxShares) return false;
  std::array<bool, kMaxShares + 1> seen{};
  seen[0] = true;  // x = 0 would be the secret itself
  for (const SecretView share : shares) {
    if (share.size() < 2 || share.size() != shares[0].size()) return false;
    if (std::exchange(seen[share.reveal()[0]], true)) return false;
  }
  return true;
}

}  // namespace strongroom::detail::shamir

namespace strongroom {

SecretView Shares::operator[](std::size_t i) const noexcept {
  assert(i < size());
  return block_.view().subview(i * share_len_, share_len_);
}

}  // namespace strongroom

namespace strongroom::detail {

void evaluate(std::span<std::uint8_t> share, std::uint8_t x, SecretView secret,
              std::span<const std::uint8_t> coefficients) noexcept {
  const std::size_t len = secret.size();
  share[0] = x;
  for (std::size_t end = coefficients.size(); end > 0; end -= len) {
    detail::shamir::multiply_add(share.subspan(1), x, coefficients.subspan(end - len, len));
  }
  detail::shamir::multiply_add(share.subspan(1), x, secret.reveal());
}

}  // namespace strongroom::detail

namespace strongroom {

Result<Shares> split_secret(SecretView secret, unsigned threshold, unsigned shares) {
  if (threshold < 1 || threshold > shares || shares > kMaxShares) {
    return Error{Code::invalid, "shares need 1 <= threshold <= shares <= 255"};
  }
  if (secret.empty()) return Error{Code::invalid, "an empty secret cannot be shared"};

  const std::size_t share_len = 1 + secret.size();
  const std::size_t all_len = shares * share_len;
  // The coefficients lie behind the shares, and are wiped before the block is returned.
  STRONGROOM_ASSIGN(block, SecretBytes::for_key(all_len + (threshold - 1) * secret.size()));
  const auto coefficients = block.reveal_mutable().subspan(all_len);
  STRONGROOM_TRY(random_bytes(coefficients));
  for (unsigned x = 1; x <= shares; ++x) {
    const auto share = block.reveal_mutable().subspan((x - 1) * share_len, share_len);
    detail::evaluate(share, static_cast<std::uint8_t>(x), secret, coefficients);
  }
  sodium_memzero(coefficients.data(), coefficients.size());
  block.keep(0, all_len);
  return Shares(std::move(block), share_len);
}

Result<SecretBytes> combine_shares(std::span<const SecretView> shares) {
  if (!detail::shamir::shares_fit_together(shares)) {
    return Error{Code::invalid, "the shares did not fit together"};
  }
  auto secret = SecretBytes::for_key(shares[0].size() - 1);
  STRONGROOM_TRY(secret);
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const std::uint8_t weight = detail::lagrange_at_zero(shares, i);
    detail::add_product(secret->reveal_mutable(), weight, shares[i].reveal().subspan(1));
  }
  return secret;
}

}  // namespace strongroom
