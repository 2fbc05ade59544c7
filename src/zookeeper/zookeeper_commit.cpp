// zookeeper_commit.cpp: see zookeeper_commit.hpp.
#include "zookeeper_commit.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

#include "strongroom/impl/base/propagate.hpp"

namespace strongroom::zookeeper {
namespace {

constexpr std::size_t kMaxLanes = 64;       // commits of a handle at once
constexpr std::size_t kMaxWhole = 800'000;  // the longest value that goes into its record's node
constexpr std::string_view kOverruled = "overruled";

}  // namespace

// CommitCall is one commit under way.
class CommitCall {
 public:
  CommitCall(Commits& commits, std::span<const Change> batch, Clock::time_point deadline)
      : commits_(commits), session_(commits.session_), batch_(batch), deadline_(deadline) {
    for (const Change& change : batch) places_.push_back(place_of(change.key));
    states_.resize(batch.size());
    refs_.resize(batch.size());
  }
  ~CommitCall() {
    for (const auto& ref : refs_) {
      if (ref && !unknown_) commits_.blobs_.release(*ref, applied_);
    }
  }
  CommitCall(const CommitCall&) = delete;
  CommitCall& operator=(const CommitCall&) = delete;

  Result<Commit> run();

 private:
  // State is our knowledge of a record's node.
  struct State {
    bool known = false;
    bool exists = false;
    NodeStat stat;
    std::int32_t stripe_version = 0;
  };
  enum class Next { applied, again, conflict };
  static constexpr std::size_t kNoChange = SIZE_MAX;  // owner of a step that serves all changes

  Result<void> split();
  bool plan();
  void plan_one(std::size_t i);
  void plan_short(std::size_t i);
  void plan_long(std::size_t i);
  void plan_absence(std::size_t i);
  void plan_rest(const Lane& lane);
  void add(std::size_t i, Step::Kind kind, std::string path, std::string value = {},
           int version = -1) {
    steps_.push_back({kind, std::move(path), std::move(value), version});
    owners_.push_back(i);
  }
  std::string path(std::size_t i) const { return node_path(session_.root(), places_[i]); }
  std::string value_of(std::size_t i) const {
    return refs_[i] ? encode_ref(*refs_[i]) : encode_value(batch_[i].value);
  }
  // is_absent reports whether a node that was looked at holds no record.
  bool is_absent(std::size_t i) const {
    return !states_[i].exists || (!places_[i].is_long && states_[i].stat.data_len == 0);
  }

  Result<void> look();
  Result<Next> send();
  Result<Next> judge(const Op& multi);
  Result<Next> judge_step(const Step& step, std::size_t owner, int rc);
  Result<Next> make_parents();
  Result<Next> resolve();

  Commits& commits_;
  Session& session_;
  const std::span<const Change> batch_;
  const Clock::time_point deadline_;
  std::vector<Place> places_;
  std::vector<State> states_;
  std::vector<std::optional<BlobRef>> refs_;

