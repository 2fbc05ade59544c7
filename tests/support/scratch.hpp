// scratch.hpp: a directory of a test's own, gone with it.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>

namespace strongroom::testing {

class Scratch {
 public:
  Scratch() {
    std::string name = std::filesystem::temp_directory_path() / "strongroom-test-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no directory: " + name);
    path_ = name;
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace strongroom::testing
