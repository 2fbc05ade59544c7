// zookeeper_client.cpp: the session's thread, and the client library; see zookeeper_client.hpp.
#include "zookeeper_client.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zookeeper/zookeeper.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "strongroom/impl/base/codec.hpp"
#include "zookeeper_frame.hpp"
#include "zookeeper_tree.hpp"

namespace strongroom::zookeeper {

static_assert(kOk == ZOK && kRuntimeInconsistency == ZRUNTIMEINCONSISTENCY && kNoNode == ZNONODE &&
              kNoAuth == ZNOAUTH && kBadVersion == ZBADVERSION && kNodeExists == ZNODEEXISTS &&
              kNotEmpty == ZNOTEMPTY);

namespace {

constexpr std::chrono::milliseconds kLook{50};       // how often deadlines are looked at
constexpr std::chrono::milliseconds kTryAgain{200};  // after a handle could not be made
constexpr std::chrono::milliseconds kGoodbye{1000};  // for the server to close a session
constexpr int kMaxAnswersPerPoll = 256;
// What several readers ask for at once goes into frames of about this size.
constexpr std::size_t kNodesPerFrame = 64;
// What several writers commit at once goes into multis of up to that. Only so many of them are under way
// at a time: meanwhile others come together.
constexpr std::size_t kMaxGroups = 4;
constexpr std::size_t kOpsPerGroup = 32;
constexpr std::size_t kMaxGroupLen = std::size_t{256} << 10;
constexpr std::size_t kStepRoom = 100;  // what a step takes besides path and value, at most

// The library has a static counter and static buffers, so one call of it at a time in a process.
// Recursive: answers are run from inside of it, and may send.
std::recursive_mutex& library_mutex() {
  static std::atomic<std::recursive_mutex*> mutex{new std::recursive_mutex};
  // A thread that is not in a forked child may have held it there.
  static const int ignored =
      ::pthread_atfork(nullptr, nullptr, [] { mutex = new std::recursive_mutex; });
  (void)ignored;
  return *mutex;
}
using LibraryLock = std::lock_guard<std::recursive_mutex>;

// never_log: what the library has to say, the caller gets as an error.
void never_log(const char*) {}

bool is_loss(int rc) noexcept {
  switch (rc) {
    case ZCONNECTIONLOSS:
    case ZOPERATIONTIMEOUT:
    case ZSESSIONEXPIRED:
    case ZSESSIONMOVED:
    case ZCLOSING:
    case ZINVALIDSTATE:
    case ZAUTHFAILED:
    case ZRUNTIMEINCONSISTENCY:
      return true;
    default:
      return false;
  }
}

NodeStat as_stat(const Stat& stat) noexcept {
  return {stat.czxid, stat.mzxid,   stat.pzxid,      stat.ctime,
          stat.mtime, stat.version, stat.dataLength, stat.numChildren};
}

// The client whose thread this is: answers come nowhere else.
thread_local Client* this_client = nullptr;

int as_len(const std::string& text) noexcept {
  return static_cast<int>(text.size());
}

Op& op_of(const void* context) noexcept {
  return *static_cast<Op*>(const_cast<void*>(context));
}

std::size_t len_of(const Op& multi) noexcept {
  std::size_t len = 0;
  for (const Step& step : multi.steps) len += kStepRoom + step.path.size() + step.value.size();
  return len;
}

}  // namespace

// Group is some commits in one multi.
struct Group {
  std::vector<Op*> ops;
  std::vector<zoo_op_result_t> results{};  // a step each
};

std::string answer_text(int rc) {
  if (rc == kQuotaExceeded) return "quota exceeded";
  return zerror(rc);
}

// Library is what the client library calls back.
struct Library {
  static void answer(const void* context, int rc) {
    Op& op = op_of(context);
    op.rc = rc;
    this_client->answer(op);
  }

