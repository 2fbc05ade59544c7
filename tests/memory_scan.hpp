// memory_scan.hpp: looks for a secret in all memory that this process can write to.
//
// What is looked for is kept masked, so that the search does not find itself.
#pragma once

#include <fcntl.h>
#include <sodium.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <vector>

#include "strongroom/secret_bytes.hpp"

namespace strongroom::testing {

// Masked is a text that may be searched for.
class Masked {
 public:
  explicit Masked(SecretView secret) {
    for (const std::uint8_t byte : secret.reveal()) masked_.push_back(byte ^ kMask);
  }

  // random is len lower-case letters that nobody has ever seen.
  static Masked random(std::size_t len) {
    Masked made{SecretView()};
    for (std::size_t i = 0; i < len; ++i) {
      made.masked_.push_back(static_cast<std::uint8_t>('a' + randombytes_uniform(26)) ^ kMask);
    }
    return made;
  }

  std::size_t size() const noexcept { return masked_.size(); }
  void unmask_to(std::uint8_t* out) const noexcept {
    for (const std::uint8_t byte : masked_) *out++ = byte ^ kMask;
  }
  bool matches(const std::uint8_t* bytes) const noexcept {
    for (std::size_t i = 0; i < masked_.size(); ++i) {
      if ((bytes[i] ^ kMask) != masked_[i]) return false;
    }
    return true;
  }

 private:
  static constexpr std::uint8_t kMask = 0xA5;
  std::vector<std::uint8_t> masked_;
};

namespace memory_scan {

struct Window {
  static constexpr std::size_t kLen = 1 << 16;
  std::array<std::uint8_t, kLen> bytes;
  ~Window() { sodium_memzero(bytes.data(), bytes.size()); }  // it held whatever was found
};

inline bool found_between(int memory, std::uint64_t begin, std::uint64_t end, Window& window,
                          const Masked& wanted) {
  while (begin + wanted.size() <= end) {
    const std::uint64_t left = end - begin;
    const std::size_t len = left < Window::kLen ? static_cast<std::size_t>(left) : Window::kLen;
    const ssize_t got = ::pread(memory, window.bytes.data(), len, static_cast<off_t>(begin));
    if (got <= 0) return false;  // a guard page, or gone
    const auto have = static_cast<std::size_t>(got);
    for (std::size_t i = 0; i + wanted.size() <= have; ++i) {
      if (wanted.matches(window.bytes.data() + i)) return true;
    }
    if (have < wanted.size()) return false;
    begin += have - wanted.size() + 1;
  }
  return false;
}

}  // namespace memory_scan

// in_memory tells whether the text is anywhere in writable memory: heap, stacks, statics, mappings.
inline bool in_memory(const Masked& wanted) {
  const int memory = ::open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
  std::FILE* maps = std::fopen("/proc/self/maps", "re");
  if (memory < 0 || maps == nullptr) return true;  // what cannot be looked at is not clean
  const auto window = std::make_unique<memory_scan::Window>();
  std::array<char, 512> line{};
  bool found = false;
  while (!found && std::fgets(line.data(), static_cast<int>(line.size()), maps) != nullptr) {
    unsigned long begin = 0;
    unsigned long end = 0;
    std::array<char, 5> mode{};
    if (std::sscanf(line.data(), "%lx-%lx %4s", &begin, &end, mode.data()) != 3) continue;
    if (mode[0] != 'r' || mode[1] != 'w') continue;
    if (end - begin > (1UL << 30)) continue;  // a sanitizer's shadow
    found = memory_scan::found_between(memory, begin, end, *window, wanted);
  }
  std::fclose(maps);
  ::close(memory);
  return found;
}

}  // namespace strongroom::testing
