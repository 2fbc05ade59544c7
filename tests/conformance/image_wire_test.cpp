// image_wire_test.cpp: our codec of mesos.Image beside the code that protobuf generates.
#include <gtest/gtest.h>

#include <string>

#include "canonical.hpp"
#include "secret_text.hpp"
#include "strongroom/mesos/image.hpp"
#include "wire.hpp"

namespace strongroom::image_wire_test {
namespace {

using namespace mesos;
using namespace wire;

using testing::text;
using testing::view;

// The rules of image.hpp, written once more on protobuf's own message. Empty: the image is accepted.
std::string fault_of(const ::mesos::Image& image) {
  if (image.type() != ::mesos::Image::DOCKER) {
    return "the image is not of type DOCKER, so it has no secret";
  }
  if (!image.has_docker()) return "'docker' is not set for an image of type DOCKER";
  return image.docker().has_config() ? fault_of_secret(image.docker().config()) : "";
}

// agree compares both codecs over one input. Returns whether protobuf accepted it.
bool agree(const std::string& wire) {
  ::mesos::Image theirs;
  const bool parsed = theirs.ParseFromString(wire);
  const auto ours = decode_image(view(wire));
  const std::string fault = ours ? "" : ours.error().message;
  EXPECT_EQ(refused_by_protobuf(fault), !parsed) << hex(wire) << " " << fault;
  if (!parsed || refused_by_protobuf(fault)) return parsed;
  EXPECT_EQ(fault, fault_of(theirs)) << hex(wire);
  if (ours) {
    EXPECT_EQ(hex(text(encode_image(*ours).value())), hex(canonical(theirs)));
  }
  return parsed;
}

const std::string kDocker = "\x08\x02";
const std::string kCredential = bytes(2, bytes(1, "me") + bytes(2, "hunter2"));
const std::string kConfig = bytes(3, kReference);
const std::string kImage = kDocker + bytes(3, bytes(1, "r.io/a:1") + kCredential + kConfig);

TEST(ImageWire, AllFieldsAreReadAndWritten) {
  EXPECT_TRUE(agree(kImage));
  EXPECT_TRUE(agree(kImage + tag(4, 0) + varint(0)));
  EXPECT_TRUE(agree(kImage + tag(4, 0) + varint(1)));
  EXPECT_TRUE(agree(kImage + tag(4, 0) + varint(0) + tag(4, 0) + varint(256)));
  const Image image = decode_image(view(kImage)).value();
  EXPECT_EQ(image.name, "r.io/a:1");
  EXPECT_EQ(image.credential->principal, "me");
  EXPECT_EQ(text(*image.credential->secret), "hunter2");
  EXPECT_EQ(image.config->reference->name, "/my/secret");
  EXPECT_TRUE(image.cached);
}

TEST(ImageWire, PiecesAreMergedAndTheLastFieldCounts) {
  EXPECT_TRUE(
      agree(bytes(3, kConfig) + kDocker + bytes(3, bytes(1, "a")) + bytes(3, bytes(1, "b"))));
  EXPECT_TRUE(agree("\x08\x01" + kImage));
  EXPECT_TRUE(agree(kImage + "\x08\x03"));  // a type that is not known
  EXPECT_TRUE(
      agree(kDocker + bytes(3, bytes(1, "a") + bytes(2, bytes(2, "s")) + bytes(2, bytes(1, "p")) +
                                   bytes(3, "\x08\x01") + bytes(3, bytes(2, bytes(1, "n"))))));
}

TEST(ImageWire, MissingFieldsAreRefused) {
  for (const std::string& bad :
       {std::string(), bytes(3, bytes(1, "a")), std::string("\x08\x03") + bytes(3, bytes(1, "a")),
        kDocker + bytes(3, ""), kDocker + bytes(3, bytes(1, "a") + bytes(2, "")),
        kDocker + bytes(3, bytes(1, "a") + bytes(3, bytes(3, "")))}) {
    EXPECT_FALSE(agree(bad)) << hex(bad);
  }
}

TEST(ImageWire, EveryByteChangedIsJudgedAlike) {
  for (std::size_t at = 0; at < kImage.size(); ++at) {
    agree(kImage.substr(0, at));
    for (int byte = 0; byte < 256; ++byte) {
      std::string changed = kImage;
      changed[at] = static_cast<char>(byte);
      agree(changed);
    }
  }
}

TEST(ImageWire, DamagedMessagesAreJudgedAlike) {
  Mutator mutator(20263);
  std::size_t accepted = 0;
  constexpr std::size_t kInputs = 100'000;
  for (std::size_t i = 0; i < kInputs && !HasFailure(); ++i) {
    std::string docker = bytes(1, "a");
    if (i % 2 == 0) docker += bytes(3, mutator.next());
    if (i % 3 == 0) docker += bytes(2, bytes(1, "p") + mutator.next());
    if (i % 5 == 0) docker += mutator.next();
    const std::string image = tag(1, 0) + varint(i % 11 == 0 ? i % 4 : 2) + bytes(3, docker);
    if (agree(i % 7 == 0 ? image + mutator.next() : image)) ++accepted;
  }
  EXPECT_GT(accepted, kInputs / 10);
  EXPECT_LT(accepted, kInputs * 9 / 10);
}

TEST(ImageWire, NestingIsBoundedAsProtobufBoundsIt) {
  for (std::size_t depth = 95; depth <= 101; ++depth) {
    const std::string groups = repeated(tag(9, 3), depth) + repeated(tag(9, 4), depth);
    EXPECT_EQ(agree(kImage + groups), depth <= 100) << depth;
    EXPECT_EQ(agree(kImage + bytes(3, groups)), depth <= 99) << depth;
    EXPECT_EQ(agree(kImage + bytes(3, bytes(2, groups))), depth <= 98) << depth;
    EXPECT_EQ(agree(kImage + bytes(3, bytes(3, bytes(2, groups)))), depth <= 97) << depth;
  }
}

}  // namespace
}  // namespace strongroom::image_wire_test
