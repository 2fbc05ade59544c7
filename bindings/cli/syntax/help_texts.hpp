// help_texts.hpp: what --help says beside the options: rules, examples, the table of exit statuses.
#pragma once

namespace strongroom_cli {

inline constexpr const char* kDescription =
    "strongroom keeps secrets sealed in a store, and hands them to the commands that need them.";

inline constexpr const char* kFooter = R"(Credentials:
  A command that reads or writes secrets, slots or keys unseals the store for itself alone. It takes
  what --share, --key-file and --pgp-private-key name; else the file that STRONGROOM_KEY_FILE names;
  else the key in STRONGROOM_KEY; else systemd's credential strongroom.key; else, on a terminal, it
  asks. A share is taken in clear, in hex or base64; or still encrypted by OpenPGP, when the private
  key is given. With --pgp-private-key and no --share, those that the store keeps are decrypted.
  'status', 'slots', 'seal', 'backup' and 'restore' need none. 'strongroom COMMAND --help' has
  examples.
  A store in ZooKeeper, zk://host:port,host:port/root, is reached with what --zk-auth-file names,
  else with STRONGROOM_ZK_AUTH: one line, user:password. Never put it into the URL.

Exit status:
   0  done                      15  sealed             20  corrupt
   2  usage                     16  not initialized    21  rollback
  11  invalid                   17  conflict           22  unavailable
  12  not found                 18  indeterminate      23  timeout
  13  already exists            19  too large          24  unsupported
  14  denied                                           25  internal
  'doctor' ends with 3 for a warning and 4 for a danger; 'policy diff', 'lint' and 'test' with 3 when
  there is something to tell. 'run' ends with its command's own status:
  128 + N after signal N, 126 or 127 when it could not be started.)";

inline constexpr const char* kInitFooter =
    R"(Without --shares and without a key file, one share is made that opens the store. --threshold
defaults to more than half of the shares. A key file (--key-file or STRONGROOM_KEY_FILE) is made,
mode 0600; one that exists is left alone. Nothing is stored before the credentials are handed out.
With --pgp-key, each share is encrypted to one keeper's key (armored or binary), printed in hex, and
kept in the store for 'slots --wrapped'; --shares is the number of keys. --escrow-in-store keeps the
private key beside what it opens: whoever gets a copy of the store has its secrets.

Examples:
  strongroom --store lmdb:/var/lib/app/secrets init --key-file /etc/app/strongroom.key
  strongroom init --shares 5 --threshold 3
  strongroom init --threshold 2 --pgp-key ann.asc --pgp-key bob.asc --pgp-key eve.asc
  strongroom init --generate-pgp-key /root/strongroom.asc
  strongroom init --json)";

inline constexpr const char* kStatusFooter = R"(Examples:
  strongroom status
  strongroom status --json)";

inline constexpr const char* kUnsealFooter =
    R"(Takes the lock away that 'seal' put on the store. All shares that are needed are given at once; on
a terminal they are asked for, and a wrong one is told at once.

Examples:
  strongroom unseal --key-file /etc/app/strongroom.key
  strongroom unseal --share alice.share --share bob.share --share -
  strongroom unseal --pgp-private-key alice.asc --pgp-private-key bob.asc
  strongroom unseal --escrowed
  strongroom unseal                        (asks on the terminal))";

inline constexpr const char* kSealFooter =
    R"(Puts a lock on the store: every process that has it open seals itself at its next read, and nothing
reads a secret until 'strongroom unseal'. Needs no credential.

Example:
  strongroom seal)";

inline constexpr const char* kDoctorFooter =
    R"(Looks at locked memory, core dumps, file modes, keys beside the data, the header record and its
copy, slots, the clock, entropy, free space, old data keys and who may reach the nodes in ZooKeeper,
and says what to do, worst first.
Sees more with a credential, but asks for none unless --repair is given. Run it with the limits of
the service.
Exit status: 0 all good, or notes alone; 3 a warning; 4 a danger.

Examples:
  strongroom doctor --key-file /etc/app/strongroom.key
  strongroom doctor --repair
  strongroom doctor --json)";

inline constexpr const char* kZkReauthFooter =
    R"(Rewrites the access list of every node of a store in ZooKeeper, the root at last. It needs no key of
the store, but the identity that the nodes belong to now. When it was stopped, run it again. Nodes
that others make meanwhile may keep the old identity: run it once more when all use the new one.

Example:
  strongroom --store zk://zk1:2181,zk2:2181/app --zk-auth-file old.auth zk-reauth \
    --new-zk-auth-file new.auth)";

inline constexpr const char* kAnchorFooter =
    R"(Prints one line, no secret, that tells the store's keys as they are now. Keep it elsewhere; with
--anchor, a store that was put back to before it, or exchanged, does not unseal (exit status 21).

Examples:
  strongroom anchor >/mnt/elsewhere/app.anchor
  strongroom get db/password --anchor /mnt/elsewhere/app.anchor)";

