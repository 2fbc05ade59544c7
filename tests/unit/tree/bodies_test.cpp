// bodies_test.cpp: what a file of bodies (.ipp) may do, since all of them may stand in one translation unit.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "source_root.h"

namespace bodies_test {
namespace {

using Files = std::map<std::string, std::string>;  // path below the root -> text
using Strings = std::vector<std::string>;

std::string stem_of(const std::string& path) {
  return std::filesystem::path(path).stem().string();
}

// stray names what in a text would meet other bodies: names without a namespace of the file's own.
Strings stray(const std::string& path, const std::string& text) {
  static const std::regex opens(R"(^(?:inline )?namespace ([\w:]*) ?\{.*)");
  static const std::regex detail(R"(detail::(\w+))");
  const std::string stem = stem_of(path);
  Strings found;
  Strings open;  // namespaces
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    std::smatch match;
    if (line.starts_with("namespace {") || line.starts_with("namespace{")) {
      found.push_back(path + " has an unnamed namespace");
    } else if (std::regex_match(line, match, opens)) {
      open.push_back(match[1]);
      std::smatch own;
      const std::string name = match[1];
      if (std::regex_search(name, own, detail) && !own[1].str().starts_with(stem))
        found.push_back(path + " opens detail::" + own[1].str());
    } else if (line.starts_with("}  // namespace") && !open.empty()) {
      open.pop_back();
    } else if (line.starts_with("using ")) {
      const bool own = !open.empty() && open.back().find(stem) != std::string::npos;
      if (!own) found.push_back(path + ": " + line);
    } else if (line.starts_with("#define") || line.starts_with("# define")) {
      found.push_back(path + ": " + line);
    }
  }
  return found;
}

Files read_tree() {
  Files files;
  const std::filesystem::path root = STRONGROOM_SOURCE_ROOT;
  for (const char* folder : {"include", "src"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / folder)) {
      if (!entry.is_regular_file()) continue;
      std::ifstream in(entry.path(), std::ios::binary);
      files[entry.path().lexically_relative(root).generic_string()] = {
          std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    }
  }
  return files;
}

std::size_t num_including(const Files& files, const std::string& body, const std::string& folder) {
  const std::string line = "#include \"" + body.substr(std::string("include/").size()) + "\"\n";
  std::size_t num = 0;
  for (const auto& [path, text] : files) {
    if (path.starts_with(folder) && text.find(line) != std::string::npos) ++num;
  }
  return num;
}

TEST(Bodies, HaveNoNamesThatMeetOthers) {
  std::size_t num = 0;
  for (const auto& [path, text] : read_tree()) {
    if (!path.ends_with(".ipp")) continue;
    ++num;
    for (const std::string& what : stray(path, text)) ADD_FAILURE() << what;
  }
  EXPECT_GT(num, 50u);
}

// Each body is in one source of its library, and in the header for hosts that compile it themselves.
TEST(Bodies, AreCompiledByOneLibraryAndByOneHeaderForHosts) {
  const Files files = read_tree();
  for (const auto& [path, text] : files) {
    if (!path.ends_with(".ipp")) continue;
    const bool tools = path.starts_with("include/strongroom/impl/policy_tools/");
    const std::string sources = tools ? "src/policy_tools/" : "src/engine/";
    const std::string header =
        tools ? "include/strongroom/src_policy_tools.hpp" : "include/strongroom/src.hpp";
    EXPECT_EQ(num_including(files, path, sources), 1u) << path;
    EXPECT_EQ(num_including(files, path, "src/"), 1u) << path;
    EXPECT_EQ(num_including(files, path, header), 1u) << path;
    EXPECT_EQ(num_including(files, path, "include/"), 1u) << path;
  }
}

TEST(Bodies, ANamespaceOfItsOwnIsLetThrough) {
  const std::string good =
      "namespace strongroom {\nnamespace detail::gcm {\nusing Bytes = int;\n}  // namespace "
      "detail::gcm\n"
      "int f() {\n  using std::swap;\n  return 1;\n}\n}  // namespace strongroom\n";
  EXPECT_TRUE(stray("impl/crypto/gcm.ipp", good).empty());
}

TEST(Bodies, EachStrayNameIsFound) {
  for (const char* text :
       {"namespace strongroom {\nnamespace {\nint a;\n}\n}\n",
        "namespace strongroom {\nusing Bytes = int;\n}  // namespace strongroom\n",
        "using namespace std;\n", "#define TWICE(x) (2 * (x))\n",
        "namespace strongroom {\nnamespace detail::aes {\n}  // namespace detail::aes\n}\n"}) {
    EXPECT_FALSE(stray("impl/crypto/gcm.ipp", text).empty()) << text;
  }
}

}  // namespace
}  // namespace bodies_test
