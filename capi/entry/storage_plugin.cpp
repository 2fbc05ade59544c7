// storage_plugin.cpp: makes a Backend of a vendor's table of functions.
//
// The plug-in is not trusted. Everything that it passes is checked before the engine sees it, its
// exceptions are caught, and its status is used only where it makes sense. A broken rule is
// reported as unavailable. For a commit it is reported as indeterminate, because the commit may
// have been applied.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "guard.hpp"
#include "open.hpp"
#include "strongroom/backend.hpp"
#include "strongroom/backends/limits.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/path.hpp"
#include "strongroom_backend.h"

using namespace strongroom;
using namespace strongroom::capi;

namespace {

static_assert(STRONGROOM_RECORD_ABSENT == kAbsent.value() && STRONGROOM_RECORD_ANY == kAny.value());
static_assert(STRONGROOM_CHANGE_PUT == static_cast<int>(Change::Kind::put));
static_assert(STRONGROOM_CHANGE_ERASE == static_cast<int>(Change::Kind::erase));
static_assert(STRONGROOM_CHANGE_CHECK == static_cast<int>(Change::Kind::check));

constexpr std::size_t kMaxPluginText = 500;
constexpr std::uint64_t kNoStamp = UINT64_MAX;

strongroom_bytes as_bytes(ByteView view) noexcept {
  return {view.data(), view.size()};
}
ByteView as_view(const strongroom_bytes& bytes) noexcept {
  return {static_cast<const std::uint8_t*>(bytes.data), bytes.len};
}

std::vector<strongroom_bytes> as_bytes(std::span<const ByteView> views) {
  std::vector<strongroom_bytes> out;
  out.reserve(views.size());
  for (const ByteView view : views) out.push_back(as_bytes(view));
  return out;
}

strongroom_change as_change(const Change& change) noexcept {
  return {as_bytes(change.key), as_bytes(change.value), change.expected.value(),
          static_cast<std::uint32_t>(change.kind), 0};
}

std::uint32_t as_ms(Timeout timeout) noexcept {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(timeout.count(), 1, UINT32_MAX));
}

// printable returns a text of the plug-in in a form that may appear in a message. It returns an
// empty string for NULL, and for a text that is not UTF-8.
std::string printable(const char* text) {
  if (text == nullptr) return {};
  std::string words(text, ::strnlen(text, kMaxPluginText));
  for (char& c : words) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) c = ' ';
  }
  return well_formed_utf8(words) ? words : std::string();
}

// Take checks one record and passes it on. It returns NULL, or the rule that the record breaks.
using Take = FunctionRef<const char*(std::size_t index, const strongroom_record&)>;

// Reply is the sink of one call, and keeps the outcome. It cannot be moved, because the sink points
// to it.
class Reply {
 public:
  explicit Reply(Take take) noexcept : take_(take) {
    sink_ = {sizeof(strongroom_sink), this, &Reply::record, &Reply::message};
  }
  Reply(const Reply&) = delete;
  Reply& operator=(const Reply&) = delete;

  const strongroom_sink* sink() const noexcept { return &sink_; }
  const char* fault() const noexcept { return fault_; }
  const std::string& words() const noexcept { return words_; }
  void blame(const char* fault) noexcept {
    if (fault_ == nullptr) fault_ = fault;
  }

 private:
  static void record(void* context, std::size_t index, const strongroom_record* given) noexcept {
    auto& reply = *static_cast<Reply*>(context);
    if (reply.fault_ != nullptr) return;
    if (given == nullptr) return reply.blame("passed NULL instead of a record");
    const strongroom_record copy = *given;  // the plug-in cannot change it between check and use
    try {
      reply.fault_ = reply.take_(index, copy);
    } catch (...) {
      reply.blame("passed a record, but there was no memory for it");
    }
  }

  static void message(void* context, const char* text) noexcept {
    try {
      static_cast<Reply*>(context)->words_ = printable(text);
    } catch (...) {  // the failure is still reported, without its message
    }
  }

  Take take_;
  strongroom_sink sink_{};
  const char* fault_ = nullptr;
  std::string words_;
};

// refuse_record is the Take of calls that return no records.
constexpr auto refuse_record = [](std::size_t, const strongroom_record&) -> const char* {
  return "passed a record although none was requested";
};

const char* fault_of(const strongroom_record& record) noexcept {
  if (record.version == STRONGROOM_RECORD_ANY) return "passed a version that is not valid";
  if (record.value.len > kMaxBackendValueLen) return "passed a value that is longer than the limit";
  if (record.value.data == nullptr && record.value.len > 0)
    return "passed a NULL value with a length";
  if (record.version == STRONGROOM_RECORD_ABSENT && record.value.len > 0)
    return "passed a value for an absent record";
  return nullptr;
}

