// zookeeper_library.hpp: calls into the client library, and its callbacks.
//
// For the files that implement the client; see zookeeper_client.hpp.
#pragma once

#include <zookeeper/zookeeper.h>

#include <mutex>
#include <vector>

#include "zookeeper_client.hpp"

namespace strongroom::zookeeper {

// The library has a static counter and static buffers, so a process makes one call of it at a time.
// The mutex is recursive: the library delivers answers inside its calls, and handling one may send.
std::recursive_mutex& library_mutex();
using LibraryLock = std::lock_guard<std::recursive_mutex>;

bool is_loss(int rc) noexcept;

// The client whose thread this is. Answers arrive only on a client's thread.
inline constinit thread_local Client* this_client = nullptr;

// Group is some commits in one multi.
struct Group {
  std::vector<Op*> ops;
  std::vector<zoo_op_result_t> results{};  // one for each step
};

// Library has the functions that the client library calls back.
struct Library {
  static void answer(const void* context, int rc);

  static void data(int rc, const char* value, int len, const Stat* stat, const void* context);
  static void stat(int rc, const Stat* stat, const void* context);
  static void string_stat(int rc, const char*, const Stat* stat, const void* context);
  static void string(int rc, const char*, const void* context);
  static void nothing(int rc, const void* context);
  static void strings(int rc, const String_vector* strings, const Stat* stat, const void* context);
  static void acl(int rc, ACL_vector* acl, Stat* stat, const void* context);
  static void group(int rc, const void* context);

  static void session(zhandle_t*, int type, int state, const char*, void* context);
  static void node(zhandle_t*, int type, int, const char* path, void* context);

  static int send(Client& client, zhandle_t* handle, Op& op);
  static void add_steps(const ACL_vector& acl, const Op& op, std::vector<zoo_op_t>& ops);
  static int send_group(zhandle_t* handle, const ACL_vector& acl, Group& group);
  static int send_acl(zhandle_t* handle, const ACL_vector& acl, Op& op);
};

}  // namespace strongroom::zookeeper
