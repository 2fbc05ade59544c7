// environment_wire_test.cpp: our codec of mesos.Environment beside the code that protobuf generates.
#include <gtest/gtest.h>

#include <string>

#include "canonical.hpp"
#include "secret_text.hpp"
#include "strongroom/mesos/environment.hpp"
#include "wire.hpp"

namespace strongroom::environment_wire_test {
namespace {

using namespace mesos;
using namespace wire;

using testing::text;
using testing::view;

// agree compares decoders over one input, and all fields of both in what they write of it.
bool agree(const std::string& wire) {
  ::mesos::Environment theirs;
  const bool accepted = theirs.ParseFromString(wire);
  const auto ours = decode_environment(view(wire));
  EXPECT_EQ(ours.ok(), accepted) << hex(wire) << " "
                                 << (ours ? "was accepted" : ours.error().message);
  if (!ours.ok() || !accepted) return accepted;
  EXPECT_EQ(hex(text(encode_environment(*ours).value())), hex(canonical(theirs)));
  return accepted;
}

TEST(EnvironmentWire, DamagedMessagesAreJudgedAlike) {
  Mutator mutator(20262);
  std::size_t accepted = 0;
  constexpr std::size_t kInputs = 100'000;
  for (std::size_t i = 0; i < kInputs && !HasFailure(); ++i) {
    std::string variable = bytes(1, "NAME") + mutator.next();
    if (i % 2 == 0) variable += tag(3, 0) + varint(i % 5) + bytes(4, mutator.next());
    const std::string wire = bytes(1, variable) + (i % 3 == 0 ? mutator.next() : "");
    if (agree(wire)) ++accepted;
  }
  EXPECT_GT(accepted, kInputs / 10);
  EXPECT_LT(accepted, kInputs * 9 / 10);
}

TEST(EnvironmentWire, EveryByteChangedIsJudgedAlike) {
  const std::string wire = bytes(1, bytes(1, "A") + "\x18\x02" + bytes(4, kReference)) +
                           bytes(1, bytes(1, "B") + bytes(2, "x") + "\x18\x01" + bytes(4, kValue));
  EXPECT_TRUE(agree(wire));
  for (std::size_t at = 0; at < wire.size(); ++at) {
    agree(wire.substr(0, at));
    for (int byte = 0; byte < 256; ++byte) {
      std::string changed = wire;
      changed[at] = static_cast<char>(byte);
      agree(changed);
    }
  }
}

TEST(EnvironmentWire, NestingIsBoundedAsProtobufBoundsIt) {
  for (std::size_t depth = 95; depth <= 105; ++depth) {
    const std::string groups = repeated(tag(9, 3), depth) + repeated(tag(9, 4), depth);
    EXPECT_EQ(agree(groups), depth <= 100) << depth;
    EXPECT_EQ(agree(bytes(1, bytes(1, "n") + groups)), depth <= 99) << depth;
    EXPECT_EQ(agree(bytes(1, bytes(1, "n") + bytes(4, groups))), depth <= 98) << depth;
  }
}

}  // namespace
}  // namespace strongroom::environment_wire_test
