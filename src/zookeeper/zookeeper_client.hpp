// zookeeper_client.hpp: one session with a ZooKeeper ensemble, on a thread of its own.
//
// Only the files that implement it know the client library: see zookeeper_library.hpp. We use the library's
// single-threaded build: our thread polls and handles all answers. So answers and watch events come in the
// order in which the server sent them, and that order shows whether something changed between two answers.
// The library's threaded build does not keep that order for calls that wait, has no deadlines, and starts
// two threads.
//
// A request is a Batch of operations, sent together and answered in order. While there is no connection,
// batches wait. When the connection is lost, a batch that may be sent again is sent again. Any other batch
// ends as lost, and its sender has to find out whether it took effect.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "zookeeper_resolver.hpp"

struct _zhandle;

namespace strongroom::zookeeper {

struct Group;  // zookeeper_library.hpp

using Clock = std::chrono::steady_clock;

// The answers to an operation: the library's own numbers (checked in zookeeper_library.cpp).
inline constexpr int kOk = 0;
inline constexpr int kRuntimeInconsistency = -2;  // of a step of a multi: another step failed
inline constexpr int kNoNode = -101;
inline constexpr int kNoAuth = -102;
inline constexpr int kBadVersion = -103;
inline constexpr int kNodeExists = -110;
inline constexpr int kNotEmpty = -111;
inline constexpr int kQuotaExceeded = -125;
inline constexpr int kAnswerTooLarge = -10'000;  // our own: more than we accept

// answer_text names an answer for a message.
std::string answer_text(int rc);

// NodeStat is what ZooKeeper keeps in addition to a node's bytes.
struct NodeStat {
  std::int64_t czxid = 0;  // the transaction that made the node,
  std::int64_t mzxid = 0;  // the one that set it last,
  std::int64_t pzxid = 0;  // and the one that changed its children last
  std::int64_t ctime_ms = 0;
  std::int64_t mtime_ms = 0;
  std::int32_t version = 0;
  std::int32_t data_len = 0;
  std::int32_t num_children = 0;
};

// AclEntry says what one identity may do with a node.
struct AclEntry {
  std::string scheme;
  std::string id;
  int permissions = 0;
};
inline constexpr int kMayRead = 1;
inline constexpr int kMayAll = 31;

// Step is one operation of a multi.
struct Step {
  enum class Kind : std::uint8_t { check, create, set, erase };
  Kind kind = Kind::check;
  std::string path;
  std::string value;
  int version = -1;  // -1: any
};

// NodeAnswer is one node's answer to a read.
struct NodeAnswer {
  int rc = kNoNode;
  std::string bytes;
  NodeStat stat;
};

struct Op {
  enum class Kind : std::uint8_t {
    read,  // all nodes of `paths`, as of one moment; sent after everything else that waits
    get,
    watch,  // get, and report the next change
    exists,
    children,
    create,
    create_ephemeral,
    set,
    erase,
    multi,
    sync,
    get_acl,
    set_acl,
  };
  Kind kind = Kind::get;
  std::string path;
  std::string value;               // of create and set
  int version = -1;                // of set, erase and set_acl; -1: any
  std::vector<Step> steps;         // of multi
  std::vector<std::string> paths;  // of read
  std::vector<AclEntry> acl;       // of set_acl; empty: that of new nodes. For get_acl, the answer

  // The answer.
  int rc = 0;
  std::string bytes;
  NodeStat stat;
  std::vector<std::string> names;
  std::vector<int> step_rcs;
  std::vector<NodeAnswer> nodes;

  class Batch* batch = nullptr;
};

// Batch is some operations under way. Its answers are handled on the client's thread.
class Batch {
 public:
  enum class Outcome : std::uint8_t { answered, lost, late, closed };

  Batch() = default;
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;
  virtual ~Batch() = default;

  std::vector<Op> ops;
  bool again = true;  // send again after a lost connection
  Clock::time_point deadline = Clock::time_point::max();
  Outcome outcome = Outcome::answered;
  bool unsent = false;  // late or closed, and no server ever saw it

  // sending is called each time before the operations are sent.
  virtual void sending() {}
  // answered is called for each answer in order; it must be short and must not call the client.
  virtual void answered(Op&) {}
  // done is called once, when outcome is known, unless the batch was abandoned first.
  virtual void done() {}

  // abandon withdraws the batch. Returns  whether it may have been sent.
  bool abandon() noexcept { return state_.exchange(State::over) != State::waiting; }

 private:
  friend class Client;
  enum class State : std::uint8_t { waiting, sent, over };
  std::atomic<State> state_{State::waiting};
  std::size_t num_open_ = 0;
  bool lost_ = false;
};

// WaitedBatch is a batch that its sender waits for.
class WaitedBatch final : public Batch {
 public:
  // wait returns the outcome. If that is late, only never_sent may be used afterwards.
  Outcome wait();
  // never_sent reports, for a batch without an answer, whether no server ever saw it.
  bool never_sent() const noexcept { return gave_up_ ? gave_up_unsent_ : unsent; }

