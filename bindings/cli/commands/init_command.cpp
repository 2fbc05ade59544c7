// init_command.cpp: making a store. The credentials are in safe hands before it exists: the key
// file is on the disk and the shares have left standard output, or there is no store.
#include <string>

#include "commands/groups.hpp"
#include "credentials/handout.hpp"
#include "store/access.hpp"
#include "syntax/common_options.hpp"
#include "syntax/table.hpp"
#include "terminal/output.hpp"

namespace strongroom_cli {
namespace {

constexpr Option kMaxSecretSize = number("--max-secret-size", "BYTES", 1, 64 << 20,
                                         "The most bytes of one secret, up to 67108864 (1048576)");

int run_init(const Options& options) {
  NewCredentials wanted = new_credentials(options);
  wanted.key_file =
      options.has(kKeyFile) ? options.key_file : from_environment("STRONGROOM_KEY_FILE");
  Access access = open_sealed(options, true);
  const KeyRequest request(wanted, access);
  const strongroom_abi::Pending pending = request.prepare([&] {
    return access.session.init_prepare(request.init_options(options.number(kMaxSecretSize)));
  });
  Handout handout(pending, request, wanted, access);
  handout.print(options.has(kJson), true);
  handout.activate([&] { access.session.init_activate(pending); });
  if (!options.has(kJson))
    print_done("\nThe store is ready at " + std::string(access.report.url()) + ".\n");
  return kExitOk;
}

}  // namespace

constexpr const char* kInitHelp =
    R"(Without --shares and without a key file, one share is made that opens the store. --threshold
defaults to more than half of the shares. A key file (--key-file or STRONGROOM_KEY_FILE) is made,
mode 0600; one that exists is left as it is. Nothing is stored before the credentials are out.
With --pgp-key, each share is encrypted to one keeper's key (armored or binary), printed in hex, and
kept in the store for 'slots --wrapped'; --shares is the number of keys. --escrow-in-store keeps the
private key next to what it opens: whoever gets a copy of the store has its secrets.

Examples:
  strongroom --store lmdb:/var/lib/app/secrets init --key-file /etc/app/strongroom.key
  strongroom init --shares 5 --threshold 3
  strongroom init --threshold 2 --pgp-key ann.asc --pgp-key bob.asc --pgp-key eve.asc
  strongroom init --generate-pgp-key /root/strongroom.asc
  strongroom init --json)";

const Command init_command("init", kStoreGroup, "Make a store", kInitHelp,
                           {&kShares, &kThreshold, &kPgpKey, &kGeneratePgpKey, &kPgpBits,
                            &kEscrowInStore, &kEnvironmentKey, &kSystemCredential, &kMaxSecretSize,
                            &kJson},
                           run_init);

}  // namespace strongroom_cli