  static void data(int rc, const char* value, int len, const Stat* stat, const void* context) {
    Op& op = op_of(context);
    if (rc == ZOK && len > 0) op.bytes.assign(value, static_cast<std::size_t>(len));
    if (rc == ZOK) op.stat = as_stat(*stat);
    answer(context, rc);
  }
  static void stat(int rc, const Stat* stat, const void* context) {
    if (rc == ZOK) op_of(context).stat = as_stat(*stat);
    answer(context, rc);
  }
  static void string_stat(int rc, const char*, const Stat* stat, const void* context) {
    if (rc == ZOK && stat != nullptr) op_of(context).stat = as_stat(*stat);
    answer(context, rc);
  }
  static void string(int rc, const char*, const void* context) { answer(context, rc); }
  static void nothing(int rc, const void* context) { answer(context, rc); }
  static void strings(int rc, const String_vector* strings, const Stat* stat, const void* context) {
    Op& op = op_of(context);
    if (rc == ZOK) {
      op.names.assign(strings->data, strings->data + strings->count);
      op.stat = as_stat(*stat);
    }
    answer(context, rc);
  }
  static void acl(int rc, ACL_vector* acl, Stat* stat, const void* context) {
    Op& op = op_of(context);
    if (rc == ZOK) {
      for (int i = 0; i < acl->count; ++i) {
        const ACL& one = acl->data[i];
        op.acl.push_back({one.id.scheme, one.id.id, one.perms});
      }
      op.stat = as_stat(*stat);
    }
    answer(context, rc);
  }
  static void group(int rc, const void* context) {
    this_client->group_done(*static_cast<const Group*>(context), rc);
  }

  static void session(zhandle_t*, int type, int state, const char*, void* context) {
    if (type == ZOO_SESSION_EVENT) static_cast<Client*>(context)->session_event(state);
  }
  static void node(zhandle_t*, int type, int, const char* path, void* context) {
    if (type == ZOO_SESSION_EVENT || type == ZOO_NOTWATCHING_EVENT) return;
    static_cast<Client*>(context)->listener_.changed(path);
  }

