// key_change_bench.cpp: changing the keys of a store takes one commit, whose cost must not grow with the store.
//
//   change/<secrets>/rotate       a new data key
//   change/<secrets>/rotate_root  a new root key and data key, wrapped for every slot
//   change/<secrets>/slots        one key file replaced by another: prepare and activate, with new keys
//   change/<secrets>/plain        one commit of two records of the header's length, without us
//
// Counter `commits` is the number of commits that reached the backend, per change. The time is that of the
// wall clock, since most of it is the disk's. Every change begins with the keys that the store was made with:
// the header is put back, and a fresh handle unsealed, while the clock is stopped.
//
//   --secrets=<n>[,<n>…]  sizes (1000)      --dir=<d>  where the stores are; kept for the next run

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "../tests/support/forwarding_backend.hpp"
#include "bench_main.hpp"
#include "big_store.hpp"
#include "lifecycle_bench.hpp"
#include "scratch.hpp"
#include "strongroom/backend.hpp"
#include "strongroom/credential.hpp"
#include "strongroom/identity.hpp"
#include "strongroom/impl/keys/header_records.hpp"
#include "strongroom/seal_status.hpp"
#include "strongroom/slots.hpp"

namespace strongroom::bench::key_change_bench {
namespace {

// Counting is a backend that counts commits and passes them on.
class Counting final : public testing::ForwardingBackend {
 public:
  Counting(std::unique_ptr<Backend> real, std::atomic<std::uint64_t>& num_commits)
      : ForwardingBackend(std::move(real)), num_commits_(num_commits) {}

  Result<Commit> commit(std::span<const Change> batch, Timeout timeout) override {
    ++num_commits_;
    return real_->commit(batch, timeout);
  }

 private:
  std::atomic<std::uint64_t>& num_commits_;
};

// Subject is one store, and the header that it was made with.
class Subject {
 public:
  explicit Subject(const BigStore& big)
      : key_(big.credential()), url_(big.url()), backend_(must(open_backend(url_))) {
    must(backend_->read(
        keys(),
        [&](std::size_t i, const Record& record) {
          records_[i].assign(record.value.begin(), record.value.end());
        },
        kDefaultTimeout));
  }
  ~Subject() { put_back(); }

  // put_back puts the header and its copy back in one commit. The limit times this call too.
  void put_back() const {
    std::array<Change, 2> batch;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      batch[i] = {Change::Kind::put, keys()[i], records_[i], kAny};
    }
    if (must(backend_->commit(batch, kDefaultTimeout)).conflict) give_up("a put met a conflict");
  }

  Store open(std::atomic<std::uint64_t>& num_commits) const {
    Store store(std::make_unique<Counting>(must(open_backend(url_)), num_commits));
    must(store.as(Identity::trusted()).unseal(std::span(&key_, 1)));
    return store;
  }

 private:
  static std::span<const ByteView> keys() {
    static const std::array<ByteView, 2> both = {ByteView(kHeaderKey), ByteView(kHeaderCopyKey)};
    return both;
  }

  const Credential key_;
  const std::string url_;
  const std::unique_ptr<Backend> backend_;
  std::array<std::vector<std::uint8_t>, 2> records_;
};

Result<void> rotate(Store& store) {
  return store.as(Identity::trusted()).rotate();
}

Result<void> rotate_root(Store& store) {
  return store.as(Identity::trusted()).rotate_root();
}

Result<void> change_slots(Store& store) {
  const Session session = store.as(Identity::trusted());
  auto status = store.status();
  if (!status) return std::move(status).error();
  SlotChange wish;
  wish.key_file = true;
  for (const SlotStatus& slot : status->slots) wish.remove.push_back(slot.id);
  auto pending = session.prepare_slots(wish);
  if (!pending) return std::move(pending).error();
  return session.activate(pending.value());
}

using Run = Result<void> (*)(Store&);

void change(benchmark::State& state, const Subject* subject, Run run) {
  using std::chrono::steady_clock;
  std::atomic<std::uint64_t> num_commits{0};
  for (auto _ : state) {
    subject->put_back();
    Store store = subject->open(num_commits);
    const auto begin = steady_clock::now();
    const bool done = run(store).ok();
    const std::chrono::duration<double> took = steady_clock::now() - begin;
    if (!done) return state.SkipWithError("the change failed");
    state.SetIterationTime(took.count());
  }
  state.counters["commits"] =
      static_cast<double>(num_commits) / static_cast<double>(state.iterations());
}

void plain(benchmark::State& state, const Subject* subject) {
  using std::chrono::steady_clock;
  for (auto _ : state) {
    const auto begin = steady_clock::now();
    subject->put_back();
    const std::chrono::duration<double> took = steady_clock::now() - begin;
    state.SetIterationTime(took.count());
  }
}

void add(std::size_t num_secrets, const Subject* subject) {
  const std::string name = "change/" + std::to_string(num_secrets) + "/";
  const std::array<std::pair<const char*, Run>, 3> changes = {
      {{"rotate", rotate}, {"rotate_root", rotate_root}, {"slots", change_slots}}};
  for (const auto& [what, run] : changes) {
    benchmark::RegisterBenchmark((name + what).c_str(), change, subject, run)->UseManualTime();
  }
  benchmark::RegisterBenchmark((name + "plain").c_str(), plain, subject)->UseManualTime();
}

int run_key_change(int argc, char** argv) {
  const auto sizes = sizes_of(option(argc, argv, "secrets").value_or("1000"));
  const Scratch scratch(option(argc, argv, "dir"));
  std::vector<std::unique_ptr<Subject>> subjects;
  for (const std::size_t size : sizes) {
    subjects.push_back(std::make_unique<Subject>(BigStoreMaker::make(scratch.path(), size)));
    add(size, subjects.back().get());
  }
  return run(argc, argv);
}

const Main kMain("key_change", run_key_change);

}  // namespace
}  // namespace strongroom::bench::key_change_bench
