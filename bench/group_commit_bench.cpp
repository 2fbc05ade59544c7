// group_commit_bench.cpp: durable puts of 1 KiB into LMDB, by one writer and by 64.
//
//   put/strongroom/…/threads:1    Session::put over an existing secret, one after the other
//   put/strongroom/…/threads:64   64 at once, each over a secret of its own
//   put/raw_lmdb/…/threads:1      LMDB's begin, put and commit of a record of the same size
//   flush/page                    one page is written over, and fdatasync waits for it
//
// Every put is on the disk when it returns. Disks differ by a factor of 100, and so does one disk within
// an hour. So bench/report runs this once without slow_flush and once with it. With slow_flush each barrier
// takes 4 ms more, as on a disk that honestly flushes.
//
//   --dir=<d>  where the stores are; a fresh directory is made in it

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

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

// Page is one page of a file that has it already.
class Page {
 public:
  explicit Page(const std::filesystem::path& path)
      : fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR)) {
    if (fd_ < 0 || !write() || ::fsync(fd_) != 0)
      give_up("no file could be made: " + path.string());
  }
  ~Page() { ::close(fd_); }
  Page(const Page&) = delete;
  Page& operator=(const Page&) = delete;

  bool flush() { return write() && ::fdatasync(fd_) == 0; }

 private:
  bool write() {
    return ::pwrite(fd_, page_.data(), page_.size(), 0) == static_cast<ssize_t>(page_.size());
  }

  const int fd_;
  const std::vector<char> page_ = std::vector<char>(4096);
};

void flush(benchmark::State& state, Page* page) {
  for (auto _ : state) {
    if (!page->flush()) return state.SkipWithError("flush failed");
  }
}

int run_group_commit(int argc, char** argv) {
  const Scratch scratch(std::nullopt, option(argc, argv, "dir"));
  SmallStore store(scratch.path() / "store");
  SmallRaw raw(scratch.path() / "raw");
  Page page(scratch.path() / "page");
  benchmark::RegisterBenchmark("put/strongroom", put<SmallStore>, &store)
      ->Threads(1)
      ->Threads(static_cast<int>(kNumSmall))
      ->UseRealTime();
  benchmark::RegisterBenchmark("put/raw_lmdb", put<SmallRaw>, &raw)->Threads(1)->UseRealTime();
  benchmark::RegisterBenchmark("flush/page", flush, &page)->UseRealTime();
  return run(argc, argv);
}

const Main kMain("group_commit", run_group_commit);

}  // namespace
}  // namespace strongroom::bench::group_commit_bench
