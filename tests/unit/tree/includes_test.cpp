// includes_test.cpp: holds the line Store -> Policy -> Barrier -> Backend, by who includes whom.
//
// The checker takes the files as a map, so that the tests can show it what must never pass.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "source_root.h"

namespace includes_test {
namespace {

// Files is path below the root -> text.
using Files = std::map<std::string, std::string>;
using Strings = std::vector<std::string>;

struct Include {
  std::string name;
  bool quoted;
};

// kMayReach is the order of the engine's rooms (the folders of include/strongroom/impl): what a room may
// reach besides itself, however indirectly. store is the first stage and reaches all.
const std::map<std::string, std::set<std::string>> kMayReach = {
    {"base", {}},
    {"crypto", {"base"}},
    {"json", {"base", "crypto"}},
    // Policy does no I/O and sees no plaintext and no key.
    {"policy", {"base", "crypto", "json"}},
    // The tools are a library of their own. No other room reaches them, so the engine links without.
    {"policy_tools", {"base", "crypto", "json", "policy"}},
    // A backend sees neither names nor keys.
    {"backends", {"base", "crypto"}},
    {"openpgp", {"base", "crypto", "backends"}},
    {"mesos", {"base", "crypto", "json"}},
    {"keys", {"base", "crypto", "backends", "openpgp"}},
    {"doctor", {"base", "crypto", "backends", "openpgp", "keys"}},
    {"barrier", {"base", "crypto", "backends", "openpgp", "keys"}},
    {"copies", {"base", "crypto", "backends", "openpgp", "keys", "barrier"}},
    {"store",
     {"base", "crypto", "json", "policy", "backends", "openpgp", "mesos", "keys", "barrier",
      "copies"}},
};

// Words for all rooms: a public header without bodies. They know no stage of the line.
const std::string kWords = "";
const std::set<std::string> kWordsMayReach = {"base", "crypto", "openpgp", "keys"};
// What is beside the line: the door, visitors.
const std::string kOther = "other";

std::set<std::string> words(const char* text) {
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), std::istream_iterator<std::string>()};
}

// Beside these, headers of the engine include libsodium alone.
const std::set<std::string> kStandard = words(
    "algorithm any array atomic barrier bit bitset cassert cctype cerrno charconv chrono climits "
    "cmath compare concepts condition_variable cstdarg cstddef cstdint cstdio cstdlib cstring "
    "ctime deque exception filesystem functional future initializer_list iterator latch limits "
    "list map memory memory_resource mutex new numeric optional ranges ratio semaphore set "
    "shared_mutex source_location span stdexcept stop_token string string_view system_error "
    "thread tuple type_traits typeindex unordered_map unordered_set utility variant vector "
    "version");
const std::set<std::string> kPosix = words(
    "dirent.h errno.h fcntl.h limits.h poll.h pthread.h sched.h signal.h stddef.h stdint.h "
    "stdlib.h string.h time.h unistd.h sys/file.h sys/mman.h sys/random.h sys/resource.h "
    "sys/socket.h sys/stat.h sys/types.h sys/uio.h sys/un.h sys/wait.h");
const std::set<std::string> kDoor = {"strongroom.h", "strongroom_abi.hpp", "strongroom_mesos.h",
                                     "strongroom_policy_tools.h", "strongroom_zookeeper.h"};

// without_comments blanks comments out, and leaves lines and strings as they are.
std::string without_comments(std::string_view text) {
  std::string out;
  char inside = 0;  // '"' in a literal, '*' or '/' in a comment
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    if (inside == '*') {
      if (c == '*' && next == '/') {
        inside = 0;
        ++i;
      }
      out += c == '\n' ? '\n' : ' ';
    } else if (inside == '/') {
      if (c == '\n') inside = 0;
      out += c == '\n' ? '\n' : ' ';
    } else if (inside == 0 && c == '/' && (next == '*' || next == '/')) {
      inside = next;
      ++i;
      out += ' ';
    } else {
      // A literal ends at its line's end at the latest: an apostrophe in a number opens none.
      if (c == '\n' || (inside == c && text[i - 1] != '\\')) {
        inside = 0;
      } else if (inside == 0 && c == '"') {
        inside = c;
      }
      out += c;
    }
  }
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) {
    text.remove_prefix(1);
  }
  return text;
}

