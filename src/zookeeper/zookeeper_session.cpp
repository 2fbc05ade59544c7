// zookeeper_session.cpp: see zookeeper_session.hpp.
#include "zookeeper_session.hpp"

#include <array>
#include <span>
#include <utility>

#include "strongroom/impl/base/codec.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/crypto/aead.hpp"

namespace strongroom::zookeeper {

Result<std::string> make_name() {
  std::array<std::uint8_t, 16> bytes{};
  STRONGROOM_TRY(random_bytes(bytes));
  return hex_bytes({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

Clock::time_point deadline_of(Timeout timeout) noexcept {
  const auto now = Clock::now();
  const auto room =
      std::chrono::duration_cast<std::chrono::milliseconds>(Clock::time_point::max() - now);
  return timeout >= room ? Clock::time_point::max() : now + timeout;
}

namespace {

Error missing(const std::string& path) {
  return {Code::corrupt, "the node " + path +
                             " was missing: the store's tree was damaged; it is looked for again"};
}
Error went_back() {
  return {Code::rollback,
          "the ensemble showed an older state than this process has seen: it was put back, or "
          "another ensemble answers; if that was meant, open the store again"};
}

}  // namespace

// Greeting begins a session: it makes the node of this client, or sets it if only the connection was lost.
// That is a write, so afterwards the server has everything that was acknowledged before. Then the stamps
// are watched and compared with their last known state.
class Session::Greeting final : public Batch {
 public:
  Greeting(Session& session, std::string name) : session_(session), name_(std::move(name)) {
    again = false;  // the next session has a greeting of its own
  }

  void answered(Op& op) override {
    if (op.kind == Op::Kind::create_ephemeral) born(op);
    if (op.kind == Op::Kind::watch) session_.watched(op);
  }

 private:
  void born(const Op& op) {
    if (op.rc == kNoNode) return session_.ail(kGreeting, missing(op.path));
    if (op.rc == kNoAuth)
      return session_.ail(kGreeting, session_.trouble("take part in the store", op.rc));
    if (op.rc != kOk) return session_.greet_again();
    if (op.stat.czxid <= session_.newest_.load()) return session_.break_down(went_back());
    session_.saw(op.stat.czxid);
    session_.recover(kGreeting);
    const std::lock_guard lock(session_.mutex_);
    session_.name_ = name_;
    session_.named_.notify_all();
  }

  Session& session_;
  const std::string name_;
};

Session::Session(const Address& address, std::shared_ptr<const SecretBytes> auth,
                 std::shared_ptr<const SecretBytes> other_auth)
    : address_(address),
      client_({address.servers, address.session, std::move(auth), std::move(other_auth),
               address.world && !address.any_owner},
              *this) {}

Session::~Session() {
  client_.close();
}

Op Session::watch_op(std::size_t shard) const {
  return op(Op::Kind::watch, stamp_path(address_.root, shard));
}

void Session::watched(const Op& op) {
  const auto shard = shard_at(op.path);
  if (!shard) return;
  if (op.rc == kNoNode) return ail(*shard, missing(op.path));
  if (op.rc == kNoAuth) return ail(*shard, trouble("watch a stamp", op.rc));
  if (op.rc != kOk) return watch_again(*shard);
  saw(op.stat.mzxid);
  if (!shards_.watched(*shard, op.stat)) return break_down(went_back());
  recover(*shard);
}

// fresh_name counts up from a random number, so that a new session needs no more randomness.
std::string Session::fresh_name() {
  std::array<std::uint8_t, 8> bytes{};
  put_be(std::span(bytes), next_name_++);
  return hex_bytes({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

Result<void> Session::begin(Clock::time_point deadline) {
  std::array<std::uint8_t, 8> drawn{};
  STRONGROOM_TRY(random_bytes(drawn));
  next_name_ = get_be(std::span(drawn));
  std::string name = fresh_name();
  std::vector<Op> ops = {op(Op::Kind::create_ephemeral, root() + "/l/" + name), watch_op(0)};
  auto batch = std::make_shared<Greeting>(*this, std::move(name));
  batch->ops = std::move(ops);
  begun_ = true;  // if the session is lost from here on, connected() greets the next one
  client_.send(batch);
  STRONGROOM_TRY(this->name(deadline));
  return {};
}

Result<std::string> Session::name(Clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  const auto settled = [&] { return !name_.empty() || broken_ || ailments_.contains(kGreeting); };
  const bool in_time = named_.wait_until(lock, deadline, settled);
  if (broken_) return *broken_;
  if (const auto found = ailments_.find(kGreeting); found != ailments_.end()) return found->second;
  if (in_time) return name_;
  lock.unlock();
  return no_answer();
}

void Session::connected(bool new_session, std::vector<std::shared_ptr<Batch>>& first) {
  if (!begun_) return;
  std::string name;
  {
    const std::lock_guard lock(mutex_);
    if (new_session) name_.clear();
    name = name_;
  }
  new_session = name.empty();  // also if the batch that was to begin the session was lost
  if (new_session) name = fresh_name();
  const std::string path = root() + "/l/" + name;
  auto batch = std::make_shared<Greeting>(*this, std::move(name));
  batch->ops.push_back(op(new_session ? Op::Kind::create_ephemeral : Op::Kind::set, path));
  batch->ops.push_back(watch_op(0));
  for (const std::size_t shard : shards_.to_watch()) {
    if (shard != 0) batch->ops.push_back(watch_op(shard));
  }
  first.push_back(std::move(batch));
}

void Session::disconnected() {
  shards_.lost();
}

void Session::changed(std::string_view path) {
  const auto shard = shard_at(path);
  if (!shard) return;
  shards_.changed(*shard);
  if (*shard == 0 || shards_.watches_all()) watch_again(*shard);
}

// greet_again sends the greeting again, for example after the server was too busy.
void Session::greet_again() {
  std::vector<std::shared_ptr<Batch>> first;
  connected(true, first);
  for (auto& batch : first) client_.send(std::move(batch));
}

void Session::watch_again(std::size_t shard) {
  auto batch = std::make_shared<Greeting>(*this, std::string());
  batch->ops.push_back(watch_op(shard));
  client_.send(std::move(batch));
}

std::optional<Error> Session::broken() const {
  if (!is_broken_.load(std::memory_order_acquire)) return {};
  const std::lock_guard lock(mutex_);
  if (broken_ || ailments_.empty()) return broken_;
  return ailments_.begin()->second;
}

// ail records an error that may pass, and when to try again.
void Session::ail(Trouble of, Error error) {
  constexpr std::chrono::milliseconds kRetry{500};
  retry_at_ = Clock::now() + kRetry;
  const std::lock_guard lock(mutex_);
  ailments_.insert_or_assign(of, std::move(error));
  is_broken_.store(true, std::memory_order_release);
  named_.notify_all();
}

void Session::recover(Trouble of) {
  if (!is_broken_.load(std::memory_order_acquire)) return;
  const std::lock_guard lock(mutex_);
  ailments_.erase(of);
  is_broken_.store(broken_ || !ailments_.empty(), std::memory_order_release);
}

void Session::try_again() {
  retry_at_ = Clock::time_point::max();
  std::vector<Trouble> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [of, error] : ailments_) all.push_back(of);
  }
  for (const Trouble of : all) {
    if (of == kGreeting) {
      greet_again();
    } else {
      watch_again(of);
    }
  }
}

void Session::break_down(Error error) {
  const std::lock_guard lock(mutex_);
  if (!broken_) broken_ = std::move(error);
  is_broken_.store(true, std::memory_order_release);
  named_.notify_all();
}

void Session::saw(std::int64_t zxid) noexcept {
  std::int64_t newest = newest_.load(std::memory_order_relaxed);
  while (zxid > newest && !newest_.compare_exchange_weak(newest, zxid)) {
  }
}

Result<std::shared_ptr<WaitedBatch>> Session::run(std::vector<Op> ops, Clock::time_point deadline,
                                                  bool again) {
  auto batch = std::make_shared<WaitedBatch>();
  batch->ops = std::move(ops);
  batch->again = again;
  batch->deadline = deadline;
  client_.send(batch);
  switch (batch->wait()) {
    case Batch::Outcome::answered:
      return batch;
    case Batch::Outcome::late:
    case Batch::Outcome::closed:
      if (again || batch->never_sent()) return no_answer();
      [[fallthrough]];
    case Batch::Outcome::lost:
      break;
  }
  return Error{Code::indeterminate, "the connection to ZooKeeper was lost on the way"};
}

Result<void> Session::watch_every_shard(Clock::time_point deadline) {
  auto batch = std::make_shared<Greeting>(*this, std::string());
  for (std::size_t shard = 0; shard < kNumShards; ++shard) {
    if (!shards_.view(shard).watched) batch->ops.push_back(watch_op(shard));
  }
  client_.send(std::move(batch));
  STRONGROOM_TRY(barrier(deadline));
  if (shards_.knows_all()) return {};
  return no_answer();  // the connection was lost on the way
}

Result<void> Session::barrier(Clock::time_point deadline) {
  std::string last;
  for (;;) {
    STRONGROOM_ASSIGN(name, this->name(deadline));
    STRONGROOM_ASSIGN(written, run({op(Op::Kind::set, root() + "/l/" + name)}, deadline));
    const int rc = written->ops[0].rc;
    if (auto broken = this->broken()) return std::move(*broken);
    if (rc == kOk) return {};
    if (rc != kNoNode) return trouble("write", rc);
    if (Clock::now() >= deadline) return no_answer();
    if (name != last) {
      last = name;
      continue;
    }
    // Somebody removed it, and the session lives on.
    STRONGROOM_ASSIGN(made, run({op(Op::Kind::create_ephemeral, root() + "/l/" + last)}, deadline));
    if (made->ops[0].rc == kNoNode) return missing(root() + "/l");
  }
}

Error Session::no_answer() const {
  if (auto refused = client_.refusal()) return *refused;
  if (client_.connected())
    return {Code::timeout, "ZooKeeper at " + address_.servers + " did not answer in time"};
  return {Code::unavailable, "no ZooKeeper server of " + address_.servers + " could be reached"};
}

Error Session::trouble(const std::string& what, int rc) const {
  if (rc == kNoAuth) {
    return {Code::denied, "ZooKeeper at " + address_.servers + " did not let us " + what +
                              " below " + address_.root +
                              "; see --zk-auth-file and STRONGROOM_ZK_AUTH"};
  }
  return {Code::unavailable, "ZooKeeper at " + address_.servers + " could not " + what + " below " +
                                 address_.root + " (" + answer_text(rc) + ")"};
}

}  // namespace strongroom::zookeeper
