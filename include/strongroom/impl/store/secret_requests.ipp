// secret_requests.ipp: the bodies of secret_requests.hpp.
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/mesos/resolution.hpp"
#include "strongroom/impl/store/async_reads.hpp"
#include "strongroom/impl/store/secret_requests.hpp"
#include "strongroom/mesos/secret.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secrets.hpp"

namespace strongroom {

Result<void> check_num(std::size_t num_secrets) {
  if (num_secrets <= kMaxSecretsAtOnce) return {};
  return Error{Code::too_large,
               std::to_string(num_secrets) + " secrets were asked for at once; the most is 1,000"};
}

Result<std::optional<Path>> parse_judged(std::optional<std::string_view> text, bool folder) {
  if (!text) return std::optional<Path>();
  STRONGROOM_ASSIGN(path, folder ? Path::parse(*text) : Path::parse_secret(*text));
  return std::optional<Path>(std::move(path));
}

Result<AsyncReads::Wanted> wanted_secret(std::string_view path, const GetOptions& options) {
  STRONGROOM_ASSIGN(secret, Path::parse_secret(path));
  STRONGROOM_ASSIGN(judged, parse_judged(options.decide_path, false));
  return AsyncReads::Wanted{Action::read, {std::move(secret)}, std::move(judged), options};
}

Result<StoredSecret> only_secret(Result<AsyncReads::Secrets> secrets, const std::string& path,
                                 std::optional<std::string_view> key) {
  STRONGROOM_TRY(secrets);
  return select_member(std::move(secrets->front()), path, key);
}

Result<StoredSecret> select_member(Result<StoredSecret> secret, std::string_view path,
                                   std::optional<std::string_view> key) {
  if (!secret || !key) return secret;
  STRONGROOM_ASSIGN(
      member, mesos::select_key(std::move(secret->value), std::string(*key), std::string(path)));
  secret->value = std::move(member);
  secret->content = Content::text;
  return secret;
}

Result<std::shared_ptr<mesos::Resolution>> resolution_of(
    std::span<const mesos::Secret* const> secrets, std::size_t* failed) {
  std::size_t unasked = 0;
  STRONGROOM_ASSIGN(plan, mesos::Resolution::of(secrets, failed == nullptr ? unasked : *failed));
  STRONGROOM_TRY(check_num(plan.paths().size()));
  return std::make_shared<mesos::Resolution>(std::move(plan));
}

}  // namespace strongroom
