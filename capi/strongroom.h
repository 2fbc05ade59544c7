/* strongroom.h: the door. A sealed secret store inside your process, as a stable C ABI.
 *
 *   strongroom_store *store = NULL;
 *   strongroom_session *session = NULL;
 *   strongroom_secret *secret = NULL;
 *   if (strongroom_store_open("lmdb:/var/lib/app/secrets", NULL, &store, NULL) == STRONGROOM_OK &&
 *       strongroom_session_trusted(store, &session, NULL) == STRONGROOM_OK &&
 *       strongroom_unseal(session, &key_file, 1, 0, NULL) == STRONGROOM_OK &&
 *       strongroom_get(session, "my/secret", &secret, NULL) == STRONGROOM_OK) {
 *     use(strongroom_secret_data(secret), strongroom_secret_size(secret));
 *   }
 *   strongroom_secret_free(secret);
 *   strongroom_session_free(session);
 *   strongroom_store_free(store);
 *
 * Ownership. Inputs are borrowed for the call and never kept. What comes out through a `T **out` is
 * own: it is yours until you hand it to the one strongroom_<noun>_free of its type, which takes
 * NULL too. A returned `const T *` is borrowed and dies with the handle that it was asked of. No
 * memory passes between the two allocators: never free() what comes from here. Handles may be freed
 * in any order, since a session keeps its store alive and everything else stands alone. Secrets
 * leave in locked memory, out of core dumps, and are wiped when their handle is freed; what you
 * copy out of them is yours to wipe. Paths, keys and other texts are NUL-terminated UTF-8;
 * everything else is a pointer and a length in bytes, and the pointer may be NULL where the length
 * is 0.
 *
 * Calls. Fallible functions return a strongroom_status, clear their outputs on entry (pointers to
 * NULL, numbers to 0), and write them on success alone. out_error, the last argument, may be NULL;
 * otherwise a failure leaves an own strongroom_error there (or NULL when there was no memory for
 * it). A message names paths and sizes, never secret bytes. NULL where something is needed, a
 * handle of another type, an unknown flag or constant: STRONGROOM_INVALID, and no crash; functions
 * that return no status give 0 or NULL then. Every function may be called from any thread, and any
 * number of threads may use one handle at once, as long as none frees it (or fills it, for
 * strongroom_secret_new) meanwhile; nothing is kept per thread. In a forked child, calls on handles
 * of the parent's return STRONGROOM_SEALED and must open a store of their own; values that were
 * read before the fork stay readable there (in memory that is no longer locked), shares and keys
 * are gone, and every handle may be freed there. Shared by all that reach the storage:
 * STRONGROOM_SEALED without keys, STRONGROOM_DENIED by policy, STRONGROOM_UNAVAILABLE and
 * STRONGROOM_TIMEOUT for the storage's or memory's trouble (nothing was changed),
 * STRONGROOM_INDETERMINATE (it may have been), STRONGROOM_CORRUPT, STRONGROOM_ROLLBACK,
 * STRONGROOM_INTERNAL. Nothing here prints, logs or
 * aborts. C++ callers: no function throws; strongroom_abi.hpp has owning types.
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

/* STRONGROOM_ABI_VERSION is the number in the library's soname: it grows when a program must be
 * compiled again. 0 promises nothing between releases yet. Since: 0.1 */
#define STRONGROOM_ABI_VERSION 0

/* strongroom_version gives the library's own release, "0.1.0"; static. Since: 0.1 */
STRONGROOM_API const char* strongroom_version(void) STRONGROOM_NOEXCEPT;

/* strongroom_abi_version gives the library's own STRONGROOM_ABI_VERSION. Since: 0.1 */
STRONGROOM_API uint32_t strongroom_abi_version(void) STRONGROOM_NOEXCEPT;

/* ---- status and errors ---- */

/* strongroom_status tells what a caller can do about a failure. The numbers never change meaning;
 * later releases may add some. Since: 0.1 */
typedef int32_t strongroom_status;

/* The constants of strongroom_status. Since: 0.1 */
enum {
  STRONGROOM_OK = 0,
  STRONGROOM_INVALID = 1,         /* the input is outside the rules; mend it */
  STRONGROOM_NOT_FOUND = 2,       /* nothing is stored there */
  STRONGROOM_ALREADY_EXISTS = 3,  /* create-only met a secret, or init a store */
  STRONGROOM_DENIED = 4,          /* the caller may not, or the credential is wrong */
  STRONGROOM_SEALED = 5,          /* no keys are loaded; unseal. Or: use after fork */
  STRONGROOM_NOT_INITIALIZED = 6, /* no store is there yet; init */
  STRONGROOM_CONFLICT = 7,        /* somebody else changed it first; read again */
  STRONGROOM_INDETERMINATE = 8,   /* the outcome could not be known in time; read back */
  STRONGROOM_TOO_LARGE = 9,       /* over a stated limit */
  STRONGROOM_CORRUPT = 10,        /* what is stored did not authenticate */
  STRONGROOM_ROLLBACK = 11,       /* what is stored is older than what was already seen */
  STRONGROOM_UNAVAILABLE = 12,    /* storage or memory trouble; try later or make room */
  STRONGROOM_TIMEOUT = 13,        /* the deadline passed and nothing was changed */
  STRONGROOM_UNSUPPORTED = 14,    /* a newer format, or a part that is not built in */
  STRONGROOM_INTERNAL = 15        /* a mistake of ours; please report it */
};

/* strongroom_status_name gives "ok", "not_found" and so on, or "unknown"; static. Since: 0.1 */
STRONGROOM_API const char* strongroom_status_name(strongroom_status status) STRONGROOM_NOEXCEPT;

/* strongroom_error is a failure in words. Since: 0.1 */
typedef struct strongroom_error strongroom_error;

/* strongroom_error_status gives what the failed call returned; STRONGROOM_OK for NULL, and
 * STRONGROOM_INVALID for a handle of another type. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_error_status(const strongroom_error* error)
    STRONGROOM_NOEXCEPT;

/* strongroom_error_message gives one sentence for the operator, UTF-8, borrowed; "" for NULL. Paths
 * in it are the caller's own: quote control characters when you print it. Since: 0.1 */
STRONGROOM_API const char* strongroom_error_message(const strongroom_error* error)
    STRONGROOM_NOEXCEPT;

/* strongroom_error_free lets go of an error; NULL is fine. Since: 0.1 */
STRONGROOM_API void strongroom_error_free(strongroom_error* error) STRONGROOM_NOEXCEPT;

/* ---- handles ---- */

/* strongroom_store is one open store: the storage, and the keys once it is unsealed. Since: 0.1 */
typedef struct strongroom_store strongroom_store;

/* strongroom_session is a store as one identity sees it. Since: 0.1 */
typedef struct strongroom_session strongroom_session;

/* strongroom_secret is one plaintext in locked memory. Since: 0.1 */
typedef struct strongroom_secret strongroom_secret;

/* strongroom_pending is a store that does not exist yet, or a change of slots that did not happen
 * yet, with its credentials. Since: 0.1 */
typedef struct strongroom_pending strongroom_pending;

/* strongroom_report is what strongroom_status_read saw. Since: 0.1 */
typedef struct strongroom_report strongroom_report;

/* strongroom_list is the names in a folder. Since: 0.1 */
typedef struct strongroom_list strongroom_list;

/* strongroom_batch is several secrets, each with a status of its own. Since: 0.1 */
typedef struct strongroom_batch strongroom_batch;

/* strongroom_environment is resolved environment variables. Since: 0.1 */
typedef struct strongroom_environment strongroom_environment;

/* strongroom_volumes is resolved secrets that shall be files. Since: 0.1 */
typedef struct strongroom_volumes strongroom_volumes;

/* strongroom_watch is an eye on the secrets below a prefix. Since: 0.1 */
typedef struct strongroom_watch strongroom_watch;

/* strongroom_events is what one look told. Since: 0.1 */
typedef struct strongroom_events strongroom_events;

/* strongroom_policy is rules that say who may do what, as they were read from texts. Since: 0.1 */
typedef struct strongroom_policy strongroom_policy;

/* strongroom_bytes is a borrowed run of bytes; data may be NULL where len is 0. Since: 0.1 */
typedef struct strongroom_bytes {
  const void* data;
  size_t len;
} strongroom_bytes;

/* ---- growing structs ----
 *
 * They begin with struct_size, which the caller sets to the size that it was compiled with: begin
 * with `strongroom_x_options options = STRONGROOM_X_OPTIONS_INIT;`. A shorter one means the
 * defaults for what is missing. A longer one is taken as long as its unknown tail is zero,
 * otherwise it is STRONGROOM_INVALID: the caller asks for what this library does not know. In
 * structs that are filled by the library an unknown tail is set to zero. */

/* ---- memory of this process ---- */

/* strongroom_memory_info tells about the locked memory for values. Since: 0.1 */
typedef struct strongroom_memory_info {
  size_t struct_size;
  size_t budget_bytes;       /* what may be locked */
  size_t reserved_bytes;     /* what is mapped now, in use or kept for the next value */
  uint32_t unlocked_allowed; /* 1: see strongroom_memory_allow_unlocked */
  uint32_t reserved;         /* 0 */
} strongroom_memory_info;

/* Since: 0.1 */
#define STRONGROOM_MEMORY_INFO_INIT \
  { sizeof(strongroom_memory_info), 0, 0, 0, 0 }