// includes_of lists what a text includes, in its order. What names no file (a macro) comes whole.
std::vector<Include> includes_of(std::string_view text) {
  std::vector<Include> found;
  const std::string code = without_comments(text);
  for (std::size_t begin = 0; begin < code.size();) {
    const std::size_t end = std::min(code.find('\n', begin), code.size());
    std::string_view line = trimmed(std::string_view(code).substr(begin, end - begin));
    begin = end + 1;
    if (line.empty() || line.front() != '#') continue;
    line = trimmed(line.substr(1));
    if (!line.starts_with("include")) continue;
    line = trimmed(line.substr(std::string_view("include").size()));
    const char close = line.starts_with('"') ? '"' : '>';
    const bool named = line.starts_with('"') || line.starts_with('<');
    const std::size_t stop = named ? line.find(close, 1) : std::string_view::npos;
    if (stop == std::string_view::npos) {
      found.push_back({std::string(line), true});
    } else {
      found.push_back({std::string(line.substr(1, stop - 1)), close == '"'});
    }
  }
  return found;
}

std::string directory_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? "" : std::string(path.substr(0, slash + 1));
}

std::string stem_of(std::string_view path) {
  const std::string name(path.substr(directory_of(path).size()));
  return name.substr(0, name.find('.'));
}

constexpr std::string_view kPublic = "include/strongroom/";
constexpr std::string_view kWhole = "include/strongroom/src.hpp";  // all bodies, for a host
constexpr std::string_view kWholeTools = "include/strongroom/src_policy_tools.hpp";
constexpr std::string_view kImpl = "include/strongroom/impl/";

// The folders of src/ that each stand before one heavy library, and the room that they belong to.
const std::map<std::string, std::string> kHeavy = {
    {"lmdb", "backends"}, {"zookeeper", "backends"}, {"openpgp", "openpgp"},
    {"botan", "crypto"},  {"libcrypto", "crypto"},
};

bool in_engine_headers(std::string_view path) {
  return path.starts_with(kPublic);
}
bool is_body(std::string_view path) {
  return path.ends_with(".ipp");
}
// compiles_bodies: a file that does nothing but include bodies.
bool compiles_bodies(std::string_view path) {
  return path.starts_with("src/engine/") || path.starts_with("src/policy_tools/") ||
         path == kWhole || path == kWholeTools;
}

// room_of names the room that a file is in. A public header is in the one that has its bodies: that of
// <stem>.ipp. Headers in a folder, such as policy/, are in the room of that name; policy/tools.hpp is in
// policy_tools.
std::string room_of(const Files& files, const std::string& path) {
  const auto folder_below = [&](std::string_view folder) {
    const std::string below = path.substr(folder.size());
    return below.substr(0, std::min(below.find('/'), below.size()));
  };
  if (path.starts_with(kImpl)) return folder_below(kImpl);
  if (compiles_bodies(path)) return kOther;
  if (path.starts_with("src/")) return kHeavy.at(folder_below("src/"));
  if (!in_engine_headers(path)) return kOther;
  const std::string folder = folder_below(kPublic);
  const std::string part = folder + "_" + stem_of(path);
  if (kMayReach.contains(part)) return part;
  if (kMayReach.contains(folder)) return folder;
  for (const auto& [room, reaches] : kMayReach) {
    const std::string bodies = std::string(kImpl) + room + "/" + stem_of(path) + ".ipp";
    if (files.contains(bodies)) return room;
  }
  return kWords;
}

// target_of is the file of ours that an include names; empty where it is none of ours. Sources of a
// visitor name its files from its own folder on, and those of bindings/audit, which visitors share.
std::string target_of(const Files& files, const std::string& from, const Include& include) {
  if (include.name.starts_with("strongroom/")) return "include/" + include.name;
  if (!include.quoted) return "";
  const std::string beside = directory_of(from) + include.name;
  if (files.contains(beside)) return beside;
  constexpr std::string_view visitors = "bindings/";
  if (!from.starts_with(visitors)) return "";
  const std::string below = from.substr(0, from.find('/', visitors.size()) + 1) + include.name;
  if (files.contains(below)) return below;
  const std::string shared = std::string(visitors) + include.name;
  return include.name.starts_with("audit/") && files.contains(shared) ? shared : "";
}

