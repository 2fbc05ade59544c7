// commit_probe.cpp: makes one kind of durable write a given number of times, for strace to count.
//
//   commit_probe strongroom|raw_lmdb|rotate <count> [<directory>]
//
// bench/report runs it with two counts: the difference is the cost of the writes themselves.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "bench_main.hpp"
#include "lifecycle_bench.hpp"
#include "scratch.hpp"
#include "small_store.hpp"

namespace strongroom::bench::commit_probe {
namespace {

template <typename Target>
int put(const std::filesystem::path& directory, std::size_t count) {
  Target target(directory);
  for (std::size_t i = 0; i < count; ++i) {
    if (!target.put(i % kNumSmall)) return 1;
  }
  return 0;
}

int rotate(const std::filesystem::path& directory, std::size_t count) {
  SmallStore store(directory);
  for (std::size_t i = 0; i < count; ++i) {
    if (!store.rotate()) return 1;
  }
  return 0;
}

int run_commit_probe(int argc, char** argv) {
  const std::string_view who = argc > 2 ? argv[1] : "";
  if (who != "strongroom" && who != "raw_lmdb" && who != "rotate") {
    give_up("commit_probe strongroom|raw_lmdb|rotate <count> [<directory>]");
  }
  const std::size_t count = std::stoul(argv[2]);
  const Scratch scratch(std::nullopt,
                        argc > 3 ? std::optional<std::string>(argv[3]) : std::nullopt);
  if (who == "raw_lmdb") return put<SmallRaw>(scratch.path() / "raw", count);
  if (who == "rotate") return rotate(scratch.path() / "store", count);
  return put<SmallStore>(scratch.path() / "store", count);
}

const Main kMain("commit_probe", run_commit_probe);

}  // namespace
}  // namespace strongroom::bench::commit_probe
