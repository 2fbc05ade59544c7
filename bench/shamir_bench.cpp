// shamir_bench.cpp: making shares of a key and combining them to the key again.
//
//   shares/<t>of<n>/strongroom   split_secret of 32 bytes, combine_shares of t of them, and all memory
//                                wiped and freed
//   shares/<t>of<n>/arithmetic   the same in memory that is already there, coefficients drawn once:
//                                the cost of the field's arithmetic
//
// 3 of 5 is a usual choice of operators; 255 of 255 is the maximum.
#include <sodium.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bench_main.hpp"
#include "strongroom/impl/crypto/shamir.hpp"

namespace strongroom::bench {
namespace {

constexpr std::size_t kSecretLen = 32;

void ours(benchmark::State& state, unsigned threshold, unsigned num_shares) {
  const SecretBytes secret = must(SecretBytes::for_key(kSecretLen));
  std::vector<SecretView> chosen(threshold);
  for (auto _ : state) {
    const auto shares = split_secret(secret.view(), threshold, num_shares);
    if (!shares) return state.SkipWithError("split_secret failed");
    for (unsigned i = 0; i < threshold; ++i) chosen[i] = (*shares)[num_shares - 1 - i];
    const auto back = combine_shares(chosen);
    if (!back) return state.SkipWithError("combine_shares failed");
    benchmark::DoNotOptimize(back->reveal().data());
  }
}

void arithmetic(benchmark::State& state, unsigned threshold, unsigned num_shares) {
  constexpr std::size_t kShareLen = 1 + kSecretLen;
  const std::array<std::uint8_t, kSecretLen> secret{};
  std::vector<std::uint8_t> coefficients((threshold - 1) * kSecretLen);
  randombytes_buf(coefficients.data(), coefficients.size());
  std::vector<std::uint8_t> shares(num_shares * kShareLen);
  std::array<std::uint8_t, kSecretLen> back{};
  std::vector<SecretView> chosen(threshold);
  for (auto _ : state) {
    shares.assign(shares.size(), 0);
    for (unsigned i = 0; i < num_shares; ++i) {
      detail::evaluate(std::span(shares).subspan(i * kShareLen, kShareLen),
                       static_cast<std::uint8_t>(i + 1), SecretView(secret), coefficients);
    }
    for (unsigned i = 0; i < threshold; ++i) {
      chosen[i] = SecretView(&shares[(num_shares - 1 - i) * kShareLen], kShareLen);
    }
    back.fill(0);
    for (std::size_t i = 0; i < chosen.size(); ++i) {
      const std::uint8_t weight = detail::lagrange_at_zero(chosen, i);
      detail::add_product(back, weight, chosen[i].reveal().subspan(1));
    }
    benchmark::DoNotOptimize(back);
    benchmark::ClobberMemory();
  }
}

void add(unsigned threshold, unsigned num_shares) {
  std::string name = "shares/";
  name.append(std::to_string(threshold)).append("of").append(std::to_string(num_shares));
  benchmark::RegisterBenchmark((name + "/strongroom").c_str(), ours, threshold, num_shares);
  benchmark::RegisterBenchmark((name + "/arithmetic").c_str(), arithmetic, threshold, num_shares);
}

}  // namespace
}  // namespace strongroom::bench

int main(int argc, char** argv) {
  using namespace strongroom::bench;
  if (sodium_init() < 0) give_up("libsodium did not start");
  add(3, 5);
  add(255, 255);
  return run(argc, argv);
}
