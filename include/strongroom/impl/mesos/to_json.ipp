// to_json.ipp: writing Mesos' messages as its own JSON mapping has them: members in alphabetical order,
// only those that are set or have a default.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/crypto/base64.hpp"
#include "strongroom/impl/json/byte_sink.hpp"
#include "strongroom/mesos/environment.hpp"
#include "strongroom/mesos/image.hpp"
#include "strongroom/mesos/secret.hpp"
#include "strongroom/mesos/volume.hpp"
#include "strongroom/path.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom::mesos {
namespace detail::to_json {

// Escapes as RapidJSON's writer does, which Mesos writes with.
static void put_string(ByteSink& sink, std::string_view text) noexcept {
  constexpr std::string_view kShort = "\b\t\n\f\r\"\\";
  constexpr std::string_view kLetter = "btnfr\"\\";
  constexpr std::string_view kHex = "0123456789ABCDEF";
  sink.put('"');
  for (const char c : text) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (const std::size_t at = kShort.find(c); at != std::string_view::npos) {
      sink.put('\\');
      sink.put(static_cast<std::uint8_t>(kLetter[at]));
    } else if (byte < 0x20) {
      sink.put("\\u00");
      sink.put(static_cast<std::uint8_t>(kHex[byte >> 4]));
      sink.put(static_cast<std::uint8_t>(kHex[byte & 15]));
    } else {
      sink.put(byte);
    }
  }
  sink.put('"');
}

// ObjectWriter writes one object, member by member.
class ObjectWriter {
 public:
  explicit ObjectWriter(ByteSink& sink) noexcept : sink_(sink) { sink_.put("{"); }
  ~ObjectWriter() { sink_.put("}"); }
  ObjectWriter(const ObjectWriter&) = delete;
  ObjectWriter& operator=(const ObjectWriter&) = delete;

  ByteSink& member(std::string_view name) noexcept {
    sink_.put(std::exchange(separator_, ","));
    put_string(sink_, name);
    sink_.put(":");
    return sink_;
  }
  void text(std::string_view name, std::string_view text) noexcept {
    put_string(member(name), text);
  }

 private:
  ByteSink& sink_;
  std::string_view separator_;
};

// put_list writes the items as an array, each with put(sink, item).
template <typename Items, typename Put>
void put_list(ByteSink& sink, const Items& items, Put put) noexcept {
  std::string_view separator;
  sink.put("[");
  for (const auto& item : items) {
    sink.put(std::exchange(separator, ","));
    put(sink, item);
  }
  sink.put("]");
}

static void put_secret(ByteSink& sink, const Secret& secret) noexcept {
  ObjectWriter object(sink);
  if (secret.reference) {
    ObjectWriter reference(object.member("reference"));
    if (secret.reference->key) reference.text("key", *secret.reference->key);
    reference.text("name", secret.reference->name);
  }
  if (secret.type != Secret::Type::unknown) {
    object.text("type", secret.type == Secret::Type::reference ? "REFERENCE" : "VALUE");
  }
  if (secret.value) {
    const SecretView data = secret.value->data.view();
    ObjectWriter value(object.member("value"));
    value.member("data").put('"');
    sink.put_with(base64_encoded_len(data.size()),
                  [&](std::uint8_t* out) { base64_encode(data, out); });
    sink.put('"');
  }
}

static void put_variable(ByteSink& sink, const Variable& variable) noexcept {
  constexpr std::string_view kTypes[] = {"UNKNOWN", "VALUE", "SECRET"};
  ObjectWriter object(sink);
  object.text("name", variable.name);
  if (variable.secret) put_secret(object.member("secret"), *variable.secret);
  object.text("type", kTypes[static_cast<std::size_t>(variable.type)]);
  if (variable.value) object.text("value", variable.value->reveal_text());
}