inline constexpr const char* kSlotsFooter =
    R"(Any one slot opens the store. --wrapped prints a line for each share: the fingerprint of the
OpenPGP key and the message in hex; it needs no credential.

Examples:
  strongroom slots --json
  strongroom slots --wrapped 1
  strongroom slots --wrapped 1 | sed -n '1s/.* //p' | xxd -r -p | gpg --decrypt >my.share)";

// All that make new credentials say this.
#define STRONGROOM_CLI_NEW_SLOT                                                                 \
  "The new credentials are handed out first: files are on the disk, what is printed is out. "   \
  "With\n"                                                                                      \
  "--verify they must come back before they take effect; a key file is read back. Until then, " \
  "and\n"                                                                                       \
  "if anything fails, the old ones rule. A key alone is printed as it is, to be piped on.\n"

inline constexpr const char* kSlotAddFooter = STRONGROOM_CLI_NEW_SLOT R"(
Examples:
  strongroom slot-add --new-key-file /etc/app/second.key
  strongroom slot-add --shares 3 --threshold 2 --verify
  strongroom slot-add --system-credential | systemd-creds encrypt --name=strongroom.key - app.cred)";

inline constexpr const char* kSlotRemoveFooter =
    R"(The last slot can not be removed. Root key and data key become new ones: what the removed slot
opened, opens nothing that is written from now on. For what was written before, go on with
'reencrypt' and 'retire'. With --keep-keys, whoever held the slot may know the keys.

Examples:
  strongroom slot-remove 2
  strongroom slot-remove 2 3 --keep-keys)";

inline constexpr const char* kSlotReplaceFooter = STRONGROOM_CLI_NEW_SLOT
    R"(Old and new slot change places in one commit, and root key and data key become new ones.

Examples:
  strongroom slot-replace 1 --new-key-file /etc/app/new.key
  strongroom slot-replace 2 --threshold 2 --pgp-key ann.asc --pgp-key bob.asc --pgp-key eve.asc)";

inline constexpr const char* kRekeyFooter = STRONGROOM_CLI_NEW_SLOT
    R"(Replaces all slots of shares by one new slot, with as many shares as before unless told otherwise;
where there is none yet, --shares or --pgp-key makes the first.
Root key and data key become new ones.

Examples:
  strongroom rekey --verify
  strongroom rekey --shares 5 --threshold 3
  strongroom rekey --pgp-key ann.asc --pgp-key bob.asc --json)";

inline constexpr const char* kRotateFooter =
    R"(Makes a new data key, under which everything is sealed from now on. Stored secrets stay readable;
no credential changes.

Examples:
  strongroom rotate
  strongroom rotate --root)";

inline constexpr const char* kReencryptFooter =
    R"(Works while the store is in use, and takes little of its time unless --duty allows more. It can be
stopped anywhere, and goes on where it stopped.

Examples:
  strongroom reencrypt
  strongroom reencrypt --duty 100)";

inline constexpr const char* kRetireFooter =
    R"(What is sealed under an old data key opens no more, also in old copies of the store that are put
back. Refused while a secret is still sealed under one.

Examples:
  strongroom rotate && strongroom reencrypt && strongroom retire)";

inline constexpr const char* kBackupFooter =
    R"(One file of sealed envelopes, as of one point in time, while the store is in use. It needs no
credential to make, check or restore; the store's credentials of that time open what was restored.
FILE is replaced only when the new backup is whole.

Examples:
  strongroom backup /mnt/backups/app.strongroom
  strongroom backup - | ssh elsewhere 'cat >app.strongroom')";

inline constexpr const char* kBackupVerifyFooter =
    R"(Reads a backup to its end; a damage is told with its place. Needs no store and no credential.

Examples:
  strongroom backup-verify /mnt/backups/app.strongroom
  ssh elsewhere cat app.strongroom | strongroom backup-verify -)";

inline constexpr const char* kRestoreFooter =
    R"(Puts a backup into a storage without a store. Until the end there is no store; when it was
stopped, run it again. Its credentials are those of the time of the backup.

Examples:
  strongroom --store lmdb:/var/lib/app/secrets restore /mnt/backups/app.strongroom)";

inline constexpr const char* kMigrateFooter =
    R"(Copies a store as it is, between storages of any kind, without its keys: the same credentials
open both, and what 'seal' sealed stays sealed. Before the copy becomes a store, every record is
compared once more. When it was stopped, run it again: it goes on from what is there. A store that
is written to meanwhile is refused at the end: stop who writes, or seal it before and unseal the
copy.

With --rekey every secret is sealed under fresh keys, names included, and the credentials that are
made here open the copy; what was deleted leaves no trace in it. That one begins anew when stopped.
The store itself is not changed.

Examples:
  strongroom migrate lmdb:/var/lib/app/secrets zk://a:2181,b:2181/app --to-zk-auth-file app.auth
  strongroom migrate lmdb:/old lmdb:/new --rekey --new-key-file /etc/app/new.key)";

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
A secret in ZooKeeper may lag behind what others just wrote; with --fresh it does not.

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