  static int send(Client& client, zhandle_t* handle, Op& op);
  static void add_steps(const ACL_vector& acl, const Op& op, std::vector<zoo_op_t>& ops);
  static int send_group(zhandle_t* handle, const ACL_vector& acl, Group& group);
  static int send_acl(zhandle_t* handle, const ACL_vector& acl, Op& op);
};

void Library::add_steps(const ACL_vector& acl, const Op& op, std::vector<zoo_op_t>& ops) {
  for (const Step& step : op.steps) {
    zoo_op_t& one = ops.emplace_back();
    switch (step.kind) {
      case Step::Kind::check:
        zoo_check_op_init(&one, step.path.c_str(), step.version);
        break;
      case Step::Kind::create:
        zoo_create_op_init(&one, step.path.c_str(), step.value.data(), as_len(step.value), &acl,
                           ZOO_PERSISTENT, nullptr, 0);
        break;
      case Step::Kind::set:
        zoo_set_op_init(&one, step.path.c_str(), step.value.data(), as_len(step.value),
                        step.version, nullptr);
        break;
      case Step::Kind::erase:
        zoo_delete_op_init(&one, step.path.c_str(), step.version);
        break;
    }
  }
}

int Library::send_group(zhandle_t* handle, const ACL_vector& acl, Group& group) {
  std::vector<zoo_op_t> ops;
  for (const Op* const op : group.ops) add_steps(acl, *op, ops);
  group.results.resize(ops.size());
  return zoo_amulti(handle, static_cast<int>(ops.size()), ops.data(), group.results.data(),
                    &Library::group, &group);
}

int Library::send_acl(zhandle_t* handle, const ACL_vector& standard, Op& op) {
  std::vector<ACL> entries;
  for (AclEntry& entry : op.acl) {
    entries.push_back({entry.permissions, {entry.scheme.data(), entry.id.data()}});
  }
  ACL_vector acl{static_cast<int>(entries.size()), entries.data()};
  if (entries.empty()) acl = standard;
  return zoo_aset_acl(handle, op.path.c_str(), op.version, &acl, &nothing, &op);
}

int Library::send(Client& client, zhandle_t* handle, Op& op) {
  const ACL_vector& acl = client.makes_private_nodes() ? ZOO_CREATOR_ALL_ACL : ZOO_OPEN_ACL_UNSAFE;
  const char* const path = op.path.c_str();
  switch (op.kind) {
    case Op::Kind::read:
      client.unframed_.push_back(&op);
      return ZOK;
    case Op::Kind::get:
      return zoo_aget(handle, path, 0, &data, &op);
    case Op::Kind::watch:
      return zoo_awget(handle, path, &node, &client, &data, &op);
    case Op::Kind::exists:
      return zoo_aexists(handle, path, 0, &stat, &op);
    case Op::Kind::children:
      return zoo_aget_children2(handle, path, 0, &strings, &op);
    case Op::Kind::create:
    case Op::Kind::create_ephemeral:
      return zoo_acreate2(handle, path, op.value.data(), as_len(op.value), &acl,
                          op.kind == Op::Kind::create ? ZOO_PERSISTENT : ZOO_EPHEMERAL,
                          &string_stat, &op);
    case Op::Kind::set:
      return zoo_aset(handle, path, op.value.data(), as_len(op.value), op.version, &stat, &op);
    case Op::Kind::erase:
      return zoo_adelete(handle, path, op.version, &nothing, &op);
    case Op::Kind::multi:
      client.ungrouped_.push_back(&op);
      return ZOK;
    case Op::Kind::sync:
      return zoo_async(handle, path, &string, &op);
    case Op::Kind::get_acl:
      return zoo_aget_acl(handle, path, &Library::acl, &op);
    case Op::Kind::set_acl:
      return send_acl(handle, acl, op);
  }
  return ZBADARGUMENTS;
}

// ---- batches ----

Batch::Outcome WaitedBatch::wait() {
  std::unique_lock lock(mutex_);
  const auto is_done = [&] { return done_; };
  if (deadline == Clock::time_point::max()) {
    changed_.wait(lock, is_done);
  } else if (!changed_.wait_until(lock, deadline, is_done)) {
    gave_up_ = true;
    gave_up_unsent_ = !abandon();
    return Outcome::late;
  }
  return outcome;
}

void WaitedBatch::done() {
  {
    const std::lock_guard lock(mutex_);
    done_ = true;
  }
  changed_.notify_one();  // without the lock, or who wakes up waits for that next
}

// ---- the client ----

Client::Client(ClientOptions options, Listener& listener)
    : options_(std::move(options)), listener_(listener) {
  wake_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  thread_ = std::thread([this] { run(); });
}

Client::~Client() {
  close();
  if (wake_fd_ >= 0) ::close(wake_fd_);
}

void Client::close() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake();
  if (thread_.joinable()) thread_.join();
}

void Client::wake() noexcept {
  if (awake_.exchange(true, std::memory_order_acq_rel)) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_fd_, &one, sizeof(one));
}

void Client::send(std::shared_ptr<Batch> batch) {
  {
    const std::lock_guard lock(mutex_);
    if (!stop_) {
      taken_.push_back(std::move(batch));
      batch = nullptr;
    }
  }
  if (batch == nullptr) return wake();
  batch->outcome = Batch::Outcome::closed;
  batch->unsent = true;
  batch->abandon();
  batch->done();
}

void Client::touch() noexcept {
  const std::chrono::nanoseconds now = Clock::now().time_since_epoch();
  contact_ns_.store(now.count(), std::memory_order_release);
}

std::chrono::milliseconds Client::since_contact() const noexcept {
  const std::chrono::nanoseconds then(contact_ns_.load(std::memory_order_acquire));
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now().time_since_epoch() -
                                                               then);
}

std::optional<Error> Client::refusal() const {
  const std::lock_guard lock(const_cast<std::mutex&>(mutex_));
  if (!refused_) return {};
  return Error{Code::denied,
               "ZooKeeper at " + options_.servers +
                   " refused the credentials of --zk-auth-file or STRONGROOM_ZK_AUTH; open the "
                   "store anew with the right ones"};
}

Result<void> Client::wait_connected(Clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  const auto settled = [&] { return connected() || refused_; };
  const bool in_time = connected_changed_.wait_until(lock, deadline, settled);
  lock.unlock();
  if (auto refused = refusal()) return *refused;
  if (in_time) return {};
  return Error{Code::unavailable,
               "no ZooKeeper server of " + options_.servers +
                   " answered in time; is the ensemble up, and is that its port?"};
}

