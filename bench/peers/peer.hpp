// peer.hpp: the commands of a peer program: their secrets, clocks and threads. A peer file has only what an
// embedder of its library would write.
//
//   <program> <directory> make <n>               n secrets of 1 KiB, if they are not there yet
//   <program> <directory> get <n> <seconds>      of n secrets in random order: ns, CPU time of a get
//   <program> <directory> gets2 <n> <seconds>    the same on two threads: per_s
//   <program> <directory> put <writers> <seconds>  durable, over existing secrets: per_s
//   <program> <directory> list <n> <seconds>     the 1,000 names of one folder: ns, CPU time
//   <program> <directory> start <n>              opens, unseals, gets one secret: ns, by the clock
//   <program> <directory> residue <gets>         places where a value is found after it was released, and
//                                                after the library was closed as well
//
// Each prints one line, name=value for each figure. Everything lies below the directory, and stays there for
// the next command.
//
// A library is a class:
//
//   static void make(const fs::path& directory);      makes an empty store there, and its key
//   explicit Library(const fs::path& directory);      opens and unseals it
//   void fill(const Names& names, ByteView value);    puts the value at all names, in any way
//   class Thread;                                     what a thread needs for itself, made from a Library&
//     void get(const std::string& name, Use use);     calls use with the value, then releases and wipes it
//     void put(const std::string& name, ByteView value);    durable when it returns
//     std::size_t list(const std::string& folder);    reads all names in a folder; returns how many there are
//
// Whatever fails ends the program.
#pragma once

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/residue_scan.hpp"

namespace peers {

namespace fs = std::filesystem;
using ByteView = std::span<const std::uint8_t>;
using Names = std::vector<std::string>;

inline constexpr std::size_t kValueLen = 1024;
inline constexpr std::size_t kNumInFolder = 1000;

[[noreturn]] inline void give_up(const std::string& why) {
  std::fprintf(stderr, "peer: %s\n", why.c_str());
  std::_Exit(1);  // other threads may be at work
}

inline void must(bool good, const char* what) {
  if (!good) give_up(what);
}

// use stands for what a host does with a value: it reads a byte of each cache line.
inline void use(ByteView value) {
  must(value.size() == kValueLen, "a value of another size was read");
  unsigned sum = 0;
  for (std::size_t i = 0; i < value.size(); i += 64) sum += value[i];
  asm volatile("" : : "r"(sum));
}

// --- Key files: of this user only, as a careful embedder would keep them ---------------------------

inline void write_key(const fs::path& directory, std::string_view key) {
  ::umask(S_IRWXG | S_IRWXO);
  std::ofstream file(directory / "key");
  file << key;
  must(!file.flush().fail(), "the key file was not written");
}

inline std::string read_key(const fs::path& directory) {
  std::ifstream file(directory / "key");
  std::string key;
  must(!(file >> key).fail(), "the key file was not read");
  return key;
}

// --- Secrets ---------------------------------------------------------------------------------------

// nth_name is the path of one secret: each folder has a thousand.
inline std::string nth_name(std::size_t i) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "app-%03zu/key-%03zu", i / kNumInFolder,
                i % kNumInFolder);
  return text.data();
}

// names_of returns every name once, in a random order that is the same for all programs.
inline Names names_of(std::size_t num_secrets) {
  Names names;
  for (std::size_t i = 0; i < num_secrets; ++i) names.push_back(nth_name(i));
  std::shuffle(names.begin(), names.end(), std::mt19937(1));
  return names;
}

inline std::vector<std::uint8_t> some_value() {
  std::vector<std::uint8_t> value(kValueLen);
  std::mt19937 random(2);
  for (std::uint8_t& byte : value) byte = static_cast<std::uint8_t>(random());
  return value;
}

// made returns the directory of a store of that many secrets: one from an earlier command, or a new one.
template <typename Library>
fs::path made(const fs::path& directory, const std::string& name, std::size_t num_secrets) {
  const fs::path done = directory / name;
  if (fs::exists(done)) return done;
  const fs::path fresh = directory / (name + ".new");
  fs::remove_all(fresh);
  fs::create_directories(fresh);
  Library::make(fresh);
  Library(fresh).fill(names_of(num_secrets), some_value());
  fs::rename(fresh, done);
  return done;
}

