// progress.hpp: shows how far long work has come, to the person who waits for it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "strongroom_abi.hpp"

namespace strongroom_cli {

// ProgressLine keeps one line on standard error up to date, if that is a terminal and the work has
// taken a second already. Its destructor removes the line.
class ProgressLine {
 public:
  enum class Unit { records, bytes, rewritten, nodes };

  // doing  "Backing up".
  ProgressLine(std::string doing, Unit unit);
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  ~ProgressLine();

  // callback is for functions that report progress. It stops the work only where a signal is held back (see
  // Undivided), by throwing Interrupted. It must not outlive this object.
  strongroom_abi::Progress callback();

 private:
  void show(const strongroom_progress& progress);

  std::string doing_;
  Unit unit_;
  bool on_terminal_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point next_;
};

// size_text returns a size for people to read: "12 bytes", "3.4 MiB".
std::string size_text(std::uint64_t bytes);

}  // namespace strongroom_cli
