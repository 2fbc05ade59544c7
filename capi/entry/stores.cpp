// store.cpp: memory and stores.
#include <array>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "guard.hpp"
#include "open.hpp"
#include "strongroom/anchor.hpp"
#include "strongroom/openpgp.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/store.hpp"

using namespace strongroom;
using namespace strongroom::capi;

namespace strongroom::capi {

Result<StoreOptions> store_options(const strongroom_store_options* given) {
  auto read = read_struct(given, STRONGROOM_STORE_OPTIONS_INIT);
  if (!read) return std::move(read).error();
  auto must_exist = flag_of(read->must_exist, "must_exist");
  if (!must_exist) return std::move(must_exist).error();
  if (read->reserved != 0) return Error{Code::invalid, "a reserved field was not 0"};
  StoreOptions options;
  options.must_exist = must_exist.value();
  if (read->timeout_ms != 0) options.timeout = std::chrono::milliseconds(read->timeout_ms);
  if (read->share_expiry_ms != 0) {
    options.share_expiry = std::chrono::milliseconds(read->share_expiry_ms);
  }
  if (read->openpgp_helper != nullptr) {
    if (*read->openpgp_helper == '\0') return Error{Code::invalid, "openpgp_helper was empty"};
    options.pgp = openpgp_helper(read->openpgp_helper);
  }
  if (read->anchor != nullptr) {
    auto anchor = Anchor::parse(read->anchor);
    if (!anchor) return std::move(anchor).error();
    options.anchor = anchor.value();
  }
  if (read->policy != nullptr) {
    if (auto good = check_handle(read->policy, "policy"); !good) return std::move(good).error();
    options.policy = read->policy->compiled;
  }
  auto auth = zk_auth_of(read->zk_auth, read->zk_auth_len, read->zk_auth_file);
  if (!auth) return std::move(auth).error();
  options.zk_auth = std::move(auth).value();
  return options;
}

Result<ZkAuth> zk_auth_of(const void* auth, std::size_t len, const char* file) {
  auto text = secret_of(auth, len, "zk_auth");
  if (!text) return std::move(text).error();
  if (file == nullptr) return len == 0 ? Result<ZkAuth>(ZkAuth()) : take_zk_auth(text.value());
  if (len > 0) return Error{Code::invalid, "zk_auth and zk_auth_file were given; one is enough"};
  return read_zk_auth_file(file);
}

}  // namespace strongroom::capi

// ---- memory ----

strongroom_status strongroom_memory_set_budget(size_t budget_bytes) noexcept {
  return guarded(nullptr, [&]() -> Result<void> {
    set_secret_budget(budget_bytes);
    return {};
  });
}

strongroom_status strongroom_memory_allow_unlocked(int allowed) noexcept {
  return guarded(nullptr, [&]() -> Result<void> {
    if (allowed != 0 && allowed != 1) return Error{Code::invalid, "neither 0 nor 1"};
    allow_unlocked_secrets(allowed == 1);
    return {};
  });
}

strongroom_status strongroom_memory_stats(strongroom_memory_info* out_info) noexcept {
  return guarded(nullptr, [&]() -> Result<void> {
    const SecretMemory stats = secret_memory();
    strongroom_memory_info info = STRONGROOM_MEMORY_INFO_INIT;
    info.budget_bytes = stats.budget_bytes;
    info.reserved_bytes = stats.reserved_bytes;
    info.unlocked_allowed = stats.unlocked_allowed ? 1 : 0;
    return write_struct(out_info, info);
  });
}

// ---- stores ----

strongroom_status strongroom_store_open(const char* url, const strongroom_store_options* options,
                                        strongroom_store** out,
                                        strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_store>> {
    auto name = text_of(url, "url");
    if (!name) return std::move(name).error();
    auto wanted = store_options(options);
    if (!wanted) return std::move(wanted).error();
    const bool anchored = wanted->anchor.has_value();
    auto store = Store::open(name.value(), std::move(wanted).value());
    if (!store) return std::move(store).error();
    return std::make_unique<strongroom_store>(std::move(store).value(), std::string(name.value()),
                                              anchored);
  });
}

void strongroom_store_free(strongroom_store* store) noexcept {
  release(store);
}

strongroom_status strongroom_close(strongroom_store* store, strongroom_error** out_error) noexcept {
  return guarded(out_error, [&]() -> Result<void> {
    if (auto good = check_handle(store, "store"); !good) return good;
    store->store->close();
    return {};
  });
}
