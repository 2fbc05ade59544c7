// zookeeper.cpp: the backend, made of the parts in zookeeper_*.hpp; see backends/zookeeper.hpp.
#include "strongroom/backends/zookeeper.hpp"

#include <algorithm>
#include <utility>

#include "strongroom/backends/limits.hpp"
#include "strongroom/impl/base/fork_guard.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "zookeeper_blobs.hpp"
#include "zookeeper_cache.hpp"
#include "zookeeper_commit.hpp"
#include "zookeeper_open.hpp"
#include "zookeeper_read.hpp"
#include "zookeeper_scan.hpp"
#include "zookeeper_session.hpp"

namespace strongroom {
namespace zookeeper {
namespace {

std::string_view text(ByteView bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
ByteView bytes(std::string_view text) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// Handle holds everything that lives as long as the backend, in the process that opened it.
struct Handle {
  Handle(const Address& address, std::shared_ptr<const SecretBytes> auth)
      : session(address, std::move(auth)), cache(address.cache_bytes) {}
  ~Handle() {
    if (blobs) blobs->stop();
    if (commits) commits->leave();
    session.client().close();  // before the members that its thread calls
  }

  Session session;
  Cache cache;
  std::unique_ptr<Blobs> blobs;
  std::unique_ptr<Commits> commits;
};

class ZooKeeperBackend final : public Backend {
 public:
  explicit ZooKeeperBackend(std::unique_ptr<Handle> handle)
      : handle_(std::move(handle)), session_(handle_->session), cache_(handle_->cache) {}

  ~ZooKeeperBackend() override {
    if (!guard_.same_process()) (void)handle_.release();  // thread and connection are the parent's
    handle_.reset();
  }

  Result<Stamp> read(std::span<const ByteView> keys, ReadSink sink, Timeout timeout) override;
  void read_async(std::span<const ByteView> keys, Timeout timeout, ReadCallback done) override;
  Result<Commit> commit(std::span<const Change> batch, Timeout timeout) override;
  Result<bool> scan(ByteView prefix, ByteView after, std::size_t limit, ScanSink sink,
                    Timeout timeout) override {
    return go_through(prefix, after, limit, sink, timeout, false);
  }
  Result<bool> scan_keys(ByteView prefix, ByteView after, std::size_t limit, ScanSink sink,
                         Timeout timeout) override {
    return go_through(prefix, after, limit, sink, timeout, true);
  }
  Result<void> watch(ShardMarks& marks, Timeout timeout) override;

  Result<void> sync(Timeout timeout) override {
    STRONGROOM_TRY(check_ready(timeout));
    return session_.barrier(deadline_of(timeout));
  }

  std::string url() const override {
    return "zk://" + session_.address().servers + session_.root() + query_;
  }
  void set_query(std::string query) { query_ = std::move(query); }

 private:
  // Hit is a record from the cache, and its age.
  struct Hit {
    Kept kept;
    std::chrono::milliseconds age{0};
  };

  Result<void> check_ready(Timeout timeout) const;
  std::optional<Hit> look_up(std::string_view key);
  bool still_good(const Kept& kept) const noexcept {
    return session_.shards().view(kept.shard) == Shards::View{kept.epoch, true};
  }
  // look_up_all returns all of the records as they were at one moment, or nothing.
  std::optional<std::vector<Hit>> look_up_all(std::span<const ByteView> keys);
  Result<bool> go_through(ByteView prefix, ByteView after, std::size_t limit, ScanSink sink,
                          Timeout timeout, bool keys_only);
  Result<std::size_t> read_places(std::span<const Place> places, ScanSink found,
                                  Clock::time_point deadline);
  void remember(const ReadCall& call);

  const ForkGuard guard_;
  std::unique_ptr<Handle> handle_;
  Session& session_;
  Cache& cache_;
  std::string query_;
};

std::vector<Place> places_of(std::span<const ByteView> keys) {
  std::vector<Place> places;
  places.reserve(keys.size());
  for (const ByteView key : keys) places.push_back(place_of(key));
  return places;
}

Result<void> ZooKeeperBackend::check_ready(Timeout timeout) const {
  if (!guard_.same_process()) {
    return Error{Code::unavailable, "zk: this handle belongs to the parent process"};
  }
  if (auto broken = session_.broken()) return std::move(*broken);
  if (timeout <= Timeout::zero())
    return Error{Code::timeout, "zk: there was no time; nothing was changed"};
  return {};
}

// ---- reads ----

// look_up finds a record in the cache. While its shard is watched, the record is what our server would
// answer. During an outage, it is as old as the last message from a server.
std::optional<ZooKeeperBackend::Hit> ZooKeeperBackend::look_up(std::string_view key) {
  auto kept = cache_.find(key);
  if (!kept) return {};
  const Shards::View view = session_.shards().view(kept->shard);
  if (view.epoch != kept->epoch) return {};
  const bool in_contact = session_.in_contact();
  if (view.watched && in_contact) return Hit{std::move(*kept), {}};
  if (in_contact) return {};
  const auto age = std::max(session_.client().since_contact(), std::chrono::milliseconds(1));
  if (age > session_.address().stale) return {};
  return Hit{std::move(*kept), age};
}

std::optional<std::vector<ZooKeeperBackend::Hit>> ZooKeeperBackend::look_up_all(
    std::span<const ByteView> keys) {
  if (keys.empty() || !cache_.is_on()) return {};
  std::vector<Hit> hits;
  for (const ByteView key : keys) {
    auto hit = look_up(text(key));
    if (!hit) return {};
    hits.push_back(std::move(*hit));
  }
  const auto good = [&](const Hit& hit) { return hit.age.count() > 0 || still_good(hit.kept); };
  if (hits.size() > 1 && !std::all_of(hits.begin(), hits.end(), good)) return {};
  return hits;
}

Result<Stamp> ZooKeeperBackend::read(std::span<const ByteView> keys, ReadSink sink,
                                     Timeout timeout) {
  STRONGROOM_TRY(check_keys(keys));
  STRONGROOM_TRY(check_ready(timeout));
  const Stamp stamp = session_.shards().stamp();  // first: it must not be newer than the records
  if (keys.size() == 1) {
    if (const auto hit = look_up(text(keys[0]))) {
      sink(0, {keys[0], bytes(hit->kept.value), hit->kept.version, hit->age});
      return stamp;
    }
  } else if (const auto hits = look_up_all(keys)) {
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const Hit& hit = (*hits)[i];
      sink(i, {keys[i], bytes(hit.kept.value), hit.kept.version, hit.age});
    }
    return stamp;
  }
  if (keys.empty() && session_.shards().view(0).watched && session_.in_contact()) return stamp;
  STRONGROOM_ASSIGN(call, read_and_wait(session_, cache_, places_of(keys), deadline_of(timeout)));
  remember(*call);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const Found& found = call->found[i];
    sink(i, {keys[i], bytes(found.value), found.version, {}});
  }
  return call->stamp;
}

void ZooKeeperBackend::read_async(std::span<const ByteView> keys, Timeout timeout,
                                  ReadCallback done) {
  Result<void> ready = check_keys(keys);
  if (ready) ready = check_ready(timeout);
  if (!ready) return done(ready.error(), {});
  std::vector<Record> records(keys.size());
  const Stamp stamp = session_.shards().stamp();
  if (const auto hits = look_up_all(keys)) {
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const Hit& hit = (*hits)[i];
      records[i] = {keys[i], bytes(hit.kept.value), hit.kept.version, hit.age};
    }
    return done(stamp, records);
  }
  const auto finish = [this, done = std::move(done)](ReadCall& call) {
    if (!call.stamp) return done(call.stamp, {});
    remember(call);
    std::vector<std::string> names;
    std::vector<Record> found(call.found.size());
    names.reserve(found.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      names.push_back(key_at(call.places()[i]));
      found[i] = {bytes(names.back()), bytes(call.found[i].value), call.found[i].version, {}};
    }
    done(call.stamp, found);
  };
  std::make_shared<ReadCall>(session_, cache_, places_of(keys), deadline_of(timeout), finish)
      ->start();
}

// ---- commits ----

// remember notes where split values are, because the commit that replaces one removes its parts.
void ZooKeeperBackend::remember(const ReadCall& call) {
  for (std::size_t i = 0; i < call.found.size(); ++i) {
    if (call.found[i].ref) handle_->blobs->saw(key_at(call.places()[i]), *call.found[i].ref);
  }
}

Result<Commit> ZooKeeperBackend::commit(std::span<const Change> batch, Timeout timeout) {
  STRONGROOM_TRY(check_batch(batch));
  STRONGROOM_TRY(check_ready(timeout));
  auto done = handle_->commits->commit(batch, deadline_of(timeout));
  if (!done || done->conflict) return done;
  for (const Change& change : batch) {
    if (change.kind != Change::Kind::check) session_.shards().wrote(shard_of(change.key));
  }
  return done;
}

// ---- scans ----

// read_places passes the records that exist to found, in order; places of short keys may be of erased
// records. Split values are fetched one by one.
// Returns  the number of bytes of all values.
Result<std::size_t> ZooKeeperBackend::read_places(std::span<const Place> places, ScanSink found,
                                                  Clock::time_point deadline) {
  STRONGROOM_ASSIGN(call, read_and_wait(session_, cache_, {places.begin(), places.end()}, deadline,
                                        ReadCall::SplitValues::leave));
  remember(*call);
  std::size_t total_len = 0;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const Found* record = &call->found[i];
    std::shared_ptr<ReadCall> alone;
    if (record->ref) {
      STRONGROOM_ASSIGN(whole, read_and_wait(session_, cache_, {places[i]}, deadline));
      alone = std::move(whole);
      record = &alone->found[0];
    }
    total_len += record->value.size();
    if (record->version == kAbsent) continue;
    const std::string key = key_at(places[i]);
    found({bytes(key), bytes(record->value), record->version, {}});
  }
  return total_len;
}

