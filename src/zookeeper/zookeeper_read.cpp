// zookeeper_read.cpp: see zookeeper_read.hpp.
#include "zookeeper_read.hpp"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace strongroom::zookeeper {
namespace {

// A server holds the whole answer to a request in memory, so more records than these take several requests.
constexpr std::size_t kRecordsPerRequest = 64;
constexpr int kTornIsDamage = 3;  // after that many reads with parts missing, the value is damaged
constexpr std::uint64_t kPartsReadAtOnce = 2;  // the session's pings are answered after them

}  // namespace

namespace {

std::size_t shard_of_place(const Place& place) noexcept {
  return shard_of({reinterpret_cast<const std::uint8_t*>(place.head.data()), place.head.size()});
}

}  // namespace

// Attempt asks once for the records, and for the stamps that are worth watching and not watched yet.
class ReadCall::Attempt final : public Batch {
 public:
  explicit Attempt(std::shared_ptr<ReadCall> call) : call_(std::move(call)) {
    deadline = call_->deadline_;
    watch_shards();
    const auto& places = call_->places_;
    const std::string& root = call_->session_.root();
    const bool several = places.size() > kRecordsPerRequest;
    if (several) ask_stamps();
    for (std::size_t begin = 0; begin < places.size(); begin += kRecordsPerRequest) {
      ops.push_back(op(Op::Kind::read, {}));
      const std::size_t end = std::min(places.size(), begin + kRecordsPerRequest);
      for (std::size_t i = begin; i < end; ++i)
        ops.back().paths.push_back(node_path(root, places[i]));
    }
    if (several) ask_stamps();
    if (!places.empty()) return;
    ops.push_back(op(Op::Kind::read, {}));  // only the stamp is wanted
    ops.back().paths.push_back(root);
  }

  void sending() override {
    seen.clear();
    before_.clear();
    rc = kOk;
    consistent = true;
    any_stamp_ = false;
  }

  void answered(Op& op) override {
    if (op.kind == Op::Kind::watch) return call_->session_.watched(op);
    if (op.rc != kOk) rc = op.rc;
    if (op.path == kStamps) return compare_stamps(op);
    Shards& shards = call_->session_.shards();
    const Stamp now = shards.view(0).watched ? shards.stamp() : shards.unsure_stamp();
    stamp = any_stamp_ ? std::min(stamp, now) : now;  // not newer than the first record
    any_stamp_ = true;
    for (NodeAnswer& node : op.nodes) {
      if (seen.size() == call_->places_.size()) return;
      Seen& one = seen.emplace_back();
      one.rc = node.rc;
      one.stat = node.stat;
      one.view = shards.view(shard_of_place(call_->places_[seen.size() - 1]));
      if (node.rc != kOk) continue;
      one.node = std::make_shared<std::string>(std::move(node.bytes));
      call_->session_.saw(node.stat.mzxid);
    }
  }

  void done() override { call_->attempt_done(*this); }

  int rc = kOk;
  std::vector<Seen> seen;
  Stamp stamp{};
  bool consistent = true;

 private:
  static constexpr const char* kStamps = "stamps";  // marks the reads of stamps

  // watch_shards asks for the stamps that are worth watching and are not watched yet.
  void watch_shards() {
    Session& session = call_->session_;
    std::array<bool, kNumShards> asked{};
    for (const Place& place : call_->places_) {
      const std::size_t shard = shard_of_place(place);
      if (!call_->cache_.is_on() || asked[shard] || session.shards().view(shard).watched) continue;
      asked[shard] = true;
      if (session.shards().worth_watching(shard)) ops.push_back(session.watch_op(shard));
    }
  }

  // ask_stamps reads the stamps of all shards of this call. If they are the same before the first request
  // and after the last, all records are of one point in time.
  void ask_stamps() {
    std::array<bool, kNumShards> asked{};
    ops.push_back(op(Op::Kind::read, kStamps));
    for (const Place& place : call_->places_) {
      const std::size_t shard = shard_of_place(place);
      if (std::exchange(asked[shard], true)) continue;
      ops.back().paths.push_back(stamp_path(call_->session_.root(), shard));
    }
  }

  void compare_stamps(const Op& op) {
    std::vector<std::int64_t> now;
    for (const NodeAnswer& node : op.nodes) now.push_back(node.rc == kOk ? node.stat.mzxid : -1);
    if (before_.empty()) {
      before_ = std::move(now);
    } else {
      consistent = before_ == now;
    }
  }

  std::vector<std::int64_t> before_;
  bool any_stamp_ = false;
  const std::shared_ptr<ReadCall> call_;
};

// Parts is some parts of one split value.
class ReadCall::Parts final : public Batch {
 public:
  Parts(std::shared_ptr<ReadCall> call, const BlobRef& ref, std::uint64_t begin)
      : first(begin), call_(std::move(call)) {
    deadline = call_->deadline_;
    const std::uint64_t end = std::min(begin + kPartsReadAtOnce, ref.num_parts());
    ops.push_back(op(Op::Kind::read, {}));
    for (std::uint64_t part = begin; part < end; ++part)
      ops[0].paths.push_back(part_path(call_->session_.root(), ref, part));
  }
  void done() override { call_->parts_done(*this); }

  const std::uint64_t first;

 private:
  const std::shared_ptr<ReadCall> call_;
};

