// seen_revisions_bench.cpp: the time that remembering revisions adds to a read.
//
//   seen/<records>/strongroom   floor() and then saw() of a known record, which is the most that a read does
//   seen/<records>/load         one load of the cache line that the record falls on
//
// 16 records fit in the cache next to the core, 10,000 do not. The records come in random order.
#include <sodium.h>

#include <cstring>
#include <string>
#include <vector>

#include "bench_main.hpp"
#include "strongroom/impl/barrier/envelope.hpp"
#include "strongroom/impl/barrier/seen_revisions.hpp"

namespace strongroom::bench {
namespace {

std::vector<Location> locations(std::size_t num) {
  std::vector<Location> made(num);
  randombytes_buf(made.data(), num * sizeof(Location));
  return made;
}

void ours(benchmark::State& state, std::size_t num_records) {
  const std::vector<Location> all = locations(num_records);
  SeenRevisions seen;
  for (const Location& each : all) seen.saw(each, Revision(7));
  std::size_t next = 0;
  std::uint64_t floors = 0;
  for (auto _ : state) {
    const Location& each = all[next];
    if (++next == num_records) next = 0;
    floors += seen.floor(each).value();
    seen.saw(each, Revision(7));
  }
  if (floors == 0) return state.SkipWithError("nothing was remembered");
}

void load(benchmark::State& state, std::size_t num_records) {
  const std::vector<Location> all = locations(num_records);
  std::vector<std::uint64_t> lines(SeenRevisions::kNumBuckets * 8);
  std::size_t next = 0;
  for (auto _ : state) {
    std::uint64_t half = 0;
    std::memcpy(&half, all[next].data() + 8, sizeof half);
    if (++next == num_records) next = 0;
    benchmark::DoNotOptimize(lines[half % SeenRevisions::kNumBuckets * 8]);
  }
}

void add(std::size_t num_records) {
  const std::string name = "seen/" + std::to_string(num_records);
  benchmark::RegisterBenchmark((name + "/strongroom").c_str(), ours, num_records);
  benchmark::RegisterBenchmark((name + "/load").c_str(), load, num_records);
}

}  // namespace
}  // namespace strongroom::bench

int main(int argc, char** argv) {
  using namespace strongroom::bench;
  if (sodium_init() < 0) give_up("libsodium did not start");
  add(16);
  add(10'000);
  return run(argc, argv);
}