/* strongroom_memory_set_budget sets how many bytes may be locked for values from now on, 4 MiB
 * unless told; what is in use stays. Beyond the budget, reading fails with STRONGROOM_TOO_LARGE.
 * Set it early, and below the process's RLIMIT_MEMLOCK.
 * Errors  STRONGROOM_UNAVAILABLE: no memory. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_memory_set_budget(size_t budget_bytes)
    STRONGROOM_NOEXCEPT;

/* strongroom_memory_allow_unlocked lets values (1), never keys, live in memory that may be swapped
 * once the system refuses to lock more; they are still wiped and kept out of core dumps. 0, the
 * default: such a read fails with STRONGROOM_UNAVAILABLE.
 * Errors  STRONGROOM_INVALID: neither 0 nor 1. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_memory_allow_unlocked(int allowed) STRONGROOM_NOEXCEPT;

/* strongroom_memory_stats fills out_info, whose struct_size the caller has set.
 * Errors  STRONGROOM_INVALID: struct_size. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_memory_stats(strongroom_memory_info* out_info)
    STRONGROOM_NOEXCEPT;

/* ---- stores ---- */

/* strongroom_store_options is how a store is opened; NULL or INIT for the defaults. Since: 0.1 */
typedef struct strongroom_store_options {
  size_t struct_size;
  uint32_t timeout_ms; /* of each call to the storage; 0: 10,000 */
  uint32_t must_exist; /* 1: make no storage where there is none */
  /* What strongroom_anchor gave, or NULL: a store that is older, or another one, is STRONGROOM_ROLLBACK
   * to unseal, status, seal, backup and copy. Borrowed for the call. */
  const char* anchor;
  /* The program that speaks OpenPGP, or NULL: what STRONGROOM_OPENPGP_HELPER names, or the one that
   * was installed with this library. Borrowed for the call. */
  const char* openpgp_helper;
  uint32_t share_expiry_ms; /* of shares that come one by one; 0: 900,000 */
  uint32_t reserved;        /* 0 */
  /* For zk: alone: user:password of ZooKeeper's digest scheme, or NULL and 0. A secret; borrowed. */
  const void* zk_auth;
  size_t zk_auth_len;
  /* Instead of it, a file of that one line; NULL for none. It must be the caller's or root's own,
   * and closed to others (mode 0600), or is STRONGROOM_DENIED. Borrowed. */
  const char* zk_auth_file;
  /* The host's own policy, in the place of what is stored, which is never looked at then; NULL for
   * the stored one. Borrowed for the call. */
  const strongroom_policy* policy;
} strongroom_store_options;

/* Since: 0.1 */
#define STRONGROOM_STORE_OPTIONS_INIT \
  { sizeof(strongroom_store_options), 0, 0, NULL, NULL, 0, 0, NULL, 0, NULL, NULL }

/* strongroom_store_open opens the storage that url names, making it where there is none, and leaves
 * the store sealed. There need not be a store in it yet: see strongroom_init_prepare.
 *
 * url      memory:                    this process's memory, gone with the handle
 *          lmdb:/absolute/directory   LMDB; ?quota=BYTES limits the file
 *          zk://host:port,host:port/root
 *                                     a ZooKeeper ensemble; ?session_ms=N, cache_bytes=N,
 *                                     stale_ms=N, access=world, joined by '&'. No credentials:
 *                                     those are options.
 * options  NULL for the defaults.
 * out      own.
 * Errors   STRONGROOM_INVALID: the url.  STRONGROOM_UNSUPPORTED: a storage that is not built in.
 *          STRONGROOM_NOT_INITIALIZED: must_exist, and there is none.  Those of the storage: owner,
 *          mode, lock, version of the file. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_store_open(const char* url, const strongroom_store_options* options,
                      strongroom_store** out, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_store_free lets go of a store; its keys are wiped when the last session and watch are
 * freed as well (strongroom_close wipes them at once). Whoever frees the last of them waits for the
 * callbacks of calls under way, which takes up to timeout_ms; freed by such a callback, it does not
 * wait. NULL is fine. Since: 0.1 */
STRONGROOM_API void strongroom_store_free(strongroom_store* store) STRONGROOM_NOEXCEPT;

/* strongroom_close wipes the keys of this open store, for all its sessions, and returns when no
 * call uses them any more. What is stored, and other processes, are not concerned; unseal again to
 * go on. Closing what has no keys succeeds. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_close(strongroom_store* store,
                                                  strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* ---- sessions: who asks ---- */

/* strongroom_session_trusted makes a session that may do everything: for embedders that bring their
 * own authority, and operators. out is own. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_session_trusted(strongroom_store* store, strongroom_session** out,
                           strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* The kinds of identities. Since: 0.1 */
enum {
  STRONGROOM_IDENTITY_TRUSTED = 0,       /* everything; it has no id */
  STRONGROOM_IDENTITY_ADMINISTRATOR = 1, /* all administration, and no secret unless granted */
  STRONGROOM_IDENTITY_USER = 2,          /* what the policy grants */
  STRONGROOM_IDENTITY_SERVICE = 3        /* resolves in its space; else what the policy grants */
};

/* strongroom_identity is who asks. The host has authenticated whoever it names. Since: 0.1 */
typedef struct strongroom_identity {
  size_t struct_size;
  uint32_t kind;     /* STRONGROOM_IDENTITY_... */
  uint32_t reserved; /* 0 */
  /* UTF-8 of 1..4,096 bytes without control characters or '*', and no blank at an end, so that rules
   * can name it; NULL when trusted */
  const char* id;
  const char* space; /* a service's own path, "/group/app", up to 4,096 bytes; NULL for none */
  const char* const* groups; /* names, as id; up to 1,000 */
  size_t num_groups;
} strongroom_identity;

/* Since: 0.1 */
#define STRONGROOM_IDENTITY_INIT \
  { sizeof(strongroom_identity), 0, 0, NULL, NULL, NULL, 0 }

/* strongroom_session_open makes a session for an identity. A decision takes a little longer with each
 * group.
 *
 * identity  needed; borrowed for the call.
 * out       own.
 * Errors    STRONGROOM_INVALID: the identity. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_session_open(strongroom_store* store, const strongroom_identity* identity,
                        strongroom_session** out, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_session_user is strongroom_session_open for a user without groups. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_session_user(strongroom_store* store, const char* id, strongroom_session** out,
                        strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_session_service is strongroom_session_open for a service without groups, which may
 * resolve the secrets in its space: the secret's folder is a leading part of the service's own
 * path, or all of it, and what has no folder is everybody's (the rule of DC/OS).
 *
 * space  "" for none. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_session_service(
    strongroom_store* store, const char* id, const char* space, strongroom_session** out,
    strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_session_free lets go of a session; NULL is fine. Since: 0.1 */
STRONGROOM_API void strongroom_session_free(strongroom_session* session) STRONGROOM_NOEXCEPT;

/* ---- life of a store ---- */

/* strongroom_init_options says what shall open the new store: shares, a key file, or both.
 * Since: 0.1 */
typedef struct strongroom_init_options {
  size_t struct_size;
  uint32_t shares;         /* 1..255 shares to make, or 0 for none */
  uint32_t threshold;      /* how many of them open the store, 1..shares */
  uint32_t key_file;       /* 1: make a key's text as well */
  uint32_t max_secret_len; /* bytes, up to 64 MiB; 0: 1,048,576 */
  /* One OpenPGP public key per share, to wrap it to: binary, armored, base64 or hex. Or none. */
  const strongroom_bytes* pgp_keys;
  size_t num_pgp_keys;
  uint32_t key_kind; /* where the key will be kept: a STRONGROOM_SLOT_ constant; 0: a key file */
  uint32_t reserved; /* 0 */
  /* An OpenPGP private key to keep in the storage itself, beside what it opens, as DC/OS did; NULL
   * for none, which is what you want. It has no passphrase and must open as many of the wrapped
   * shares as are needed; that is tried. See strongroom_unseal_escrowed. */
  const void* escrow;
  size_t escrow_len;
} strongroom_init_options;

/* Since: 0.1 */
#define STRONGROOM_INIT_OPTIONS_INIT \
  { sizeof(strongroom_init_options), 0, 0, 0, 0, NULL, 0, 0, 0, NULL, 0 }

/* strongroom_init_prepare makes the keys of a new store and writes nothing anywhere. Hand the
 * credentials out, get key files onto the disk (fsync, and the folder too), then activate. Freeing
 * what came out instead leaves no trace.
 *
 * options  needed.
 * out      own.
 * Errors   STRONGROOM_ALREADY_EXISTS: there is a store.  STRONGROOM_INVALID: the options.
 *          Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_init_prepare(strongroom_session* session, const strongroom_init_options* options,
                        strongroom_pending** out, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_pending_store_id gives the number of the new store, or of the store whose slots shall
 * change: 32 hex digits; borrowed. Since: 0.1 */
STRONGROOM_API const char* strongroom_pending_store_id(const strongroom_pending* pending)
    STRONGROOM_NOEXCEPT;

/* strongroom_pending_num_shares tells how many shares were made in clear: none where they were
 * wrapped. Since: 0.1 */
STRONGROOM_API size_t strongroom_pending_num_shares(const strongroom_pending* pending)
    STRONGROOM_NOEXCEPT;

/* strongroom_pending_share gives share number index (from 0): one line of 92 hex digits, without
 * newline or NUL. A secret; borrowed. NULL and length 0 when there is no such share, and in a
 * forked child. out_len is needed. Since: 0.1 */
STRONGROOM_API const uint8_t* strongroom_pending_share(const strongroom_pending* pending,
                                                       size_t index,
                                                       size_t* out_len) STRONGROOM_NOEXCEPT;

/* strongroom_pending_key_file gives the text of the key file: one line of 114 hex digits, without
 * newline or NUL. A secret; borrowed. NULL and length 0 when none was asked for, and in a forked
 * child. out_len is needed. Since: 0.1 */
