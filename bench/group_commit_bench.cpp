// group_commit_bench.cpp: durable puts of 1 KiB into LMDB, by one writer and by 64.
//
//   put/strongroom/…/threads:1    Session::put over an existing secret, one after the other
//   put/strongroom/…/threads:64   64 at once, each over a secret of its own
//   put/raw_lmdb                  one writer: LMDB's begin, put and commit
//
// Every put is on the disk when it returns. Disks differ by a factor of 100, and so does one disk within
// an hour. So bench/report runs this once without slow_flush and once with it. With slow_flush each barrier
// takes 4 ms more, as on a disk that honestly flushes.
//
//   --dir=<d>  where the stores are; a fresh directory is made in it

#include <memory>
#include <string>

#include "bench_main.hpp"
#include "lifecycle_bench.hpp"
#include "scratch.hpp"
#include "small_store.hpp"

namespace strongroom::bench::group_commit_bench {
namespace {

template <typename Target>
void put(benchmark::State& state, Target* target) {
  const auto mine = static_cast<std::size_t>(state.thread_index());
  for (auto _ : state) {
    if (!target->put(mine)) return state.SkipWithError("put failed");
  }
  state.SetItemsProcessed(state.iterations());
}

int run_group_commit(int argc, char** argv) {
  const Scratch scratch(std::nullopt, option(argc, argv, "dir"));
  SmallStore store(scratch.path() / "store");
  SmallRaw raw(scratch.path() / "raw");
  benchmark::RegisterBenchmark("put/strongroom", put<SmallStore>, &store)
      ->Threads(1)
      ->Threads(static_cast<int>(kNumSmall))
      ->UseRealTime();
  benchmark::RegisterBenchmark("put/raw_lmdb", put<SmallRaw>, &raw)->UseRealTime();
  return run(argc, argv);
}

const Main kMain("group_commit", run_group_commit);

}  // namespace
}  // namespace strongroom::bench::group_commit_bench
