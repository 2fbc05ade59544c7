// zookeeper_open.cpp: see zookeeper_open.hpp.
#include "zookeeper_open.hpp"

#include <algorithm>
#include <utility>

#include "strongroom/impl/base/propagate.hpp"

namespace strongroom::zookeeper {
namespace {

constexpr std::string_view kWorldAdvice =
    "; give credentials (--zk-auth-file, STRONGROOM_ZK_AUTH), or add access=world to the URL if "
    "anybody "
    "may change and destroy it";

constexpr const char* kRooms[] = {"/s", "/l", "/o", "/r", "/e", "/b"};

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
  STRONGROOM_ASSIGN(made, session.run(std::move(ops), deadline));
  for (const Op& one : made->ops) {
    if (one.rc != kOk && one.rc != kNodeExists && one.rc != kNoAuth)
      return session.trouble("make " + one.path, one.rc);
  }
  return {};
}

// make_tree makes the whole tree in one multi, so that there is never half a tree.
Result<void> make_tree(Session& session, bool root_exists, int root_version,
                       Clock::time_point deadline) {
  const std::string& root = session.root();
  Op multi = op(Op::Kind::multi, "");
  if (root_exists) {
    multi.steps.push_back({Step::Kind::set, root, std::string(kFormat), root_version});
  } else {
    multi.steps.push_back(create_step(root, kFormat));
  }
  for (const char* room : kRooms) multi.steps.push_back(create_step(root + room));
  for (std::size_t shard = 0; shard < kNumShards; ++shard)
    multi.steps.push_back(create_step(stamp_path(root, shard)));
  STRONGROOM_ASSIGN(made, session.run({std::move(multi)}, deadline));
  const int rc = made->ops[0].rc;
  const bool other_was_faster = rc == kNodeExists || rc == kBadVersion;
  if (rc == kOk || other_was_faster) return {};  // the caller reads the root again anyway
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

Error open_to(const Session& session, const std::string& path, const std::string& whom) {
  return {Code::denied, "the node " + path + " at " + session.address().servers +
                            " may be changed by " + whom + "; close it ('strongroom zk-reauth')" +
                            std::string(kWorldAdvice)};
}

// check_owner checks that the root and the rooms below it belong to us, and that others may only read them.
// Otherwise somebody that made the root before us could keep control of the tree.
Result<void> check_owner(Session& session, bool with_rooms, Clock::time_point deadline) {
  if (session.address().world || session.address().any_owner) return {};
  STRONGROOM_ASSIGN(own, own_acl(session, deadline));
  std::vector<Op> ops = {op(Op::Kind::get_acl, session.root())};
  for (const char* room : kRooms) {
    if (with_rooms) ops.push_back(op(Op::Kind::get_acl, session.root() + room));
  }
  STRONGROOM_ASSIGN(looked, session.run(std::move(ops), deadline));
  for (const Op& one : looked->ops) {
    if (one.rc != kOk) return session.trouble("look at the ACL of " + one.path, one.rc);
    if (lets_world_change(one.acl)) return open_to(session, one.path, "anybody");
    for (const AclEntry& entry : one.acl) {
      const bool ours = std::any_of(own.begin(), own.end(), [&](const AclEntry& mine) {
        return mine.scheme == entry.scheme && mine.id == entry.id;
      });
      const bool may_change = (entry.permissions & ~kMayRead) != 0;
      if (may_change && !ours) return open_to(session, one.path, "others");
    }
  }
  return {};
}

// own_root gives us sole ownership of an empty root that somebody else made, if we may change its ACL.
Result<void> own_root(Session& session, Clock::time_point deadline) {
  if (session.address().world || session.address().any_owner) return {};
  STRONGROOM_TRY(session.run({op(Op::Kind::set_acl, session.root())}, deadline));
  return {};
}

}  // namespace

bool lets_world_change(const std::vector<AclEntry>& acl) {
  return std::any_of(acl.begin(), acl.end(), [](const AclEntry& entry) {
    return entry.scheme == "world" && (entry.permissions & ~kMayRead) != 0;
  });
}

// The probe is right below the root, because the root's ACL is the last one that zk-reauth changes.
Result<std::vector<AclEntry>> own_acl(Session& session, Clock::time_point deadline) {
  STRONGROOM_ASSIGN(name, make_name());
  const std::string probe = session.root() + "/probe-" + name;
  STRONGROOM_ASSIGN(asked, session.run({op(Op::Kind::create_ephemeral, probe),
                                        op(Op::Kind::get_acl, probe), op(Op::Kind::erase, probe)},
                                       deadline));
  const Op& made = asked->ops[0];
  Op& acl = asked->ops[1];
  if (made.rc != kOk && made.rc != kNodeExists) return session.trouble("make a node", made.rc);
  if (acl.rc != kOk) return session.trouble("look at an ACL", acl.rc);
  return std::move(acl.acl);
}

Result<void> open_tree(Session& session, bool must_exist, Clock::time_point deadline) {
  const std::string& root = session.root();
  for (;;) {
    STRONGROOM_ASSIGN(looked,
                      session.run({op(Op::Kind::sync, root), op(Op::Kind::get, root)}, deadline));
    const Op& node = looked->ops[1];
    if (node.rc != kOk && node.rc != kNoNode) return session.trouble("look at the root", node.rc);
    const bool exists = node.rc == kOk;
    const bool empty = exists && node.bytes.empty() && node.stat.num_children == 0;
    if (exists && !empty) {
      STRONGROOM_TRY(check_format(session, node.bytes));
      return check_owner(session, true, deadline);
    }
    if (must_exist) {
      return Error{Code::not_initialized,
                   "there is no store at zk://" + session.address().servers + root + " yet"};
    }
    if (!session.client().authenticated() && !session.address().world) {
      return Error{Code::denied,
                   "the store's tree would be open to anybody" + std::string(kWorldAdvice)};
    }
    if (exists) {
      STRONGROOM_TRY(own_root(session, deadline));
      STRONGROOM_TRY(check_owner(session, false, deadline));
    } else if (auto made = make_above(session, deadline); !made) {
      return made;
    }
    STRONGROOM_TRY(make_tree(session, exists, node.stat.version, deadline));
    if (Clock::now() >= deadline) return session.no_answer();
  }
}

}  // namespace strongroom::zookeeper
