// zookeeper_access.cpp: checks and rewrites the ACLs of all nodes of a tree; see backends/zookeeper.hpp.
#include <algorithm>
#include <functional>
#include <utility>

#include "strongroom/backends/zookeeper.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "zookeeper_open.hpp"
#include "zookeeper_session.hpp"

namespace strongroom {
namespace zookeeper {
namespace {

constexpr std::size_t kPathsAtOnce = 256;
constexpr std::size_t kMaxExamples = 5;
constexpr std::string_view kWorld = "world";

// TreeWalk goes through a tree from the leaves up to the root, some nodes at a time.
class TreeWalk {
 public:
  // visit is called with up to kPathsAtOnce paths.
  using Visit = std::function<Result<void>(std::vector<std::string>)>;

  // timeout  of each request.
  TreeWalk(Session& session, Timeout timeout, Visit visit)
      : session_(session), timeout_(timeout), visit_(std::move(visit)) {}

  Result<void> run() {
    STRONGROOM_TRY(below(session_.root()));
    STRONGROOM_TRY(flush());
    return visit_({session_.root()});
  }

 private:
  // below recurses as deep as the tree, which is five levels.
  Result<void> below(const std::string& path) {
    STRONGROOM_ASSIGN(listed, session_.run({op(Op::Kind::children, path)}, deadline_of(timeout_)));
    const Op& answer = listed->ops[0];
    if (answer.rc == kNoNode) return {};
    if (answer.rc != kOk) return session_.trouble("list " + path, answer.rc);
    for (const std::string& name : answer.names) {
      const std::string child = path + "/" + name;
      if (may_have_children(child)) {
        STRONGROOM_TRY(below(child));
      }
      collected_.push_back(child);
      if (collected_.size() < kPathsAtOnce) continue;
      STRONGROOM_TRY(flush());
    }
    return {};
  }

  bool may_have_children(const std::string& path) const {
    const std::string_view inside = std::string_view(path).substr(session_.root().size());
    const auto depth = std::count(inside.begin(), inside.end(), '/');
    if (inside.starts_with("/e")) return depth < 5;
    return depth < (inside.starts_with("/r") || inside.starts_with("/b") ? 3 : 2);
  }

  Result<void> flush() {
    if (collected_.empty()) return {};
    return visit_(std::exchange(collected_, {}));
  }

