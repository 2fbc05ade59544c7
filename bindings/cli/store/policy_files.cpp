// policy_files.cpp: reading policies; see policy_files.hpp.
#include "store/policy_files.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "store/failure.hpp"
#include "terminal/input.hpp"

namespace strongroom_cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxPolicyLen = std::size_t{64} << 20;
constexpr std::array<std::string_view, 4> kEndings = {".json", ".dcos", ".policy", ".txt"};

struct NamedText {
  std::string name;
  std::string text;
};

bool has_ending(const fs::path& file) {
  return std::find(kEndings.begin(), kEndings.end(), file.extension().string()) != kEndings.end();
}

// files_in lists the documents of a directory, sorted.
std::vector<std::string> files_in(const std::string& directory) {
  std::error_code trouble;
  std::vector<std::string> files;
  for (auto entry = fs::directory_iterator(directory, trouble);
       !trouble && entry != fs::directory_iterator(); entry.increment(trouble)) {
    const std::string name = entry->path().filename().string();
    if (name.front() != '.' && has_ending(entry->path()) && entry->is_regular_file())
      files.push_back(entry->path().string());
  }
  if (trouble) {
    throw Failure(kExitInvalid,
                  "reading the directory '" + directory + "' failed: " + trouble.message());
  }
  if (files.empty()) {
    throw Failure(kExitInvalid, "there is no policy in '" + directory +
                                    "': its files end in .json, .dcos, .policy or .txt");
  }
  std::sort(files.begin(), files.end());
  return files;
}

NamedText read_document(const std::string& file) {
  const std::string name = file == "-" ? "stdin" : fs::path(file).stem().string();
  return {name, read_text(file, kMaxPolicyLen, "the policy")};
}

std::vector<NamedText> read_documents(const std::vector<std::string>& named) {
  std::vector<NamedText> texts;
  for (const std::string& each : named) {
    std::error_code trouble;
    if (each == "-" || !fs::is_directory(each, trouble)) {
      texts.push_back(read_document(each));
      continue;
    }
    for (const std::string& file : files_in(each)) texts.push_back(read_document(file));
  }
  return texts;
}

}  // namespace

std::string read_text(const std::string& file, std::size_t max_len, const std::string& what) {
  Input input(file, what);
  input.refuse_size(max_len);
  std::string text;
  std::array<std::uint8_t, 65536> part;
  while (const std::size_t got = input.read(part.data(), part.size())) {
    text.append(reinterpret_cast<const char*>(part.data()), got);
    if (text.size() > max_len) throw input.too_large(max_len);
  }
  refuse_mark(text, what + " in " + input.name());
  return text;
}

strongroom_abi::Policy read_policy(const std::vector<std::string>& named, const Options& options) {
  const bool stored = std::find(named.begin(), named.end(), kStoredPolicy) != named.end();
  if (stored && named.size() > 1)
    throw Failure(kExitUsage, "'@', the stored policy, cannot be mixed with files");
  if (stored || named.empty()) return open_unsealed(options).session.stored_policy();
  const std::vector<NamedText> texts = read_documents(named);
  std::vector<strongroom_abi::Policy::Document> documents;
  for (const NamedText& each : texts) documents.push_back({each.name, each.text});
  return strongroom_abi::Policy::parse(documents);
}

}  // namespace strongroom_cli
