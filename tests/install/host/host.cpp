// The smallest host: the whole engine in one source file of its own, over memory.
#include <cstdio>
#include <strongroom/src.hpp>

using namespace strongroom;

int main() {
  const Identity me = Identity::trusted();
  auto store = Store::open("memory:");
  if (!store) return std::puts(store.error().message.c_str()), 1;
  auto pending = store->init(me, {.key_file = true});
  if (!pending || !store->activate(me, *pending)) return 2;
  auto key = Credential::parse(pending->key_file.view());
  if (!key || !store->unseal(me, std::span(&*key, 1))) return 3;
  const auto path = Path::parse("my/secret").value();
  if (!store->put(me, path, Content::text, SecretView("my-user", 7))) return 4;
  auto secret = store->get(me, path);
  return secret ? std::puts(std::string(secret->value.reveal_text()).c_str()), 0 : 5;
}
