// scratch.hpp: a directory for this program, and the amount of memory that this process has locked.
#pragma once

#include <stdlib.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>

#include "bench_main.hpp"

namespace strongroom::bench {

// Scratch is a named directory, which stays for the next run, or a temporary one.
class Scratch {
 public:
  // named  the directory to use and keep.  in  where to make a temporary one, if none was named.
  explicit Scratch(const std::optional<std::string>& named,
                   const std::optional<std::string>& in = std::nullopt) {
    if (named) {
      path_ = std::filesystem::absolute(*named);
      std::filesystem::create_directories(path_);
      return;
    }
    const std::filesystem::path above =
        in ? std::filesystem::absolute(*in) : std::filesystem::temp_directory_path();
    std::filesystem::create_directories(above);
    std::string name = above / "strongroom-bench-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) give_up("no directory could be made: " + name);
    path_ = name;
    temporary_ = true;
  }
  ~Scratch() {
    std::error_code ignored;
    if (temporary_) std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
  bool temporary_ = false;
};

// locked_kib returns how much memory this process has locked: VmLck of proc(5).
inline std::uint64_t locked_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::uint64_t kib = 0;
    if (word == "VmLck:" && status >> kib) return kib;
  }
  give_up("/proc/self/status has no VmLck");
}

}  // namespace strongroom::bench