STRONGROOM_API const uint8_t* strongroom_pending_key_file(const strongroom_pending* pending,
                                                          size_t* out_len) STRONGROOM_NOEXCEPT;

/* strongroom_pending_num_wrapped tells how many shares were wrapped to OpenPGP keys. Since: 0.1 */
STRONGROOM_API size_t strongroom_pending_num_wrapped(const strongroom_pending* pending)
    STRONGROOM_NOEXCEPT;

/* strongroom_wrapped_share is a share as the holder of an OpenPGP key alone can read it: an OpenPGP
 * message, binary, and the fingerprint of the key. No secret; borrowed. Since: 0.1 */
typedef struct strongroom_wrapped_share {
  size_t struct_size;
  const uint8_t* fingerprint;
  size_t fingerprint_len;
  const uint8_t* message;
  size_t message_len;
} strongroom_wrapped_share;

/* Since: 0.1 */
#define STRONGROOM_WRAPPED_SHARE_INIT \
  { sizeof(strongroom_wrapped_share), NULL, 0, NULL, 0 }

/* strongroom_pending_wrapped fills out_share with wrapped share number index (from 0), in the order
 * of the keys; what it points at dies with pending.
 * Errors  STRONGROOM_INVALID: struct_size.  STRONGROOM_NOT_FOUND: no such index. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_pending_wrapped(const strongroom_pending* pending, size_t index,
                           strongroom_wrapped_share* out_share) STRONGROOM_NOEXCEPT;

/* strongroom_pending_free wipes the credentials; NULL is fine. Since: 0.1 */
STRONGROOM_API void strongroom_pending_free(strongroom_pending* pending) STRONGROOM_NOEXCEPT;

/* strongroom_init_activate makes the store exist, in one commit. It is sealed then, and the pending
 * credentials alone open it. After STRONGROOM_INDETERMINATE, keep them and look with
 * strongroom_status_read whose store is there.
 * Errors  STRONGROOM_ALREADY_EXISTS: a store is there, and stays as it is. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_init_activate(strongroom_session* session, const strongroom_pending* pending,
                         strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* STRONGROOM_UNSEAL_LIFT_LOCK also takes away the lock that strongroom_seal put on the store, for
 * every process: an operator's act. Since: 0.1 */
#define STRONGROOM_UNSEAL_LIFT_LOCK ((uint32_t)1)

/* strongroom_unseal loads the keys into this open store, for all its sessions. On an unsealed one,
 * right credentials change nothing.
 *
 * credentials  the text of one key file, or of as many shares as are needed, all at once: wrong
 *              ones among enough right ones do no harm. White space around a text is dropped. Up to
 *              512.
 * flags        0 or STRONGROOM_UNSEAL_LIFT_LOCK.
 * Errors       STRONGROOM_DENIED: wrong or too few credentials; everything stays as it was.
 *              STRONGROOM_INVALID: a text is mistyped, or no credential at all.
 *              STRONGROOM_SEALED: an operator's lock is on the store.
 *              STRONGROOM_NOT_INITIALIZED.  STRONGROOM_UNSUPPORTED: a newer format. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_unseal(
    strongroom_session* session, const strongroom_bytes* credentials, size_t num_credentials,
    uint32_t flags, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_seal wipes the keys of this open store, then puts the lock on it: other processes seal
 * themselves at their next call, and nothing unseals without STRONGROOM_UNSEAL_LIFT_LOCK.
 * Errors  whatever kept the lock from being set; the keys are gone all the same. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_seal(strongroom_session* session,
                                                 strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_rotate adds a data key, under which everything is sealed from now on; what is stored
 * stays readable. One commit, whatever the number of secrets.
 * Errors  STRONGROOM_CONFLICT: another administrator was faster; try again.
 *         STRONGROOM_TOO_LARGE: too many data keys. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_rotate(strongroom_session* session, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_unseal_progress tells how far a round of shares is. Since: 0.1 */
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

/* strongroom_unseal_share is strongroom_unseal with one share after the other. A wrong one is
 * refused and harms none before it; the same one twice counts once; shares wait in locked memory of
 * this open store until there are enough or none came for share_expiry_ms.
 *
 * out_progress  its struct_size is set by the caller; may be NULL.
 * Errors        as strongroom_unseal. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_unseal_share(
    strongroom_session* session, const void* share, size_t share_len, uint32_t flags,
    strongroom_unseal_progress* out_progress, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_unseal_forget ends a round of shares and wipes them. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_unseal_forget(
    strongroom_session* session, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_unwrap decrypts a share that is still in its OpenPGP message (binary, armored, base64
 * or hex), for whoever has the private key at hand. out is own: the share's text.
 *
 * private_key  armored or binary.
 * passphrase   of the private key; NULL and 0 where it has none.
 * Errors       STRONGROOM_DENIED: another key, or a wrong passphrase.  STRONGROOM_INVALID: no
 *              message, no private key, or no share in it.  STRONGROOM_UNSUPPORTED: no OpenPGP.
 *              Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_unwrap(
    strongroom_session* session, const void* message, size_t message_len, const void* private_key,
    size_t private_key_len, const void* passphrase, size_t passphrase_len, strongroom_secret** out,
    strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_unseal_escrowed unseals by the private key that was left in the storage at init.
 * Errors  STRONGROOM_NOT_FOUND: there is none. As strongroom_unseal. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_unseal_escrowed(
    strongroom_session* session, uint32_t flags, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_openpgp_pair makes an RSA key pair of 2048..4096 bits. out_private is own: ASCII armor
 * without a passphrase. out_public is own: binary, and no secret. Takes about two seconds.
 *
 * user_id  "Name <address>", 1..127 bytes of UTF-8 without control characters.
 * Errors   STRONGROOM_INVALID.  STRONGROOM_UNSUPPORTED: no OpenPGP. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_openpgp_pair(strongroom_session* session, uint32_t bits, const char* user_id,
                        strongroom_secret** out_private, strongroom_secret** out_public,
                        strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* ---- changes of the slots and of the keys above the data keys ----
 *
 * A change of the slots is prepared, its credentials are handed out, and then it is activated: one
 * commit. Until then the old slots rule; freeing the pending change, or the end of the process,
 * forgets it. Removing a slot makes a new root key and data key unless told otherwise. Another open
 * store that was unsealed by a removed slot seals itself then. */

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
  uint32_t keep_keys; /* 1: removing a slot does not make a new root key and data key */
  uint32_t verify;    /* 1: the new credentials must be given back before they take effect */
} strongroom_slots_options;

/* Since: 0.1 */
#define STRONGROOM_SLOTS_OPTIONS_INIT \
  { sizeof(strongroom_slots_options), 0, 0, 0, 0, NULL, 0, NULL, 0, 0, 0 }

/* strongroom_slots_prepare makes the credentials of a change and writes nothing anywhere.
 *
 * options  needed.
 * out      own; strongroom_pending_share, _key_file and _wrapped give what to hand out.
 * Errors   STRONGROOM_INVALID: the options, an OpenPGP key, or the last slot was to be removed.
 *          STRONGROOM_NOT_FOUND: a slot to remove. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_slots_prepare(
    strongroom_session* session, const strongroom_slots_options* options, strongroom_pending** out,
    strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_slots_verify takes a new credential that arrived where it should: as many shares as
 * are needed, and the key. out_ready (may be NULL) is 1 when the change can be activated.
 * Errors  STRONGROOM_DENIED: it is none of the new ones.  STRONGROOM_INVALID: mistyped.
 *         Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_slots_verify(strongroom_pending* pending, const void* credential, size_t credential_len,
                        int* out_ready, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_slots_activate makes the change take effect, in one commit. After
 * STRONGROOM_INDETERMINATE keep old and new credentials, and look which slots there are.
 * Errors  STRONGROOM_CONFLICT: somebody else changed the slots since; prepare again.
 *         STRONGROOM_INVALID: not all was given back that must be. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_slots_activate(strongroom_session* session, const strongroom_pending* pending,
                          strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_rotate_root makes a new root key and data key; no credential changes. One commit.
 * Errors  STRONGROOM_CONFLICT: another administrator was faster; try again. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_rotate_root(
    strongroom_session* session, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_progress is told of long work now and then: how many records, and how many bytes or
 * rewritten records, so far. 0 stops the work; anything else goes on. This and the other functions
 * of the caller are called by the thread that called, must not use the store meanwhile, and should
 * throw nothing: what they throw ends the work. Since: 0.1 */
typedef int (*strongroom_progress)(void* self, uint64_t num_records, uint64_t num_done);

/* strongroom_reencrypt seals everything that is stored under the newest data key, while the store
 * is in use. It can be stopped anywhere and goes on where it stopped: call it from a thread of your
 * own.
 *
 * duty_percent    of one core's time, 1..100; 0: 1. The rest is slept.
 * progress        may be NULL; stopping is no failure, and tells what was done.
 * self            handed to progress.
 * out_rewritten   may be NULL.
 * out_unreadable  records that do not open, and stay; may be NULL. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_reencrypt(strongroom_session* session, uint32_t duty_percent,
                     strongroom_progress progress, void* self, uint64_t* out_rewritten,
                     uint64_t* out_unreadable, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_retire drops all data keys but the newest, for good: what is sealed under them opens
 * no more, also in old copies of the storage that are put back. It looks at every record first.
 *
 * progress  may be NULL; stopping is STRONGROOM_UNAVAILABLE, and nothing is dropped then.
 * Errors    STRONGROOM_INVALID: secrets are still sealed under them (strongroom_reencrypt first),
 *           or there are none to drop. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_retire(strongroom_session* session, strongroom_progress progress, void* self,
                  strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_repair writes a damaged header record anew: a copy from the other one, a wrapped key
 * from the keyring. out_repaired (may be NULL) is 1 when there was something to do.
 * Errors  STRONGROOM_CORRUPT: a slot is damaged beyond that; replace it. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_repair(strongroom_session* session, int* out_repaired,
                                                   strongroom_error** out_error)
    STRONGROOM_NOEXCEPT;

/* strongroom_anchor gives one line that tells the store's keys as they are now. Kept outside of the
 * storage and handed to strongroom_store_open, it tells an old copy from the newest. out is own,
 * and no secret. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_anchor(strongroom_session* session, strongroom_secret** out,
                  strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* ---- backups ----
 *
 * A backup is one stream of sealed envelopes: making, checking and restoring it needs no keys. */

