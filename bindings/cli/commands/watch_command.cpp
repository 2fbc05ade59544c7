// watch_command.cpp: which secrets change, a line each.
#include <signal.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "store/access.hpp"
#include "store/failure.hpp"
#include "syntax/commands.hpp"
#include "terminal/output.hpp"
#include "terminal/terminal.hpp"

namespace strongroom_cli {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

volatile sig_atomic_t caught_signal = 0;

void catch_signal(int signal) {
  caught_signal = signal;
}

// Signals end the watch between two looks, so that keys are wiped.
class CaughtSignals {
 public:
  CaughtSignals() {
    struct sigaction action {};
    action.sa_handler = &catch_signal;
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
      ::sigaction(kSignals[i], nullptr, &before_[i]);
      if (before_[i].sa_handler != SIG_IGN) ::sigaction(kSignals[i], &action, nullptr);
    }
  }
  ~CaughtSignals() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
      ::sigaction(kSignals[i], &before_[i], nullptr);
    }
  }
  CaughtSignals(const CaughtSignals&) = delete;
  CaughtSignals& operator=(const CaughtSignals&) = delete;

 private:
  static constexpr std::array<int, 3> kSignals = {SIGINT, SIGTERM, SIGHUP};
  std::array<struct sigaction, 3> before_{};
};

std::string line_of(const strongroom_abi::WatchEvent& event, bool json) {
  const char* const what = event.deleted ? "deleted" : "changed";
  if (!json)
    return std::string(what) + " " + std::to_string(event.revision) + " " + event.path + "\n";
  return "{\"path\":" + json_text(event.path) + ",\"change\":\"" + what +
         "\",\"revision\":" + (event.revision == 0 ? "null" : std::to_string(event.revision)) +
         "}\n";
}

// Outage tells of trouble with the storage once, and when it is over.
class Outage {
 public:
  void begin(const strongroom_abi::Error& error) {
    if (!out_) complain(std::string(error.what()) + "; going on as soon as it is back");
    out_ = true;
  }
  void end() {
    if (out_) complain("the storage is back");
    out_ = false;
  }

 private:
  bool out_ = false;
};

bool may_pass(const strongroom_abi::Error& error) {
  return error.status() == STRONGROOM_UNAVAILABLE || error.status() == STRONGROOM_TIMEOUT;
}

// pause waits where the storage answered at once that it is out of reach.
void pause(Clock::time_point look_began) {
  constexpr milliseconds kRest{200};
  const auto left = std::chrono::duration_cast<milliseconds>(look_began + kRest - Clock::now());
  if (left.count() <= 0) return;
  const timespec time{0, static_cast<long>(left.count()) * 1'000'000};
  ::nanosleep(&time, nullptr);  // a signal ends it
}

void watch_until(strongroom_abi::Watch& watch, std::optional<Clock::time_point> end, bool json) {
  constexpr milliseconds kLook{250};  // how long Ctrl-C may take
  Outage outage;
  while (caught_signal == 0) {
    const Clock::time_point now = Clock::now();
    if (end && now >= *end) return;
    const auto left = end ? std::chrono::ceil<milliseconds>(*end - now) : kLook;
    std::string lines;
    try {
      for (const auto& event :
           watch.next(static_cast<std::uint32_t>(std::min(left, kLook).count())))
        lines += line_of(event, json);
      outage.end();
    } catch (const strongroom_abi::Error& error) {
      if (!may_pass(error)) throw;
      outage.begin(error);
      pause(now);
    }
    if (!lines.empty()) print(lines);
  }
}

}  // namespace

int watch_command(const Options& options) {
  Access access = open_unsealed(options);
  {
    const CaughtSignals signals;
    strongroom_abi::Watch watch = access.session.watch(options.path);
    std::optional<Clock::time_point> end;
    if (options.watch_s > 0) {
      end =
          Clock::now() + milliseconds(static_cast<std::int64_t>(std::ceil(options.watch_s * 1000)));
    }
    watch_until(watch, end, options.json);
  }
  if (caught_signal != 0) throw Interrupted{static_cast<int>(caught_signal)};
  return kExitOk;
}

}  // namespace strongroom_cli