static void put_volume(ByteSink& sink, const Volume& volume) noexcept {
  ObjectWriter object(sink);
  object.text("container_path", volume.container_path);
  object.text("mode", volume.mode == Volume::Mode::read_only ? "RO" : "RW");
  ObjectWriter source(object.member("source"));
  put_secret(source.member("secret"), volume.secret);
  source.text("type", "SECRET");
}

static void put_image(ByteSink& sink, const Image& image) noexcept {
  ObjectWriter object(sink);
  object.member("cached").put(image.cached ? std::string_view("true") : "false");
  {
    ObjectWriter docker(object.member("docker"));
    if (image.config) put_secret(docker.member("config"), *image.config);
    if (image.credential) {
      ObjectWriter credential(docker.member("credential"));
      credential.text("principal", image.credential->principal);
      if (image.credential->secret) {
        credential.text("secret", image.credential->secret->reveal_text());
      }
    }
    docker.text("name", image.name);
  }
  object.text("type", "DOCKER");
}

// check_text refuses what JSON cannot hold.
static Result<void> check_text(std::string_view text, std::string_view what) {
  if (well_formed_utf8(text)) return {};
  return Error{Code::invalid, std::string(what) + " was not UTF-8"};
}

static Result<void> check_secret(const Secret& secret) {
  if (!secret.reference) return {};
  const auto& [name, key] = *secret.reference;
  STRONGROOM_TRY(check_text(name, "the name or key of a reference"));
  return check_text(key ? *key : std::string_view(), "the name or key of a reference");
}

static Result<void> check_variable(const Variable& variable) {
  STRONGROOM_TRY(check_text(variable.name, "the name of a variable"));
  if (variable.secret) STRONGROOM_TRY(check_secret(*variable.secret));
  if (!variable.value) return {};
  return check_text(variable.value->reveal_text(),
                    "the value of the variable '" + variable.name + "'");
}

static Result<void> check_volume(const Volume& volume) {
  STRONGROOM_TRY(check_text(volume.container_path, "a container path"));
  return check_secret(volume.secret);
}

static Result<void> check_image(const Image& image) {
  STRONGROOM_TRY(check_text(image.name, "the name of an image"));
  if (image.config) STRONGROOM_TRY(check_secret(*image.config));
  if (!image.credential) return {};
  const auto& [principal, secret] = *image.credential;
  STRONGROOM_TRY(check_text(principal, "the credential of an image"));
  return check_text(secret ? secret->reveal_text() : std::string_view(),
                    "the credential of an image");
}

}  // namespace detail::to_json

Result<SecretBytes> secret_to_json(const Secret& secret) {
  namespace impl = detail::to_json;
  STRONGROOM_TRY(impl::check_secret(secret));
  return ByteSink::make([&](ByteSink& sink) { impl::put_secret(sink, secret); });
}

Result<SecretBytes> environment_to_json(const Environment& environment) {
  namespace impl = detail::to_json;
  for (const Variable& each : environment.variables) STRONGROOM_TRY(impl::check_variable(each));
  return ByteSink::make([&](ByteSink& sink) {
    impl::ObjectWriter object(sink);
    if (environment.variables.empty()) return;
    impl::put_list(object.member("variables"), environment.variables, &impl::put_variable);
  });
}

Result<SecretBytes> volumes_to_json(std::span<const Volume> volumes) {
  namespace impl = detail::to_json;
  for (const Volume& each : volumes) STRONGROOM_TRY(impl::check_volume(each));
  return ByteSink::make([&](ByteSink& sink) {
    impl::ObjectWriter object(sink);
    impl::put_list(object.member("volumes"), volumes, &impl::put_volume);
  });
}

Result<SecretBytes> image_to_json(const Image& image) {
  namespace impl = detail::to_json;
  STRONGROOM_TRY(impl::check_image(image));
  return ByteSink::make([&](ByteSink& sink) { impl::put_image(sink, image); });
}

}  // namespace strongroom::mesos
