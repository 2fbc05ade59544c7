// zookeeper_commit.hpp: sends a batch of changes as one multi, and finds out whether it was applied.
//
// A multi holds the expectations, the changes, the stamps of their shards, and the number of this commit
// in one of this client's lanes. If the connection is lost on the way, the lane decides. Either it holds
// the number, so the multi was applied; or we set the lane to something else, so the multi never can be.
#pragma once

#include <condition_variable>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/result.hpp"
#include "zookeeper_blobs.hpp"
#include "zookeeper_session.hpp"

namespace strongroom::zookeeper {

// Lane is a node that one commit at a time writes its number to.
struct Lane {
  std::string client;
  std::string path;
  int version = -1;  // of the node; -1: it is not there yet
};

class Commits {
 public:
  Commits(Session& session, Blobs& blobs) noexcept : session_(session), blobs_(blobs) {}

  // commit is Backend::commit. The caller has checked the batch.
  Result<Commit> commit(std::span<const Change> batch, Clock::time_point deadline);

  // leave removes the lanes of this client. No commit may be under way.
  void leave();

 private:
  friend class CommitCall;

  Result<Lane> take_lane(Clock::time_point deadline);
  // give_lane returns a lane. A lane whose last outcome is not known is not used again.
  void give_lane(Lane lane, bool usable);

  Session& session_;
  Blobs& blobs_;
  std::mutex mutex_;
  std::condition_variable free_;
  std::vector<Lane> lanes_;  // free ones
  std::size_t num_taken_ = 0;
  std::uint64_t num_made_ = 0;
  std::uint64_t num_commits_ = 0;
};

}  // namespace strongroom::zookeeper