void Client::session_event(int state) {
  if (state == ZOO_CONNECTED_STATE) {
    greet_ = true;
    return;
  }
  if (state == ZOO_AUTH_FAILED_STATE) {
    const std::lock_guard lock(mutex_);
    refused_ = true;
    connected_changed_.notify_all();
  }
  if (state == ZOO_EXPIRED_SESSION_STATE) expired_ = true;
  greet_ = false;
  lose_frames();
  if (connected_.exchange(false, std::memory_order_acq_rel)) listener_.disconnected();
}

void Client::make_handle() {
  if (Clock::now() < next_try_) return;
  const LibraryLock lock(library_mutex());
  zoo_set_debug_level(static_cast<ZooLogLevel>(0));  // the library would write to our host's stderr
  handle_ = zookeeper_init2(options_.servers.c_str(), &Library::session,
                            static_cast<int>(options_.session.count()), nullptr, this,
                            ZOO_NO_LOG_CLIENTENV, &never_log);
  next_try_ = Clock::now() + kTryAgain;  // names may not resolve for a while
  if (handle_ == nullptr) return;
  // Or it would ask the resolver, and reseed our host's random(), each time that it is polled.
  zoo_set_servers_resolution_delay(handle_, -1);
  new_session_ = true;
  expired_ = false;
  cut_ = false;
  made_ = Clock::now();
  for (const auto& one : {options_.auth, options_.other_auth}) {
    if (one == nullptr) continue;
    const auto auth = one->reveal();
    zoo_add_auth(handle_, "digest", reinterpret_cast<const char*>(auth.data()),
                 static_cast<int>(auth.size()), nullptr, nullptr);
  }
}

// ask_interest asks the library which socket it waits for; it connects in there. A program that the host
// starts must not get the socket, whose session is authenticated. The library makes it without
// SOCK_CLOEXEC, so what another thread starts before this returns still has it; see SECURITY.md.
int Client::ask_interest(int& interest, timeval& wait) {
  const int rc = zookeeper_interest(handle_, &fd_, &interest, &wait);
  if (fd_ >= 0 && (fd_ != kept_fd_ || !connected())) {
    (void)::fcntl(fd_, F_SETFD, FD_CLOEXEC);
    kept_fd_ = fd_;
  }
  return rc;
}

// say_goodbye ends the session in a way that the server notices at once. The library would wait for it with
// its lock held.
void Client::say_goodbye() {
  constexpr std::int32_t kCloseSession = -11;
  {
    const LibraryLock lock(library_mutex());
    int interest = 0;
    timeval wait{0, 0};
    (void)ask_interest(interest, wait);
    notice_cut();
    if (!connected() || fd_ < 0 || (interest & ZOOKEEPER_WRITE) != 0) return;
    std::vector<std::uint8_t> frame(12);
    put_be(std::span(frame).first<4>(), std::uint32_t{8});
    put_be(std::span(frame).subspan<4, 4>(), static_cast<std::uint32_t>(kLastXid - 1));
    put_be(std::span(frame).subspan<8, 4>(), static_cast<std::uint32_t>(kCloseSession));
    if (!write_frame(frame)) return;
  }
  const auto until = Clock::now() + kGoodbye;
  std::array<std::uint8_t, 4096> ignored;
  while (Clock::now() < until) {
    pollfd in{fd_, POLLIN, 0};
    (void)::poll(&in, 1, static_cast<int>(kLook.count()));
    const ssize_t n = ::recv(fd_, ignored.data(), ignored.size(), MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) break;
  }
  ::shutdown(fd_, SHUT_RDWR);  // the library, which still has it open, need not wait any more
}

void Client::drop_handle() {
  if (connected()) say_goodbye();
  const LibraryLock lock(library_mutex());
  zookeeper_close(handle_);  // ends whatever is under way
  handle_ = nullptr;
  fd_ = -1;
  greet_ = false;
  lose_frames();
  if (connected_.exchange(false, std::memory_order_acq_rel)) listener_.disconnected();
}

