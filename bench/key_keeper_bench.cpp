// key_keeper_bench.cpp: opening a store and unsealing it with a key file, small and large.
//
//   unseal/<secrets>/strongroom   Store::open and unseal of the only handle in the process, until a
//                                 get would work; closing the store again is not counted
//
// The cost of unsealing must not depend on the number of secrets, so the small store is the limit of the
// large one. The time is that of the wall clock, since files are opened and mapped.
//
//   --secrets=<n>[,<n>…]  sizes (1000)      --dir=<d>  where the stores are; kept for the next run

#include <chrono>
#include <span>
#include <string>
#include <vector>

#include "bench_main.hpp"
#include "big_store.hpp"
#include "lifecycle_bench.hpp"
#include "scratch.hpp"
#include "strongroom/credential.hpp"
#include "strongroom/identity.hpp"

namespace strongroom::bench::key_keeper_bench {
namespace {

void unseal(benchmark::State& state, const BigStore* big) {
  using std::chrono::steady_clock;
  const Identity who = Identity::trusted();
  const Credential key = big->credential();
  const std::string url = big->url();
  for (auto _ : state) {
    const auto begin = steady_clock::now();
    auto store = Store::open(url);
    const bool unsealed = store && store->as(who).unseal(std::span(&key, 1));
    const std::chrono::duration<double> took = steady_clock::now() - begin;
    if (!unsealed) return state.SkipWithError("the store did not open");
    state.SetIterationTime(took.count());
  }
}

void add(const BigStore& big) {
  std::string name = "unseal/";
  name.append(std::to_string(big.num_secrets)).append("/strongroom");
  benchmark::RegisterBenchmark(name.c_str(), unseal, &big)->UseManualTime();
}

int run_key_keeper(int argc, char** argv) {
  const auto sizes = sizes_of(option(argc, argv, "secrets").value_or("1000"));
  const Scratch scratch(option(argc, argv, "dir"));
  std::vector<BigStore> stores;
  for (const std::size_t size : sizes) {
    stores.push_back(BigStoreMaker::make(scratch.path(), size));
  }
  for (const BigStore& big : stores) add(big);
  return run(argc, argv);
}

const Main kMain("key_keeper", run_key_keeper);

}  // namespace
}  // namespace strongroom::bench::key_keeper_bench
