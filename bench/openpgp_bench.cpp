// openpgp_bench.cpp: opening a wrapped share through the helper, next to only librnp.
//
//   unwrap/<key>/strongroom   OpenPgp::unwrap: a program is started, answers, and ends
//   unwrap/<key>/librnp       the same in this process: load the private key, decrypt
//   unseal/<key>/strongroom   Session::unwrap of the share of a sealed store, and Session::unseal with it
//
// The keys are of common kinds: RSA of 4096 bits, and Curve25519. The helper adds the start of a program
// with librnp in it, which must not take more than 10 ms. The time is that of the wall clock.
//
//   --helper=<path>       the helper to start (where it was installed)
#include <rnp/rnp.h>
#include <rnp/rnp_err.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "bench_main.hpp"
#include "lifecycle_bench.hpp"
#include "strongroom/backends/memory.hpp"
#include "strongroom/identity.hpp"
#include "strongroom/openpgp.hpp"
#include "strongroom/slots.hpp"
#include "strongroom/store.hpp"

namespace strongroom::bench::openpgp_bench {
namespace {

constexpr std::size_t kShareLen = 92;

void good(rnp_result_t result) {
  if (result != RNP_SUCCESS) give_up(std::string("librnp: ") + rnp_result_to_string(result));
}

using Bytes = std::vector<std::uint8_t>;

Bytes taken(rnp_output_t output) {
  std::uint8_t* bytes = nullptr;
  std::size_t len = 0;
  good(rnp_output_memory_get_buf(output, &bytes, &len, false));
  Bytes copy(bytes, bytes + len);
  good(rnp_output_destroy(output));
  return copy;
}

// Pair is a fresh key pair and a share that is wrapped to it.
struct Pair {
  std::string name;
  Bytes public_key;
  Bytes private_key;
  Bytes message;
};

Pair make_pair(const std::string& name, const std::string& primary, const std::string& subkey) {
  rnp_ffi_t ring = nullptr;
  good(rnp_ffi_create(&ring, "GPG", "GPG"));
  const std::string wish = R"({"primary":{)" + primary + R"(,"userid":"bench"},"sub":{)" + subkey +
                           R"(,"usage":["encrypt"]}})";
  char* made = nullptr;
  good(rnp_generate_key_json(ring, wish.c_str(), &made));
  rnp_buffer_destroy(made);
  rnp_key_handle_t key = nullptr;
  good(rnp_locate_key(ring, "userid", "bench", &key));
  Pair pair{name, {}, {}, {}};
  rnp_output_t output = nullptr;
  good(rnp_output_to_memory(&output, 0));
  good(rnp_key_export(key, output, RNP_KEY_EXPORT_PUBLIC | RNP_KEY_EXPORT_SUBKEYS));
  pair.public_key = taken(output);
  good(rnp_output_to_memory(&output, 0));
  good(rnp_key_export(key, output, RNP_KEY_EXPORT_SECRET | RNP_KEY_EXPORT_SUBKEYS));
  pair.private_key = taken(output);
  const std::array<std::uint8_t, kShareLen> share{};
  rnp_input_t input = nullptr;
  good(rnp_input_from_memory(&input, share.data(), share.size(), false));
  good(rnp_output_to_memory(&output, 0));
  rnp_op_encrypt_t operation = nullptr;
  good(rnp_op_encrypt_create(&operation, ring, input, output));
  good(rnp_op_encrypt_add_recipient(operation, key));
  good(rnp_op_encrypt_set_cipher(operation, "AES256"));
  good(rnp_op_encrypt_execute(operation));
  pair.message = taken(output);
  rnp_op_encrypt_destroy(operation);
  rnp_input_destroy(input);
  rnp_key_handle_destroy(key);
  rnp_ffi_destroy(ring);
  return pair;
}

std::size_t decrypt_here(const Pair& pair) {
  rnp_ffi_t ring = nullptr;
  rnp_input_t key = nullptr;
  rnp_input_t message = nullptr;
  rnp_output_t output = nullptr;
  good(rnp_ffi_create(&ring, "GPG", "GPG"));
  good(rnp_input_from_memory(&key, pair.private_key.data(), pair.private_key.size(), false));
  good(rnp_load_keys(ring, "GPG", key, RNP_LOAD_SAVE_SECRET_KEYS));
  good(rnp_input_from_memory(&message, pair.message.data(), pair.message.size(), false));
  good(rnp_output_to_memory(&output, 0));
  good(rnp_decrypt(ring, message, output));
  const std::size_t len = taken(output).size();
  rnp_input_destroy(message);
  rnp_input_destroy(key);
  rnp_ffi_destroy(ring);
  return len;
}

template <typename Unwrap>
void measure(benchmark::State& state, Unwrap unwrap) {
  using std::chrono::steady_clock;
  for (auto _ : state) {
    const auto begin = steady_clock::now();
    const bool whole = unwrap() == kShareLen;
    const std::chrono::duration<double> took = steady_clock::now() - begin;
    if (!whole) return state.SkipWithError("the share did not open");
    state.SetIterationTime(took.count());
  }
}

// Sealed is a store in memory that one share opens; the share is wrapped to the pair's key.
class Sealed {
 public:
  Sealed(const Pair& pair, std::shared_ptr<OpenPgp> openpgp)
      : pair_(pair), openpgp_(std::move(openpgp)) {
    const Store store = open();
    const Session session = store.as(who_);
    InitOptions options;
    options.shares = options.threshold = 1;
    options.pgp_keys.push_back(pair_.public_key);
    must(session.activate(must(session.init(options))));
    message_ = must(store.status()).slots.front().wrapped.front().message;
  }

