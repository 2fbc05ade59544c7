// zookeeper_blobs.cpp: see zookeeper_blobs.hpp.
#include "zookeeper_blobs.hpp"

#include <sodium.h>

#include <algorithm>
#include <utility>

#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/base/quiet_thread.hpp"

namespace strongroom::zookeeper {
namespace {

constexpr std::uint64_t kPartsAtOnce = 4;
constexpr std::size_t kNodesAtOnce = 256;
constexpr std::size_t kMaxRemembered = 1024;
constexpr std::chrono::seconds kFirstSweep{1};
constexpr std::chrono::seconds kSweepEvery{60};
constexpr std::chrono::seconds kSweepTime{5};    // the next sweep does the rest
constexpr std::int64_t kLaneKeptMs = 3'600'000;  // of a client that did not leave by itself

// erasures returns a batch that erases nodes, and ignores the answers.
std::shared_ptr<Batch> erasures(std::vector<std::string> paths) {
  auto batch = std::make_shared<Batch>();
  for (std::string& path : paths) batch->ops.push_back(op(Op::Kind::erase, std::move(path)));
  return batch;
}

}  // namespace

Blobs::Blobs(Session& session) : session_(session), sweeper_(quiet_thread([this] { run(); })) {}

Blobs::~Blobs() {
  stop();
  if (sweeper_.joinable()) sweeper_.join();
}

void Blobs::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stopped_.notify_all();
}

void Blobs::run() {
  std::unique_lock lock(mutex_);
  std::chrono::seconds pause = kFirstSweep;
  while (!stopped_.wait_for(lock, pause, [&] { return stop_; })) {
    lock.unlock();
    if (session_.client().connected()) sweep(Clock::now() + kSweepTime);
    lock.lock();
    pause = kSweepEvery;
  }
}

Result<BlobRef> Blobs::write(const std::string& record_path, ByteView value,
                             Clock::time_point deadline) {
  STRONGROOM_ASSIGN(name, session_.name(deadline));
  STRONGROOM_ASSIGN(blob, make_name());
  BlobRef ref{std::move(name), std::move(blob), value.size()};
  {
    const std::lock_guard lock(mutex_);
    pending_.insert(ref.stem());
  }
  const std::string bucket = session_.root() + "/b/" + ref.blob.substr(0, 2);
  const std::string_view bytes(reinterpret_cast<const char*>(value.data()), value.size());
  for (std::uint64_t part = 0; part < ref.num_parts();) {
    std::vector<Op> ops;
    if (part == 0) ops.push_back(op(Op::Kind::create, bucket));
    for (; part < ref.num_parts() && ops.size() <= kPartsAtOnce; ++part) {
      Op create = op(Op::Kind::create, part_path(session_.root(), ref, part));
      const std::string_view mine = bytes.substr(part * kPartLen, kPartLen);
      create.value = part == 0 ? first_part(record_path, mine) : std::string(mine);
      ops.push_back(std::move(create));
    }
    auto written = session_.run(std::move(ops), deadline);
    Result<void> done;
    if (!written) done = written.error();
    for (std::size_t i = 0; done && i < written.value()->ops.size(); ++i) {
      const int rc = written.value()->ops[i].rc;  // kNodeExists: ours, sent twice
      if (rc == kNoNode) {
        done = Error{Code::corrupt,
                     "the node " + session_.root() + "/b was missing: the tree was damaged"};
      } else if (rc != kOk && rc != kNodeExists) {
        done = session_.trouble("write part of a value", rc);
      }
    }
    if (done) continue;
    release(ref, false);
    return std::move(done).error();
  }
  return ref;
}

void Blobs::remove(const BlobRef& ref, std::uint64_t num_parts) {
  std::vector<std::string> paths;
  for (std::uint64_t part = num_parts; part-- > 0;)  // the first part, which names the record, last
    paths.push_back(part_path(session_.root(), ref, part));
  session_.client().send(erasures(std::move(paths)));
}

void Blobs::release(const BlobRef& ref, bool named) {
  {
    const std::lock_guard lock(mutex_);
    pending_.erase(ref.stem());
  }
  if (!named) remove(ref, ref.num_parts());
}

void Blobs::saw(std::string key, const BlobRef& ref) {
  const std::lock_guard lock(mutex_);
  if (remembered_.size() >= kMaxRemembered) remembered_.erase(remembered_.begin());
  remembered_.insert_or_assign(std::move(key), ref);
}

void Blobs::overwritten(const std::string& key) {
  BlobRef ref;
  {
    const std::lock_guard lock(mutex_);
    const auto found = remembered_.find(key);
    if (found == remembered_.end()) return;
    ref = std::move(found->second);
    remembered_.erase(found);
  }
  remove(ref, ref.num_parts());
}

bool Blobs::sweep(Clock::time_point deadline) {
  const bool blobs = sweep_blobs(deadline);
  return sweep_lanes(deadline) && blobs;
}

