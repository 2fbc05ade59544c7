// raw_lmdb.hpp: LMDB used as its manual says, set up like the backend's, with nothing on top of it.
#pragma once

#include <lmdb.h>
#include <sys/stat.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "bench_main.hpp"

namespace strongroom::bench {

inline void lmdb_must(int rc) {
  if (rc != 0) give_up(std::string("LMDB: ") + mdb_strerror(rc));
}

inline MDB_val lmdb_val(std::span<const std::uint8_t> bytes) noexcept {
  return {bytes.size(), const_cast<std::uint8_t*>(bytes.data())};
}

// RawLmdb is one environment with its one table.
class RawLmdb {
 public:
  explicit RawLmdb(const std::filesystem::path& directory, unsigned flags = 0) {
    std::filesystem::create_directories(directory);
    MDB_env* env = nullptr;
    lmdb_must(mdb_env_create(&env));
    env_.reset(env);
    lmdb_must(mdb_env_set_maxreaders(env, 1022));
    lmdb_must(mdb_env_set_mapsize(env, std::size_t{1} << 40));
    lmdb_must(mdb_env_open(env, directory.c_str(), flags | MDB_NOTLS, S_IRUSR | S_IWUSR));
    MDB_txn* txn = begin(0);
    lmdb_must(mdb_dbi_open(txn, nullptr, 0, &dbi_));
    lmdb_must(mdb_txn_commit(txn));
  }

  MDB_env* env() const noexcept { return env_.get(); }
  MDB_dbi dbi() const noexcept { return dbi_; }

  MDB_txn* begin(unsigned flags) const {
    MDB_txn* txn = nullptr;
    lmdb_must(mdb_txn_begin(env_.get(), nullptr, flags, &txn));
    return txn;
  }

  void put(MDB_txn* txn, std::span<const std::uint8_t> key,
           std::span<const std::uint8_t> value) const {
    MDB_val k = lmdb_val(key);
    MDB_val v = lmdb_val(value);
    lmdb_must(mdb_put(txn, dbi_, &k, &v, 0));
  }

 private:
  struct Close {
    void operator()(MDB_env* env) const noexcept { mdb_env_close(env); }
  };
  std::unique_ptr<MDB_env, Close> env_;
  MDB_dbi dbi_ = 0;
};

// RawReader is one thread's read transaction, renewed for every read.
class RawReader {
 public:
  explicit RawReader(const RawLmdb& lmdb) : dbi_(lmdb.dbi()), txn_(lmdb.begin(MDB_RDONLY)) {
    mdb_txn_reset(txn_);
  }
  ~RawReader() { mdb_txn_abort(txn_); }
  RawReader(const RawReader&) = delete;
  RawReader& operator=(const RawReader&) = delete;

  // read calls f with the stored value. Returns  false if there is none, or if f returns false.
  template <typename F>
  bool read(std::span<const std::uint8_t> key, F f) {
    if (mdb_txn_renew(txn_) != 0) return false;
    MDB_val k = lmdb_val(key);
    MDB_val v;
    const bool found = mdb_get(txn_, dbi_, &k, &v) == 0 &&
                       f(std::span(static_cast<const std::uint8_t*>(v.mv_data), v.mv_size));
    mdb_txn_reset(txn_);
    return found;
  }

 private:
  MDB_dbi dbi_;
  MDB_txn* txn_;
};

}  // namespace strongroom::bench
