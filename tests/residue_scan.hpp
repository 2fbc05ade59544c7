// residue_scan.hpp: counts the places where a value is found, whole or in pieces, in the memory of another
// process or in a core.
//
// It uses nothing of ours, so that the programs of bench/peers count by the same rule as the tests.
#pragma once

#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace strongroom::testing {

// Marker is random text to look for. It is kept masked, so that it is found only where somebody put it.
class Marker {
 public:
  // A piece of this many bytes counts as a find; random text of 16 letters never arises by chance.
  static constexpr std::size_t kPieceLen = 16;

  // random returns len lower-case letters that nobody has ever seen; nothing if the system has no randomness.
  static std::optional<Marker> random(std::size_t len) {
    std::vector<std::uint8_t> bytes(len);
    if (len < kPieceLen || ::getrandom(bytes.data(), len, 0) != static_cast<ssize_t>(len)) {
      return std::nullopt;
    }
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>('a' + byte % 26) ^ kMask;
    return Marker(std::move(bytes));
  }

  std::size_t size() const noexcept { return masked_.size(); }
  void unmask_to(std::uint8_t* out) const noexcept {
    for (const std::uint8_t byte : masked_) *out++ = byte ^ kMask;
  }

  // match returns how many bytes at `at` are a part of the text; 0 if fewer than kPieceLen are.
  std::size_t match(const std::uint8_t* at, const std::uint8_t* stop) const {
    if (static_cast<std::size_t>(stop - at) < kPieceLen) return 0;
    const std::uint32_t word = first_word(at) ^ kWordMask;
    if (!seen_[short_of(word)]) return 0;
    std::size_t longest = 0;
    const auto [begin, end] = offsets_.equal_range(word);
    for (auto offset = begin; offset != end; ++offset) {
      std::size_t i = offset->second;
      const std::size_t first = i;
      while (i < size() && at + (i - first) < stop && (at[i - first] ^ kMask) == masked_[i]) ++i;
      longest = i - first > longest ? i - first : longest;
    }
    return longest >= kPieceLen ? longest : 0;
  }

 private:
  static constexpr std::uint8_t kMask = 0xA5;
  static constexpr std::uint32_t kWordMask = 0xA5A5A5A5;

  explicit Marker(std::vector<std::uint8_t> masked) : masked_(std::move(masked)) {
    for (std::size_t i = 0; i + kPieceLen <= size(); ++i) {
      const std::uint32_t word = first_word(&masked_[i]);
      seen_.set(short_of(word));
      offsets_.emplace(word, i);
    }
  }

  static std::uint32_t first_word(const std::uint8_t* at) noexcept {
    std::uint32_t word = 0;
    ::memcpy(&word, at, sizeof word);
    return word;
  }
  static std::size_t short_of(std::uint32_t word) noexcept { return word * 2654435761u >> 16; }

  std::vector<std::uint8_t> masked_;
  std::bitset<65536> seen_;  // most bytes of a memory are dismissed here
  std::unordered_multimap<std::uint32_t, std::size_t> offsets_;
};

namespace residue_scan {

struct Window {
  static constexpr std::size_t kLen = 1 << 20;
  std::array<std::uint8_t, kLen> bytes;
  ~Window() { ::explicit_bzero(bytes.data(), bytes.size()); }  // it held whatever was found
};

// count_between counts stretches; one that two reads would split is read again from its begin.
inline std::size_t count_between(int file, std::uint64_t begin, std::uint64_t end, Window& window,
                                 const Marker& marker) {
  std::size_t places = 0;
  while (begin < end) {
    const std::uint64_t left = end - begin;
    const std::size_t len = left < Window::kLen ? static_cast<std::size_t>(left) : Window::kLen;
    const ssize_t got = ::pread(file, window.bytes.data(), len, static_cast<off_t>(begin));
    if (got <= 0) return places;  // a guard page, or gone
    const auto have = static_cast<std::size_t>(got);
    const bool last = have == left;
    const std::size_t until = last || have <= marker.size() ? have : have - marker.size();
    const std::uint8_t* const stop = window.bytes.data() + have;
    std::size_t i = 0;
    while (i < until) {
      const std::size_t matched = marker.match(window.bytes.data() + i, stop);
      places += matched > 0 ? 1 : 0;
      i += matched > 0 ? matched : 1;
    }
    begin += i;
  }
  return places;
}

}  // namespace residue_scan

// residue_in_process returns in how many places of another process's memory the text is: heap, stacks,
// statics, mappings, also those that the process itself cannot read. We must be its parent, or root.
// Returns  nothing if the memory cannot be read.
inline std::optional<std::size_t> residue_in_process(const Marker& marker, pid_t pid) {
  const std::string process = "/proc/" + std::to_string(pid);
  const int memory = ::open((process + "/mem").c_str(), O_RDONLY | O_CLOEXEC);
  std::FILE* const maps = std::fopen((process + "/maps").c_str(), "re");
  std::optional<std::size_t> places;
  if (memory >= 0 && maps != nullptr) {
    places = 0;
    const auto window = std::make_unique<residue_scan::Window>();
    std::array<char, 512> line{};
    while (std::fgets(line.data(), static_cast<int>(line.size()), maps) != nullptr) {
      unsigned long begin = 0;
      unsigned long end = 0;
      std::array<char, 5> mode{};
      if (std::sscanf(line.data(), "%lx-%lx %4s", &begin, &end, mode.data()) != 3) continue;
      const bool written = mode[1] == 'w' || mode[3] == 'p';
      if (!written || end - begin > (1UL << 30)) continue;  // a file's; a sanitizer's shadow
      *places += residue_scan::count_between(memory, begin, end, *window, marker);
    }
  }
  if (maps != nullptr) std::fclose(maps);
  if (memory >= 0) ::close(memory);
  return places;
}

// residue_in_file returns in how many places of a file the text is. Returns  nothing if it cannot be read.
inline std::optional<std::size_t> residue_in_file(const Marker& marker, const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return std::nullopt;
  const off_t len = ::lseek(file, 0, SEEK_END);
  const auto window = std::make_unique<residue_scan::Window>();
  const std::size_t places =
      residue_scan::count_between(file, 0, static_cast<std::uint64_t>(len), *window, marker);
  ::close(file);
  return places;
}

}  // namespace strongroom::testing