void Client::take_sent() {
  const std::lock_guard lock(mutex_);
  for (auto& batch : taken_) waiting_.push_back(std::move(batch));
  taken_.clear();
}

void Client::start(const std::shared_ptr<Batch>& batch) {
  auto waiting = Batch::State::waiting;
  if (!batch->state_.compare_exchange_strong(waiting, Batch::State::sent)) return;  // abandoned
  batch->num_open_ = batch->ops.size();
  batch->lost_ = false;
  sent_.emplace(batch.get(), batch);
  batch->sending();
  if (batch->ops.empty()) return finish(*batch, Batch::Outcome::answered);
  for (Op& op : batch->ops) {
    op.batch = batch.get();
    op.bytes.clear();
    op.names.clear();
    op.step_rcs.clear();
    op.nodes.clear();
    if (const int rc = Library::send(*this, handle_, op); rc != ZOK) {
      op.rc = rc;
      answer(op);
    }
  }
}

void Client::send_waiting() {
  if (handle_ == nullptr) return;
  const LibraryLock lock(library_mutex());
  if (greet_) {
    greet_ = false;
    std::vector<std::shared_ptr<Batch>> first;
    connected_.store(true, std::memory_order_release);
    listener_.connected(std::exchange(new_session_, false), first);
    for (const auto& batch : first) start(batch);
    const std::lock_guard held(mutex_);
    connected_changed_.notify_all();
  }
  if (!connected()) return;
  std::vector<std::shared_ptr<Batch>> batches;
  batches.swap(waiting_);
  for (const auto& batch : batches) start(batch);
  send_groups();
  notice_cut();
  send_frames();
}

// ---- commits together ----

// send_groups: a server takes as long for a multi of one commit as for one of many.
void Client::send_groups() {
  while (!ungrouped_.empty() && groups_.size() < kMaxGroups && connected()) {
    std::vector<Op*> ops;
    std::size_t len = 0;
    while (!ungrouped_.empty() && ops.size() < kOpsPerGroup) {
      Op* const op = ungrouped_.front();
      len += len_of(*op);
      if (!ops.empty() && len > kMaxGroupLen) break;
      ungrouped_.pop_front();
      ops.push_back(op);
    }
    send_group(std::move(ops));
  }
}

void Client::send_group(std::vector<Op*> ops) {
  const ACL_vector& acl = makes_private_nodes() ? ZOO_CREATOR_ALL_ACL : ZOO_OPEN_ACL_UNSAFE;
  auto group = std::make_unique<Group>();
  group->ops = std::move(ops);
  Group& sent = *group;
  groups_.emplace(&sent, std::move(group));
  if (const int rc = Library::send_group(handle_, acl, sent); rc != ZOK) group_done(sent, rc);
}

// group_done: where several commits failed together none of them was applied, and which one it was that
// failed is known, but not how the others would have fared: each is sent again alone.
void Client::group_done(const Group& group, int rc) {
  const auto found = groups_.find(&group);
  const std::unique_ptr<Group> own = std::move(found->second);
  groups_.erase(found);
  const bool all = rc == ZOK || is_loss(rc) || own->ops.size() == 1;
  std::size_t next = 0;
  for (Op* const op : own->ops) {
    if (!all) {
      send_group({op});
      continue;
    }
    for (std::size_t i = 0; i < op->steps.size() && next < own->results.size(); ++i)
      op->step_rcs.push_back(own->results[next++].err);
    op->rc = rc;
    answer(*op);
  }
}

// put_back makes a batch of which nothing was sent wait for the next connection.
void Client::put_back(Batch& batch) {
  const auto found = sent_.find(&batch);
  if (found == sent_.end()) return;
  std::shared_ptr<Batch> held = std::move(found->second);
  sent_.erase(found);
  auto sent = Batch::State::sent;
  if (batch.state_.compare_exchange_strong(sent, Batch::State::waiting))
    waiting_.push_back(std::move(held));
}

