// big_store.hpp: a store of very many secrets of 1 KiB, made in seconds, and a raw LMDB of the same size.
//
// Putting a million secrets one by one would take an hour of flushes. So the envelopes are sealed here, with
// the store's own keys, and go to its backend in full commits from many threads. The disk then has what the
// same number of puts would have left, entries of folders included. The raw environment next to it holds the
// same keys, put in the same order (at random, so both trees are filled alike), with values of the same sizes.
// In these values a ciphertext of raw AES-256-GCM takes the place of the envelope.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bench_main.hpp"
#include "raw_gcm.hpp"
#include "raw_lmdb.hpp"
#include "strongroom/backend.hpp"
#include "strongroom/credential.hpp"
#include "strongroom/identity.hpp"
#include "strongroom/impl/barrier/envelope.hpp"
#include "strongroom/impl/barrier/names.hpp"
#include "strongroom/impl/keys/header.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/impl/keys/slot_making.hpp"
#include "strongroom/path.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/slots.hpp"
#include "strongroom/store.hpp"

namespace strongroom::bench {

inline constexpr std::size_t kBigValueLen = 1024;
inline constexpr std::size_t kStoredLen = 8 + kEnvelopeOverhead + kBigValueLen;  // with the version

// nth_name is the path of one secret: 1,000 folders, two deep.
inline std::string nth_name(std::size_t i) {
  const auto digits = [](std::size_t n, std::size_t width) {
    const std::string text = std::to_string(n);
    return std::string(width > text.size() ? width - text.size() : 0, '0') + text;
  };
  return "org-" + digits(i % 10, 2) + "/app-" + digits(i / 10 % 100, 3) + "/key-" + digits(i, 7);
}

// fixed_key and fixed_nonce seal all values of the raw environment.
inline constexpr RawKey kFixedKey = {1, 2, 3};
inline constexpr std::uint8_t kFixedNonce[kRawNonceLen] = {4, 5, 6};

// BigStore names the place of a big store, and opens it.
struct BigStore {
  std::filesystem::path directory;
  std::size_t num_secrets = 0;

  std::string url() const { return "lmdb:" + (directory / "store").string(); }
  std::filesystem::path raw() const { return directory / "raw"; }
  std::filesystem::path key_file() const { return directory / "key"; }

  Credential credential() const {
    std::ifstream file(key_file());
    std::string text;
    file >> text;
    return must(Credential::parse(SecretView(text.data(), text.size())));
  }

  Store open() const {
    Store store = must(Store::open(url()));
    const Credential key = credential();
    must(store.as(Identity::trusted()).unseal(std::span(&key, 1)));
    return store;
  }

  // order returns every secret once, in a random order that is the same for all programs.
  std::vector<std::uint32_t> order() const {
    std::vector<std::uint32_t> indices(num_secrets);
    for (std::size_t i = 0; i < num_secrets; ++i) indices[i] = static_cast<std::uint32_t>(i);
    std::shuffle(indices.begin(), indices.end(), std::mt19937(1));
    return indices;
  }
};

// sizes_of reads a list such as 1000,100000.
inline std::vector<std::size_t> sizes_of(const std::string& list) {
  std::vector<std::size_t> sizes;
  for (std::size_t at = 0; at < list.size();) {
    const std::size_t comma = std::min(list.find(',', at), list.size());
    sizes.push_back(std::stoul(list.substr(at, comma - at)));
    at = comma + 1;
  }
  return sizes;
}

// BigStoreMaker fills the store and the raw environment.
class BigStoreMaker {
 public:
  // make returns the store of that size in a directory: one from an earlier run, or a new one.
  static BigStore make(const std::filesystem::path& directory, std::size_t num_secrets) {
    BigStore done{directory / std::to_string(num_secrets), num_secrets};
    if (std::filesystem::exists(done.directory)) return done;
    BigStore fresh{directory / (std::to_string(num_secrets) + ".new"), num_secrets};
    std::filesystem::remove_all(fresh.directory);
    std::filesystem::create_directories(fresh.directory);
    BigStoreMaker(fresh).fill();
    std::filesystem::rename(fresh.directory, done.directory);
    return done;
  }

 private:
  // Item is one record to be put: a secret's, or an entry of a folder, which is empty.
  struct Item {
    EntryKey key;
    bool secret;
  };

  static constexpr std::size_t kNumThreads = 32;  // so that a group is full while another flushes

  explicit BigStoreMaker(const BigStore& big) : big_(big) {}

