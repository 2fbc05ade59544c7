// zookeeper_scan.cpp: see zookeeper_scan.hpp.
#include "zookeeper_scan.hpp"

#include <algorithm>
#include <utility>

#include "strongroom/impl/base/propagate.hpp"

namespace strongroom::zookeeper {
namespace {

constexpr std::size_t kMaxAtOnce = 64;

// take_back removes up to n elements from the end and returns them, last first.
template <typename T>
std::vector<T> take_back(std::vector<T>& from, std::size_t n) {
  std::vector<T> taken;
  for (; n > 0 && !from.empty(); --n) {
    taken.push_back(std::move(from.back()));
    from.pop_back();
  }
  return taken;
}

}  // namespace

Lister::Lister(Session& session, std::string prefix, ByteView after, Clock::time_point deadline)
    : session_(session), prefix_(std::move(prefix)), deadline_(deadline) {
  if (after.empty()) return;
  from_start_ = false;
  after_ = place_of(after);
  if (after_.is_long) stage_ = Stage::long_keys;
}

bool Lister::comes_after(const Place& place) const {
  return from_start_ || place > after_;
}

Result<std::vector<Lister::Names>> Lister::children(const std::vector<std::string>& paths) {
  std::vector<Op> ops;
  for (const std::string& path : paths) ops.push_back(op(Op::Kind::children, path));
  STRONGROOM_ASSIGN(listed, session_.run(std::move(ops), deadline_));
  if (auto broken = session_.broken()) return std::move(*broken);
  std::vector<Names> names;
  for (Op& one : listed->ops) {
    if (one.rc != kOk && one.rc != kNoNode) return session_.trouble("list nodes", one.rc);
    names.push_back(std::move(one.names));
  }
  return names;
}

// buckets returns the buckets that may hold a wanted key, the first one last.
Result<std::vector<std::uint32_t>> Lister::buckets(bool is_long) {
  std::vector<std::uint32_t> found;
  if (prefix_.size() >= kHeadLen) {
    const Place place = place_of({reinterpret_cast<const std::uint8_t*>(prefix_.data()), kHeadLen});
    if (is_long || prefix_.size() == kHeadLen) found.push_back(place.bucket);
    return found;
  }
  STRONGROOM_ASSIGN(listed, children({session_.root() + (is_long ? "/e" : "/r")}));
  for (const std::string& name : listed[0]) {
    const auto bucket = parse_number(name, 3);
    if (!bucket) continue;
    if (!from_start_ && after_.is_long == is_long && *bucket < after_.bucket) continue;
    found.push_back(*bucket);
  }
  std::sort(found.rbegin(), found.rend());
  return found;
}

Result<void> Lister::next(std::size_t wanted, std::vector<Place>& places) {
  const std::size_t before = places.size();
  while (places.size() == before && stage_ != Stage::end) {
    const bool is_long = stage_ == Stage::long_keys;
    if (!have_buckets_) {
      STRONGROOM_ASSIGN(found, buckets(is_long));
      buckets_ = std::move(found);
      have_buckets_ = true;
      at_once_ = 1;
    }
    STRONGROOM_TRY(is_long ? next_long(wanted, places) : next_short(wanted, places));
    if (!buckets_.empty() || !heads_.empty() || !stripes_.empty()) continue;
    stage_ = is_long ? Stage::end : Stage::long_keys;
    have_buckets_ = false;
  }
  return {};
}

Result<void> Lister::next_short(std::size_t wanted, std::vector<Place>& places) {
  const std::size_t before = places.size();
  while (!buckets_.empty() && places.size() - before < wanted) {
    const auto taken = take_back(buckets_, at_once_);
    std::vector<std::string> paths;
    for (const std::uint32_t bucket : taken)
      paths.push_back(bucket_path(session_.root(), false, bucket));
    STRONGROOM_ASSIGN(listed, children(paths));
    for (std::size_t i = 0; i < taken.size(); ++i) {
      const std::size_t begin = places.size();
      for (const std::string& name : listed[i]) {
        auto head = parse_head(name);
        if (!head || !head->starts_with(prefix_)) continue;
        Place place{false, taken[i], std::move(*head), 0, {}};
        if (comes_after(place)) places.push_back(std::move(place));
      }
      std::sort(places.begin() + static_cast<std::ptrdiff_t>(begin), places.end());
    }
    at_once_ = std::min(2 * at_once_, kMaxAtOnce);
  }
  return {};
}

Result<void> Lister::next_heads() {
  if (prefix_.size() >= kHeadLen) {
    heads_.push_back({true, buckets_.back(), prefix_.substr(0, kHeadLen), 0, {}});
    buckets_.clear();
    return {};
  }
  const auto taken = take_back(buckets_, at_once_);
  std::vector<std::string> paths;
  for (const std::uint32_t bucket : taken)
    paths.push_back(bucket_path(session_.root(), true, bucket));
  STRONGROOM_ASSIGN(listed, children(paths));
  for (std::size_t i = 0; i < taken.size(); ++i) {
    for (const std::string& name : listed[i]) {
      auto head = parse_head(name);
      if (!head || head->size() != kHeadLen || !head->starts_with(prefix_)) continue;
      Place place{true, taken[i], std::move(*head), 0, {}};
      const bool passed = !from_start_ && after_.is_long &&
                          (place.bucket < after_.bucket ||
                           (place.bucket == after_.bucket && place.head < after_.head));
      if (!passed) heads_.push_back(std::move(place));
    }
  }
  std::sort(heads_.rbegin(), heads_.rend());
  at_once_ = std::min(2 * at_once_, kMaxAtOnce);
  return {};
}

Result<void> Lister::next_stripes() {
  const auto taken = take_back(heads_, kMaxAtOnce);
  std::vector<std::string> paths;
  for (const Place& head : taken) paths.push_back(head_path(session_.root(), head));
  STRONGROOM_ASSIGN(listed, children(paths));
  for (std::size_t i = 0; i < taken.size(); ++i) {
    for (const std::string& name : listed[i]) {
      const auto stripe = parse_number(name, 2);
      if (!stripe || *stripe >= kNumStripes) continue;
      Place place = taken[i];
      place.stripe = *stripe;
      const bool same_head = !from_start_ && after_.is_long && place.head == after_.head;
      if (!same_head || *stripe >= after_.stripe) stripes_.push_back(std::move(place));
    }
  }
  std::sort(stripes_.rbegin(), stripes_.rend());
  return {};
}

Result<void> Lister::next_long(std::size_t wanted, std::vector<Place>& places) {
  const std::size_t before = places.size();
  const std::string tail_prefix =
      prefix_.size() > kHeadLen ? prefix_.substr(kHeadLen) : std::string();
  std::size_t at_once = 4;
  while (places.size() - before < wanted) {
    if (stripes_.empty() && heads_.empty()) {
      if (buckets_.empty()) return {};
      STRONGROOM_TRY(next_heads());
    }
    if (stripes_.empty()) {
      STRONGROOM_TRY(next_stripes());
    }
    const auto taken = take_back(stripes_, at_once);
    std::vector<std::string> paths;
    for (const Place& stripe : taken) paths.push_back(stripe_path(session_.root(), stripe));
    if (paths.empty()) continue;
    STRONGROOM_ASSIGN(listed, children(paths));
    for (std::size_t i = 0; i < taken.size(); ++i) {
      const std::size_t begin = places.size();
      for (const std::string& name : listed[i]) {
        auto tail = parse_tail(name);
        if (!tail || !tail->starts_with(tail_prefix)) continue;
        Place place = taken[i];
        place.tail = std::move(*tail);
        if (comes_after(place)) places.push_back(std::move(place));
      }
      std::sort(places.begin() + static_cast<std::ptrdiff_t>(begin), places.end());
    }
    at_once = std::min(2 * at_once, kMaxAtOnce);
  }
  return {};
}

}  // namespace strongroom::zookeeper
