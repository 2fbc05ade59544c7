// help_texts.hpp: what --help says beside the options: rules, examples, the table of exit statuses.
#pragma once

namespace strongroom_cli {

inline constexpr const char* kDescription =
    "strongroom keeps secrets sealed in a store, and hands them to the commands that need them.";

inline constexpr const char* kFooter = R"(Credentials:
  A command that reads or writes secrets unseals the store for itself alone. It takes what --share
  and --key-file name, else the file that STRONGROOM_KEY_FILE names; else, on a terminal, it asks.
  'seal' and 'status' need none. 'strongroom COMMAND --help' has examples.

Exit status:
   0  done                      15  sealed             20  corrupt
   2  usage                     16  not initialized    21  rollback
  11  invalid                   17  conflict           22  unavailable
  12  not found                 18  indeterminate      23  timeout
  13  already exists            19  too large          24  unsupported
  14  denied                                           25  internal
  'run' ends with its command's own status: 128 + N after signal N, 126 or 127 when it could not be
  started.)";

inline constexpr const char* kInitFooter =
    R"(Without --shares and without a key file, one share is made that opens the store. --threshold
defaults to more than half of the shares. A key file (--key-file or STRONGROOM_KEY_FILE) is made,
mode 0600; one that exists is left alone. Nothing is stored before the credentials are handed out.

Examples:
  strongroom --store lmdb:/var/lib/app/secrets init --key-file /etc/app/strongroom.key
  strongroom init --shares 5 --threshold 3
  strongroom init --json)";

inline constexpr const char* kStatusFooter = R"(Examples:
  strongroom status
  strongroom status --json)";

inline constexpr const char* kUnsealFooter =
    R"(Takes the lock away that 'seal' put on the store. All shares that are needed are given at once.

Examples:
  strongroom unseal --key-file /etc/app/strongroom.key
  strongroom unseal --share alice.share --share bob.share --share -
  strongroom unseal                        (asks on the terminal))";

inline constexpr const char* kSealFooter =
    R"(Puts a lock on the store: every process that has it open seals itself at its next read, and nothing
reads a secret until 'strongroom unseal'. Needs no credential.

Example:
  strongroom seal)";

inline constexpr const char* kRotateFooter =
    R"(Makes a new data key, under which everything is sealed from now on. Stored secrets stay readable.

Example:
  strongroom rotate)";

inline constexpr const char* kPutFooter =
    R"(The value comes from standard input unless -v, -t or -f says otherwise; '-' is standard input too.
Standard input and -t are text, and must be UTF-8; -f takes any bytes. All bytes count, a newline at
the end included. Other users can see what -v gives, in the list of processes and in the shell's
history: prefer the others.

Examples:
  printf %s "$PASSWORD" | strongroom create db/password
  strongroom create my/secret -t secret.json
  strongroom update my/keytab -f service.keytab
  strongroom create note -v 'not very secret')";

inline constexpr const char* kGetFooter =
    R"(Prints exactly the secret's bytes. On a terminal a newline follows, and what is no plain text is
refused unless --raw is given. --json has "value", or "value_base64" for a binary secret.

Examples:
  strongroom get db/password
  strongroom get my/secret --key username
  strongroom get my/keytab >service.keytab)";

inline constexpr const char* kListFooter =
    R"(Prints the names below PATH, relative to it and sorted; folders end in '/'. With --recursive, the
secrets of all folders below.

Examples:
  strongroom list
  strongroom list my --recursive --json)";

inline constexpr const char* kDeleteFooter = R"(Deletes one secret, never a folder.

Example:
  strongroom delete my/secret)";

inline constexpr const char* kResolveFooter =
    R"(FILE holds a Secret as Mesos has it in JSON; '-' is standard input. Prints the bytes that it stands
for, as 'get' does.

Example:
  echo '{"type":"REFERENCE","reference":{"name":"my/secret","key":"username"}}' |
    strongroom resolve -)";

inline constexpr const char* kRunFooter =
    R"(--env takes an Environment as Mesos has it in JSON, {"variables":[...]}: its variables, plain and
secret, are added to the command's environment, from which STRONGROOM_* is taken away.
--volumes takes a Volume, an array of them, or {"volumes":[...]}: each secret becomes a file at its
container_path, in a memory file system that only the command can see. A relative path starts at
the working directory; an absolute one must be a file already. Missing directories and an empty
file are made on the outside, and removed afterwards.
Everything is resolved before the command starts. Where namespaces are forbidden, the files are
sealed memfds behind symbolic links to /proc/self/fd, and a line on standard error says so.

Examples:
  strongroom run --env env.json -- ./server
  strongroom run --env env.json --volumes volumes.json -- sh -c 'cat path/to/secret/file')";

inline constexpr const char* kCompletionFooter = R"(Examples:
  source <(strongroom completion bash)
  strongroom completion zsh >"${fpath[1]}/_strongroom"
  strongroom completion fish >~/.config/fish/completions/strongroom.fish)";

}  // namespace strongroom_cli