  void fill() {
    const PendingInit pending = must(prepare_init({.key_file = true}));
    const std::string key(pending.key_file.reveal_text());
    std::ofstream(big_.key_file()) << key << '\n';
    Header header = must(Header::decode(pending.record));
    const Credential credential = big_.credential();
    const SecretBytes root = std::move(must(open_root(header, std::span(&credential, 1))).root);
    const Keyring keyring = must(header.open_keyring(root.view()));
    {
      Store store = must(Store::open(big_.url()));
      must(store.as(Identity::trusted()).activate(pending));
    }
    const std::vector<Item> items = items_of(keyring);
    fill_store(keyring, header.store, items);
    fill_raw(items);
  }

  std::vector<Item> items_of(const Keyring& keyring) const {
    std::vector<Item> items;
    std::set<std::string> folders;
    items.reserve(2 * big_.num_secrets);
    for (std::size_t i = 0; i < big_.num_secrets; ++i) {
      const Path path = must(Path::parse(nth_name(i)));
      const RecordKey key = record_key(secret_location(keyring, path.text()));
      items.push_back({EntryKey(key.begin(), key.end()), true});
      items.push_back({entry_of(keyring, EntryKind::secret, path), false});
      folders.emplace(path.parent());
      folders.emplace(path.parent().substr(0, path.parent().find('/')));
    }
    for (const std::string& name : folders) {
      items.push_back({entry_of(keyring, EntryKind::folder, must(Path::parse(name))), false});
    }
    std::shuffle(items.begin(), items.end(), std::mt19937(2));
    return items;
  }

  static EntryKey entry_of(const Keyring& keyring, EntryKind kind, const Path& path) {
    return entry_key(keyring, kind, directory_location(keyring, path.parent()), path.name());
  }

  void fill_store(const Keyring& keyring, const StoreId& store,
                  const std::vector<Item>& items) const {
    const auto backend = must(open_backend(big_.url()));
    std::atomic<std::size_t> next{0};
    const auto work = [&] {
      std::vector<std::vector<std::uint8_t>> envelopes(kMaxCommitChanges);
      for (;;) {
        const std::size_t begin = next.fetch_add(kMaxCommitChanges);
        if (begin >= items.size()) return;
        const std::size_t len = std::min(kMaxCommitChanges, items.size() - begin);
        commit(*backend, keyring, store, std::span(items).subspan(begin, len), envelopes);
      }
    };
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < kNumThreads; ++i) threads.emplace_back(work);
  }

  static void commit(Backend& backend, const Keyring& keyring, const StoreId& store,
                     std::span<const Item> items,
                     std::vector<std::vector<std::uint8_t>>& envelopes) {
    std::vector<Change> batch;
    const SecretBytes value = must(SecretBytes::for_value(kBigValueLen));
    for (std::size_t i = 0; i < items.size(); ++i) {
      envelopes[i].clear();
      if (items[i].secret) {
        Location location;
        std::copy(items[i].key.begin() + 1, items[i].key.end(), location.begin());
        envelopes[i].resize(kEnvelopeOverhead + kBigValueLen);
        must(seal_envelope(keyring, {store, location}, RecordKind::secret, Revision(1),
                           {Content::binary, now_ms(), now_ms()}, value.view(), envelopes[i]));
      }
      batch.push_back({Change::Kind::put, items[i].key, envelopes[i], kAbsent});
    }
    if (must(backend.commit(batch, std::chrono::minutes(5))).conflict) give_up("a key came twice");
  }

  void fill_raw(const std::vector<Item>& items) const {
    std::vector<std::uint8_t> value(kStoredLen);
    const std::vector<std::uint8_t> text(kRawHeadLen + kBigValueLen);
    RawLibsodium().seal(kFixedKey, kFixedNonce, text, value);
    const RawLmdb raw(big_.raw(), MDB_NOSYNC);
    constexpr std::size_t kPerTransaction = 65'536;
    for (std::size_t begin = 0; begin < items.size(); begin += kPerTransaction) {
      MDB_txn* const txn = raw.begin(0);
      const std::size_t end = std::min(items.size(), begin + kPerTransaction);
      for (std::size_t i = begin; i < end; ++i) {
        raw.put(txn, items[i].key, std::span(value).first(items[i].secret ? value.size() : 8));
      }
      lmdb_must(mdb_txn_commit(txn));
    }
    lmdb_must(mdb_env_sync(raw.env(), 1));
  }

  const BigStore& big_;
};

}  // namespace strongroom::bench