bool Blobs::is_named(const std::string& owner_path, const PartName& blob,
                     Clock::time_point deadline, bool& named) {
  auto read = session_.run({op(Op::Kind::get, owner_path)}, deadline);
  if (!read) return false;
  const Op& answer = read.value()->ops[0];
  named = false;
  if (answer.rc == kNoNode) return true;
  if (answer.rc != kOk) return false;
  const NodeValue node = decode_node(answer.bytes);
  named = node.kind == NodeValue::Kind::split && node.ref.stem() == blob.stem;
  return true;
}

// sweep_blobs lists the parts before the living clients: a client's node exists before its parts do.
bool Blobs::sweep_blobs(Clock::time_point deadline) {
  auto buckets = session_.run({op(Op::Kind::children, session_.root() + "/b")}, deadline);
  if (!buckets || buckets.value()->ops[0].rc != kOk) return false;
  if (buckets.value()->ops[0].names.empty()) return true;
  std::vector<Op> lists;
  for (const std::string& name : buckets.value()->ops[0].names)
    lists.push_back(op(Op::Kind::children, session_.root() + "/b/" + name));
  auto parts = session_.run(std::move(lists), deadline);
  if (!parts) return false;
  std::set<std::string> pending;
  {
    const std::lock_guard lock(mutex_);
    pending = pending_;
  }
  auto own = session_.name(deadline);
  auto living = session_.run({op(Op::Kind::children, session_.root() + "/l")}, deadline);
  if (!own || !living || living.value()->ops[0].rc != kOk) return false;
  const auto& names = living.value()->ops[0].names;
  const std::set<std::string> alive(names.begin(), names.end());

  std::map<std::string, std::pair<PartName, std::uint64_t>> dead;  // by stem, with the last part
  for (const Op& list : parts.value()->ops) {
    for (const std::string& name : list.names) {
      const auto part = parse_part(name);
      if (!part) continue;
      const bool own_leftover = part->client == own.value() && !pending.contains(part->stem);
      if (alive.contains(part->client) && !own_leftover) continue;
      auto& entry = dead.try_emplace(part->stem, *part, 0).first->second;
      entry.second = std::max(entry.second, part->part);
    }
  }
  for (const auto& [stem, entry] : dead) {
    const auto& [blob, last] = entry;
    const BlobRef ref{blob.client, blob.blob, 1};
    auto first = session_.run({op(Op::Kind::get, part_path(session_.root(), ref, 0))}, deadline);
    if (!first) return false;
    const Op& answer = first.value()->ops[0];
    if (answer.rc == kNoNode) continue;  // we write it first and remove it last: not our doing
    if (answer.rc != kOk) return false;
    const std::string owner(part_owner(answer.bytes));
    if (!owner.starts_with(session_.root() + "/")) continue;  // damaged: leave it
    bool named = false;
    if (!is_named(owner, blob, deadline, named)) return false;
    if (!named) remove(ref, last + 1);
  }
  return true;
}

// sweep_lanes removes the lanes of dead clients. A lane is kept for kLaneKeptMs by the ensemble's own clock,
// because a handle that lost its session may still look up the outcome of its commit.
bool Blobs::sweep_lanes(Clock::time_point deadline) {
  const std::string lanes_path = session_.root() + "/o";
  auto lanes = session_.run({op(Op::Kind::children, lanes_path)}, deadline);
  auto living = session_.run({op(Op::Kind::children, session_.root() + "/l")}, deadline);
  auto own = session_.name(deadline);
  if (!lanes || !living || !own) return false;
  const auto& names = living.value()->ops[0].names;
  const std::set<std::string> alive(names.begin(), names.end());
  std::vector<Op> looks = {op(Op::Kind::exists, session_.root() + "/l/" + own.value())};
  auto& found = lanes.value()->ops[0].names;
  if (found.size() > kNodesAtOnce) {  // so that lanes that must stay do not hide the rest
    // Any place to start is fine, as long as it is another one each time.
    const auto ticks = static_cast<std::size_t>(Clock::now().time_since_epoch().count());
    const auto begin = static_cast<std::ptrdiff_t>(ticks / 1000 % found.size());
    std::rotate(found.begin(), found.begin() + begin, found.end());
  }
  for (const std::string& lane : found) {
    if (alive.contains(lane.substr(0, lane.find('-'))) || looks.size() > kNodesAtOnce) continue;
    looks.push_back(op(Op::Kind::exists, lanes_path + "/" + lane));
  }
  if (looks.size() == 1) return true;
  auto looked = session_.run(std::move(looks), deadline);
  if (!looked || looked.value()->ops[0].rc != kOk) return false;
  const std::int64_t now_ms = looked.value()->ops[0].stat.ctime_ms;  // now, or earlier
  std::vector<std::string> old;
  for (const Op& lane : looked.value()->ops) {
    if (&lane == &looked.value()->ops[0] || lane.rc != kOk) continue;
    if (lane.stat.mtime_ms + kLaneKeptMs < now_ms) old.push_back(lane.path);
  }
  if (!old.empty()) session_.client().send(erasures(std::move(old)));
  return true;
}

}  // namespace strongroom::zookeeper
