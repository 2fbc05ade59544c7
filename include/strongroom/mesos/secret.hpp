// secret.hpp: Secret, Reference and Value, with the meaning that Mesos gives these words.
//
// A Secret either carries its bytes (a Value) or names a secret of the store (a Reference). This header
// has the message, Mesos' rules for it, its two written forms (JSON and protobuf wire format), and the
// choice of one member by a reference's key. The store resolves references.
//
// Source  Apache Mesos include/mesos/mesos.proto and include/mesos/v1/mesos.proto (one wire format),
//         src/common/validation.cpp, 3rdparty/stout/include/stout/protobuf.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/types.hpp"

namespace strongroom::mesos {

// Reference names a secret of the store. key, when set, selects one member of it. An empty key is a key
// too, and is not the same as no key.
struct Reference {
  std::string name;
  std::optional<std::string> key;
};

struct Value {
  SecretBytes data;
};

struct Secret {
  // unknown also stands for "no type given": Mesos reads both alike.
  enum class Type : std::uint8_t { unknown = 0, reference = 1, value = 2 };

  Type type = Type::unknown;
  std::optional<Reference> reference;
  std::optional<Value> value;
};

// The longest message that decode_secret reads: the largest secret, and room for the names.
inline constexpr std::size_t kMaxSecretWireLen = (std::size_t{64} << 20) + (std::size_t{64} << 10);

// validate checks Mesos' rules, in Mesos' order and words. A secret of unknown type passes, whatever
// else is set. Names, keys and bytes are not looked at.
// Errors  invalid.
Result<void> validate(const Secret& secret);

// secret_from_json reads a Secret as Mesos reads it: members by their proto names, unknown members
// ignored, null as absent, an unknown name of a type as no type, data in lenient base64 (see
// base64_decode). It does not validate. Unlike Mesos, it refuses a member that appears twice, and its
// errors quote no more of the text than one character that is not base64.
// Errors  invalid, in Mesos' words where Mesos has some.  too_large: over max_len, or memory.
//         unavailable: memory.
Result<Secret> secret_from_json(SecretBytes text, std::size_t max_len = kDefaultMaxJsonLen);

// secret_to_json writes the members that are set, in alphabetical order, with padded base64 and without
// white space.
// Errors  invalid: a name or key is not UTF-8, so JSON cannot hold it.  too_large, unavailable.
Result<SecretBytes> secret_to_json(const Secret& secret);

// decode_secret reads the protobuf wire format of mesos.Secret and mesos.v1.Secret. It accepts what
// protobuf accepts, with the same fields: repeated messages are merged, the last of repeated fields
// counts, unknown fields and unknown types are skipped. It does not validate.
// Errors  invalid: cut short, malformed, groups nested deeper than protobuf allows (100), or
//         `Missing required fields: ...`.  too_large, unavailable.
// Source  protobuf.dev, "Encoding"; tests/conformance/secret_wire_test.cpp compares with protobuf.
Result<Secret> decode_secret(SecretView wire);

// encode_secret writes the bytes that protobuf writes for the same message, in field order.
// Errors  too_large, unavailable.
Result<SecretBytes> encode_secret(const Secret& secret);

// about_secret returns an error of a secret that something asks for, with the names of both:
// "Environment variable 'DB': there is no secret 'dev/db'".
Error about_secret(const std::string& asking, const Secret& secret, Error error);

// select_key returns one member of a secret that is a JSON object: the UTF-8 bytes of its string.
//
// secret  taken over, and wiped.
// name    of the secret, for the messages. These show the name and the key, but nothing of the content.
// Errors  invalid: the secret is not a JSON object (by JsonText::parse's rules), or the member is not a
//         string.  not_found: it has no such member.  too_large, unavailable: memory.
Result<SecretBytes> select_key(SecretBytes secret, const std::string& key, const std::string& name);

}  // namespace strongroom::mesos