  void unseal(benchmark::State& state) const {
    using std::chrono::steady_clock;
    for (auto _ : state) {
      Store store = open();
      const auto begin = steady_clock::now();
      const auto share = store.as(who_).unwrap(
          message_, SecretView(pair_.private_key.data(), pair_.private_key.size()));
      const bool unsealed = share && store.as(who_).unseal(std::span(&share.value(), 1));
      const std::chrono::duration<double> took = steady_clock::now() - begin;
      if (!unsealed) return state.SkipWithError("the store did not open");
      state.SetIterationTime(took.count());
    }
  }

 private:
  Store open() const {
    StoreOptions options;
    options.pgp = openpgp_;
    return Store(records_.share(), std::move(options));
  }

  const Identity who_ = Identity::trusted();
  const Pair& pair_;
  const std::shared_ptr<OpenPgp> openpgp_;
  const MemoryBackend records_;
  Bytes message_;
};

void add(const Pair& pair, OpenPgp& openpgp) {
  const auto by_helper = [&] {
    const auto text = openpgp.unwrap(
        pair.message, SecretView(pair.private_key.data(), pair.private_key.size()), {});
    return text ? text->size() : 0;
  };
  const std::string name = "unwrap/" + pair.name;
  for (const bool helper : {true, false}) {
    benchmark::RegisterBenchmark((name + (helper ? "/strongroom" : "/librnp")).c_str(),
                                 [=, &pair](benchmark::State& state) {
                                   helper ? measure(state, by_helper)
                                          : measure(state, [&] { return decrypt_here(pair); });
                                 })
        ->UseManualTime();
  }
}

int run_openpgp(int argc, char** argv) {
  const std::string helper = option(argc, argv, "helper").value_or("");
  const auto openpgp = openpgp_helper(helper);
  const std::vector<Pair> pairs = {
      make_pair("rsa4096", R"("type":"RSA","length":4096)", R"("type":"RSA","length":4096)"),
      make_pair("curve25519", R"("type":"EDDSA")", R"("type":"ECDH","curve":"Curve25519")"),
  };
  std::vector<std::unique_ptr<Sealed>> stores;
  for (const Pair& pair : pairs) {
    add(pair, *openpgp);
    stores.push_back(std::make_unique<Sealed>(pair, openpgp));
    benchmark::RegisterBenchmark(
        ("unseal/" + pair.name + "/strongroom").c_str(),
        [store = stores.back().get()](benchmark::State& state) { store->unseal(state); })
        ->UseManualTime();
  }
  return run(argc, argv);
}

const Main kMain("openpgp", run_openpgp);

}  // namespace
}  // namespace strongroom::bench::openpgp_bench
