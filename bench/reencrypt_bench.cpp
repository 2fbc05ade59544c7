// reencrypt_bench.cpp: how much readers lose while all secrets are sealed anew in the background.
//
//   readers/<secrets>/threads:<n>   one round: n threads get secrets, once while Session::reencrypt runs at
//                                   its default rate, and once without it, for the same time
//
// Counters of a round
//   beside, alone            gets per second of the readers' CPU time, with re-encryption and without it;
//                            beside is reduced by the part of that time that the re-encryption would take
//                            if every reader had one core and there were no others
//   beside_wall, alone_wall  gets per second of the wall clock, of all threads
//   duty                     CPU time of the re-encryption, as a part of one core, while it ran
//   pages                    pages of records per second of that time; each is one commit or a few
//
// Readers wait for nobody, so they can lose only the core itself, caches, and the time of checking what
// changed. CPU time shows these losses even when other programs compete for the cores; the wall clock does
// not. The two halves of a round take turns in being first. The half with re-encryption lasts from the end
// of a page of records to the end of a later one, so that it contains work and rest in proportion.
// Re-encryption has a handle and a thread of its own, as in an embedding host.
//
//   --secrets=<n>   size (1000)            --rounds=<n>  of each number of threads (10)
//   --seconds=<s>   of half a round (0.5)  --dir=<d>     where the store is; kept for the next run
//   --duty=<n>      percent (the default of ReencryptOptions)
#include <time.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "bench_main.hpp"
#include "big_store.hpp"
#include "lifecycle_bench.hpp"
#include "scratch.hpp"
#include "strongroom/identity.hpp"
#include "strongroom/progress.hpp"

namespace strongroom::bench::reencrypt_bench {
namespace {

using std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

double thread_cpu_s() {
  timespec now{};
  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0) give_up("there is no clock of a thread");
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Background re-encrypts page after page while it is allowed to, and rotates after each full pass.
class Background {
 public:
  // State is the progress at the end of a page.
  struct State {
    std::uint64_t num_pages = 0;
    double cpu_s = 0;
    steady_clock::time_point at;
  };

  Background(const BigStore& big, ReencryptOptions options)
      : store_(big.open()), options_(options), thread_([this] { work(); }) {}
  ~Background() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  // let_go starts the work. Returns  the state at the end of the first page from now.
  State let_go() {
    std::unique_lock lock(mutex_);
    running_ = true;
    changed_.notify_all();
    return next_page(lock);
  }

  // hold pauses the work at the end of the next page. Returns  the state then.
  State hold() {
    std::unique_lock lock(mutex_);
    running_ = false;
    return next_page(lock);
  }

 private:
  State next_page(std::unique_lock<std::mutex>& lock) {
    const std::uint64_t before = state_.num_pages;
    changed_.wait(lock, [&] { return state_.num_pages != before; });
    return state_;
  }

  void work() {
    const Session session = store_.as(Identity::trusted());
    const auto page_done = [this](const ReencryptProgress&) { return end_page(); };
    const auto go_on = [](const ReencryptProgress&) { return true; };
    while (end_page()) {
      must(session.rotate());
      must(session.reencrypt(options_, page_done));
      {
        const std::lock_guard lock(mutex_);
        if (stop_) return;
      }
      must(session.retire(go_on));
    }
  }

  // end_page waits until the work may go on or must stop. Returns  whether to go on.
  bool end_page() {
    std::unique_lock lock(mutex_);
    state_ = {state_.num_pages + 1, thread_cpu_s(), steady_clock::now()};
    changed_.notify_all();
    changed_.wait(lock, [&] { return running_ || stop_; });
    return !stop_;
  }

  Store store_;
  const ReencryptOptions options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  State state_;
  bool running_ = false;
  bool stop_ = false;
  std::thread thread_;
};

// Readers are threads that get secrets until they are stopped.
class Readers {
 public:
  struct Sum {
    double num_gets = 0;
    double cpu_s = 0;
    double wall_s = 0;
  };

  Readers(const BigStore& big, const Store& store) : session_(store.as(Identity::trusted())) {
    for (const std::uint32_t i : big.order()) paths_.push_back(nth_name(i));
    for (const std::string& path : paths_) must(session_.get(path));
  }