using Graph = std::map<std::string, std::set<std::string>>;

Graph graph_of(const Files& files) {
  Graph graph;
  for (const auto& [path, text] : files) {
    for (const Include& include : includes_of(text)) {
      if (const std::string target = target_of(files, path, include); !target.empty()) {
        graph[path].insert(target);
      }
    }
  }
  return graph;
}

// reached gives all that `from` includes, however indirectly; itself only where there is a cycle.
std::set<std::string> reached(const Graph& graph, const std::string& from) {
  std::set<std::string> seen;
  Strings open = {from};
  while (!open.empty()) {
    const auto it = graph.find(open.back());
    open.pop_back();
    if (it == graph.end()) continue;
    for (const std::string& next : it->second) {
      if (seen.insert(next).second) open.push_back(next);
    }
  }
  return seen;
}

// allowed_name judges one include by its spelling and by where it stands.
bool allowed_name(const Files& files, const std::string& from, const Include& include) {
  const std::string& name = include.name;
  if (name.find("./") != std::string::npos || name.find("//") != std::string::npos) return false;
  const bool engine = name.starts_with("strongroom/");
  const bool beside = include.quoted && !target_of(files, from, include).empty();
  const bool standard = !include.quoted && kStandard.contains(name);
  if (compiles_bodies(from)) return include.quoted && engine && is_body(name);
  if (is_body(name)) return false;
  if (is_body(from)) return include.quoted ? engine : !engine;
  if (in_engine_headers(from)) {
    // What an embedder includes takes nothing of the inside along.
    const bool inside = name.starts_with("strongroom/impl/") && !from.starts_with(kImpl);
    if (include.quoted) return engine && !inside;
    return standard || kPosix.contains(name) || name == "sodium.h";
  }
  if (from.starts_with("src/")) return include.quoted ? engine || beside : !engine;
  if (from == "capi/strongroom.h") return name == "stddef.h" || name == "stdint.h";
  if (from.starts_with("capi/strongroom_") && from.ends_with(".h"))
    return name == "stddef.h" || name == "stdint.h" || name == "strongroom.h";
  if (from == "capi/strongroom_abi.hpp") return standard || kDoor.contains(name);
  if (from.starts_with("bindings/")) {
    if (kDoor.contains(name)) return true;
    return include.quoted ? beside && !engine : !name.starts_with("strongroom");
  }
  return true;
}

bool may_reach(const std::string& from, const std::string& to) {
  if (from == kOther || from == to || to == kWords) return true;
  if (from == kWords) return kWordsMayReach.contains(to);
  return kMayReach.at(from).contains(to);
}

// violations names everything in the files that crosses the line; empty is good.
Strings violations(const Files& files) {
  Strings found;
  const Graph graph = graph_of(files);
  for (const auto& [path, text] : files) {
    for (const Include& include : includes_of(text)) {
      if (!allowed_name(files, path, include)) found.push_back(path + " includes " + include.name);
    }
    const std::string room = room_of(files, path);
    for (const std::string& target : reached(graph, path)) {
      if (target == path) found.push_back(path + " includes itself in a circle");
      const bool named = room == "backends" && target == "include/strongroom/path.hpp";
      if (named || !may_reach(room, room_of(files, target)))
        found.push_back(path + " reaches " + target);
    }
  }
  return found;
}

// read_tree gives the sources of the rooms that the rules are about. What is generated is there as
// the template that it is made from: x.hpp.in stands for x.hpp.
Files read_tree(const std::filesystem::path& root) {
  Files files;
  for (const char* room : {"include", "src", "capi", "bindings"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / room)) {
      std::filesystem::path path = entry.path().lexically_relative(root);
      if (path.extension() == ".in") path.replace_extension();
      const auto kind = path.extension();
      if (kind != ".hpp" && kind != ".ipp" && kind != ".h" && kind != ".cpp" && kind != ".c")
        continue;
      std::ifstream in(entry.path(), std::ios::binary);
      files[path.generic_string()] = {std::istreambuf_iterator<char>(in),
                                      std::istreambuf_iterator<char>()};
    }
  }
  return files;
}

