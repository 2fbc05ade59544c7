/* strongroom.h: a sealed secret store inside your process, as a stable C ABI.
 *
 *   strongroom_bytes key = {key_text, key_text_len};   // of a key file
 *   strongroom_store *store = NULL;
 *   strongroom_session *session = NULL;
 *   strongroom_secret *secret = NULL;
 *   strongroom_error *error = NULL;
 *   if (strongroom_store_open("lmdb:/var/lib/app/secrets", NULL, &store, &error) == STRONGROOM_OK &&
 *       strongroom_session_trusted(store, &session, &error) == STRONGROOM_OK &&
 *       strongroom_unseal(session, &key, 1, 0, &error) == STRONGROOM_OK &&
 *       strongroom_get(session, "my/secret", NULL, &secret, &error) == STRONGROOM_OK) {
 *     use(strongroom_secret_data(secret), strongroom_secret_size(secret));
 *   } else {
 *     complain(strongroom_error_message(error));
 *   }
 *   strongroom_error_free(error);
 *   strongroom_secret_free(secret);
 *   strongroom_session_free(session);
 *   strongroom_store_free(store);
 *
 * This header is what every caller needs. strongroom_mesos.h is for hosts that start tasks,
 * strongroom_zookeeper.h has what concerns the nodes of a store in ZooKeeper,
 * strongroom_policy_tools.h has tools for people who write policies, and strongroom_backend.h is for
 * vendors whose storage plugs in. strongroom_abi.hpp has owning types for C++.
 *
 * Ownership
 *   Inputs are borrowed for the call and never kept. A `T **out` is own: it belongs to the caller,
 *   who passes it to the one strongroom_<noun>_free of its type. Every free function takes NULL. A
 *   returned `const T *`, and every pointer in a struct that the library fills, is borrowed: it is
 *   valid until the handle that it came from is freed. Never free() it. Handles may be freed in any
 *   order: a session, a watch and a call into a queue keep their store open, and all other handles
 *   stand on their own.
 *
 * Values
 *   Paths, keys and other texts are NUL-terminated UTF-8. Everything else is a pointer and a length
 *   in bytes; the pointer may be NULL where the length is 0. A secret lies in locked memory, which
 *   core dumps leave out, and is wiped when its handle is freed. Wipe what you copy out of it.
 *
 * Calls
 *   A function that can fail returns a strongroom_status. It clears its outputs on entry, whatever
 *   comes of the call (pointers to NULL, numbers to 0), and fills them only when it succeeds. It does
 *   not free what it clears. out_error is its last argument and may be NULL. Otherwise it is NULL
 *   after success, and after a failure an own strongroom_error with the status that was returned, or
 *   NULL where there was no memory for one. Messages name paths and sizes, and never contain secret
 *   bytes.
 *   NULL where something is needed, a handle of another type, an unknown flag or constant: the
 *   status is STRONGROOM_INVALID and nothing happens. Functions without a status return 0 or NULL
 *   then. Nothing here prints, logs or aborts, and no function throws a C++ exception.
 *
 * Statuses of all functions that reach the storage
 *   STRONGROOM_SEALED: no keys are loaded.  STRONGROOM_DENIED: the policy forbids it.
 *   STRONGROOM_UNAVAILABLE, STRONGROOM_TIMEOUT: trouble with storage or memory; nothing changed.
 *   STRONGROOM_INDETERMINATE: it may have changed.  STRONGROOM_CORRUPT, STRONGROOM_ROLLBACK,
 *   STRONGROOM_INTERNAL.
 *
 * Threads
 *   Any thread may call any function, and any number of threads may use one handle at once, as long
 *   as no thread frees it meanwhile (or fills it, for a secret of strongroom_secret_new). Nothing is
 *   kept per thread.
 *
 * fork
 *   In a forked child every handle of the parent may be freed, and secrets that were read before
 *   the fork stay readable (in memory that is no longer locked). Shares and keys are gone, and calls
 *   on a store, session, watch, queue or pending handle return STRONGROOM_SEALED: open the store
 *   again in the child.
 *
 * Growing structs
 *   They begin with struct_size. Begin with `strongroom_x x = STRONGROOM_X_INIT;`, which sets it to
 *   the size that your program was compiled with. In a struct that you pass in, a shorter size means
 *   the defaults for the missing fields; a longer one is accepted if its unknown tail is zero, and is
 *   STRONGROOM_INVALID otherwise, since it asks for something that this library does not know. In a
 *   struct that the library fills, an unknown tail is set to zero.
 *
 * Lists
 *   Every handle that holds several things has two functions: strongroom_<noun>_size returns how
 *   many there are, and strongroom_<noun>_at fills a growing struct with number index, from 0. _at
 *   returns STRONGROOM_NOT_FOUND for an index past the end. (For pending and report handles, the
 *   _describe function returns the number.)
 */
#ifndef STRONGROOM_H
#define STRONGROOM_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define STRONGROOM_API __attribute__((visibility("default")))
#else
#define STRONGROOM_API
#endif

