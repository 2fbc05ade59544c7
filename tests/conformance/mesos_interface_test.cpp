// mesos_interface_test.cpp: our codecs beside messages that Mesos' own classes for Python encoded. How the vectors were
// made, and what their lines mean, is in mesos_interface.py.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>

#include "secret_text.hpp"
#include "source_root.h"
#include "strongroom/mesos/environment.hpp"
#include "strongroom/mesos/image.hpp"
#include "strongroom/mesos/secret.hpp"
#include "strongroom/mesos/volume.hpp"
#include "wire.hpp"

namespace strongroom::mesos_interface_test {
namespace {

using namespace mesos;

using testing::secret;
using testing::text;
using testing::view;
using wire::hex;

std::string unhex(const std::string& digits) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

// Written is a message in both forms, or why it was refused.
struct Written {
  std::string wire;
  std::string json;
  std::string fault;
};

template <typename T, typename ToWire, typename ToJson>
Written written(const Result<T>& read, ToWire to_wire, ToJson to_json) {
  if (!read) return {"", "", read.error().message};
  return {text(to_wire(*read).value()), text(to_json(*read).value()), ""};
}

// rewritten reads a message of that kind in one form and writes it in both.
Written rewritten(std::string_view kind, bool is_json, const std::string& message) {
  const auto of = [&](auto from_wire, auto from_json, auto to_wire, auto to_json) {
    return is_json ? written(from_json(secret(message), kDefaultMaxJsonLen), to_wire, to_json)
                   : written(from_wire(view(message)), to_wire, to_json);
  };
  if (kind == "secret") {
    return of(&decode_secret, &secret_from_json, &encode_secret, &secret_to_json);
  }
  if (kind == "environment") {
    return of(&decode_environment, &environment_from_json, &encode_environment,
              &environment_to_json);
  }
  if (kind == "volumes") {
    return of(&decode_volumes, &volumes_from_json, &encode_volumes, &volumes_to_json);
  }
  if (kind == "image") return of(&decode_image, &image_from_json, &encode_image, &image_to_json);
  return {"", "", "no such kind"};
}

TEST(MesosInterface, EveryVectorIsReadAndWritten) {
  std::ifstream in(STRONGROOM_SOURCE_ROOT "/tests/conformance/mesos_interface.txt");
  std::map<std::string, int> seen;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream words(line);
    std::string kind, outcome, digits, wanted;
    words >> kind >> outcome >> digits >> std::ws;
    std::getline(words, wanted);
    SCOPED_TRACE(line.substr(0, 300));
    ++seen[kind + " " + outcome];

    const std::string wire = unhex(digits);
    const Written from_wire = rewritten(kind, false, wire);
    if (outcome == "missing") {
      EXPECT_EQ(from_wire.fault, "Missing required fields: " + wanted);
      continue;
    }
    EXPECT_EQ(from_wire.json, wanted) << from_wire.fault;
    const Written from_json = rewritten(kind, true, wanted);
    EXPECT_EQ(from_json.json, wanted) << from_json.fault;
    EXPECT_EQ(hex(from_json.wire), hex(from_wire.wire));
    if (outcome == "same") {
      EXPECT_EQ(hex(from_wire.wire), hex(wire));
    } else {
      EXPECT_NE(hex(from_wire.wire), hex(wire));
    }
  }
  for (const char* kind : {"secret", "environment", "volumes", "image"}) {
    for (const char* outcome : {" same", " read", " missing"}) {
      EXPECT_GT(seen[std::string(kind) + outcome], 0) << kind << outcome;
    }
  }
  EXPECT_EQ(seen.size(), 12u);
}

}  // namespace
}  // namespace strongroom::mesos_interface_test