// good_tree is a small project in which nothing is wrong; each test breaks it in one place.
Files good_tree() {
  return {
      {"include/strongroom/result.hpp", "#include <string>\n"},
      {"include/strongroom/path.hpp", "#include \"strongroom/result.hpp\"\n"},
      {"include/strongroom/backend.hpp", "#include \"strongroom/result.hpp\"\n"},
      {"include/strongroom/backends/memory.hpp", "#include \"strongroom/backend.hpp\"\n"},
      {"include/strongroom/backends/lmdb.hpp", "#include \"strongroom/backend.hpp\"\n"},
      {"include/strongroom/policy.hpp", "#include \"strongroom/path.hpp\"\n"},
      {"include/strongroom/policy/text.hpp", "#include \"strongroom/policy.hpp\"\n"},
      {"include/strongroom/policy/tools.hpp", "#include \"strongroom/policy.hpp\"\n"},
      {"include/strongroom/store.hpp",
       "#include \"strongroom/backend.hpp\"\n#include \"strongroom/policy.hpp\"\n"},
      {"include/strongroom/impl/backends/backend.ipp", "#include \"strongroom/backend.hpp\"\n"},
      {"include/strongroom/impl/policy/policy.ipp", "#include \"strongroom/policy.hpp\"\n"},
      {"include/strongroom/impl/policy_tools/policy_diff.ipp",
       "#include \"strongroom/policy/tools.hpp\"\n"},
      {"include/strongroom/impl/base/path.ipp", "#include \"strongroom/path.hpp\"\n"},
      {"include/strongroom/impl/crypto/aes_internal.hpp", "#include <cstdint>\n"},
      {"include/strongroom/impl/crypto/aes.ipp",
       "#include <nettle/aes.h>\n#include \"strongroom/impl/crypto/aes_internal.hpp\"\n"},
      {"include/strongroom/impl/keys/keyring.hpp", "#include <sodium.h>\n#include <sys/mman.h>\n"},
      {"include/strongroom/impl/barrier/barrier.hpp",
       "#include \"strongroom/backend.hpp\"\n"
       "#include \"strongroom/impl/keys/keyring.hpp\"\n"},
      {"include/strongroom/impl/store/store.ipp",
       "#include \"strongroom/impl/barrier/barrier.hpp\"\n#include \"strongroom/store.hpp\"\n"},
      {"src/engine/store.cpp", "#include \"strongroom/impl/store/store.ipp\"\n"},
      {"src/policy_tools/policy_tools.cpp",
       "#include \"strongroom/impl/policy_tools/policy_diff.ipp\"\n"},
      {"src/lmdb/lmdb.cpp", "#include <lmdb.h>\n#include \"strongroom/backends/lmdb.hpp\"\n"},
      {"capi/strongroom.h", "#include <stddef.h>\n#include <stdint.h>\n"},
      {"capi/strongroom_abi.hpp", "#include <memory>\n#include \"strongroom.h\"\n"},
      {"capi/entry/stores.cpp", "#include \"strongroom.h\"\n#include \"strongroom/store.hpp\"\n"},
      {"bindings/cli/main.cpp",
       "#include <CLI/CLI.hpp>\n#include \"strongroom_abi.hpp\"\n#include "
       "\"terminal/terminal.hpp\"\n"},
      {"bindings/cli/terminal/terminal.hpp", "#include <string>\n"},
      {"bindings/audit/chain.hpp", "#include <string>\n"},
  };
}

// with adds one line to one file of the good tree.
Files with(const std::string& path, const std::string& line) {
  Files files = good_tree();
  files[path] += line + "\n";
  return files;
}

bool refused(const std::string& path, const std::string& line) {
  return !violations(with(path, line)).empty();
}

std::string joined(const Strings& lines) {
  std::string text;
  for (const std::string& line : lines) text += "\n  " + line;
  return text;
}