  Session& session_;
  const Timeout timeout_;
  const Visit visit_;
  std::vector<std::string> collected_;
};

Error stopped() {
  return {Code::unavailable, "it was stopped; what was done so far stays, run it again"};
}

bool is_ours(const std::vector<AclEntry>& acl, const std::vector<AclEntry>& wanted) {
  const auto same = [](const AclEntry& a, const AclEntry& b) {
    return a.scheme == b.scheme && a.id == b.id && a.permissions == b.permissions;
  };
  return std::equal(acl.begin(), acl.end(), wanted.begin(), wanted.end(), same);
}

// open_for_access returns a session with an existing tree, no matter who may change the tree.
// other_auth  a second identity, in addition to that of the options.
Result<std::unique_ptr<Session>> open_for_access(
    std::string_view url, const BackendOptions& options,
    std::shared_ptr<const SecretBytes> other_auth = nullptr) {
  STRONGROOM_ASSIGN(address, parse_address(url));
  address.any_owner = true;  // an open tree is what the callers report or repair
  const Clock::time_point deadline = deadline_of(options.timeout);
  auto session = std::make_unique<Session>(address, options.zk_auth, std::move(other_auth));
  STRONGROOM_TRY(session->client().wait_connected(deadline));
  STRONGROOM_TRY(open_tree(*session, true, deadline));
  return session;
}

// acl_of_new returns the ACL of a node that belongs only to the new identity. A node that a session makes
// belongs to all identities of the session, so the server lists all of them; the old one is removed.
Result<std::vector<AclEntry>> acl_of_new(Session& both, const std::vector<AclEntry>& old,
                                         Timeout timeout) {
  STRONGROOM_ASSIGN(acl, own_acl(both, deadline_of(timeout)));
  std::vector<AclEntry> wanted;
  for (AclEntry& entry : acl) {
    const bool is_old = std::any_of(old.begin(), old.end(), [&](const AclEntry& one) {
      return one.scheme == entry.scheme && one.id == entry.id;
    });
    if (!is_old) wanted.push_back(std::move(entry));
  }
  if (!wanted.empty()) return wanted;
  return Error{Code::invalid, "the new credentials are those that the tree has already"};
}

}  // namespace
}  // namespace zookeeper

Result<ZooKeeperAccess> check_zookeeper_access(std::string_view url, const BackendOptions& options,
                                               ZooKeeperProgress progress) {
  using namespace zookeeper;
  using zookeeper::Op;
  STRONGROOM_ASSIGN(opened, open_for_access(url, options));
  Session& session = *opened;
  STRONGROOM_ASSIGN(wanted, own_acl(session, deadline_of(options.timeout)));
  ZooKeeperAccess access;
  TreeWalk walk(session, options.timeout, [&](std::vector<std::string> paths) -> Result<void> {
    std::vector<Op> ops;
    for (std::string& path : paths) ops.push_back(op(Op::Kind::get_acl, std::move(path)));
    STRONGROOM_ASSIGN(looked, session.run(std::move(ops), deadline_of(options.timeout)));
    for (const Op& one : looked->ops) {
      if (one.rc == kNoNode) continue;
      if (one.rc != kOk && one.rc != kNoAuth) return session.trouble("look at an ACL", one.rc);
      ++access.num_nodes;
      if (one.rc == kOk && is_ours(one.acl, wanted)) continue;
      ++access.num_foreign;
      if (lets_world_change(one.acl)) ++access.num_world;
      if (access.examples.size() < kMaxExamples) access.examples.push_back(one.path);
    }
    if (!progress(access.num_nodes)) return stopped();
    return {};
  });
  STRONGROOM_TRY(walk.run());
  return access;
}

Result<std::uint64_t> reauthenticate_zookeeper(std::string_view url, const BackendOptions& options,
                                               std::shared_ptr<const SecretBytes> new_auth,
                                               ZooKeeperProgress progress) {
  using namespace zookeeper;
  using zookeeper::Op;
  STRONGROOM_ASSIGN(opened, open_for_access(url, options, new_auth));
  Session& session = *opened;
  std::vector<AclEntry> wanted = {{std::string(kWorld), "anyone", kMayAll}};
  if (new_auth != nullptr) {
    std::vector<AclEntry> old;
    if (options.zk_auth != nullptr) {
      STRONGROOM_ASSIGN(alone, open_for_access(url, options));
      STRONGROOM_ASSIGN(acl, own_acl(*alone, deadline_of(options.timeout)));
      old = std::move(acl);
    }
    STRONGROOM_ASSIGN(acl, acl_of_new(session, old, options.timeout));
    wanted = std::move(acl);
  }
  std::uint64_t num_nodes = 0;
  TreeWalk walk(session, options.timeout, [&](std::vector<std::string> paths) -> Result<void> {
    std::vector<Op> ops;
    for (std::string& path : paths) {
      Op one = op(Op::Kind::set_acl, std::move(path));
      one.acl = wanted;
      ops.push_back(std::move(one));
    }
    STRONGROOM_ASSIGN(done, session.run(std::move(ops), deadline_of(options.timeout)));
    for (const Op& one : done->ops) {
      if (one.rc == kNoNode) continue;
      if (one.rc != kOk) return session.trouble("change the ACL of " + one.path, one.rc);
      ++num_nodes;
    }
    if (!progress(num_nodes)) return stopped();
    return {};
  });
  STRONGROOM_TRY(walk.run());
  return num_nodes;
}

}  // namespace strongroom
