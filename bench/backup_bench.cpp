// backup_bench.cpp: a backup of a store in LMDB to a file, and back, next to writing a file of that size.
//
//   backup/<secrets>/strongroom   Session::backup into a file, and fsync
//   restore/<secrets>/strongroom  Session::restore of that file into a directory that held nothing
//   write/<secrets>/plain         as many bytes from memory into a file, 1 MiB at a time, and fsync
//
// Nothing is faster than writing the bytes once, from front to back. In addition, a restore fills a tree in
// commits, each of them durable. The figures are bytes per second, by the wall clock; reads come from the
// page cache.
//
//   --secrets=<n>   size (1000)            --dir=<d>     where the store is; kept for the next run
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "bench_main.hpp"
#include "big_store.hpp"
#include "lifecycle_bench.hpp"
#include "scratch.hpp"
#include "strongroom/backend.hpp"
#include "strongroom/identity.hpp"

namespace strongroom::bench::backup_bench {
namespace {

// File owns a descriptor. A failed operation ends the program.
class File {
 public:
  File(const std::filesystem::path& path, int flags)
      : fd_(::open(path.c_str(), flags | O_CLOEXEC, S_IRUSR | S_IWUSR)) {
    if (fd_ < 0) give_up(path.string() + " could not be opened");
  }
  ~File() { ::close(fd_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  void write(ByteView bytes) const {
    while (!bytes.empty()) {
      const ssize_t done = ::write(fd_, bytes.data(), bytes.size());
      if (done <= 0) give_up("a write failed");
      bytes = bytes.subspan(static_cast<std::size_t>(done));
    }
  }
  std::size_t read(std::span<std::uint8_t> into) const {
    const ssize_t done = ::read(fd_, into.data(), into.size());
    if (done < 0) give_up("a read failed");
    return static_cast<std::size_t>(done);
  }
  void flush() const {
    if (::fsync(fd_) != 0) give_up("fsync failed");
  }

 private:
  const int fd_;
};

const auto no_progress = [](std::uint64_t, std::uint64_t) {};

class Subject {
 public:
  Subject(const BigStore& big, std::filesystem::path directory)
      : store_(big.open()), directory_(std::move(directory)) {
    back_up();
    size_bytes_ = std::filesystem::file_size(file());
  }

  void back_up() {
    std::filesystem::remove(file());
    const File out(file(), O_WRONLY | O_CREAT | O_EXCL);
    const auto sink = [&](ByteView bytes) -> Result<void> {
      out.write(bytes);
      return {};
    };
    must(store_.as(Identity::trusted()).backup(sink, no_progress));
    out.flush();
  }

  void restore() {
    const std::filesystem::path into = directory_ / "restored";
    std::filesystem::remove_all(into);
    const File in(file(), O_RDONLY);
    const auto source = [&](std::span<std::uint8_t> bytes) -> Result<std::size_t> {
      return in.read(bytes);
    };
    Store store = must(Store::open("lmdb:" + into.string()));
    must(store.as(Identity::trusted()).restore(source, no_progress));
  }

  void write_plain() {
    const std::filesystem::path path = directory_ / "plain";
    std::filesystem::remove(path);
    const File out(path, O_WRONLY | O_CREAT | O_EXCL);
    static const std::vector<std::uint8_t> bytes(std::size_t{1} << 20, 7);
    for (std::size_t left = size_bytes_; left > 0;) {
      const std::size_t len = std::min(left, bytes.size());
      out.write(std::span(bytes).first(len));
      left -= len;
    }
    out.flush();
  }

  void measure(benchmark::State& state, void (Subject::*run)()) {
    for (auto _ : state) (this->*run)();
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(size_bytes_));
  }

 private:
  std::filesystem::path file() const { return directory_ / "backup"; }

  Store store_;
  const std::filesystem::path directory_;
  std::size_t size_bytes_ = 0;
};

void add(const std::string& name, Subject& subject, void (Subject::*run)()) {
  benchmark::RegisterBenchmark(
      name.c_str(), [=, &subject](benchmark::State& state) { subject.measure(state, run); })
      ->Iterations(1)
      ->UseRealTime();
}

int run_backup(int argc, char** argv) {
  const std::size_t size = std::stoul(option(argc, argv, "secrets").value_or("1000"));
  const Scratch scratch(option(argc, argv, "dir"));
  const Scratch made(std::nullopt, scratch.path());
  Subject subject(BigStoreMaker::make(scratch.path(), size), made.path());
  const std::string count = std::to_string(size);
  add("backup/" + count + "/strongroom", subject, &Subject::back_up);
  add("restore/" + count + "/strongroom", subject, &Subject::restore);
  add("write/" + count + "/plain", subject, &Subject::write_plain);
  return run(argc, argv);
}

const Main kMain("backup", run_backup);

}  // namespace
}  // namespace strongroom::bench::backup_bench
