#include "strongroom/impl/crypto/aead.hpp"

#include <botan/aead.h>
#include <botan/hash.h>
#include <botan/mac.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/time.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "strongroom/impl/crypto/aes_internal.hpp"
#include "strongroom/impl/crypto/secret_arena.hpp"

#if STRONGROOM_COMPARE_LIBCRYPTO
#include <openssl/err.h>
#endif

namespace strongroom::aead_test {
namespace {

using Buffer = std::vector<std::uint8_t>;

Buffer hex(std::string_view digits) {
  const auto value = [](char digit) { return digit <= '9' ? digit - '0' : digit - 'a' + 10; };
  Buffer bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(value(digits[i]) * 16 + value(digits[i + 1])));
  }
  return bytes;
}

Buffer text(std::string_view letters) {
  return Buffer(letters.begin(), letters.end());
}

// noise is the same in every run: a failure can be looked at again.
Buffer noise(std::size_t len, unsigned seed) {
  std::mt19937 random(seed * 1'000'003U + static_cast<unsigned>(len));
  Buffer bytes(len);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

SecretView view(const Buffer& bytes) {
  return SecretView(bytes.data(), bytes.size());
}
bool is_zeros(const Buffer& bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}
void flip(Buffer& bytes, std::size_t bit) {
  bytes[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
}

// AES-256-GCM

struct Gcm {
  Buffer key = noise(kKeyLen, 1);
  Buffer nonce = noise(kGcmNonceLen, 2);
  Buffer associated = noise(48, 3);

  Result<void> seal_into(Buffer& out, const Buffer& head, const Buffer& body, AesLibrary by) const {
    return gcm_seal(std::span<const std::uint8_t, kKeyLen>(key),
                    std::span<const std::uint8_t, kGcmNonceLen>(nonce), associated, view(head),
                    view(body), out, by);
  }
  Result<void> open_into(Buffer& out, const Buffer& sealed, AesLibrary by) const {
    return gcm_open(std::span<const std::uint8_t, kKeyLen>(key),
                    std::span<const std::uint8_t, kGcmNonceLen>(nonce), associated, sealed, out,
                    by);
  }
  Buffer seal(const Buffer& head, const Buffer& body, AesLibrary by) const {
    Buffer out(head.size() + body.size() + kTagLen);
    EXPECT_TRUE(seal_into(out, head, body, by));
    return out;
  }
};

class GcmBy : public ::testing::TestWithParam<AesLibrary> {
 protected:
  void SetUp() override {
    if (!gcm_available(GetParam())) GTEST_SKIP() << "not built in, or not on this CPU";
  }
  AesLibrary by() const { return GetParam(); }
};

std::string provider_name(const ::testing::TestParamInfo<AesLibrary>& tested) {
  const char* const names[] = {"automatic", "libsodium", "nettle", "libcrypto", "botan"};
  return names[static_cast<std::size_t>(tested.param)];
}

INSTANTIATE_TEST_SUITE_P(Provider, GcmBy,
                         ::testing::Values(AesLibrary::automatic, AesLibrary::libsodium,
                                           AesLibrary::nettle, AesLibrary::libcrypto,
                                           AesLibrary::botan),
                         provider_name);

TEST(Gcm, BestAndBotanAreEverywhere) {
  EXPECT_TRUE(gcm_available(AesLibrary::automatic));
  EXPECT_TRUE(gcm_available(AesLibrary::botan));
}

// McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B, test cases 13 to 16, which
// NIST publishes with SP 800-38D.
struct GcmVector {
  const char *key, *nonce, *associated, *plaintext, *sealed;
};
constexpr const char* kZeroKey = "0000000000000000000000000000000000000000000000000000000000000000";
constexpr const char* kFeffKey = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
const GcmVector kGcmVectors[] = {
    {kZeroKey, "000000000000000000000000", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {kZeroKey, "000000000000000000000000", "", "00000000000000000000000000000000",
     "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
    {kFeffKey, "cafebabefacedbaddecaf888", "",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad"
     "b094dac5d93471bdec1a502270e3cc6c"},
    {kFeffKey, "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
     "76fc6ece0f4e1768cddf8853bb2d551b"},
};

TEST_P(GcmBy, PublishedVectorsComeOut) {
  for (const GcmVector& vector : kGcmVectors) {
    const Gcm gcm{hex(vector.key), hex(vector.nonce), hex(vector.associated)};
    const Buffer plaintext = hex(vector.plaintext);
    for (std::size_t cut = 0; cut <= plaintext.size(); ++cut) {
      const auto middle = plaintext.begin() + static_cast<std::ptrdiff_t>(cut);
      const Buffer head(plaintext.begin(), middle);
      EXPECT_EQ(gcm.seal(head, Buffer(middle, plaintext.end()), by()), hex(vector.sealed)) << cut;
    }
    Buffer opened(plaintext.size());
    ASSERT_TRUE(gcm.open_into(opened, hex(vector.sealed), by()));
    EXPECT_EQ(opened, plaintext);
  }
}

TEST_P(GcmBy, AgreesWithBotanByteForByte) {
  const Gcm gcm;
  const auto agree = [&](std::size_t head_len, std::size_t body_len) {
    const Buffer head = noise(head_len, 4);
    const Buffer body = noise(body_len, 5);
    const Buffer sealed = gcm.seal(head, body, by());
    ASSERT_EQ(sealed, gcm.seal(head, body, AesLibrary::botan)) << head_len << "+" << body_len;
    Buffer opened(head_len + body_len);
    ASSERT_TRUE(gcm.open_into(opened, sealed, by()));
    ASSERT_TRUE(std::equal(head.begin(), head.end(), opened.begin()));
    ASSERT_TRUE(std::equal(body.begin(), body.end(),
                           opened.begin() + static_cast<std::ptrdiff_t>(head_len)));
  };
  for (std::size_t body = 0; body <= 300; ++body) {
    for (const std::size_t head : {0U, 1U, 15U, 16U, 17U, 32U, 63U, 64U}) agree(head, body);
  }
  for (std::size_t head = 0; head <= 64; ++head) agree(head, 100);
  for (const std::size_t body :
       {1007U, 1008U, 1009U, 1023U, 1024U, 1025U, 4096U, 65'537U, 1'048'576U}) {
    for (const std::size_t head : {0U, 16U, 33U}) agree(head, body);
  }
}

TEST_P(GcmBy, AgreesWithBotanOnAssociatedBytesOfEveryLength) {
  Gcm gcm;
  for (std::size_t len = 0; len <= 130; ++len) {
    gcm.associated = noise(len, 6);
    EXPECT_EQ(gcm.seal({}, text("secret"), by()), gcm.seal({}, text("secret"), AesLibrary::botan))
        << len;
  }
}

// expect_refused opens what should not open, apart and in place, over buffers that hold something.
void expect_refused(const Gcm& gcm, Buffer sealed, AesLibrary by, std::size_t bit) {
  Buffer apart(sealed.size() - kTagLen, 0xee);
  const auto opened = gcm.open_into(apart, sealed, by);
  ASSERT_FALSE(opened) << bit;
  EXPECT_EQ(opened.error().code, Code::corrupt) << bit;
  EXPECT_TRUE(is_zeros(apart)) << bit;

  const std::span<std::uint8_t> in_place(sealed.data(), sealed.size() - kTagLen);
  EXPECT_FALSE(gcm_open(std::span<const std::uint8_t, kKeyLen>(gcm.key),
                        std::span<const std::uint8_t, kGcmNonceLen>(gcm.nonce), gcm.associated,
                        sealed, in_place, by));
  sealed.resize(sealed.size() - kTagLen);
  EXPECT_TRUE(is_zeros(sealed)) << bit;
}

TEST_P(GcmBy, EachFlippedBitIsRefusedAndLeavesZeros) {
  for (const std::size_t len : {1U, 37U, 150U}) {
    Gcm gcm;
    Buffer sealed = gcm.seal(noise(16, 7), noise(len, 8), by());
    for (Buffer* part : {&gcm.key, &gcm.nonce, &gcm.associated, &sealed}) {
      for (std::size_t bit = 0; bit < part->size() * 8; ++bit) {
        flip(*part, bit);
        expect_refused(gcm, sealed, by(), bit);
        flip(*part, bit);
      }
    }
  }
}

TEST_P(GcmBy, LargeForgeryLeavesZeros) {
  const Gcm gcm;
  Buffer sealed = gcm.seal({}, noise(1 << 20, 9), by());
  flip(sealed, sealed.size() * 8 - 1);
  expect_refused(gcm, sealed, by(), 0);
}

TEST_P(GcmBy, EmptyPlaintextIsAuthenticatedAllTheSame) {
  Gcm gcm;
  Buffer sealed = gcm.seal({}, {}, by());
  Buffer nothing;
  EXPECT_TRUE(gcm.open_into(nothing, sealed, by()));
  flip(sealed, 0);
  EXPECT_FALSE(gcm.open_into(nothing, sealed, by()));
}

TEST_P(GcmBy, CutShortAtEveryLengthIsCorrupt) {
  const Gcm gcm;
  const Buffer whole = gcm.seal(noise(16, 1), noise(40, 2), by());
  for (std::size_t len = 0; len < whole.size(); ++len) {
    const Buffer cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(len));
    Buffer out(len < kTagLen ? 0 : len - kTagLen, 0xee);
    const auto opened = gcm.open_into(out, cut, by());
    ASSERT_FALSE(opened) << len;
    EXPECT_EQ(opened.error().code, Code::corrupt);
    EXPECT_TRUE(is_zeros(out));
  }
}

TEST_P(GcmBy, OpensInPlace) {
  const Gcm gcm;
  for (const std::size_t len : {0U, 1U, 16U, 31U, 64U, 127U, 128U, 300U, 5000U, 100'000U}) {
    const Buffer plaintext = noise(len, 10);
    Buffer buffer = gcm.seal({}, plaintext, by());
    const Buffer tag(buffer.end() - kTagLen, buffer.end());
    ASSERT_TRUE(gcm_open(std::span<const std::uint8_t, kKeyLen>(gcm.key),
                         std::span<const std::uint8_t, kGcmNonceLen>(gcm.nonce), gcm.associated,
                         buffer, std::span<std::uint8_t>(buffer.data(), len), by()));
    EXPECT_TRUE(std::equal(plaintext.begin(), plaintext.end(), buffer.begin())) << len;
    EXPECT_TRUE(std::equal(tag.begin(), tag.end(), buffer.end() - kTagLen)) << len;
  }
}

TEST_P(GcmBy, WrongSizesAreInvalidAndLeaveZeros) {
  const Gcm gcm;
  for (const std::size_t len : {0U, 10U, 25U, 27U, 100U}) {
    Buffer out(len, 0xee);
    const auto sealed = gcm.seal_into(out, {}, noise(10, 1), by());
    ASSERT_FALSE(sealed) << len;
    EXPECT_EQ(sealed.error().code, Code::invalid);
    EXPECT_TRUE(is_zeros(out));
  }
  const Buffer sealed = gcm.seal({}, noise(10, 1), by());
  for (const std::size_t len : {0U, 9U, 11U, 26U}) {
    Buffer out(len, 0xee);
    const auto opened = gcm.open_into(out, sealed, by());
    ASSERT_FALSE(opened) << len;
    EXPECT_EQ(opened.error().code, Code::invalid);
    EXPECT_TRUE(is_zeros(out));
  }
}

TEST_P(GcmBy, HeadOverItsLimitIsInvalid) {
  Buffer out(65 + 10 + kTagLen, 0xee);
  const auto sealed = Gcm().seal_into(out, noise(65, 1), noise(10, 1), by());
  ASSERT_FALSE(sealed);
  EXPECT_EQ(sealed.error().code, Code::invalid);
  EXPECT_TRUE(is_zeros(out));
}

TEST_P(GcmBy, ManyThreadsAtOnceGetTheSameBytes) {
  const Gcm gcm;
  const Buffer head = noise(16, 1);
  const Buffer body = noise(1000, 2);
  std::vector<std::thread> threads;
  std::vector<Buffer> sealed(8);
  for (std::size_t t = 0; t < sealed.size(); ++t) {
    threads.emplace_back([&, t] {
      Buffer opened(head.size() + body.size());
      for (int round = 0; round < 50; ++round) {
        sealed[t] = gcm.seal(head, body, by());
        EXPECT_TRUE(gcm.open_into(opened, sealed[t], by()));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (const Buffer& each : sealed) EXPECT_EQ(each, sealed[0]);
}

TEST(Gcm, WithoutLockedMemoryNothingIsSealed) {
  if (!gcm_available(AesLibrary::libsodium)) GTEST_SKIP() << "only libsodium joins head and body";
  SecretArena& arena = SecretArena::instance();
  const std::size_t budget = arena.stats().budget_bytes;
  arena.set_budget(0);
  const Buffer body = noise(3 << 20, 1);  // larger than what other tests left in the arena
  Buffer out(16 + body.size() + kTagLen, 0xee);
  const auto sealed = Gcm().seal_into(out, noise(16, 1), body, AesLibrary::libsodium);
  arena.set_budget(budget);
  ASSERT_FALSE(sealed);
  EXPECT_EQ(sealed.error().code, Code::too_large);
  EXPECT_TRUE(is_zeros(out));
}

#if STRONGROOM_COMPARE_LIBCRYPTO
TEST(Gcm, ForgeryLeavesNothingInTheHostsQueueOfLibcryptoErrors) {
  const Gcm gcm;
  Buffer sealed = gcm.seal({}, noise(2000, 1), AesLibrary::libcrypto);
  flip(sealed, 0);
  ERR_clear_error();
  Buffer out(2000);
  EXPECT_FALSE(gcm.open_into(out, sealed, AesLibrary::libcrypto));
  EXPECT_EQ(ERR_peek_error(), 0U);
}
#endif

// What a call leaves on its stack is seen by giving it a stack of ours.

// The dynamic linker, when it binds a function at its first call, saves on that stack what earlier
// calls elsewhere had left in the vector registers. So each call is made once before it is looked
// at; a sanitizer has functions of its own that are bound at any time.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr bool kStacksTell = false;
#elif defined(__has_feature)
constexpr bool kStacksTell = !__has_feature(thread_sanitizer) && !__has_feature(address_sanitizer);
#else
constexpr bool kStacksTell = true;
#endif

// kept makes the optimizer believe that somebody looks at an array.
void kept(std::uint8_t* array) {
  asm volatile("" : : "r"(array) : "memory");
}

class OwnStack {
 public:
  OwnStack()
      : bytes_(::mmap(nullptr, kLen, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {}
  ~OwnStack() { ::munmap(bytes_, kLen); }
  OwnStack(const OwnStack&) = delete;
  OwnStack& operator=(const OwnStack&) = delete;

  void run(std::function<void()> call) const {
    call();
    pthread_attr_t attributes;
    pthread_t thread;
    ::pthread_attr_init(&attributes);
    ASSERT_EQ(::pthread_attr_setstack(&attributes, bytes_, kLen), 0);
    ASSERT_EQ(::pthread_create(&thread, &attributes, enter, &call), 0);
    ::pthread_join(thread, nullptr);
    ::pthread_attr_destroy(&attributes);
  }

  // holds tells whether any 8 bytes in a row of secret are somewhere on the stack.
  bool holds(std::span<const std::uint8_t> secret) const {
    const auto* const end = static_cast<const std::uint8_t*>(bytes_) + kLen;
    const auto* const begin =  // what was never reached is zero
        std::find_if(end - kLen, end, [](std::uint8_t byte) { return byte != 0; });
    const auto len = static_cast<std::size_t>(end - begin);
    for (std::size_t i = 0; i + 8 <= secret.size(); ++i) {
      if (::memmem(begin, len, secret.data() + i, 8) != nullptr) return true;
    }
    return false;
  }

 private:
  // The call runs below what the end of the thread writes over.
  static void* enter(void* call) {
    std::uint8_t above[16'384];
    kept(above);
    (*static_cast<std::function<void()>*>(call))();
    kept(above);
    return nullptr;
  }

  static constexpr std::size_t kLen = 1 << 20;
  void* const bytes_;
};

TEST(OwnStack, SeesWhatACallLeavesBehind) {
  if (!kStacksTell) GTEST_SKIP() << "sanitizers use the stack too";
  const Buffer secret = noise(32, 40);
  const OwnStack stack;
  stack.run([&] {
    std::uint8_t local[32];
    std::memcpy(local, secret.data(), sizeof local);
    kept(local);
  });
  EXPECT_TRUE(stack.holds(secret));
}

TEST_P(GcmBy, NeitherKeyNorPlaintextStaysOnTheStack) {
  if (!kStacksTell) GTEST_SKIP() << "sanitizers use the stack too";
  for (const std::size_t len : {33U, 64U, 127U, 1000U, 5000U}) {
    const Gcm gcm;
    const Buffer head = noise(16, 41);
    const Buffer body = noise(len, 42);
    Buffer sealed(head.size() + body.size() + kTagLen);
    Buffer opened(head.size() + body.size());
    const OwnStack seal_stack;
    seal_stack.run([&] { EXPECT_TRUE(gcm.seal_into(sealed, head, body, by())); });
    EXPECT_FALSE(seal_stack.holds(gcm.key)) << len;
    EXPECT_FALSE(seal_stack.holds(head)) << len;
    EXPECT_FALSE(seal_stack.holds(body)) << len;
    const OwnStack open_stack;
    open_stack.run([&] { EXPECT_TRUE(gcm.open_into(opened, sealed, by())); });
    EXPECT_FALSE(open_stack.holds(gcm.key)) << len;
    EXPECT_FALSE(open_stack.holds(opened)) << len;
  }
}

// Random bytes

TEST(RandomBytes, FillEveryByteAndDifferEachTime) {
  Buffer first(64);
  Buffer second(64);
  ASSERT_TRUE(random_bytes(first));
  ASSERT_TRUE(random_bytes(second));
  EXPECT_NE(first, second);
  std::vector<bool> seen(64);
  for (int round = 0; round < 100; ++round) {
    ASSERT_TRUE(random_bytes(first));
    for (std::size_t i = 0; i < first.size(); ++i) seen[i] = seen[i] || first[i] != 0;
  }
  EXPECT_EQ(std::count(seen.begin(), seen.end(), false), 0);
  EXPECT_TRUE(random_bytes({}));
}

// The kernel returns early when a signal comes while it makes many bytes.
TEST(RandomBytes, SignalsDoNotCutThemShort) {
  struct sigaction ignore {};
  struct sigaction before {};
  ignore.sa_handler = [](int) {};
  ::sigaction(SIGALRM, &ignore, &before);
  const itimerval often{{0, 200}, {0, 200}};
  const itimerval never{};
  ::setitimer(ITIMER_REAL, &often, nullptr);
  Buffer out(4 << 20);
  const auto drawn = random_bytes(out);
  ::setitimer(ITIMER_REAL, &never, nullptr);
  ::sigaction(SIGALRM, &before, nullptr);
  ASSERT_TRUE(drawn);
  for (std::size_t i = 0; i + 32 <= out.size(); i += 32) {
    ASSERT_FALSE(std::all_of(&out[i], &out[i + 31], [](std::uint8_t byte) { return byte == 0; }))
        << i;
  }
}

// The AES constructions, each by what the CPU offers and by the portable AES

class AesBy : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    detail::portable_aes(GetParam());
    if (detail::aes_is_portable() != GetParam()) GTEST_SKIP() << "the CPU has no AES instructions";
  }
  void TearDown() override { detail::portable_aes(false); }
};

std::string cipher_name(const ::testing::TestParamInfo<bool>& tested) {
  return tested.param ? "portable" : "accelerated";
}

INSTANTIATE_TEST_SUITE_P(Cipher, AesBy, ::testing::Bool(), cipher_name);

template <typename Key>
Key schedule(const Buffer& bytes) {
  Key key{};
  if constexpr (std::is_same_v<Key, SivKey>) {
    set_key(key, std::span<const std::uint8_t, kSivKeyLen>(bytes));
  } else {
    set_key(key, std::span<const std::uint8_t, kKeyLen>(bytes));
  }
  return key;
}

// XAES-256-GCM, from both parts of aead.hpp as the barrier puts them together
Buffer xaes_seal(const Buffer& key, const XaesNonce& nonce, const Buffer& plaintext,
                 const Buffer& associated) {
  const auto kept = schedule<XaesKey>(key);
  Gcm gcm{Buffer(kKeyLen), Buffer(nonce.end() - kGcmNonceLen, nonce.end()), associated};
  xaes_derive(kept, nonce, std::span<std::uint8_t, kKeyLen>(gcm.key));
  return gcm.seal({}, plaintext, AesLibrary::automatic);
}

XaesNonce xaes_nonce(const Buffer& bytes) {
  XaesNonce nonce{};
  std::copy(bytes.begin(), bytes.end(), nonce.begin());
  return nonce;
}

// C2SP XAES-256-GCM.md, "Test vectors": the highest bit of L is 0 in the first and 1 in the second.
TEST_P(AesBy, XaesVectorsOfC2spComeOut) {
  struct Vector {
    const char *key, *subkey, *derived, *associated, *sealed;
  };
  const Vector vectors[] = {
      {"0101010101010101010101010101010101010101010101010101010101010101",
       "e531954aca063d5b8d9c47a47d4cc6f0",
       "c8612c9ed53fe43e8e005b828a1631a0bbcb6ab2f46514ec4f439fcfd0fa969b", "",
       "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"},
      {"0303030303030303030303030303030303030303030303030303030303030303",
       "23810ec50edb99f374409466ed1f4b7b",
       "e9c621d4cdd9b11b00a6427ad7e559aeedd66b3857646677748f8ca796cb3fd8", "c2sp.org/XAES-256-GCM",
       "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"},
  };
  const XaesNonce nonce = xaes_nonce(text("ABCDEFGHIJKLMNOPQRSTUVWX"));
  for (const Vector& vector : vectors) {
    const auto kept = schedule<XaesKey>(hex(vector.key));
    EXPECT_EQ(Buffer(kept.subkey.begin(), kept.subkey.end()), hex(vector.subkey));
    Buffer derived(kKeyLen);
    xaes_derive(kept, nonce, std::span<std::uint8_t, kKeyLen>(derived));
    EXPECT_EQ(derived, hex(vector.derived));
    EXPECT_EQ(xaes_seal(hex(vector.key), nonce, text("XAES-256-GCM"), text(vector.associated)),
              hex(vector.sealed));
  }
}

// C2SP XAES-256-GCM.md, "Accumulated randomized tests": inputs from SHAKE-128 of nothing, sealed
// bytes hashed by another.
TEST_P(AesBy, XaesAccumulatedTestOfC2spComesOut) {
  const auto stream = Botan::HashFunction::create_or_throw("SHAKE-128(32000000)")->final();
  std::size_t read = 0;
  const auto take = [&](std::size_t len) {
    const auto begin = stream.begin() + static_cast<std::ptrdiff_t>(read);
    read += len;
    return Buffer(begin, begin + static_cast<std::ptrdiff_t>(len));
  };
  const auto hash = Botan::HashFunction::create_or_throw("SHAKE-128(256)");
  for (int round = 0; round < 10'000; ++round) {
    const Buffer key = take(kKeyLen);
    const XaesNonce nonce = xaes_nonce(take(kXaesNonceLen));
    const Buffer plaintext = take(take(1)[0]);
    const Buffer associated = take(take(1)[0]);
    hash->update(xaes_seal(key, nonce, plaintext, associated));
  }
  EXPECT_EQ(hash->final_stdvec(),
            hex("e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939"));
}

TEST_P(AesBy, EveryBitOfAnXaesNonceCounts) {
  const auto kept = schedule<XaesKey>(noise(kKeyLen, 1));
  XaesNonce nonce{};
  Buffer before(kKeyLen);
  Buffer after(kKeyLen);
  xaes_derive(kept, nonce, std::span<std::uint8_t, kKeyLen>(before));
  for (std::size_t bit = 0; bit < 12 * 8; ++bit) {  // the rest of the nonce is GCM's own
    nonce[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    xaes_derive(kept, nonce, std::span<std::uint8_t, kKeyLen>(after));
    EXPECT_NE(before, after) << bit;
    nonce[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
  }
}

Buffer cmac_of(const CmacKey& key, const Buffer& first, const Buffer& second) {
  const Block tag = cmac(key, first, second);
  return Buffer(tag.begin(), tag.end());
}

// NIST SP 800-38B, examples for AES-256 (RFC 4493 has AES-128 alone). The last message is whole
// blocks, the third is not.
TEST_P(AesBy, CmacVectorsOfNistComeOutHoweverTheMessageIsSplit) {
  const auto key =
      schedule<CmacKey>(hex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"));
  const Buffer whole =
      hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
          "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710");
  const std::pair<std::size_t, const char*> vectors[] = {{0, "028962f61b7bf89efc6b551f4667d983"},
                                                         {16, "28a7023f452e8f82bd4bf28d8c37c35c"},
                                                         {40, "aaf3d8f1de5640c232f5b169b9c911e6"},
                                                         {64, "e1992190549f6ed5696a2c056c315410"}};
  for (const auto& [len, tag] : vectors) {
    for (std::size_t cut = 0; cut <= len; ++cut) {
      const auto middle = whole.begin() + static_cast<std::ptrdiff_t>(cut);
      const Buffer first(whole.begin(), middle);
      const Buffer second(middle, whole.begin() + static_cast<std::ptrdiff_t>(len));
      EXPECT_EQ(cmac_of(key, first, second), hex(tag)) << len << " at " << cut;
    }
  }
}

TEST_P(AesBy, CmacAgreesWithBotan) {
  const Buffer bytes = noise(kKeyLen, 20);
  const auto key = schedule<CmacKey>(bytes);
  const auto botan = Botan::MessageAuthenticationCode::create_or_throw("CMAC(AES-256)");
  botan->set_key(bytes);
  for (std::size_t len = 0; len <= 130; ++len) {
    const Buffer message = noise(len, 21);
    EXPECT_EQ(cmac_of(key, {}, message), botan->process(message)) << len;
  }
}

// AES-SIV

Buffer sealed_siv(const SivKey& key, const Buffer& label, const Buffer& bound,
                  const Buffer& plaintext) {
  Buffer out(kTagLen + plaintext.size());
  siv_seal(key, label, bound, view(plaintext), out);
  return out;
}

Buffer botan_siv(const std::string& algorithm, const Buffer& key,
                 const std::vector<Buffer>& associated, const Buffer& nonce,
                 const Buffer& plaintext) {
  const auto mode = Botan::AEAD_Mode::create_or_throw(algorithm, Botan::ENCRYPTION);
  mode->set_key(key);
  for (std::size_t i = 0; i < associated.size(); ++i) {
    mode->set_associated_data_n(i, associated[i].data(), associated[i].size());
  }
  mode->start(nonce);
  Botan::secure_vector<std::uint8_t> buffer(plaintext.begin(), plaintext.end());
  mode->finish(buffer);
  return Buffer(buffer.begin(), buffer.end());
}

// RFC 5297 A.1 and A.2 are AES-128, which strongroom has not: they hold Botan's SIV, our measure
// below, to the standard.
TEST(Siv, BotansAgreesWithTheVectorsOfRfc5297) {
  EXPECT_EQ(botan_siv("AES-128/SIV",
                      hex("fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"),
                      {hex("101112131415161718191a1b1c1d1e1f2021222324252627")}, {},
                      hex("112233445566778899aabbccddee")),
            hex("85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c"));
  EXPECT_EQ(botan_siv("AES-128/SIV",
                      hex("7f7e7d7c7b7a79787776757473727170404142434445464748494a4b4c4d4e4f"),
                      {hex("00112233445566778899aabbccddeeffdeaddadadeaddadaffeeddccbbaa9988"
                           "7766554433221100"),
                       hex("102030405060708090a0")},
                      hex("09f911029d74e35bd84156c5635688c0"),
                      hex("7468697320697320736f6d6520706c61696e7465787420746f20656e63727970"
                          "74207573696e67205349562d414553")),
            hex("7bdb6e3b432667eb06f4d14bff2fbd0fcb900f2fddbe404326601965c889bf17"
                "dba77ceb094fa663b7a3f748ba8af829ea64ad544a272e9c485b62a3fd5c0d"));
}

// Wycheproof, testvectors_v1/aead_aes_siv_cmac_test.json (AEAD-AES-SIV-CMAC, 512-bit keys): its
// associated data is our label, its nonce our bound, and its tag goes first.
struct SivVector {
  const char *key, *label, *bound, *plaintext, *sealed;
};
const SivVector kSivVectors[] = {
    {"bfdbb75cb72e92c74830d118d3234058046c7975b47b41f47e29dee610503ad8"
     "8763f14fdc05081479211a87d7194ea9833daa83d23fc40bc94b4e2747b56a9d",  // tcId 573
     "", "90ae32004f8a942b85e398ae", "0bf1b0468c2a530b4581cd0f",
     "c3dccc472c5839548a5e540aba44c054591b79ddd5b4c9741455b267"},
    {"74a7668cc5ee2a7e9fcd16d4532c3003df1a76c11258f85bb4bfca1338bd3907"
     "ac8d612130b8ee883458db8391cf7fc97dd85561daaad9c956ad9792f3ecc2a2",  // tcId 576
     "7b4684f9ece1a9692ca55e5116a42a2f", "620d2bea54e5705c38dcb7c1",
     "258e0603894966aa41d4976adc9bcf0f",
     "025953abed163ab5e40eb81964d74c87ddc9539eb3eda56849f69e9bc1669d15"},
    {"a649c793bbdfdb35429d2275f60c927551169d324b1b3bac7985ec8d4718c6ed"
     "e8792d4de5e1bea667e5c20399f1d82640a76e032817ca970023e9963620227d",  // tcId 577
     "3dbee6d847c8e9d2013ca3df220f4d4613543869aed9e18f1095206eedf8d5f3", "a18e680e36c17b363ce6ffe5",
     "ea0d8157998b68fe0ad6a325832bfe83",
     "631bb283e09bdc578931719c56893db095ab84d49178ee58a712cd143c06abf2"},
    {"8bbcff46adb3b2f633556ee32cae6c1862f5b3218b7f507f5b6459c596208673"
     "850726bde2e01e98e4e5f65191a734804ed11f3c5951a2691d36d1d2b4efe629",  // tcId 583
     "d66e8678ffc2b8795d0dc036151b64", "90e89511a70f59be5f041c60", "87abe7618b897ef3c3bcb05a",
     "829874dd7d53c92c8fe6e24db91abe9261e4650a989310d4b1c3519a"},
    {"9b7ac24edb15f75a197775af8bcfabe6dc05ccbb81cc3e48a51a69cece6e0576"
     "046fac35dab04aabd68e28b9f28933b0afe5886229d8fbb16a26a2f658c98974",  // tcId 584
     "8eb358e878643e5bea9a1c01f8331d7004c14f74", "5b27cb62077a1df17a63d4dd",
     "3a889b57f92ad85e1fd026e3", "1a92277fadbe94168f9d6d57ac125a8184a598ac2f7c3e6fc9d0df68"},
    {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
     "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f",  // tcId 718
     "", "000102030405060708090a0b", "e263662fae97474610de64735273a6fb",
     "00000000000000000000000000000000112422c463a438668cc787df41ab8b17"},
    {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
     "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f",  // tcId 719
     "000102030405060708090a0b0c0d0e0f", "000102030405060708090a0b",
     "865e5d7ea007c247bb1badcdec278f57",
     "00000000000000000000000000000000751919956d34bd6727024e61ffffa2bb"},
    {"18b05a489b214fd10c2f1356b3b34998e361f35a84c2fcb187f2549196efede4"
     "c13a5c1c491ec0b04af220a86252bb8bc776cb4b25224a6c8c7f9eaf0bcdbf2e",  // tcId 728
     "", "1d6f1df0bcc0c1f69cc97f32e14bf260", "f115dae550acd0c495f5734f",
     "10579e3913e4cf981af14431b1e2fac920ac03edcacf0a79236132ec"},
    {"d585daac35d070d8d9afeb39d9c980c389d10939c3bc017b2c2c933f30ee325a"
     "6f5f990f1b7c91f6bf9056a989fb0592e7d95e9d579e025028e3d4298eab7c9f",  // tcId 731
     "efde892c39b38c3991f23f6e95051293", "6d1106b6c099a08dfe9725b603f816d9",
     "1b317ce2b8bc212018bc98f3d40a9f6d",
     "420177ccd4e7e03313acf784f1f96a451d58b86136121a0adc0947a557d8b075"},
    {"323ca981ca0f742a7dcb2a9395140b35cb948cbb59e159e10438748d883c367e"
     "360030172b23339cf0884e42229cccfde7bea55143796029612b613fbee71559",  // tcId 736
     "7050d4bb6f5dcff5", "d10ab6b4a3acfcd6c8f5d850df27b145", "85c863857f1bbcbaa680a6cd",
     "0d4cd52d300cb613e0bbab25aed3083cb31d864d70bcd9505a7ecd14"},
    {"87c428fa8cee899ab6b8ec1121947950eaed084d2bd05dd1f6ba12fa2ba53d02"
     "f0cbca02cad37d030836cd2db21b1230d21c1617a07f2ead8714d59e2c72f6ff",  // tcId 740
     "22dea135e4573733b59cd68e38717af4f15823ac054e783f0d91afbdceb906dd"
     "9c48f7abb748799a",
     "ee4ae4f551bee1b51bba0e07daf74773", "ae9af34519cb3ac636a56f2b",
     "e3559d9d84112f85a7517dffbcd349e6b12216b267fcedab53a1a7d3"},
    {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
     "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f",  // tcId 849
     "", "000102030405060708090a0b0c0d0e0f", "db50f899dd8b0e842f71a94d7c8dd47d",
     "000000000000000000000000000000002817bc7210b871a4b3684ae16f55f991"},
    {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
     "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f",  // tcId 850
     "000102030405060708090a0b0c0d0e0f", "000102030405060708090a0b0c0d0e0f",
     "bf6dc3c8d31b8b8584b460f3c2d9fdd1",
     "000000000000000000000000000000004c2a87231e28f4a518ad835fd101d03d"},
    {"04ca70364942c17afbe6a3038237d931cbf65a91e2a40e2b98e498503c24437f"
     "5808b1e8e42bd4bef53c10c95f1f004fc51784d8981dfc4c137504f6c4a4e78a",  // tcId 871
     "", "e1", "", "ca391fa42a818fd85b8557d38837c00b"},
};

TEST_P(AesBy, SivVectorsOfWycheproofComeOut) {
  for (const SivVector& vector : kSivVectors) {
    const auto key = schedule<SivKey>(hex(vector.key));
    const Buffer label = hex(vector.label);
    const Buffer bound = hex(vector.bound);
    const Buffer plaintext = hex(vector.plaintext);
    EXPECT_EQ(sealed_siv(key, label, bound, plaintext), hex(vector.sealed));
    Buffer opened(plaintext.size());
    EXPECT_TRUE(siv_open(key, label, bound, hex(vector.sealed), opened));
    EXPECT_EQ(opened, plaintext);
  }
}

TEST_P(AesBy, SivAgreesWithBotanByteForByte) {
  const Buffer bytes = noise(kSivKeyLen, 30);
  const auto key = schedule<SivKey>(bytes);
  for (std::size_t len = 0; len <= 100; ++len) {
    const Buffer label = noise(len % 37, 31);
    const Buffer bound = noise(1 + len % 41, 32);
    const Buffer plaintext = noise(len, 33);
    const Buffer sealed = sealed_siv(key, label, bound, plaintext);
    EXPECT_EQ(sealed, botan_siv("AES-256/SIV", bytes, {label, bound}, {}, plaintext)) << len;
    EXPECT_EQ(sealed, botan_siv("AES-256/SIV", bytes, {label}, bound, plaintext)) << len;
    Buffer opened(len);
    EXPECT_TRUE(siv_open(key, label, bound, sealed, opened));
    EXPECT_EQ(opened, plaintext);
  }
}

// S2V of RFC 5297, section 2.4, composed once more from cmac: the tag that siv_seal must put first.
Buffer s2v(const CmacKey& key, const std::vector<Buffer>& strings, Buffer last) {
  const auto add = [](Buffer& to, const Buffer& from) {
    for (std::size_t i = 0; i < from.size(); ++i) to[to.size() - from.size() + i] ^= from[i];
  };
  const auto twice = [](Buffer& block) {
    const unsigned carry = block[0] >> 7;
    for (std::size_t i = 0; i < block.size(); ++i) {
      const unsigned next = i + 1 < block.size() ? block[i + 1] >> 7U : 0U;
      block[i] = static_cast<std::uint8_t>(block[i] * 2U | next);
    }
    block.back() ^= static_cast<std::uint8_t>(carry * 0x87U);
  };
  Buffer sum = cmac_of(key, Buffer(kBlockLen), {});
  for (const Buffer& each : strings) {
    twice(sum);
    add(sum, cmac_of(key, each, {}));
  }
  if (last.size() >= kBlockLen) {
    add(last, sum);
    return cmac_of(key, last, {});
  }
  twice(sum);
  last.push_back(0x80);
  last.resize(kBlockLen);
  add(last, sum);
  return cmac_of(key, last, {});
}

TEST_P(AesBy, SivTagIsS2vOfLabelThenBoundThenPlaintext) {
  const Buffer bytes = noise(kSivKeyLen, 34);
  const auto key = schedule<SivKey>(bytes);
  for (std::size_t len = 0; len <= 50; ++len) {
    const Buffer label = noise(len, 35);
    const Buffer bound = noise(16, 36);
    const Buffer plaintext = noise(len, 37);
    const Buffer sealed = sealed_siv(key, label, bound, plaintext);
    EXPECT_EQ(Buffer(sealed.begin(), sealed.begin() + kTagLen),
              s2v(key.mac, {label, bound}, plaintext));
  }
}

TEST_P(AesBy, OneSivHeadServesManyMessages) {
  const auto key = schedule<SivKey>(noise(kSivKeyLen, 35));
  const Buffer label = text("s");
  const Buffer bound = noise(16, 36);
  const SivHead head = siv_head(key, label, bound);
  for (std::size_t len = 0; len <= 80; ++len) {
    const Buffer plaintext = noise(len, 37);
    Buffer sealed(kTagLen + len);
    siv_seal(key, head, view(plaintext), sealed);
    EXPECT_EQ(sealed, sealed_siv(key, label, bound, plaintext)) << len;
    Buffer opened(len);
    EXPECT_TRUE(siv_open(key, head, sealed, opened)) << len;
    EXPECT_EQ(opened, plaintext) << len;
    sealed[0] ^= 1;
    EXPECT_FALSE(siv_open(key, head, sealed, opened)) << len;
    EXPECT_TRUE(is_zeros(opened)) << len;
  }
}

TEST_P(AesBy, EachFlippedBitOfASivIsRefusedAndLeavesZeros) {
  Buffer bytes = noise(kSivKeyLen, 38);
  Buffer label = text("label");
  Buffer bound = noise(16, 39);
  Buffer sealed = sealed_siv(schedule<SivKey>(bytes), label, bound, noise(32, 40));
  for (Buffer* part : {&bytes, &label, &bound, &sealed}) {
    for (std::size_t bit = 0; bit < part->size() * 8; ++bit) {
      flip(*part, bit);
      Buffer out(32, 0xee);
      EXPECT_FALSE(siv_open(schedule<SivKey>(bytes), label, bound, sealed, out)) << bit;
      EXPECT_TRUE(is_zeros(out)) << bit;
      flip(*part, bit);
    }
  }
}

TEST_P(AesBy, SivOfWrongSizesDoesNotOpen) {
  const auto key = schedule<SivKey>(noise(kSivKeyLen, 1));
  const Buffer bound = noise(16, 2);
  const Buffer sealed = sealed_siv(key, {}, bound, noise(20, 3));
  for (std::size_t len = 0; len < sealed.size(); ++len) {
    const Buffer cut(sealed.begin(), sealed.begin() + static_cast<std::ptrdiff_t>(len));
    Buffer out(len < kTagLen ? 0 : len - kTagLen, 0xee);
    EXPECT_FALSE(siv_open(key, {}, bound, cut, out)) << len;
    EXPECT_TRUE(is_zeros(out));
  }
  for (const std::size_t len : {0U, 19U, 21U, 36U}) {
    Buffer out(len, 0xee);
    EXPECT_FALSE(siv_open(key, {}, bound, sealed, out)) << len;
    EXPECT_TRUE(is_zeros(out));
  }
  Buffer out(20, 0xee);
  EXPECT_FALSE(siv_open(key, {}, {}, sealed, out)) << "nothing bound";
  EXPECT_TRUE(is_zeros(out));
}

TEST_P(AesBy, NeitherKeysNorPlaintextStayOnTheStack) {
  if (!kStacksTell) GTEST_SKIP() << "sanitizers use the stack too";
  const Buffer bytes = noise(kSivKeyLen, 50);
  const Buffer plaintext = noise(45, 51);
  const Buffer bound = noise(16, 52);
  auto siv = std::make_unique<SivKey>();
  auto xaes = std::make_unique<XaesKey>();
  Buffer sealed(kTagLen + plaintext.size());
  Buffer opened(plaintext.size());
  Buffer derived(kKeyLen);
  set_key(*siv, std::span<const std::uint8_t, kSivKeyLen>(bytes));
  set_key(*xaes, std::span(bytes).first<kKeyLen>());
  xaes_derive(*xaes, XaesNonce{}, std::span<std::uint8_t, kKeyLen>(derived));
  const std::pair<const char*, std::function<void()>> calls[] = {
      {"set_key siv", [&] { set_key(*siv, std::span<const std::uint8_t, kSivKeyLen>(bytes)); }},
      {"set_key xaes", [&] { set_key(*xaes, std::span(bytes).first<kKeyLen>()); }},
      {"derive",
       [&] { xaes_derive(*xaes, XaesNonce{}, std::span<std::uint8_t, kKeyLen>(derived)); }},
      {"cmac", [&] { cmac(siv->mac, plaintext, bound); }},
      {"siv_seal", [&] { siv_seal(*siv, {}, bound, view(plaintext), sealed); }},
      {"siv_open", [&] { EXPECT_TRUE(siv_open(*siv, {}, bound, sealed, opened)); }},
  };
  for (const auto& [name, call] : calls) {
    const OwnStack stack;
    stack.run(call);
    EXPECT_FALSE(stack.holds(bytes)) << name;
    EXPECT_FALSE(stack.holds(plaintext)) << name;
    EXPECT_FALSE(stack.holds(derived)) << name;
    EXPECT_FALSE(stack.holds(siv->mac.subkeys[0])) << name;
    EXPECT_FALSE(stack.holds(siv->mac.subkeys[1])) << name;
    EXPECT_FALSE(stack.holds(xaes->subkey)) << name;
    if (!GetParam()) {
      EXPECT_FALSE(stack.holds(std::span(siv->mac.aes.opaque).first<240>())) << name;
    }
  }
}

// L of C2SP's first vector: who has it has the subkeys.
TEST_P(AesBy, WhatSubkeysAreMadeFromDoesNotStayOnTheStack) {
  if (!kStacksTell) GTEST_SKIP() << "sanitizers use the stack too";
  const Buffer bytes(kKeyLen, 0x01);
  const Buffer source = hex("7298caa565031eadc6ce23d23ea66378");
  auto xaes = std::make_unique<XaesKey>();
  auto mac = std::make_unique<CmacKey>();
  const OwnStack xaes_stack;
  xaes_stack.run([&] { set_key(*xaes, std::span(bytes).first<kKeyLen>()); });
  EXPECT_FALSE(xaes_stack.holds(source));
  const OwnStack mac_stack;
  mac_stack.run([&] { set_key(*mac, std::span(bytes).first<kKeyLen>()); });
  EXPECT_FALSE(mac_stack.holds(source));
}

TEST_P(AesBy, OneKeyServesManyThreadsAtOnce) {
  const auto siv = schedule<SivKey>(noise(kSivKeyLen, 60));
  const Buffer bound = noise(16, 61);
  const Buffer expected = sealed_siv(siv, {}, bound, bound);
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int round = 0; round < 100; ++round)
        EXPECT_EQ(sealed_siv(siv, {}, bound, bound), expected);
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace strongroom::aead_test