/* strongroom_backup_sink takes the next bytes, borrowed for the call; it returns 0, or anything
 * else to end the work with STRONGROOM_UNAVAILABLE. Since: 0.1 */
typedef int (*strongroom_backup_sink)(void* self, const uint8_t* bytes, size_t len);

/* strongroom_backup_source fills up to len bytes and gives how many in *out_len, 0 at the end; it
 * returns 0, or anything else to end the work with STRONGROOM_UNAVAILABLE. Since: 0.1 */
typedef int (*strongroom_backup_source)(void* self, uint8_t* bytes, size_t len, size_t* out_len);

/* strongroom_backup_info is what a backup tells of itself. Since: 0.1 */
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

/* strongroom_backup streams the store as it is at one point in time, while it is in use. What the
 * sink was given before a failure is no backup.
 *
 * progress  may be NULL; it is told of records and bytes, and stops with STRONGROOM_UNAVAILABLE.
 * self      handed to sink and progress.
 * out_info  its struct_size is set by the caller; may be NULL.
 * Errors  STRONGROOM_CONFLICT: a storage without snapshots changed its keys meanwhile; again.
 *         Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_backup(
    strongroom_session* session, strongroom_backup_sink sink, strongroom_progress progress,
    void* self, strongroom_backup_info* out_info, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_backup_verify reads a backup to its end.
 * Errors  STRONGROOM_CORRUPT: damaged; the message names record and byte.  STRONGROOM_INVALID: no
 *         backup. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_backup_verify(
    strongroom_backup_source source, strongroom_progress progress, void* self,
    strongroom_backup_info* out_info, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_restore puts a backup into a storage without a store. Until its end there is no store;
 * one that was stopped is simply run again.
 * Errors  STRONGROOM_ALREADY_EXISTS. As strongroom_backup_verify. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_restore(
    strongroom_session* session, strongroom_backup_source source, strongroom_progress progress,
    void* self, strongroom_backup_info* out_info, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_migrate copies every secret of one store, with its revision and times, into another
 * storage under the fresh keys of pending, names included. Only at its end is there a store; one
 * that was stopped is run again, with another pending. What was deleted leaves no trace in the
 * copy.
 *
 * from      unsealed.
 * to        a session of a storage without a store, of the same identity.
 * pending   of strongroom_init_prepare on `to`, whose credentials were handed out.
 * progress  may be NULL; it is told of secrets, and stopping is STRONGROOM_UNAVAILABLE.
 * Errors    STRONGROOM_ALREADY_EXISTS.  STRONGROOM_CORRUPT: a secret did not open; nothing is made.
 *           Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_migrate(strongroom_session* from, strongroom_session* to,
                   const strongroom_pending* pending, strongroom_progress progress, void* self,
                   uint64_t* out_num_secrets, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_copy_info is what a copy tells of itself. Since: 0.1 */
typedef struct strongroom_copy_info {
  size_t struct_size;
  uint8_t store_id[16];
  uint64_t generation;
  uint64_t num_records; /* in the copy */
  uint64_t size_bytes;  /* of their keys and values */
  uint64_t num_written; /* by this call: others were there already */
  uint64_t num_removed; /* by this call: left by one before, and not in the store any more */
} strongroom_copy_info;

/* Since: 0.1 */
#define STRONGROOM_COPY_INFO_INIT \
  { sizeof(strongroom_copy_info), {0}, 0, 0, 0, 0, 0 }

/* strongroom_copy_store copies a store into another storage as it is, of any kind, without its keys: the
 * same credentials open both, and a lock stays. Every record is compared with what it was copied
 * from before the copy becomes a store; one that was stopped or failed is run again, and goes on
 * from what is there. What is written to the store when the copy is nearly done is not in it: stop
 * what writes, or seal the store by strongroom_seal, before.
 *
 * from      may be sealed.
 * to        a session of a storage without a store, of the same identity; another handle than from.
 * progress  may be NULL; it is told of records and bytes, from zero again for each way through the
 *           store, of which there are two or more. Stopping is STRONGROOM_UNAVAILABLE.
 * self      handed to progress.
 * out_info  its struct_size is set by the caller; may be NULL.
 * Errors    STRONGROOM_ALREADY_EXISTS: there is a store, or what is not this store's unfinished
 *           copy.  STRONGROOM_CONFLICT: the store was changed meanwhile; again. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_copy_store(
    strongroom_session* from, strongroom_session* to, strongroom_progress progress, void* self,
    strongroom_copy_info* out_info, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* ---- the doctor ---- */

/* The levels of a finding. Since: 0.1 */
enum {
  STRONGROOM_FINDING_GOOD = 0,
  STRONGROOM_FINDING_NOTE = 1, /* worth knowing */
  STRONGROOM_FINDING_WARNING =
      2,                        /* fails, or gives something away, when something else goes wrong */
  STRONGROOM_FINDING_DANGER = 3 /* as it is */
};

/* strongroom_findings is what the doctor found. Since: 0.1 */
typedef struct strongroom_findings strongroom_findings;

/* strongroom_finding is one of them; texts are borrowed of strongroom_findings. Since: 0.1 */
typedef struct strongroom_finding {
  size_t struct_size;
  uint32_t level;
  uint32_t reserved;  /* 0 */
  const char* check;  /* a short name that does not change, "locked-memory" */
  const char* what;   /* one sentence */
  const char* advice; /* what to do; "" when good */
} strongroom_finding;

/* Since: 0.1 */
#define STRONGROOM_FINDING_INIT \
  { sizeof(strongroom_finding), 0, 0, NULL, NULL, NULL }

/* strongroom_examine looks at this process, its machine, the storage and the store; it mends
 * nothing. Unsealed, it sees more.
 *
 * key_files  names of files that hold credentials of this store (they are not opened), or NULL and
 *            0.
 * out        own. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_examine(strongroom_store* store, const char* const* key_files, size_t num_key_files,
                   strongroom_findings** out, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_findings_size gives the number of findings. Since: 0.1 */
STRONGROOM_API size_t strongroom_findings_size(const strongroom_findings* findings)
    STRONGROOM_NOEXCEPT;

/* strongroom_findings_at fills out_finding, whose struct_size the caller has set.
 * Errors  STRONGROOM_INVALID: struct_size.  STRONGROOM_NOT_FOUND: no such index. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_findings_at(const strongroom_findings* findings, size_t index,
                       strongroom_finding* out_finding) STRONGROOM_NOEXCEPT;

/* strongroom_findings_free lets go of findings; NULL is fine. Since: 0.1 */
STRONGROOM_API void strongroom_findings_free(strongroom_findings* findings) STRONGROOM_NOEXCEPT;

/* ---- who may reach the nodes of a store in ZooKeeper ----
 *
 * Both take the url of a zk: store and its options, and need no keys. progress may be NULL; it is told
 * of nodes, twice the same number, and stops with STRONGROOM_UNAVAILABLE. A library without ZooKeeper
 * says STRONGROOM_UNSUPPORTED. */

/* strongroom_zk_check_access looks at the access list of every node: findings named "zk-access".
 * out is own. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_zk_check_access(
    const char* url, const strongroom_store_options* options, strongroom_progress progress,
    void* self, strongroom_findings** out, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_zk_reauth gives every node to another identity, the root at last: one that was stopped
 * can be run again with the old and new identities as before. Nodes that others make meanwhile may
 * keep the old one: run it once more when every client uses the new one.
 *
 * new_auth, new_auth_len, new_auth_file  as in strongroom_store_options; none where the tree stays
 *                                        open to the world.
 * out_num_nodes  may be NULL. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_zk_reauth(
    const char* url, const strongroom_store_options* options, const void* new_auth,
    size_t new_auth_len, const char* new_auth_file, strongroom_progress progress, void* self,
    uint64_t* out_num_nodes, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* ---- what can be told without keys ---- */

/* The kinds of a slot. Since: 0.1 */
enum {
  STRONGROOM_SLOT_SHARES = 1,           /* threshold of its shares open it */
  STRONGROOM_SLOT_KEY = 2,              /* a key file opens it */
  STRONGROOM_SLOT_WRAPPED_SHARES = 3,   /* shares, each wrapped to an OpenPGP key and kept here */
  STRONGROOM_SLOT_ENVIRONMENT = 4,      /* a key in an environment variable */
  STRONGROOM_SLOT_SYSTEM_CREDENTIAL = 5 /* a key as a systemd credential */
};

/* Why an open store has no keys. Since: 0.1 */
enum {
  STRONGROOM_SEALED_NOT = 0,            /* it has */
  STRONGROOM_SEALED_NEVER_UNSEALED = 1, /* since it was opened */
  STRONGROOM_SEALED_CLOSED = 2,         /* strongroom_close or strongroom_seal on it */
  STRONGROOM_SEALED_OPERATOR_LOCK = 3,  /* somebody sealed the store for everybody */
  STRONGROOM_SEALED_SLOT_REMOVED = 4    /* the slot that it was unsealed by was removed */
};

