// doctor_host.ipp: the checks of the process and the machine; see doctor.hpp.
#include <errno.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "strongroom/doctor.hpp"
#include "strongroom/impl/crypto/secret_arena.hpp"
#include "strongroom/impl/doctor/doctor_internal.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom::doctor {
namespace detail::doctor_host {

// Each key lies on a page of its own; this is enough for the keys of 30 slots and 30 terms.
constexpr std::uint64_t kKeysLen = 256 * kKiB;
// The OpenPGP helper locks 20 MiB of addresses, and its heap while it works.
constexpr std::uint64_t kHelperLen = 32 * kMiB;

// can_lock tries to lock. With touch the pages are brought in too, as they are for a key.
static bool can_lock(std::uint64_t len, bool touch) noexcept {
  if (len == 0) return true;
  void* memory = ::mmap(nullptr, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  int failed = ::mlock2(memory, len, touch ? 0 : MLOCK_ONFAULT);
  if (failed != 0 && errno == ENOSYS) failed = ::mlock(memory, len);
  ::munmap(memory, len);
  return failed == 0;
}

static std::uint64_t limit_of(__rlimit_resource resource) noexcept {
  rlimit limit{};
  if (::getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return kNoLimit;
  return limit.rlim_cur;
}

static std::string more_memory(const LockedMemory& memory) {
  const std::uint64_t all = std::max(memory.keys_len + memory.values_len, kHelperLen);
  const std::uint64_t mib = (all + kMiB - 1) / kMiB;
  return "raise the limit: LimitMEMLOCK=" + std::to_string(mib) +
         "M in a systemd unit, or: ulimit -l " + std::to_string(mib * kKiB);
}

template <typename Visit>
void each_line(std::string_view text, Visit visit) {
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    visit(text.substr(begin, end - begin));
    begin = end + 1;
  }
}

static bool has_word(std::string_view text, std::string_view word) {
  constexpr std::string_view kSpace = " \t\n";
  for (std::size_t at = text.find(word); at != std::string_view::npos;
       at = text.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    const bool begins = at == 0 || kSpace.find(text[at - 1]) != std::string_view::npos;
    if (begins && (end == text.size() || kSpace.find(text[end]) != std::string_view::npos)) {
      return true;
    }
  }
  return false;
}

}  // namespace detail::doctor_host

Finding judge_locked_memory(const LockedMemory& memory) {
  const std::string check = "locked-memory";
  const std::string limit = memory.limit == kNoLimit ? "there is no limit"
                            : memory.limit_binds
                                ? "the limit is " + size_text(memory.limit)
                                : "the limit of " + size_text(memory.limit) + " does not apply";
  if (!memory.keys_fit) {
    return {Level::danger, check,
            "the system refused to lock " + size_text(memory.keys_len) +
                " for keys, without which no store can be unsealed; " + limit,
            detail::doctor_host::more_memory(memory)};
  }
  if (!memory.values_fit) {
    return {Level::warning, check,
            "keys can be locked, but not the " + size_text(memory.values_len) +
                " more that the budget allows for values; " + limit,
            detail::doctor_host::more_memory(memory)};
  }
  const std::string fits = size_text(memory.keys_len + memory.values_len) +
                           " of memory can be locked for keys and values; " + limit;
  if (memory.limit_binds && memory.limit < detail::doctor_host::kHelperLen) {
    return {Level::note, check,
            fits + ", and the OpenPGP helper locks up to " +
                size_text(detail::doctor_host::kHelperLen) + " of its own",
            "where shares are wrapped with OpenPGP, " + detail::doctor_host::more_memory(memory)};
  }
  return {Level::good, check, fits, ""};
}

Finding check_locked_memory() {
  const SecretMemory values = SecretArena::instance().stats();
  LockedMemory memory;
  memory.limit = detail::doctor_host::limit_of(RLIMIT_MEMLOCK);
  memory.keys_len = detail::doctor_host::kKeysLen;
  memory.values_len = values.budget_bytes - std::min(values.reserved_bytes, values.budget_bytes);
  memory.keys_fit = detail::doctor_host::can_lock(memory.keys_len, true);
  memory.values_fit =
      memory.keys_fit && detail::doctor_host::can_lock(memory.keys_len + memory.values_len, false);
  constexpr std::uint64_t kSane = std::uint64_t{1} << 40;  // the most that is tried
  memory.limit_binds = memory.limit < kSane &&
                       !detail::doctor_host::can_lock(memory.limit / 4096 * 4096 + 4096, false);
  return judge_locked_memory(memory);
}

Finding judge_core_dumps(const CoreDumps& dumps) {
  const std::string check = "core-dumps";
  const std::string kept_out =
      "; strongroom keeps keys and values out of them, other code does not";
  if (!dumps.dumpable) return {Level::good, check, "this process cannot dump core", ""};
  // A handler gets every dump, whatever the limit, except for a limit of one byte (core(5)).
  const bool piped = dumps.pattern.starts_with('|');
  if (piped && dumps.limit != 1) {
    const std::string program = dumps.pattern.substr(1, dumps.pattern.find(' ') - 1);
    return {dumps.limit == 0 ? Level::note : Level::warning, check,
            "core dumps of this process go to " + program + kept_out,
            "to have none at all, start it with: prlimit --core=1"};
  }
  if (dumps.limit <= 1) return {Level::good, check, "core dumps are off", ""};
  return {
      Level::warning, check,
      "core dumps are on (" + size_text(dumps.limit) + ", to '" + dumps.pattern + "')" + kept_out,
      "turn them off: LimitCORE=0 in a systemd unit, or: ulimit -c 0"};
}

Finding check_core_dumps() {
  CoreDumps dumps;
  dumps.dumpable = ::prctl(PR_GET_DUMPABLE) != 0;
  dumps.limit = detail::doctor_host::limit_of(RLIMIT_CORE);
  dumps.pattern = read_small("/proc/sys/kernel/core_pattern").value_or("core");
  while (dumps.pattern.ends_with('\n')) dumps.pattern.pop_back();
  return judge_core_dumps(dumps);
}

std::vector<std::string> swaps_of(std::string_view proc_swaps) {
  std::vector<std::string> swaps;
  bool heading = true;
  detail::doctor_host::each_line(proc_swaps, [&](std::string_view line) {
    const std::string_view name = line.substr(0, line.find_first_of(" \t"));
    if (!heading && !name.empty() && !name.starts_with("/dev/zram")) swaps.emplace_back(name);
    heading = false;
  });
  return swaps;
}

bool hibernates(std::string_view power_state, std::string_view power_disk) {
  return detail::doctor_host::has_word(power_state, "disk") &&
         !detail::doctor_host::has_word(power_disk, "[disabled]");
}

Finding judge_swap(const std::vector<std::string>& swaps, bool can_hibernate) {
  const std::string check = "swap";
  if (swaps.empty()) return {Level::good, check, "no memory is swapped to a disk", ""};
  std::string what = "memory can be swapped to " + swaps.front();
  if (swaps.size() > 1) what += " and " + std::to_string(swaps.size() - 1) + " more";
  if (!can_hibernate) {
    return {Level::note, check,
            what + "; keys and values are locked against it, copies that a caller makes are not",
            "encrypt the swap, or turn it off: swapoff -a"};
  }
  return {Level::note, check, what + ", and hibernation writes locked memory there too",
          "seal before hibernating; encrypt the swap, or: systemctl mask hibernate.target"};
}

Finding check_swap() {
  const auto swaps = read_small("/proc/swaps");
  if (!swaps) return {Level::note, "swap", "/proc/swaps could not be read", "look with: swapon"};
  return judge_swap(swaps_of(*swaps), hibernates(read_small("/sys/power/state").value_or(""),
                                                 read_small("/sys/power/disk").value_or("")));
}

Finding check_entropy() {
  std::array<unsigned char, 16> bytes;
  const ssize_t got = ::getrandom(bytes.data(), bytes.size(), GRND_NONBLOCK);
  if (got == static_cast<ssize_t>(bytes.size())) {
    return {Level::good, "entropy", "the system's random numbers are ready", ""};
  }
  const bool waiting = got < 0 && errno == EAGAIN;
  return {Level::danger, "entropy",
          waiting ? "the system has not gathered enough entropy for random numbers yet"
                  : "the system returned no random numbers",
          waiting ? "wait, or give the machine a source: virtio-rng, or a hardware generator"
                  : "use a kernel and a sandbox that allow getrandom(2)"};
}

Finding judge_clock(const Clock& clock) {
  const std::string check = "clock";
  const std::string advice = "set the clock, and keep it right: timedatectl set-ntp true";
  constexpr std::int64_t kEarliest = 1'767'225'600;  // 2026-01-01, before the first release
  constexpr std::int64_t kLatest = kEarliest + std::int64_t{30} * 365 * 86'400;
  constexpr std::int64_t kApart = 60;  // seconds by which clocks of a network may differ
  if (clock.now_s < kEarliest) {
    return {Level::warning, check, "the clock shows a time before 2026", advice};
  }
  if (clock.now_s > kLatest) {
    return {Level::warning, check, "the clock shows a time decades from now", advice};
  }
  if (!clock.written_path.empty() && clock.written_s - clock.now_s > kApart) {
    return {Level::warning, check,
            clock.written_path + " was last written " +
                std::to_string((clock.written_s - clock.now_s) / 60) +
                " minutes in the future, by this clock",
            advice};
  }
  if (clock.step_s != 0) {
    return {
        Level::warning, check,
        "the clock jumped by " + std::to_string(clock.step_s) + " seconds while the doctor looked",
        advice};
  }
  if (!clock.synchronised) {
    return {Level::note, check, "the clock is plausible, but no service keeps it right", advice};
  }
  return {Level::good, check, "the clock is plausible", ""};
}

std::int64_t wall_offset_ns() {
  timespec wall{};
  timespec since_boot{};
  ::clock_gettime(CLOCK_REALTIME, &wall);
  ::clock_gettime(CLOCK_BOOTTIME, &since_boot);
  return (wall.tv_sec - since_boot.tv_sec) * 1'000'000'000 + wall.tv_nsec - since_boot.tv_nsec;
}

Finding check_clock(const std::string& storage_directory, std::int64_t offset_before_ns) {
  Clock clock;
  clock.now_s = ::time(nullptr);
  clock.step_s = (wall_offset_ns() - offset_before_ns) / 1'000'000'000;
  timex state{};
  const int told = ::adjtimex(&state);  // modes is 0: it only reads
  clock.synchronised = told < 0 || (told != TIME_ERROR && (state.status & STA_UNSYNC) == 0);
  std::tie(clock.written_path, clock.written_s) = newest_file(storage_directory);
  return judge_clock(clock);
}

}  // namespace strongroom::doctor