// The stages of the line, each by one file that is in its room.
const std::vector<std::pair<std::string, std::string>> kStages = {
    {"include/strongroom/store.hpp", "#include \"strongroom/store.hpp\""},
    {"include/strongroom/policy.hpp", "#include \"strongroom/policy.hpp\""},
    {"include/strongroom/impl/barrier/barrier.hpp",
     "#include \"strongroom/impl/barrier/barrier.hpp\""},
    {"include/strongroom/backend.hpp", "#include \"strongroom/backend.hpp\""},
};

TEST(Includes, ThisTreeKeepsTheLine) {
  const Files files = read_tree(STRONGROOM_SOURCE_ROOT);
  for (const auto& [stage, line] : kStages) EXPECT_TRUE(files.contains(stage)) << stage;
  const Strings found = violations(files);
  EXPECT_TRUE(found.empty()) << joined(found);
}

TEST(Includes, EveryFolderOfTheEngineIsARoom) {
  for (const auto& [path, text] : read_tree(STRONGROOM_SOURCE_ROOT)) {
    const std::string room = room_of(good_tree(), path);
    EXPECT_TRUE(room == kWords || room == kOther || kMayReach.contains(room)) << path;
  }
}

TEST(Includes, AGoodTreeIsLetThrough) {
  const Strings found = violations(good_tree());
  EXPECT_TRUE(found.empty()) << joined(found);
}

TEST(Includes, ALaterStageMayNotIncludeAnEarlierOne) {
  for (std::size_t later = 0; later < kStages.size(); ++later) {
    for (std::size_t earlier = 0; earlier < later; ++earlier) {
      EXPECT_TRUE(refused(kStages[later].first, kStages[earlier].second))
          << kStages[later].first << ": " << kStages[earlier].second;
    }
  }
}

TEST(Includes, PolicyMayReachNeitherBarrierNorBackendNorKeys) {
  for (const char* policy : {"include/strongroom/policy.hpp", "include/strongroom/policy/text.hpp",
                             "include/strongroom/impl/policy/policy.ipp"}) {
    EXPECT_TRUE(refused(policy, "#include \"strongroom/impl/barrier/barrier.hpp\"")) << policy;
    EXPECT_TRUE(refused(policy, "#include \"strongroom/backend.hpp\"")) << policy;
    EXPECT_TRUE(refused(policy, "#include \"strongroom/impl/keys/keyring.hpp\"")) << policy;
  }
}

TEST(Includes, NoRoomOfTheEngineReachesThePolicyTools) {
  for (const char* engine :
       {"include/strongroom/store.hpp", "include/strongroom/policy.hpp",
        "include/strongroom/policy/text.hpp", "include/strongroom/impl/store/store.ipp",
        "include/strongroom/impl/policy/policy.ipp", "src/lmdb/lmdb.cpp"}) {
    EXPECT_TRUE(refused(engine, "#include \"strongroom/policy/tools.hpp\"")) << engine;
  }
  EXPECT_FALSE(refused("capi/entry/stores.cpp", "#include \"strongroom/policy/tools.hpp\""));
}

TEST(Includes, WordsKnowNoStage) {
  for (const auto& [stage, line] : kStages) {
    EXPECT_TRUE(refused("include/strongroom/path.hpp", line)) << line;
    EXPECT_TRUE(refused("include/strongroom/result.hpp", line)) << line;
  }
}

TEST(Includes, ABackendSeesNeitherNamesNorKeys) {
  const std::string memory = "include/strongroom/backends/memory.hpp";
  EXPECT_TRUE(refused(memory, "#include \"strongroom/impl/barrier/barrier.hpp\""));
  EXPECT_TRUE(refused(memory, "#include \"strongroom/impl/keys/keyring.hpp\""));
  EXPECT_TRUE(refused(memory, "#include \"strongroom/policy.hpp\""));
  EXPECT_TRUE(refused(memory, "#include \"strongroom/path.hpp\""));
  EXPECT_TRUE(refused("src/lmdb/lmdb.cpp", "#include \"strongroom/impl/keys/keyring.hpp\""));
  EXPECT_TRUE(refused("src/lmdb/lmdb.cpp", "#include \"strongroom/store.hpp\""));
}