// Page passes records to a sink up to a limit, and notes whether there are more.
struct Page {
  const std::size_t limit;
  Backend::ScanSink sink;
  std::size_t num_found = 0;
  bool more = false;

  void take(const Record& record) {
    more = more || num_found == limit;
    if (more) return;
    ++num_found;
    sink(record);
  }
};

// go_through reads about kPageBytes at a time: records may be large, and a server has to hold a whole answer
// in memory.
Result<bool> ZooKeeperBackend::go_through(ByteView prefix, ByteView after, std::size_t limit,
                                          ScanSink sink, Timeout timeout, bool keys_only) {
  constexpr std::size_t kFirstRead = 16, kMostAtOnce = 64;
  constexpr std::size_t kPageBytes = std::size_t{4} << 20;
  STRONGROOM_TRY(check_page(prefix, after));
  STRONGROOM_TRY(check_ready(timeout));
  const Clock::time_point deadline = deadline_of(timeout);
  limit = std::min(limit, std::size_t{1} << 40);
  Lister lister(session_, std::string(text(prefix)), after, deadline);
  Page page{limit, sink};
  const auto take = [&](const Record& record) { page.take(record); };
  std::size_t at_once = kFirstRead;
  std::vector<Place> places;
  while (!page.more) {
    places.clear();
    const std::size_t wanted =
        std::min(limit - page.num_found + 1, keys_only ? limit + 1 : kMostAtOnce);
    STRONGROOM_TRY(lister.next(wanted, places));
    if (places.empty()) return false;
    for (std::size_t begin = 0; begin < places.size() && !page.more;) {
      if (keys_only && places[begin].is_long) {
        const std::string key = key_at(places[begin++]);
        page.take({bytes(key), {}, kAny, {}});
        continue;
      }
      const std::size_t num =
          std::min({at_once, places.size() - begin, limit - page.num_found + 1});
      STRONGROOM_ASSIGN(len, read_places(std::span(places).subspan(begin, num), take, deadline));
      begin += num;
      at_once = std::clamp(kPageBytes / (len / num + 1), std::size_t{1}, kMostAtOnce);
    }
  }
  return true;
}

