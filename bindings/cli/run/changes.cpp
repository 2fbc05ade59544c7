// changes.cpp: one call of the watch after the other, through a queue; see changes.hpp.
#include "run/changes.hpp"

#include <algorithm>
#include <cstdint>
#include <string>

#include "terminal/output.hpp"

namespace strongroom_cli {
namespace {

constexpr std::uint32_t kLookMs = 60'000;
constexpr std::chrono::seconds kRest{1};  // after a failure

}  // namespace

Changes::Changes(strongroom_abi::Session& session) : watch_(session.watch("")) {
  look();
}

int Changes::timeout_ms() const noexcept {
  if (!again_) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*again_ - Clock::now());
  return static_cast<int>(std::max<std::int64_t>(0, left.count()));
}

bool Changes::take() {
  bool changed = false;
  for (const auto& answer : queue_.next()) {
    if (answer.status != STRONGROOM_OK) {
      failed(answer.error);
      continue;
    }
    if (out_) complain("the storage is back");
    out_ = false;
    changed = changed || answer.events.size() != 0;
    look();
  }
  if (again_ && Clock::now() >= *again_) look();
  return changed;
}

void Changes::look() {
  again_.reset();
  try {
    queue_.watch(watch_, kLookMs, nullptr);
  } catch (const strongroom_abi::Error& error) {
    failed(error);
  }
}

void Changes::failed(const strongroom_abi::Error& error) {
  if (error.status() == STRONGROOM_SEALED) {
    complain("the store was sealed; changes are no longer followed");
    return;
  }
  if (!out_) complain(std::string(error.what()) + "; changes are followed as soon as it is back");
  out_ = true;
  again_ = Clock::now() + kRest;
}

}  // namespace strongroom_cli
