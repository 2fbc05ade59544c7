#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "api/api.hpp"

namespace strongroomd::routes_test {

// described returns the requests of openapi.yaml: "GET /secrets/v1/ping". Its paths are indented by two blanks, their
// methods by four.
std::vector<std::string> described() {
  std::vector<std::string> found;
  const char* const name = std::getenv("STRONGROOM_OPENAPI");
  std::ifstream file(name == nullptr ? "" : name);
  EXPECT_TRUE(file);
  std::string path;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("  /")) path = line.substr(2, line.size() - 3);
    for (const std::string method : {"get", "put", "post", "patch", "delete"}) {
      if (line != "    " + method + ":") continue;
      std::string upper = method;
      for (char& each : upper) each = static_cast<char>(each - 'a' + 'A');
      found.push_back(upper + " " + path);
    }
  }
  return found;
}

TEST(Routes, AreThoseThatAreDescribed) {
  std::vector<std::string> served = Api::routes();
  std::vector<std::string> told = described();
  std::ranges::sort(served);
  std::ranges::sort(told);
  EXPECT_EQ(served, told);
  EXPECT_GT(served.size(), 20u);
}

}  // namespace strongroomd::routes_test
