#include "state/bootstrap.hpp"

#include <stdexcept>
#include <utility>

#include "state/keys_at_hand.hpp"
#include "state/state_dir.hpp"

namespace strongroomd {

namespace {

constexpr const char* kPendingPublicKey = "unseal-key.pub";

}  // namespace

Bootstrap::Pair Bootstrap::pair_to_use(const std::string& instance) {
  auto kept = dir_.read(kPendingKey);
  const auto kept_public = dir_.read(kPendingPublicKey);
  if (kept && kept_public) return {std::move(*kept), std::string(kept_public->reveal())};
  auto made = trusted_.openpgp_pair(pair_bits_, "strongroomd " + instance);
  // The private key is last: where it is, the pair is whole.
  dir_.write(kPendingPublicKey, made.public_key);
  dir_.write(kPendingKey, made.private_key.reveal());
  return {std::move(made.private_key), std::move(made.public_key)};
}

strongroom_abi::Pending Bootstrap::prepare(const Pair& pair) {
  const strongroom_bytes public_key = strongroom_abi::bytes(pair.public_key);
  strongroom_init_options options = STRONGROOM_INIT_OPTIONS_INIT;
  options.shares = options.threshold = 1;
  options.pgp_keys = &public_key;
  options.num_pgp_keys = 1;
  if (settings_.escrow_in_store) {
    options.escrow = pair.private_key.reveal().data();
    options.escrow_len = pair.private_key.size();
  }
  return trusted_.init_prepare(options);
}

void Bootstrap::make(const std::string& instance) {
  if (dir_.read(kUnsealKey))
    throw std::runtime_error(
        "the storage has no store, but '" + dir_.path_of(kUnsealKey) +
        "' is there, so this server made a store before: check --store; to make a new store, move "
        "that file away");
  const Pair pair = pair_to_use(instance);
  try {
    trusted_.init_activate(prepare(pair));
  } catch (const strongroom_abi::Error& error) {
    // Which server made it shows when the key is tried.
    if (error.status() != STRONGROOM_ALREADY_EXISTS) throw;
  }
}

void Bootstrap::adopt(const std::function<strongroom_abi::Secret()>& make_root_token) {
  const auto key = dir_.read(kPendingKey);
  if (!key) return;
  if (!dir_.read(kRootToken)) dir_.write(kRootToken, make_root_token().reveal());
  dir_.write(kUnsealKey, key->reveal());
  forget();
}

// The private key is last here as well: as long as it is there, this is done again.
void Bootstrap::forget() {
  dir_.remove(kPendingPublicKey);
  dir_.remove(kPendingKey);
}

}  // namespace strongroomd
