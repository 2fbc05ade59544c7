// commit_probe.cpp: does one kind of durable write a given number of times, for strace to look at.
//
//   commit_probe strongroom|raw_lmdb|rotate <count> [<directory>]
//
// bench/report runs it with two counts: the difference is what the writes themselves cost.
#include <sodium.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "bench_main.hpp"
#include "scratch.hpp"
#include "small_store.hpp"

namespace strongroom::bench {
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

}  // namespace
}  // namespace strongroom::bench

int main(int argc, char** argv) {
  using namespace strongroom::bench;
  const std::string_view who = argc > 2 ? argv[1] : "";
  if (sodium_init() < 0 || (who != "strongroom" && who != "raw_lmdb" && who != "rotate")) {
    give_up("commit_probe strongroom|raw_lmdb|rotate <count> [<directory>]");
  }
  const std::size_t count = std::stoul(argv[2]);
  const Scratch scratch(std::nullopt,
                        argc > 3 ? std::optional<std::string>(argv[3]) : std::nullopt);
  if (who == "raw_lmdb") return put<SmallRaw>(scratch.path() / "raw", count);
  if (who == "rotate") return rotate(scratch.path() / "store", count);
  return put<SmallStore>(scratch.path() / "store", count);
}
