// raw_zookeeper.hpp: a hand that reaches past the backend into a ZooKeeper tree: looks at all of it, and
// damages what it likes. It is a plain client of its own, for one thread, and waits for every answer.
#pragma once

#include <poll.h>
#include <sys/time.h>
#include <zookeeper/zookeeper.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace strongroom::testing {

class RawZooKeeper {
 public:
  // auth: user:password of the digest scheme, or none.
  explicit RawZooKeeper(std::string servers, std::string auth = {})
      : servers_(std::move(servers)), auth_(std::move(auth)) {
    connect();
  }
  ~RawZooKeeper() { close(); }
  RawZooKeeper(const RawZooKeeper&) = delete;
  RawZooKeeper& operator=(const RawZooKeeper&) = delete;

  // get gives a node's bytes, or nothing where there is none.
  std::optional<std::string> get(const std::string& path) {
    Answer answer =
        call([&](Answer& to) { return ::zoo_aget(handle_, path.c_str(), 0, &take_bytes, &to); });
    if (answer.rc == ZNONODE) return {};
    must("read " + path, answer);
    return std::move(answer.bytes);
  }
  // num_changes is how often a node was set since it was made.
  int num_changes(const std::string& path) {
    const Answer answer =
        call([&](Answer& to) { return ::zoo_aexists(handle_, path.c_str(), 0, &take_stat, &to); });
    must("look at " + path, answer);
    return answer.stat.version;
  }
  std::vector<std::string> children(const std::string& path) {
    Answer answer = call([&](Answer& to) {
      return ::zoo_aget_children(handle_, path.c_str(), 0, &take_names, &to);
    });
    if (answer.rc == ZNONODE) return {};
    must("list " + path, answer);
    std::sort(answer.names.begin(), answer.names.end());
    return std::move(answer.names);
  }
  void set(const std::string& path, const std::string& bytes) {
    must("set " + path, call([&](Answer& to) {
           return ::zoo_aset(handle_, path.c_str(), bytes.data(), static_cast<int>(bytes.size()),
                             -1, &take_stat, &to);
         }));
  }
  // allow_world sets a node's ACL to these permissions for everybody.
  void allow_world(const std::string& path, std::int32_t permissions) {
    ACL entry{permissions, ZOO_ANYONE_ID_UNSAFE};
    ACL_vector acl{1, &entry};
    must("set the ACL of " + path, call([&](Answer& to) {
           return ::zoo_aset_acl(handle_, path.c_str(), -1, &acl, &take_rc, &to);
         }));
  }
  void create(const std::string& path, const std::string& bytes) {
    must("create " + path, call([&](Answer& to) {
           return ::zoo_acreate(handle_, path.c_str(), bytes.data(), static_cast<int>(bytes.size()),
                                &ZOO_OPEN_ACL_UNSAFE, 0, &take_string, &to);
         }));
  }
  // erase removes a node that has no children.
  void erase(const std::string& path) {
    must("erase " + path,
         call([&](Answer& to) { return ::zoo_adelete(handle_, path.c_str(), -1, &take_rc, &to); }));
  }

  // dump gives every node at and below a path, with its bytes.
  std::map<std::string, std::string> dump(const std::string& path) {
    std::map<std::string, std::string> nodes;
    auto bytes = get(path);
    if (!bytes) return nodes;
    nodes[path] = std::move(*bytes);
    for (const std::string& child : children(path)) nodes.merge(dump(path + "/" + child));
    return nodes;
  }
  void erase_all(const std::string& path) {
    for (const std::string& child : children(path)) erase_all(path + "/" + child);
    erase(path);
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kLimit{30};
  static constexpr std::chrono::seconds kIdle{5};

  struct Answer {
    bool here = false;
    int rc = ZOK;
    Stat stat{};
    std::string bytes;
    std::vector<std::string> names;
  };

  static Answer& arrived(int rc, const void* to) {
    Answer& answer = *static_cast<Answer*>(const_cast<void*>(to));
    answer.here = true;
    answer.rc = rc;
    return answer;
  }
  static void take_rc(int rc, const void* to) { arrived(rc, to); }
  static void take_stat(int rc, const Stat* stat, const void* to) {
    Answer& answer = arrived(rc, to);
    if (rc == ZOK) answer.stat = *stat;
  }
  static void take_string(int rc, const char*, const void* to) { arrived(rc, to); }
  static void take_bytes(int rc, const char* bytes, int len, const Stat*, const void* to) {
    Answer& answer = arrived(rc, to);
    if (rc == ZOK && len > 0) answer.bytes.assign(bytes, static_cast<std::size_t>(len));
  }
  static void take_names(int rc, const String_vector* names, const void* to) {
    Answer& answer = arrived(rc, to);
    for (int i = 0; rc == ZOK && i < names->count; ++i) answer.names.emplace_back(names->data[i]);
  }

  void connect() {
    handle_ = ::zookeeper_init2(servers_.c_str(), nullptr, 20'000, nullptr, nullptr, 0,
                                [](const char*) {});
    if (handle_ == nullptr) throw std::runtime_error("no client");
    used_ = Clock::now();
    while (::zoo_state(handle_) != ZOO_CONNECTED_STATE) turn(used_ + kLimit);
    if (auth_.empty()) return;
    must("authenticate", call([&](Answer& answer) {
           return ::zoo_add_auth(handle_, "digest", auth_.data(), static_cast<int>(auth_.size()),
                                 &take_rc, &answer);
         }));
  }
  void close() {
    if (handle_ != nullptr) ::zookeeper_close(std::exchange(handle_, nullptr));
  }

  // call sends one request and turns the client's wheel until the answer is here. Nobody turns it in
  // between, so a session that was left alone for long is over.
  template <typename Send>
  Answer call(Send send) {
    Answer answer;
    if (Clock::now() - used_ > kIdle) close(), connect();
    used_ = Clock::now();
    if (const int rc = send(answer); rc != ZOK) throw std::runtime_error(::zerror(rc));
    const auto deadline = Clock::now() + kLimit;
    while (!answer.here) turn(deadline);
    return answer;
  }
  static void must(const std::string& what, const Answer& answer) {
    if (answer.rc != ZOK) throw std::runtime_error(what + ": " + ::zerror(answer.rc));
  }

  void turn(Clock::time_point deadline) {
    if (Clock::now() > deadline) throw std::runtime_error("no answer");
    pollfd polled{-1, 0, 0};
    int interest = 0;
    timeval patience{};
    ::zookeeper_interest(handle_, &polled.fd, &interest, &patience);
    if (interest & ZOOKEEPER_READ) polled.events |= POLLIN;
    if (interest & ZOOKEEPER_WRITE) polled.events |= POLLOUT;
    const auto ms = patience.tv_sec * 1000 + patience.tv_usec / 1000;
    ::poll(&polled, 1, static_cast<int>(std::min<long>(ms, 100)));
    int events = 0;
    if (polled.revents & (POLLIN | POLLHUP | POLLERR)) events |= ZOOKEEPER_READ;
    if (polled.revents & (POLLOUT | POLLHUP | POLLERR)) events |= ZOOKEEPER_WRITE;
    ::zookeeper_process(handle_, events);
  }

  const std::string servers_;
  const std::string auth_;
  zhandle_t* handle_ = nullptr;
  Clock::time_point used_;
};

}  // namespace strongroom::testing
