// lmdb_peer.cpp: LMDB and libsodium's AES-256-GCM by hand: one random key for all values, a random nonce and
// the path bound to each. Paths are in clear, and no key is ever changed: it is the least that one could do.
#include <lmdb.h>
#include <sodium.h>
#include <sys/stat.h>

#include <array>
#include <cstring>
#include <memory>
#include <string>

#include "peer.hpp"

namespace {

using namespace peers;

constexpr std::size_t kNonceLen = crypto_aead_aes256gcm_NPUBBYTES;
constexpr std::size_t kStoredLen = kNonceLen + kValueLen + crypto_aead_aes256gcm_ABYTES;

void check(int rc) {
  if (rc != 0) give_up(std::string("LMDB: ") + mdb_strerror(rc));
}

MDB_val val(const void* data, std::size_t len) noexcept {
  return {len, const_cast<void*>(data)};
}
MDB_val val(const std::string& text) noexcept {
  return val(text.data(), text.size());
}

const std::uint8_t* bytes(const std::string& text) noexcept {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

class Lmdb {
 public:
  static void make(const fs::path& directory) {
    must(sodium_init() >= 0, "libsodium did not start");
    std::array<std::uint8_t, crypto_aead_aes256gcm_KEYBYTES> key{};
    std::array<char, 2 * key.size() + 1> text{};
    crypto_aead_aes256gcm_keygen(key.data());
    sodium_bin2hex(text.data(), text.size(), key.data(), key.size());
    write_key(directory, text.data());
  }

  explicit Lmdb(const fs::path& directory) {
    must(sodium_init() >= 0 && crypto_aead_aes256gcm_is_available() == 1,
         "this CPU has no AES instructions");
    load_key(read_key(directory));
    MDB_env* env = nullptr;
    check(mdb_env_create(&env));
    env_.reset(env);
    check(mdb_env_set_mapsize(env, std::size_t{1} << 40));
    check(mdb_env_open(env, (directory / "store").c_str(), MDB_NOTLS | MDB_NOSUBDIR,
                       S_IRUSR | S_IWUSR));
    MDB_txn* const txn = begin(0);
    check(mdb_dbi_open(txn, nullptr, 0, &dbi_));
    check(mdb_txn_commit(txn));
  }

  void fill(const Names& names, ByteView value) {
    MDB_txn* const txn = begin(0);
    for (const std::string& name : names) put(txn, name, value);
    check(mdb_txn_commit(txn));
  }

  // A read transaction, which is renewed for each read.
  class Thread {
   public:
    explicit Thread(Lmdb& library) : library_(library), txn_(library.begin(MDB_RDONLY)) {
      mdb_txn_reset(txn_);
    }
    ~Thread() { mdb_txn_abort(txn_); }
    Thread(const Thread&) = delete;
    Thread& operator=(const Thread&) = delete;

    template <typename Use>
    void get(const std::string& name, Use use) {
      check(mdb_txn_renew(txn_));
      MDB_val key = val(name);
      MDB_val found{};
      check(mdb_get(txn_, library_.dbi_, &key, &found));
      must(found.mv_size == kStoredLen, "a value of another size was read");
      std::array<std::uint8_t, kValueLen> value;
      const auto* const stored = static_cast<const std::uint8_t*>(found.mv_data);
      must(crypto_aead_aes256gcm_decrypt_afternm(value.data(), nullptr, nullptr, stored + kNonceLen,
                                                 kStoredLen - kNonceLen, bytes(name), name.size(),
                                                 stored, library_.key_.get()) == 0,
           "a value does not open");
      mdb_txn_reset(txn_);
      use(ByteView(value));
      sodium_memzero(value.data(), value.size());
    }

    void put(const std::string& name, ByteView value) {
      MDB_txn* const txn = library_.begin(0);
      library_.put(txn, name, value);
      check(mdb_txn_commit(txn));
    }

    std::size_t list(const std::string& folder) {
      const std::string prefix = folder + '/';
      check(mdb_txn_renew(txn_));
      MDB_cursor* cursor = nullptr;
      check(mdb_cursor_open(txn_, library_.dbi_, &cursor));
      MDB_val key = val(prefix);
      MDB_val value{};
      std::size_t num = 0;
      for (int rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
           rc == 0 && key.mv_size > prefix.size() &&
           std::memcmp(key.mv_data, prefix.data(), prefix.size()) == 0;
           rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
        ++num;
      }
      mdb_cursor_close(cursor);
      mdb_txn_reset(txn_);
      return num;
    }

   private:
    Lmdb& library_;
    MDB_txn* txn_;
  };

 private:
  struct Close {
    void operator()(MDB_env* env) const noexcept { mdb_env_close(env); }
    void operator()(crypto_aead_aes256gcm_state* key) const noexcept { sodium_free(key); }
  };

  void load_key(std::string text) {
    std::array<std::uint8_t, crypto_aead_aes256gcm_KEYBYTES> key{};
    std::size_t len = 0;
    must(sodium_hex2bin(key.data(), key.size(), text.data(), text.size(), nullptr, &len, nullptr) ==
                 0 &&
             len == key.size(),
         "the key file has no key");
    key_.reset(static_cast<crypto_aead_aes256gcm_state*>(
        sodium_malloc(crypto_aead_aes256gcm_statebytes())));
    must(key_ != nullptr, "no memory could be locked");
    crypto_aead_aes256gcm_beforenm(key_.get(), key.data());
    sodium_memzero(key.data(), key.size());
    sodium_memzero(text.data(), text.size());
  }

  MDB_txn* begin(unsigned flags) const {
    MDB_txn* txn = nullptr;
    check(mdb_txn_begin(env_.get(), nullptr, flags, &txn));
    return txn;
  }

  void put(MDB_txn* txn, const std::string& name, ByteView value) const {
    std::array<std::uint8_t, kStoredLen> stored;
    randombytes_buf(stored.data(), kNonceLen);
    crypto_aead_aes256gcm_encrypt_afternm(stored.data() + kNonceLen, nullptr, value.data(),
                                          value.size(), bytes(name), name.size(), nullptr,
                                          stored.data(), key_.get());
    MDB_val key = val(name);
    MDB_val data = val(stored.data(), stored.size());
    check(mdb_put(txn, dbi_, &key, &data, 0));
  }

  std::unique_ptr<crypto_aead_aes256gcm_state, Close> key_;
  std::unique_ptr<MDB_env, Close> env_;
  MDB_dbi dbi_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  return main_of<Lmdb>(argc, argv);
}