#ifdef __cplusplus
#define STRONGROOM_NOEXCEPT noexcept
extern "C" {
#else
#define STRONGROOM_NOEXCEPT
#endif

/* ---- versions ---- */

/* STRONGROOM_VERSION is the release that this header belongs to. Since: 0.1 */
#define STRONGROOM_VERSION "0.1.0"

/* STRONGROOM_ABI_VERSION is the number in the library's soname. It grows when programs must be
 * compiled again. 0 promises nothing between releases yet. Since: 0.1 */
#define STRONGROOM_ABI_VERSION 0

/* strongroom_version returns the library's release, "0.1.0"; static. Since: 0.1 */
STRONGROOM_API const char* strongroom_version(void) STRONGROOM_NOEXCEPT;

/* strongroom_abi_version returns the library's STRONGROOM_ABI_VERSION. Since: 0.1 */
STRONGROOM_API uint32_t strongroom_abi_version(void) STRONGROOM_NOEXCEPT;

/* ---- status and errors ---- */

/* strongroom_status says what a caller can do about a failure. The numbers never change their
 * meaning; later releases may add some. Since: 0.1 */
typedef int32_t strongroom_status;

/* The constants of strongroom_status. Since: 0.1 */
enum {
  STRONGROOM_OK = 0,
  STRONGROOM_INVALID = 1,         /* the input breaks a rule; correct it */
  STRONGROOM_NOT_FOUND = 2,       /* nothing is stored there */
  STRONGROOM_ALREADY_EXISTS = 3,  /* something is there that must not be */
  STRONGROOM_DENIED = 4,          /* no right to it, or a wrong credential */
  STRONGROOM_SEALED = 5,          /* no keys are loaded: unseal. Or: used after fork */
  STRONGROOM_NOT_INITIALIZED = 6, /* there is no store yet: init */
  STRONGROOM_CONFLICT = 7,        /* another writer was first: read again */
  STRONGROOM_INDETERMINATE = 8,   /* the outcome is not known: read back */
  STRONGROOM_TOO_LARGE = 9,       /* over a stated limit */
  STRONGROOM_CORRUPT = 10,        /* what is stored does not authenticate */
  STRONGROOM_ROLLBACK = 11,       /* what is stored is older than what was seen before */
  STRONGROOM_UNAVAILABLE = 12,    /* trouble with storage or memory: try later, or make room */
  STRONGROOM_TIMEOUT = 13,        /* the deadline passed and nothing was changed */
  STRONGROOM_UNSUPPORTED = 14,    /* a newer format, or a part that is not built in */
  STRONGROOM_INTERNAL = 15        /* a mistake in this library; please report it */
};

/* strongroom_status_name returns "ok", "not_found" and so on, or "unknown"; static. Since: 0.1 */
STRONGROOM_API const char* strongroom_status_name(strongroom_status status) STRONGROOM_NOEXCEPT;

/* strongroom_error describes a failure. Since: 0.1 */
typedef struct strongroom_error strongroom_error;

/* strongroom_error_status returns the status of the failed call; STRONGROOM_OK for NULL, and
 * STRONGROOM_INVALID for a handle of another type. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_error_status(const strongroom_error* error)
    STRONGROOM_NOEXCEPT;

/* strongroom_error_message returns one sentence for the operator, in UTF-8, borrowed; "" for NULL.
 * It may quote paths of the caller: escape control characters when you print it. Since: 0.1 */
STRONGROOM_API const char* strongroom_error_message(const strongroom_error* error)
    STRONGROOM_NOEXCEPT;

/* strongroom_error_free frees an error. Since: 0.1 */
STRONGROOM_API void strongroom_error_free(strongroom_error* error) STRONGROOM_NOEXCEPT;

/* ---- handles ---- */

/* strongroom_store is an open store: its storage, and its keys while it is unsealed. Since: 0.1 */
typedef struct strongroom_store strongroom_store;

/* strongroom_session is a store as one identity may use it. Since: 0.1 */
typedef struct strongroom_session strongroom_session;

/* strongroom_secret is one plaintext in locked memory. Since: 0.1 */
typedef struct strongroom_secret strongroom_secret;

/* strongroom_text is public bytes, such as an anchor or a public key. Since: 0.1 */
typedef struct strongroom_text strongroom_text;

/* strongroom_pending is a new store, or a change of slots, that is not activated yet, with its
 * credentials. Since: 0.1 */
typedef struct strongroom_pending strongroom_pending;

/* strongroom_report is the status of a store at one moment. Since: 0.1 */
typedef struct strongroom_report strongroom_report;

/* strongroom_names is names below a folder. Since: 0.1 */
typedef struct strongroom_names strongroom_names;

/* strongroom_batch is several secrets, each with its own status. Since: 0.1 */
typedef struct strongroom_batch strongroom_batch;

/* strongroom_watch reports changes to the secrets below a prefix. Since: 0.1 */
typedef struct strongroom_watch strongroom_watch;

/* strongroom_events is changes that a watch reported. Since: 0.1 */
typedef struct strongroom_events strongroom_events;

/* strongroom_queue collects the answers of asynchronous calls. Since: 0.1 */
typedef struct strongroom_queue strongroom_queue;

/* strongroom_findings is what the doctor found. Since: 0.1 */
typedef struct strongroom_findings strongroom_findings;

/* strongroom_policy is compiled rules that decide which identity may do what. Since: 0.1 */
typedef struct strongroom_policy strongroom_policy;

/* strongroom_documents is policy documents of a store. Since: 0.1 */
typedef struct strongroom_documents strongroom_documents;

/* strongroom_bytes is borrowed bytes; data may be NULL where len is 0. Since: 0.1 */
typedef struct strongroom_bytes {
  const void* data;
  size_t len;
} strongroom_bytes;

/* strongroom_text_data returns the bytes, borrowed, with a NUL after them. out_len may be NULL.
 * Since: 0.1 */
STRONGROOM_API const char* strongroom_text_data(const strongroom_text* text,
                                                size_t* out_len) STRONGROOM_NOEXCEPT;

/* strongroom_text_free frees a text. Since: 0.1 */
STRONGROOM_API void strongroom_text_free(strongroom_text* text) STRONGROOM_NOEXCEPT;

/* ---- progress of long work ----
 *
 * The library calls the functions of the caller on the thread that made the call. They must not use
 * the store, and should not throw: an exception stops the work. */

/* strongroom_progress counts what long work has done so far. A field that does not apply is 0.
 * Since: 0.1 */
typedef struct strongroom_progress {
  size_t struct_size;
  uint64_t num_records; /* records, secrets or nodes that were looked at */
  uint64_t num_written; /* records that were written anew */
  uint64_t size_bytes;  /* bytes that were read or copied */
} strongroom_progress;

/* strongroom_on_progress is called now and then. progress is borrowed for the call.
 * Returns  0 to stop the work, anything else to go on. Since: 0.1 */
typedef int (*strongroom_on_progress)(void* user_data, const strongroom_progress* progress);

/* ---- memory of this process ---- */

/* strongroom_memory_info describes the locked memory for values. Since: 0.1 */
typedef struct strongroom_memory_info {
  size_t struct_size;
  size_t budget_bytes;       /* how much may be locked */
  size_t reserved_bytes;     /* mapped now: in use, or kept for the next value */
  uint32_t unlocked_allowed; /* 1: see strongroom_memory_allow_unlocked */
  uint32_t reserved;         /* 0 */
} strongroom_memory_info;

/* Since: 0.1 */
#define STRONGROOM_MEMORY_INFO_INIT \
  { sizeof(strongroom_memory_info), 0, 0, 0, 0 }

/* strongroom_memory_set_budget sets how many bytes may be locked for values from now on. The
 * default is 4 MiB. Memory in use stays. Beyond the budget a read fails with STRONGROOM_TOO_LARGE.
 * Set it early, and below the RLIMIT_MEMLOCK of the process.
 * Errors  STRONGROOM_UNAVAILABLE: no memory. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_memory_set_budget(size_t budget_bytes, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_memory_allow_unlocked says what happens when the system refuses to lock more memory.
 * With 0, the default, the read fails with STRONGROOM_UNAVAILABLE. With 1 values, but never keys,
 * are kept in memory that may be swapped; they are still wiped and kept out of core dumps.
 * Errors  STRONGROOM_INVALID: allowed is neither 0 nor 1. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_memory_allow_unlocked(int allowed, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_memory_describe fills out_info.
 * Errors  STRONGROOM_INVALID: struct_size. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_memory_describe(
    strongroom_memory_info* out_info, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* ---- AES-256-GCM in this process ---- */

/* strongroom_use_aes_library makes every store of this process seal and open values by one library,
 * or with "automatic", the default, each value by the library that is fastest on this CPU for its
 * length. All of them return the same bytes. Call it before stores are opened.
 * library  "automatic", "libsodium", "nettle", "libcrypto" or "botan".
 * Errors  STRONGROOM_INVALID: another name.  STRONGROOM_UNSUPPORTED: the library is not built in,
 *         could not be loaded, or needs AES instructions that this CPU lacks. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_use_aes_library(const char* library, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* ---- stores ---- */

/* strongroom_store_options is how a store is opened. Since: 0.1 */
typedef struct strongroom_store_options {
  size_t struct_size;
  uint32_t timeout_ms;      /* of each call to the storage, and of opening it; 0: 10,000 */
  uint32_t share_expiry_ms; /* of shares that are given one by one; 0: 900,000 */
  uint32_t must_exist;      /* 1: never create the storage */
  /* 1: open the handle even while the storage is away (STRONGROOM_UNAVAILABLE, STRONGROOM_TIMEOUT).
   * The call waits for it for up to a second. Until the storage is there, every call that needs it
   * fails with STRONGROOM_UNAVAILABLE at once, while a thread of the library goes on trying to open
   * it. An error of another kind, such as STRONGROOM_DENIED, is returned by the calls. */
  uint32_t allow_unavailable;
  /* The line that strongroom_anchor returned, or NULL. With it, unsealing, status, sealing, backup
   * and migration of an older state of the store, or of another store, fail with
   * STRONGROOM_ROLLBACK. Borrowed for the call. */
  const char* anchor;
  /* The program that handles OpenPGP, or NULL for the one that STRONGROOM_OPENPGP_HELPER names, else
   * the one that was installed with this library. Borrowed for the call. */
  const char* openpgp_helper;
  /* A policy of the host, which replaces the stored one; NULL for the stored one. Borrowed for the
   * call. */
  const strongroom_policy* policy;
  /* Only for zk: user:password of ZooKeeper's digest scheme, or NULL and 0. A secret; borrowed for
   * the call. */
  const void* zk_auth;
  size_t zk_auth_len;
  /* Instead of zk_auth, a file that contains that one line; NULL for none. It must belong to the
   * caller or to root and be closed to others (mode 0600), or the call fails with
   * STRONGROOM_DENIED. Borrowed for the call. */
  const char* zk_auth_file;
} strongroom_store_options;

/* Since: 0.1 */
#define STRONGROOM_STORE_OPTIONS_INIT \
  { sizeof(strongroom_store_options), 0, 0, 0, 0, NULL, NULL, NULL, NULL, 0, NULL }

/* strongroom_store_open opens the storage that url names, creates it where it does not exist, and
 * leaves the store sealed. The storage need not contain a store yet: see strongroom_init_prepare.
 *
 * url      memory:                    the memory of this process, gone with the handle
 *          lmdb:/absolute/directory   LMDB, in a directory that is made where its parent exists;
 *                                     ?quota=BYTES limits the file. Nothing is decoded, so the
 *                                     directory's name cannot contain a '?'
 *          zk://host:port,host:port/root
 *                                     a ZooKeeper ensemble; ?session_ms=N, cache_bytes=N,
 *                                     stale_ms=N, access=world, joined by '&'. Never put
 *                                     credentials into it: those are options.
 * options  NULL for the defaults.
 * out      own.
 * Any number of handles and processes may have one storage open.
 *
 * Errors   STRONGROOM_INVALID: the url.  STRONGROOM_UNSUPPORTED: a storage that is not built in, or a
 *          newer format.  STRONGROOM_NOT_INITIALIZED: must_exist, and there is no storage.
 *          STRONGROOM_DENIED: owner or mode of the files.  STRONGROOM_CORRUPT: they are damaged.
 *          STRONGROOM_UNAVAILABLE: other trouble with the storage. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_store_open(const char* url, const strongroom_store_options* options,
                      strongroom_store** out, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_store_free frees a store. Its keys are wiped when its last session, watch and call in
 * a queue are gone as well; to wipe them at once, seal with STRONGROOM_SEAL_PROCESS. Freeing the
 * last of them waits for callbacks under way, up to timeout_ms; inside such a callback it does not
 * wait. Since: 0.1 */
STRONGROOM_API void strongroom_store_free(strongroom_store* store) STRONGROOM_NOEXCEPT;

/* ---- sessions ---- */

/* The kinds of identities. Since: 0.1 */
enum {
  STRONGROOM_IDENTITY_USER = 1,          /* may do what the policy grants */
  STRONGROOM_IDENTITY_SERVICE = 2,       /* resolves in its space; else what the policy grants */
  STRONGROOM_IDENTITY_ADMINISTRATOR = 3, /* all administration; secrets only as granted */
  STRONGROOM_IDENTITY_TRUSTED = 4        /* everything; it has no id */
};

/* strongroom_identity is the caller on whose behalf a session acts. The host has authenticated it.
 * Since: 0.1 */
typedef struct strongroom_identity {
  size_t struct_size;
  uint32_t kind;     /* a STRONGROOM_IDENTITY_ constant; 0 is invalid */
  uint32_t reserved; /* 0 */
  /* UTF-8 of 1..4,096 bytes without control characters and '*', and without a blank at either end,
   * so that rules can name it. NULL for a trusted identity. */
  const char* id;
  /* Of a service: its own path, "/group/app", of up to 4,096 bytes; NULL for none. The service may
   * resolve a secret whose folder is a leading part of this path, or all of it. A secret without a
   * folder is everybody's. (This is the rule of DC/OS.) */
  const char* space;
  const char* const* groups; /* names, as id; up to 1,000 */
  size_t num_groups;
} strongroom_identity;

/* Since: 0.1 */
#define STRONGROOM_IDENTITY_INIT \
  { sizeof(strongroom_identity), 0, 0, NULL, NULL, NULL, 0 }

/* strongroom_session_open makes a session for an identity. Keep it: what the policy finds out about
 * the identity stays with the session. Each group makes a decision a little slower.
 *
 * identity  needed.
 * out       own.
 * Errors    STRONGROOM_INVALID: the identity. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_session_open(strongroom_store* store, const strongroom_identity* identity,
                        strongroom_session** out, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_session_trusted makes a session that may do everything: for operators, and for hosts
 * that decide by themselves. out is own. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_session_trusted(strongroom_store* store, strongroom_session** out,
                           strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_session_free frees a session. Since: 0.1 */
STRONGROOM_API void strongroom_session_free(strongroom_session* session) STRONGROOM_NOEXCEPT;

/* ---- init: a new store ---- */

/* The kinds of a slot. A slot is one way to unseal a store. Later releases may add kinds.
 * Since: 0.1 */
enum {
  STRONGROOM_SLOT_SHARES = 1,           /* shares, of which a threshold opens it */
  STRONGROOM_SLOT_KEY = 2,              /* a key in a file */
  STRONGROOM_SLOT_WRAPPED_SHARES = 3,   /* shares, each wrapped to an OpenPGP key and stored */
  STRONGROOM_SLOT_ENVIRONMENT = 4,      /* a key in an environment variable */
  STRONGROOM_SLOT_SYSTEM_CREDENTIAL = 5 /* a key as a systemd credential */
};

/* strongroom_init_options says what opens the new store: shares, a key, or both. Since: 0.1 */
typedef struct strongroom_init_options {
  size_t struct_size;
  uint32_t shares;         /* 1..255 shares, or 0 for none */
  uint32_t threshold;      /* how many of them open the store, 1..shares */
  uint32_t key;            /* 1: make a key as well */
  uint32_t key_kind;       /* where the key will be kept: a STRONGROOM_SLOT_ constant; 0: a file */
  uint32_t max_secret_len; /* bytes of one secret, up to 64 MiB; 0: 1,048,576 */
  uint32_t reserved;       /* 0 */
  /* One OpenPGP public key for each share, to wrap it to: binary, armored, base64 or hex. Or
   * none. */
  const strongroom_bytes* pgp_keys;
  size_t num_pgp_keys;
  /* An OpenPGP private key to keep in the storage itself, next to what it opens, as DC/OS did. NULL
   * for none, which is what you want. It must have no passphrase and open enough of the wrapped
   * shares, which is tried. See STRONGROOM_UNSEAL_ESCROWED. A secret. */
  const void* escrow;
  size_t escrow_len;
} strongroom_init_options;

/* Since: 0.1 */
#define STRONGROOM_INIT_OPTIONS_INIT \
  { sizeof(strongroom_init_options), 0, 0, 0, 0, 0, 0, NULL, 0, NULL, 0 }

/* strongroom_init_prepare makes the keys of a new store and writes nothing anywhere. Hand out the
 * credentials, and get key files onto the disk (fsync, of the folder too); then activate. If you
 * free the pending store instead, no trace of it is left.
 *
 * options  needed.
 * out      own.
 * Errors   STRONGROOM_ALREADY_EXISTS: there is a store.  STRONGROOM_INVALID: the options.
 *          Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_init_prepare(strongroom_session* session, const strongroom_init_options* options,
                        strongroom_pending** out, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_init_activate makes the store exist, in one commit. It is sealed then, and only the
 * credentials of pending open it. After STRONGROOM_INDETERMINATE keep them, and compare the store_id
 * of strongroom_store_status with that of pending.
 * Errors  STRONGROOM_ALREADY_EXISTS: there is a store, which stays as it is. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_init_activate(strongroom_session* session, const strongroom_pending* pending,
                         strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_pending_info describes a pending store or change of slots. Since: 0.1 */
typedef struct strongroom_pending_info {
  size_t struct_size;
  const char* store_id;   /* of the store: 32 hex digits */
  size_t num_credentials; /* for strongroom_pending_at */
} strongroom_pending_info;

/* Since: 0.1 */
#define STRONGROOM_PENDING_INFO_INIT \
  { sizeof(strongroom_pending_info), NULL, 0 }

/* strongroom_pending_describe fills out_info.
 * Errors  STRONGROOM_INVALID: struct_size. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_pending_describe(const strongroom_pending* pending, strongroom_pending_info* out_info,
                            strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* The kinds of a credential. Since: 0.1 */
enum {
  STRONGROOM_CREDENTIAL_SHARE = 1,        /* one line of 92 hex digits. A secret */
  STRONGROOM_CREDENTIAL_KEY = 2,          /* one line of 114 hex digits. A secret */
  STRONGROOM_CREDENTIAL_WRAPPED_SHARE = 3 /* a share as a binary OpenPGP message. No secret */
};

/* strongroom_credential is one credential to hand out. Since: 0.1 */
typedef struct strongroom_credential {
  size_t struct_size;
  uint32_t kind;       /* a STRONGROOM_CREDENTIAL_ constant */
  uint32_t reserved;   /* 0 */
  const uint8_t* data; /* without a newline or NUL at its end */
  size_t len;
  const uint8_t* fingerprint; /* of a wrapped share: of the OpenPGP key that opens it; else NULL */
  size_t fingerprint_len;
} strongroom_credential;

/* Since: 0.1 */
#define STRONGROOM_CREDENTIAL_INIT \
  { sizeof(strongroom_credential), 0, 0, NULL, 0, NULL, 0 }

/* strongroom_pending_at fills out_credential: first the shares, in clear or in the order of the
 * OpenPGP keys, then the key. They stay readable after the activation.
 * Errors  STRONGROOM_NOT_FOUND: no such index.  STRONGROOM_INVALID: struct_size.
 *         STRONGROOM_SEALED: a secret one, in a forked child. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_pending_at(
    const strongroom_pending* pending, size_t index, strongroom_credential* out_credential,
    strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_pending_free wipes the credentials and frees the handle. Since: 0.1 */
STRONGROOM_API void strongroom_pending_free(strongroom_pending* pending) STRONGROOM_NOEXCEPT;

/* ---- unseal and seal ---- */

/* STRONGROOM_UNSEAL_LIFT_LOCK also removes the lock that STRONGROOM_SEAL_EVERYWHERE put on the
 * store, for every process: an operator's decision. Since: 0.1 */
#define STRONGROOM_UNSEAL_LIFT_LOCK ((uint32_t)1)

/* STRONGROOM_UNSEAL_ESCROWED unseals with the OpenPGP private key that was left in the storage at
 * init, and without credentials. Since: 0.1 */
#define STRONGROOM_UNSEAL_ESCROWED ((uint32_t)2)

/* strongroom_unseal loads the keys into this open store, for all its sessions. On an unsealed store
 * right credentials change nothing.
 *
 * credentials  the text of one key, or of at least as many different shares as are needed. Wrong
 *              shares among enough right ones do no harm. White space around a text is dropped. Up to
 *              512.
 * flags        0, or STRONGROOM_UNSEAL_ constants, or-ed.
 * Errors       STRONGROOM_DENIED: wrong or too few credentials; everything stays as it was.
 *              STRONGROOM_INVALID: the checksum in a text does not match, or no credential.
 *              STRONGROOM_SEALED: an operator's lock is on the store.  STRONGROOM_NOT_INITIALIZED.
 *              STRONGROOM_NOT_FOUND: no private key was left at init.
 *              STRONGROOM_UNSUPPORTED: a newer format. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_unseal(
    strongroom_session* session, const strongroom_bytes* credentials, size_t num_credentials,
    uint32_t flags, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_unseal_progress is how many shares were given so far. Since: 0.1 */
typedef struct strongroom_unseal_progress {
  size_t struct_size;
  uint32_t unsealed;  /* 1: the store has its keys */
  uint32_t progress;  /* good, different shares so far */
  uint32_t threshold; /* how many are needed */
  uint32_t shares;    /* of how many */
} strongroom_unseal_progress;

/* Since: 0.1 */
#define STRONGROOM_UNSEAL_PROGRESS_INIT \
  { sizeof(strongroom_unseal_progress), 0, 0, 0, 0 }

/* strongroom_unseal_share is strongroom_unseal with one share at a time. A wrong share is refused
 * and does not harm those before it; the same share twice counts once. Shares wait in locked memory
 * of this open store until there are enough, or until none was given for share_expiry_ms.
 *
 * flags         0 or STRONGROOM_UNSEAL_LIFT_LOCK.
 * out_progress  may be NULL.
 * Errors        as strongroom_unseal. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_unseal_share(
    strongroom_session* session, const void* share, size_t share_len, uint32_t flags,
    strongroom_unseal_progress* out_progress, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_unseal_forget wipes the shares that were given one by one. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_unseal_forget(
    strongroom_session* session, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_unwrap decrypts a share that is still in its OpenPGP message (binary, armored, base64
 * or hex). out is own: the text of the share.
 *
 * private_key  armored or binary. A secret.
 * passphrase   of the private key; NULL and 0 where it has none. A secret.
 * Errors       STRONGROOM_DENIED: another key, or a wrong passphrase.  STRONGROOM_INVALID: no
 *              message, no private key, or no share in the message.  STRONGROOM_UNSUPPORTED: no
 *              OpenPGP. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_unwrap(
    strongroom_session* session, const void* message, size_t message_len, const void* private_key,
    size_t private_key_len, const void* passphrase, size_t passphrase_len, strongroom_secret** out,
    strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_openpgp_pair makes an RSA key pair of 2048..4096 bits to wrap a share to. It takes
 * about two seconds.
 *
 * user_id      "Name <address>", 1..127 bytes of UTF-8 without control characters.
 * out_private  own: ASCII armor without a passphrase.
 * out_public   own: binary.
 * Errors       STRONGROOM_INVALID.  STRONGROOM_UNSUPPORTED: no OpenPGP. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_openpgp_pair(strongroom_session* session, uint32_t bits, const char* user_id,
                        strongroom_secret** out_private, strongroom_text** out_public,
                        strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* The scopes of sealing. Since: 0.1 */
enum {
  STRONGROOM_SEAL_PROCESS = 1,   /* this open store, with all its sessions; the storage stays */
  STRONGROOM_SEAL_EVERYWHERE = 2 /* every process: a lock is put on the store */
};

/* strongroom_seal wipes the keys of this open store, and returns when no call uses them any more.
 * With STRONGROOM_SEAL_EVERYWHERE it then puts a lock on the store: every other process seals itself
 * at its next call, and nothing unseals the store without STRONGROOM_UNSEAL_LIFT_LOCK. Both scopes
 * need the right to seal. Sealing a sealed store succeeds. It does not wait for threads in
 * strongroom_watch_next; answers in a queue that were not taken yet become STRONGROOM_SEALED.
 * Errors  of STRONGROOM_SEAL_EVERYWHERE: why the lock could not be put on; the keys are wiped all
 *         the same. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_seal(strongroom_session* session, uint32_t scope,
                                                 strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* ---- changes of slots and keys ----
 *
 * A change of the slots is prepared, its credentials are handed out, and then it is activated, in
 * one commit. Until then the old slots open the store; freeing the pending change, or the end of the
 * process, forgets the change. Removing a slot makes a new root key and data key, unless keep_keys
 * is set. Another open store that was unsealed by a removed slot then seals itself. */

/* strongroom_slots_options says which slots to add and to remove. Since: 0.1 */
typedef struct strongroom_slots_options {
  size_t struct_size;
  uint32_t shares; /* a new slot of shares: as in strongroom_init_options */
  uint32_t threshold;
  uint32_t key; /* 1: a new slot that a key opens */
  uint32_t key_kind;
  const strongroom_bytes* pgp_keys;
  size_t num_pgp_keys;
  const uint32_t* remove; /* ids of slots */
  size_t num_remove;
  uint32_t keep_keys; /* 1: removing a slot makes no new root key and data key */
  uint32_t verify;    /* 1: the new credentials must be given back before they take effect */
} strongroom_slots_options;

/* Since: 0.1 */
#define STRONGROOM_SLOTS_OPTIONS_INIT \
  { sizeof(strongroom_slots_options), 0, 0, 0, 0, NULL, 0, NULL, 0, 0, 0 }

/* strongroom_slots_prepare makes the credentials of a change and writes nothing anywhere.
 *
 * options  needed.
 * out      own; strongroom_pending_at has the credentials.
 * Errors   STRONGROOM_INVALID: the options, an OpenPGP key, or the last slot was to be removed.
 *          STRONGROOM_NOT_FOUND: a slot to remove. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_slots_prepare(
    strongroom_session* session, const strongroom_slots_options* options, strongroom_pending** out,
    strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_slots_verify takes a new credential back, to prove that it arrived: as many shares as
 * are needed, and the key.
 *
 * out_ready  1: the change can be activated; may be NULL.
 * Errors     STRONGROOM_DENIED: it is not one of the new credentials.  STRONGROOM_INVALID: mistyped.
 *            Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_slots_verify(strongroom_pending* pending, const void* credential, size_t credential_len,
                        int* out_ready, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_slots_activate makes the change take effect, in one commit. After
 * STRONGROOM_INDETERMINATE keep the old and new credentials, and look which slots there are.
 * Errors  STRONGROOM_CONFLICT: another administrator changed the slots; prepare again.
 *         STRONGROOM_INVALID: credentials that must be given back were not. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_slots_activate(strongroom_session* session, const strongroom_pending* pending,
                          strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* The keys that strongroom_rotate makes. Since: 0.1 */
enum {
  STRONGROOM_ROTATE_DATA_KEY = 1, /* a new data key */
  STRONGROOM_ROTATE_ROOT_KEY = 2  /* a new root key and data key */
};

/* strongroom_rotate makes new keys, in one commit, whatever the number of secrets. Everything is
 * sealed under the new data key from now on; what is stored stays readable, and no credential
 * changes.
 * Errors  STRONGROOM_CONFLICT: another administrator was first; try again.
 *         STRONGROOM_TOO_LARGE: too many data keys. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_rotate(
    strongroom_session* session, uint32_t keys, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_reencrypt seals everything that is stored under the newest data key, while the store
 * is in use. It can be stopped anywhere and goes on where it stopped. Call it from a thread of your
 * own.
 *
 * duty_percent    of one core's time, 1..100; 0: 1. The rest is slept.
 * progress        may be NULL; num_records and num_written count, num_records from 0 again for each
 *                 pass through the store. Stopping is a success.
 * user_data       passed to progress.
 * out_rewritten   records that were sealed anew; may be NULL.
 * out_unreadable  records that do not open, and stay as they are; may be NULL. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_reencrypt(strongroom_session* session, uint32_t duty_percent,
                     strongroom_on_progress progress, void* user_data, uint64_t* out_rewritten,
                     uint64_t* out_unreadable, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_retire drops all data keys except the newest, for good: nothing that is sealed under
 * them opens again, also not in an old copy of the storage that is put back. It looks at every
 * record first.
 *
 * progress   may be NULL; num_records counts. Stopping is STRONGROOM_UNAVAILABLE, and no key is
 *            dropped.
 * user_data  passed to progress.
 * Errors     STRONGROOM_INVALID: secrets are still sealed under old data keys (call
 *            strongroom_reencrypt first), or there are no old data keys. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_retire(strongroom_session* session, strongroom_on_progress progress, void* user_data,
                  strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_repair writes a damaged header record anew: a damaged copy from the other one, a
 * damaged wrapped key from the keyring.
 *
 * out_repaired  1: something was damaged; may be NULL.
 * Errors        STRONGROOM_CORRUPT: a slot is damaged beyond that; replace it. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_repair(strongroom_session* session, int* out_repaired,
                                                   strongroom_error** out_error)
    STRONGROOM_NOEXCEPT;

/* strongroom_anchor returns one line that describes the store's keys as they are now. Keep it
 * outside of the storage, and pass it to strongroom_store_open: an old copy of the store is then
 * STRONGROOM_ROLLBACK. out is own. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_anchor(strongroom_session* session, strongroom_text** out,
                  strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* ---- backup, restore, migrate ----
 *
 * A backup is one stream of sealed envelopes: making, checking and restoring it needs no keys. */

/* strongroom_backup_sink takes the next bytes, which are borrowed for the call.
 * Returns  0, or anything else to end the work with STRONGROOM_UNAVAILABLE. Since: 0.1 */
typedef int (*strongroom_backup_sink)(void* user_data, const uint8_t* bytes, size_t len);

/* strongroom_backup_source fills up to len bytes, and puts their number into *out_len: 0 at the end.
 * Returns  0, or anything else to end the work with STRONGROOM_UNAVAILABLE. Since: 0.1 */
typedef int (*strongroom_backup_source)(void* user_data, uint8_t* bytes, size_t len,
                                        size_t* out_len);

/* strongroom_backup_info describes a backup. Since: 0.1 */
typedef struct strongroom_backup_info {
  size_t struct_size;
  uint8_t store_id[16];
  uint64_t generation;
  uint64_t created_ms; /* since 1970, UTC */
  uint64_t num_records;
  uint64_t size_bytes;
} strongroom_backup_info;

/* Since: 0.1 */
#define STRONGROOM_BACKUP_INFO_INIT \
  { sizeof(strongroom_backup_info), {0}, 0, 0, 0, 0 }

/* strongroom_backup streams the store as it is at one point in time, while it is in use. Bytes that
 * the sink took before a failure are no backup.
 *
 * progress   may be NULL; num_records and size_bytes count. Stopping is STRONGROOM_UNAVAILABLE.
 * user_data  passed to sink and progress.
 * out_info   may be NULL.
 * Errors     STRONGROOM_CONFLICT: the keys were changed meanwhile, in a storage without snapshots;
 *            try again. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_backup(
    strongroom_session* session, strongroom_backup_sink sink, strongroom_on_progress progress,
    void* user_data, strongroom_backup_info* out_info,
    strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_backup_verify reads a backup to its end.
 *
 * progress, user_data, out_info  as for strongroom_backup.
 * Errors  STRONGROOM_CORRUPT: damaged; the message names the record and the byte.
 *         STRONGROOM_INVALID: it is no backup. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_backup_verify(
    strongroom_backup_source source, strongroom_on_progress progress, void* user_data,
    strongroom_backup_info* out_info, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_restore puts a backup into a storage without a store. There is no store before its
 * end; run one that was stopped again.
 *
 * progress, user_data, out_info  as for strongroom_backup.
 * Errors  STRONGROOM_ALREADY_EXISTS.  As strongroom_backup_verify. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_restore(
    strongroom_session* session, strongroom_backup_source source, strongroom_on_progress progress,
    void* user_data, strongroom_backup_info* out_info,
    strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_migrate_info describes a migration. Since: 0.1 */
typedef struct strongroom_migrate_info {
  size_t struct_size;
  uint8_t store_id[16]; /* of the copy */
  uint64_t generation;
  uint64_t num_records; /* in the copy; of a rekeyed one: secrets */
  uint64_t size_bytes;  /* of their keys and values; of a rekeyed copy: 0 */
  uint64_t num_written; /* by this call: the others were there already */
  uint64_t num_removed; /* by this call: left by an earlier one, and not in the store any more */
} strongroom_migrate_info;

/* Since: 0.1 */
#define STRONGROOM_MIGRATE_INFO_INIT \
  { sizeof(strongroom_migrate_info), {0}, 0, 0, 0, 0, 0 }

/* strongroom_migrate copies a store into another storage, of any kind. There is no store in it
 * before the end.
 *
 * Without pending the copy is the store as it is: the same credentials open both, a lock stays, and
 * no keys are needed. Every record is compared with its original before the copy becomes a store. A
 * copy that was stopped or failed goes on from what is there when it is run again. A write to the
 * store near the end is not in the copy: stop the writers, or seal the store, before.
 *
 * With pending the copy is rekeyed: every secret, with its revision and times, is sealed under the
 * fresh keys of pending, whose credentials were handed out. A copy that was stopped is run again
 * with another pending. Deleted secrets leave no trace in it.
 *
 * from       rekeyed: unsealed.
 * to         a session of a storage without a store, for the same identity, of another handle.
 * pending    NULL, or of strongroom_init_prepare on `to`.
 * progress   may be NULL; num_records counts, and without pending size_bytes, from 0 again for each
 *            of the two or more passes. Stopping is STRONGROOM_UNAVAILABLE.
 * user_data  passed to progress.
 * out_info   may be NULL.
 * Errors     STRONGROOM_ALREADY_EXISTS: there is a store, or something else than an unfinished copy
 *            of this store.  STRONGROOM_CONFLICT: the store was changed meanwhile; try again.
 *            STRONGROOM_CORRUPT: a secret does not open; there is no copy then. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_migrate(
    strongroom_session* from, strongroom_session* to, const strongroom_pending* pending,
    strongroom_on_progress progress, void* user_data, strongroom_migrate_info* out_info,
    strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* ---- doctor ---- */

/* The levels of a finding. Since: 0.1 */
enum {
  STRONGROOM_FINDING_GOOD = 0,
  STRONGROOM_FINDING_NOTE = 1,    /* worth knowing */
  STRONGROOM_FINDING_WARNING = 2, /* harmful once something else goes wrong */
  STRONGROOM_FINDING_DANGER = 3   /* harmful as it is */
};

/* strongroom_finding is one finding of the doctor. Since: 0.1 */
typedef struct strongroom_finding {
  size_t struct_size;
  uint32_t level;     /* a STRONGROOM_FINDING_ constant */
  uint32_t reserved;  /* 0 */
  const char* check;  /* a short name that never changes, "locked-memory" */
  const char* what;   /* one sentence */
  const char* advice; /* what to do; "" where all is well */
} strongroom_finding;

/* Since: 0.1 */
#define STRONGROOM_FINDING_INIT \
  { sizeof(strongroom_finding), 0, 0, NULL, NULL, NULL }

/* strongroom_doctor examines this process, its machine, the storage and the store. It repairs
 * nothing, and sees more of an unsealed store.
 *
 * key_files  names of files that contain credentials of this store, which are not opened; NULL and 0
 *            for none.
 * out        own. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_doctor(strongroom_store* store, const char* const* key_files, size_t num_key_files,
                  strongroom_findings** out, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_findings_size returns the number of findings. Since: 0.1 */
STRONGROOM_API size_t strongroom_findings_size(const strongroom_findings* findings)
    STRONGROOM_NOEXCEPT;

/* strongroom_findings_at fills out_finding with one finding. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_findings_at(
    const strongroom_findings* findings, size_t index, strongroom_finding* out_finding,
    strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_findings_free frees findings. Since: 0.1 */
STRONGROOM_API void strongroom_findings_free(strongroom_findings* findings) STRONGROOM_NOEXCEPT;

/* ---- status: what can be seen without keys ---- */

/* Why an open store has no keys. Since: 0.1 */
enum {
  STRONGROOM_SEALED_NOT = 0,            /* it has keys */
  STRONGROOM_SEALED_NEVER_UNSEALED = 1, /* since it was opened */
  STRONGROOM_SEALED_CLOSED = 2,         /* strongroom_seal on this open store */
  STRONGROOM_SEALED_OPERATOR_LOCK = 3,  /* another process sealed the store everywhere */
  STRONGROOM_SEALED_SLOT_REMOVED = 4    /* the slot that it was unsealed by was removed */
};

/* strongroom_report_info is the status of a store. Since: 0.1 */
typedef struct strongroom_report_info {
  size_t struct_size;
  const char* url;           /* how an operator would name the storage */
  const char* store_id;      /* 32 hex digits; "" where there is no store */
  uint64_t generation;       /* counts the changes of keys and slots */
  uint64_t since_ms;         /* when it was sealed or unsealed last, since 1970, UTC */
  size_t num_slots;          /* for strongroom_report_slot */
  size_t num_terms;          /* data keys; 0 while sealed */
  uint32_t active_term;      /* the number of the data key that seals now; 0 while sealed */
  uint32_t max_secret_len;   /* the most bytes that a secret may have */
  uint32_t initialized;      /* 1: there is a store */
  uint32_t sealed;           /* 1: this open store has no keys */
  uint32_t reason;           /* why: a STRONGROOM_SEALED_ constant */
  uint32_t locked;           /* 1: an operator sealed the store everywhere */
  uint32_t header_damaged;   /* 1: a copy of the header record is damaged; unsealing repairs it */
  uint32_t escrowed;         /* 1: an OpenPGP private key lies in the storage */
  uint32_t unseal_progress;  /* shares that were given one by one so far */
  uint32_t unseal_threshold; /* how many are needed */
  uint32_t unseal_shares;    /* of how many */
  uint32_t reserved;         /* 0 */
} strongroom_report_info;

/* Since: 0.1 */
#define STRONGROOM_REPORT_INFO_INIT \
  { sizeof(strongroom_report_info), NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/* strongroom_slot is one way to unseal a store. Since: 0.1 */
typedef struct strongroom_slot {
  size_t struct_size;
  uint64_t created_ms; /* since 1970, UTC */
  uint32_t id;
  uint32_t kind;        /* a STRONGROOM_SLOT_ constant */
  uint32_t threshold;   /* of shares; otherwise 0 */
  uint32_t shares;      /* of shares; otherwise 0 */
  uint32_t damaged;     /* 1: not as it was stored; an unsealed store detects more damage */
  uint32_t num_wrapped; /* for strongroom_report_wrapped */
} strongroom_slot;

/* Since: 0.1 */
#define STRONGROOM_SLOT_INIT \
  { sizeof(strongroom_slot), 0, 0, 0, 0, 0, 0, 0 }

/* strongroom_store_status reads the status of a store, sealed or not. It needs no session, since it
 * shows nothing of a secret. Where there is no store, it succeeds, and `initialized` is 0. out is
 * own. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_store_status(strongroom_store* store, strongroom_report** out,
                        strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_report_describe fills out_info.
 * Errors  STRONGROOM_INVALID: struct_size. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_report_describe(const strongroom_report* report, strongroom_report_info* out_info,
                           strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_report_slot fills out_slot with slot number index.
 * Errors  STRONGROOM_NOT_FOUND: no such index.  STRONGROOM_INVALID: struct_size. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_report_slot(const strongroom_report* report, size_t index, strongroom_slot* out_slot,
                       strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_report_wrapped fills out_credential with wrapped share number index of slot number
 * slot_index. A sealed store has them too.
 * Errors  STRONGROOM_NOT_FOUND: no such index.  STRONGROOM_INVALID: struct_size. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_report_wrapped(
    const strongroom_report* report, size_t slot_index, size_t index,
    strongroom_credential* out_credential, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_report_free frees a report. Since: 0.1 */
STRONGROOM_API void strongroom_report_free(strongroom_report* report) STRONGROOM_NOEXCEPT;

/* ---- secrets ----
 *
 * A path is segments of 1..255 bytes joined by '/', at most 4,096 bytes and 64 segments; one leading
 * '/' is dropped. STRONGROOM_INVALID are empty segments, "." and "..", a trailing '/', control
 * characters, bytes that are not UTF-8, and %-encoded separators. Nothing is folded or decoded. A
 * secret and a folder may have the same path.
 *
 * The decide_path of an option is the path that the policy judges in place of the real one, under
 * the same policy and as strictly: for hosts whose policies name mounts, such as secret/data/x. The
 * library cannot check that the two belong together: never pass on a decide_path that a client
 * chose. NULL: the path itself. */

/* The kinds of content. Since: 0.1 */
enum {
  STRONGROOM_CONTENT_TEXT = 1,  /* UTF-8 */
  STRONGROOM_CONTENT_BINARY = 2 /* any bytes */
};

/* strongroom_get_options is how a secret is read. Since: 0.1 */
typedef struct strongroom_get_options {
  size_t struct_size;
  /* NULL: the whole secret. Otherwise the secret must be a JSON object, and the result is the decoded
   * string of its member of this name: text, with the revision and times of the secret. */
  const char* key;
  const char* decide_path; /* see above */
  /* 1: the read sees every write that was acknowledged before it began, to any process. Over a
   * network that costs one more round trip. 0: it is never older than what this open store saw
   * before, but may miss the latest writes of other processes. */
  uint32_t fresh;
  uint32_t reserved; /* 0 */
} strongroom_get_options;

/* Since: 0.1 */
#define STRONGROOM_GET_OPTIONS_INIT \
  { sizeof(strongroom_get_options), NULL, NULL, 0, 0 }

/* strongroom_get reads the secret at path.
 *
 * options  NULL for the defaults.
 * out      own.
 * Errors   STRONGROOM_NOT_FOUND: no such secret, or no such member.  STRONGROOM_CORRUPT: what is
 *          stored does not open; it stays as it is.  STRONGROOM_TOO_LARGE: over the memory budget.
 *          STRONGROOM_INVALID: with key, the secret is no JSON object, or the member no string.
 *          Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_get(strongroom_session* session, const char* path,
                                                const strongroom_get_options* options,
                                                strongroom_secret** out,
                                                strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_get_many reads up to 1,000 secrets at once, as of one point in time where the storage
 * has one. The batch has one item for each path, in their order. An item may fail
 * (STRONGROOM_NOT_FOUND, STRONGROOM_CORRUPT, no memory) while others do not.
 *
 * options  NULL for the defaults; key and decide_path must be NULL.
 * out      own.
 * Errors   of the whole call: STRONGROOM_INVALID: a path.  STRONGROOM_DENIED: one path is denied.
 *          STRONGROOM_TOO_LARGE: more than 1,000. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_get_many(strongroom_session* session, const char* const* paths, size_t num_paths,
                    const strongroom_get_options* options, strongroom_batch** out,
                    strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* The conditions of a write. Since: 0.1 */
enum {
  STRONGROOM_CONDITION_ANY = 0,     /* create or update */
  STRONGROOM_CONDITION_CREATE = 1,  /* only if there is none */
  STRONGROOM_CONDITION_UPDATE = 2,  /* only if there is one */
  STRONGROOM_CONDITION_REVISION = 3 /* only if it has exactly this revision: compare and set */
};

/* strongroom_put_options says when a write may happen. Since: 0.1 */
typedef struct strongroom_put_options {
  size_t struct_size;
  uint64_t revision;       /* from 1 with STRONGROOM_CONDITION_REVISION; otherwise 0 */
  const char* decide_path; /* see above; of secrets only */
  uint32_t condition;      /* a STRONGROOM_CONDITION_ constant */
  uint32_t reserved;       /* 0 */
} strongroom_put_options;

/* Since: 0.1 */
#define STRONGROOM_PUT_OPTIONS_INIT \
  { sizeof(strongroom_put_options), 0, NULL, 0, 0 }

/* strongroom_put stores a secret, in one commit. The bytes are sealed from where they lie; no copy
 * of them is made.
 *
 * content       STRONGROOM_CONTENT_TEXT (must be UTF-8) or STRONGROOM_CONTENT_BINARY.
 * data, len     0 bytes up to the store's limit, which is 1,048,576 unless init set another one.
 * options       NULL for the defaults.
 * out_revision  the revision that the secret has now; may be NULL. The first one of a path is 1.
 * Errors        STRONGROOM_INVALID, STRONGROOM_TOO_LARGE: before anything is written.
 *               The condition does not hold: STRONGROOM_ALREADY_EXISTS (create),
 *               STRONGROOM_NOT_FOUND (update), STRONGROOM_CONFLICT (revision).
 *               STRONGROOM_CORRUPT: what is stored there does not open; it stays.
 *               Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_put(strongroom_session* session, const char* path,
                                                uint32_t content, const void* data, size_t len,
                                                const strongroom_put_options* options,
                                                uint64_t* out_revision,
                                                strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_delete_options says when a deletion may happen. Since: 0.1 */
typedef struct strongroom_delete_options {
  size_t struct_size;
  uint64_t revision;       /* that must be there; 0: any */
  const char* decide_path; /* see above */
} strongroom_delete_options;

/* Since: 0.1 */
#define STRONGROOM_DELETE_OPTIONS_INIT \
  { sizeof(strongroom_delete_options), 0, NULL }

/* strongroom_delete deletes a secret. Its path goes on counting revisions.
 *
 * options       NULL for the defaults.
 * out_revision  the revision of the deletion; may be NULL.
 * Errors        STRONGROOM_NOT_FOUND.  STRONGROOM_CONFLICT: another revision. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_delete(
    strongroom_session* session, const char* path, const strongroom_delete_options* options,
    uint64_t* out_revision, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_secret_new makes a secret of len zero bytes, to read input into, so that it never lies
 * in ordinary memory. out is own.
 * Errors  STRONGROOM_TOO_LARGE: over the memory budget.  STRONGROOM_UNAVAILABLE: the system refused
 *         to map or lock memory. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_secret_new(
    size_t len, strongroom_secret** out, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_secret_writable returns the bytes of a secret of strongroom_secret_new, borrowed; NULL
 * for every other secret. Since: 0.1 */
STRONGROOM_API uint8_t* strongroom_secret_writable(strongroom_secret* secret) STRONGROOM_NOEXCEPT;

/* strongroom_secret_truncate keeps the first len bytes of a secret of strongroom_secret_new, where
 * they are, and wipes the rest.
 * Errors  STRONGROOM_INVALID: len is over the size, or the secret came from elsewhere.
 *         Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_secret_truncate(
    strongroom_secret* secret, size_t len, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* What a value of a JSON text is. Since: 0.1 */
enum {
  STRONGROOM_JSON_NULL = 0,
  STRONGROOM_JSON_BOOLEAN = 1,
  STRONGROOM_JSON_NUMBER = 2,
  STRONGROOM_JSON_STRING = 3,
  STRONGROOM_JSON_ARRAY = 4,
  STRONGROOM_JSON_OBJECT = 5
};

/* strongroom_json_value reads one value of a JSON text that holds secrets, such as {"value":"..."}.
 * The text is only ever copied into locked memory. It must be JSON as a whole; a member that appears
 * twice, a lone surrogate and more than 64 levels are not JSON here.
 *
 * json      of up to 16 MiB. A secret; borrowed for the call.
 * pointer   names the value: "/value", "/keys/0", or "" for the whole text (RFC 6901).
 * out_kind  a STRONGROOM_JSON_ constant; may be NULL.
 * out       own: the bytes of a string, which may contain NULs; a number, boolean or null as it is
 *           spelled; nothing for an array or object.
 * Errors    STRONGROOM_INVALID: no JSON, or no pointer.  STRONGROOM_NOT_FOUND: there is no such value.
 *           STRONGROOM_TOO_LARGE: the text, or over the memory budget.
 * Source    RFC 8259, RFC 6901. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_json_value(const void* json, size_t len, const char* pointer, uint32_t* out_kind,
                      strongroom_secret** out, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_secret_data returns the bytes, borrowed and not NUL-terminated; may be NULL where there
 * are none. Since: 0.1 */
STRONGROOM_API const uint8_t* strongroom_secret_data(const strongroom_secret* secret)
    STRONGROOM_NOEXCEPT;

/* strongroom_secret_size returns the number of bytes. Since: 0.1 */
STRONGROOM_API size_t strongroom_secret_size(const strongroom_secret* secret) STRONGROOM_NOEXCEPT;

/* strongroom_secret_copy_out copies the bytes into a buffer of the caller, who wipes it (for example
 * with explicit_bzero).
 *
 * capacity  of the buffer, in bytes.
 * out_len   how many bytes were copied; may be NULL.
 * Errors    STRONGROOM_TOO_LARGE: the secret has more than capacity bytes; nothing is copied.
 *           Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_secret_copy_out(const strongroom_secret* secret, void* buffer, size_t capacity,
                           size_t* out_len, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_secret_info describes a secret or a host record. All but content is 0 for a secret that
 * was not read by its path: resolved, unwrapped, or of strongroom_secret_new. Since: 0.1 */
typedef struct strongroom_secret_info {
  size_t struct_size;
  uint64_t revision;   /* that was read, from 1 */
  uint64_t created_ms; /* when the secret was created, since 1970, UTC */
  uint64_t changed_ms; /* when this revision was written, likewise */
  /* Over 0: the storage is out of reach, and the secret is what it held that long ago. Only where
   * the URL allows it (stale_ms). */
  uint64_t stale_ms;
  uint32_t content;  /* a STRONGROOM_CONTENT_ constant */
  uint32_t reserved; /* 0 */
} strongroom_secret_info;

/* Since: 0.1 */
#define STRONGROOM_SECRET_INFO_INIT \
  { sizeof(strongroom_secret_info), 0, 0, 0, 0, 0, 0 }

/* strongroom_secret_describe fills out_info.
 * Errors  STRONGROOM_INVALID: struct_size. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_secret_describe(const strongroom_secret* secret, strongroom_secret_info* out_info,
                           strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_secret_free wipes a secret that is own, and frees it. Never pass the borrowed secret of
 * a batch item. Since: 0.1 */
STRONGROOM_API void strongroom_secret_free(strongroom_secret* secret) STRONGROOM_NOEXCEPT;

/* strongroom_batch_item is one secret of a batch, or why there is none. Since: 0.1 */
typedef struct strongroom_batch_item {
  size_t struct_size;
  const strongroom_secret* secret; /* borrowed; NULL where it failed */
  const char* message;             /* why it failed; "" where it did not */
  strongroom_status status;
  uint32_t reserved; /* 0 */
} strongroom_batch_item;

/* Since: 0.1 */
#define STRONGROOM_BATCH_ITEM_INIT \
  { sizeof(strongroom_batch_item), NULL, NULL, 0, 0 }

/* strongroom_batch_size returns the number of items. Since: 0.1 */
STRONGROOM_API size_t strongroom_batch_size(const strongroom_batch* batch) STRONGROOM_NOEXCEPT;

/* strongroom_batch_at fills out_item with one item. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_batch_at(const strongroom_batch* batch, size_t index, strongroom_batch_item* out_item,
                    strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_batch_free wipes the secrets of a batch and frees it. Since: 0.1 */
STRONGROOM_API void strongroom_batch_free(strongroom_batch* batch) STRONGROOM_NOEXCEPT;

/* ---- lists ---- */

/* strongroom_list_options is how a folder is listed. Since: 0.1 */
typedef struct strongroom_list_options {
  size_t struct_size;
  const char* decide_path; /* see "secrets"; names below the folder are judged below it */
  /* For a folder that is too large for one list. limit 1..10,000: a page of at most that many names
   * of one level, in the storage's own order, with folders whose secrets are all gone; recursive
   * and visible must be 0. after: NULL and 0 for the first page, then strongroom_names_next of the
   * page before. limit 0: all names. */
  const void* after;
  size_t after_len;
  size_t limit;
  /* 1: every secret below the folder, and no folders. It needs the right to scan. Folders that a
   * rule forbids to list are left out. */
  uint32_t recursive;
  /* 1: the secrets that the caller may read, update or delete, and the folders that contain any. It
   * needs no right to list. A folder that does not exist, and one where nothing is visible, look the
   * same. */
  uint32_t visible;
} strongroom_list_options;

/* Since: 0.1 */
#define STRONGROOM_LIST_OPTIONS_INIT \
  { sizeof(strongroom_list_options), NULL, NULL, 0, 0, 0, 0 }

/* strongroom_list returns the names below a folder, relative to it and sorted by their bytes: its
 * secrets, and those folders that contain any. A folder that does not exist has none. A write during
 * the call may or may not be seen.
 *
 * folder   as a path; "" or "/" is the root.
 * options  NULL for the defaults.
 * out      own.
 * Errors   STRONGROOM_CORRUPT: an entry that this store did not make.  STRONGROOM_INVALID: limit, or
 *          after is longer than a position. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_list(strongroom_session* session, const char* folder,
                                                 const strongroom_list_options* options,
                                                 strongroom_names** out,
                                                 strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_name is one name. A secret and a folder may have the same one. Since: 0.1 */
typedef struct strongroom_name {
  size_t struct_size;
  const char* name;   /* relative to the folder, without a '/' at its end */
  uint32_t is_folder; /* 1: a folder; 0: a secret */
  uint32_t reserved;  /* 0 */
} strongroom_name;

/* Since: 0.1 */
#define STRONGROOM_NAME_INIT \
  { sizeof(strongroom_name), NULL, 0, 0 }

/* strongroom_names_size returns the number of names. Since: 0.1 */
STRONGROOM_API size_t strongroom_names_size(const strongroom_names* names) STRONGROOM_NOEXCEPT;

/* strongroom_names_at fills out_name with one name. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_names_at(const strongroom_names* names, size_t index, strongroom_name* out_name,
                    strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_names_next returns where the next page begins, as borrowed bytes; NULL and length 0
 * after the last page. out_len is needed. Since: 0.1 */
STRONGROOM_API const uint8_t* strongroom_names_next(const strongroom_names* names,
                                                    size_t* out_len) STRONGROOM_NOEXCEPT;

/* strongroom_names_free frees names. Since: 0.1 */
STRONGROOM_API void strongroom_names_free(strongroom_names* names) STRONGROOM_NOEXCEPT;

/* ---- host records ----
 *
 * A host record is something that the host itself keeps in the store, sealed as secrets are: tokens,
 * the head of an audit log. Records have paths of their own, which never meet those of secrets: no
 * list, watch or read of secrets shows them. Backups and migrations contain them. Each function
 * needs a trusted session, or is STRONGROOM_DENIED. */

/* strongroom_record_get reads a record: binary content, with its revision and times.
 *
 * options  NULL for the defaults; key and decide_path must be NULL.
 * out      own.
 * Errors   as strongroom_get. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_record_get(
    strongroom_session* session, const char* path, const strongroom_get_options* options,
    strongroom_secret** out, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_record_put stores a record of any bytes, as strongroom_put stores a secret. With
 * STRONGROOM_CONDITION_REVISION it is a compare and set.
 *
 * path          as of a secret.
 * data, len     0 bytes up to the store's limit.
 * options       NULL for the defaults; decide_path must be NULL.
 * out_revision  the revision that the record has now; may be NULL.
 * Errors        as strongroom_put. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_record_put(strongroom_session* session, const char* path, const void* data, size_t len,
                      const strongroom_put_options* options, uint64_t* out_revision,
                      strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_record_delete deletes a record.
 *
 * revision      that must be there, or 0 for any.
 * out_revision  the revision of the deletion; may be NULL.
 * Errors        as strongroom_delete. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_record_delete(strongroom_session* session, const char* path, uint64_t revision,
                         uint64_t* out_revision, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_record_list lists the records below a folder, as strongroom_list does.
 *
 * folder   "" or "/" is the root.
 * options  NULL for the defaults; decide_path must be NULL, and visible 0.
 * out      own. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_record_list(
    strongroom_session* session, const char* folder, const strongroom_list_options* options,
    strongroom_names** out, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* ---- policies ----
 *
 * A policy decides which identity may do what. It is one or more documents: our own JSON, Vault's
 * JSON form, or DC/OS permissions; the README has the forms. A stored policy is sealed as secrets
 * are, and is in force for every process that has the store open, at its next call (zk: as soon as a
 * change of keys is). A host may bring its own instead, in strongroom_store_options. Without a
 * policy, a service may resolve in its space, an administrator may run the store, a trusted session
 * may do everything, and a user nothing. The policy decides before a secret is looked for:
 * STRONGROOM_DENIED does not show whether there is one. While the store is sealed its policy cannot
 * be read: what a rule would have to allow is STRONGROOM_SEALED for secrets and STRONGROOM_DENIED for
 * administration. */

/* The actions. A function needs the right of its name, and: put needs create, update, or both,
 * by its condition; init and restore init; unwrap and all of unseal unseal; strongroom_rotate rotate
 * or, for a root key, rekey; reencrypt and retire rotate; slots and repair rekey; backup, anchor, and
 * the store that is migrated, backup; its target init; documents and strongroom_policy_stored
 * policy. Since: 0.1 */
enum {
  STRONGROOM_ACTION_CREATE = 0,
  STRONGROOM_ACTION_READ = 1,
  STRONGROOM_ACTION_UPDATE = 2,
  STRONGROOM_ACTION_DELETE = 3,
  STRONGROOM_ACTION_LIST = 4,
  STRONGROOM_ACTION_SCAN = 5,    /* a list of everything below a folder */
  STRONGROOM_ACTION_RESOLVE = 6, /* reading a reference on behalf of a service */
  STRONGROOM_ACTION_SEAL = 7,    /* from here on: of the whole store, path "" */
  STRONGROOM_ACTION_UNSEAL = 8,
  STRONGROOM_ACTION_INIT = 9,
  STRONGROOM_ACTION_REKEY = 10,
  STRONGROOM_ACTION_ROTATE = 11,
  STRONGROOM_ACTION_POLICY = 12,
  STRONGROOM_ACTION_AUDIT = 13,
  STRONGROOM_ACTION_BACKUP = 14
};

/* strongroom_check returns whether the session may do something: STRONGROOM_OK, or
 * STRONGROOM_DENIED. It looks at no secret, and its result does not depend on whether there is one.
 *
 * path    of a secret; of a folder with STRONGROOM_ACTION_LIST and STRONGROOM_ACTION_SCAN; "" for
 *         the root, and for actions on the whole store.
 * Errors  STRONGROOM_INVALID: action or path.  STRONGROOM_SEALED: the stored policy cannot be read.
 *         Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_check(strongroom_session* session, uint32_t action,
                                                  const char* path,
                                                  strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_policy_text is one document: its name, and its UTF-8 text. Since: 0.1 */
typedef struct strongroom_policy_text {
  const char* name;
  const void* text;
  size_t text_len;
} strongroom_policy_text;

/* strongroom_policy_parse reads documents into one policy and compiles it.
 *
 * texts   no document at all is a policy without rules.
 * out     own.
 * Errors  STRONGROOM_INVALID: what and where, "policy 'web', line 3, column 14: ...".
 *         STRONGROOM_TOO_LARGE: over a limit, which the message names. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_policy_parse(const strongroom_policy_text* texts, size_t num_texts,
                        strongroom_policy** out, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_policy_stored reads all stored documents into one policy. It needs the right to policy,
 * which trusted sessions and administrators always have. out is own.
 * Errors  as strongroom_policy_parse, where a newer program stored them. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_policy_stored(strongroom_session* session, strongroom_policy** out,
                         strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* How rules that match the same request are combined. Since: 0.1 */
enum {
  STRONGROOM_POLICY_DENY_OVERRIDES = 0, /* one must allow, and none may deny */
  STRONGROOM_POLICY_VAULT_COMPAT = 1    /* as in Vault: only the most specific pattern counts */
};

/* strongroom_policy_info describes a policy. Since: 0.1 */
typedef struct strongroom_policy_info {
  size_t struct_size;
  uint32_t mode;                 /* a STRONGROOM_POLICY_ constant */
  uint32_t services_need_grants; /* 1: a service needs a grant even in its space */
  size_t num_documents;
  size_t num_rules;    /* a rule with several paths counts once for each */
  size_t num_nodes;    /* of the compiled policy */
  size_t memory_bytes; /* of the compiled policy */
  size_t num_skipped;  /* parts without effect: strongroom_policy_skipped names them */
} strongroom_policy_info;

/* Since: 0.1 */
#define STRONGROOM_POLICY_INFO_INIT \
  { sizeof(strongroom_policy_info), 0, 0, 0, 0, 0, 0, 0 }

/* strongroom_policy_describe fills out_info.
 * Errors  STRONGROOM_INVALID: struct_size. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_policy_describe(const strongroom_policy* policy, strongroom_policy_info* out_info,
                           strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_policy_decide is strongroom_check by a given policy, for hosts without a store.
 *
 * identity  needed.
 * Errors    STRONGROOM_DENIED.  STRONGROOM_INVALID. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_policy_decide(
    const strongroom_policy* policy, const strongroom_identity* identity, uint32_t action,
    const char* path, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_policy_free frees a policy. A store that was opened with it keeps what it needs.
 * Since: 0.1 */
STRONGROOM_API void strongroom_policy_free(strongroom_policy* policy) STRONGROOM_NOEXCEPT;

/* ---- stored policy documents ----
 *
 * Each function needs the right to policy. */

/* strongroom_document is one document. Since: 0.1 */
typedef struct strongroom_document {
  size_t struct_size;
  const char* name;
  uint64_t revision;   /* of all documents together when this one was put, from 1 */
  uint64_t changed_ms; /* since 1970, UTC */
  size_t text_len;
  const char* text; /* text_len bytes, and a NUL after them; NULL in a list */
} strongroom_document;

/* Since: 0.1 */
#define STRONGROOM_DOCUMENT_INIT \
  { sizeof(strongroom_document), NULL, 0, 0, 0, NULL }

/* strongroom_documents_list lists the stored documents by name, without their texts. out is own.
 * Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_documents_list(strongroom_session* session, strongroom_documents** out,
                          strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_documents_get reads one document: number 0 of out, which is own.
 * Errors  STRONGROOM_NOT_FOUND. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_documents_get(strongroom_session* session, const char* name, strongroom_documents** out,
                         strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_documents_put stores a document. All stored documents are compiled together with it
 * first: if that fails nothing changes, and the policy in force stays. After success the new policy
 * is in force, and no write that only the old one allows is acknowledged any more.
 *
 * name          1..128 of A-Z a-z 0-9 . _ -, not beginning with '.' or '-'.
 * text          up to 1,048,576 bytes.
 * options       NULL for the defaults; decide_path must be NULL.
 * out_revision  may be NULL.
 * Errors        STRONGROOM_INVALID: what and where.  STRONGROOM_TOO_LARGE.  As strongroom_put for
 *               the condition. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_documents_put(strongroom_session* session, const char* name, const void* text,
                         size_t text_len, const strongroom_put_options* options,
                         uint64_t* out_revision, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_documents_delete deletes a document.
 *
 * revision  that must be there, or 0 for any.
 * Errors    STRONGROOM_NOT_FOUND.  STRONGROOM_CONFLICT: another revision.  STRONGROOM_INVALID: another
 *           document needs it. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_documents_delete(strongroom_session* session, const char* name, uint64_t revision,
                            strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_documents_reset deletes all documents: the way out where their list is lost or cannot
 * be believed (STRONGROOM_CORRUPT, STRONGROOM_ROLLBACK). Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_documents_reset(
    strongroom_session* session, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_documents_size returns the number of documents. Since: 0.1 */
STRONGROOM_API size_t strongroom_documents_size(const strongroom_documents* documents)
    STRONGROOM_NOEXCEPT;

/* strongroom_documents_at fills out_document with one document. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_documents_at(
    const strongroom_documents* documents, size_t index, strongroom_document* out_document,
    strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_documents_free frees documents. Since: 0.1 */
STRONGROOM_API void strongroom_documents_free(strongroom_documents* documents) STRONGROOM_NOEXCEPT;

/* ---- watching ----
 *
 * A watch reports which secrets were put or deleted, never their values. It loses no change, also
 * not across lost connections and seals. Sealing a record anew (strongroom_reencrypt) is no
 * change. */

/* The kinds of an event. Since: 0.1 */
enum {
  STRONGROOM_EVENT_CHANGED = 1, /* the secret was put */
  STRONGROOM_EVENT_DELETED = 2
};

/* strongroom_event is a change of one secret. Since: 0.1 */
typedef struct strongroom_event {
  size_t struct_size;
  const char* path;  /* from the root, without a leading '/' */
  uint64_t revision; /* the newest one, or that of the deletion; 0: unknown, it does not open */
  uint32_t kind;     /* a STRONGROOM_EVENT_ constant */
  uint32_t reserved; /* 0 */
} strongroom_event;

/* Since: 0.1 */
#define STRONGROOM_EVENT_INIT \
  { sizeof(strongroom_event), NULL, 0, 0, 0 }

/* strongroom_watch_open reads which secrets there are at and below a path, so that later calls can
 * report what changed. The session must have the right to list the path; secrets that it may not
 * read are not reported. To know the state as well, open the watch first, and then list.
 *
 * prefix  "" or "/" is the root.
 * out     own; it keeps the store open.
 * Errors  STRONGROOM_TOO_LARGE: over 1,000,000 secrets and folders. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_watch_open(strongroom_session* session, const char* prefix, strongroom_watch** out,
                      strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_watch_next waits up to timeout_ms until something changed since the last call, or since
 * the watch was opened, and returns what: each path once, sorted, up to 10,000 of them, the rest by
 * the next call. Several changes of one secret are one event, of its last state; a secret that was
 * created and deleted in between may be left out. A put of the same bytes is a change. When the time
 * is over, or with timeout_ms 0, it succeeds without an event. Threads that call it for one watch
 * take turns.
 *
 * out     own.
 * Errors  STRONGROOM_SEALED, and those of the storage: no change is lost, a later call goes on.
 *         STRONGROOM_CONFLICT: strongroom_queue_watch is waiting for this watch. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_watch_next(strongroom_watch* watch, uint32_t timeout_ms, strongroom_events** out,
                      strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_watch_free frees a watch that no thread of the caller is in. A call of
 * strongroom_queue_watch for it ends, with a completion that is STRONGROOM_UNAVAILABLE; waiting for
 * that takes up to timeout_ms of the store. Since: 0.1 */
STRONGROOM_API void strongroom_watch_free(strongroom_watch* watch) STRONGROOM_NOEXCEPT;

/* strongroom_events_size returns the number of events. Since: 0.1 */
STRONGROOM_API size_t strongroom_events_size(const strongroom_events* events) STRONGROOM_NOEXCEPT;

/* strongroom_events_at fills out_event with one event. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_events_at(const strongroom_events* events, size_t index, strongroom_event* out_event,
                     strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_events_free frees events. Since: 0.1 */
STRONGROOM_API void strongroom_events_free(strongroom_events* events) STRONGROOM_NOEXCEPT;

/* ---- Mesos: Secret messages ----
 *
 * A Secret message of Mesos contains a value, or a reference: the path of a stored secret, and
 * perhaps the key of one member of it. JSON texts have up to 1,572,864 bytes. Texts and messages are
 * secrets themselves, and are read in locked memory. Errors use Mesos' words where Mesos has
 * some. */

/* The forms of a message. Since: 0.1 */
enum {
  STRONGROOM_FORMAT_JSON = 1, /* {"type":"REFERENCE","reference":{"name":"my/secret"}} */
  STRONGROOM_FORMAT_WIRE = 2  /* protobuf's wire format, the same for mesos and mesos.v1 */
};

/* strongroom_message is a message of Mesos, borrowed: here a Secret. strongroom_mesos.h has functions
 * for other messages. Since: 0.1 */
typedef struct strongroom_message {
  const void* data;
  size_t len;
  uint32_t format;   /* a STRONGROOM_FORMAT_ constant */
  uint32_t reserved; /* 0 */
} strongroom_message;

/* strongroom_resolve returns the bytes that a Secret message stands for. A service may resolve what
 * lies in its space. out is own.
 * Errors  STRONGROOM_INVALID: the message is malformed or breaks Mesos' rules, its name is no path,
 *         or its key selects no string.  STRONGROOM_NOT_FOUND: no such secret or member.
 *         STRONGROOM_TOO_LARGE: the message. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_resolve(strongroom_session* session, const strongroom_message* message,
                   strongroom_secret** out, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_resolve_many resolves up to 1,000 messages with one read: all or none, the first
 * failure fails the call. out is own; its items are in the order of the messages, and all are
 * STRONGROOM_OK.
 * Errors  as strongroom_resolve.  STRONGROOM_TOO_LARGE: also, more than 1,000. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_resolve_many(
    strongroom_session* session, const strongroom_message* messages, size_t num_messages,
    strongroom_batch** out, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* ---- reading without waiting: callbacks ----
 *
 * The call returns at once, and the answer is passed to a callback: with memory: and lmdb: before
 * the call returns, with zk: on a thread of the library. If the call fails (the input, no right, no
 * keys, or STRONGROOM_UNAVAILABLE while 4,096 calls or 65,536 secrets are under way) the callback is
 * not called. Otherwise it is called exactly once. It must be short, must not call functions that
 * wait for the same store (asynchronous ones are fine), and should not throw: an exception is
 * dropped. A program with an event loop uses a queue instead. */

/* strongroom_get_done is passed a secret. If status is STRONGROOM_OK, secret is own. Otherwise it is
 * NULL, and error is own, or NULL where there was no memory for one. Since: 0.1 */
typedef void (*strongroom_get_done)(void* user_data, strongroom_status status,
                                    strongroom_secret* secret, strongroom_error* error);

/* strongroom_batch_done is passed a batch, likewise. Since: 0.1 */
typedef void (*strongroom_batch_done)(void* user_data, strongroom_status status,
                                      strongroom_batch* batch, strongroom_error* error);

/* strongroom_get_async is strongroom_get without waiting.
 *
 * done       needed.
 * user_data  passed to done.
 * Errors     only of the start, see above; done is passed the others. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_get_async(
    strongroom_session* session, const char* path, const strongroom_get_options* options,
    strongroom_get_done done, void* user_data, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_get_many_async is strongroom_get_many without waiting. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_get_many_async(strongroom_session* session, const char* const* paths, size_t num_paths,
                          const strongroom_get_options* options, strongroom_batch_done done,
                          void* user_data, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_resolve_async is strongroom_resolve_many without waiting. The messages are borrowed
 * until it returns. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_resolve_async(
    strongroom_session* session, const strongroom_message* messages, size_t num_messages,
    strongroom_batch_done done, void* user_data, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* ---- reading without waiting: a queue ----
 *
 * A queue collects the answers of asynchronous calls, of any number of stores, for a program with an
 * event loop: no callback, and no thread of the program waits. It has a descriptor that poll(2)
 * reports as readable while answers wait:
 *
 *   strongroom_queue_get(queue, session, "my/secret", NULL, my_request, NULL);
 *   ... when poll says that strongroom_queue_fd(queue) is readable:
 *   strongroom_completion done[16] = {STRONGROOM_COMPLETION_INIT};
 *   size_t num = 0;
 *   strongroom_queue_next(queue, done, 16, &num, NULL);
 *
 * Answers wait as sealed envelopes in ordinary memory, and are opened by strongroom_queue_next: what
 * waits takes no locked memory. The right to read is decided when the call is made, and checked
 * again when its answer is opened. Answers come in no particular order. Sessions may be freed while
 * calls are under way. A queue takes 16,384 calls whose answers were not taken yet; and while 64 MiB
 * of envelopes wait in it, it takes none. Beyond that, a call is STRONGROOM_TOO_LARGE: take some
 * answers first. */

/* The kinds of a completion. Since: 0.1 */
enum {
  STRONGROOM_COMPLETION_GET = 1,     /* secret is set */
  STRONGROOM_COMPLETION_RESOLVE = 2, /* batch is set */
  STRONGROOM_COMPLETION_WATCH = 3    /* events is set */
};

/* strongroom_completion is the answer to one call. user_data, kind and status are always set. If
 * status is STRONGROOM_OK, the handle of its kind is set and own. Otherwise error is own, or NULL
 * where there was no memory for one. Free what is set. Since: 0.1 */
typedef struct strongroom_completion {
  size_t struct_size;
  void* user_data; /* of the call */
  strongroom_secret* secret;
  strongroom_batch* batch;
  strongroom_events* events;
  strongroom_error* error;
  uint32_t kind; /* a STRONGROOM_COMPLETION_ constant */
  strongroom_status status;
} strongroom_completion;

/* Since: 0.1 */
#define STRONGROOM_COMPLETION_INIT \
  { sizeof(strongroom_completion), NULL, NULL, NULL, NULL, NULL, 0, 0 }

/* strongroom_queue_new makes a queue. out is own.
 * Errors  STRONGROOM_UNAVAILABLE: no descriptor, or no memory. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_queue_new(strongroom_queue** out, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_queue_fd returns the descriptor of a queue, which is close-on-exec; -1 for NULL, for
 * another handle, and in a forked child. poll, select and epoll report it as readable (POLLIN) as
 * long as answers wait. It belongs to the queue: do not read or close it. Since: 0.1 */
STRONGROOM_API int strongroom_queue_fd(const strongroom_queue* queue) STRONGROOM_NOEXCEPT;

/* strongroom_queue_get is strongroom_get into a queue. Path and options are copied. With memory: and
 * lmdb: the secret is read before it returns, and opened later.
 *
 * user_data  comes back in the completion.
 * Errors     only of the start: the input, no right, no keys.  STRONGROOM_UNAVAILABLE: 4,096 calls or
 *            65,536 secrets of this store are under way.  STRONGROOM_TOO_LARGE: the queue is full.
 *            No completion follows then; otherwise exactly one does, with any other error, such as
 *            STRONGROOM_NOT_FOUND. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_queue_get(strongroom_queue* queue, strongroom_session* session, const char* path,
                     const strongroom_get_options* options, void* user_data,
                     strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_queue_resolve is strongroom_resolve_many into a queue. The messages are borrowed until
 * it returns. user_data and errors are as for strongroom_queue_get. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_queue_resolve(
    strongroom_queue* queue, strongroom_session* session, const strongroom_message* messages,
    size_t num_messages, void* user_data, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_queue_watch is strongroom_watch_next into a queue: one completion, when something
 * changed or when timeout_ms is over. Call it again for more. A thread of the library waits.
 * Errors  STRONGROOM_CONFLICT: a call for this watch is under way.  STRONGROOM_TOO_LARGE: the queue
 *         is full.  STRONGROOM_UNAVAILABLE: no thread. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_queue_watch(strongroom_queue* queue, strongroom_watch* watch, uint32_t timeout_ms,
                       void* user_data, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_queue_next takes answers that wait, and opens them. It returns at once; there may be
 * none, although the descriptor was readable. The opened secrets lie in locked memory at the same
 * time. Where that does not suffice for all, it takes fewer, and the descriptor stays readable; where
 * it does not suffice for the first, that is its completion. Any number of threads may call it. A
 * call that fails takes no answer.
 *
 * out_completions  an array of capacity structs, of the struct_size of the first one. The others
 *                  need not be initialized. Elements from *out_num on are left as they are.
 * capacity         from 1.
 * out_num          how many were filled; needed. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_queue_next(
    strongroom_queue* queue, strongroom_completion* out_completions, size_t capacity,
    size_t* out_num, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_queue_free frees a queue, its descriptor, and the answers that wait in it. Calls under
 * way end without an answer. It does not wait for them. Since: 0.1 */
STRONGROOM_API void strongroom_queue_free(strongroom_queue* queue) STRONGROOM_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif
