// gcm.ipp: AES-256-GCM by libraries that return the same bytes, and the kernel's random bytes.
//
// None keeps a key: every call sets up its own and wipes it. libsodium is the fastest for short messages,
// Nettle for those of about 1 KiB, libcrypto for long ones; without AES instructions it is Botan
// (aes_providers.hpp). In ns, seal / open, with a key of its own and 48 bytes of associated data for every
// message: libsodium 1.0.18, Nettle 3.8.1 (what it derived was not wiped), OpenSSL 3.0.
//
//   AMD EPYC, Zen 3, without AVX-512; medians of 101 rounds
//   plaintext        80       512      1040      1536      2048      4096    65,536
//   libsodium   215/230   400/433   766/855 1004/1133 1307/1477 2512/2844  38k/44k
//   Nettle      221/250   425/470   688/732   922/973 1191/1239 2208/2256  34k/34k
//   libcrypto   608/624   728/746   861/886   964/983 1109/1129 1613/1630  17k/17k
//
//   AMD EPYC, Zen 4, with AVX-512; the tenth percentile of 201 rounds. Nettle was not measured there.
//   plaintext        80       512       896      1024      1088      1280      2048      4096
//   libsodium   240/216   441/416   652/658   730/744   811/830   867/875 1309/1358 2548/2633
//   libcrypto   513/474   621/569   704/653   738/691   755/704   788/738   976/933 1419/1390
#include <nettle/aes.h>
#include <nettle/gcm.h>
#include <sodium.h>
#include <sys/random.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include "strongroom/aes_library.hpp"
#include "strongroom/impl/base/wipe.hpp"
#include "strongroom/impl/crypto/aead.hpp"
#include "strongroom/impl/crypto/aes_internal.hpp"
#include "strongroom/impl/crypto/aes_providers.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom {
namespace detail::gcm {

using Bytes = std::span<const std::uint8_t>;
using Out = std::span<std::uint8_t>;

constexpr std::size_t kMaxHeadLen = 64;

// Which library is the fastest from which plaintext length on, by the tables above. On CPUs without AVX-512,
// libcrypto is in some processes 1.3 times slower than in others, so it begins later there.
constexpr std::size_t kNettleFrom = 640;
constexpr std::size_t kLibcryptoFrom = 2048;
constexpr std::size_t kWideLibcryptoFrom = 1024;

// libcrypto takes milliseconds to load and to start. Only a process that has so many bytes of long messages
// to work on loads it.
constexpr std::size_t kWorthLoading = std::size_t{256} << 10;

static std::atomic<AesLibrary> library_of_host{AesLibrary::automatic};

// refused writes zeros to out, and returns the error.
static Error refused(Out out, Code code, const char* why) {
  if (!out.empty()) sodium_memzero(out.data(), out.size());
  return Error{code, why};
}

static Error not_here(Out out) {
  return refused(out, Code::unsupported,
                 "this AES library is not built in, or needs AES instructions that this CPU lacks");
}

// libsodium

// libsodium makes a random canary when it starts, and ends the process if it gets no random bytes. So we
// start it when this code is loaded, before a host can have blocked getrandom(2). If the host has started
// it already, this changes nothing.
[[maybe_unused]] const bool started_at_load = sodium_init() >= 0;

static bool libsodium_available() noexcept {
  static const bool available = sodium_init() >= 0 && crypto_aead_aes256gcm_is_available() == 1;
  return available;
}

// libsodium leaves pieces of key and plaintext on the stack.
constexpr std::size_t kLibsodiumStackLen = 1280;

static Result<void> libsodium_seal_whole(const GcmCall& call, SecretView plaintext, Out out) {
  crypto_aead_aes256gcm_encrypt(out.data(), nullptr, plaintext.reveal().data(), plaintext.size(),
                                call.associated.data(), call.associated.size(), nullptr,
                                call.nonce.data(), call.key.data());
  sodium_stackzero(kLibsodiumStackLen);
  return {};
}

static Result<void> result_of(GcmOutcome outcome, Out out) {
  switch (outcome) {
    case GcmOutcome::done:
      return {};
    case GcmOutcome::not_authentic:
      return refused(out, Code::corrupt, "the ciphertext did not authenticate");
    default:
      return refused(out, Code::internal, "the AES-256-GCM provider failed");
  }
}

// with_one_piece calls seal(plaintext) for a library that takes one piece. Two pieces are joined in locked
// memory first.
template <typename Seal>
static Result<void> with_one_piece(SecretView head, SecretView body, Out out, Seal seal) {
  if (head.empty() || body.empty()) return seal(head.empty() ? body : head);
  auto joined = SecretBytes::for_value(head.size() + body.size());
  if (!joined) {
    sodium_memzero(out.data(), out.size());
    return std::move(joined).error();
  }
  std::uint8_t* to = joined->reveal_mutable().data();
  append(to, head);
  append(to, body);
  return seal(joined->view());
}

static Result<void> libsodium_seal(const GcmCall& call, SecretView head, SecretView body, Out out) {
  return with_one_piece(head, body, out, [&](SecretView plaintext) {
    return libsodium_seal_whole(call, plaintext, out);
  });
}

// libsodium compares the tag before it writes any plaintext.
static Result<void> libsodium_open(const GcmCall& call, Bytes sealed, Out out) {
  const int status = crypto_aead_aes256gcm_decrypt(
      out.data(), nullptr, nullptr, sealed.data(), sealed.size(), call.associated.data(),
      call.associated.size(), call.nonce.data(), call.key.data());
  sodium_stackzero(kLibsodiumStackLen);
  return result_of(status == 0 ? GcmOutcome::done : GcmOutcome::not_authentic, out);
}

// Nettle

// Its fast code needs the instructions that libsodium looks for. Without these it would look the key up in
// tables, and the time of a cache miss would leak it.
static bool nettle_available() noexcept {
  return libsodium_available();
}

constexpr std::size_t kNettleStackLen = 1280;  // keystream, which is as good as plaintext

// NettleState is what Nettle derives from the key of one message.
struct NettleState {
  aes256_ctx aes;
  gcm_ctx gcm;
  gcm_key table;  // last, since most of it may stay unused
};

static void nettle_block(const void* aes, std::size_t len, std::uint8_t* out,
                         const std::uint8_t* in) noexcept {
  aes256_encrypt(static_cast<const aes256_ctx*>(aes), len, out, in);
}

static void nettle_set_key(NettleState& state, const std::uint8_t* key) noexcept {
  aes256_set_encrypt_key(&state.aes, key);
  gcm_set_key(&state.table, &state.aes, nettle_block);
}

// nettle_filled_len returns how many bytes of the state Nettle fills. The table has 4 KiB, of which the code
// for this CPU may use only 32 bytes, and wiping all of it takes as long as a short message. What is filled
// does not depend on the key: whatever no longer holds one of two patterns was written.
static std::size_t nettle_filled_len() noexcept {
  std::size_t filled = offsetof(NettleState, table);
  for (const int pattern : {0x5A, 0xA5}) {
    NettleState probe;
    std::memset(&probe, pattern, sizeof probe);
    const std::array<std::uint8_t, kKeyLen> key{};
    nettle_set_key(probe, key.data());
    const auto* const bytes = reinterpret_cast<const std::uint8_t*>(&probe);
    for (std::size_t i = filled; i < sizeof probe; ++i) {
      if (bytes[i] != pattern) filled = i + 1;
    }
  }
  return filled;
}

// NettleGcm is one message; what it derives from the key is wiped at the end.
class NettleGcm {
 public:
  explicit NettleGcm(const GcmCall& call) noexcept {
    nettle_set_key(state_, call.key.data());
    gcm_set_iv(&state_.gcm, &state_.table, call.nonce.size(), call.nonce.data());
    gcm_update(&state_.gcm, &state_.table, call.associated.size(), call.associated.data());
  }
  ~NettleGcm() {
    static const std::size_t filled_len = nettle_filled_len();
    wipe(&state_, filled_len);
    sodium_stackzero(kNettleStackLen);
  }
  NettleGcm(const NettleGcm&) = delete;
  NettleGcm& operator=(const NettleGcm&) = delete;

  // All pieces but the last are whole blocks; Nettle takes none after one that is not, not even an empty one.
  void encrypt(SecretView plaintext, std::uint8_t* out) noexcept {
    if (plaintext.empty()) return;
    gcm_encrypt(&state_.gcm, &state_.table, &state_.aes, nettle_block, plaintext.size(), out,
                plaintext.reveal().data());
  }
  void decrypt(Bytes ciphertext, std::uint8_t* out) noexcept {
    gcm_decrypt(&state_.gcm, &state_.table, &state_.aes, nettle_block, ciphertext.size(), out,
                ciphertext.data());
  }
  void tag(std::uint8_t* out) noexcept {
    gcm_digest(&state_.gcm, &state_.table, &state_.aes, nettle_block, kTagLen, out);
  }

 private:
  NettleState state_;
};

static Result<void> nettle_seal(const GcmCall& call, SecretView head, SecretView body, Out out) {
  if (head.size() % kBlockLen != 0 && !body.empty()) {
    return with_one_piece(head, body, out, [&](SecretView plaintext) {
      return nettle_seal(call, {}, plaintext, out);
    });
  }
  NettleGcm gcm(call);
  gcm.encrypt(head, out.data());
  gcm.encrypt(body, out.data() + head.size());
  gcm.tag(out.data() + head.size() + body.size());
  return {};
}

static Result<void> nettle_open(const GcmCall& call, Bytes sealed, Out out) {
  std::array<std::uint8_t, kTagLen> tag;
  {
    NettleGcm gcm(call);
    gcm.decrypt(sealed.first(out.size()), out.data());
    gcm.tag(tag.data());
  }
  const bool genuine = crypto_verify_16(tag.data(), sealed.data() + out.size()) == 0;
  return result_of(genuine ? GcmOutcome::done : GcmOutcome::not_authentic, out);
}

// Libraries that are loaded when they are needed

// Debian's Botan is bound lazily: at the first call of a function, the dynamic linker saves all vector
// registers, with whatever is in them, on the stack.
constexpr std::size_t kBotanStackLen = 16'384;

// has_wide_aes returns whether libcrypto uses AVX-512 here, and so works on four blocks at once.
static bool has_wide_aes() noexcept {
#if defined(__x86_64__)
  constexpr unsigned kWide = 1U << 9 | 1U << 10;  // VAES and VPCLMULQDQ, in ECX of leaf 7
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (ecx & kWide) == kWide;
#else
  return false;
#endif
}

// libcrypto_if_worth returns libcrypto once enough bytes of long messages were seen. The thread that
// reaches that number loads it; others go on with another library meanwhile.
static const AesProvider* libcrypto_if_worth(std::size_t len) noexcept {
  static std::atomic<const AesProvider*> loaded{nullptr};
  static std::atomic<std::size_t> seen{0};
  if (const AesProvider* const provider = loaded.load(std::memory_order_acquire)) return provider;
  if (seen.load(std::memory_order_relaxed) >= kWorthLoading)
    return nullptr;  // it is not there, or not yet
  const std::size_t before = seen.fetch_add(len, std::memory_order_relaxed);
  if (before >= kWorthLoading || before + len < kWorthLoading) return nullptr;
  const AesProvider* const provider = libcrypto();
  loaded.store(provider, std::memory_order_release);
  return provider;
}

static AesLibrary fastest(std::size_t plaintext_len) noexcept {
  static const std::size_t libcrypto_from = has_wide_aes() ? kWideLibcryptoFrom : kLibcryptoFrom;
  if (!libsodium_available()) return AesLibrary::botan;
  if (plaintext_len < kNettleFrom) return AesLibrary::libsodium;
  if (plaintext_len < libcrypto_from) return AesLibrary::nettle;
  return libcrypto_if_worth(plaintext_len) != nullptr ? AesLibrary::libcrypto : AesLibrary::nettle;
}

static AesLibrary chosen(AesLibrary asked, std::size_t plaintext_len) noexcept {
  if (asked == AesLibrary::automatic) asked = library_of_host.load(std::memory_order_relaxed);
  return asked == AesLibrary::automatic ? fastest(plaintext_len) : asked;
}

static Result<void> seal_by(AesLibrary library, const GcmCall& call, SecretView head,
                            SecretView body, Out out) {
  switch (library) {
    case AesLibrary::libsodium:
      return libsodium_seal(call, head, body, out);
    case AesLibrary::nettle:
      return nettle_seal(call, head, body, out);
    case AesLibrary::libcrypto:
      return result_of(libcrypto()->seal(call, head, body, out), out);
    default: {
      const GcmOutcome outcome = botan()->seal(call, head, body, out);
      sodium_stackzero(kBotanStackLen);
      return result_of(outcome, out);
    }
  }
}

static Result<void> open_by(AesLibrary library, const GcmCall& call, Bytes sealed, Out out) {
  switch (library) {
    case AesLibrary::libsodium:
      return libsodium_open(call, sealed, out);
    case AesLibrary::nettle:
      return nettle_open(call, sealed, out);
    case AesLibrary::libcrypto:
      return result_of(libcrypto()->open(call, sealed, out), out);
    default: {
      const GcmOutcome outcome = botan()->open(call, sealed, out);
      sodium_stackzero(kBotanStackLen);
      return result_of(outcome, out);
    }
  }
}

}  // namespace detail::gcm