/* strongroom_slot is one of the ways to unseal a store. Since: 0.1 */
typedef struct strongroom_slot {
  size_t struct_size;
  uint64_t created_ms; /* since 1970, UTC */
  uint32_t id;
  uint32_t kind;        /* a STRONGROOM_SLOT_ constant; later ones may come */
  uint32_t threshold;   /* of shares; otherwise 0 */
  uint32_t shares;      /* of shares; otherwise 0 */
  uint32_t damaged;     /* 1: not as it was stored; an unsealed store sees more of it */
  uint32_t num_wrapped; /* wrapped shares, for strongroom_report_wrapped */
} strongroom_slot;

/* Since: 0.1 */
#define STRONGROOM_SLOT_INIT \
  { sizeof(strongroom_slot), 0, 0, 0, 0, 0, 0, 0 }

/* strongroom_status_read looks at a store, sealed or not. It needs no session, since it tells of no
 * secret. A storage without a store is no error: strongroom_report_initialized is 0 then.
 * out is own. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_status_read(strongroom_store* store, strongroom_report** out,
                       strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_report_url gives how an operator would name the storage; borrowed. Since: 0.1 */
STRONGROOM_API const char* strongroom_report_url(const strongroom_report* report)
    STRONGROOM_NOEXCEPT;

/* strongroom_report_initialized is 1 when there is a store. Since: 0.1 */
STRONGROOM_API int strongroom_report_initialized(const strongroom_report* report)
    STRONGROOM_NOEXCEPT;

/* strongroom_report_sealed is 1 when the open store had no keys (also for NULL). Since: 0.1 */
STRONGROOM_API int strongroom_report_sealed(const strongroom_report* report) STRONGROOM_NOEXCEPT;

/* strongroom_report_locked is 1 when an operator sealed the store for everybody. Since: 0.1 */
STRONGROOM_API int strongroom_report_locked(const strongroom_report* report) STRONGROOM_NOEXCEPT;

/* strongroom_report_header_damaged is 1 when a copy of the header record is damaged; unsealing
 * mends it from the other. Since: 0.1 */
STRONGROOM_API int strongroom_report_header_damaged(const strongroom_report* report)
    STRONGROOM_NOEXCEPT;

/* strongroom_report_store_id gives the store's number, 32 hex digits, or "" where there is no
 * store; borrowed. Since: 0.1 */
STRONGROOM_API const char* strongroom_report_store_id(const strongroom_report* report)
    STRONGROOM_NOEXCEPT;

/* strongroom_report_generation counts the changes of the store's keys and slots. Since: 0.1 */
STRONGROOM_API uint64_t strongroom_report_generation(const strongroom_report* report)
    STRONGROOM_NOEXCEPT;

/* strongroom_report_active_term gives the number of the data key that seals now; 0 while sealed.
 * Since: 0.1 */
STRONGROOM_API uint32_t strongroom_report_active_term(const strongroom_report* report)
    STRONGROOM_NOEXCEPT;

/* strongroom_report_num_terms tells how many data keys there are; 0 while sealed. Since: 0.1 */
STRONGROOM_API size_t strongroom_report_num_terms(const strongroom_report* report)
    STRONGROOM_NOEXCEPT;

/* strongroom_report_max_secret_len gives the most bytes that a secret may have. Since: 0.1 */
STRONGROOM_API uint32_t strongroom_report_max_secret_len(const strongroom_report* report)
    STRONGROOM_NOEXCEPT;

/* strongroom_report_num_slots tells how many slots there are. Since: 0.1 */
STRONGROOM_API size_t strongroom_report_num_slots(const strongroom_report* report)
    STRONGROOM_NOEXCEPT;

/* strongroom_report_slot fills out_slot, whose struct_size the caller has set, with slot number
 * index (from 0).
 * Errors  STRONGROOM_INVALID: struct_size.  STRONGROOM_NOT_FOUND: no such index. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_report_slot(
    const strongroom_report* report, size_t index, strongroom_slot* out_slot) STRONGROOM_NOEXCEPT;

/* strongroom_report_wrapped fills out_share with wrapped share number index of slot number
 * slot_index (both from 0); what it points at dies with the report. Sealed stores tell them as
 * well.
 * Errors  STRONGROOM_INVALID: struct_size.  STRONGROOM_NOT_FOUND: no such index. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_report_wrapped(const strongroom_report* report, size_t slot_index, size_t index,
                          strongroom_wrapped_share* out_share) STRONGROOM_NOEXCEPT;

/* strongroom_report_reason gives why the open store had no keys, a STRONGROOM_SEALED_ constant;
 * STRONGROOM_SEALED_NEVER_UNSEALED for NULL. Since: 0.1 */
STRONGROOM_API uint32_t strongroom_report_reason(const strongroom_report* report)
    STRONGROOM_NOEXCEPT;

/* strongroom_report_since_ms gives since when that is so (or since when there are keys), in
 * milliseconds since 1970, UTC; 0 for NULL. Since: 0.1 */
STRONGROOM_API uint64_t strongroom_report_since_ms(const strongroom_report* report)
    STRONGROOM_NOEXCEPT;

/* strongroom_report_progress fills out_progress, whose struct_size the caller has set.
 * Errors  STRONGROOM_INVALID: struct_size. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_report_progress(
    const strongroom_report* report, strongroom_unseal_progress* out_progress) STRONGROOM_NOEXCEPT;

/* strongroom_report_escrowed is 1 when an OpenPGP private key lies in the storage. Since: 0.1 */
STRONGROOM_API int strongroom_report_escrowed(const strongroom_report* report) STRONGROOM_NOEXCEPT;

/* strongroom_report_free lets go of a report; NULL is fine. Since: 0.1 */
STRONGROOM_API void strongroom_report_free(strongroom_report* report) STRONGROOM_NOEXCEPT;

/* ---- secrets ----
 *
 * A path is segments of 1..255 bytes joined by '/', at most 4,096 bytes and 64 segments; one leading
 * '/' is dropped. Refused as STRONGROOM_INVALID: empty segments, "." and "..", a trailing '/',
 * control characters, what is not UTF-8, and %-encoded separators. Nothing is folded or decoded. A
 * secret and a folder may share a path. */

/* The kinds of content. Since: 0.1 */
enum {
  STRONGROOM_CONTENT_TEXT = 1,  /* UTF-8 */
  STRONGROOM_CONTENT_BINARY = 2 /* any bytes */
};

/* strongroom_get reads the secret at path. out is own.
 * Errors  STRONGROOM_NOT_FOUND.  STRONGROOM_CORRUPT: what is stored did not open; it is left as it
 *         is.  STRONGROOM_TOO_LARGE: over the memory budget. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_get(strongroom_session* session, const char* path,
                                                strongroom_secret** out,
                                                strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_get_options is how a secret is read; NULL or INIT as strongroom_get does. Since: 0.1 */
typedef struct strongroom_get_options {
  size_t struct_size;
  const char* key;   /* one member, as strongroom_get_member has it; NULL: the whole secret */
  uint32_t fresh;    /* 1: every write that was acknowledged to anybody before is seen */
  uint32_t reserved; /* 0 */
} strongroom_get_options;

/* Since: 0.1 */
#define STRONGROOM_GET_OPTIONS_INIT \
  { sizeof(strongroom_get_options), NULL, 0, 0 }

/* strongroom_get_with is strongroom_get or strongroom_get_member with options. A fresh read is
 * linearizable, and costs a storage over a network a round trip more; another one is never older
 * than what this open store saw before, but may lag behind what others wrote.
 * Errors  those of strongroom_get and strongroom_get_member. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_get_with(
    strongroom_session* session, const char* path, const strongroom_get_options* options,
    strongroom_secret** out, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_get_member reads the secret at path, which is a JSON object, and gives the bytes of
 * its string member key. The result is text, with the revision and times of the whole secret.
 * out is own.
 * Errors  those of strongroom_get.  STRONGROOM_NOT_FOUND: also, there is no such member.
 *         STRONGROOM_INVALID: the secret is no JSON object, or the member no string. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_get_member(strongroom_session* session, const char* path, const char* key,
                      strongroom_secret** out, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_get_many reads up to 1,000 secrets at once, as of one point in time where the storage
 * can: one item per path, in their order. An item may fail (STRONGROOM_NOT_FOUND,
 * STRONGROOM_CORRUPT, no memory) and the others not. out is own.
 * Errors  of the whole: STRONGROOM_INVALID: a path.  STRONGROOM_DENIED: any of them.
 *         STRONGROOM_TOO_LARGE: more than 1,000. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_get_many(strongroom_session* session, const char* const* paths, size_t num_paths,
                    strongroom_batch** out, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* ---- reading without waiting ----
 *
 * The call returns at once, and the answer comes through a callback: with memory: and lmdb: before
 * the call returns, with zk: on the storage's own thread. Where the call fails (the input, no
 * right, no keys, STRONGROOM_UNAVAILABLE when 4,096 calls or 65,536 secrets are under way already)
 * the callback is not called; otherwise it is, exactly once. It must be short, must not call
 * functions that wait for the same store (others without waiting are fine), and should throw
 * nothing: what it throws is dropped. */

/* strongroom_get_done is told of a secret. status is STRONGROOM_OK and secret is own; or secret is
 * NULL, and error is own (or NULL when there was no memory for it). Since: 0.1 */
typedef void (*strongroom_get_done)(void* self, strongroom_status status, strongroom_secret* secret,
                                    strongroom_error* error);

