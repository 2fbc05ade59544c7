#include "identity/users.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>
#include <vector>

#include "message/failure.hpp"
#include "support/scratch.hpp"

namespace strongroomd::users_test {

class UsersFile : public ::testing::Test {
 protected:
  void write(const std::string& text, mode_t mode = 0600) {
    std::ofstream(file + ".new") << text;
    ASSERT_EQ(::chmod((file + ".new").c_str(), mode), 0);
    std::filesystem::rename(file + ".new", file);
  }

  strongroom::testing::Scratch scratch;
  const std::string file = scratch.path() / "users";
  const std::string hash = hash_password("correct horse");
};

TEST_F(UsersFile, SaysWhoHasAPassword) {
  write("# people\n\nbob:" + hash + "\nann:" + hash + ":user:ann+group:admins");
  Users users(file);
  EXPECT_EQ(users.check("bob", "correct horse"), "user:bob");
  EXPECT_EQ(users.check("ann", "correct horse"), "user:ann+group:admins");
  EXPECT_FALSE(users.check("bob", "correct hors"));
  EXPECT_FALSE(users.check("bob", std::string_view("correct horse\0", 14)));
  EXPECT_FALSE(users.check("bob", ""));
  EXPECT_FALSE(users.check("eve", "correct horse"));  // though it is that of the decoy
  EXPECT_FALSE(users.check("", "correct horse"));
  EXPECT_FALSE(users.check("bob", std::string(5000, 'x')));
}

TEST_F(UsersFile, HasNobodyWhenEmpty) {
  write("");
  EXPECT_FALSE(Users(file).check("bob", "nobody"));
}

TEST_F(UsersFile, IsRefusedWhenMalformed) {
  for (const std::string& text :
       std::vector<std::string>{"bob", "bob:", ":" + hash, "bob:x", "bob:" + hash + ":",
                                "bob:" + hash + "\r\n", "bob:" + hash + "\nbob:" + hash,
                                "bob:$argon2id$v=19$", "bob:" + std::string(200, '$')}) {
    write(text + "\n");
    EXPECT_THROW(Users{file}, std::runtime_error) << text;
  }
}

TEST_F(UsersFile, IsRefusedWhenOthersMayWrite) {
  for (const mode_t mode : {0620U, 0602U, 0666U}) {
    write("bob:" + hash + "\n", mode);
    EXPECT_THROW(Users{file}, std::runtime_error) << mode;
  }
  EXPECT_THROW(Users{file + "-absent"}, std::runtime_error);
  EXPECT_THROW(Users{scratch.path()}, std::runtime_error);
}

TEST_F(UsersFile, IsReadAgainButKeptWhenBad) {
  write("bob:" + hash + "\n");
  Users users(file);
  write("ann:" + hash + "\n");
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(4);
  while (!users.check("ann", "correct horse") && std::chrono::steady_clock::now() < end)
    std::this_thread::yield();
  EXPECT_EQ(users.check("ann", "correct horse"), "user:ann");
  EXPECT_FALSE(users.check("bob", "correct horse"));
  for (const char* bad : {"bob\n", "bob:x\n"}) {
    write(bad);
    EXPECT_EQ(users.check("ann", "correct horse"), "user:ann") << bad;
  }
}

TEST_F(UsersFile, ChecksForManyThreads) {
  write("bob:" + hash + "\n");
  Users users(file);
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i)
    threads.emplace_back([&users] {
      try {
        EXPECT_EQ(users.check("bob", "correct horse"), "user:bob");
      } catch (const Failure& failure) {
        EXPECT_EQ(failure.status(), 503u);
      }
    });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace strongroomd::users_test
