// aes_providers.ipp: finding and loading the modules of aes_providers.hpp.
#include <dlfcn.h>

#include <string>
#include <string_view>

#include "strongroom/impl/base/own_tree.hpp"
#include "strongroom/impl/crypto/aes_providers.hpp"

namespace strongroom::detail::aes_providers {

#ifdef STRONGROOM_AES_MODULES

// file_of returns where a module is: next to this library, in the tree that this library or program is part of,
// or where it was to be installed.
static std::string file_of(const std::string& module) {
  const std::string own = own_file();
  const std::string beside = own.substr(0, own.rfind('/') + 1) + "strongroom/" + module;
  if (!own.empty() && check_not_foreign(beside, "the module")) return beside;
  const std::string in_tree = in_own_tree(own, "lib/strongroom/" + module);
  return in_tree.empty() ? STRONGROOM_AES_MODULES "/" + module : in_tree;
}

// load never unloads: a cipher may be needed until the last static is gone.
static const AesProvider* load(const char* module) noexcept try {
  const std::string file = file_of(module);
  if (!check_not_foreign(file, "the module")) return nullptr;
  void* const opened = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (opened == nullptr) return nullptr;
  using Entry = const AesProvider*();
  auto* const entry = reinterpret_cast<Entry*>(::dlsym(opened, kAesModuleEntry));
  const AesProvider* const provider = entry != nullptr ? entry() : nullptr;
  if (provider == nullptr || provider->layout != AesProvider::kLayout) return nullptr;
  return provider->works() ? provider : nullptr;
} catch (...) {
  return nullptr;  // no memory for a path
}

#endif

#if STRONGROOM_HAVE_LIBCRYPTO || STRONGROOM_HAVE_BOTAN
static const AesProvider* working(const AesProvider& provider) noexcept {
  return provider.works() ? &provider : nullptr;
}
#endif

}  // namespace strongroom::detail::aes_providers

namespace strongroom::detail {

const AesProvider* libcrypto() noexcept {
#if STRONGROOM_HAVE_LIBCRYPTO
  static const AesProvider* const provider = aes_providers::working(libcrypto_table());
#elif defined(STRONGROOM_AES_MODULES)
  static const AesProvider* const provider = aes_providers::load("strongroom-libcrypto.so");
#else
  constexpr const AesProvider* provider = nullptr;
#endif
  return provider;
}

const AesProvider* botan() noexcept {
#if STRONGROOM_HAVE_BOTAN
  static const AesProvider* const provider = aes_providers::working(botan_table());
#elif defined(STRONGROOM_AES_MODULES)
  static const AesProvider* const provider = aes_providers::load("strongroom-botan.so");
#else
  constexpr const AesProvider* provider = nullptr;
#endif
  return provider;
}

}  // namespace strongroom::detail