// ---- watching ----

Result<void> ZooKeeperBackend::watch(ShardMarks& marks, Timeout timeout) {
  if (!guard_.same_process())
    return Error{Code::unavailable, "zk: this handle belongs to the parent process"};
  if (auto broken = session_.broken()) return std::move(*broken);
  const Clock::time_point deadline = deadline_of(std::max(timeout, Timeout::zero()));
  session_.shards().watch_all();
  if (!session_.shards().knows_all()) {
    STRONGROOM_TRY(session_.watch_every_shard(deadline_of(kDefaultTimeout)));
  }
  session_.shards().wait(marks, deadline);
  if (auto broken = session_.broken()) return std::move(*broken);
  if (Clock::now() >= deadline && !session_.client().connected()) return session_.no_answer();
  return {};
}

}  // namespace
}  // namespace zookeeper

Result<std::unique_ptr<Backend>> open_zookeeper(std::string_view url,
                                                const BackendOptions& options) {
  using namespace zookeeper;
  STRONGROOM_ASSIGN(address, parse_address(url));
  const Clock::time_point deadline = deadline_of(options.timeout);
  auto handle = std::make_unique<Handle>(address, options.zk_auth);
  STRONGROOM_TRY(handle->session.client().wait_connected(deadline));
  STRONGROOM_TRY(open_tree(handle->session, options.must_exist, deadline));
  STRONGROOM_TRY(handle->session.begin(deadline));
  handle->blobs = std::make_unique<Blobs>(handle->session);
  handle->commits = std::make_unique<Commits>(handle->session, *handle->blobs);
  auto backend = std::make_unique<ZooKeeperBackend>(std::move(handle));
  const std::size_t mark = url.find('?');
  if (mark != url.npos) backend->set_query(std::string(url.substr(mark)));
  return std::unique_ptr<Backend>(std::move(backend));
}

}  // namespace strongroom
