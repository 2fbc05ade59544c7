// zookeeper_session.hpp: what all parts of the ZooKeeper backend share: the tree's root, the session and
// its name, the shards, and whether the ensemble went back in time.
//
// Every session of this handle has a random name of its own, the client. A node of that name (l/<client>)
// exists as long as the session lives, so other clients know which leftovers belong to dead ones.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/result.hpp"
#include "zookeeper_client.hpp"
#include "zookeeper_shards.hpp"
#include "zookeeper_tree.hpp"

namespace strongroom::zookeeper {

class Session final : private Listener {
 public:
  Session(const Address& address, std::shared_ptr<const SecretBytes> auth,
          std::shared_ptr<const SecretBytes> other_auth = nullptr);
  ~Session() override;

  const std::string& root() const noexcept { return address_.root; }
  const Address& address() const noexcept { return address_; }
  Client& client() noexcept { return client_; }
  Shards& shards() noexcept { return shards_; }

  // in_contact reports whether a server sent something within the last session time. The client library
  // notices a silent server only after two thirds of a session, and our thread may not have run at all.
  bool in_contact() const noexcept {
    return client_.connected() && client_.since_contact() < address_.session;
  }

  // begin makes this handle one of the tree's clients; the tree must be there.
  Result<void> begin(Clock::time_point deadline);

  // name waits for a session and returns its client.
  Result<std::string> name(Clock::time_point deadline);

  // broken returns an error, for good, once the ensemble showed an older state than was seen. It also
  // returns one while this client may not take part, or a node of the tree is missing; these are tried
  // again until they pass.
  std::optional<Error> broken() const;
  void saw(std::int64_t zxid) noexcept;

  // run sends operations and waits for their answers.
  // Errors  those of no_answer: no answer in time, and either nothing was sent or again is true.
  //         indeterminate: the operations were sent and may have been applied.
  Result<std::shared_ptr<WaitedBatch>> run(std::vector<Op> ops, Clock::time_point deadline,
                                           bool again = true);
  // barrier makes a small write of our own. Reads that begin after it see every commit that was acknowledged
  // to anybody before it. ZooKeeper's sync does not promise that: a leader that was replaced and has not
  // noticed yet still answers it.
  Result<void> barrier(Clock::time_point deadline);

  // watch_every_shard returns when the stamps of all shards are watched.
  Result<void> watch_every_shard(Clock::time_point deadline);

  Op watch_op(std::size_t shard) const;
  // watched handles the answer to a watch_op, on the client's thread.
  void watched(const Op& op);

  // trouble returns the error for an unexpected answer.
  Error trouble(const std::string& what, int rc) const;
  // no_answer returns timeout while connected, else unavailable; denied after a refusal of the credentials.
  Error no_answer() const;

 private:
  class Greeting;

  void connected(bool new_session, std::vector<std::shared_ptr<Batch>>& first) override;
  void disconnected() override;
  void changed(std::string_view path) override;
  Clock::time_point due() const override { return retry_at_; }
  void try_again() override;

  void break_down(Error error);
  // Trouble names what failed: the greeting, or the watch of a shard's stamp.
  using Trouble = std::size_t;
  static constexpr Trouble kGreeting = kNumShards;
  void ail(Trouble of, Error error);
  void recover(Trouble of);
  std::string fresh_name();
  void greet_again();
  void watch_again(std::size_t shard);

  const Address address_;
  Shards shards_;
  std::atomic<std::int64_t> newest_{0};
  std::atomic<bool> begun_{false};
  std::atomic<std::uint64_t> next_name_{0};
  std::atomic<bool> is_broken_{false};

  mutable std::mutex mutex_;
  std::condition_variable named_;
  std::string name_;
  std::optional<Error> broken_;        // for good
  std::map<Trouble, Error> ailments_;  // until one of the retries succeeds
  std::atomic<Clock::time_point> retry_at_{Clock::time_point::max()};  // set by the client's thread

  Client client_;  // last: its thread calls us
};

// make_name returns 32 hex digits that nobody else has.  Errors  internal: no randomness.
Result<std::string> make_name();
// deadline_of turns a timeout into a point in time, without overflow.
Clock::time_point deadline_of(Timeout timeout) noexcept;

inline Op op(Op::Kind kind, std::string path) {
  Op made;
  made.kind = kind;
  made.path = std::move(path);
  return made;
}

}  // namespace strongroom::zookeeper