class Plugin final : public Backend {
 public:
  Plugin(const strongroom_backend_table& table, void* self, std::string url)
      : table_(table), self_(self), url_(std::move(url)) {}

  ~Plugin() override {
    if (!owned_ || table_.destroy == nullptr || !guard_.same_process()) return;
    try {
      table_.destroy(self_);
    } catch (...) {  // a destructor cannot report it
    }
  }

  // take_over makes this object call destroy when it ends.
  void take_over() noexcept { owned_ = true; }

  Result<Stamp> read(std::span<const ByteView> keys, ReadSink sink, Timeout timeout) override;
  Result<Commit> commit(std::span<const Change> batch, Timeout timeout) override;
  Result<bool> scan(ByteView prefix, ByteView after, std::size_t limit, ScanSink sink,
                    Timeout timeout) override;
  Result<void> sync(Timeout timeout) override;
  std::string url() const override { return url_; }

 private:
  // call runs f() -> strongroom_status, which calls one function of the table, and checks the
  // outcome.
  template <typename F>
  Result<void> call(Reply& reply, F f) const {
    strongroom_status status = STRONGROOM_OK;
    try {
      status = f();
    } catch (...) {
      reply.blame("threw an exception");
    }
    if (reply.fault() != nullptr) return broken(reply.fault());
    if (status == STRONGROOM_OK) return {};
    return said(status, reply);
  }

  Error broken(const char* fault) const {
    return {Code::unavailable, "the storage plug-in of '" + url_ + "' " + fault};
  }

  // said returns the error for a status. A status that a storage may not return becomes
  // unavailable: it would make no sense to a caller of the store.
  Error said(strongroom_status status, const Reply& reply) const {
    std::string message = "the storage plug-in of '" + url_ + "' returned " +
                          strongroom_status_name(status) + " (" + std::to_string(status) + ")";
    if (!reply.words().empty()) message += ": " + reply.words();
    switch (status) {
      case STRONGROOM_TIMEOUT:
      case STRONGROOM_CORRUPT:
      case STRONGROOM_TOO_LARGE:
      case STRONGROOM_CONFLICT:
      case STRONGROOM_INDETERMINATE:
        return {static_cast<Code>(status), std::move(message)};
      default:
        return {Code::unavailable, std::move(message)};
    }
  }

  // of_read keeps the codes that a read may return, and replaces all others with unavailable.
  static Error of_read(Error error) {
    if (error.code != Code::timeout && error.code != Code::corrupt) error.code = Code::unavailable;
    return error;
  }

  Result<Commit> judge_commit(strongroom_status status, const Reply& reply, std::size_t conflict,
                              std::size_t num_changes) const;

  const ForkGuard guard_;
  const strongroom_backend_table table_;
  void* const self_;
  const std::string url_;
  bool owned_ = false;
};

Result<Stamp> Plugin::read(std::span<const ByteView> keys, ReadSink sink, Timeout timeout) {
  STRONGROOM_TRY(check_keys(keys));
  const std::vector<strongroom_bytes> wanted = as_bytes(keys);
  std::vector<bool> seen(keys.size());
  std::size_t num_seen = 0;
  const auto take = [&](std::size_t index, const strongroom_record& record) -> const char* {
    if (index >= seen.size()) return "passed a record for a key that was not requested";
    if (seen[index]) return "passed two records for one key";
    if (const char* fault = fault_of(record); fault != nullptr) return fault;
    seen[index] = true;
    ++num_seen;
    sink(index, Record{keys[index], as_view(record.value), Version(record.version)});
    return nullptr;
  };
  Reply reply(take);
  std::uint64_t stamp = kNoStamp;
  auto done = call(reply, [&] {
    return table_.read(self_, wanted.data(), wanted.size(), reply.sink(), as_ms(timeout), &stamp);
  });
  if (!done) return of_read(std::move(done).error());
  if (num_seen != keys.size()) return broken("did not pass a record for every key");
  if (stamp == kNoStamp) return broken("returned no stamp");
  return Stamp(stamp);
}

Result<Commit> Plugin::commit(std::span<const Change> batch, Timeout timeout) {
  STRONGROOM_TRY(check_batch(batch));
  std::vector<strongroom_change> changes;
  changes.reserve(batch.size());
  for (const Change& change : batch) changes.push_back(as_change(change));
  Reply reply(refuse_record);
  std::size_t conflict = SIZE_MAX;
  strongroom_status status = STRONGROOM_INTERNAL;
  try {
    status = table_.commit(self_, changes.data(), changes.size(), reply.sink(), as_ms(timeout),
                           &conflict);
  } catch (...) {
    reply.blame("threw an exception");
  }
  return judge_commit(status, reply, conflict, batch.size());
}

