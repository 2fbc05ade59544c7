// zookeeper_store.hpp: a store on real servers, with the key that opens it, for any number of handles.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "strongroom/credential.hpp"
#include "strongroom/identity.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/slots.hpp"
#include "strongroom/store.hpp"
#include "tests/support/barrier_fixture.hpp"

namespace strongroom::testing {

inline const Identity kTrusted = Identity::trusted();

inline std::string tree_url(const std::string& servers, const std::string& options = {}) {
  return "zk://" + servers + "/strongroom?access=world&session_ms=3000" + options;
}

// open_unsealed opens and unseals; the first error of the two.
inline Result<Store> open_unsealed(const std::string& url, const Credential& key) {
  auto store = Store::open(url, {.storage = {.must_exist = true}});
  if (!store) return store;
  auto unsealed = store->as(kTrusted).unseal(std::span(&key, 1));
  if (!unsealed) return std::move(unsealed).error();
  return store;
}

// KeyOfStore initialises a store and keeps its key.
class KeyOfStore {
 public:
  explicit KeyOfStore(const std::string& url, InitOptions options = {0, 0, true})
      : pending_(prepare_init(options).value()), key_(parsed(pending_.key_file)) {
    auto store = Store::open(url);
    EXPECT_TRUE(store) << store.error().message;
    auto activated = store->as(kTrusted).activate(pending_);
    EXPECT_TRUE(activated) << activated.error().message;
  }

  const Credential& key() const noexcept { return key_; }

  // open gives a handle as another process would have it.
  Store open(const std::string& url) const {
    auto store = open_unsealed(url, key_);
    EXPECT_TRUE(store) << store.error().message;
    return std::move(store).value();
  }

  // save leaves the key where a process of this test finds it.
  void save(const std::filesystem::path& file) const {
    std::ofstream out(file, std::ios::binary);
    std::filesystem::permissions(
        file, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    const auto bytes = pending_.key_file.reveal();
    out.write(reinterpret_cast<const char*>(bytes.data()),
              static_cast<std::streamsize>(bytes.size()));
  }
  static Credential load(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    return Credential::parse(SecretView(text.data(), text.size())).value();
  }

 private:
  PendingInit pending_;
  Credential key_;
};

inline Result<Revision> put(Store& store, std::string_view where, std::string_view value) {
  return store.as(kTrusted).put(path(where), Content::binary,
                                SecretView(value.data(), value.size()));
}

// code_of gives 0 for success.
template <typename T>
int code_of(const Result<T>& result) {
  return result ? 0 : static_cast<int>(result.error().code);
}

}  // namespace strongroom::testing