  void done() override;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  bool gave_up_ = false;  // only for the waiter: the thread may still be at work on the batch
  bool gave_up_unsent_ = false;
};

// Listener is called on the client's thread when the session changes. Its functions must be short.
class Listener {
 public:
  virtual ~Listener() = default;
  // connected puts the batches that must be sent before all others into first.
  virtual void connected(bool new_session, std::vector<std::shared_ptr<Batch>>& first) = 0;
  virtual void disconnected() = 0;
  // changed is called when a watched node changed; it is not watched any more.
  virtual void changed(std::string_view path) = 0;
  // due returns when try_again is to be called; time_point::max() when there is nothing to try again.
  virtual std::chrono::steady_clock::time_point due() const = 0;
  virtual void try_again() = 0;
};

struct ClientOptions {
  std::string servers;  // host:port,host:port
  std::chrono::milliseconds session{10'000};
  std::shared_ptr<const SecretBytes> auth{};        // user:password
  std::shared_ptr<const SecretBytes> other_auth{};  // a second identity, in addition
  bool open_nodes = false;                          // make nodes that anybody may change
};

class Client {
 public:
  // Threads  all functions: any number at once.
  Client(ClientOptions options, Listener& listener);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // send takes over a batch; if no time is left, the batch is late at once.
  void send(std::shared_ptr<Batch> batch);

  bool connected() const noexcept { return connected_.load(std::memory_order_acquire); }
  // since_contact returns how long ago a server last sent something.
  std::chrono::milliseconds since_contact() const noexcept;
  // wait_connected returns when there is a session.
  // Errors  unavailable: not in time, or no thread.  denied: the ensemble refused the credentials.
  Result<void> wait_connected(Clock::time_point deadline);
  // refusal is set when the ensemble refused the credentials; nothing works any more.
  std::optional<Error> refusal() const;

  const std::string& servers() const noexcept { return options_.servers; }
  bool authenticated() const noexcept {
    return options_.auth != nullptr || options_.other_auth != nullptr;
  }
  bool makes_private_nodes() const noexcept { return authenticated() && !options_.open_nodes; }
  // close ends the session and the thread. When it returns, every batch is over.
  void close();

 private:
  friend struct Library;
  void run();
  void make_handle();
  int ask_interest(int& interest, timeval& wait);
  void say_goodbye();
  void drop_handle();
  void take_sent();
  void send_waiting();
  void start(const std::shared_ptr<Batch>& batch);
  void finish(Batch& batch, Batch::Outcome outcome);
  void answer(Op& op);
  void end(const std::shared_ptr<Batch>& batch, Batch::Outcome outcome);
  void end_late();
  void run_done();
  void notice_cut();
  void send_groups();
  void send_group(std::vector<Op*> ops);
  void group_done(const struct Group& group, int rc);
  void put_back(Batch& batch);
  void send_frames();
  bool write_frame(const std::vector<std::uint8_t>& frame);
  void lose_frames();
  bool receive();
  bool receive_ours();
  void refuse_frame();
  void touch() noexcept;
  void frame_done();
  void poll_once();
  void session_event(int state);
  void wake() noexcept;

  static constexpr std::chrono::milliseconds kLook{50};  // how often deadlines are checked

  const ClientOptions options_;
  Listener& listener_;
  int wake_fd_ = -1;
  Resolver resolver_;

  std::mutex mutex_;  // guards this block
  std::condition_variable connected_changed_;
  std::vector<std::shared_ptr<Batch>> taken_;
  bool stop_ = false;
  bool refused_ = false;

  std::atomic<bool> awake_{true};
  std::atomic<bool> connected_{false};
  std::atomic<std::int64_t> contact_ns_{0};

  // Only for the thread.
  ::_zhandle* handle_ = nullptr;
  bool greet_ = false;
  bool new_session_ = true;
  bool expired_ = false;
  bool cut_ = false;  // the library lost its connection without reporting it
  std::vector<std::shared_ptr<Batch>> waiting_;
  std::unordered_map<Batch*, std::shared_ptr<Batch>> sent_;
  std::vector<std::shared_ptr<Batch>> done_;
  // Commits that wait together go in one multi.
  std::deque<Op*> ungrouped_;
  std::unordered_map<const struct Group*, std::unique_ptr<struct Group>> groups_;  // sent
  // Our own frames on the library's socket: see zookeeper_frame.hpp.
  struct Frame {
    std::int32_t xid = 0;
    std::vector<Op*> ops;
  };
  Clock::time_point made_{};
  static std::size_t longest_answer(const Frame& frame) noexcept;
  int fd_ = -1;
  int kept_fd_ = -1;            // the last connection's descriptor, which no program inherits
  bool library_reads_ = false;  // the library is in the middle of an answer
  std::vector<Op*> unframed_;
  std::deque<Frame> frames_;  // sent
  std::int32_t next_xid_ = -1000;
  std::vector<std::uint8_t> incoming_;  // the bytes of an answer to a frame that have arrived
  std::size_t incoming_len_ = 0;
  Clock::time_point next_look_{};
  Clock::time_point next_try_{};

  std::thread thread_;
};

}  // namespace strongroom::zookeeper