// notice_cut: where sending fails, or a name leads elsewhere, the library closes its socket and tells
// nobody, with requests of the old connection still in its hands. So we take it for lost, and see to it
// (in poll_once) that the library's next attempt fails: that way it lets go of all of them.
void Client::notice_cut() {
  if (!connected() || zoo_state(handle_) == ZOO_CONNECTED_STATE) return;
  cut_ = true;
  session_event(ZOO_CONNECTING_STATE);
}

// ---- frames of our own ----

// send_frames sends what is to be read, together as far as it fits. The library must have nothing left
// to send, or we would cut into its bytes.
void Client::send_frames() {
  if (unframed_.empty() || !connected()) return;
  timeval wait{0, 0};
  int interest = 0;
  (void)ask_interest(interest, wait);
  notice_cut();
  if (!connected() || (interest & ZOOKEEPER_WRITE) != 0) return;
  std::vector<Op*> ops;
  ops.swap(unframed_);
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i < ops.size();) {
    Frame frame;
    frame.xid = next_xid_;
    next_xid_ = next_xid_ == kLastXid ? kFirstXid : next_xid_ - 1;
    FrameWriter writer(bytes, frame.xid);
    std::size_t num_nodes = 0;
    do {
      for (const std::string& path : ops[i]->paths) writer.get(path);
      num_nodes += ops[i]->paths.size();
      frame.ops.push_back(ops[i++]);
    } while (i < ops.size() && num_nodes + ops[i]->paths.size() <= kNodesPerFrame);
    writer.finish();
    frames_.push_back(std::move(frame));
  }
  if (write_frame(bytes)) return;
  ::shutdown(fd_, SHUT_RDWR);  // the library notices, and connects again
}

// write_frame writes all of it, since nothing else may be written in between. A server that takes no
// bytes for a third of a session is as good as lost.
bool Client::write_frame(const std::vector<std::uint8_t>& frame) {
  const auto until = Clock::now() + options_.session / 3;
  for (std::size_t sent = 0; sent < frame.size();) {
    const ssize_t n =
        ::send(fd_, frame.data() + sent, frame.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
      sent += static_cast<std::size_t>(n);
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n == 0 || errno != EAGAIN || Clock::now() >= until) return false;
    pollfd out{fd_, POLLOUT, 0};
    (void)::poll(&out, 1, static_cast<int>(kLook.count()));
  }
  return true;
}

void Client::lose_frames() {
  for (Op* const op : std::exchange(ungrouped_, {})) put_back(*op->batch);
  std::vector<Op*> lost;
  lost.swap(unframed_);
  for (const Frame& frame : std::exchange(frames_, {}))
    lost.insert(lost.end(), frame.ops.begin(), frame.ops.end());
  incoming_.clear();
  incoming_len_ = 0;
  library_reads_ = false;
  for (Op* const op : lost) {
    op->rc = ZCONNECTIONLOSS;
    answer(*op);
  }
}

// receive takes one answer off the socket: the library's, or one to a frame of ours.
// Returns  false when there is nothing more to take now.
bool Client::receive() {
  if (incoming_len_ > 0) return receive_ours();
  if (connected() && !library_reads_) {
    std::array<std::uint8_t, kFrameHeadLen> head{};
    const ssize_t n = ::recv(fd_, head.data(), head.size(), MSG_PEEK | MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return false;
    if (n > 0 && static_cast<std::size_t>(n) < head.size()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));  // the rest is on its way
      return false;
    }
    const FrameHead frame = decode_frame_head(head);
    const bool ours = n == static_cast<ssize_t>(head.size()) && !frames_.empty() &&
                      frame.xid == frames_.front().xid;
    if (ours && (frame.len > longest_answer(frames_.front()) || frame.len < 16)) {
      refuse_frame();
      return false;
    }
    if (ours) {
      incoming_len_ = 4 + frame.len;
      incoming_.clear();
      return receive_ours();
    }
  }
  const int rc = zookeeper_process(handle_, ZOOKEEPER_READ);
  library_reads_ = connected() && rc == ZNOTHING;  // there was a beginning
  return rc == ZOK;
}

