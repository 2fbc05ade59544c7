// zookeeper_open.hpp: the tree itself: making it, knowing it again, and who may do what with it.
#pragma once

#include "strongroom/result.hpp"
#include "zookeeper_session.hpp"

namespace strongroom::zookeeper {

// open_tree makes sure that the tree below the session's root is ours and private, making it where
// it is not there yet and may be made.
// Errors  as of open_zookeeper.
Result<void> open_tree(Session& session, bool must_exist, Clock::time_point deadline);

// own_acl is what a node of ours carries: that of one which this session just made, and removed.
Result<std::vector<AclEntry>> own_acl(Session& session, Clock::time_point deadline);

// lets_world_change tells whether anybody may do more than read.
bool lets_world_change(const std::vector<AclEntry>& acl);

}  // namespace strongroom::zookeeper