Result<Commit> Plugin::judge_commit(strongroom_status status, const Reply& reply,
                                    std::size_t conflict, std::size_t num_changes) const {
  const auto unknown = [&](const char* fault) {
    return Error{Code::indeterminate, broken(fault).message};
  };
  if (reply.fault() != nullptr) return unknown(reply.fault());
  switch (status) {
    case STRONGROOM_OK:
      return Commit{};
    case STRONGROOM_CONFLICT:
      if (conflict < num_changes) return Commit{conflict};
      return unknown("returned a conflict without the index of a change");
    case STRONGROOM_UNAVAILABLE:
    case STRONGROOM_TIMEOUT:
    case STRONGROOM_CORRUPT:
    case STRONGROOM_TOO_LARGE:
      return said(status, reply);
    default:
      return Error{Code::indeterminate, said(status, reply).message};
  }
}

Result<bool> Plugin::scan(ByteView prefix, ByteView after, std::size_t limit, ScanSink sink,
                          Timeout timeout) {
  STRONGROOM_TRY(check_page(prefix, after));
  std::size_t num = 0;
  const auto take = [&](std::size_t, const strongroom_record& record) -> const char* {
    const ByteView key = as_view(record.key);
    if (num == limit) return "passed more records than were requested";
    if (key.data() == nullptr || !check_key(key) || !has_prefix(key, prefix) ||
        (!after.empty() && std::equal(key.begin(), key.end(), after.begin(), after.end())))
      return "passed a key that was not requested";
    if (record.version == STRONGROOM_RECORD_ABSENT) return "passed an absent record";
    if (const char* fault = fault_of(record); fault != nullptr) return fault;
    ++num;
    sink(Record{key, as_view(record.value), Version(record.version)});
    return nullptr;
  };
  Reply reply(take);
  const strongroom_bytes begin = as_bytes(prefix);
  const strongroom_bytes position = as_bytes(after);
  int more = 0;
  auto done = call(reply, [&] {
    return table_.scan(self_, &begin, &position, limit, reply.sink(), as_ms(timeout), &more);
  });
  if (!done) return of_read(std::move(done).error());
  if (more != 0 && num == 0 && limit > 0)
    return broken("reported that there are more records, but passed none");
  return more != 0;
}

Result<void> Plugin::sync(Timeout timeout) {
  Reply reply(refuse_record);
  auto done = call(reply, [&] { return table_.sync(self_, reply.sink(), as_ms(timeout)); });
  if (!done) return of_read(std::move(done).error());
  return {};
}

Result<strongroom_backend_table> table_of(const strongroom_backend_table* given) {
  if (given == nullptr) return was_null("table");
  auto table = read_struct(given, STRONGROOM_BACKEND_TABLE_INIT);
  STRONGROOM_TRY(table);
  if (table->read == nullptr || table->commit == nullptr || table->scan == nullptr ||
      table->sync == nullptr || table->url == nullptr) {
    return Error{Code::invalid, "a function in the storage plug-in's table is NULL"};
  }
  return table;
}

Result<std::string> url_of(const strongroom_backend_table& table, void* self) {
  std::string url;
  try {
    const char* text = table.url(self);
    if (text != nullptr && ::strnlen(text, kMaxPluginText + 1) <= kMaxPluginText)
      url = printable(text);
  } catch (...) {  // the same as no URL
  }
  if (url.empty()) return Error{Code::unavailable, "the storage plug-in returned no valid URL"};
  return url;
}

}  // namespace

strongroom_status strongroom_store_open_backend(const strongroom_backend_table* table, void* self,
                                                const strongroom_store_options* options,
                                                strongroom_store** out,
                                                strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_store>> {
    STRONGROOM_ASSIGN(functions, table_of(table));
    STRONGROOM_ASSIGN(wanted, store_options(options));
    STRONGROOM_ASSIGN(url, url_of(functions, self));
    const bool anchored = wanted.anchor.has_value();
    auto plugin = std::make_unique<Plugin>(functions, self, url);
    Plugin* const taken = plugin.get();
    auto store = std::make_unique<strongroom_store>(Store(std::move(plugin), std::move(wanted)),
                                                    std::move(url), anchored);
    taken->take_over();
    return store;
  });
}