// longest_answer: a node has up to 1 MiB, and more than that of a frame nobody wants at once.
std::size_t Client::longest_answer(const Frame& frame) noexcept {
  std::size_t num_nodes = 0;
  for (const Op* const op : frame.ops) num_nodes += op->paths.size();
  return std::min(kMaxFrameLen, (num_nodes + 1) * (kMaxPacketLen + 200));
}

// refuse_frame ends who asked for it, and cuts the connection, since it can not be skipped in time.
void Client::refuse_frame() {
  const Frame frame = std::move(frames_.front());
  frames_.pop_front();
  for (Op* const op : frame.ops) {
    op->rc = kAnswerTooLarge;
    answer(*op);
  }
  ::shutdown(fd_, SHUT_RDWR);
}

bool Client::receive_ours() {
  constexpr std::size_t kStep = std::size_t{1} << 20;  // room is made as bytes come
  while (incoming_.size() < incoming_len_) {
    const std::size_t have = incoming_.size();
    incoming_.resize(std::min(incoming_len_, have + kStep));
    const ssize_t n = ::recv(fd_, incoming_.data() + have, incoming_.size() - have, MSG_DONTWAIT);
    incoming_.resize(have + (n > 0 ? static_cast<std::size_t>(n) : 0));
    if (n > 0 || (n < 0 && errno == EINTR)) continue;
    if (n == 0 || errno != EAGAIN) ::shutdown(fd_, SHUT_RDWR);
    if (n == 0 || errno != EAGAIN) lose_frames();
    return false;
  }
  frame_done();
  return true;
}

void Client::frame_done() {
  const Frame frame = std::move(frames_.front());
  frames_.pop_front();
  std::size_t num_nodes = 0;
  for (const Op* const op : frame.ops) num_nodes += op->paths.size();
  auto nodes = decode_frame(std::span(incoming_).subspan(4), num_nodes);
  incoming_len_ = 0;
  incoming_.clear();
  std::size_t next = 0;
  for (Op* const op : frame.ops) {
    op->rc = nodes ? kOk : ZMARSHALLINGERROR;
    if (nodes) {
      const auto begin =
          std::make_move_iterator(nodes->begin() + static_cast<std::ptrdiff_t>(next));
      op->nodes.assign(begin, begin + static_cast<std::ptrdiff_t>(op->paths.size()));
    }
    next += op->paths.size();
    answer(*op);
  }
}

void Client::answer(Op& op) {
  Batch& batch = *op.batch;
  if (is_loss(op.rc)) {
    batch.lost_ = true;
  } else if (batch.state_.load() == Batch::State::sent && !batch.lost_) {
    batch.answered(op);
  }
  if (--batch.num_open_ > 0) return;
  finish(batch, batch.lost_ ? Batch::Outcome::lost : Batch::Outcome::answered);
}

void Client::finish(Batch& batch, Batch::Outcome outcome) {
  const auto found = sent_.find(&batch);
  if (found == sent_.end()) return;
  std::shared_ptr<Batch> held = std::move(found->second);
  sent_.erase(found);
  auto sent = Batch::State::sent;
  if (outcome == Batch::Outcome::lost && batch.again) {
    if (batch.state_.compare_exchange_strong(sent, Batch::State::waiting))
      waiting_.push_back(std::move(held));
    return;
  }
  if (!batch.state_.compare_exchange_strong(sent, Batch::State::over)) return;  // abandoned
  batch.outcome = outcome;
  done_.push_back(std::move(held));
}

// end ends a batch that gets no answer.
void Client::end(const std::shared_ptr<Batch>& batch, Batch::Outcome outcome) {
  const auto before = batch->state_.exchange(Batch::State::over);
  if (before == Batch::State::over) return;
  batch->outcome = outcome;
  batch->unsent = before == Batch::State::waiting;
  done_.push_back(batch);
}

// end_late ends what nobody waits for with a clock of its own. What was sent stays in sent_, since
// the library still holds on to its operations.
void Client::end_late() {
  const auto now = Clock::now();
  if (now < next_look_) return;
  next_look_ = now + kLook;
  const auto is_late = [&](const std::shared_ptr<Batch>& batch) {
    if (batch->deadline > now) return false;
    end(batch, Batch::Outcome::late);
    return true;
  };
  for (const auto& [key, batch] : sent_) is_late(batch);
  waiting_.erase(std::remove_if(waiting_.begin(), waiting_.end(), is_late), waiting_.end());
}

