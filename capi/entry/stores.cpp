// stores.cpp: sets up the memory for secrets, and opens stores.
#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "guard.hpp"
#include "open.hpp"
#include "strongroom/aes_library.hpp"
#include "strongroom/anchor.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/openpgp.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/store.hpp"

using namespace strongroom;
using namespace strongroom::capi;

namespace strongroom::capi {

Result<StoreOptions> store_options(const strongroom_store_options* given) {
  STRONGROOM_ASSIGN(read, read_struct(given, STRONGROOM_STORE_OPTIONS_INIT));
  STRONGROOM_ASSIGN(must_exist, flag_of(read.must_exist, "must_exist"));
  STRONGROOM_ASSIGN(allow_unavailable, flag_of(read.allow_unavailable, "allow_unavailable"));
  StoreOptions options;
  options.storage.must_exist = must_exist;
  options.storage.allow_unavailable = allow_unavailable;
  if (read.timeout_ms != 0) options.timeout = std::chrono::milliseconds(read.timeout_ms);
  if (read.share_expiry_ms != 0) {
    options.share_expiry = std::chrono::milliseconds(read.share_expiry_ms);
  }
  if (read.openpgp_helper != nullptr) {
    if (*read.openpgp_helper == '\0') return Error{Code::invalid, "openpgp_helper is empty"};
    options.pgp = openpgp_helper(read.openpgp_helper);
  }
  if (read.anchor != nullptr) {
    STRONGROOM_ASSIGN(anchor, Anchor::parse(read.anchor));
    options.anchor = anchor;
  }
  if (read.policy != nullptr) {
    STRONGROOM_TRY(check_handle(read.policy, "policy"));
    options.policy = read.policy->compiled;
  }
  STRONGROOM_ASSIGN(auth, zk_auth_of(read.zk_auth, read.zk_auth_len, read.zk_auth_file));
  options.storage.zk_auth = std::move(auth);
  return options;
}

Result<ZkAuth> zk_auth_of(const void* auth, std::size_t len, const char* file) {
  STRONGROOM_ASSIGN(text, secret_of(auth, len, "zk_auth"));
  if (file == nullptr) return len == 0 ? Result<ZkAuth>(ZkAuth()) : take_zk_auth(text);
  if (len > 0)
    return Error{Code::invalid, "zk_auth and zk_auth_file are both set; set only one of them"};
  return read_zk_auth_file(file);
}

}  // namespace strongroom::capi

// ---- AES-256-GCM ----

strongroom_status strongroom_use_aes_library(const char* library,
                                             strongroom_error** out_error) noexcept {
  return guarded(out_error, [&]() -> Result<void> {
    constexpr std::array<std::pair<std::string_view, AesLibrary>, 5> kLibraries{{
        {"automatic", AesLibrary::automatic},
        {"libsodium", AesLibrary::libsodium},
        {"nettle", AesLibrary::nettle},
        {"libcrypto", AesLibrary::libcrypto},
        {"botan", AesLibrary::botan},
    }};
    STRONGROOM_ASSIGN(name, text_of(library, "library"));
    for (const auto& [known, value] : kLibraries) {
      if (name == known) return use_aes_library(value);
    }
    return Error{Code::invalid, "library must be automatic, libsodium, nettle, libcrypto or botan"};
  });
}

// ---- memory ----

strongroom_status strongroom_memory_set_budget(size_t budget_bytes,
                                               strongroom_error** out_error) noexcept {
  return guarded(out_error, [&]() -> Result<void> {
    set_secret_budget(budget_bytes);
    return {};
  });
}

strongroom_status strongroom_memory_allow_unlocked(int allowed,
                                                   strongroom_error** out_error) noexcept {
  return guarded(out_error, [&]() -> Result<void> {
    if (allowed != 0 && allowed != 1) return Error{Code::invalid, "allowed must be 0 or 1"};
    allow_unlocked_secrets(allowed == 1);
    return {};
  });
}

strongroom_status strongroom_memory_describe(strongroom_memory_info* out_info,
                                             strongroom_error** out_error) noexcept {
  return guarded(out_error, [&]() -> Result<void> {
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
    STRONGROOM_ASSIGN(name, text_of(url, "url"));
    STRONGROOM_ASSIGN(wanted, store_options(options));
    const bool anchored = wanted.anchor.has_value();
    STRONGROOM_ASSIGN(store, Store::open(name, std::move(wanted)));
    return std::make_unique<strongroom_store>(std::move(store), std::string(name), anchored);
  });
}

void strongroom_store_free(strongroom_store* store) noexcept {
  release(store);
}