  std::vector<Step> steps_;
  std::vector<std::size_t> owners_;
  std::optional<std::size_t> conflict_;
  bool writes_ = false;
  Lane lane_;
  std::string number_;
  bool applied_ = false;
  bool unknown_ = false;
  bool lost_ = false;
};

// ---- sizes ----

// split writes values in parts, so that the multi fits in one packet: first the values that are too large by
// themselves, then the largest ones until the rest fits.
Result<void> CommitCall::split() {
  std::size_t total = 0;
  std::vector<std::size_t> by_size;
  for (std::size_t i = 0; i < batch_.size(); ++i) {
    total += 4 * (kStepOverhead + session_.root().size()) + 2 * batch_[i].key.size();
    if (batch_[i].kind != Change::Kind::put) continue;
    total += batch_[i].value.size();
    by_size.push_back(i);
  }
  std::sort(by_size.begin(), by_size.end(), [&](std::size_t a, std::size_t b) {
    return batch_[a].value.size() > batch_[b].value.size();
  });
  for (const std::size_t i : by_size) {
    const std::size_t len = batch_[i].value.size();
    if (len <= kMaxWhole && total <= kMaxMultiLen) break;
    auto ref = commits_.blobs_.write(path(i), batch_[i].value, deadline_);
    if (!ref) {
      if (ref.error().code == Code::indeterminate)
        return session_.no_answer();  // only parts were written: no record changed
      return std::move(ref).error();
    }
    refs_[i] = std::move(ref).value();
    total -= len;
  }
  return {};
}

// ---- the plan ----

// plan makes the steps from what is known, and guesses the rest: a record that must be absent has no node,
// and a record that must have a version has one.
// Returns  false if a change's expectation does not hold.
bool CommitCall::plan() {
  steps_.clear();
  owners_.clear();
  conflict_.reset();
  writes_ = false;
  for (std::size_t i = 0; i < batch_.size() && !conflict_; ++i) plan_one(i);
  return !conflict_;
}

void CommitCall::plan_one(std::size_t i) {
  const Change& change = batch_[i];
  if (change.kind == Change::Kind::check && change.expected == kAny) return;
  const State& state = states_[i];
  if (state.known) {
    const Version now = is_absent(i) ? kAbsent : version_of(places_[i], state.stat);
    if (change.expected != kAny && change.expected != now) {
      conflict_ = i;
      return;
    }
  }
  if (places_[i].is_long) return plan_long(i);
  plan_short(i);
}

// plan_absence asserts that there is no node, by making and removing one.
void CommitCall::plan_absence(std::size_t i) {
  add(i, Step::Kind::create, path(i));
  add(i, Step::Kind::erase, path(i));
}

void CommitCall::plan_short(std::size_t i) {
  const Change& change = batch_[i];
  const State& state = states_[i];
  const bool puts = change.kind == Change::Kind::put;
  int version = -1;
  if (change.expected != kAny && change.expected != kAbsent) {
    const auto exact = node_version(change.expected);
    if (!exact) {
      conflict_ = i;
      return;
    }
    version = *exact;
  } else if (change.expected == kAbsent && state.known && state.exists) {
    version = state.stat.version;  // erased, and must stay erased
  } else if (change.expected == kAbsent || (puts && !(state.known && state.exists))) {
    if (!puts) return plan_absence(i);
    writes_ = true;
    return add(i, Step::Kind::create, path(i), value_of(i));
  }
  if (change.kind == Change::Kind::check) {
    return add(i, Step::Kind::check, path(i), {}, version);
  }
  if (!puts && state.known && is_absent(i)) {  // nothing to erase
    if (version != -1) add(i, Step::Kind::check, path(i), {}, version);
    return;
  }
  writes_ = true;
  add(i, Step::Kind::set, path(i), puts ? value_of(i) : std::string(), version);
}

// plan_long plans for a long key, whose node is made and removed, so that a version of the node may occur
// again. An exact version is therefore also checked by the stripe, which is set whenever a node below it is
// removed.
void CommitCall::plan_long(std::size_t i) {
  const Change& change = batch_[i];
  const State& state = states_[i];
  const bool puts = change.kind == Change::Kind::put;
  const bool exact = change.expected != kAny && change.expected != kAbsent;
  int version = -1;
  if (exact) {
    add(i, Step::Kind::check, stripe_path(session_.root(), places_[i]), {}, state.stripe_version);
    version = state.stat.version;
    if (change.kind == Change::Kind::check) return add(i, Step::Kind::check, path(i), {}, version);
  } else if (change.expected == kAbsent && !puts) {
    return plan_absence(i);
  }
  const bool there = exact || (state.known && state.exists);
  if (puts) {
    writes_ = true;
    return add(i, there ? Step::Kind::set : Step::Kind::create, path(i), value_of(i), version);
  }
  if (state.known && !state.exists) return;
  writes_ = true;
  add(i, Step::Kind::erase, path(i), {}, version);
  add(i, Step::Kind::set, stripe_path(session_.root(), places_[i]));
}

// plan_rest adds the stamps, by which others notice the commit, and the lane, by which we learn that it was
// applied.
void CommitCall::plan_rest(const Lane& lane) {
  std::set<std::size_t> shards;
  for (std::size_t i = 0; i < batch_.size(); ++i) {
    if (batch_[i].kind != Change::Kind::check) shards.insert(shard_of(batch_[i].key));
  }
  for (const std::size_t shard : shards)
    add(kNoChange, Step::Kind::set, stamp_path(session_.root(), shard));
  const bool any_split =
      std::any_of(refs_.begin(), refs_.end(), [](const auto& ref) { return ref.has_value(); });
  if (any_split)  // once the client is dead, anybody may remove the parts
    add(kNoChange, Step::Kind::check, session_.root() + "/l/" + lane.client);
  add(kNoChange, lane.version < 0 ? Step::Kind::create : Step::Kind::set, lane.path, number_,
      lane.version);
}

// look reads the state of all records' nodes.
Result<void> CommitCall::look() {
  std::vector<Op> ops;
  for (std::size_t i = 0; i < batch_.size(); ++i) {
    if (places_[i].is_long)  // first: then a later removal shows
      ops.push_back(op(Op::Kind::exists, stripe_path(session_.root(), places_[i])));
    ops.push_back(op(Op::Kind::exists, path(i)));
  }
  STRONGROOM_ASSIGN(looked, session_.run(std::move(ops), deadline_));
  std::size_t next = 0;
  for (std::size_t i = 0; i < batch_.size(); ++i) {
    State& state = states_[i];
    if (places_[i].is_long) {
      const Op& stripe = looked->ops[next++];
      state.stripe_version = stripe.stat.version;
    }
    const Op& node = looked->ops[next++];
    if (node.rc != kOk && node.rc != kNoNode) return session_.trouble("look at a record", node.rc);
    state.known = true;
    state.exists = node.rc == kOk;
    state.stat = node.stat;
  }
  return {};
}

// ---- sending ----

Result<Commit> CommitCall::run() {
  STRONGROOM_TRY(split());
  const bool must_look = std::any_of(batch_.begin(), batch_.end(), [](const Change& change) {
    return change.key.size() > kHeadLen && change.expected != kAny && change.expected != kAbsent;
  });
  if (must_look) {  // at the newest state, since a conflict may be reported from this look only
    STRONGROOM_TRY(session_.barrier(deadline_));
    STRONGROOM_TRY(look());
  }
  for (;;) {
    if (auto broken = session_.broken()) return std::move(*broken);
    if (!plan()) return Commit{conflict_};
    if (steps_.empty()) return Commit{};
    STRONGROOM_ASSIGN(next, send());
    if (next == Next::conflict) return Commit{conflict_};
    if (next == Next::applied) {
      applied_ = true;
      for (std::size_t i = 0; i < batch_.size(); ++i) {
        if (batch_[i].kind == Change::Kind::check) continue;
        commits_.blobs_.overwritten(key_at(places_[i]));
        if (refs_[i]) commits_.blobs_.saw(key_at(places_[i]), *refs_[i]);
      }
      return Commit{};
    }
    if (Clock::now() >= deadline_) {
      if (lost_) return session_.no_answer();  // nothing changed: what was sent is overruled
      return Error{Code::timeout, "the records kept being changed by others"};
    }
  }
}

Result<CommitCall::Next> CommitCall::send() {
  Op multi = op(Op::Kind::multi, "");
  if (writes_) {
    STRONGROOM_ASSIGN(lane, commits_.take_lane(deadline_));
    lane_ = std::move(lane);
    for (const auto& ref : refs_) {
      if (!ref || ref->client == lane_.client) continue;
      commits_.give_lane(std::move(lane_), true);
      return Error{Code::unavailable,
                   "the session with ZooKeeper ended while a large value was written; try again"};
    }
    number_ = hex_number(
        [&] {
          const std::lock_guard lock(commits_.mutex_);
          return ++commits_.num_commits_;
        }(),
        16);
    plan_rest(lane_);
  }
  multi.steps = steps_;
  auto sent = session_.run({std::move(multi)}, deadline_, !writes_);
  if (!sent) {
    if (!writes_ || sent.error().code != Code::indeterminate) {
      if (writes_) commits_.give_lane(std::move(lane_), true);
      return std::move(sent).error();
    }
    lost_ = true;
    auto resolved = resolve();
    const bool known = resolved.ok();
    unknown_ = !known;
    commits_.give_lane(std::move(lane_), known);
    return resolved;
  }
  auto judged = judge(sent.value()->ops[0]);
  if (writes_) {
    if (judged && judged.value() == Next::applied) ++lane_.version;
    commits_.give_lane(std::move(lane_), true);
  }
  return judged;
}

Result<CommitCall::Next> CommitCall::judge(const Op& multi) {
  if (multi.rc == kOk) return Next::applied;
  for (std::size_t i = 0; i < steps_.size() && i < multi.step_rcs.size(); ++i) {
    const int rc = multi.step_rcs[i];
    if (rc == kOk || rc == kRuntimeInconsistency) continue;
    return judge_step(steps_[i], owners_[i], rc);
  }
  return session_.trouble("commit", multi.rc);
}

// judge_step finds the reason for a failed step: an expectation that does not hold, a wrong guess, or damage.
Result<CommitCall::Next> CommitCall::judge_step(const Step& step, std::size_t owner, int rc) {
  const bool expected_here = rc == kNoNode || rc == kNodeExists || rc == kBadVersion;
  if (!expected_here) return session_.trouble("commit", rc);
  if (owner == kNoChange) {
    if (step.path == lane_.path &&
        (lane_.version >= 0 ||
         rc != kNoNode)) {  // the lane was swept, or set meanwhile: take another one
      lane_.version = -2;
      return Next::again;
    }
    if (step.kind == Step::Kind::check) {
      return Error{Code::unavailable,
                   "the session with ZooKeeper ended while a large value was written; try again"};
    }
    return Error{Code::corrupt, "the node " + step.path +
                                    " or the one above it was missing: the tree was damaged"};
  }
  if (step.kind == Step::Kind::create && rc == kNoNode) return make_parents();
  const Change& change = batch_[owner];
  const bool exact = change.expected != kAny && change.expected != kAbsent;
  if (exact && !places_[owner].is_long) {
    conflict_ = owner;
    return Next::conflict;
  }
  STRONGROOM_TRY(look());
  return Next::again;
}

// make_parents makes the nodes above the records. These are empty and invisible to readers, so they need not
// be part of the commit.
Result<CommitCall::Next> CommitCall::make_parents() {
  std::vector<Op> ops;
  std::set<std::string> asked;
  for (std::size_t i = 0; i < batch_.size(); ++i) {
    for (std::string& parent : parents_of(session_.root(), places_[i])) {
      if (asked.insert(parent).second) ops.push_back(op(Op::Kind::create, std::move(parent)));
    }
  }
  STRONGROOM_ASSIGN(made, session_.run(std::move(ops), deadline_));
  for (const Op& one : made->ops) {
    if (one.rc == kNoNode) {
      return Error{Code::corrupt, "the node above " + one.path +
                                      " was missing: the store's tree was "
                                      "damaged"};
    }
    if (one.rc != kOk && one.rc != kNodeExists) return session_.trouble("commit", one.rc);
  }
  return Next::again;
}

// resolve finds out whether a multi whose answer was lost was applied. If its lane holds its number, it was.
// Otherwise the lane is set to something else first: should the multi still arrive, it finds another version
// of the lane than it expects, and fails.
Result<CommitCall::Next> CommitCall::resolve() {
  const Error unknown{
      Code::indeterminate,
      "the connection to ZooKeeper was lost on the way, and did not come back in time "
      "to find out whether the change was made; read it back"};
  for (;;) {
    auto looked = session_.run({op(Op::Kind::get, lane_.path)}, deadline_);
    if (!looked) return unknown;
    const Op& lane = looked.value()->ops[0];
    if (lane.rc != kOk && lane.rc != kNoNode) return unknown;
    if (lane.rc == kOk && lane.bytes == number_) {
      lane_.version = lane.stat.version;
      return Next::applied;
    }
    const int version = lane.rc == kOk ? lane.stat.version : -1;
    if (version != lane_.version) {
      lane_.version = version;
      return Next::again;
    }
    Op overrule = op(version < 0 ? Op::Kind::create : Op::Kind::set, lane_.path);
    overrule.value = kOverruled;
    overrule.version = version;
    auto overruled = session_.run({std::move(overrule)}, deadline_);
    if (!overruled) return unknown;
    const int rc = overruled.value()->ops[0].rc;
    if (rc != kOk && rc != kBadVersion && rc != kNodeExists && rc != kNoNode) return unknown;
  }
}

// ---- lanes ----

Result<Lane> Commits::take_lane(Clock::time_point deadline) {
  STRONGROOM_ASSIGN(name, session_.name(deadline));
  std::unique_lock lock(mutex_);
  if (!free_.wait_until(lock, deadline, [&] { return num_taken_ < kMaxLanes; })) {
    return Error{Code::timeout, "too many commits were under way at once"};
  }
  ++num_taken_;
  while (!lanes_.empty()) {
    Lane lane = std::move(lanes_.back());
    lanes_.pop_back();
    if (lane.client == name) return lane;  // of an earlier session: others sweep it
  }
  return Lane{name, session_.root() + "/o/" + name + "-" + std::to_string(num_made_++), -1};
}

void Commits::give_lane(Lane lane, bool usable) {
  const std::lock_guard lock(mutex_);
  --num_taken_;
  if (usable && lane.version >= -1) lanes_.push_back(std::move(lane));
  free_.notify_one();
}

void Commits::leave() {
  std::vector<Op> ops;
  {
    const std::lock_guard lock(mutex_);
    for (const Lane& lane : lanes_) {
      if (lane.version >= 0) ops.push_back(op(Op::Kind::erase, lane.path));
    }
    lanes_.clear();
  }
  if (ops.empty() || !session_.client().connected()) return;
  (void)session_.run(std::move(ops), deadline_of(std::chrono::seconds(1)));
}

Result<Commit> Commits::commit(std::span<const Change> batch, Clock::time_point deadline) {
  return CommitCall(*this, batch, deadline).run();
}

}  // namespace strongroom::zookeeper