// run_done calls out without the library's lock, so that a callback may use another session.
void Client::run_done() {
  while (!done_.empty()) {
    std::vector<std::shared_ptr<Batch>> done;
    done.swap(done_);
    for (const auto& batch : done) batch->done();
  }
}

// poll_once waits for the server, a sender, or the next thing that is due, and takes what came.
void Client::poll_once() {
  int interest = 0;
  timeval wait{0, 0};
  fd_ = -1;
  if (handle_ != nullptr) {
    const LibraryLock lock(library_mutex());
    const int rc = ask_interest(interest, wait);
    if (rc != ZOK && wait.tv_sec == 0)
      wait.tv_usec = std::max<decltype(wait.tv_usec)>(wait.tv_usec, 20'000);
    if (is_unrecoverable(handle_) == ZINVALIDSTATE) expired_ = true;
    notice_cut();
    if (cut_ && fd_ >= 0) {
      ::shutdown(fd_, SHUT_RDWR);
      cut_ = false;
    }
  }
  awake_.store(false, std::memory_order_release);
  std::chrono::milliseconds pause = kTryAgain;
  if (handle_ != nullptr)
    pause = std::chrono::milliseconds(wait.tv_sec * 1000 + (wait.tv_usec + 999) / 1000);
  if (!waiting_.empty() || !sent_.empty() || wake_fd_ < 0) pause = std::min(pause, kLook);
  if (listener_.due() != Clock::time_point::max()) pause = std::min(pause, kTryAgain);
  {
    const std::lock_guard lock(mutex_);
    if (!taken_.empty() || stop_ || !done_.empty() || greet_ || (expired_ && !refused_))
      pause = pause.zero();
  }
  const bool writes = (interest & ZOOKEEPER_WRITE) != 0;
  pollfd fds[2] = {{wake_fd_, POLLIN, 0},
                   {fd_, static_cast<short>(writes ? POLLIN | POLLOUT : POLLIN), 0}};
  (void)::poll(fds, 2, static_cast<int>(pause.count()));
  awake_.store(true, std::memory_order_release);
  if ((fds[0].revents & POLLIN) != 0) {
    std::uint64_t count;
    [[maybe_unused]] const auto got = ::read(wake_fd_, &count, sizeof(count));
  }
  if (handle_ == nullptr || fd_ < 0 || fds[1].revents == 0) return;
  const LibraryLock lock(library_mutex());
  if ((fds[1].revents & POLLOUT) != 0) (void)zookeeper_process(handle_, ZOOKEEPER_WRITE);
  if ((fds[1].revents & (POLLIN | POLLERR | POLLHUP)) == 0) return;
  if (connected()) touch();
  for (int i = 0; i < kMaxAnswersPerPoll && receive(); ++i) {
  }
}

void Client::run() {
  this_client = this;
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (stop_) break;
    }
    if (handle_ == nullptr) make_handle();
    if (connected() && listener_.due() <= Clock::now()) listener_.try_again();
    take_sent();
    send_waiting();
    end_late();
    run_done();
    poll_once();
    run_done();
    const bool gone_for_good = [&] {
      const std::lock_guard lock(mutex_);
      return refused_;
    }();
    // Who heard nothing for a session has none any more. And a server that was put back to an older
    // state takes nobody who saw a newer one, until he comes anew.
    const auto heard = Clock::now() - since_contact();
    const bool out_of_touch =
        !connected() && Clock::now() - std::max(heard, made_) > options_.session;
    if (handle_ != nullptr && !gone_for_good && (expired_ || out_of_touch)) drop_handle();
  }
  if (handle_ != nullptr) drop_handle();
  take_sent();
  for (auto& batch : waiting_) end(batch, Batch::Outcome::closed);
  waiting_.clear();
  run_done();
}

}  // namespace strongroom::zookeeper