// --- Clocks ----------------------------------------------------------------------------------------

inline double seconds_of(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// cpu_ns runs step until the time is over. Returns  the thread's CPU time of one step.
template <typename Step>
double cpu_ns(double seconds, std::size_t num_per_look, Step step) {
  const double end = seconds_of(CLOCK_MONOTONIC) + seconds;
  const double begin = seconds_of(CLOCK_THREAD_CPUTIME_ID);
  std::size_t num = 0;
  do {
    for (std::size_t i = 0; i < num_per_look; ++i) step();
    num += num_per_look;
  } while (seconds_of(CLOCK_MONOTONIC) < end);
  return 1e9 * (seconds_of(CLOCK_THREAD_CPUTIME_ID) - begin) / static_cast<double>(num);
}

// per_second runs steps on many threads until the time is over. make_step is called on each thread with its
// number, and does what comes before the clock starts.
template <typename MakeStep>
double per_second(std::size_t num_threads, double seconds, MakeStep make_step) {
  std::atomic<std::size_t> num_ready{0};
  std::atomic<std::size_t> num_steps{0};
  std::atomic<bool> begun{false};
  std::atomic<bool> over{false};
  std::vector<std::jthread> threads;
  for (std::size_t t = 0; t < num_threads; ++t) {
    threads.emplace_back([&, t] {
      auto step = make_step(t);
      num_ready.fetch_add(1);
      begun.wait(false);
      std::size_t mine = 0;
      do {
        step();
        ++mine;
      } while (!over.load(std::memory_order_relaxed));  // at least one, also on a busy machine
      num_steps.fetch_add(mine);
    });
  }
  while (num_ready.load() < num_threads) std::this_thread::yield();
  const double begin = seconds_of(CLOCK_MONOTONIC);
  begun.store(true);
  begun.notify_all();
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  over.store(true);
  threads.clear();  // a step that began in time counts, and so does the time that it took
  return static_cast<double>(num_steps.load()) / (seconds_of(CLOCK_MONOTONIC) - begin);
}

// --- Commands --------------------------------------------------------------------------------------

template <typename Library>
class Commands {
 public:
  using Thread = typename Library::Thread;

  explicit Commands(fs::path directory) : directory_(std::move(directory)) {}

  void get(std::size_t num_secrets, double seconds) const {
    Library library(store_of(num_secrets));
    Thread thread(library);
    const Names names = names_of(num_secrets);
    for (const std::string& name : names) thread.get(name, use);  // both files and caches are warm
    std::size_t i = 0;
    const double ns = cpu_ns(seconds, 64, [&] {
      thread.get(names[i], use);
      if (++i == names.size()) i = 0;
    });
    std::printf("ns=%.1f\n", ns);
  }

  void gets2(std::size_t num_secrets, double seconds) const {
    Library library(store_of(num_secrets));
    const Names names = names_of(num_secrets);
    const double rate = per_second(2, seconds, [&](std::size_t t) {
      auto thread = std::make_shared<Thread>(library);
      for (const std::string& name : names) thread->get(name, use);
      return [&names, thread, i = t * names.size() / 2]() mutable {
        thread->get(names[i], use);
        if (++i == names.size()) i = 0;
      };
    });
    std::printf("per_s=%.1f\n", rate);
  }

  // Each writer has secrets of its own.
  void put(std::size_t num_writers, double seconds) const {
    Library library(store_to_write());
    const Names names = names_of(kNumInFolder);
    const std::vector<std::uint8_t> value = some_value();
    const double rate = per_second(num_writers, seconds, [&](std::size_t t) {
      auto thread = std::make_shared<Thread>(library);
      return [&, thread, t, i = t]() mutable {
        thread->put(names[i], value);
        i += num_writers;
        if (i >= names.size()) i = t;
      };
    });
    std::printf("per_s=%.1f\n", rate);
  }

  void list(std::size_t num_secrets, double seconds) const {
    Library library(store_of(num_secrets));
    Thread thread(library);
    const std::size_t wanted = std::min(num_secrets, kNumInFolder);
    const auto step = [&] { must(thread.list("app-000") == wanted, "the list is not complete"); };
    step();
    std::printf("ns=%.1f\n", cpu_ns(seconds, 1, step));
  }

  void start(std::size_t num_secrets) const {
    const fs::path store = store_of(num_secrets);
    const std::string name = nth_name(num_secrets / 2);
    const double begin = seconds_of(CLOCK_MONOTONIC);
    Library library(store);
    Thread thread(library);
    thread.get(name, use);
    std::printf("ns=%.1f\n", 1e9 * (seconds_of(CLOCK_MONOTONIC) - begin));
  }

  // The value is put by one process and read by another, which this one looks at while it stands still.
  void residue(std::size_t num_gets) const {
    const auto marker = strongroom::testing::Marker::random(kValueLen);
    must(marker.has_value(), "the system has no randomness");
    const fs::path store = store_to_write();
    const std::string name = nth_name(kNumInFolder / 2);
    const Child writer([&](const Child&) {
      std::vector<std::uint8_t> value(kValueLen);
      marker->unmask_to(value.data());
      Library library(store);
      Thread(library).put(name, value);
    });
    must(writer.ended_well(), "the value was not put");
    const Child reader([&](const Child& self) {
      auto library = std::make_unique<Library>(store);
      auto thread = std::make_unique<Thread>(*library);
      for (std::size_t i = 0; i < num_gets; ++i) thread->get(name, use);
      self.stand_still();
      thread.reset();
      library.reset();
      self.stand_still();
    });
    const auto released = reader.look(*marker);
    const auto closed = reader.look(*marker);
    must(released && closed && reader.ended_well(), "the reader's memory could not be looked at");
    std::printf("places=%zu closed=%zu\n", *released, *closed);
  }

 private:
  // Child is a process that runs body, and stops itself where it is to be looked at.
  class Child {
   public:
    template <typename Body>
    explicit Child(Body body) {
      std::fflush(nullptr);
      pid_ = ::fork();
      must(pid_ >= 0, "no process");
      if (pid_ != 0) return;
      body(*this);
      ::_exit(0);
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    void stand_still() const { ::raise(SIGSTOP); }
    std::optional<std::size_t> look(const strongroom::testing::Marker& marker) const {
      int status = 0;
      if (::waitpid(pid_, &status, WUNTRACED) != pid_ || !WIFSTOPPED(status)) return std::nullopt;
      const auto places = strongroom::testing::residue_in_process(marker, pid_);
      ::kill(pid_, SIGCONT);
      return places;
    }
    bool ended_well() const {
      int status = 0;
      return ::waitpid(pid_, &status, 0) == pid_ && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }

   private:
    pid_t pid_ = -1;
  };

  fs::path store_of(std::size_t num_secrets) const {
    return made<Library>(directory_, std::to_string(num_secrets), num_secrets);
  }
  // A store of its own, so that what is read stays as it was made.
  fs::path store_to_write() const { return made<Library>(directory_, "written", kNumInFolder); }

  fs::path directory_;
};

// main_of runs the command of a peer program.
template <typename Library>
int main_of(int argc, char** argv) {
  const std::span<char*> words(argv, static_cast<std::size_t>(argc));
  if (words.size() < 4)
    give_up("usage: <directory> <command> <n> [<seconds>]; see bench/peers/peer.hpp");
  const fs::path directory = fs::absolute(words[1]);
  const std::string_view command = words[2];
  const std::size_t n = std::stoul(words[3]);
  const double seconds = words.size() > 4 ? std::stod(words[4]) : 0.5;
  const Commands<Library> commands(directory);
  if (command == "make")
    made<Library>(directory, words[3], n);
  else if (command == "get")
    commands.get(n, seconds);
  else if (command == "gets2")
    commands.gets2(n, seconds);
  else if (command == "put")
    commands.put(n, seconds);
  else if (command == "list")
    commands.list(n, seconds);
  else if (command == "start")
    commands.start(n);
  else if (command == "residue")
    commands.residue(n);
  else
    give_up("there is no such command");
  return 0;
}

}  // namespace peers
