// A host on a CPU without AES instructions, in a build without Botan: nothing opens.
#include <cstdio>
#include <memory>
#include <string>
#include <strongroom/backends/memory.hpp>
#include <strongroom/impl/crypto/aes_internal.hpp>
#include <strongroom/store.hpp>

int main() {
  strongroom::detail::portable_aes(true);
  auto store = strongroom::Store::open("memory:");
  std::puts(store ? "opened" : std::string(to_string(store.error().code)).c_str());
  // Not over a backend of the host's own either, however far it gets.
  strongroom::Store over(std::make_unique<strongroom::MemoryBackend>());
  auto pending = over.as(strongroom::Identity::trusted()).init({.key_file = true});
  std::puts(pending ? "made" : std::string(to_string(pending.error().code)).c_str());
}
