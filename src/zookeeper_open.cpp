// zookeeper_open.cpp: see zookeeper_open.hpp.
#include "zookeeper_open.hpp"

#include <algorithm>
#include <utility>

namespace strongroom::zookeeper {
namespace {

constexpr std::string_view kWorldAdvice =
    "; give credentials (--zk-auth-file, STRONGROOM_ZK_AUTH), or add access=world to the URL if "
    "anybody "
    "may change and destroy it";

Step create_step(std::string path, std::string_view value = {}) {
  return {Step::Kind::create, std::move(path), std::string(value), -1};
}

// make_above makes the nodes above the root.
Result<void> make_above(Session& session, Clock::time_point deadline) {
  const std::string& root = session.root();
  std::vector<Op> ops;
  for (std::size_t end = root.find('/', 1); end != root.npos; end = root.find('/', end + 1))
    ops.push_back(op(Op::Kind::create, root.substr(0, end)));
  if (ops.empty()) return {};
  auto made = session.run(std::move(ops), deadline);
  if (!made) return std::move(made).error();
  for (const Op& one : made.value()->ops) {
    if (one.rc != kOk && one.rc != kNodeExists && one.rc != kNoAuth)
      return session.trouble("make " + one.path, one.rc);
  }
  return {};
}

// make_tree makes all of it at once, so that there is never half a one.
Result<void> make_tree(Session& session, bool root_exists, int root_version,
                       Clock::time_point deadline) {
  const std::string& root = session.root();
  Op multi = op(Op::Kind::multi, "");
  if (root_exists) {
    multi.steps.push_back({Step::Kind::set, root, std::string(kFormat), root_version});
  } else {
    multi.steps.push_back(create_step(root, kFormat));
  }
  for (const char* room : {"/s", "/l", "/o", "/r", "/e", "/b"})
    multi.steps.push_back(create_step(root + room));
  for (std::size_t shard = 0; shard < kNumShards; ++shard)
    multi.steps.push_back(create_step(stamp_path(root, shard)));
  auto made = session.run({std::move(multi)}, deadline);
  if (!made) return std::move(made).error();
  const int rc = made.value()->ops[0].rc;
  const bool other_was_faster = rc == kNodeExists || rc == kBadVersion;
  if (rc == kOk || other_was_faster) return {};  // looked at again anyway
  return session.trouble("make the store's tree", rc);
}

Result<void> check_format(const Session& session, std::string_view bytes) {
  if (bytes == kFormat) return {};
  const std::string where = session.address().servers + session.root();
  if (bytes.starts_with(kFormatName)) {
    return Error{Code::unsupported,
                 "the tree at zk://" + where + " was made by a newer strongroom; use that one"};
  }
  return Error{Code::corrupt,
               "the node at zk://" + where +
                   " was in use, and is no store of strongroom; choose another root"};
}

Result<void> check_owner(const Session& session, const std::vector<AclEntry>& acl) {
  if (session.address().world) return {};
  const bool open = std::any_of(acl.begin(), acl.end(), [](const AclEntry& entry) {
    return entry.scheme == "world" && (entry.permissions & ~kMayRead) != 0;
  });
  if (!open) return {};
  return Error{Code::denied, "the root node " + session.root() + " at " +
                                 session.address().servers +
                                 " may be changed by anybody; close it ('strongroom zk-reauth')" +
                                 std::string(kWorldAdvice)};
}

}  // namespace

Result<void> open_tree(Session& session, bool must_exist, Clock::time_point deadline) {
  const std::string& root = session.root();
  for (;;) {
    auto looked = session.run(
        {op(Op::Kind::sync, root), op(Op::Kind::get, root), op(Op::Kind::get_acl, root)}, deadline);
    if (!looked) return std::move(looked).error();
    const Op& node = looked.value()->ops[1];
    const Op& acl = looked.value()->ops[2];
    if (node.rc != kOk && node.rc != kNoNode) return session.trouble("look at the root", node.rc);
    const bool exists = node.rc == kOk;
    const bool empty = exists && node.bytes.empty() && node.stat.num_children == 0;
    if (exists && acl.rc == kOk) {
      if (auto fine = check_owner(session, acl.acl); !fine) return fine;
    }
    if (exists && !empty) return check_format(session, node.bytes);
    if (must_exist) {
      return Error{Code::not_initialized,
                   "there is no store at zk://" + session.address().servers + root + " yet"};
    }
    if (!session.client().authenticated() && !session.address().world) {
      return Error{Code::denied,
                   "the store's tree would be open to anybody" + std::string(kWorldAdvice)};
    }
    if (!exists) {
      if (auto made = make_above(session, deadline); !made) return made;
    }
    auto made = make_tree(session, exists, node.stat.version, deadline);
    if (!made) return made;
    if (Clock::now() >= deadline) return session.no_answer();
  }
}

}  // namespace strongroom::zookeeper
