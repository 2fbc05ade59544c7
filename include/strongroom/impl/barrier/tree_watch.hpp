// tree_watch.hpp: which secrets below a prefix were put or deleted since the last look.
//
// The tree is read after the marks of its shards were taken, and marks are replaced only when everything
// that they stand for has been read. So no change is lost, whatever fails in between and however often.
// In shards whose marks moved, the records and directories are read again, and records with another
// version are opened: a record that was only re-sealed (rotation) is no change. It must never hand out
// values.
//
// It keeps about 150 bytes per secret. For every change it reads 1/255 of the secrets on a storage that
// distinguishes shards, and all of them on one that does not (memory, LMDB).
//
// Threads  one at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/impl/barrier/envelope.hpp"
#include "strongroom/impl/barrier/names.hpp"
#include "strongroom/impl/barrier/names_reader.hpp"
#include "strongroom/impl/barrier/secret_reader.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/path.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

// TreeParts are the parts of the barrier that a watch needs, borrowed.
struct TreeParts {
  Backend& backend;
  KeyKeeper& keeper;
  SecretReader& reader;
  NamesReader& names;
  Timeout timeout;  // of each call of the backend
};

class TreeWatch {
 public:
  static constexpr std::size_t kMaxWatched = 1'000'000;  // secrets and folders
  static constexpr std::size_t kMaxEvents = 10'000;      // of one call of next

  // open reads what is there. It takes as long as reading all of it.
  // Errors  sealed, and the storage's errors.  too_large: more than max_watched lie there.
  static Result<std::unique_ptr<TreeWatch>> open(TreeParts parts, const Path& prefix,
                                                 std::size_t max_watched = kMaxWatched);
  TreeWatch(const TreeWatch&) = delete;
  TreeWatch& operator=(const TreeWatch&) = delete;

  // next waits until something has changed since the last call, and returns the changes: each path
  // once, sorted, up to kMaxEvents (the next call returns the rest at once). None when the time is
  // over. A secret that came and went in between may go unreported.
  // Errors  sealed, and the storage's errors: nothing is lost, a later call goes on.  too_large.
  Result<std::vector<WatchEvent>> next(Timeout timeout);

 private:
  static constexpr std::size_t kBatch = 256;

  struct Known {
    std::optional<Version> version{};  // none: not read yet
    Revision revision{};
    std::uint32_t round = 0;  // of the last listing that had it
    std::uint8_t shard = 0;
    bool alive = false;
    bool missing = false;  // its entry is gone, its record not read yet
  };
  using Secrets = std::map<std::string, Known>;

  struct Folder {
    Secrets secrets;
    std::size_t secrets_shard = 0;
    std::size_t folders_shard = 0;
    bool listed = false;
  };
  using Folders = std::map<std::string, Folder>;

  // Candidate is a secret with a record to read.
  struct Candidate {
    Secrets* among;
    Secrets::iterator at;
    std::string path;
  };

  // Seen is what a record turned out to be.
  struct Seen {
    enum class What : std::uint8_t { same, gone, found, doubtful };
    What what = What::same;
    Version version = kAbsent;
    Revision revision{};
  };

  struct Places {
    std::array<Location, kBatch> locations;
    std::array<RecordKey, kBatch> keys;
    std::array<Revision, kBatch> floors;
  };

  TreeWatch(TreeParts parts, const Path& prefix, std::size_t max_watched);

  // settle brings what is known up to date. now  marks that may differ from marks_. If it fails half-way,
  // the next call does it again, since marks_ stays.
  Result<void> settle(const ShardMarks& now);

  // ---- directories ----

  using Moved = std::array<bool, kNumShards>;

  Result<void> list_moved(const Moved& moved);

  Result<void> place(const std::string& path, Folder& folder);

  Result<void> list_secrets(const std::string& path, Folder& folder);

  Result<void> list_folders(const std::string& path, std::vector<Folders::iterator>& open);

  // make_room counts one more, or returns false if there is no room. While open reads the tree, that is
  // an error at once; later settle reports it when the records were read too, since some may be gone.
  Result<bool> make_room();

  Error too_many() const;

  // ---- records ----

  Result<void> read_moved(const Moved& moved);

  // read_batch reads the records of the batch and empties it.
  Result<void> read_batch(std::vector<Candidate>& batch);

  Result<void> locate(const std::vector<Candidate>& batch, Places& places) const;

  // look opens a record whose version is not the known one, during the backend's read and one at a
  // time, so that locked memory is needed for one value only.
  Seen look(const Known& known, const Location& location, Revision floor,
            const Record& record) const;

  // look_again once more reads a record that did not open: the keys may have changed meanwhile. If it
  // still does not open, it is reported without a revision, and reading it returns what is wrong.
  Result<void> look_again(const std::string& path, Seen& seen);

  // ---- reporting ----

  void apply(const Candidate& candidate, const Seen& seen);

  void tell(WatchEvent event);

  std::vector<WatchEvent> take_pending();

  const TreeParts parts_;
  const std::string prefix_;
  const std::size_t max_watched_;
  ShardMarks marks_{};  // everything that happened before them is known
  Folders folders_;     // the prefix and everything below it, by path
  Secrets self_;        // the secret that the prefix itself names, there or not
  std::map<std::string, WatchEvent> pending_;
  std::size_t num_watched_ = 0;
  std::uint32_t round_ = 0;
  bool full_ = false;     // something was left out
  bool telling_ = false;  // the tree was read once; changes are reported from now on
};

}  // namespace strongroom
