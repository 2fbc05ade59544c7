// mesos_bench.cpp: what the module of Mesos agents costs, over the queue that it is built on.
//
//   10000/module  eight threads resolve 10,000 references by the module, and all promises are completed
//   10000/gets    eight threads ask a queue of the C ABI for the same secrets, and one thread takes the answers
//   10000/queue   the same, with the references as messages
//
// This program is the agent: it loads the module, and exports the stand-ins of tests/mesos in place of Mesos', protobuf's
// and glog's symbols. The log lines of the module are made, and dropped by the stand-in. Both sides read one store, by
// one policy: in LMDB, or where --url=URL says, which is an empty storage.
#include <dlfcn.h>
#include <poll.h>
#include <sys/stat.h>

#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <fstream>
#include <latch>
#include <memory>
#include <mesos/mesos.hpp>
#include <mesos/module/secret_resolver.hpp>
#include <mesos/secret/resolver.hpp>
#include <optional>
#include <semaphore>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "bench_main.hpp"
#include "scratch.hpp"
#include "strongroom_abi.hpp"
#include "tests/mesos/stand_ins/stand_ins.hpp"

using namespace strongroom::bench;

namespace {

using Module = mesos::modules::Module<mesos::SecretResolver>;
using Resolver = std::unique_ptr<mesos::SecretResolver>;

constexpr int kThreads = 8;
constexpr int kNumResolves = 10'000;
constexpr int kNumSecrets = 1'000;
constexpr const char* kPolicy =
    R"({"version": 1, "rules": [{"to": ["anyone"], "allow": ["read"], "paths": ["app/**"]}]})";

// Store is a store with secrets of 64 bytes, and the file that unseals it.
class Store {
 public:
  Store(const std::string& url, const std::string& directory)
      : url_(url),
        key_file_(directory + "/key"),
        policy_(strongroom_abi::Policy::parse({{"bench", kPolicy}})),
        store_(url_, options()),
        user_(store_.user("mesos-agent")) {
    auto trusted = store_.trusted();
    strongroom_init_options init = STRONGROOM_INIT_OPTIONS_INIT;
    init.key = 1;
    const auto pending = trusted.init_prepare(init);
    trusted.init_activate(pending);
    trusted.unseal({pending.reveal_key()});
    std::ofstream(key_file_) << pending.reveal_key();
    if (::chmod(key_file_.c_str(), 0600) != 0) give_up("chmod failed");
    for (int i = 0; i < kNumSecrets; ++i) {
      paths_.push_back("app/secret-" + std::to_string(i));
      trusted.put(paths_.back(), STRONGROOM_CONTENT_TEXT, std::string(64, 'x'));
      mesos::Secret& secret = secrets_.emplace_back();
      secret.set_type(mesos::Secret::REFERENCE);
      secret.mutable_reference()->set_name(paths_.back());
    }
  }

  const std::string& url() const { return url_; }
  const std::string& key_file() const { return key_file_; }
  const std::string& path(int i) const {
    return paths_[static_cast<std::size_t>(i) * 7 % paths_.size()];
  }
  const mesos::Secret& secret(int i) const {
    return secrets_[static_cast<std::size_t>(i) * 7 % secrets_.size()];
  }
  strongroom_abi::Session& user() { return user_; }

 private:
  const strongroom_store_options* options() {
    options_.policy = policy_.raw();
    return &options_;
  }

  const std::string url_;
  const std::string key_file_;
  strongroom_store_options options_ = STRONGROOM_STORE_OPTIONS_INIT;
  strongroom_abi::Policy policy_;
  strongroom_abi::Store store_;
  strongroom_abi::Session user_;
  std::vector<std::string> paths_;
  std::deque<mesos::Secret> secrets_;
};

// in_threads runs f(i) for each of the resolves, from eight threads.
template <typename F>
void in_threads(F f) {
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&f, t] {
      for (int i = t; i < kNumResolves; i += kThreads) f(i);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

Resolver load(const char* file, const Store& store) {
  void* const library = ::dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) give_up(::dlerror());
  const auto* const module =
      static_cast<const Module*>(::dlsym(library, "strongroom_SecretResolver"));
  if (module == nullptr) give_up(::dlerror());
  mesos::Parameters parameters;
  const auto add = [&](const char* key, const std::string& value) {
    mesos::Parameter* const parameter = parameters.add_parameter();
    parameter->set_key(key);
    parameter->set_value(value);
  };
  add("store", store.url());
  add("key_file", store.key_file());
  add("allow", "app");
  Resolver resolver(module->create(parameters));
  if (resolver == nullptr) give_up("the module was not made");
  return resolver;
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void by_module(benchmark::State& state, const mesos::SecretResolver& resolver, const Store& store) {
  for (auto _ : state) {
    std::latch all(kNumResolves);
    std::atomic<int> num_ready{0};
    const auto begin = std::chrono::steady_clock::now();
    in_threads([&](int i) {
      const auto future = resolver.resolve(store.secret(i));
      future.onAny([&](const auto& done) {
        if (done.isReady()) num_ready.fetch_add(1, std::memory_order_relaxed);
        all.count_down();
      });
    });
    all.wait();
    state.SetIterationTime(seconds_since(begin));
    if (num_ready != kNumResolves) return state.SkipWithError("a resolve failed");
  }
  state.SetItemsProcessed(state.iterations() * kNumResolves);
}

// Over ZooKeeper a store takes 4,096 calls at once.
using Places = std::counting_semaphore<4'000>;

// take_all takes answers until there were enough. Returns  whether all were secrets.
bool take_all(strongroom_queue* queue, Places& places) {
  std::array<strongroom_completion, 64> done{};
  done[0] = STRONGROOM_COMPLETION_INIT;
  bool good = true;
  for (int num_taken = 0; num_taken < kNumResolves;) {
    pollfd ready{strongroom_queue_fd(queue), POLLIN, 0};
    if (::poll(&ready, 1, 10'000) != 1) return false;
    std::size_t num = 0;
    if (strongroom_queue_next(queue, done.data(), done.size(), &num, nullptr) != STRONGROOM_OK)
      return false;
    for (std::size_t i = 0; i < num; ++i) {
      good = good && done[i].status == STRONGROOM_OK;
      benchmark::DoNotOptimize(strongroom_secret_data(done[i].secret));
      strongroom_secret_free(done[i].secret);
      strongroom_batch_free(done[i].batch);
      strongroom_error_free(done[i].error);
    }
    num_taken += static_cast<int>(num);
    if (num > 0) places.release(static_cast<std::ptrdiff_t>(num));
  }
  return good;
}

// by_queue measures begin(queue, i), which begins read number i.
template <typename F>
void by_queue(benchmark::State& state, F begin_read) {
  strongroom_abi::Queue queue;
  for (auto _ : state) {
    std::atomic<bool> good{true};
    Places places(Places::max());
    const auto begin = std::chrono::steady_clock::now();
    std::thread taker([&] {
      if (!take_all(queue.raw(), places)) good = false;
    });
    in_threads([&](int i) {
      places.acquire();
      if (begin_read(queue.raw(), i) != STRONGROOM_OK) good = false;
    });
    taker.join();
    state.SetIterationTime(seconds_since(begin));
    if (!good) return state.SkipWithError("a read failed");
  }
  state.SetItemsProcessed(state.iterations() * kNumResolves);
}

strongroom_status get(strongroom_queue* queue, Store& store, int i) {
  return strongroom_queue_get(queue, store.user().raw(), store.path(i).c_str(), nullptr, nullptr,
                              nullptr);
}

strongroom_status resolve(strongroom_queue* queue, Store& store, const mesos::Secret& secret) {
  std::string wire;
  secret.SerializePartialToString(&wire);
  const strongroom_message message{wire.data(), wire.size(), STRONGROOM_FORMAT_WIRE, 0};
  return strongroom_queue_resolve(queue, store.user().raw(), &message, 1, nullptr, nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  const Scratch scratch(std::nullopt, option(argc, argv, "dir"));
  try {
    const std::string directory = scratch.path().string();
    Store store(option(argc, argv, "url").value_or("lmdb:" + directory + "/store"), directory);
    keep_log_lines(false);
    const auto file = option(argc, argv, "module").value_or(MESOS_MODULE_FILE);
    const Resolver resolver = load(file.c_str(), store);
    benchmark::RegisterBenchmark("10000/module", [&](benchmark::State& state) {
      by_module(state, *resolver, store);
    })->UseManualTime();
    benchmark::RegisterBenchmark("10000/gets", [&](benchmark::State& state) {
      by_queue(state, [&](strongroom_queue* queue, int i) { return get(queue, store, i); });
    })->UseManualTime();
    benchmark::RegisterBenchmark("10000/queue", [&](benchmark::State& state) {
      by_queue(state, [&](strongroom_queue* queue, int i) {
        return resolve(queue, store, store.secret(i));
      });
    })->UseManualTime();
    return run(argc, argv);
  } catch (const strongroom_abi::Error& error) {
    give_up(error.what());
  }
}
