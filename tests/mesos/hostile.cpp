// hostile.cpp: symbols of the agent's own libraries that must never be used by the module.
//
// Clusterd carries the ZooKeeper client 3.9.2, Mesos 3.4.8. A module that took theirs would speak to an ensemble
// through structs of another release. Here each of their functions ends the program, and each of their constants
// is wrong. Of protobuf and glog, the module may use what the stand-ins have, and nothing of the following.
#include "hostile.hpp"

#include <cstdio>
#include <cstdlib>

namespace {

[[noreturn]] void used(const char* name) {
  std::fprintf(stderr, "the module used %s of its host\n", name);
  std::abort();
}

}  // namespace

#define HOSTILE_FUNCTION(name) \
  void name() {                \
    used(#name);               \
  }
#define HOSTILE_NUMBER(name) extern const int name = -12'345;

extern "C" {
HOSTILE_FUNCTION(is_unrecoverable)
HOSTILE_FUNCTION(zerror)
HOSTILE_FUNCTION(zoo_acreate)
HOSTILE_FUNCTION(zoo_acreate2)
HOSTILE_FUNCTION(zoo_add_auth)
HOSTILE_FUNCTION(zoo_adelete)
HOSTILE_FUNCTION(zoo_aexists)
HOSTILE_FUNCTION(zoo_aget)
HOSTILE_FUNCTION(zoo_aget_acl)
HOSTILE_FUNCTION(zoo_aget_children)
HOSTILE_FUNCTION(zoo_aget_children2)
HOSTILE_FUNCTION(zoo_amulti)
HOSTILE_FUNCTION(zoo_aset)
HOSTILE_FUNCTION(zoo_aset_acl)
HOSTILE_FUNCTION(zoo_async)
HOSTILE_FUNCTION(zoo_awexists)
HOSTILE_FUNCTION(zoo_awget)
HOSTILE_FUNCTION(zoo_awget_children2)
HOSTILE_FUNCTION(zoo_check_op_init)
HOSTILE_FUNCTION(zoo_client_id)
HOSTILE_FUNCTION(zoo_create_op_init)
HOSTILE_FUNCTION(zoo_delete_op_init)
HOSTILE_FUNCTION(zoo_get_context)
HOSTILE_FUNCTION(zoo_recv_timeout)
HOSTILE_FUNCTION(zoo_set_debug_level)
HOSTILE_FUNCTION(zoo_set_op_init)
HOSTILE_FUNCTION(zoo_set_servers_resolution_delay)
HOSTILE_FUNCTION(zoo_set_watcher)
HOSTILE_FUNCTION(zoo_state)
HOSTILE_FUNCTION(zookeeper_close)
HOSTILE_FUNCTION(zookeeper_init)
HOSTILE_FUNCTION(zookeeper_init2)
HOSTILE_FUNCTION(zookeeper_interest)
HOSTILE_FUNCTION(zookeeper_process)
// What the client library's parts call among themselves.
HOSTILE_FUNCTION(adaptor_destroy)
HOSTILE_FUNCTION(adaptor_init)
HOSTILE_FUNCTION(close_buffer_iarchive)
HOSTILE_FUNCTION(close_buffer_oarchive)
HOSTILE_FUNCTION(create_buffer_iarchive)
HOSTILE_FUNCTION(create_buffer_oarchive)
HOSTILE_FUNCTION(deserialize_ReplyHeader)
HOSTILE_FUNCTION(enter_critical)
HOSTILE_FUNCTION(get_xid)
HOSTILE_FUNCTION(leave_critical)
HOSTILE_FUNCTION(log_message)
HOSTILE_FUNCTION(process_async)
HOSTILE_FUNCTION(serialize_RequestHeader)
HOSTILE_NUMBER(ZOOKEEPER_READ)
HOSTILE_NUMBER(ZOOKEEPER_WRITE)
HOSTILE_NUMBER(ZOO_AUTH_FAILED_STATE)
HOSTILE_NUMBER(ZOO_CONNECTED_STATE)
HOSTILE_NUMBER(ZOO_CONNECTING_STATE)
HOSTILE_NUMBER(ZOO_EPHEMERAL)
HOSTILE_NUMBER(ZOO_EXPIRED_SESSION_STATE)
HOSTILE_NUMBER(ZOO_PERSISTENT)
HOSTILE_NUMBER(ZOO_SESSION_EVENT)
}

namespace google {

HOSTILE_FUNCTION(ShutdownGoogleLogging)
void InitGoogleLogging(const char*) {
  used("google::InitGoogleLogging");
}

namespace protobuf {

HOSTILE_FUNCTION(ShutdownProtobufLibrary)

namespace internal {
void VerifyVersion(int, int, const char*) {
  used("google::protobuf::internal::VerifyVersion");
}
}  // namespace internal

}  // namespace protobuf

}  // namespace google
