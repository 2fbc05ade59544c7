// envelope_bench.cpp: sealing and opening one envelope, next to only AES-256-GCM with key set-up.
//
//   seal/<bytes>/strongroom     seal_envelope into memory that is already there
//   seal/<bytes>/<library>      24 random bytes, then the library's AES-256-GCM
//   open/<bytes>/strongroom     open_envelope, until it returns the value
//   use/<bytes>/strongroom      the same, and the release of the value: wiped, and its place freed
//   open/<bytes>/<library>      the library's AES-256-GCM into memory that is already there
//
// The lengths are a password, a certificate or a JSON object, one page, a key store, and the largest
// secret that a store takes by default. There is one thread, and everything is in the cache. The figures
// are CPU time of the thread, which other processes on the machine disturb least.
#include <sodium.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "bench_main.hpp"
#include "raw_gcm.hpp"
#include "strongroom/impl/barrier/envelope.hpp"
#include "strongroom/impl/crypto/aead.hpp"
#include "strongroom/impl/crypto/secret_arena.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/secrets.hpp"

namespace strongroom::bench {
namespace {

constexpr std::array<std::size_t, 5> kLens = {64, 1024, 4096, 65'536, 1'048'576};

// One is a secret, its place, and the keyring that it is sealed with.
struct One {
  explicit One(std::size_t len) : value(must(SecretBytes::for_value(len))) {
    must(random_bytes(value.reveal_mutable()));
    must(random_bytes(store));
    must(random_bytes(location));
    envelope.resize(kEnvelopeOverhead + len);
    must(seal());
  }

  Place place() const noexcept { return {store, location}; }

  Result<void> seal() {
    return seal_envelope(keyring, place(), RecordKind::secret, Revision(7), metadata, value.view(),
                         envelope);
  }

  Keyring keyring = must(Keyring::create());
  StoreId store{};
  Location location{};
  Metadata metadata{Content::binary, 1'700'000'000'000, 1'700'000'000'000};
  SecretBytes value;
  std::vector<std::uint8_t> envelope;
};

// RawOne is as many bytes for a library without us.
template <typename Raw>
struct RawOne {
  explicit RawOne(std::size_t len) : text(kRawHeadLen + len), sealed(text.size() + kRawTagLen) {
    randombytes_buf(key.data(), key.size());
    randombytes_buf(nonce.data(), nonce.size());
    randombytes_buf(text.data(), text.size());
    if (!seal() || !open()) give_up(std::string(Raw::kName) + " does not work here");
  }

  bool seal() { return raw.seal(key, nonce.data(), text, sealed); }
  bool open() { return raw.open(key, nonce.data(), sealed, text); }

  Raw raw;
  RawKey key{};
  std::array<std::uint8_t, kXaesNonceLen> nonce{};
  std::vector<std::uint8_t> text;
  std::vector<std::uint8_t> sealed;
};

void seal(benchmark::State& state, std::size_t len) {
  One one(len);
  for (auto _ : state) {
    if (!one.seal()) return state.SkipWithError("seal_envelope failed");
    benchmark::ClobberMemory();
  }
}

template <typename Raw>
void raw_seal(benchmark::State& state, std::size_t len) {
  RawOne<Raw> one(len);
  for (auto _ : state) {
    randombytes_buf(one.nonce.data(), one.nonce.size());
    if (!one.seal()) return state.SkipWithError("sealing failed");
    benchmark::ClobberMemory();
  }
}

void use(benchmark::State& state, std::size_t len) {
  const One one(len);
  for (auto _ : state) {
    auto opened = open_envelope(one.keyring, one.place(), one.envelope);
    if (!opened) return state.SkipWithError("open_envelope failed");
    benchmark::DoNotOptimize(opened->value.reveal().data());
  }
}

double thread_seconds() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// open times a run of calls, and releases their values while the clock is stopped. Reading this clock
// costs a system call, which counts against us. So a run is long, but its values still fit in a cache.
void open(benchmark::State& state, std::size_t len) {
  const One one(len);
  const std::size_t run = std::clamp<std::size_t>((std::size_t{128} << 10) / len, 1, 64);
  std::vector<std::optional<Result<Opened>>> opened(run);
  while (state.KeepRunningBatch(static_cast<benchmark::IterationCount>(run))) {
    const double begin = thread_seconds();
    for (auto& each : opened) each.emplace(open_envelope(one.keyring, one.place(), one.envelope));
    state.SetIterationTime(thread_seconds() - begin);
    for (auto& each : opened) {
      if (!*each) return state.SkipWithError("open_envelope failed");
      each.reset();
    }
  }
}

template <typename Raw>
void raw_open(benchmark::State& state, std::size_t len) {
  RawOne<Raw> one(len);
  for (auto _ : state) {
    if (!one.open()) return state.SkipWithError("opening failed");
    benchmark::ClobberMemory();
  }
}

// add registers <what>/<len>/<library or strongroom>.
template <typename Run>
auto* add(std::string what, std::size_t len, const char* who, Run run) {
  what.append("/").append(std::to_string(len)).append("/").append(who);
  return benchmark::RegisterBenchmark(what.c_str(), run, len);
}

template <typename Raw>
void add_raw(std::size_t len) {
  add("seal", len, Raw::kName, raw_seal<Raw>);
  add("open", len, Raw::kName, raw_open<Raw>);
}

void add_all() {
  for (const std::size_t len : kLens) {
    add("seal", len, "strongroom", seal);
    add("open", len, "strongroom", open)->UseManualTime();
    add("use", len, "strongroom", use);
    add_raw<RawLibsodium>(len);
    add_raw<RawNettle>(len);
#if STRONGROOM_COMPARE_LIBCRYPTO
    add_raw<RawLibcrypto>(len);
#endif
    add_raw<RawBotan>(len);
  }
}

}  // namespace
}  // namespace strongroom::bench

int main(int argc, char** argv) {
  if (sodium_init() < 0) strongroom::bench::give_up("libsodium did not start");
  // Two values of the largest size and their copies fit.
  strongroom::SecretArena::instance().set_budget(std::size_t{6} << 20);
  strongroom::bench::add_all();
  return strongroom::bench::run(argc, argv);
}
