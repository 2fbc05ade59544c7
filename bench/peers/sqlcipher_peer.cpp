// sqlcipher_peer.cpp: SQLCipher, set up for the best figures that are still honest.
//
// A raw key (no PBKDF2), a write-ahead log, every commit flushed, prepared statements, no counting of its
// memory. Pages of 4 KiB and a page cache into which all secrets fit: where a page is in the cache, SQLCipher
// has nothing left to decrypt. Each thread reads by a connection of its own, without SQLite's locks.
//
// All threads write by one connection, one after the other. With a connection for each writer, each would
// have to decrypt again what the others wrote, and those that wait would sleep and try again: 16 writers were
// slower by a third that way, and 64 writers five times slower.
#include <sqlite3.h>
#include <sys/random.h>

#include <array>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>

#include "peer.hpp"

namespace {

using namespace peers;

struct Free {
  void operator()(sqlite3* database) const noexcept { sqlite3_close(database); }
  void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
};
using Database = std::unique_ptr<sqlite3, Free>;
using Statement = std::unique_ptr<sqlite3_stmt, Free>;

Statement prepared(sqlite3* database, const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(database, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) {
    give_up(sql + ": " + sqlite3_errmsg(database));
  }
  return Statement(statement);
}

// run runs a statement once. Returns  the first column of the first row, "" if there is none.
std::string run(sqlite3* database, const std::string& sql) {
  const Statement statement = prepared(database, sql);
  const int rc = sqlite3_step(statement.get());
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) give_up(sql + ": " + sqlite3_errmsg(database));
  const unsigned char* text = rc == SQLITE_ROW ? sqlite3_column_text(statement.get(), 0) : nullptr;
  return text == nullptr ? "" : reinterpret_cast<const char*>(text);
}

// hex_key returns a new key as SQLCipher takes a raw one.
std::string hex_key() {
  std::array<std::uint8_t, 32> key{};
  must(::getrandom(key.data(), key.size(), 0) == static_cast<ssize_t>(key.size()), "no key");
  std::string text;
  for (const std::uint8_t byte : key) {
    std::array<char, 3> digits{};
    std::snprintf(digits.data(), digits.size(), "%02x", byte);
    text += digits.data();
  }
  return text;
}

Database opened(const fs::path& directory) {
  sqlite3* database = nullptr;
  constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  must(sqlite3_open_v2((directory / "store").c_str(), &database, kFlags, nullptr) == SQLITE_OK,
       "the database was not opened");
  Database owned(database);
  sqlite3_busy_timeout(database, 60'000);  // first, since other threads may be opening it as well
  std::string key = "PRAGMA key = \"x'" + read_key(directory) + "'\"";
  run(database, key);
  ::explicit_bzero(key.data(), key.size());
  // Another library may bring plain SQLite under the same names, and then nothing would be encrypted.
  must(!run(database, "PRAGMA cipher_version").empty(), "this SQLite is not SQLCipher");
  run(database, "PRAGMA cipher_page_size = 4096");
  run(database, "PRAGMA cache_size = -524288");
  run(database, "PRAGMA synchronous = FULL");
  must(run(database, "PRAGMA journal_mode = WAL") == "wal", "there is no write-ahead log");
  return owned;
}

void bind(sqlite3_stmt* statement, int at, const std::string& text) {
  sqlite3_bind_text(statement, at, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
}

// Writer is the connection by which all threads write, opened by the first of them.
class Writer {
 public:
  explicit Writer(const fs::path& directory) : database_(opened(directory)) {}

  sqlite3* database() const noexcept { return database_.get(); }

  void write(const Statement& statement, const std::string& name, ByteView value) const {
    sqlite3_bind_blob(statement.get(), 1, value.data(), static_cast<int>(value.size()),
                      SQLITE_STATIC);
    bind(statement.get(), 2, name);
    must(sqlite3_step(statement.get()) == SQLITE_DONE, "a secret was not written");
    sqlite3_reset(statement.get());
  }
  void put(const std::string& name, ByteView value) const { write(put_, name, value); }

 private:
  Database database_;
  Statement put_ = prepared(database(), "UPDATE secrets SET value = ? WHERE path = ?");
};

class SqlCipher {
 public:
  static void make(const fs::path& directory) {
    write_key(directory, hex_key());
    run(opened(directory).get(),
        "CREATE TABLE secrets (path TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL)");
  }

  explicit SqlCipher(const fs::path& directory) : directory_(directory) {}

  void fill(const Names& names, ByteView value) {
    const Writer writer(directory_);
    const Statement insert =
        prepared(writer.database(), "INSERT INTO secrets(value, path) VALUES (?, ?)");
    run(writer.database(), "BEGIN");
    for (const std::string& name : names) writer.write(insert, name, value);
    run(writer.database(), "COMMIT");
  }

  class Thread {
   public:
    explicit Thread(SqlCipher& library)
        : library_(library), database_(opened(library.directory_)) {}

    template <typename Use>
    void get(const std::string& name, Use use) {
      sqlite3_stmt* const select = get_.get();
      bind(select, 1, name);
      must(sqlite3_step(select) == SQLITE_ROW, "there is no such secret");
      std::array<std::uint8_t, kValueLen> value;
      const void* const found = sqlite3_column_blob(select, 0);
      const auto len = static_cast<std::size_t>(sqlite3_column_bytes(select, 0));
      must(len == value.size(), "a value of another size was read");
      std::memcpy(value.data(), found, len);
      sqlite3_reset(select);
      use(ByteView(value));
      ::explicit_bzero(value.data(), value.size());
    }

    void put(const std::string& name, ByteView value) { library_.put(name, value); }

    std::size_t list(const std::string& folder) {
      if (list_ == nullptr) {
        list_ = prepared(database_.get(),
                         "SELECT path FROM secrets WHERE path > ? AND path < ? ORDER BY path");
      }
      const std::string begin = folder + '/';
      const std::string end = folder + '0';  // the byte after '/'
      bind(list_.get(), 1, begin);
      bind(list_.get(), 2, end);
      std::size_t num = 0;
      for (; sqlite3_step(list_.get()) == SQLITE_ROW; ++num) {
        must(sqlite3_column_text(list_.get(), 0)[0] != '\0', "a name is empty");
      }
      sqlite3_reset(list_.get());
      return num;
    }

   private:
    SqlCipher& library_;
    Database database_;
    Statement get_ = prepared(database_.get(), "SELECT value FROM secrets WHERE path = ?");
    Statement list_;
  };

 private:
  void put(const std::string& name, ByteView value) {
    const std::lock_guard lock(writing_);
    if (writer_ == nullptr) writer_ = std::make_unique<Writer>(directory_);
    writer_->put(name, value);
  }

  fs::path directory_;
  std::mutex writing_;
  std::unique_ptr<Writer> writer_;
};

}  // namespace

int main(int argc, char** argv) {
  sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  return main_of<SqlCipher>(argc, argv);
}
