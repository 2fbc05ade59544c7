// zookeeper_library.cpp: requests of ours as calls of the client library, and its answers.
#include "zookeeper_library.hpp"

#include <pthread.h>

#include <atomic>
#include <string>

namespace strongroom::zookeeper {

static_assert(kOk == ZOK && kRuntimeInconsistency == ZRUNTIMEINCONSISTENCY && kNoNode == ZNONODE &&
              kNoAuth == ZNOAUTH && kBadVersion == ZBADVERSION && kNodeExists == ZNODEEXISTS &&
              kNotEmpty == ZNOTEMPTY);

namespace {

NodeStat as_stat(const Stat& stat) noexcept {
  return {stat.czxid, stat.mzxid,   stat.pzxid,      stat.ctime,
          stat.mtime, stat.version, stat.dataLength, stat.numChildren};
}

int as_len(const std::string& text) noexcept {
  return static_cast<int>(text.size());
}

Op& op_of(const void* context) noexcept {
  return *static_cast<Op*>(const_cast<void*>(context));
}

}  // namespace

std::recursive_mutex& library_mutex() {
  static std::atomic<std::recursive_mutex*> mutex{new std::recursive_mutex};
  // A thread that does not exist in a forked child may have held the mutex when the process forked.
  static const int ignored =
      ::pthread_atfork(nullptr, nullptr, [] { mutex = new std::recursive_mutex; });
  (void)ignored;
  return *mutex;
}

bool is_loss(int rc) noexcept {
  switch (rc) {
    case ZCONNECTIONLOSS:
    case ZOPERATIONTIMEOUT:
    case ZSESSIONEXPIRED:
    case ZSESSIONMOVED:
    case ZCLOSING:
    case ZINVALIDSTATE:
    case ZAUTHFAILED:
    case ZRUNTIMEINCONSISTENCY:
      return true;
    default:
      return false;
  }
}

std::string answer_text(int rc) {
  if (rc == kQuotaExceeded) return "quota exceeded";
  return zerror(rc);
}

void Library::answer(const void* context, int rc) {
  Op& op = op_of(context);
  op.rc = rc;
  this_client->answer(op);
}

void Library::data(int rc, const char* value, int len, const Stat* stat, const void* context) {
  Op& op = op_of(context);
  if (rc == ZOK && len > 0) op.bytes.assign(value, static_cast<std::size_t>(len));
  if (rc == ZOK) op.stat = as_stat(*stat);
  answer(context, rc);
}

void Library::stat(int rc, const Stat* stat, const void* context) {
  if (rc == ZOK) op_of(context).stat = as_stat(*stat);
  answer(context, rc);
}

void Library::string_stat(int rc, const char*, const Stat* stat, const void* context) {
  if (rc == ZOK && stat != nullptr) op_of(context).stat = as_stat(*stat);
  answer(context, rc);
}

void Library::string(int rc, const char*, const void* context) {
  answer(context, rc);
}

void Library::nothing(int rc, const void* context) {
  answer(context, rc);
}

void Library::strings(int rc, const String_vector* strings, const Stat* stat, const void* context) {
  Op& op = op_of(context);
  if (rc == ZOK) {
    op.names.assign(strings->data, strings->data + strings->count);
    op.stat = as_stat(*stat);
  }
  answer(context, rc);
}

void Library::acl(int rc, ACL_vector* acl, Stat* stat, const void* context) {
  Op& op = op_of(context);
  if (rc == ZOK) {
    for (int i = 0; i < acl->count; ++i) {
      const ACL& one = acl->data[i];
      op.acl.push_back({one.id.scheme, one.id.id, one.perms});
    }
    op.stat = as_stat(*stat);
  }
  answer(context, rc);
}

void Library::group(int rc, const void* context) {
  this_client->group_done(*static_cast<const Group*>(context), rc);
}

void Library::session(zhandle_t*, int type, int state, const char*, void* context) {
  if (type == ZOO_SESSION_EVENT) static_cast<Client*>(context)->session_event(state);
}

void Library::node(zhandle_t*, int type, int, const char* path, void* context) {
  if (type == ZOO_SESSION_EVENT || type == ZOO_NOTWATCHING_EVENT) return;
  static_cast<Client*>(context)->listener_.changed(path);
}

void Library::add_steps(const ACL_vector& acl, const Op& op, std::vector<zoo_op_t>& ops) {
  for (const Step& step : op.steps) {
    zoo_op_t& one = ops.emplace_back();
    switch (step.kind) {
      case Step::Kind::check:
        zoo_check_op_init(&one, step.path.c_str(), step.version);
        break;
      case Step::Kind::create:
        zoo_create_op_init(&one, step.path.c_str(), step.value.data(), as_len(step.value), &acl,
                           ZOO_PERSISTENT, nullptr, 0);
        break;
      case Step::Kind::set:
        zoo_set_op_init(&one, step.path.c_str(), step.value.data(), as_len(step.value),
                        step.version, nullptr);
        break;
      case Step::Kind::erase:
        zoo_delete_op_init(&one, step.path.c_str(), step.version);
        break;
    }
  }
}

int Library::send_group(zhandle_t* handle, const ACL_vector& acl, Group& group) {
  std::vector<zoo_op_t> ops;
  for (const Op* const op : group.ops) add_steps(acl, *op, ops);
  group.results.resize(ops.size());
  return zoo_amulti(handle, static_cast<int>(ops.size()), ops.data(), group.results.data(),
                    &Library::group, &group);
}

int Library::send_acl(zhandle_t* handle, const ACL_vector& standard, Op& op) {
  std::vector<ACL> entries;
  for (AclEntry& entry : op.acl) {
    entries.push_back({entry.permissions, {entry.scheme.data(), entry.id.data()}});
  }
  ACL_vector acl{static_cast<int>(entries.size()), entries.data()};
  if (entries.empty()) acl = standard;
  return zoo_aset_acl(handle, op.path.c_str(), op.version, &acl, &nothing, &op);
}

int Library::send(Client& client, zhandle_t* handle, Op& op) {
  const ACL_vector& acl = client.makes_private_nodes() ? ZOO_CREATOR_ALL_ACL : ZOO_OPEN_ACL_UNSAFE;
  const char* const path = op.path.c_str();
  switch (op.kind) {
    case Op::Kind::read:
      client.unframed_.push_back(&op);
      return ZOK;
    case Op::Kind::get:
      return zoo_aget(handle, path, 0, &data, &op);
    case Op::Kind::watch:
      return zoo_awget(handle, path, &node, &client, &data, &op);
    case Op::Kind::exists:
      return zoo_aexists(handle, path, 0, &stat, &op);
    case Op::Kind::children:
      return zoo_aget_children2(handle, path, 0, &strings, &op);
    case Op::Kind::create:
    case Op::Kind::create_ephemeral:
      return zoo_acreate2(handle, path, op.value.data(), as_len(op.value), &acl,
                          op.kind == Op::Kind::create ? ZOO_PERSISTENT : ZOO_EPHEMERAL,
                          &string_stat, &op);
    case Op::Kind::set:
      return zoo_aset(handle, path, op.value.data(), as_len(op.value), op.version, &stat, &op);
    case Op::Kind::erase:
      return zoo_adelete(handle, path, op.version, &nothing, &op);
    case Op::Kind::multi:
      client.ungrouped_.push_back(&op);
      return ZOK;
    case Op::Kind::sync:
      return zoo_async(handle, path, &string, &op);
    case Op::Kind::get_acl:
      return zoo_aget_acl(handle, path, &Library::acl, &op);
    case Op::Kind::set_acl:
      return send_acl(handle, acl, op);
  }
  return ZBADARGUMENTS;
}

}  // namespace strongroom::zookeeper