  // read runs num_threads reading threads while `meanwhile` runs.
  template <typename F>
  Sum read(int num_threads, F meanwhile) {
    std::atomic<bool> stop{false};
    std::vector<std::uint64_t> counts(static_cast<std::size_t>(num_threads));
    std::vector<double> cpu_s(counts.size());
    std::vector<std::jthread> threads;
    const auto begin = steady_clock::now();
    for (std::size_t t = 0; t < counts.size(); ++t) {
      const std::size_t first = begin_ + t * paths_.size() / counts.size();
      threads.emplace_back([&, t, first] {
        counts[t] = run(first, stop);
        cpu_s[t] = thread_cpu_s();
      });
    }
    meanwhile();
    stop = true;
    threads.clear();
    const Seconds took = steady_clock::now() - begin;
    begin_ += counts[0];
    Sum sum;
    sum.wall_s = took.count();
    for (std::size_t t = 0; t < counts.size(); ++t) {
      sum.num_gets += static_cast<double>(counts[t]);
      sum.cpu_s += cpu_s[t];
    }
    return sum;
  }

 private:
  std::uint64_t run(std::size_t first, const std::atomic<bool>& stop) const {
    std::uint64_t count = 0;
    for (std::size_t i = first % paths_.size(); !stop.load(std::memory_order_relaxed); ++count) {
      const auto secret = session_.get(paths_[i]);
      if (!secret) give_up(secret.error().message);
      benchmark::DoNotOptimize(secret->value.reveal().data());
      if (++i == paths_.size()) i = 0;
    }
    return count;
  }

  const Session session_;
  std::vector<std::string> paths_;
  std::size_t begin_ = 0;
};

class Rounds {
 public:
  Rounds(const BigStore& big, ReencryptOptions options, Seconds half)
      : store_(big.open()), readers_(big, store_), background_(big, options), half_(half) {}

  void round(benchmark::State& state) {
    const int num_threads = static_cast<int>(state.range(0));
    for (auto _ : state) {
      beside_first_ = !beside_first_;
      if (beside_first_) beside(state, num_threads);
      alone(state, num_threads);
      if (!beside_first_) beside(state, num_threads);
    }
  }

 private:
  void alone(benchmark::State& state, int num_threads) {
    const auto sum = readers_.read(num_threads, [&] { std::this_thread::sleep_for(last_half_); });
    state.counters["alone"] = sum.num_gets / sum.cpu_s;
    state.counters["alone_wall"] = sum.num_gets / sum.wall_s;
  }

  void beside(benchmark::State& state, int num_threads) {
    const Background::State begin = background_.let_go();
    Background::State end;
    const auto sum = readers_.read(num_threads, [&] {
      std::this_thread::sleep_for(half_);
      end = background_.hold();
    });
    const Seconds took = end.at - begin.at;
    const double cpu_s = end.cpu_s - begin.cpu_s;
    last_half_ = took;
    const double duty = cpu_s / took.count();
    state.counters["beside"] = sum.num_gets / sum.cpu_s * (1 - duty / num_threads);
    state.counters["beside_wall"] = sum.num_gets / sum.wall_s;
    state.counters["duty"] = duty;
    state.counters["pages"] = static_cast<double>(end.num_pages - begin.num_pages) / took.count();
  }

  Store store_;
  Readers readers_;
  Background background_;
  const Seconds half_;
  Seconds last_half_ = half_;
  bool beside_first_ = false;
};

// copy_of copies only the store, for a program that changes everything in it.
BigStore copy_of(const BigStore& big, const std::filesystem::path& directory) {
  BigStore copy{directory, big.num_secrets};
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
  std::filesystem::copy(big.directory / "store", directory / "store");
  std::filesystem::copy(big.key_file(), copy.key_file());
  return copy;
}

int run_reencrypt(int argc, char** argv) {
  const std::size_t size = std::stoul(option(argc, argv, "secrets").value_or("1000"));
  const int rounds = std::stoi(option(argc, argv, "rounds").value_or("10"));
  const Seconds half(std::stod(option(argc, argv, "seconds").value_or("0.5")));
  ReencryptOptions options;
  if (const auto duty = option(argc, argv, "duty")) {
    options.duty_percent = static_cast<unsigned>(std::stoul(*duty));
  }
  const Scratch scratch(option(argc, argv, "dir"));
  const Scratch changed(std::nullopt, scratch.path());
  const BigStore big = copy_of(BigStoreMaker::make(scratch.path(), size), changed.path() / "copy");
  Rounds all(big, options, half);
  const std::string name = "readers/" + std::to_string(size);
  benchmark::RegisterBenchmark(name.c_str(), [&](benchmark::State& state) { all.round(state); })
      ->ArgName("threads")
      ->Arg(1)
      ->Arg(2)
      ->Iterations(1)
      ->Repetitions(rounds)
      ->UseRealTime();
  return run(argc, argv);
}

const Main kMain("reencrypt", run_reencrypt);

}  // namespace
}  // namespace strongroom::bench::reencrypt_bench