/* strongroom_batch_done is told of several, likewise. Since: 0.1 */
typedef void (*strongroom_batch_done)(void* self, strongroom_status status, strongroom_batch* batch,
                                      strongroom_error* error);

/* strongroom_get_async is strongroom_get without waiting.
 *
 * done  needed; self is handed to it.
 * Errors  of the start alone, see above; done is told the others. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_get_async(strongroom_session* session, const char* path, strongroom_get_done done,
                     void* self, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_get_many_async is strongroom_get_many without waiting. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_get_many_async(
    strongroom_session* session, const char* const* paths, size_t num_paths,
    strongroom_batch_done done, void* self, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* The conditions of a write. Since: 0.1 */
enum {
  STRONGROOM_CONDITION_ANY = 0,     /* create or update */
  STRONGROOM_CONDITION_CREATE = 1,  /* there must be no secret */
  STRONGROOM_CONDITION_UPDATE = 2,  /* there must be one */
  STRONGROOM_CONDITION_REVISION = 3 /* it must be in exactly this revision: compare and set */
};

/* strongroom_put_options is what must hold for a write; NULL or INIT for anything. Since: 0.1 */
typedef struct strongroom_put_options {
  size_t struct_size;
  uint64_t revision;  /* 1 or more with STRONGROOM_CONDITION_REVISION; otherwise 0 */
  uint32_t condition; /* STRONGROOM_CONDITION_... */
  uint32_t reserved;  /* 0 */
} strongroom_put_options;

/* Since: 0.1 */
#define STRONGROOM_PUT_OPTIONS_INIT \
  { sizeof(strongroom_put_options), 0, 0, 0 }

/* strongroom_put stores a secret, in one commit. The bytes are read from where they are and sealed;
 * no copy of them is made.
 *
 * content       STRONGROOM_CONTENT_TEXT (must be UTF-8) or STRONGROOM_CONTENT_BINARY.
 * data, len     0 bytes up to the store's limit, 1,048,576 unless init said otherwise.
 * options       NULL for no condition.
 * out_revision  the revision that the secret has now, from 1; may be NULL.
 * Errors        STRONGROOM_INVALID and STRONGROOM_TOO_LARGE before anything is written.
 *               STRONGROOM_ALREADY_EXISTS, STRONGROOM_NOT_FOUND, STRONGROOM_CONFLICT: the condition
 *               did not hold.  STRONGROOM_CORRUPT: what is stored there now does not open; it
 *               stays. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_put(strongroom_session* session, const char* path,
                                                uint32_t content, const void* data, size_t len,
                                                const strongroom_put_options* options,
                                                uint64_t* out_revision,
                                                strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_delete takes a secret away. The path goes on counting revisions.
 *
 * revision      the revision that must be there, or 0 for any.
 * out_revision  the revision of the deletion; may be NULL.
 * Errors        STRONGROOM_NOT_FOUND.  STRONGROOM_CONFLICT: another revision. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_delete(strongroom_session* session, const char* path, uint64_t revision,
                  uint64_t* out_revision, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_secret_new makes an empty secret of len zero bytes to read input into, so that it
 * never lies in ordinary memory. out is own.
 * Errors  STRONGROOM_TOO_LARGE: over the memory budget.  STRONGROOM_UNAVAILABLE: the system refused
 *         to map or lock memory. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_secret_new(
    size_t len, strongroom_secret** out, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_secret_writable gives the bytes of a secret that strongroom_secret_new made, borrowed;
 * NULL for every other one. Since: 0.1 */
STRONGROOM_API uint8_t* strongroom_secret_writable(strongroom_secret* secret) STRONGROOM_NOEXCEPT;

/* strongroom_secret_truncate keeps the first len bytes of a secret that strongroom_secret_new made
 * and wipes the rest; their addresses stay.
 * Errors  STRONGROOM_INVALID: len is over the size, or the secret came from elsewhere.
 *         Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_secret_truncate(
    strongroom_secret* secret, size_t len, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_secret_data gives the bytes, borrowed and not NUL-terminated; may be NULL when there
 * are none. Since: 0.1 */
STRONGROOM_API const uint8_t* strongroom_secret_data(const strongroom_secret* secret)
    STRONGROOM_NOEXCEPT;

/* strongroom_secret_size gives the number of bytes. Since: 0.1 */
STRONGROOM_API size_t strongroom_secret_size(const strongroom_secret* secret) STRONGROOM_NOEXCEPT;

/* strongroom_secret_content gives STRONGROOM_CONTENT_TEXT or STRONGROOM_CONTENT_BINARY; binary for
 * what was resolved, unwrapped or made by strongroom_secret_new; 0 for NULL. Since: 0.1 */
STRONGROOM_API uint32_t strongroom_secret_content(const strongroom_secret* secret)
    STRONGROOM_NOEXCEPT;

/* strongroom_secret_revision gives the revision that was read, from 1; 0 for what was resolved or
 * made by strongroom_secret_new. Since: 0.1 */
STRONGROOM_API uint64_t strongroom_secret_revision(const strongroom_secret* secret)
    STRONGROOM_NOEXCEPT;

/* strongroom_secret_created_ms gives when the secret was created, in milliseconds since 1970, UTC;
 * 0 where the revision is 0. Since: 0.1 */
STRONGROOM_API uint64_t strongroom_secret_created_ms(const strongroom_secret* secret)
    STRONGROOM_NOEXCEPT;

/* strongroom_secret_changed_ms is likewise when this revision was written. Since: 0.1 */
STRONGROOM_API uint64_t strongroom_secret_changed_ms(const strongroom_secret* secret)
    STRONGROOM_NOEXCEPT;

/* strongroom_secret_stale_ms is over 0 when the storage was out of reach, and the secret is what it
 * held that long ago: where the host allowed that in the URL (stale_ms). Not told for what was
 * resolved. Since: 0.1 */
STRONGROOM_API uint64_t strongroom_secret_stale_ms(const strongroom_secret* secret)
    STRONGROOM_NOEXCEPT;

/* strongroom_secret_free wipes a secret that is own; NULL is fine. Never for the borrowed ones of a
 * batch. Since: 0.1 */
STRONGROOM_API void strongroom_secret_free(strongroom_secret* secret) STRONGROOM_NOEXCEPT;

/* strongroom_batch_size gives the number of items. Since: 0.1 */
STRONGROOM_API size_t strongroom_batch_size(const strongroom_batch* batch) STRONGROOM_NOEXCEPT;

/* strongroom_batch_status gives the outcome of item number index (from 0); STRONGROOM_INVALID where
 * there is no such item. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_batch_status(const strongroom_batch* batch,
                                                         size_t index) STRONGROOM_NOEXCEPT;

/* strongroom_batch_message gives why the item failed, borrowed; "" where it did not. Since: 0.1 */
STRONGROOM_API const char* strongroom_batch_message(const strongroom_batch* batch,
                                                    size_t index) STRONGROOM_NOEXCEPT;

/* strongroom_batch_secret gives the secret of the item, borrowed; NULL where it failed.
 * Since: 0.1 */
STRONGROOM_API const strongroom_secret* strongroom_batch_secret(const strongroom_batch* batch,
                                                                size_t index) STRONGROOM_NOEXCEPT;

/* strongroom_batch_free wipes all secrets of a batch; NULL is fine. Since: 0.1 */
STRONGROOM_API void strongroom_batch_free(strongroom_batch* batch) STRONGROOM_NOEXCEPT;

/* ---- lists ---- */

/* STRONGROOM_LIST_RECURSIVE lists every secret below the folder, and no folders. What lies in a
 * folder that a rule forbids to list is left out. Since: 0.1 */
#define STRONGROOM_LIST_RECURSIVE ((uint32_t)1)

/* STRONGROOM_LIST_VISIBLE lists the secrets that the caller may read, update or delete, and those
 * folders that hold any such, and needs no right to list. A folder that is not there, and one where
 * nothing is the caller's, look alike. Since: 0.1 */
#define STRONGROOM_LIST_VISIBLE ((uint32_t)2)

/* strongroom_list_read gives the names below a folder, relative to it and sorted bytewise: its
 * secrets, and those folders that hold any. A folder that is not there has none. What is written
 * meanwhile may or may not be seen.
 *
 * folder  "" or "/" is the root.
 * flags   0, or STRONGROOM_LIST_RECURSIVE and STRONGROOM_LIST_VISIBLE, or-ed.
 * out     own.
 * Errors  STRONGROOM_CORRUPT: an entry that this store did not make. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_list_read(strongroom_session* session, const char* folder, uint32_t flags,
                     strongroom_list** out, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_list_page gives up to limit names of one level, in the storage's order, including
 * folders whose secrets are all gone: for folders that are too large for one list.
 *
 * after, after_len  nothing for the first page; then strongroom_list_next of the page before.
 * limit             1..10,000.
 * out               own.
 * Errors            STRONGROOM_INVALID: limit, or after is no such position. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_list_page(
    strongroom_session* session, const char* folder, const void* after, size_t after_len,
    size_t limit, strongroom_list** out, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_list_size gives the number of names. Since: 0.1 */
STRONGROOM_API size_t strongroom_list_size(const strongroom_list* list) STRONGROOM_NOEXCEPT;

/* strongroom_list_name gives name number index (from 0), borrowed; NULL where there is none.
 * Since: 0.1 */
STRONGROOM_API const char* strongroom_list_name(const strongroom_list* list,
                                                size_t index) STRONGROOM_NOEXCEPT;

/* strongroom_list_is_folder is 1 for a folder and 0 for a secret; the two may share a name.
 * Since: 0.1 */
STRONGROOM_API int strongroom_list_is_folder(const strongroom_list* list,
                                             size_t index) STRONGROOM_NOEXCEPT;

