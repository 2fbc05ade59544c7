// unseal.cpp: loads the keys into an open store, and wipes them.
#include <utility>
#include <vector>

#include "guard.hpp"
#include "strongroom/credential.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/openpgp.hpp"
#include "strongroom/store.hpp"

using namespace strongroom;
using namespace strongroom::capi;

namespace {

constexpr std::size_t kMaxCredentials = 512;  // each one takes guarded pages

Result<std::vector<Credential>> parse_credentials(const strongroom_bytes* texts, std::size_t num) {
  if (texts == nullptr || num == 0) return Error{Code::invalid, "no credential was given"};
  if (num > kMaxCredentials) return Error{Code::invalid, "more than 512 credentials were given"};
  std::vector<Credential> credentials;
  credentials.reserve(num);
  for (std::size_t i = 0; i < num; ++i) {
    STRONGROOM_ASSIGN(text, secret_of(texts[i].data, texts[i].len, "a credential"));
    STRONGROOM_ASSIGN(credential, Credential::parse(text));
    credentials.push_back(std::move(credential));
  }
  return credentials;
}

// check_flags refuses flags that are not in allowed.
Result<void> check_flags(std::uint32_t flags, std::uint32_t allowed) {
  if ((flags & ~allowed) == 0) return {};
  return Error{Code::invalid, "an unknown flag is set"};
}

strongroom_unseal_progress progress_of(const UnsealProgress& seen) noexcept {
  strongroom_unseal_progress progress = STRONGROOM_UNSEAL_PROGRESS_INIT;
  progress.unsealed = seen.unsealed ? 1 : 0;
  progress.progress = seen.progress;
  progress.threshold = seen.threshold;
  progress.shares = seen.shares;
  return progress;
}

// Unwrapping is the input of strongroom_unwrap.
struct Unwrapping {
  ByteView message;
  SecretView private_key;
  SecretView passphrase;
};

Result<std::unique_ptr<strongroom_secret>> unwrap(const strongroom_session& session,
                                                  const Unwrapping& wanted) {
  STRONGROOM_ASSIGN(credential,
                    session.caller.unwrap(wanted.message, wanted.private_key, wanted.passphrase));
  return give<strongroom_secret>(credential.text());
}

}  // namespace

// ---- unseal ----

strongroom_status strongroom_unseal(strongroom_session* session,
                                    const strongroom_bytes* credentials, size_t num_credentials,
                                    uint32_t flags, strongroom_error** out_error) noexcept {
  return in_session(session, out_error, [&](const Session& caller) -> Result<void> {
    STRONGROOM_TRY(check_flags(flags, STRONGROOM_UNSEAL_LIFT_LOCK | STRONGROOM_UNSEAL_ESCROWED));
    const bool lift_lock = (flags & STRONGROOM_UNSEAL_LIFT_LOCK) != 0;
    if ((flags & STRONGROOM_UNSEAL_ESCROWED) != 0) {
      if (num_credentials == 0) return caller.unseal_escrowed(lift_lock);
      return Error{Code::invalid, "STRONGROOM_UNSEAL_ESCROWED takes no credentials"};
    }
    STRONGROOM_ASSIGN(parsed, parse_credentials(credentials, num_credentials));
    return caller.unseal(parsed, lift_lock);
  });
}

strongroom_status strongroom_unseal_share(strongroom_session* session, const void* share,
                                          size_t share_len, uint32_t flags,
                                          strongroom_unseal_progress* out_progress,
                                          strongroom_error** out_error) noexcept {
  return guarded(out_error, [&]() -> Result<void> {
    STRONGROOM_TRY(clear_struct(out_progress, STRONGROOM_UNSEAL_PROGRESS_INIT));
    STRONGROOM_TRY(check_handle(session, "session"));
    STRONGROOM_TRY(check_flags(flags, STRONGROOM_UNSEAL_LIFT_LOCK));
    const bool lift_lock = flags != 0;
    STRONGROOM_ASSIGN(text, secret_of(share, share_len, "share"));
    STRONGROOM_ASSIGN(parsed, Credential::parse(text));
    STRONGROOM_ASSIGN(progress, session->caller.submit(std::move(parsed), lift_lock));
    return clear_struct(out_progress, progress_of(progress));
  });
}

strongroom_status strongroom_unseal_forget(strongroom_session* session,
                                           strongroom_error** out_error) noexcept {
  return in_session(session, out_error,
                    [](const Session& caller) -> Result<void> { return caller.forget_shares(); });
}

// ---- OpenPGP ----

strongroom_status strongroom_unwrap(strongroom_session* session, const void* message,
                                    size_t message_len, const void* private_key,
                                    size_t private_key_len, const void* passphrase,
                                    size_t passphrase_len, strongroom_secret** out,
                                    strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_secret>> {
    STRONGROOM_TRY(check_handle(session, "session"));
    STRONGROOM_ASSIGN(wrapped, bytes_of(message, message_len, "message"));
    STRONGROOM_ASSIGN(key, secret_of(private_key, private_key_len, "private_key"));
    STRONGROOM_ASSIGN(phrase, secret_of(passphrase, passphrase_len, "passphrase"));
    return unwrap(*session, {wrapped, key, phrase});
  });
}

strongroom_status strongroom_openpgp_pair(strongroom_session* session, uint32_t bits,
                                          const char* user_id, strongroom_secret** out_private,
                                          strongroom_text** out_public,
                                          strongroom_error** out_error) noexcept {
  give_number(out_public, static_cast<strongroom_text*>(nullptr));
  return deliver(out_private, out_error, [&]() -> Result<std::unique_ptr<strongroom_secret>> {
    STRONGROOM_TRY(check_handle(session, "session"));
    if (out_public == nullptr) return was_null("out_public");
    STRONGROOM_ASSIGN(name, text_of(user_id, "user_id"));
    STRONGROOM_ASSIGN(pair, session->caller.generate_pair(bits, std::string(name)));
    auto open = std::make_unique<strongroom_text>(
        std::string(pair.public_key.begin(), pair.public_key.end()));
    auto secret = std::make_unique<strongroom_secret>(std::move(pair.private_key));
    *out_public = open.release();
    return secret;
  });
}

// ---- seal ----

static_assert(STRONGROOM_SEAL_PROCESS == static_cast<int>(SealScope::process));
static_assert(STRONGROOM_SEAL_EVERYWHERE == static_cast<int>(SealScope::everywhere));

strongroom_status strongroom_seal(strongroom_session* session, uint32_t scope,
                                  strongroom_error** out_error) noexcept {
  return in_session(session, out_error, [&](const Session& caller) -> Result<void> {
    if (scope != STRONGROOM_SEAL_PROCESS && scope != STRONGROOM_SEAL_EVERYWHERE)
      return Error{Code::invalid,
                   "scope must be STRONGROOM_SEAL_PROCESS or STRONGROOM_SEAL_EVERYWHERE"};
    return caller.seal(static_cast<SealScope>(scope));
  });
}
