// zookeeper_open.hpp: the tree itself: making it, knowing it again, and who may do what with it.
#pragma once

#include "strongroom/result.hpp"
#include "zookeeper_session.hpp"

namespace strongroom::zookeeper {

// open_tree makes sure that the tree below the session's root is ours and private, making it where
// it is not there yet and may be made.
// Errors  as of open_zookeeper.
Result<void> open_tree(Session& session, bool must_exist, Clock::time_point deadline);

}  // namespace strongroom::zookeeper
