// zookeeper_access.cpp: the ACLs of all nodes of a tree, looked at and rewritten; see
// backends/zookeeper.hpp.
#include <algorithm>
#include <functional>
#include <utility>

#include "strongroom/backends/zookeeper.hpp"
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
  // visit gets up to kPathsAtOnce paths.
  using Visit = std::function<Result<void>(std::vector<std::string>)>;

  TreeWalk(Session& session, Visit visit) : session_(session), visit_(std::move(visit)) {}

  Result<void> run() {
    if (auto done = below(session_.root()); !done) return done;
    if (auto done = flush(); !done) return done;
    return visit_({session_.root()});
  }

 private:
  // below goes as deep as the tree, which is five nodes.
  Result<void> below(const std::string& path) {
    auto listed = session_.run({op(Op::Kind::children, path)}, deadline_of(kDefaultTimeout));
    if (!listed) return std::move(listed).error();
    const Op& answer = listed.value()->ops[0];
    if (answer.rc == kNoNode) return {};
    if (answer.rc != kOk) return session_.trouble("list " + path, answer.rc);
    for (const std::string& name : answer.names) {
      const std::string child = path + "/" + name;
      if (may_have_children(child)) {
        if (auto done = below(child); !done) return done;
      }
      collected_.push_back(child);
      if (collected_.size() < kPathsAtOnce) continue;
      if (auto done = flush(); !done) return done;
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

// open_for_access gives a session with a tree that is there, whoever may change it.
Result<std::unique_ptr<Session>> open_for_access(std::string_view url,
                                                 std::shared_ptr<const SecretBytes> auth,
                                                 std::shared_ptr<const SecretBytes> other_auth) {
  auto address = parse_address(url);
  if (!address) return std::move(address).error();
  address->any_owner = true;  // that it is open is what we are here to tell, or to mend
  const Clock::time_point deadline = deadline_of(kDefaultTimeout);
  auto session = std::make_unique<Session>(address.value(), std::move(auth), std::move(other_auth));
  if (auto up = session->client().wait_connected(deadline); !up) return std::move(up).error();
  if (auto tree = open_tree(*session, true, deadline); !tree) return std::move(tree).error();
  return session;
}

// acl_of_new gives the ACL of a node that belongs to the new identity alone. What a session makes belongs to
// all its identities, so the server tells theirs; the old one is taken away.
Result<std::vector<AclEntry>> acl_of_new(Session& both, const std::vector<AclEntry>& old) {
  auto acl = own_acl(both, deadline_of(kDefaultTimeout));
  if (!acl) return acl;
  std::vector<AclEntry> wanted;
  for (AclEntry& entry : acl.value()) {
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
  auto opened = open_for_access(url, options.zk_auth, nullptr);
  if (!opened) return std::move(opened).error();
  Session& session = *opened.value();
  auto wanted = own_acl(session, deadline_of(kDefaultTimeout));
  if (!wanted) return std::move(wanted).error();
  ZooKeeperAccess access;
  TreeWalk walk(session, [&](std::vector<std::string> paths) -> Result<void> {
    std::vector<Op> ops;
    for (std::string& path : paths) ops.push_back(op(Op::Kind::get_acl, std::move(path)));
    auto looked = session.run(std::move(ops), deadline_of(kDefaultTimeout));
    if (!looked) return std::move(looked).error();
    for (const Op& one : looked.value()->ops) {
      if (one.rc == kNoNode) continue;
      if (one.rc != kOk && one.rc != kNoAuth) return session.trouble("look at an ACL", one.rc);
      ++access.num_nodes;
      if (one.rc == kOk && is_ours(one.acl, wanted.value())) continue;
      ++access.num_foreign;
      if (lets_world_change(one.acl)) ++access.num_world;
      if (access.examples.size() < kMaxExamples) access.examples.push_back(one.path);
    }
    if (!progress(access.num_nodes)) return stopped();
    return {};
  });
  if (auto done = walk.run(); !done) return std::move(done).error();
  return access;
}

Result<std::uint64_t> reauthenticate_zookeeper(std::string_view url, const BackendOptions& options,
                                               std::shared_ptr<const SecretBytes> new_auth,
                                               ZooKeeperProgress progress) {
  using namespace zookeeper;
  using zookeeper::Op;
  auto opened = open_for_access(url, options.zk_auth, new_auth);
  if (!opened) return std::move(opened).error();
  Session& session = *opened.value();
  std::vector<AclEntry> wanted = {{std::string(kWorld), "anyone", kMayAll}};
  if (new_auth != nullptr) {
    std::vector<AclEntry> old;
    if (options.zk_auth != nullptr) {
      auto alone = open_for_access(url, options.zk_auth, nullptr);
      if (!alone) return std::move(alone).error();
      auto acl = own_acl(*alone.value(), deadline_of(kDefaultTimeout));
      if (!acl) return std::move(acl).error();
      old = std::move(acl).value();
    }
    auto acl = acl_of_new(session, old);
    if (!acl) return std::move(acl).error();
    wanted = std::move(acl).value();
  }
  std::uint64_t num_nodes = 0;
  TreeWalk walk(session, [&](std::vector<std::string> paths) -> Result<void> {
    std::vector<Op> ops;
    for (std::string& path : paths) {
      Op one = op(Op::Kind::set_acl, std::move(path));
      one.acl = wanted;
      ops.push_back(std::move(one));
    }
    auto done = session.run(std::move(ops), deadline_of(kDefaultTimeout));
    if (!done) return std::move(done).error();
    for (const Op& one : done.value()->ops) {
      if (one.rc == kNoNode) continue;
      if (one.rc != kOk) return session.trouble("change the ACL of " + one.path, one.rc);
      ++num_nodes;
    }
    if (!progress(num_nodes)) return stopped();
    return {};
  });
  if (auto done = walk.run(); !done) return std::move(done).error();
  return num_nodes;
}

}  // namespace strongroom
