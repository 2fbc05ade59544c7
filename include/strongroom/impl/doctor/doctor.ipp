// doctor.ipp: which checks are made, and on what; see doctor.hpp.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/doctor.hpp"
#include "strongroom/impl/doctor/doctor_internal.hpp"

namespace strongroom {
namespace doctor {

std::string size_text(std::uint64_t bytes) {
  if (bytes == kNoLimit) return "no limit";
  if (bytes >= kMiB) return std::to_string(bytes / kMiB) + " MiB";
  if (bytes >= kKiB || bytes == 0) return std::to_string(bytes / kKiB) + " KiB";
  return std::to_string(bytes) + " bytes";
}

std::string shell_word(const std::string& path) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("/._-+:@%,").find(c) != std::string_view::npos;
  };
  if (!path.empty() && path.front() != '-' && std::all_of(path.begin(), path.end(), plain)) {
    return path;
  }
  std::string word = path.starts_with('-') ? "'./" : "'";
  for (const char c : path) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

std::optional<std::string> read_small(const char* path) {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return {};
  std::string text(64 * kKiB, '\0');
  std::size_t len = 0;
  ssize_t got = 0;
  while (len < text.size() && (got = ::read(fd, text.data() + len, text.size() - len)) > 0) {
    len += static_cast<std::size_t>(got);
  }
  ::close(fd);
  if (got < 0) return {};
  text.resize(len);
  return text;
}

}  // namespace doctor

std::vector<Finding> examine_host(const Examination& examination) {
  const std::int64_t offset_before_ns = doctor::wall_offset_ns();
  doctor::Findings findings = {doctor::check_locked_memory(), doctor::check_core_dumps(),
                               doctor::check_swap(), doctor::check_entropy()};
  const std::string& directory = examination.storage_directory;
  if (!directory.empty()) doctor::check_storage(directory, findings);
  if (examination.url.starts_with("memory:")) {
    findings.push_back({Finding::Level::note, "storage",
                        "the store is kept in the memory of one process, and is lost with it",
                        "use an lmdb: URL for a store that must last"});
  }
  for (const std::string& key_file : examination.key_files) {
    doctor::check_key_file(key_file, directory, findings);
  }
  findings.push_back(doctor::check_clock(directory, offset_before_ns));
  return findings;
}

}  // namespace strongroom
