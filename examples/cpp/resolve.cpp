// resolve.cpp: from nothing to a resolved secret, with the engine's C++ headers.
//
//   c++ -std=c++20 resolve.cpp $(pkg-config --static --cflags --libs strongroom-engine) -o resolve
#include <unistd.h>

#include <cstdio>
#include <string_view>
#include <utility>

#include "strongroom/credential.hpp"
#include "strongroom/store.hpp"

using namespace strongroom;

namespace {

SecretView bytes(std::string_view text) {
  return SecretView(text.data(), text.size());
}

// make initializes the store and unseals it. Somebody must keep the key file before activate.
Result<void> make(Store& store, const Identity& me) {
  InitOptions options;
  options.key_file = true;
  auto pending = store.init(me, options);
  if (!pending) return std::move(pending).error();
  auto key = Credential::parse(pending->key_file.view());
  if (!key) return std::move(key).error();
  if (auto made = store.activate(me, pending.value()); !made) return made;
  return store.unseal(me, std::span(&key.value(), 1));
}

Result<SecretBytes> example() {
  const Identity me = Identity::trusted();
  auto store = Store::open("memory:");  // or lmdb:/var/lib/app/secrets
  if (!store) return std::move(store).error();
  if (auto made = make(store.value(), me); !made) return std::move(made).error();

  auto path = Path::parse_secret("/my/secret");
  if (!path) return std::move(path).error();
  const auto value = bytes(R"({"username": "my-user", "password": "my-password"})");
  auto put = store->put(me, path.value(), Content::text, value, Condition::create());
  if (!put) return std::move(put).error();

  Secret wanted;  // as it stands in a Mesos task
  wanted.type = Secret::Type::reference;
  wanted.reference = Reference{"/my/secret", "username"};
  return store->resolve(me, wanted);
}

}  // namespace

int main() {
  const auto secret = example();
  if (!secret) {
    std::fprintf(stderr, "%s\n", secret.error().message.c_str());
    return 1;
  }
  const auto plaintext = secret->reveal();  // my-user; wiped when `secret` goes
  return ::write(STDOUT_FILENO, plaintext.data(), plaintext.size()) < 0;
}
