// The smallest host: the whole engine in one source file of its own, over memory.
#include <cstdio>
#include <strongroom/src.hpp>

using namespace strongroom;

int main() {
  auto store = Store::open("memory:");
  if (!store) return std::puts(store.error().message.c_str()), 1;
  const Session session = store->as(Identity::trusted());
  auto pending = session.init({.key_file = true});
  if (!pending || !session.activate(*pending)) return 2;
  auto key = Credential::parse(pending->key_file.view());
  if (!key || !session.unseal(*key)) return 3;
  if (!session.put("my/secret", Content::text, SecretView("my-user", 7))) return 4;
  auto secret = session.get("my/secret");
  return secret ? std::puts(std::string(secret->value.reveal_text()).c_str()), 0 : 5;
}
