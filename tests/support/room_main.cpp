// room_main.cpp: the main function of a room's test program.
//
//   unit_test                       runs all test cases of the room
//   unit_test barrier               runs those of barrier_test.cpp only
//   unit_test barrier --gtest_...   the same, with GoogleTest's options
//   unit_test ROLE ARGUMENT...      is what a test started as another process (role.hpp)
//
// `meson test` runs each stem in a process of its own, so a test that changes limits, signals or the
// environment reaches no other file. With a stem, GTEST_OUTPUT=xml:DIRECTORY/ writes
// DIRECTORY/PROGRAM.STEM.SHARD.xml, where the shard is GTEST_SHARD_INDEX, or 0.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "role.hpp"

namespace {

// stem_of returns "barrier" for tests/unit/barrier_test.cpp, and "conformance" for conformance.hpp.
std::string_view stem_of(std::string_view file) {
  file.remove_prefix(file.rfind('/') + 1);
  file = file.substr(0, file.rfind('.'));
  if (file.ends_with("_test")) file.remove_suffix(std::string_view("_test").size());
  return file;
}

// cases_of returns a GoogleTest filter for the cases of one file; it is empty when there are none.
std::string cases_of(std::string_view stem) {
  std::string filter;
  const auto& all = *::testing::UnitTest::GetInstance();
  for (int i = 0; i < all.total_test_suite_count(); ++i) {
    const auto& suite = *all.GetTestSuite(i);
    for (int k = 0; k < suite.total_test_count(); ++k) {
      const auto& test = *suite.GetTestInfo(k);
      if (stem_of(test.file()) != stem) continue;
      filter.append(filter.empty() ? "" : ":").append(suite.name()).append(".").append(test.name());
    }
  }
  return filter;
}

// name_result makes GTEST_OUTPUT=xml:DIRECTORY/ name a file of its own for each stem and shard.
void name_result(const std::string& stem) {
  auto& output = ::testing::GTEST_FLAG(output);
  if (!output.ends_with("/")) return;
  const char* const shard = std::getenv("GTEST_SHARD_INDEX");
  output += program_invocation_short_name;
  output += "." + stem + "." + (shard != nullptr ? shard : "0") + ".xml";
}

}  // namespace

int main(int argc, char** argv) {
  const std::string first = argc > 1 ? argv[1] : "";
  if (const auto* role = strongroom::testing::Role::find(first)) {
    return role->run({argv + 2, argv + argc});
  }
  const bool whole_room = first.empty() || first.starts_with("--");
  if (!whole_room) name_result(first);  // before GoogleTest makes use of it
  ::testing::InitGoogleTest(&argc, argv);
  if (whole_room) return RUN_ALL_TESTS();

  const std::string cases = cases_of(first);
  if (cases.empty()) {
    std::fprintf(stderr, "%s: there is no %s_test.cpp with test cases in this room\n", argv[0],
                 first.c_str());
    return 2;
  }
  if (::testing::GTEST_FLAG(filter) == "*") ::testing::GTEST_FLAG(filter) = cases;
  return RUN_ALL_TESTS();
}