/* strongroom_list_next gives where the next page begins, borrowed bytes for strongroom_list_page;
 * NULL and length 0 after the last. out_len is needed. Since: 0.1 */
STRONGROOM_API const uint8_t* strongroom_list_next(const strongroom_list* list,
                                                   size_t* out_len) STRONGROOM_NOEXCEPT;

/* strongroom_list_free lets go of a list; NULL is fine. Since: 0.1 */
STRONGROOM_API void strongroom_list_free(strongroom_list* list) STRONGROOM_NOEXCEPT;

/* ---- policies: who may do what ----
 *
 * A policy is one or more documents: our own JSON, Vault's JSON form, or DC/OS permissions; the
 * README has the forms. Stored in the store they are sealed as secrets are, and in force for every
 * process that has it open, at its next call (zk: as soon as a change of keys is); or a host brings
 * its own, in strongroom_store_options. Without either, a service may resolve in its space, an
 * administrator run the store, and a trusted caller do everything. */

/* The actions. Since: 0.1 */
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

/* strongroom_check tells whether the session may do something: STRONGROOM_OK, or STRONGROOM_DENIED.
 * It looks at no secret, and the answer does not depend on whether there is one.
 *
 * path  a secret's; a folder's with STRONGROOM_ACTION_LIST and _SCAN; "" for the root, and for what
 *       concerns the whole store.
 * Errors  STRONGROOM_INVALID: action or path.  STRONGROOM_SEALED: the stored policy can not be read.
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
 * texts  borrowed for the call; none at all is a policy without rules.
 * out    own.
 * Errors STRONGROOM_INVALID: what and where, "policy 'web', line 3, column 14: ...".
 *        STRONGROOM_TOO_LARGE: over a limit, which the message names. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_policy_parse(const strongroom_policy_text* texts, size_t num_texts,
                        strongroom_policy** out, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_policy_stored reads the documents that are stored into one policy, for the tools below.
 * It needs the right to policy, and is the trusted caller's and administrators' anyway. out is own.
 * Errors  those of strongroom_policy_parse: of what a newer program stored. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_policy_stored(strongroom_session* session, strongroom_policy** out,
                         strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* The ways in which rules that match the same request are weighed. Since: 0.1 */
enum {
  STRONGROOM_POLICY_DENY_OVERRIDES = 0, /* one must allow, none may deny */
  STRONGROOM_POLICY_VAULT_COMPAT = 1    /* Vault's: the most specific pattern alone counts */
};

/* strongroom_policy_info tells about a policy. Since: 0.1 */
typedef struct strongroom_policy_info {
  size_t struct_size;
  uint32_t mode;                 /* STRONGROOM_POLICY_... */
  uint32_t services_need_grants; /* 1: being in its space does not suffice for a service */
  size_t num_documents;
  size_t num_rules;    /* a rule with several paths counts once for each */
  size_t num_nodes;    /* of what it was compiled to */
  size_t memory_bytes; /* that it takes */
} strongroom_policy_info;

/* Since: 0.1 */
#define STRONGROOM_POLICY_INFO_INIT \
  { sizeof(strongroom_policy_info), 0, 0, 0, 0, 0, 0 }

/* strongroom_policy_describe fills out_info, whose struct_size the caller has set.
 * Errors  STRONGROOM_INVALID: policy or struct_size. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_policy_describe(
    const strongroom_policy* policy, strongroom_policy_info* out_info) STRONGROOM_NOEXCEPT;

/* strongroom_policy_decide is strongroom_check by a policy at hand, for hosts that use no store.
 *
 * identity  needed.
 * Errors    STRONGROOM_DENIED.  STRONGROOM_INVALID. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_policy_decide(
    const strongroom_policy* policy, const strongroom_identity* identity, uint32_t action,
    const char* path, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_policy_free lets go of a policy; NULL is fine. A store that it was given to keeps what
 * it needs. Since: 0.1 */
STRONGROOM_API void strongroom_policy_free(strongroom_policy* policy) STRONGROOM_NOEXCEPT;

/* ---- stored policies ----
 *
 * Each function needs the right to policy. */

/* strongroom_documents is documents that are stored. Since: 0.1 */
typedef struct strongroom_documents strongroom_documents;

/* strongroom_document is one of them; texts are borrowed of strongroom_documents. Since: 0.1 */
typedef struct strongroom_document {
  size_t struct_size;
  const char* name;
  uint64_t revision;   /* counts the changes of all documents, from 1 */
  uint64_t changed_ms; /* since 1970 */
  size_t text_len;
  const char* text; /* NULL in a list; otherwise text_len bytes, and a NUL after them */
} strongroom_document;

/* Since: 0.1 */
#define STRONGROOM_DOCUMENT_INIT \
  { sizeof(strongroom_document), NULL, 0, 0, 0, NULL }

/* strongroom_documents_list lists the documents that are stored, by name, without their texts. out
 * is own. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_documents_list(strongroom_session* session, strongroom_documents** out,
                          strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_documents_get reads one document: number 0 of out, which is own.
 * Errors  STRONGROOM_NOT_FOUND. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_documents_get(strongroom_session* session, const char* name, strongroom_documents** out,
                         strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_documents_put stores a document. All that is stored is read and compiled together with
 * it first: what fails changes nothing, and the policy in force stays. Afterwards it is in force; no
 * write that the policy before allowed, and this one does not, is acknowledged any more.
 *
 * name          1..128 of A-Z a-z 0-9 . _ -, not beginning with '.' or '-'.
 * text          up to 1,048,576 bytes; borrowed.
 * options       as for strongroom_put; NULL for no condition.
 * out_revision  may be NULL.
 * Errors        STRONGROOM_INVALID: what and where.  STRONGROOM_TOO_LARGE.  Those of the condition.
 *               Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_documents_put(strongroom_session* session, const char* name, const void* text,
                         size_t text_len, const strongroom_put_options* options,
                         uint64_t* out_revision, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_documents_delete takes a document away.
 *
 * revision  the one that must be there, or 0 for any.
 * Errors    STRONGROOM_NOT_FOUND.  STRONGROOM_CONFLICT: another revision.  STRONGROOM_INVALID: another
 *           document needs it. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_documents_delete(strongroom_session* session, const char* name, uint64_t revision,
                            strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_documents_reset begins anew, without any document: the way out where the list of them is
 * lost or can not be believed (STRONGROOM_CORRUPT, STRONGROOM_ROLLBACK). Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_documents_reset(
    strongroom_session* session, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_documents_size gives the number of documents. Since: 0.1 */
STRONGROOM_API size_t strongroom_documents_size(const strongroom_documents* documents)
    STRONGROOM_NOEXCEPT;

/* strongroom_documents_at fills out_document, whose struct_size the caller has set.
 * Errors  STRONGROOM_INVALID: struct_size.  STRONGROOM_NOT_FOUND: no such index. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_documents_at(const strongroom_documents* documents, size_t index,
                        strongroom_document* out_document) STRONGROOM_NOEXCEPT;

/* strongroom_documents_free lets go of documents; NULL is fine. Since: 0.1 */
STRONGROOM_API void strongroom_documents_free(strongroom_documents* documents) STRONGROOM_NOEXCEPT;

/* ---- understanding a policy ----
 *
 * who is a text here: "user:ID", "service:ID", "administrator:ID", then "+group:NAME" for each group
 * and "@SPACE" for a service's space (its id, when left out), or "trusted". It is for tools: an id
 * that holds "+group:", or a service's with an '@' and no space after it, can not be written so. */

/* strongroom_account is what a policy was asked, in lines. Since: 0.1 */
typedef struct strongroom_account strongroom_account;

/* strongroom_account_line is one of them; what does not apply is NULL or 0, and texts are borrowed of
 * the account. Since: 0.1 */
typedef struct strongroom_account_line {
  size_t struct_size;
  const char* kind;     /* a word that does not change; each function has its own */
  const char* document; /* where it stands */
  uint32_t line;
  uint32_t column;
  const char* subject;
  const char* action;
  const char* path;
  const char* before; /* "allowed", "refused" (nothing allows it) or "denied" (a rule forbids it) */
  const char* after;
  const char* text; /* one sentence */
} strongroom_account_line;

/* Since: 0.1 */
#define STRONGROOM_ACCOUNT_LINE_INIT \
  { sizeof(strongroom_account_line), NULL, NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL }

/* strongroom_policy_explain tells a decision and which rules spoke to it: a first line of kind
 * "decision" (after has it), then "decided" and "matched" ones. out is own.
 * Errors  STRONGROOM_INVALID: who, action or path. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_policy_explain(
    const strongroom_policy* policy, const char* who, uint32_t action, const char* path,
    strongroom_account** out, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_policy_who_can lists the subjects that a rule allows it: lines of kind "may", and
 * "unless" for each group to which it is denied. What a policy gives to all without a rule is not
 * among them. out is own. Errors  STRONGROOM_INVALID: action or path. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_policy_who_can(
    const strongroom_policy* policy, uint32_t action, const char* path, strongroom_account** out,
    strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_policy_diff lists what changes from one policy to another: lines of kind "change", with
 * a path for which it is so. None: they decide alike. out is own.
 * Errors  STRONGROOM_TOO_LARGE: more than 10,000 changes, or policies too large together. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_policy_diff(const strongroom_policy* before, const strongroom_policy* after,
                       strongroom_account** out, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_policy_lint lists what is odd: lines of kind "redundant", "overridden", "needless",
 * "unmatched", "suspicious" and "no-effect". out is own. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_policy_lint(const strongroom_policy* policy, strongroom_account** out,
                       strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_policy_test tries expectations, a line each: "allow WHO ACTION [PATH]" or "deny WHO
 * ACTION [PATH]", where '#' begins a comment. Lines of kind "passed" and "failed" come out, with the
 * line of the expectation, what was expected in before and what was found in after. out is own.
 * Errors  STRONGROOM_INVALID: with line and column.  STRONGROOM_TOO_LARGE. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_policy_test(
    const strongroom_policy* policy, const void* expectations, size_t expectations_len,
    strongroom_account** out, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_account_size gives the number of lines. Since: 0.1 */
