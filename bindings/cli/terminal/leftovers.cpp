// leftovers.cpp: the handler and its table; see leftovers.hpp.
#include "terminal/leftovers.hpp"

#include <limits.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "store/failure.hpp"

namespace strongroom_cli {
namespace {

constexpr std::array kEndingSignals = {SIGHUP,  SIGINT,  SIGQUIT,   SIGTERM, SIGALRM, SIGXCPU,
                                       SIGUSR1, SIGUSR2, SIGVTALRM, SIGPROF, SIGIO,   SIGPWR};
constexpr int kEnding = -1;

struct Slot {
  std::atomic<bool> set{false};
  std::array<char, PATH_MAX> name{};
};

// The handler and the threads share only lock-free atomics, and names that do not change while set is true.
std::array<Slot, 4> slots;
std::atomic<int> num_undivided{0};  // or kEnding: the handler removes files, and nothing may begin
std::atomic<int> held_back{0};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

void end_by_default(int signal) {
  ::signal(signal, SIG_DFL);
  sigset_t only;
  ::sigemptyset(&only);
  ::sigaddset(&only, signal);
  ::raise(signal);
  ::pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
}

void remove_all() {
  for (const Slot& slot : slots) {
    if (slot.set) ::unlink(slot.name.data());
  }
}

void on_signal(int signal) {
  const int error = errno;
  int none = 0;
  if (num_undivided.compare_exchange_strong(none, kEnding)) {
    remove_all();
    end_by_default(signal);
  } else if (none != kEnding && held_back.exchange(signal) != 0) {
    end_by_default(signal);
  }
  errno = error;
}

}  // namespace

void remove_leftovers_on_signals() {
  struct sigaction action {};
  action.sa_handler = &on_signal;
  action.sa_flags = SA_RESTART;
  ::sigfillset(&action.sa_mask);
  for (const int signal : kEndingSignals) {
    struct sigaction before {};
    ::sigaction(signal, nullptr, &before);
    if (before.sa_handler != SIG_IGN) ::sigaction(signal, &action, nullptr);
  }
}

Leftover::Leftover(const std::string& name) {
  for (Slot& slot : slots) {
    if (slot.set) continue;
    if (name.size() >= slot.name.size()) break;
    std::memcpy(slot.name.data(), name.c_str(), name.size() + 1);
    slot.set = true;
    slot_ = static_cast<int>(&slot - slots.data());
    return;
  }
  throw Failure(kExitInternal, "the file '" + name + "' cannot be remembered");
}

Leftover::Leftover(Leftover&& other) noexcept : slot_(std::exchange(other.slot_, -1)) {}

Leftover& Leftover::operator=(Leftover&& other) noexcept {
  std::swap(slot_, other.slot_);
  return *this;
}

void Leftover::forget() noexcept {
  if (slot_ >= 0) slots[static_cast<std::size_t>(std::exchange(slot_, -1))].set = false;
}

Undivided::Undivided() noexcept {
  for (int count = num_undivided;;) {
    if (count == kEnding) {
      ::pause();  // a handler on another thread is ending the process
      count = num_undivided;
    } else if (num_undivided.compare_exchange_weak(count, count + 1)) {
      return;
    }
  }
}

Undivided::~Undivided() {
  if (--num_undivided == 0 && held_back != 0) ::raise(held_back.exchange(0));
}

int held_signal() noexcept {
  return held_back;
}

}  // namespace strongroom_cli