TEST(Includes, APublicHeaderTakesNothingOfTheInsideAlong) {
  EXPECT_TRUE(
      refused("include/strongroom/store.hpp", "#include \"strongroom/impl/barrier/barrier.hpp\""));
  EXPECT_TRUE(refused("include/strongroom/policy/text.hpp",
                      "#include \"strongroom/impl/crypto/aes_internal.hpp\""));
}

TEST(Includes, ADetourIsFound) {
  Files files =
      with("include/strongroom/impl/keys/keyring.hpp", "#include \"strongroom/detour.hpp\"");
  files["include/strongroom/detour.hpp"] = "#include \"strongroom/another.hpp\"\n";
  files["include/strongroom/another.hpp"] = "#include \"strongroom/policy.hpp\"\n";
  const Strings found = violations(files);
  const std::string wanted =
      "include/strongroom/impl/barrier/barrier.hpp reaches include/strongroom/policy.hpp";
  EXPECT_NE(std::find(found.begin(), found.end(), wanted), found.end()) << joined(found);
}

TEST(Includes, ARoomMayNotReachTheStore) {
  EXPECT_TRUE(
      refused("include/strongroom/impl/crypto/aes.ipp", "#include \"strongroom/store.hpp\""));
  EXPECT_TRUE(refused("include/strongroom/impl/crypto/aes_internal.hpp",
                      "#include \"strongroom/policy.hpp\""));
}

// A body that were included twice would be compiled twice: by a host, or by a test.
TEST(Includes, BodiesAreTakenInByTheLibraryOnly) {
  const std::string line = "#include \"strongroom/impl/crypto/aes.ipp\"";
  EXPECT_FALSE(refused("src/engine/store.cpp", line));
  for (const char* other :
       {"include/strongroom/store.hpp", "include/strongroom/impl/store/store.ipp",
        "include/strongroom/impl/crypto/aes_internal.hpp", "src/lmdb/lmdb.cpp",
        "capi/entry/stores.cpp", "bindings/cli/main.cpp"}) {
    EXPECT_TRUE(refused(other, line)) << other;
  }
}

// A search for store.cpp finds one file.
TEST(Includes, TheDoorsSourcesShareNoNameWithAHeaderOfTheEngine) {
  const Files files = read_tree(STRONGROOM_SOURCE_ROOT);
  std::set<std::string> stems;
  for (const auto& [path, text] : files) {
    if (in_engine_headers(path)) stems.insert(stem_of(path));
  }
  std::size_t num = 0;
  for (const auto& [path, text] : files) {
    if (!path.starts_with("capi/entry/") || !path.ends_with(".cpp")) continue;
    ++num;
    EXPECT_FALSE(stems.contains(stem_of(path))) << path;
  }
  EXPECT_GT(num, 10u);
}

TEST(Includes, TheEnginesSourcesHaveNoLinesOfTheirOwn) {
  EXPECT_TRUE(refused("src/engine/store.cpp", "#include \"strongroom/store.hpp\""));
  EXPECT_TRUE(refused("src/engine/store.cpp", "#include <vector>"));
}

TEST(Includes, ACircleIsFound) {
  EXPECT_TRUE(refused("include/strongroom/result.hpp", "#include \"strongroom/result.hpp\""));
  Files files = good_tree();
  files["include/strongroom/one.hpp"] = "#include \"strongroom/two.hpp\"\n";
  EXPECT_TRUE(violations(files).empty());
  files["include/strongroom/two.hpp"] = "#include \"strongroom/one.hpp\"\n";
  EXPECT_FALSE(violations(files).empty());
}

TEST(Includes, HeadersOfTheEngineIncludeNoHeavyLibrary) {
  for (const char* heavy : {"<lmdb.h>", "<openssl/evp.h>", "<botan/aead.h>", "<nettle/aes.h>",
                            "<rapidjson/reader.h>", "<gtest/gtest.h>", "<zookeeper.h>"}) {
    EXPECT_TRUE(
        refused("include/strongroom/impl/keys/keyring.hpp", "#include " + std::string(heavy)))
        << heavy;
    EXPECT_TRUE(refused("include/strongroom/store.hpp", "#include " + std::string(heavy))) << heavy;
  }
}

