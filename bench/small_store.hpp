// small_store.hpp: a few secrets that are put again and again, in our store and in raw LMDB.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "bench_main.hpp"
#include "raw_lmdb.hpp"
#include "strongroom/credential.hpp"
#include "strongroom/identity.hpp"
#include "strongroom/impl/barrier/envelope.hpp"
#include "strongroom/impl/keys/slot_making.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/slots.hpp"
#include "strongroom/store.hpp"

namespace strongroom::bench {

inline constexpr std::size_t kSmallValueLen = 1024;
inline constexpr std::size_t kNumSmall = 64;  // one for each writer

// SmallStore is an unsealed store in a directory that held none.
class SmallStore {
 public:
  explicit SmallStore(const std::filesystem::path& directory)
      : session_(must(Store::open("lmdb:" + directory.string())).as(Identity::trusted())) {
    const PendingInit pending = must(session_.init({.key_file = true}));
    must(session_.activate(pending));
    const Credential key = must(Credential::parse(pending.key_file.view()));
    must(session_.unseal(key));
    for (std::size_t i = 0; i < kNumSmall; ++i) {
      paths_.push_back("bench/writer-" + std::to_string(i));
      if (!put(i)) give_up("the first put failed");
    }
  }

  // put is a durable write of secret i, which exists already.
  bool put(std::size_t i) { return session_.put(paths_[i], Content::binary, value_.view()).ok(); }

  // rotate makes a new data key.
  bool rotate() { return session_.rotate().ok(); }

 private:
  const SecretBytes value_ = must(SecretBytes::for_value(kSmallValueLen));
  const Session session_;
  std::vector<std::string> paths_;
};

// SmallRaw is the same in raw LMDB.
class SmallRaw {
 public:
  explicit SmallRaw(const std::filesystem::path& directory) : lmdb_(directory) {
    for (std::size_t i = 0; i < kNumSmall; ++i) {
      if (!put(i)) give_up("the first put failed");
    }
  }

  bool put(std::size_t i) {
    key_.back() = static_cast<std::uint8_t>(i);
    MDB_txn* const txn = lmdb_.begin(0);
    lmdb_.put(txn, key_, value_);
    return mdb_txn_commit(txn) == 0;
  }

 private:
  RawLmdb lmdb_;
  std::vector<std::uint8_t> key_ = std::vector<std::uint8_t>(17);
  const std::vector<std::uint8_t> value_ =
      std::vector<std::uint8_t>(8 + kEnvelopeOverhead + kSmallValueLen);
};

}  // namespace strongroom::bench
