// zookeeper_cases.hpp: the loops by which both ZooKeeper programs measure: zookeeper_bench our store,
// raw_zookeeper the C client without us. They cannot be one program, since our library contains a client of
// its own under the same names.
//
// Each line on standard input names a case, and the program answers it with one line. So bench/report can let
// the two programs take turns within a second:
//
//   <case> <seconds> <n>             answered by             one after another, or
//   get      p50_ns=… p90_ns=…       one get                 n is ignored
//   batch    p50_ns=… p90_ns=…       n gets at once
//   gets     per_s=…                 gets, n under way
//   puts     per_s=…                 durable puts by n threads, each over a value of its own
//   outage   get_ns=… put_ns=…       the longest time without an answer to a thread that gets, and to
//                                    one that puts; the caller breaks something meanwhile
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <semaphore>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "bench_main.hpp"

namespace strongroom::bench {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

inline constexpr std::size_t kZooValueLen = 1024;
inline constexpr std::size_t kNumZooKeys = 256;
inline constexpr std::size_t kMaxUnderWay = 4096;

// ZooCase is one line of input.
struct ZooCase {
  std::string what;
  Seconds time{0};
  std::size_t n = 0;
};

inline double ns(Clock::duration took) {
  return std::chrono::duration<double, std::nano>(took).count();
}

inline std::string figure(std::string_view name, double value) {
  return std::string(name) + "=" + std::to_string(std::llround(value));
}

// latencies calls once(i) again and again.
template <typename F>
std::string latencies(Seconds time, F once) {
  std::vector<double> all;
  const auto begin = Clock::now();
  auto last = begin;
  do {
    once(all.size() % kNumZooKeys);
    const auto now = Clock::now();
    all.push_back(ns(now - last));
    last = now;
  } while (last - begin < time);
  std::sort(all.begin(), all.end());
  return figure("p50_ns", all[all.size() / 2]) + " " + figure("p90_ns", all[all.size() * 9 / 10]);
}

// Window keeps n asynchronous gets under way. Each slot begins its next get when its last one is done, on the
// thread that runs the callback.
template <typename Client>
class Window {
 public:
  Window(Client& client, std::size_t n) : client_(client), slots_(n), ended_(0) {
    for (std::size_t i = 0; i < n; ++i) slots_[i].key = i % kNumZooKeys;
  }

  std::string run(Seconds time) {
    const auto begin = Clock::now();
    end_ = begin + std::chrono::duration_cast<Clock::duration>(time);
    for (Slot& slot : slots_) drive(slot);
    for (std::size_t i = 0; i < slots_.size(); ++i) ended_.acquire();
    const Seconds took = Clock::now() - begin;
    double sum = 0;
    for (const Slot& slot : slots_) sum += static_cast<double>(slot.num_done);
    return figure("per_s", sum / took.count());
  }

 private:
  struct Slot {
    std::size_t key = 0;
    std::uint64_t num_done = 0;
    std::atomic<int> pending{0};
  };

  // drive begins gets until one is not done yet. Of get_async and its callback, the one that ends later goes
  // on. So answers that come before get_async returns do not pile up on the stack.
  void drive(Slot& slot) {
    do {
      if (Clock::now() >= end_) return ended_.release();
      slot.key = (slot.key + 1) % kNumZooKeys;
      slot.pending.store(2);
      client_.get_async(slot.key, [this, &slot] {
        ++slot.num_done;
        if (slot.pending.fetch_sub(1) == 1) drive(slot);
      });
    } while (slot.pending.fetch_sub(1) == 1);
  }

  Client& client_;
  std::vector<Slot> slots_;
  Clock::time_point end_;
  std::counting_semaphore<> ended_;
};

// puts runs n threads that put; put(i) puts over value i.
template <typename F>
std::string puts(Seconds time, std::size_t n, F put) {
  std::atomic<std::uint64_t> num_done{0};
  const auto begin = Clock::now();
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < n; ++i) {
      threads.emplace_back([&, i] {
        std::uint64_t own = 0;
        for (; Clock::now() - begin < time; ++own) put(i);
        num_done += own;
      });
    }
  }
  return figure("per_s", static_cast<double>(num_done) / Seconds(Clock::now() - begin).count());
}

// longest_gap repeats an operation: at once if it worked, after a millisecond if it did not.
template <typename F>
double longest_gap(Seconds time, F worked) {
  const auto begin = Clock::now();
  auto last = begin;
  auto gap = Clock::duration::zero();
  while (Clock::now() - begin < time) {
    if (!worked()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      continue;
    }
    const auto now = Clock::now();
    gap = std::max(gap, now - last);
    last = now;
  }
  return ns(std::max(gap, Clock::now() - last));
}

template <typename Client>
std::string outage(Client& client, Seconds time) {
  double get = 0;
  double put = 0;
  {
    const std::jthread getter([&] { get = longest_gap(time, [&] { return client.try_get(0); }); });
    const std::jthread putter([&] { put = longest_gap(time, [&] { return client.try_put(1); }); });
  }
  return figure("get_ns", get) + " " + figure("put_ns", put);
}

// common_case runs a case of the list above.
//
// client  has try_get(i), try_put(i) and try_get_many(n), which return whether it worked; and
//         get_async(i, done), which calls done() if it worked, and gives up if it did not.
template <typename Client>
std::optional<std::string> common_case(Client& client, const ZooCase& asked) {
  const auto or_give_up = [](bool worked) {
    if (!worked) give_up("ZooKeeper did not answer");
  };
  if (asked.what == "get")
    return latencies(asked.time, [&](std::size_t i) { or_give_up(client.try_get(i)); });
  if (asked.what == "batch" && asked.n > kNumZooKeys) give_up("there are only 256 keys");
  if (asked.what == "batch")
    return latencies(asked.time, [&](std::size_t) { or_give_up(client.try_get_many(asked.n)); });
  if (asked.what == "gets") return Window<Client>(client, asked.n).run(asked.time);
  if (asked.what == "puts")
    return puts(asked.time, asked.n, [&](std::size_t i) { or_give_up(client.try_put(i)); });
  if (asked.what == "outage") return outage(client, asked.time);
  return std::nullopt;
}

// answer_lines calls answer(ZooCase) for each line of standard input and prints the answers, until the end.
template <typename F>
int answer_lines(F answer) {
  for (ZooCase asked; true;) {
    double seconds = 0;
    if (!(std::cin >> asked.what >> seconds >> asked.n)) return std::cin.eof() ? 0 : 2;
    if (asked.n == 0 || asked.n > kMaxUnderWay || !(seconds > 0)) give_up("no such case");
    asked.time = Seconds(seconds);
    const std::optional<std::string> line = answer(asked);
    if (!line) give_up("there is no case " + asked.what);
    std::cout << *line << std::endl;
  }
}

}  // namespace strongroom::bench
