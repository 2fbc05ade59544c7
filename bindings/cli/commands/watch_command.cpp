// watch_command.cpp: prints a line for each secret that changes.
#include <signal.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "commands/groups.hpp"
#include "store/access.hpp"
#include "syntax/common_options.hpp"
#include "syntax/table.hpp"
#include "terminal/output.hpp"
#include "terminal/terminal.hpp"

namespace strongroom_cli {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr Option kWatched =
    optional_argument("PATH", Kind::secret, "A secret or folder; all of the store when left out");
constexpr Option kFor = {.names = "--for",
                         .kind = Kind::seconds,
                         .about = "End after so long, from a part of a second to a year",
                         .value = "SECONDS",
                         .min = 0.001,
                         .max = 31536000};

volatile sig_atomic_t caught_signal = 0;

void catch_signal(int signal) {
  caught_signal = signal;
}

// CaughtSignals makes signals end the watch between two looks, so that keys are wiped.
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
    return std::string(what) + " " + std::to_string(event.revision) + " " + name_text(event.path) +
           "\n";
  return "{\"path\":" + json_text(event.path) + ",\"change\":\"" + what +
         "\",\"revision\":" + (event.revision == 0 ? "null" : std::to_string(event.revision)) +
         "}\n";
}

// Outage reports once that the storage is out of reach, and once that it is back.
class Outage {
 public:
  void begin(const strongroom_abi::Error& error) {
    if (!out_) complain(std::string(error.what()) + "; continuing as soon as it is back");
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

// pause waits for a moment where the storage said at once that it is out of reach.
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

int run_watch(const Options& options) {
  Access access = open_unsealed(options);
  {
    const CaughtSignals signals;
    strongroom_abi::Watch watch = access.session.watch(options.text(kWatched));
    std::optional<Clock::time_point> end;
    if (options.has(kFor)) {
      end = Clock::now() +
            milliseconds(static_cast<std::int64_t>(std::ceil(options.seconds(kFor) * 1000)));
    }
    watch_until(watch, end, options.has(kJson));
  }
  if (caught_signal != 0) throw Interrupted{static_cast<int>(caught_signal)};
  return kExitOk;
}

}  // namespace

constexpr const char* kWatchHelp =
    R"(Prints a line for each secret at or below PATH that is put or deleted from now on, with its new
revision; of several changes in quick succession, only the last may be printed. Ends with --for, or
by Ctrl-C. When the storage is out of reach it waits, and then prints what it missed; when the store
is sealed it ends.

Examples:
  strongroom watch
  strongroom watch db --json
  strongroom watch my/secret --for 3600)";

const Command watch_command("watch", kSecretsGroup, "Print which secrets change", kWatchHelp,
                            {&kWatched, &kFor, &kJson}, run_watch);

}  // namespace strongroom_cli