STRONGROOM_API size_t strongroom_account_size(const strongroom_account* account)
    STRONGROOM_NOEXCEPT;

/* strongroom_account_at fills out_line, whose struct_size the caller has set.
 * Errors  STRONGROOM_INVALID: struct_size.  STRONGROOM_NOT_FOUND: no such index. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_account_at(const strongroom_account* account, size_t index,
                      strongroom_account_line* out_line) STRONGROOM_NOEXCEPT;

/* strongroom_account_free lets go of an account; NULL is fine. Since: 0.1 */
STRONGROOM_API void strongroom_account_free(strongroom_account* account) STRONGROOM_NOEXCEPT;

/* ---- watching ----
 *
 * A watch tells which secrets were put or deleted, never what they hold. It loses no change, across
 * lost connections and seals as well; a record that is only sealed anew is none. */

/* The kinds of an event. Since: 0.1 */
enum {
  STRONGROOM_EVENT_CHANGED = 1, /* put */
  STRONGROOM_EVENT_DELETED = 2
};

/* strongroom_event is what became of one secret; path is borrowed of strongroom_events.
 * Since: 0.1 */
typedef struct strongroom_event {
  size_t struct_size;
  const char* path;  /* from the root */
  uint64_t revision; /* the newest, or that of the deletion; 0: not known, it does not open */
  uint32_t kind;     /* a STRONGROOM_EVENT_ constant */
  uint32_t reserved; /* 0 */
} strongroom_event;

/* Since: 0.1 */
#define STRONGROOM_EVENT_INIT \
  { sizeof(strongroom_event), NULL, 0, 0, 0 }

/* strongroom_watch_open takes stock of what is at and below a path, which takes as long as reading
 * it. The session must be allowed to list it, and hears of those secrets that it may read.
 *
 * prefix  "" or "/" is the root.
 * out     own; it keeps the store open.
 * Errors  STRONGROOM_TOO_LARGE: over 1,000,000 secrets and folders. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_watch_open(strongroom_session* session, const char* prefix, strongroom_watch** out,
                      strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_watch_next waits up to timeout_ms until something changed since the last call, and
 * tells what: each path once, sorted, up to 10,000 (the rest by the next call). No event, when the
 * time is over. One thread at a time; others wait for it.
 *
 * out     own.
 * Errors  STRONGROOM_SEALED, and those of the storage: nothing is lost, a later call goes on.
 *         Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_watch_next(strongroom_watch* watch, uint32_t timeout_ms, strongroom_events** out,
                      strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_watch_free lets go of a watch that no thread uses; NULL is fine. Since: 0.1 */
STRONGROOM_API void strongroom_watch_free(strongroom_watch* watch) STRONGROOM_NOEXCEPT;

/* strongroom_events_size gives the number of events. Since: 0.1 */
STRONGROOM_API size_t strongroom_events_size(const strongroom_events* events) STRONGROOM_NOEXCEPT;

/* strongroom_events_at fills out_event, whose struct_size the caller has set.
 * Errors  STRONGROOM_INVALID: struct_size.  STRONGROOM_NOT_FOUND: no such index. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_events_at(
    const strongroom_events* events, size_t index, strongroom_event* out_event) STRONGROOM_NOEXCEPT;

/* strongroom_events_free lets go of events; NULL is fine. Since: 0.1 */
STRONGROOM_API void strongroom_events_free(strongroom_events* events) STRONGROOM_NOEXCEPT;

/* ---- what Mesos' messages stand for ----
 *
 * A Secret of Mesos carries its bytes, or a reference: the path of a stored secret and perhaps the
 * key of one member of it. JSON texts have up to 1,572,864 bytes. Texts and messages are secrets
 * themselves: they are read in locked memory. Where Mesos has words for a fault, the message has
 * them too. */

/* The forms of a message. Since: 0.1 */
enum {
  STRONGROOM_FORMAT_JSON = 1, /* {"type":"REFERENCE","reference":{"name":"my/secret"}} */
  STRONGROOM_FORMAT_WIRE = 2  /* protobuf wire format of mesos.Secret and mesos.v1.Secret */
};

/* strongroom_message is one Secret message, borrowed. Since: 0.1 */
typedef struct strongroom_message {
  const void* data;
  size_t len;
  uint32_t format;   /* STRONGROOM_FORMAT_... */
  uint32_t reserved; /* 0 */
} strongroom_message;

/* strongroom_resolve gives the bytes that a Secret stands for. A service gets what lies in its
 * space. out is own.
 * Errors  STRONGROOM_INVALID: the message is malformed or breaks Mesos' rules, its name is no path,
 *         or its key selects no string.  STRONGROOM_NOT_FOUND: the secret, or the member.
 *         STRONGROOM_TOO_LARGE: the message. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_resolve(strongroom_session* session, uint32_t format, const void* data, size_t len,
                   strongroom_secret** out, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_resolve_many resolves up to 1,000 messages with one read: all or nothing, the first
 * failure fails the call. out is own, in the order of the messages; every item is STRONGROOM_OK.
 * Errors  those of strongroom_resolve.  STRONGROOM_TOO_LARGE: also, more than 1,000. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_resolve_many(
    strongroom_session* session, const strongroom_message* messages, size_t num_messages,
    strongroom_batch** out, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_resolve_async is strongroom_resolve_many without waiting: see strongroom_get_async. The
 * messages are borrowed until it returns. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_resolve_async(
    strongroom_session* session, const strongroom_message* messages, size_t num_messages,
    strongroom_batch_done done, void* self, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_resolve_environment reads an Environment, {"variables":[...]}, and resolves its
 * secrets together: all or nothing. Of two variables with one name a plain one wins over a secret,
 * and of two of one sort the later one.
 *
 * json, len  the text.
 * out        own.
 * Errors     STRONGROOM_INVALID: no JSON, Mesos' rules, a NUL in a name or value, or as for
 *            strongroom_resolve.  STRONGROOM_NOT_FOUND.  STRONGROOM_TOO_LARGE. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_resolve_environment(
    strongroom_session* session, const void* json, size_t len, strongroom_environment** out,
    strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_environment_size gives the number of variables. Since: 0.1 */
STRONGROOM_API size_t strongroom_environment_size(const strongroom_environment* environment)
    STRONGROOM_NOEXCEPT;

/* strongroom_environment_name gives the name of variable number index (from 0), borrowed; NULL
 * where there is none. Since: 0.1 */
STRONGROOM_API const char* strongroom_environment_name(const strongroom_environment* environment,
                                                       size_t index) STRONGROOM_NOEXCEPT;

/* strongroom_environment_value gives its value: a secret, borrowed, without a NUL inside or at the
 * end. NULL and length 0 where it is empty or there is no such variable. out_len is needed.
 * Since: 0.1 */
STRONGROOM_API const uint8_t* strongroom_environment_value(
    const strongroom_environment* environment, size_t index, size_t* out_len) STRONGROOM_NOEXCEPT;

/* strongroom_environment_free wipes all values; NULL is fine. Since: 0.1 */
STRONGROOM_API void strongroom_environment_free(strongroom_environment* environment)
    STRONGROOM_NOEXCEPT;

/* strongroom_resolve_volumes reads one Volume, an array of them, or {"volumes":[...]}, and resolves
 * their secrets together: all or nothing. Container paths are checked: each names one file below
 * where it starts, without "..", and none twice or through another's file.
 *
 * json, len  the text.
 * out        own.
 * Errors     STRONGROOM_INVALID: no JSON, Mesos' rules, a container path, or as for
 *            strongroom_resolve.  STRONGROOM_UNSUPPORTED: a volume that is no secret.
 *            STRONGROOM_NOT_FOUND.  STRONGROOM_TOO_LARGE. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_resolve_volumes(
    strongroom_session* session, const void* json, size_t len, strongroom_volumes** out,
    strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_volumes_size gives the number of volumes. Since: 0.1 */
STRONGROOM_API size_t strongroom_volumes_size(const strongroom_volumes* volumes)
    STRONGROOM_NOEXCEPT;

/* strongroom_volumes_path gives the container path of volume number index (from 0) as it was
 * written, relative or absolute; borrowed; NULL where there is none. Since: 0.1 */
STRONGROOM_API const char* strongroom_volumes_path(const strongroom_volumes* volumes,
                                                   size_t index) STRONGROOM_NOEXCEPT;

/* strongroom_volumes_read_only is 1 for mode RO and 0 for RW. Since: 0.1 */
STRONGROOM_API int strongroom_volumes_read_only(const strongroom_volumes* volumes,
                                                size_t index) STRONGROOM_NOEXCEPT;

/* strongroom_volumes_value gives what the file shall hold: a secret, borrowed. NULL and length 0
 * where it is empty or there is no such volume. out_len is needed. Since: 0.1 */
STRONGROOM_API const uint8_t* strongroom_volumes_value(const strongroom_volumes* volumes,
                                                       size_t index,
                                                       size_t* out_len) STRONGROOM_NOEXCEPT;

/* strongroom_volumes_free wipes all values; NULL is fine. Since: 0.1 */
STRONGROOM_API void strongroom_volumes_free(strongroom_volumes* volumes) STRONGROOM_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif
