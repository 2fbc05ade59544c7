// volume_wire_test.cpp: our codec of mesos.Volume beside the code that protobuf generates, and our validation
// beside Mesos' rules, written once more on protobuf's own messages.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "canonical.hpp"
#include "secret_text.hpp"
#include "strongroom/mesos/volume.hpp"
#include "wire.hpp"

namespace strongroom::volume_wire_test {
namespace {

using namespace mesos;
using namespace wire;

using testing::text;
using testing::view;

std::string fault_of_source(const ::mesos::Volume::Source& source) {
  using Source = ::mesos::Volume::Source;
  switch (source.type()) {
    case Source::DOCKER_VOLUME:
      if (source.has_docker_volume()) return "";
      return "'source.docker_volume' is not set for DOCKER_VOLUME volume";
    case Source::HOST_PATH:
      if (source.has_host_path()) return "";
      return "'source.host_path' is not set for HOST_PATH volume";
    case Source::SANDBOX_PATH:
      if (source.has_sandbox_path()) return "";
      return "'source.sandbox_path' is not set for SANDBOX_PATH volume";
    case Source::SECRET:
      return source.has_secret() ? "" : "'source.secret' is not set for SECRET volume";
    case Source::CSI_VOLUME:
      if (!source.has_csi_volume()) return "'source.csi_volume' is not set for CSI volume";
      if (source.csi_volume().has_static_provisioning()) return "";
      return "'source.csi_volume.static_provisioning' is not set for CSI volume";
    default:
      return "'source.type' is unknown";
  }
}

// fault_of is empty where the volume is a secret volume that Mesos accepts.
std::string fault_of(const ::mesos::Volume& volume) {
  int count = 0;
  if (volume.has_host_path()) ++count;
  if (volume.has_image()) ++count;
  if (volume.has_source()) ++count;
  if (count != 1) return "Only one of them should be set: 'host_path', 'image' and 'source'";
  if (volume.has_source()) {
    const std::string fault = fault_of_source(volume.source());
    if (!fault.empty()) return fault;
  }
  if (volume.source().type() != ::mesos::Volume::Source::SECRET) {
    return "the volume '" + volume.container_path() + "' was no secret volume";
  }
  const std::string fault = fault_of_secret(volume.source().secret());
  return fault.empty() ? "" : "Invalid secret specified in volume: " + fault;
}

std::string fault_of(const ::mesos::ContainerInfo& container) {
  std::vector<Volume> paths;
  for (const auto& volume : container.volumes()) {
    const std::string fault = fault_of(volume);
    if (!fault.empty()) return fault;
    paths.emplace_back().container_path = volume.container_path();
  }
  const auto good = validate_container_paths(paths);  // our own rule
  return good ? "" : good.error().message;
}

// agree compares both codecs over one input. Returns whether protobuf accepted it.
bool agree(const std::string& wire, std::size_t* valid = nullptr) {
  ::mesos::ContainerInfo theirs;
  const bool parsed = theirs.ParseFromString(wire);
  const auto ours = decode_volumes(view(wire));
  const std::string fault = ours ? "" : ours.error().message;
  EXPECT_EQ(refused_by_protobuf(fault), !parsed) << hex(wire) << " " << fault;
  if (!parsed || refused_by_protobuf(fault)) return parsed;
  EXPECT_EQ(fault, fault_of(theirs)) << hex(wire);
  if (ours) {
    EXPECT_EQ(hex(text(encode_volumes(*ours).value())), hex(canonical(theirs)));
    if (valid != nullptr) ++*valid;
  }
  return parsed;
}

std::string source(const std::string& secret) {
  return bytes(5, "\x08\x03" + bytes(4, secret));
}

std::string volume(const std::string& path, const std::string& rest) {
  return bytes(2, bytes(1, path) + "\x18\x02" + rest);
}

TEST(VolumeWire, AllFieldsAreReadAndWritten) {
  const std::string wire =
      volume("a", source(kReference)) + bytes(2, bytes(1, "b/c") + "\x18\x01" + source(kValue));
  std::size_t valid = 0;
  EXPECT_TRUE(agree(wire, &valid));
  EXPECT_EQ(valid, 1u);
  const auto volumes = decode_volumes(view(wire)).value();
  ASSERT_EQ(volumes.size(), 2u);
  EXPECT_EQ(volumes[0].container_path, "a");
  EXPECT_EQ(volumes[0].mode, Volume::Mode::read_only);
  EXPECT_EQ(volumes[0].secret.reference->name, "/my/secret");
  EXPECT_EQ(volumes[1].container_path, "b/c");
  EXPECT_EQ(volumes[1].mode, Volume::Mode::read_write);
  EXPECT_EQ(text(volumes[1].secret.value->data), "password");
}

TEST(VolumeWire, SourcesOfEveryKindAreJudgedAlike) {
  const std::string fields[] = {"",
                                bytes(2, "d"),
                                bytes(3, "s"),
                                bytes(4, kValue),
                                bytes(5, "h"),
                                bytes(6, ""),
                                bytes(6, bytes(2, "")),
                                bytes(6, "") + bytes(6, bytes(2, "")) + bytes(6, ""),
                                bytes(2, "d") + bytes(3, "") + bytes(4, "") + bytes(5, "")};
  for (std::uint64_t type = 0; type < 8; ++type) {
    for (const std::string& field : fields) {
      EXPECT_TRUE(agree(volume("a", bytes(5, tag(1, 0) + varint(type) + field))));
      EXPECT_TRUE(agree(volume("a", bytes(5, field))));
    }
  }
}

TEST(VolumeWire, WhatIsSetTogetherIsJudgedAlike) {
  const std::string parts[] = {bytes(2, "/host"), bytes(4, "\x08\x02"), source(kValue)};
  for (unsigned set = 0; set < 8; ++set) {
    std::string rest;
    for (unsigned i = 0; i < 3; ++i) {
      if ((set >> i & 1) != 0) rest += parts[i];
    }
    EXPECT_TRUE(agree(volume("a", rest))) << set;
  }
}

TEST(VolumeWire, PiecesAreMergedAndTheLastFieldCounts) {
  EXPECT_TRUE(agree(volume("a", bytes(5, "\x08\x03") + bytes(5, bytes(4, kReference)))));
  EXPECT_TRUE(agree(volume("a", bytes(5, "\x08\x03" + bytes(4, "\x08\x02")) +
                                    bytes(5, bytes(4, bytes(3, bytes(1, "x")))))));
  EXPECT_TRUE(agree(volume("a", bytes(1, "b") + "\x18\x01" + source(kValue))));
  EXPECT_TRUE(agree(volume("a", "\x18\x03" + source(kValue))));  // a mode that is not known
  EXPECT_TRUE(agree(volume("a", bytes(4, "\x08\x02") + bytes(4, bytes(3, bytes(1, "n"))))));
}

TEST(VolumeWire, MissingFieldsAreRefused) {
  for (const std::string& bad :
       {bytes(2, ""), bytes(2, bytes(1, "a")), bytes(2, "\x18\x01"),
        bytes(2, bytes(1, "a") + "\x18\x03"), volume("a", bytes(4, "")),
        volume("a", bytes(4, "\x08\x02" + bytes(3, ""))), volume("a", source(bytes(2, "")))}) {
    EXPECT_FALSE(agree(bad)) << hex(bad);
  }
}

TEST(VolumeWire, EveryByteChangedIsJudgedAlike) {
  const std::string wire = volume("a", source(kReference)) + volume("b", source(kValue));
  for (std::size_t at = 0; at < wire.size(); ++at) {
    agree(wire.substr(0, at));
    for (int byte = 0; byte < 256; ++byte) {
      std::string changed = wire;
      changed[at] = static_cast<char>(byte);
      agree(changed);
    }
  }
}

TEST(VolumeWire, DamagedMessagesAreJudgedAlike) {
  Mutator mutator(20264);
  std::size_t accepted = 0;
  std::size_t valid = 0;
  constexpr std::size_t kInputs = 100'000;
  for (std::size_t i = 0; i < kInputs && !HasFailure(); ++i) {
    std::string rest =
        bytes(5, (i % 5 == 0 ? mutator.next() : "\x08\x03") + bytes(4, mutator.next()));
    if (i % 3 == 0) rest += mutator.next();
    if (i % 7 == 0) rest += bytes(4, "\x08\x02" + mutator.next());
    std::string wire = volume("a", rest);
    if (i % 4 == 0) wire += bytes(2, mutator.next());
    if (i % 2 == 0) wire += volume("b", source(kValue));
    if (agree(wire, &valid)) ++accepted;
  }
  EXPECT_GT(accepted, kInputs / 10);
  EXPECT_LT(accepted, kInputs * 9 / 10);
  EXPECT_GT(valid, kInputs / 20);
}

TEST(VolumeWire, NestingIsBoundedAsProtobufBoundsIt) {
  const std::string good = source(kValue);
  for (std::size_t depth = 94; depth <= 101; ++depth) {
    const std::string groups = repeated(tag(9, 3), depth) + repeated(tag(9, 4), depth);
    EXPECT_EQ(agree(groups), depth <= 100) << depth;
    EXPECT_EQ(agree(volume("a", good + groups)), depth <= 99) << depth;
    EXPECT_EQ(agree(volume("a", good + bytes(5, groups))), depth <= 98) << depth;
    EXPECT_EQ(agree(volume("a", good + bytes(5, bytes(6, groups)))), depth <= 97) << depth;
    EXPECT_EQ(agree(volume("a", good + bytes(5, bytes(4, bytes(3, groups))))), depth <= 96)
        << depth;
  }
}

}  // namespace
}  // namespace strongroom::volume_wire_test
