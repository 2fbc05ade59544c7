// own_tree.ipp: the bodies of own_tree.hpp.
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

#include "strongroom/impl/base/own_tree.hpp"
#include "strongroom/result.hpp"

namespace strongroom {

// If the loader knows only a relative path, which may name another file by now, this is the path of the
// program.
std::string own_file() {
  if (::getauxval(AT_SECURE) != 0) return {};
  Dl_info info{};
  const void* const here = reinterpret_cast<const void*>(&own_file);
  const bool known = ::dladdr(here, &info) != 0 && info.dli_fname != nullptr;
  const char* const name = known && *info.dli_fname == '/' ? info.dli_fname : "/proc/self/exe";
  const std::unique_ptr<char, decltype(&::free)> whole(::realpath(name, nullptr), &::free);
  return whole != nullptr ? std::string(whole.get()) : std::string();
}

std::string in_own_tree(std::string_view own, std::string_view relative) {
  std::size_t slash = own.rfind('/');
  for (int steps = 0; steps < 2 && slash != std::string_view::npos && slash > 0; ++steps) {
    slash = own.rfind('/', slash - 1);
    if (slash == std::string_view::npos) break;
    std::string path(own.substr(0, slash + 1));
    path += relative;
    if (::access(path.c_str(), F_OK) == 0) return path;
  }
  return {};
}

Result<void> check_not_foreign(const std::string& path, std::string_view name) {
  const std::string what = std::string(name) + " '" + path + "'";
  struct stat file {};
  if (::stat(path.c_str(), &file) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return Error{Code::not_found, what + " is not there"};
    return Error{Code::unavailable,
                 what + " could not be examined (" + std::generic_category().message(errno) + ")"};
  }
  if (!S_ISREG(file.st_mode)) return Error{Code::unsupported, what + " is not a file"};
  const bool own = file.st_uid == 0 || file.st_uid == ::geteuid();
  if (own && (file.st_mode & (S_IWGRP | S_IWOTH)) == 0) return {};
  return Error{Code::unsupported, what +
                                      " can be written by others and was not used; make root its "
                                      "owner and run chmod go-w on it"};
}

}  // namespace strongroom
