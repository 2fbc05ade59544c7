// secret.hpp: Secret, Reference and Value, with the meaning that Mesos gives these words.
//
// A Secret either carries its bytes (a Value) or says where they lie (a Reference). Here are the
// message, Mesos' rules for it, its two written forms (JSON and protobuf wire format), and the
// choice of one member by a reference's key. Resolving is the store's business.
//
// Source  Apache Mesos include/mesos/mesos.proto and include/mesos/v1/mesos.proto (one wire
// format),
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

// Reference names a secret of the store. key, when set, picks one member of it; an empty key is a
// key, and differs from none.
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

// validate holds Mesos' rules, in Mesos' order and words. A secret of unknown type passes, whatever
// else is set; names, keys and bytes are not looked at.
// Errors  invalid.
Result<void> validate(const Secret& secret);

// secret_from_json reads a Secret as Mesos reads it: members by their proto names, unknown ones
// ignored, null as absent, an unknown name of a type as no type, data in lenient base64 (see
// base64_decode). It does not validate. Unlike Mesos, a member given twice is refused, and no
// error quotes more of the text than one character that is no base64.
// Errors  invalid, in Mesos' words where Mesos has some.  too_large: over max_len, or memory.
//         unavailable: memory.
Result<Secret> secret_from_json(SecretBytes text, std::size_t max_len = kDefaultMaxJsonLen);

// secret_to_json writes what is set, members in alphabetical order, base64 padded, no white space.
// Errors  invalid: a name or key is not UTF-8, so no JSON could hold it.  too_large, unavailable.
Result<SecretBytes> secret_to_json(const Secret& secret);

// decode_secret reads the protobuf wire format of mesos.Secret and mesos.v1.Secret: what protobuf
// accepts is accepted, with the same fields. Repeated messages are merged, the last of repeated
// fields counts, unknown fields and unknown types are skipped. It does not validate.
// Errors  invalid: cut short, malformed, groups deeper than protobuf takes them (100), or
//         `Missing required fields: ...`.  too_large, unavailable.
// Source  protobuf.dev, "Encoding"; tests/conformance/secret_wire_test.cpp compares with protobuf.
Result<Secret> decode_secret(SecretView wire);

// encode_secret writes the bytes that protobuf writes for the same message, in field order.
// Errors  too_large, unavailable.
Result<SecretBytes> encode_secret(const Secret& secret);

// select_key gives one member of a secret that is a JSON object: the UTF-8 bytes of its string.
//
// secret  taken over, and wiped.
// name    of the secret, for the messages, which name it and the key but nothing of the content.
// Errors  invalid: the secret is no JSON object (JsonText::parse's rules), or the member no string.
//         not_found: it has no such member.  too_large, unavailable: memory.
Result<SecretBytes> select_key(SecretBytes secret, const std::string& key, const std::string& name);

}  // namespace strongroom::mesos