ReadCall::ReadCall(Session& session, Cache& cache, std::vector<Place> places,
                   Clock::time_point deadline, Done done, SplitValues split_values)
    : session_(session),
      cache_(cache),
      places_(std::move(places)),
      deadline_(deadline),
      done_(std::move(done)),
      split_values_(split_values) {}

void ReadCall::start() {
  session_.client().send(std::make_shared<Attempt>(shared_from_this()));
}

void ReadCall::attempt_done(Attempt& attempt) {
  if (attempt.outcome != Batch::Outcome::answered) return finish(session_.no_answer());
  if (auto broken = session_.broken()) return finish(std::move(*broken));
  if (attempt.rc == kAnswerTooLarge) {
    return finish(Error{Code::too_large,
                        "the records that were asked for together had more than 256 MiB; ask for "
                        "fewer at once"});
  }
  if (attempt.rc != kOk) return finish(session_.trouble("read records", attempt.rc));
  for (const Seen& one : attempt.seen) {
    if (one.rc != kOk && one.rc != kNoNode)
      return finish(session_.trouble("read a record", one.rc));
  }
  if (!attempt.consistent) {
    if (Clock::now() < deadline_) return start();
    return finish(Error{Code::timeout, "the records kept changing while they were read"});
  }
  stamp = attempt.stamp;
  take(attempt.seen);
}

void ReadCall::take(std::vector<Seen>& seen) {
  found.assign(places_.size(), {});
  for (std::size_t i = 0; i < seen.size(); ++i) {
    Seen& one = seen[i];
    Found& record = found[i];
    if (one.rc == kOk) {
      record.stat = one.stat;
      record.node = std::move(one.node);
      record.version = version_of(places_[i], one.stat);
      const NodeValue node = decode_node(*record.node);
      record.value = node.value;
      if (node.kind == NodeValue::Kind::split) record.ref = node.ref;
    }
    if (!cache_.is_on() || !one.view.watched || record.ref) continue;
    cache_.put(key_at(places_[i]), {record.node, record.value, record.version,
                                    shard_of_place(places_[i]), one.view.epoch});
  }
  split_ = 0;
  next_split();
}

void ReadCall::next_split() {
  if (split_values_ == SplitValues::leave) return finish(stamp);
  while (split_ < found.size() && !found[split_].ref) ++split_;
  if (split_ == found.size()) return finish(stamp);
  found[split_].whole.reserve(found[split_].ref->len);
  session_.client().send(std::make_shared<Parts>(shared_from_this(), *found[split_].ref, 0));
}

// parts_done puts the parts together. If one is missing, the value was replaced meanwhile, and the records
// are read anew. If they name the same value again and again, parts were lost; then the value that is passed
// on is empty and does not open.
void ReadCall::parts_done(Parts& parts) {
  if (parts.outcome != Batch::Outcome::answered) return finish(session_.no_answer());
  const Op& answer = parts.ops[0];
  if (answer.rc != kOk) return finish(session_.trouble("read a value", answer.rc));
  Found& record = found[split_];
  const std::uint64_t next = parts.first + answer.nodes.size();
  const bool last = next == record.ref->num_parts();
  if (!add_parts(record, answer.nodes, parts.first) ||
      (last && record.whole.size() != record.ref->len)) {
    num_torn_ = torn_ == record.ref ? num_torn_ + 1 : 1;
    torn_ = record.ref;
    if (Clock::now() >= deadline_) return finish(session_.no_answer());
    if (num_torn_ < kTornIsDamage) return start();
    record.whole.clear();
  } else if (!last) {
    return session_.client().send(std::make_shared<Parts>(shared_from_this(), *record.ref, next));
  }
  record.value = record.whole;
  ++split_;
  next_split();
}

// add_parts returns false if a part is missing, or if the parts are longer than the value.
bool ReadCall::add_parts(Found& record, const std::vector<NodeAnswer>& nodes, std::uint64_t first) {
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    std::string_view bytes = nodes[i].bytes;
    if (first + i == 0) bytes = part_bytes(bytes);
    if (nodes[i].rc != kOk || record.whole.size() + bytes.size() > record.ref->len) return false;
    record.whole += bytes;
  }
  return true;
}

void ReadCall::finish(Result<Stamp> outcome) {
  stamp = std::move(outcome);
  const Done done = std::exchange(done_, nullptr);
  if (done) done(*this);
}

Result<std::shared_ptr<ReadCall>> read_and_wait(Session& session, Cache& cache,
                                                std::vector<Place> places,
                                                Clock::time_point deadline,
                                                ReadCall::SplitValues split_values) {
  struct Wait {
    std::mutex mutex;
    std::condition_variable changed;
    bool done = false;
  };
  const auto wait = std::make_shared<Wait>();
  auto call = std::make_shared<ReadCall>(
      session, cache, std::move(places), deadline,
      [wait](ReadCall&) {
        {
          const std::lock_guard lock(wait->mutex);
          wait->done = true;
        }
        wait->changed.notify_one();
      },
      split_values);
  call->start();
  std::unique_lock lock(wait->mutex);
  const auto done = [&] { return wait->done; };
  if (deadline == Clock::time_point::max()) {
    wait->changed.wait(lock, done);
  } else if (!wait->changed.wait_until(lock, deadline, done)) {
    return session.no_answer();
  }
  if (!call->stamp) return call->stamp.error();
  return call;
}

}  // namespace strongroom::zookeeper
