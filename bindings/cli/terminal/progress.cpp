// progress.cpp: one line on the terminal; see progress.hpp.
#include "terminal/progress.hpp"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <utility>

#include "store/failure.hpp"
#include "terminal/leftovers.hpp"
#include "terminal/output.hpp"
#include "terminal/terminal.hpp"

namespace strongroom_cli {
namespace {

constexpr auto kPatience = std::chrono::seconds(1);
constexpr auto kPace = std::chrono::milliseconds(200);

// show_line ignores errors: the line is only for the person who watches.
void show_line(const std::string& text) noexcept try {
  write_all(STDERR_FILENO, text, "standard error");
} catch (const std::exception&) {  // nobody watches
}

}  // namespace

ProgressLine::ProgressLine(std::string doing, Unit unit)
    : doing_(std::move(doing)),
      unit_(unit),
      on_terminal_(::isatty(STDERR_FILENO) != 0),
      next_(std::chrono::steady_clock::now() + kPatience) {}

ProgressLine::~ProgressLine() {
  if (shown_) show_line("\r\033[K");
}

strongroom_abi::Progress ProgressLine::callback() {
  return [this](const strongroom_progress& progress) {
    if (const int signal = held_signal(); signal != 0) throw Interrupted{signal};
    if (on_terminal_) show(progress);
    return true;
  };
}

void ProgressLine::show(const strongroom_progress& progress) {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_) return;
  next_ = now + kPace;
  std::string far = std::to_string(progress.num_records);
  if (unit_ == Unit::records) far += " records";
  if (unit_ == Unit::bytes) far += " records, " + size_text(progress.size_bytes);
  if (unit_ == Unit::rewritten)
    far += " records, " + std::to_string(progress.num_written) + " sealed anew";
  if (unit_ == Unit::nodes) far += " nodes";
  show_line("\r\033[K" + doing_ + ": " + far);
  shown_ = true;
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::array kUnits = {"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes");
  double size = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; size >= 1000 && unit + 1 < kUnits.size(); ++unit) size /= 1024;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f %s", size, kUnits[unit]);
  return text.data();
}

}  // namespace strongroom_cli
