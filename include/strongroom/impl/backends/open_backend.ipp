// open_backend.ipp: opens the backend that a URL names.
#include <charconv>
#include <string>
#include <string_view>

#include "strongroom/backend.hpp"
#include "strongroom/backends/memory.hpp"
#include "strongroom/impl/backends/late_backend.hpp"
#include "strongroom/impl/base/propagate.hpp"
#if STRONGROOM_HAVE_LMDB
#include "strongroom/backends/lmdb.hpp"
#endif
#if STRONGROOM_HAVE_ZOOKEEPER
#include "strongroom/backends/zookeeper.hpp"
#endif

namespace strongroom {
namespace detail::open_backend {

constexpr std::string_view kShapes =
    "memory: or lmdb:/absolute/directory[?quota=BYTES] or zk://host:port,host:port/root";

static Error refuse(std::string_view url, std::string_view why) {
  return {Code::invalid, "the store URL '" + std::string(url) + "' " + std::string(why)};
}

[[maybe_unused]] static Error not_built_in(std::string_view scheme) {
  return {Code::unsupported, "the backend '" + std::string(scheme) + "' was not built in"};
}

#if STRONGROOM_HAVE_LMDB
// read_options reads what follows the '?': quota=BYTES, once.
static Result<LmdbOptions> read_options(std::string_view url, std::string_view query) {
  constexpr std::string_view kQuota = "quota=";
  if (!query.starts_with(kQuota) || query.find('&') != std::string_view::npos) {
    return refuse(url, "had an option other than quota=BYTES");
  }
  query.remove_prefix(kQuota.size());
  LmdbOptions options;
  const char* const end = query.data() + query.size();
  const auto [stop, trouble] = std::from_chars(query.data(), end, options.quota_bytes);
  if (trouble != std::errc{} || stop != end) {
    return refuse(url, "had a quota that is not a number of bytes, such as 10485760");
  }
  if (options.quota_bytes < kMinLmdbQuota) {
    return refuse(url, "had a quota under " + std::to_string(kMinLmdbQuota) + " bytes");
  }
  return options;
}

static Result<std::unique_ptr<Backend>> open_lmdb_url(std::string_view url, std::string_view rest,
                                                      const BackendOptions& how) {
  const std::size_t mark = rest.find('?');
  const std::string_view directory = rest.substr(0, mark);
  if (!directory.starts_with('/')) return refuse(url, "had no absolute path; use lmdb:/directory");
  if (directory.find('\0') != std::string_view::npos) return refuse(url, "had a NUL byte");
  LmdbOptions options;
  if (mark != std::string_view::npos) {
    STRONGROOM_ASSIGN(read, read_options(url, rest.substr(mark + 1)));
    options = read;
  }
  options.must_exist = how.must_exist;
  options.timeout = how.timeout;
  return open_lmdb(std::string(directory), options);
}
#endif

}  // namespace detail::open_backend

Result<std::unique_ptr<Backend>> open_backend(std::string_view url,
                                              [[maybe_unused]] const BackendOptions& options) {
  if (options.allow_unavailable) return LateBackend::open(url, options);
  const std::size_t colon = url.find(':');
  if (colon == std::string_view::npos) {
    return Error{Code::invalid, "the store URL named no backend; use " +
                                    std::string(detail::open_backend::kShapes)};
  }
  const std::string_view scheme = url.substr(0, colon);
  const std::string_view rest = url.substr(colon + 1);
  if (scheme == "memory") {
    if (!rest.empty()) return detail::open_backend::refuse(url, "had something after memory:");
    return std::unique_ptr<Backend>(std::make_unique<MemoryBackend>());
  }
  if (scheme == "lmdb") {
#if STRONGROOM_HAVE_LMDB
    return detail::open_backend::open_lmdb_url(url, rest, options);
#else
    return detail::open_backend::not_built_in(scheme);
#endif
  }
  if (scheme == "zk") {
#if STRONGROOM_HAVE_ZOOKEEPER
    return open_zookeeper(url, options);
#else
    return detail::open_backend::not_built_in(scheme);
#endif
  }
  if (scheme == "zks") {
    return Error{
        Code::unsupported,
        "zks:// needs a ZooKeeper client that speaks TLS and checks host names, and the one "
        "built in does not; put a TLS proxy, for example stunnel, in front of it, and use zk:// to "
        "its "
        "local end"};
  }
  // Only the scheme is shown: what follows an unknown one may hold a password.
  return Error{Code::invalid, "the store URL named the unknown backend '" + std::string(scheme) +
                                  "'; use " + std::string(detail::open_backend::kShapes)};
}

}  // namespace strongroom
