// zookeeper_blobs.hpp: values that are too large for one packet. They are written in parts under a random
// name, before the commit that makes them visible, and removed when nothing names them any more.
//
// A part's name begins with its writer's client. Other clients leave the parts of a client that is alive,
// because it may be about to name them. A session that ended commits nothing more, so parts of a dead
// client that their record does not name are leftovers. So no part is removed that may still be needed.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "zookeeper_session.hpp"

namespace strongroom::zookeeper {

class Blobs {
 public:
  explicit Blobs(Session& session);
  ~Blobs();
  // stop ends the sweeper; everything else goes on.
  void stop();

  // write stores the parts of a record's value; they are pending until release.
  // Errors  those of Session::run; what was written is removed later.
  Result<BlobRef> write(const std::string& record_path, ByteView value, Clock::time_point deadline);

  // release ends what write began; named is true if a commit names the parts. Do not call it while that
  // is not known: then the parts stay until this session is over.
  void release(const BlobRef& ref, bool named);

  // saw remembers where the parts of a record's value are, for up to kMaxRemembered records.
  // overwritten removes these parts without waiting: a commit of ours replaced the record.
  void saw(std::string key, const BlobRef& ref);
  void overwritten(const std::string& key);

  // sweep removes what dead clients left behind.
  // Returns  whether it could check everything.
  bool sweep(Clock::time_point deadline);

 private:
  void run();
  void remove(const BlobRef& ref, std::uint64_t num_parts);
  bool sweep_blobs(Clock::time_point deadline);
  bool sweep_lanes(Clock::time_point deadline);
  bool is_named(const std::string& owner_path, const PartName& blob, Clock::time_point deadline,
                bool& named);

  Session& session_;
  std::mutex mutex_;
  std::condition_variable stopped_;
  std::set<std::string> pending_;  // stems
  std::map<std::string, BlobRef> remembered_;
  bool stop_ = false;
  std::thread sweeper_;
};

}  // namespace strongroom::zookeeper
