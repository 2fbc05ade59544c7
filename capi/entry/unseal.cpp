// unseal.cpp: loading the keys into an open store, and putting the lock on it.
#include <utility>
#include <vector>

#include "guard.hpp"
#include "progress.hpp"
#include "strongroom/credential.hpp"
#include "strongroom/openpgp.hpp"
#include "strongroom/store.hpp"

using namespace strongroom;
using namespace strongroom::capi;

namespace {

constexpr std::size_t kMaxCredentials = 512;  // each takes guarded pages

Result<std::vector<Credential>> parse_credentials(const strongroom_bytes* texts, std::size_t num) {
  if (texts == nullptr || num == 0) return Error{Code::invalid, "no credential was given"};
  if (num > kMaxCredentials) return Error{Code::invalid, "more than 512 credentials were given"};
  std::vector<Credential> credentials;
  credentials.reserve(num);
  for (std::size_t i = 0; i < num; ++i) {
    auto text = secret_of(texts[i].data, texts[i].len, "a credential");
    if (!text) return std::move(text).error();
    auto credential = Credential::parse(text.value());
    if (!credential) return std::move(credential).error();
    credentials.push_back(std::move(credential).value());
  }
  return credentials;
}

// lifts_lock reads the flags of unsealing.
Result<bool> lifts_lock(std::uint32_t flags) {
  if ((flags & ~STRONGROOM_UNSEAL_LIFT_LOCK) != 0)
    return Error{Code::invalid, "an unknown flag was set"};
  return (flags & STRONGROOM_UNSEAL_LIFT_LOCK) != 0;
}

// Unwrapping is what strongroom_unwrap was asked for.
struct Unwrapping {
  ByteView message;
  SecretView private_key;
  SecretView passphrase;
};

Result<std::unique_ptr<strongroom_secret>> unwrap(const strongroom_session& session,
                                                  const Unwrapping& wanted) {
  auto credential =
      session.store->unwrap(session.who, wanted.message, wanted.private_key, wanted.passphrase);
  if (!credential) return std::move(credential).error();
  return give<strongroom_secret>(credential->text());
}

}  // namespace

// ---- unseal ----

strongroom_status strongroom_unseal(strongroom_session* session,
                                    const strongroom_bytes* credentials, size_t num_credentials,
                                    uint32_t flags, strongroom_error** out_error) noexcept {
  return in_session(session, out_error, [&](Store& store, const Identity& who) -> Result<void> {
    auto lift_lock = lifts_lock(flags);
    if (!lift_lock) return std::move(lift_lock).error();
    auto parsed = parse_credentials(credentials, num_credentials);
    if (!parsed) return std::move(parsed).error();
    return store.unseal(who, parsed.value(), lift_lock.value());
  });
}

strongroom_status strongroom_unseal_share(strongroom_session* session, const void* share,
                                          size_t share_len, uint32_t flags,
                                          strongroom_unseal_progress* out_progress,
                                          strongroom_error** out_error) noexcept {
  return guarded(out_error, [&]() -> Result<void> {
    auto cleared = clear_struct(out_progress, STRONGROOM_UNSEAL_PROGRESS_INIT);
    if (!cleared) return cleared;
    if (auto good = check_handle(session, "session"); !good) return good;
    auto lift_lock = lifts_lock(flags);
    if (!lift_lock) return std::move(lift_lock).error();
    auto text = secret_of(share, share_len, "share");
    if (!text) return std::move(text).error();
    auto parsed = Credential::parse(text.value());
    if (!parsed) return std::move(parsed).error();
    auto progress =
        session->store->submit(session->who, std::move(parsed).value(), lift_lock.value());
    if (!progress) return std::move(progress).error();
    return clear_struct(out_progress, progress_of(progress.value()));
  });
}

strongroom_status strongroom_unseal_forget(strongroom_session* session,
                                           strongroom_error** out_error) noexcept {
  return in_session(session, out_error, [](Store& store, const Identity& who) -> Result<void> {
    return store.forget_shares(who);
  });
}

strongroom_status strongroom_unseal_escrowed(strongroom_session* session, uint32_t flags,
                                             strongroom_error** out_error) noexcept {
  return in_session(session, out_error, [&](Store& store, const Identity& who) -> Result<void> {
    auto lift_lock = lifts_lock(flags);
    if (!lift_lock) return std::move(lift_lock).error();
    return store.unseal_escrowed(who, lift_lock.value());
  });
}

// ---- OpenPGP ----

strongroom_status strongroom_unwrap(strongroom_session* session, const void* message,
                                    size_t message_len, const void* private_key,
                                    size_t private_key_len, const void* passphrase,
                                    size_t passphrase_len, strongroom_secret** out,
                                    strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_secret>> {
    if (auto good = check_handle(session, "session"); !good) return std::move(good).error();
    auto wrapped = bytes_of(message, message_len, "message");
    if (!wrapped) return std::move(wrapped).error();
    auto key = secret_of(private_key, private_key_len, "private_key");
    if (!key) return std::move(key).error();
    auto phrase = secret_of(passphrase, passphrase_len, "passphrase");
    if (!phrase) return std::move(phrase).error();
    return unwrap(*session, {wrapped.value(), key.value(), phrase.value()});
  });
}

strongroom_status strongroom_openpgp_pair(strongroom_session* session, uint32_t bits,
                                          const char* user_id, strongroom_secret** out_private,
                                          strongroom_secret** out_public,
                                          strongroom_error** out_error) noexcept {
  give_number(out_public, static_cast<strongroom_secret*>(nullptr));
  return deliver(out_private, out_error, [&]() -> Result<std::unique_ptr<strongroom_secret>> {
    if (auto good = check_handle(session, "session"); !good) return std::move(good).error();
    if (out_public == nullptr) return was_null("out_public");
    auto name = text_of(user_id, "user_id");
    if (!name) return std::move(name).error();
    auto pair = session->store->generate_pair(session->who, bits, std::string(name.value()));
    if (!pair) return std::move(pair).error();
    auto copy = SecretBytes::copy_value(pair->public_key);
    if (!copy) return std::move(copy).error();
    auto open = std::make_unique<strongroom_secret>(std::move(copy).value());
    auto secret = std::make_unique<strongroom_secret>(std::move(pair->private_key));
    *out_public = open.release();
    return secret;
  });
}

// ---- seal ----

strongroom_status strongroom_seal(strongroom_session* session,
                                  strongroom_error** out_error) noexcept {
  return in_session(session, out_error, [](Store& store, const Identity& who) -> Result<void> {
    return store.seal(who);
  });
}
