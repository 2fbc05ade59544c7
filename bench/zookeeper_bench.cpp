// zookeeper_bench.cpp: our store on ZooKeeper, measured as raw_zookeeper measures only the C client.
//
//   zookeeper_bench <host:port,…>    reads what to measure from standard input: zookeeper_cases.hpp
//
// Gets decrypt, and go to the server: their handle has no cache. Puts go through a handle with the default
// cache, as in a host. There are four more cases:
//
//   queued  per_s=…    gets, n under way, from one thread that takes their answers from a queue
//   posted  per_s=…    the same by callbacks, which let that thread know
//   cached  cpu_ns=…   one get that finds its envelope in the cache, in CPU time of the thread
//   memory  cpu_ns=…   the same from a store in memory:
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include <memory>
#include <semaphore>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "strongroom/credential.hpp"
#include "strongroom/identity.hpp"
#include "strongroom/impl/keys/slot_making.hpp"
#include "strongroom/queue.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/slots.hpp"
#include "strongroom/store.hpp"
#include "zookeeper_cases.hpp"

namespace strongroom::bench::zookeeper_bench {
namespace {

double thread_cpu_ns() {
  timespec now{};
  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0) give_up("there is no clock of a thread");
  return 1e9 * static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec);
}

// Opened is an unsealed handle.
class Opened {
 public:
  // The first handle of a storage makes the store; the others get its key.
  explicit Opened(const std::string& url) : session_(open(url)) {
    const PendingInit pending = must(session_.init({.key_file = true}));
    must(session_.activate(pending));
    key_ = std::make_shared<const Credential>(must(Credential::parse(pending.key_file.view())));
    unseal();
    for (std::size_t i = 0; i < kNumZooKeys; ++i) {
      if (!try_put(i)) give_up("the first put failed");
    }
  }
  Opened(const std::string& url, const Opened& first) : session_(open(url)), key_(first.key_) {
    unseal();
  }

  bool try_get(std::size_t i) const {
    const auto secret = session_.get(paths_[i]);
    return secret && secret->value.size() == kZooValueLen;
  }

  template <typename F>
  void get_async(std::size_t i, F done) const {
    must(session_.get_async(paths_[i], [done = std::move(done)](Result<StoredSecret> secret) {
      if (!secret) give_up(secret.error().message);
      if (secret->value.size() != kZooValueLen) give_up("another size");
      done();
    }));
  }

  // queued keeps n gets under way through a queue, as a program with an event loop does: each answer that it
  // takes begins the next get.
  std::string queued(Seconds time, std::size_t n) const {
    const auto queue = must(Queue::make());
    std::size_t begun = 0;
    std::size_t count = 0;
    const auto begin = Clock::now();
    const auto in_time = [&] { return Clock::now() - begin < time; };
    const auto get = [&] {
      if (!in_time()) return;
      must(queue->get(session_, paths_[begun % kNumZooKeys], {}, nullptr));
      ++begun;
    };
    while (begun < n && in_time()) get();
    while (count < begun) {
      pollfd ready{queue->fd(), POLLIN, 0};
      if (::poll(&ready, 1, 10'000) != 1) give_up("no answer in 10 seconds");
      while (const auto completion = queue->take()) {
        const auto* const secret = std::get_if<Completion::Get>(&completion->answer);
        if (secret == nullptr || !*secret) give_up("a get failed");
        ++count;
        get();
      }
    }
    return figure("per_s", static_cast<double>(count) / Seconds(Clock::now() - begin).count());
  }

  // posted keeps n gets under way from this thread, by callbacks.
  std::string posted(Seconds time, std::size_t n) const {
    std::counting_semaphore<> room(static_cast<std::ptrdiff_t>(n));
    std::size_t count = 0;
    const auto begin = Clock::now();
    for (; Clock::now() - begin < time; ++count) {
      room.acquire();
      get_async(count % kNumZooKeys, [&room] { room.release(); });
    }
    for (std::size_t i = 0; i < n; ++i) room.acquire();
    return figure("per_s", static_cast<double>(count) / Seconds(Clock::now() - begin).count());
  }

  bool try_get_many(std::size_t n) const {
    const auto secrets = session_.get_many(std::span(views_).first(n));
    if (!secrets) return false;
    return std::all_of(secrets->begin(), secrets->end(),
                       [](const auto& secret) { return secret.ok(); });
  }

  bool try_put(std::size_t i) {
    return session_.put(paths_[i], Content::binary, value_.view()).ok();
  }

  // cpu_ns first gets every secret once, so that each is in the cache, and then measures.
  std::string cpu_ns(Seconds time) const {
    for (std::size_t i = 0; i < kNumZooKeys; ++i) try_get(i);
    const auto begin = Clock::now();
    const double cpu = thread_cpu_ns();
    std::size_t count = 0;
    do {
      for (std::size_t i = 0; i < kNumZooKeys; ++i, ++count) {
        if (!try_get(i)) give_up("a get failed");
      }
    } while (Clock::now() - begin < time);
    return figure("cpu_ns", (thread_cpu_ns() - cpu) / static_cast<double>(count));
  }

 private:
  static Session open(const std::string& url) {
    return must(Store::open(url)).as(Identity::trusted());
  }

  static std::vector<std::string> all_paths() {
    std::vector<std::string> paths;
    for (std::size_t i = 0; i < kNumZooKeys; ++i)
      paths.push_back("bench/app-" + std::to_string(i % 16) + "/key-" + std::to_string(i));
    return paths;
  }

  void unseal() { must(session_.unseal(*key_)); }

  const SecretBytes value_ = must(SecretBytes::for_value(kZooValueLen));
  const std::vector<std::string> paths_ = all_paths();
  const std::vector<std::string_view> views_{paths_.begin(), paths_.end()};
  const Session session_;
  std::shared_ptr<const Credential> key_;
};

// Subject is one store on the servers, through two handles, and one in memory.
class Subject {
 public:
  explicit Subject(const std::string& servers)
      : url_("zk://" + servers + "/bench-" + std::to_string(::getpid()) + "?access=world"),
        cached_(url_),
        direct_(url_ + "&cache_bytes=0", cached_),
        memory_("memory:") {}

  std::optional<std::string> answer(const ZooCase& asked) {
    if (asked.what == "cached") return cached_.cpu_ns(asked.time);
    if (asked.what == "memory") return memory_.cpu_ns(asked.time);
    if (asked.what == "posted") return direct_.posted(asked.time, asked.n);
    if (asked.what == "queued") return direct_.queued(asked.time, asked.n);
    return common_case(asked.what == "puts" ? cached_ : direct_, asked);
  }

 private:
  const std::string url_;
  Opened cached_;
  Opened direct_;
  Opened memory_;
};

int run_zookeeper(int argc, char** argv) {
  if (argc != 2) give_up("usage: zookeeper_bench HOST:PORT,HOST:PORT…");
  Subject subject(argv[1]);
  return answer_lines([&](const ZooCase& asked) { return subject.answer(asked); });
}

const Main kMain("zookeeper", run_zookeeper);

}  // namespace
}  // namespace strongroom::bench::zookeeper_bench
