// secret_wire_test.cpp: our codec of mesos.Secret beside the code that protobuf generates: the same bytes
// accepted, the same refused, the same fields, the same bytes written.
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "canonical.hpp"
#include "secret_text.hpp"
#include "strongroom/mesos/secret.hpp"
#include "wire.hpp"

namespace strongroom::secret_wire_test {
namespace {

using namespace mesos;
using namespace wire;

using testing::secret;
using testing::text;
using testing::view;

// agree compares our decoder with protobuf's over one input, and our encoder over its outcome.
// Returns whether the input was accepted.
template <typename Message>
bool agree(const std::string& wire) {
  Message theirs;
  const bool accepted = theirs.ParseFromString(wire);
  const auto ours = decode_secret(view(wire));
  EXPECT_EQ(ours.ok(), accepted) << hex(wire) << " "
                                 << (ours ? "was accepted" : ours.error().message);
  if (!ours.ok() || !accepted) return accepted;

  EXPECT_EQ(static_cast<int>(ours->type), static_cast<int>(theirs.type())) << hex(wire);
  EXPECT_EQ(ours->reference.has_value(), theirs.has_reference()) << hex(wire);
  EXPECT_EQ(ours->value.has_value(), theirs.has_value()) << hex(wire);
  if (ours->reference && theirs.has_reference()) {
    EXPECT_EQ(ours->reference->name, theirs.reference().name()) << hex(wire);
    EXPECT_EQ(ours->reference->key.has_value(), theirs.reference().has_key()) << hex(wire);
    EXPECT_EQ(ours->reference->key.value_or(""), theirs.reference().key()) << hex(wire);
  }
  if (ours->value && theirs.has_value()) {
    EXPECT_EQ(text(ours->value->data), theirs.value().data()) << hex(wire);
  }
  EXPECT_EQ(hex(text(encode_secret(*ours).value())), hex(canonical(theirs)));
  return accepted;
}

bool agree(const std::string& wire) {
  const bool accepted = agree<::mesos::Secret>(wire);
  EXPECT_EQ(agree<::mesos::v1::Secret>(wire), accepted);
  return accepted;
}

TEST(SecretWire, ReferenceAndValueAreRead) {
  EXPECT_TRUE(agree(""));
  EXPECT_TRUE(agree(kReference));
  EXPECT_TRUE(agree(kValue));
  EXPECT_TRUE(agree(kReference + kValue));
  EXPECT_TRUE(agree(kValue + kReference));
  const Secret reference = decode_secret(view(kReference)).value();
  EXPECT_EQ(reference.reference->name, "/my/secret");
  EXPECT_EQ(reference.reference->key, "username");
}

TEST(SecretWire, WhatWeWriteBothVersionsWriteAlike) {
  for (int fields = 0; fields < 32; ++fields) {
    Secret ours;
    ::mesos::Secret v0;
    ::mesos::v1::Secret v1;
    if ((fields & 1) != 0) {
      ours.type = Secret::Type::reference;
      v0.set_type(::mesos::Secret::REFERENCE);
    }
    if ((fields & 2) != 0) {
      ours.type = Secret::Type::value;
      v0.set_type(::mesos::Secret::VALUE);
    }
    if ((fields & 4) != 0) {
      ours.reference = Reference{std::string("n\0\xFF", 3), std::nullopt};
      v0.mutable_reference()->set_name(std::string("n\0\xFF", 3));
      if ((fields & 8) != 0) {
        ours.reference->key = "";
        v0.mutable_reference()->set_key("");
      }
    }
    if ((fields & 16) != 0) {
      ours.value = Value{secret(std::string(300, '\x80'))};
      v0.mutable_value()->set_data(std::string(300, '\x80'));
    }
    const std::string wire = text(encode_secret(ours).value());
    EXPECT_EQ(hex(wire), hex(v0.SerializeAsString())) << fields;
    ASSERT_TRUE(v1.ParseFromString(wire));
    EXPECT_EQ(hex(wire), hex(v1.SerializeAsString())) << fields;
    EXPECT_TRUE(agree(wire));
  }
}

TEST(SecretWire, MissingRequiredFieldsAreRefusedAndNamed) {
  EXPECT_FALSE(agree(bytes(2, "")));
  EXPECT_FALSE(agree(bytes(2, bytes(2, "key"))));
  EXPECT_FALSE(agree(bytes(3, "")));
  EXPECT_EQ(decode_secret(view(bytes(3, "") + bytes(2, ""))).error().message,
            "Missing required fields: reference.name, value.data");
  EXPECT_EQ(decode_secret(view(bytes(3, ""))).error().code, Code::invalid);
}

TEST(SecretWire, RepeatedMessagesAreMergedAndTheLastFieldCounts) {
  EXPECT_TRUE(agree(bytes(2, bytes(2, "key")) + bytes(2, bytes(1, "name"))));
  EXPECT_TRUE(agree(bytes(2, bytes(1, "a") + bytes(1, "b") + bytes(2, "k"))));
  EXPECT_TRUE(agree(bytes(3, bytes(1, "a")) + bytes(3, bytes(1, "b")) + bytes(3, "")));
  EXPECT_TRUE(agree("\x08\x01\x08\x02" + bytes(3, bytes(1, ""))));
}

TEST(SecretWire, UnknownTypesAreAsProtobufHasThem) {
  for (const std::uint64_t type :
       {std::uint64_t{0}, std::uint64_t{3}, std::uint64_t{127}, std::uint64_t{1} << 31,
        std::uint64_t{1} << 32, (std::uint64_t{1} << 32) + 1, (std::uint64_t{1} << 63) + 2,
        std::numeric_limits<std::uint64_t>::max()}) {
    EXPECT_TRUE(agree(tag(1, 0) + varint(type)));
    EXPECT_TRUE(agree("\x08\x01" + tag(1, 0) + varint(type)));
    EXPECT_TRUE(agree(tag(1, 0) + varint(type) + "\x08\x02"));
  }
}

TEST(SecretWire, UnknownFieldsOfEveryKindAreSkipped) {
  const std::vector<std::string> unknown = {
      tag(4, 0) + varint(1),
      tag(4, 1) + "12345678",
      bytes(4, "whatever"),
      tag(4, 5) + "1234",
      tag(4, 3) + tag(4, 4),
      tag(4, 3) + bytes(1, "x") + tag(5, 3) + "\x08\x01" + tag(5, 4) + tag(4, 4),
      tag((1 << 29) - 1, 0) + varint(1),
      tag(1, 2) + varint(1) + "x",  // known numbers, other kinds
      tag(2, 0) + varint(7),
      tag(3, 5) + "1234",
      tag(2, 3) + bytes(1, "name") + tag(2, 4),
  };
  for (const std::string& field : unknown) {
    EXPECT_TRUE(agree(field)) << hex(field);
    EXPECT_TRUE(agree(kValue + field)) << hex(field);
    EXPECT_TRUE(agree(field + kReference)) << hex(field);
    EXPECT_TRUE(agree(bytes(2, bytes(1, "n") + field))) << hex(field);
    EXPECT_TRUE(agree(bytes(3, field + bytes(1, "n")))) << hex(field);
    for (std::size_t len = 1; len < field.size(); ++len) agree(field.substr(0, len));
  }
}

TEST(SecretWire, MalformedInputIsRefused) {
  for (const std::string& wire :
       {std::string(1, '\0'), std::string(2, '\0'), tag(0, 2) + std::string(1, '\0'), tag(4, 4),
        tag(4, 6), tag(4, 7) + "12345678", tag(4, 3), tag(4, 3) + tag(5, 4),
        tag(4, 3) + std::string(1, '\0'), tag(4, 3) + tag(0, 4), bytes(2, tag(1, 4)),
        bytes(2, tag(4, 3)) + tag(4, 4), std::string("\x12\x05\x0a"), std::string("\x12\x7f"),
        std::string("\x12\xff\xff\xff\xff\x0f"), std::string("\x12\xff\xff\xff\xff\x07"),
        std::string("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        std::string("\x12\x03\x0a\x05") + "abcde",
        std::string("\x1a\x02\x0a\x7f") + repeated("x", 200)}) {
    EXPECT_FALSE(agree(wire)) << hex(wire);
    EXPECT_EQ(decode_secret(view(wire)).error().code, Code::invalid);
  }
}

TEST(SecretWire, OverlongNumbersAreAsProtobufHasThem) {
  for (std::size_t len = 2; len <= 12; ++len) {
    EXPECT_EQ(agree(tag(1, 0) + overlong(2, len)), len <= 10) << len;
    EXPECT_EQ(agree(overlong(8, len) + "\x01"), len <= 5) << len;
    EXPECT_EQ(agree(bytes(2, "\x0a" + overlong(1, len) + "n")), len <= 5) << len;
    EXPECT_EQ(agree("\x22" + overlong(1, len) + "x"), len <= 5) << len;
    agree(overlong(0, len));
  }
  for (int last = 0; last < 256; ++last) {
    const char byte = static_cast<char>(last);
    agree(std::string("\x88\x80\x80\x80") + byte + "\x01");  // bits beyond a 32-bit tag
    agree(std::string("\x12\x80\x80\x80\x80") + byte);       // lengths of gigabytes
    agree("\x08" + repeated("\x80", 9) + byte);              // bits beyond 64
  }
}

TEST(SecretWire, NestingIsBoundedAsProtobufBoundsIt) {
  for (std::size_t depth = 95; depth <= 105; ++depth) {
    const std::string groups = repeated(tag(9, 3), depth) + repeated(tag(9, 4), depth);
    EXPECT_EQ(agree(groups), depth <= 100) << depth;
    EXPECT_EQ(agree(bytes(2, bytes(1, "n") + groups)), depth <= 99) << depth;
    EXPECT_EQ(agree(bytes(3, bytes(1, "n") + groups)), depth <= 99) << depth;
  }
  EXPECT_FALSE(agree(repeated(tag(9, 3), 100'000)));
}

TEST(SecretWire, EveryCutIsJudgedAlike) {
  const std::string wire =
      kReference + bytes(3, bytes(1, std::string(200, 'x'))) + tag(4, 1) + "12345678";
  for (std::size_t len = 0; len <= wire.size(); ++len) agree(wire.substr(0, len));
}

TEST(SecretWire, EveryByteChangedIsJudgedAlike) {
  for (const std::string& wire : {kReference, kValue}) {
    for (std::size_t at = 0; at < wire.size(); ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string changed = wire;
        changed[at] = static_cast<char>(byte);
        agree<::mesos::Secret>(changed);
      }
    }
  }
}

TEST(SecretWire, DamagedMessagesAreJudgedAlike) {
  Mutator mutator(20261);
  std::size_t accepted = 0;
  constexpr std::size_t kInputs = 200'000;
  for (std::size_t i = 0; i < kInputs && !HasFailure(); ++i) {
    if (agree<::mesos::Secret>(mutator.next())) ++accepted;
  }
  // Worth something only if both outcomes are frequent.
  EXPECT_GT(accepted, kInputs / 10);
  EXPECT_LT(accepted, kInputs * 9 / 10);
}

TEST(SecretWire, AMessageOfManyMebibytesIsReadWithinTheLimit) {
  EXPECT_TRUE(agree(bytes(3, bytes(1, std::string(1 << 20, 'x')))));
  const std::string filler = bytes(9, std::string(kMaxSecretWireLen, 'x'));
  const auto over = decode_secret(view(filler));
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, Code::too_large);
}

}  // namespace
}  // namespace strongroom::secret_wire_test
