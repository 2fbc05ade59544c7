// progress.hpp: how far long work is, for the person who waits for it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "strongroom_abi.hpp"

namespace strongroom_cli {

// ProgressLine keeps one line on standard error up to date, when that is a terminal and the work
// took a second already. The line is gone when this is.
class ProgressLine {
 public:
  enum class Unit { bytes, rewritten, nodes };

  // doing  "Backing up".
  ProgressLine(std::string doing, Unit unit);
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  ~ProgressLine();

  // hear is for the functions that report; it never stops the work. It must not outlive this.
  strongroom_abi::Progress hear();

 private:
  void show(std::uint64_t num_records, std::uint64_t num_done);

  std::string doing_;
  Unit unit_;
  bool on_terminal_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point next_;
};

// size_text gives bytes as people read them: "12 bytes", "3.4 MiB".
std::string size_text(std::uint64_t bytes);

}  // namespace strongroom_cli
