// common_options.hpp: the options of all commands, and those that several commands share.
#pragma once

#include "syntax/option.hpp"

namespace strongroom_cli {

// All commands.
inline constexpr Option kHelp = flag("-h --help", "Print this help");
inline constexpr Option kStore = {
    .names = "--store",
    .kind = Kind::url,
    .about = "The store: lmdb:/directory or zk://host:port/root (STRONGROOM_STORE)",
    .value = "URL"};
inline constexpr Option kAnchorFile =
    file("--anchor", "What 'anchor' printed: refuse an older store, or another one");
inline constexpr Option kZkAuthFile =
    file("--zk-auth-file", "user:password for ZooKeeper, mode 0600 (STRONGROOM_ZK_AUTH)");
inline constexpr Option kTimeout = {.names = "--timeout",
                                    .kind = Kind::seconds,
                                    .about = "How long to wait for the storage (10)",
                                    .value = "SECONDS",
                                    .min = 0,
                                    .max = 86399};
inline constexpr Option kAllowUnlocked =
    flag("--allow-unlocked", "Continue with memory that may be swapped if no more can be locked");
inline constexpr Option kAllowReadable =
    flag("--allow-readable-key-file", "Read keys also from files that others can read");
inline constexpr Option kKeyFile = file("--key-file", "A key file (STRONGROOM_KEY_FILE)");
inline constexpr Option kShare =
    files("--share", "A share, '-' for standard input; may be given again");
inline constexpr Option kPgpPrivateKey =
    files("--pgp-private-key", "Decrypts shares, also those kept in the store; may be given again");
inline constexpr Option kPgpPassphraseFile =
    file("--pgp-passphrase-file", "Its passphrase; asked for when left out");
inline constexpr Option kEscrowed =
    flag("--escrowed", "Use the private key that is kept in the store");

// The program only, without a command.
inline constexpr Option kVersion = flag("-V --version", "Print the version");

// Several commands.
inline constexpr Option kJson = flag("--json", "Print JSON", "form");
inline constexpr Option kRaw = flag("--raw", "Print exactly the bytes, even on a terminal", "form");
inline constexpr Option kPath =
    argument("PATH", Kind::secret, "The secret's path, as in my/secret");
inline constexpr Option kFrom =
    argument("FROM", Kind::url, "The store, as in --store");  // the one that is opened
inline constexpr Option kRecursive = flag("-r --recursive", "All secrets below PATH");

}  // namespace strongroom_cli
