// zookeeper_open.hpp: makes the tree, recognizes it again, and checks who may change it.
#pragma once

#include "strongroom/result.hpp"
#include "zookeeper_session.hpp"

namespace strongroom::zookeeper {

// open_tree makes sure that the tree below the session's root is ours and private. It makes the tree if
// that is missing, unless must_exist.
// Errors  those of open_zookeeper.
Result<void> open_tree(Session& session, bool must_exist, Clock::time_point deadline);

// own_acl returns the ACL of a node of ours, as read from a node that this session makes and removes for it.
Result<std::vector<AclEntry>> own_acl(Session& session, Clock::time_point deadline);

// lets_world_change reports whether anybody may do more than read.
bool lets_world_change(const std::vector<AclEntry>& acl);

}  // namespace strongroom::zookeeper