Result<void> random_bytes(std::span<std::uint8_t> out) {
  std::size_t filled = 0;
  while (filled < out.size()) {
    const ssize_t got = ::getrandom(out.data() + filled, out.size() - filled, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      return detail::gcm::refused(out, Code::internal, "the kernel gave no random bytes");
    filled += static_cast<std::size_t>(got);
  }
  return {};
}

Result<void> check_aes() {
  const bool blocks = !detail::aes_is_portable() || detail::botan() != nullptr;
  if (blocks && gcm_available(AesLibrary::automatic)) return {};
  return Error{
      Code::unsupported,
      "this CPU has no AES instructions, and Botan, whose AES takes the same time whatever the "
      "key, "
      "was not found; build strongroom with Botan and install its module next to the library"};
}

bool gcm_available(AesLibrary library) noexcept {
  switch (library) {
    case AesLibrary::automatic:
      return detail::gcm::libsodium_available() || detail::botan() != nullptr;
    case AesLibrary::libsodium:
      return detail::gcm::libsodium_available();
    case AesLibrary::nettle:
      return detail::gcm::nettle_available();
    case AesLibrary::libcrypto:
      return detail::libcrypto() != nullptr;
    case AesLibrary::botan:
      return detail::botan() != nullptr;
  }
  return false;
}

Result<void> use_aes_library(AesLibrary library) {
  if (!gcm_available(library)) {
    return Error{Code::unsupported,
                 "this AES library is not built in, could not be loaded, or needs AES instructions "
                 "that this CPU lacks"};
  }
  detail::gcm::library_of_host.store(library, std::memory_order_relaxed);
  return {};
}

Result<void> gcm_seal(std::span<const std::uint8_t, kKeyLen> key,
                      std::span<const std::uint8_t, kGcmNonceLen> nonce,
                      std::span<const std::uint8_t> associated, SecretView head, SecretView body,
                      std::span<std::uint8_t> out, AesLibrary library) {
  const std::size_t plaintext_len = head.size() + body.size();
  if (head.size() > detail::gcm::kMaxHeadLen || out.size() != plaintext_len + kTagLen) {
    return detail::gcm::refused(out, Code::invalid, "the sizes for sealing did not fit together");
  }
  const AesLibrary by = detail::gcm::chosen(library, plaintext_len);
  if (!gcm_available(by)) return detail::gcm::not_here(out);
  return detail::gcm::seal_by(by, {key, nonce, associated}, head, body, out);
}

Result<void> gcm_open(std::span<const std::uint8_t, kKeyLen> key,
                      std::span<const std::uint8_t, kGcmNonceLen> nonce,
                      std::span<const std::uint8_t> associated,
                      std::span<const std::uint8_t> sealed, std::span<std::uint8_t> out,
                      AesLibrary library) {
  if (sealed.size() < kTagLen)
    return detail::gcm::refused(out, Code::corrupt, "the ciphertext was cut short");
  if (out.size() != sealed.size() - kTagLen) {
    return detail::gcm::refused(out, Code::invalid, "the sizes for opening did not fit together");
  }
  const AesLibrary by = detail::gcm::chosen(library, out.size());
  if (!gcm_available(by)) return detail::gcm::not_here(out);
  return detail::gcm::open_by(by, {key, nonce, associated}, sealed, out);
}

}  // namespace strongroom