TEST(Includes, AnotherSpellingHidesNothing) {
  const std::string barrier = "include/strongroom/impl/barrier/barrier.hpp";
  for (const char* line :
       {"  #  include \"strongroom/store.hpp\"", "#include <strongroom/store.hpp>",
        "#include \"store.hpp\"", "#include \"./store.hpp\"",
        "#include \"../strongroom/store.hpp\"", "#include \"strongroom/backends/../store.hpp\"",
        "#include \"strongroom//store.hpp\"", "#include/**/\"strongroom/store.hpp\"",
        "/* why not */ #include \"strongroom/store.hpp\"", "#include STORE_HEADER",
        "#include_next \"strongroom/store.hpp\""}) {
    EXPECT_TRUE(refused(barrier, line)) << line;
  }
}

TEST(Includes, WhatIsCommentedOutIsNotIncluded) {
  const std::string barrier = "include/strongroom/impl/barrier/barrier.hpp";
  EXPECT_FALSE(refused(barrier, "// #include \"strongroom/store.hpp\""));
  EXPECT_FALSE(refused(barrier, "/*\n#include \"strongroom/store.hpp\"\n*/"));
  EXPECT_FALSE(refused(barrier, "const char* text = \"// /*\";"));
  EXPECT_TRUE(refused(barrier, "const char* text = \"/*\";\n#include \"strongroom/store.hpp\""));
}

TEST(Includes, AVisitorComesThroughTheDoorAlone) {
  const std::string cli = "bindings/cli/main.cpp";
  EXPECT_FALSE(refused(cli, "#include \"strongroom.h\""));
  EXPECT_FALSE(refused(cli, "#include <strongroom.h>"));
  for (const char* line :
       {"#include \"strongroom/store.hpp\"", "#include <strongroom/path.hpp>",
        "#include \"strongroom_backend.h\"", "#include <strongroom_backend.h>",
        "#include \"../../include/strongroom/store.hpp\"", "#include \"../../capi/strongroom.h\"",
        "#include \"aes_internal.hpp\"", "#include \"strongroom/impl/crypto/aes_internal.hpp\""}) {
    EXPECT_TRUE(refused(cli, line)) << line;
  }
  EXPECT_TRUE(
      refused("bindings/cli/terminal/terminal.hpp", "#include \"strongroom/secret_bytes.hpp\""));
}

TEST(Includes, VisitorsShareOneFolderAndNoMore) {
  EXPECT_FALSE(refused("bindings/cli/main.cpp", "#include \"audit/chain.hpp\""));
  EXPECT_TRUE(refused("bindings/cli/main.cpp", "#include \"mesos/module.hpp\""));
  EXPECT_TRUE(refused("bindings/audit/chain.hpp", "#include \"terminal/terminal.hpp\""));
  EXPECT_TRUE(refused("bindings/audit/chain.hpp", "#include \"cli/terminal/terminal.hpp\""));
  EXPECT_TRUE(refused("include/strongroom/store.hpp", "#include \"audit/chain.hpp\""));
}

TEST(Includes, TheEngineDoesNotKnowItsDoor) {
  EXPECT_TRUE(refused("src/lmdb/lmdb.cpp", "#include \"strongroom.h\""));
  EXPECT_TRUE(refused("include/strongroom/store.hpp", "#include \"strongroom_backend.h\""));
  EXPECT_TRUE(refused("include/strongroom/store.hpp", "#include <strongroom.h>"));
}

TEST(Includes, ThePublicHeadersOfTheDoorStandAlone) {
  EXPECT_TRUE(refused("capi/strongroom.h", "#include <string.h>"));
  EXPECT_TRUE(refused("capi/strongroom.h", "#include \"strongroom/result.hpp\""));
  EXPECT_TRUE(refused("capi/strongroom_abi.hpp", "#include \"strongroom/result.hpp\""));
  EXPECT_TRUE(refused("capi/strongroom_abi.hpp", "#include <sodium.h>"));
}

}  // namespace
}  // namespace includes_test
