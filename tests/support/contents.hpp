// contents.hpp: what a storage holds, to be compared; how something failed; a directory for storages.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "strongroom/backend.hpp"

namespace strongroom::testing {

using Contents = std::map<std::string, std::string>;

inline std::string text(ByteView view) {
  return {reinterpret_cast<const char*>(view.data()), view.size()};
}

inline Contents contents(Backend& backend) {
  Contents found;
  EXPECT_TRUE(backend.snapshot(
      {},
      [&](const Record& record) -> Result<void> {
        found[text(record.key)] = text(record.value);
        return {};
      },
      kDefaultTimeout));
  return found;
}

// refused tells whether something failed with a code and in certain words.
template <typename T>
::testing::AssertionResult refused(const Result<T>& result, Code code, std::string_view says = "") {
  if (result) return ::testing::AssertionFailure() << "went well";
  const Error& error = result.error();
  if (error.code == code && error.message.find(says) != std::string::npos) {
    return ::testing::AssertionSuccess();
  }
  return ::testing::AssertionFailure() << to_string(error.code) << ": " << error.message;
}

class Directory {
 public:
  Directory() : path_(::testing::TempDir() + "strongroom.XXXXXX") {
    EXPECT_NE(::mkdtemp(path_.data()), nullptr);
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  // open gives null where LMDB is not built in.
  std::unique_ptr<Backend> open(const std::string& name, const std::string& query = "") const {
    auto opened = open_backend("lmdb:" + path_ + "/" + name + query);
    EXPECT_TRUE(opened.ok() || opened.error().code == Code::unsupported);
    return opened ? std::move(opened).value() : nullptr;
  }

 private:
  std::string path_;
};

}  // namespace strongroom::testing
