#include "message/body.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "message/failure.hpp"

namespace strongroomd {
namespace {

constexpr std::size_t kFirstBodyLen = 4096;

[[noreturn]] void fail_no_room() {
  throw Failure(503, "Busy",
                "there is no room for more request bodies at the moment; try again in a second");
}

}  // namespace

bool BodyBudget::take(std::size_t len) noexcept {
  if (used_.fetch_add(len) + len <= limit_) return true;
  used_ -= len;
  return false;
}

Body::~Body() {
  clear();
}

void Body::append(std::string_view bytes) {
  if (bytes.size() > max_len_ - len_)
    throw Failure(413, "Too large",
                  "the body is longer than " + std::to_string(max_len_) + " bytes");
  if (len_ + bytes.size() > (memory_ ? memory_->size() : 0)) grow(len_ + bytes.size());
  if (!bytes.empty()) std::memcpy(memory_->writable() + len_, bytes.data(), bytes.size());
  len_ += bytes.size();
}

void Body::grow(std::size_t len) {
  const std::size_t before = memory_ ? memory_->size() : 0;
  const std::size_t size = std::max(len, std::min(max_len_, std::max(kFirstBodyLen, 2 * before)));
  if (!budget_.take(size)) fail_no_room();
  try {
    strongroom_abi::Secret larger(size);
    if (len_ > 0) std::memcpy(larger.writable(), memory_->reveal().data(), len_);
    memory_ = std::move(larger);
  } catch (const strongroom_abi::Error&) {
    budget_.give_back(size);
    fail_no_room();
  }
  budget_.give_back(before);
}

void Body::clear() noexcept {
  if (memory_) budget_.give_back(memory_->size());
  memory_.reset();
  len_ = 0;
}

}  // namespace strongroomd
