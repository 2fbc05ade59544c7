/* strongroom_zookeeper.h: access to the nodes of a store in ZooKeeper.
 *
 * Both functions take the url of a zk: store and its options, and need no keys. A library without
 * ZooKeeper returns STRONGROOM_UNSUPPORTED. progress may be NULL; num_records counts nodes, and
 * stopping is STRONGROOM_UNAVAILABLE. The conventions are those of strongroom.h.
 */
#ifndef STRONGROOM_ZOOKEEPER_H
#define STRONGROOM_ZOOKEEPER_H

#include <stddef.h>
#include <stdint.h>

#include "strongroom.h"

#ifdef __cplusplus
extern "C" {
#endif

/* strongroom_zk_check_access reads the access list of every node and reports what it finds: findings
 * named "zk-access". out is own. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_zk_check_access(
    const char* url, const strongroom_store_options* options, strongroom_on_progress progress,
    void* user_data, strongroom_findings** out, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_zk_reauth gives every node to another ZooKeeper identity, the root last. One that was
 * stopped can be run again with the same old and new identity. A node that another client creates
 * meanwhile may keep the old identity: run it once more when every client uses the new one.
 *
 * options                                the old identity.
 * new_auth, new_auth_len, new_auth_file  the new one, as in strongroom_store_options; none where the
 *                                        tree stays open to the world.
 * out_num_nodes                          may be NULL. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_zk_reauth(
    const char* url, const strongroom_store_options* options, const void* new_auth,
    size_t new_auth_len, const char* new_auth_file, strongroom_on_progress progress,
    void* user_data, uint64_t* out_num_nodes, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif
