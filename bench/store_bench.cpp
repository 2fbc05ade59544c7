// store_bench.cpp: get of a secret of 1 KiB from LMDB, next to raw LMDB and AES-256-GCM.
//
//   get/<secrets>/strongroom        Session::get by a trusted caller, and the release of the value
//   get/<secrets>/<library>         LMDB's renew, get and reset, and the library's AES-256-GCM, key
//                                   set-up included, over the value that was found
//   gets/<secrets>/…/threads:<n>    the same by one thread and by two, per second
//   locked/<secrets>/strongroom     very many gets; counters: locked memory before and after, KiB
//
// A thousand secrets fit in the second-level cache, 100,000 in no cache, and with a million not even the
// page tables do. Secrets are read in random order, each once before any is read again, and all of
// both files has been touched before the clock starts.
//
//   --secrets=<n>[,<n>…]  sizes (1000)        --dir=<d>  where the stores are; kept for the next run
//   --gets=<n>            of locked (1000000)
#include <sodium.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bench_main.hpp"
#include "big_store.hpp"
#include "raw_gcm.hpp"
#include "raw_lmdb.hpp"
#include "scratch.hpp"
#include "strongroom/backend.hpp"
#include "strongroom/credential.hpp"
#include "strongroom/identity.hpp"
#include "strongroom/impl/barrier/names.hpp"
#include "strongroom/impl/keys/header.hpp"
#include "strongroom/impl/keys/header_records.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/impl/keys/slot_making.hpp"

namespace strongroom::bench {
namespace {

// Subject is a store of one size, opened and warm, and the order in which to read it.
class Subject {
 public:
  explicit Subject(const BigStore& big)
      : session(big.open().as(Identity::trusted())), raw(big.raw()) {
    const Credential credential = big.credential();
    // The raw environment has the store's keys, which only the store's own keyring can make.
    const Keyring keyring = keyring_of(big, credential);
    for (const std::uint32_t i : big.order()) {
      paths.push_back(nth_name(i));
      keys.push_back(record_key(secret_location(keyring, paths.back())));
    }
    RawReader reader(raw);
    for (std::size_t i = 0; i < size(); ++i) {
      if (must(session.get(paths[i])).value.size() != kBigValueLen) give_up("another size");
      const bool found = reader.read(keys[i], [](Bytes value) {
        benchmark::DoNotOptimize(value[value.size() / 2]);
        return value.size() == kStoredLen;
      });
      if (!found) give_up("the raw environment lacks a key");
    }
  }

  std::size_t size() const noexcept { return paths.size(); }

  // begin is where a thread goes on reading: after its last run.
  std::size_t begin(int thread) const noexcept {
    const std::size_t half = thread == 0 ? 0 : 1;
    return (next_[half] + half * size() / 2) % size();
  }
  void end(int thread, std::int64_t num_read) noexcept {
    next_[thread == 0 ? 0 : 1] += static_cast<std::size_t>(num_read);
  }

  const Session session;
  RawLmdb raw;
  std::vector<std::string> paths;
  std::vector<RecordKey> keys;

 private:
  static Keyring keyring_of(const BigStore& big, const Credential& credential) {
    const auto backend = must(open_backend(big.url()));
    std::vector<std::uint8_t> record;
    const ByteView key(kHeaderKey);
    must(backend->read(
        std::span(&key, 1),
        [&](std::size_t, const Record& found) {
          record.assign(found.value.begin(), found.value.end());
        },
        kDefaultTimeout));
    const Header header = must(Header::decode(record));
    return must(
        header.open_keyring(must(open_root(header, std::span(&credential, 1))).root.view()));
  }

  std::size_t next_[2] = {};
};

using Subjects = std::map<std::size_t, std::unique_ptr<Subject>>;

void get(benchmark::State& state, Subject* subject) {
  std::size_t i = subject->begin(state.thread_index());
  for (auto _ : state) {
    auto secret = subject->session.get(subject->paths[i]);
    if (!secret) return state.SkipWithError("get failed");
    benchmark::DoNotOptimize(secret->value.reveal().data());
    if (++i == subject->size()) i = 0;
  }
  subject->end(state.thread_index(), state.iterations());
  state.SetItemsProcessed(state.iterations());
}

template <typename Raw>
void raw_get(benchmark::State& state, Subject* subject) {
  Raw raw;
  RawReader reader(subject->raw);
  std::vector<std::uint8_t> out(kRawHeadLen + kBigValueLen);
  const auto open = [&](Bytes value) {
    return raw.open(kFixedKey, kFixedNonce, value.first(out.size() + kRawTagLen), out);
  };
  std::size_t i = subject->begin(state.thread_index());
  for (auto _ : state) {
    if (!reader.read(subject->keys[i], open)) return state.SkipWithError("reading failed");
    benchmark::ClobberMemory();
    if (++i == subject->size()) i = 0;
  }
  subject->end(state.thread_index(), state.iterations());
  state.SetItemsProcessed(state.iterations());
}

void locked(benchmark::State& state, Subject* subject) {
  const auto before = static_cast<double>(locked_kib());
  get(state, subject);
  state.counters["before_kib"] = before;
  state.counters["after_kib"] = static_cast<double>(locked_kib());
}

std::string name_of(const char* what, std::size_t num_secrets, const char* who) {
  std::string name(what);
  return name.append("/").append(std::to_string(num_secrets)).append("/").append(who);
}

// add registers one way of reading: by itself, and by one and by two threads.
template <typename Run>
void add(std::size_t num_secrets, const char* who, Subject* subject, Run run) {
  benchmark::RegisterBenchmark(name_of("get", num_secrets, who).c_str(), run, subject);
  benchmark::RegisterBenchmark(name_of("gets", num_secrets, who).c_str(), run, subject)
      ->Threads(1)
      ->Threads(2)
      ->UseRealTime();
}

void add_all(Subject* subject, benchmark::IterationCount many) {
  const std::size_t size = subject->size();
  add(size, "strongroom", subject, get);
  add(size, RawLibsodium::kName, subject, raw_get<RawLibsodium>);
  add(size, RawNettle::kName, subject, raw_get<RawNettle>);
#if STRONGROOM_COMPARE_LIBCRYPTO
  add(size, RawLibcrypto::kName, subject, raw_get<RawLibcrypto>);
#endif
  benchmark::RegisterBenchmark(name_of("locked", size, "strongroom").c_str(), locked, subject)
      ->Iterations(many)
      ->Repetitions(1);
}

}  // namespace
}  // namespace strongroom::bench

int main(int argc, char** argv) {
  using namespace strongroom::bench;
  if (sodium_init() < 0) give_up("libsodium did not start");
  const auto sizes = sizes_of(option(argc, argv, "secrets").value_or("1000"));
  const auto many = std::stol(option(argc, argv, "gets").value_or("1000000"));
  const Scratch scratch(option(argc, argv, "dir"));
  Subjects subjects;
  for (const std::size_t size : sizes) {
    auto subject = std::make_unique<Subject>(BigStoreMaker::make(scratch.path(), size));
    add_all(subject.get(), many);
    subjects.emplace(size, std::move(subject));
  }
  return run(argc, argv);
}