inline constexpr const char* kWatchFooter =
    R"(Prints a line for each secret at or below PATH that is put or deleted from now on, with its new
revision; of several changes in a row the last alone may be told. Ends with --for, or by Ctrl-C.
When the storage is out of reach it waits, and tells what it missed; when the store is sealed it
ends.

Examples:
  strongroom watch
  strongroom watch db --json
  strongroom watch my/secret --for 3600)";

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

inline constexpr const char* kPolicyFooter =
    R"(A policy is one or more documents: JSON of our own, Vault's JSON form, or DC/OS permissions. Those
that are stored ('policy put') are in force for every process that has the store open.

  {"version": 1, "rules": [
    {"to": ["group:dba"],  "allow": ["read", "list"],   "paths": ["db/**"]},
    {"to": ["anyone"],     "deny":  ["read"],           "paths": ["db/*/root"]},
    {"to": ["user:alice"], "allow": ["seal", "rotate"]},
    {"to": ["user:bob"],   "dcos":  ["dcos:secrets:default:/dev/* full"]}]}

'*' is one segment, '**' at the end everything below. A rule that denies beats all that allow.
Subjects: user:ID, service:ID, administrator:ID, group:NAME, any-user, any-service, anyone.
Actions: create read update delete list; resolve (a service's reading); and of the whole store seal
unseal init rekey rotate policy audit backup.
Whoever runs this command with the store's credentials is trusted, and may do everything.

Examples:
  strongroom policy lint dba.json && strongroom policy put dba dba.json
  strongroom policy explain user:alice+group:dba read db/prod/password)";

inline constexpr const char* kPolicyCheckFooter =
    R"(Reads and compiles the documents as one policy; an error is told with its line and column.

Examples:
  strongroom policy check web.json dba.json
  strongroom policy check /etc/app/policies
  strongroom policy check)";

inline constexpr const char* kPolicyExplainFooter =
    R"(Tells the decision, the rule that made it, and which others match. WHO is user:ID, service:ID or
administrator:ID, then +group:NAME for each group and @SPACE for the space of a service.
Exit status: 0 allowed, 14 not.

Examples:
  strongroom policy explain user:alice+group:dba read db/prod/password --policy dba.json
  strongroom policy explain service:/web@/web resolve web/key
  strongroom policy explain user:alice seal)";

inline constexpr const char* kPolicyWhoCanFooter =
    R"(Lists the subjects to whom rules give it, each with the place of one. What needs no rule is not
listed: administration by administrators, and what lies in a service's space.

Examples:
  strongroom policy who-can read db/prod/password
  strongroom policy who-can policy --policy /etc/app/policies)";

inline constexpr const char* kPolicyDiffFooter =
    R"(Lists for each subject and action what is decided otherwise, with a path that shows it: '+' is
allowed now, '-' no more. '@' is what is stored. Nothing is printed when both decide alike.
Exit status: 0 alike, 3 not.

Examples:
  strongroom policy diff @ /etc/app/policies
  strongroom policy diff old.json new.json --json)";

inline constexpr const char* kPolicyLintFooter =
    R"(Tells which rules are redundant, overridden, needless, never match, or mean something else than they
seem to. Exit status: 0 nothing, 3 something.

Examples:
  strongroom policy lint web.json
  strongroom policy lint)";

inline constexpr const char* kPolicyTestFooter =
    R"(EXPECTATIONS has a line each, "allow WHO ACTION [PATH]" or "deny WHO ACTION [PATH]"; '#' begins a
comment. Exit status: 0 all hold, 3 not.

Examples:
  printf 'allow user:alice+group:dba read db/prod/password\ndeny user:eve list\n' >expected.txt
  strongroom policy test expected.txt --policy dba.json)";

inline constexpr const char* kPolicyListFooter = R"(Example:
  strongroom policy list --json)";

inline constexpr const char* kPolicyGetFooter = R"(Example:
  strongroom policy get dba >dba.json)";

inline constexpr const char* kPolicyPutFooter =
    R"(All documents are read and compiled together first; what fails changes nothing. Otherwise the
document is in force at once, for every process.

Examples:
  strongroom policy diff @ dba.json; strongroom policy put dba dba.json)";

inline constexpr const char* kPolicyDeleteFooter = R"(Example:
  strongroom policy delete dba)";

inline constexpr const char* kPolicyResetFooter =
    R"(Begins anew without any document. It is the way out where the list of them is lost or was put back,
which allows nothing to anybody until it is mended.

Example:
  strongroom policy reset && strongroom policy put dba dba.json)";

inline constexpr const char* kCompletionFooter = R"(Examples:
  source <(strongroom completion bash)
  strongroom completion zsh >"${fpath[1]}/_strongroom"
  strongroom completion fish >~/.config/fish/completions/strongroom.fish)";

#undef STRONGROOM_CLI_NEW_SLOT

}  // namespace strongroom_cli
