// memory_scan.hpp: looks for a secret in all memory that this process can write to, in that of
// another process, or in a file.
//
// What is looked for is kept masked, so that the search does not find itself.
#pragma once

#include <fcntl.h>
#include <sodium.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
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
  // find_first gives where the text may begin: its first byte stands there, and there is room.
  const std::uint8_t* find_first(const std::uint8_t* at, const std::uint8_t* stop) const noexcept {
    if (at + masked_.size() > stop) return nullptr;
    const auto room = static_cast<std::size_t>(stop - at) - masked_.size() + 1;
    return static_cast<const std::uint8_t*>(std::memchr(at, masked_[0] ^ kMask, room));
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
    const std::uint8_t* at = window.bytes.data();
    for (const auto* const stop = at + have; (at = wanted.find_first(at, stop)) != nullptr; ++at) {
      if (wanted.matches(at)) return true;
    }
    if (have < wanted.size()) return false;
    begin += have - wanted.size() + 1;
  }
  return false;
}

}  // namespace memory_scan

// in_memory tells whether the text is anywhere in writable memory: heap, stacks, statics, mappings.
// Of another process (we must be its parent, or root), private memory that it can not touch itself
// is looked at as well.
inline bool in_memory(const Masked& wanted, pid_t pid = 0) {
  const std::string process = "/proc/" + (pid == 0 ? "self" : std::to_string(pid));
  const int memory = ::open((process + "/mem").c_str(), O_RDONLY | O_CLOEXEC);
  std::FILE* maps = std::fopen((process + "/maps").c_str(), "re");
  if (memory < 0 || maps == nullptr) return true;  // what cannot be looked at is not clean
  const auto window = std::make_unique<memory_scan::Window>();
  std::array<char, 512> line{};
  bool found = false;
  while (!found && std::fgets(line.data(), static_cast<int>(line.size()), maps) != nullptr) {
    unsigned long begin = 0;
    unsigned long end = 0;
    std::array<char, 5> mode{};
    if (std::sscanf(line.data(), "%lx-%lx %4s", &begin, &end, mode.data()) != 3) continue;
    const bool writable = mode[0] == 'r' && mode[1] == 'w';
    if (!writable && (pid == 0 || mode[3] != 'p')) continue;
    if (end - begin > (1UL << 30)) continue;  // a sanitizer's shadow
    found = memory_scan::found_between(memory, begin, end, *window, wanted);
  }
  std::fclose(maps);
  ::close(memory);
  return found;
}

// in_file tells whether the text is in a file: a core, a dump of a store.
inline bool in_file(const Masked& wanted, const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return true;
  const off_t len = ::lseek(file, 0, SEEK_END);
  const auto window = std::make_unique<memory_scan::Window>();
  const bool found =
      memory_scan::found_between(file, 0, static_cast<std::uint64_t>(len), *window, wanted);
  ::close(file);
  return found;
}

}  // namespace strongroom::testing
