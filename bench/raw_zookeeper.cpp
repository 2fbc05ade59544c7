// raw_zookeeper.cpp: the multi-threaded C client without us, measured as zookeeper_bench measures our store.
//
//   raw_zookeeper <host:port,…>      reads what to measure from standard input: zookeeper_cases.hpp
//
// A get is zoo_get, or zoo_aget, of as many bytes as our store keeps for a value of 1 KiB. A put is one
// multi of two steps: that many bytes to a node, and 40 bytes to another. There is one more case:
//
//   multis  per_s=…   the same multi, n under way by zoo_amulti
//
// The client starts two threads of its own; callbacks run on one of them.
#include <zookeeper/zookeeper.h>

#include <array>
#include <semaphore>
#include <string>
#include <vector>

#include "zookeeper_cases.hpp"

#ifndef THREADED
#error "the functions that wait need THREADED"
#endif

namespace strongroom::bench {
namespace {

// The bytes that our store keeps for 1 KiB: an envelope, with a byte of the backend before it.
constexpr int kStoredLen = 1024 + 72 + 1;
constexpr int kSmallLen = 40;
constexpr int kSessionMs = 10'000;

class RawClient {
 public:
  explicit RawClient(const char* servers) : root_("/raw-" + std::to_string(::getpid())) {
    zoo_set_debug_level(static_cast<ZooLogLevel>(0));  // during an outage its log fills screens
    handle_ = zookeeper_init(servers, heard, kSessionMs, nullptr, &connected_, 0);
    if (handle_ == nullptr || !connected_.try_acquire_for(std::chrono::seconds(10)))
      give_up(std::string("no server answered at ") + servers);
    // Otherwise it would look up the names of the servers again before each wait.
    zoo_set_servers_resolution_delay(handle_, -1);
    create(root_, 0);
    for (std::size_t i = 0; i < kNumZooKeys; ++i) {
      paths_.push_back(root_ + "/" + std::to_string(i));
      create(paths_.back(), kStoredLen);
    }
    create(small_ = root_ + "/small", kSmallLen);
  }
  ~RawClient() { zookeeper_close(handle_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool try_get(std::size_t i) {
    std::array<char, kStoredLen + 1> into{};
    int len = static_cast<int>(into.size());
    Stat stat{};
    return zoo_get(handle_, paths_[i].c_str(), 0, into.data(), &len, &stat) == ZOK &&
           len == kStoredLen;
  }

  template <typename F>
  void get_async(std::size_t i, F done) {
    auto* const kept = new F(std::move(done));
    const auto got = [](int status, const char*, int len, const Stat*, const void* data) {
      const std::unique_ptr<const F> own(static_cast<const F*>(data));
      if (status != ZOK || len != kStoredLen) give_up(zerror(status));
      (*own)();
    };
    if (zoo_aget(handle_, paths_[i].c_str(), 0, got, kept) != ZOK) give_up("zoo_aget failed");
  }

  bool try_get_many(std::size_t n) {
    std::counting_semaphore<> got(0);
    for (std::size_t i = 0; i < n; ++i) get_async(i, [&got] { got.release(); });
    for (std::size_t i = 0; i < n; ++i) got.acquire();
    return true;
  }

  bool try_put(std::size_t i) {
    Multi multi;
    prepare(multi, i);
    return zoo_multi(handle_, kNumSteps, multi.steps.data(), multi.results.data()) == ZOK;
  }

  // put_async serves the loop of gets: the case multis runs that loop with puts.
  template <typename F>
  void put_async(std::size_t i, F done) {
    struct Kept {
      Multi multi;
      F done;
    };
    auto* const kept = new Kept{{}, std::move(done)};
    prepare(kept->multi, i);
    const auto put = [](int status, const void* data) {
      const std::unique_ptr<const Kept> own(static_cast<const Kept*>(data));
      if (status != ZOK) give_up(zerror(status));
      own->done();
    };
    if (zoo_amulti(handle_, kNumSteps, kept->multi.steps.data(), kept->multi.results.data(), put,
                   kept) != ZOK)
      give_up("zoo_amulti failed");
  }

 private:
  static constexpr int kNumSteps = 2;
  struct Multi {
    std::array<zoo_op_t, kNumSteps> steps{};
    std::array<zoo_op_result_t, kNumSteps> results{};
  };

  static void heard(zhandle_t*, int type, int state, const char*, void* context) {
    if (type == ZOO_SESSION_EVENT && state == ZOO_CONNECTED_STATE)
      static_cast<std::counting_semaphore<>*>(context)->release();
  }

  void create(const std::string& path, int len) {
    const int status =
        zoo_create(handle_, path.c_str(), value_.data(), len, &ZOO_OPEN_ACL_UNSAFE, 0, nullptr, 0);
    if (status != ZOK) give_up(path + " was not made: " + zerror(status));
  }

  void prepare(Multi& multi, std::size_t i) const {
    zoo_set_op_init(&multi.steps[0], paths_[i].c_str(), value_.data(), kStoredLen, -1, nullptr);
    zoo_set_op_init(&multi.steps[1], small_.c_str(), value_.data(), kSmallLen, -1, nullptr);
  }

  const std::string root_;
  std::string small_;
  std::vector<std::string> paths_;
  const std::string value_ = std::string(kStoredLen, 'x');
  std::counting_semaphore<> connected_{0};
  zhandle_t* handle_ = nullptr;
};

// Multis makes a Window keep puts under way instead of gets.
struct Multis {
  RawClient& client;
  template <typename F>
  void get_async(std::size_t i, F done) {
    client.put_async(i, std::move(done));
  }
};

}  // namespace
}  // namespace strongroom::bench

int main(int argc, char** argv) {
  using namespace strongroom::bench;
  if (argc != 2) give_up("usage: raw_zookeeper HOST:PORT,HOST:PORT…");
  RawClient client(argv[1]);
  Multis multis{client};
  return answer_lines([&](const ZooCase& asked) -> std::optional<std::string> {
    if (asked.what == "multis") return Window<Multis>(multis, asked.n).run(asked.time);
    return common_case(client, asked);
  });
}
