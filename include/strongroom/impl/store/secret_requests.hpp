// secret_requests.hpp: what asynchronous reads ask for, and what becomes of their answers. Callbacks
// (session_secrets.ipp) and queues (queue.ipp) share it.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/impl/mesos/resolution.hpp"
#include "strongroom/impl/store/async_reads.hpp"
#include "strongroom/mesos/secret.hpp"
#include "strongroom/path.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secrets.hpp"

namespace strongroom {

// The most secrets that one call may read.
inline constexpr std::size_t kMaxSecretsAtOnce = 1000;

// check_num refuses more. Errors  too_large.
Result<void> check_num(std::size_t num_secrets);

// parse_judged parses the path that the policy judges in place of another one, if there is one.
Result<std::optional<Path>> parse_judged(std::optional<std::string_view> text, bool folder);

// wanted_secret is a read of one secret.
Result<AsyncReads::Wanted> wanted_secret(std::string_view path, const GetOptions& options);

// only_secret is the one secret that such a read found, or one member of it.
Result<StoredSecret> only_secret(Result<AsyncReads::Secrets> secrets, const std::string& path,
                                 std::optional<std::string_view> key);

// select_member replaces a secret by the string of one member of it, where one is asked for.
Result<StoredSecret> select_member(Result<StoredSecret> secret, std::string_view path,
                                   std::optional<std::string_view> key);

// resolution_of is what resolving these Mesos secrets reads.
// failed  where not null, set to the index of the secret that an error is about, or to their number.
// Errors  as of mesos::Resolution::of.  too_large.
Result<std::shared_ptr<mesos::Resolution>> resolution_of(
    std::span<const mesos::Secret* const> secrets, std::size_t* failed = nullptr);

}  // namespace strongroom
