// new_credentials.cpp: reading and checking; see new_credentials.hpp.
#include "credentials/new_credentials.hpp"

namespace strongroom_cli {
namespace {

std::uint32_t key_kind_of(const Options& options) {
  if (options.has(kEnvironmentKey)) return STRONGROOM_SLOT_ENVIRONMENT;
  return options.has(kSystemCredential) ? STRONGROOM_SLOT_SYSTEM_CREDENTIAL : 0;
}

void check_counts(const NewCredentials& fresh, const Options& options, bool as_before) {
  const std::size_t num_keys =
      fresh.pgp_key_files.size() + (fresh.generated_key_file.empty() && !fresh.escrow ? 0 : 1);
  if (num_keys > 0 && fresh.shares != 0 && fresh.shares != num_keys) {
    throw options.usage("--shares is " + std::to_string(fresh.shares) + ", and there are " +
                        std::to_string(num_keys) + " OpenPGP keys; each share needs one");
  }
  const std::size_t shares = num_keys > 0 ? num_keys : fresh.shares;
  if (fresh.threshold > 0 && shares == 0 && !as_before) {
    throw options.usage("--threshold was given without --shares");
  }
  if (fresh.threshold > shares && (shares != 0 || !as_before)) {
    throw options.usage("--threshold is more than --shares");
  }
  if (fresh.escrow && (num_keys > 1 || !fresh.pgp_key_files.empty())) {
    throw options.usage("--escrow-in-store makes its one key itself; leave --pgp-key out");
  }
}

}  // namespace

NewCredentials new_credentials(const Options& options, bool as_before) {
  NewCredentials fresh;
  fresh.shares = options.number(kShares);
  fresh.threshold = options.number(kThreshold);
  fresh.pgp_key_files = options.texts(kPgpKey);
  fresh.generated_key_file = options.text(kGeneratePgpKey);
  if (options.has(kPgpBits)) fresh.pgp_bits = options.number(kPgpBits);
  fresh.escrow = options.has(kEscrowInStore);
  fresh.key_file = options.text(kNewKeyFile);
  fresh.key_kind = key_kind_of(options);
  fresh.share_backs = options.texts(kShareBack);
  fresh.verify = options.has(kVerify) || !fresh.share_backs.empty();
  check_counts(fresh, options, as_before);
  return fresh;
}

}  // namespace strongroom_cli
