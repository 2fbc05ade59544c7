#include "state/state_dir.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include "support/scratch.hpp"

namespace strongroomd::state_dir_test {

namespace fs = std::filesystem;

class StateDirTest : public ::testing::Test {
 protected:
  std::string path() const { return scratch_.path() / "state"; }

 private:
  strongroom::testing::Scratch scratch_;
};

mode_t mode_of(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777;
}

TEST_F(StateDirTest, IsMadeForItsOwnerOnly) {
  const StateDir dir(path());
  EXPECT_EQ(mode_of(path()), 0700u);
  EXPECT_FALSE(dir.read("intent").has_value());
  dir.write("intent", "sealed");
  EXPECT_EQ(mode_of(dir.path_of("intent")), 0600u);
  EXPECT_EQ(dir.read("intent")->reveal(), "sealed");
  dir.write("intent", "");
  EXPECT_EQ(dir.read("intent")->reveal(), "");
  dir.remove("intent");
  dir.remove("intent");
  EXPECT_FALSE(dir.read("intent").has_value());
}

TEST_F(StateDirTest, IsUsedByOneServerAtATime) {
  {
    const StateDir first(path());
    EXPECT_THROW(StateDir{path()}, std::runtime_error);
  }
  EXPECT_NO_THROW(StateDir{path()});
}

TEST_F(StateDirTest, RefusesADirectoryThatOthersCanEnter) {
  fs::create_directory(path());
  fs::permissions(path(), fs::perms(0750));
  EXPECT_THROW(StateDir{path()}, std::runtime_error);
  fs::permissions(path(), fs::perms(0700));
  EXPECT_NO_THROW(StateDir{path()});
}

TEST_F(StateDirTest, RefusesFilesThatAreNotItsOwn) {
  const StateDir dir(path());
  dir.write("intent", "sealed");
  fs::permissions(dir.path_of("intent"), fs::perms(0640));
  EXPECT_THROW(dir.read("intent"), std::runtime_error);
  dir.write("intent", "sealed");
  EXPECT_EQ(mode_of(dir.path_of("intent")), 0600u);

  fs::create_symlink(dir.path_of("intent"), dir.path_of("link"));
  EXPECT_THROW(dir.read("link"), std::runtime_error);
  ASSERT_EQ(::mkfifo(dir.path_of("pipe").c_str(), 0600), 0);
  EXPECT_THROW(dir.read("pipe"), std::runtime_error);
  dir.write("large", "");
  fs::resize_file(dir.path_of("large"), (1 << 20) + 1);
  EXPECT_THROW(dir.read("large"), std::runtime_error);
}

TEST_F(StateDirTest, WhatACrashLeftIsReplaced) {
  const StateDir dir(path());
  dir.write("intent", "sealed");
  std::ofstream(dir.path_of("intent.part")) << "uns";
  EXPECT_EQ(dir.read("intent")->reveal(), "sealed");
  dir.write("intent", "unsealed");
  EXPECT_EQ(dir.read("intent")->reveal(), "unsealed");
  EXPECT_FALSE(fs::exists(dir.path_of("intent.part")));
}

TEST_F(StateDirTest, AFailedWriteKeepsTheOldFile) {
  const StateDir dir(path());
  dir.write("intent", "sealed");
  fs::create_directory(dir.path_of("intent.part"));
  EXPECT_THROW(dir.write("intent", "unsealed"), std::runtime_error);
  EXPECT_EQ(dir.read("intent")->reveal(), "sealed");
}

}  // namespace strongroomd::state_dir_test
