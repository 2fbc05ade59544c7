/* strongroom_backend.h: where a vendor's storage plugs in.
 *
 * A plug-in is a small transactional store of opaque keys and envelopes: a table of functions, each
 * with the plug-in's own `void *self` first. It never sees a name or a secret in clear, and must
 * not interpret what it keeps. The library trusts it with availability alone: what it changes,
 * swaps or forgets is noticed, and a plug-in that breaks the rules below gets
 * STRONGROOM_UNAVAILABLE (STRONGROOM_INDETERMINATE for a commit) on its caller's behalf.
 *
 * Promises of a plug-in. Atomic: a commit is applied whole or not at all, whatever dies in between.
 * Durable: an acknowledged commit survives kill -9 and, where there is a disk, power loss.
 * Isolated: one read sees one point in time, and so do the checks and puts of a commit. Versions:
 * each put gives its record a version that this key never had before, also not in an earlier life
 * of it; 0 and UINT64_MAX are no versions. Bounded: every call returns within timeout_ms. Threads:
 * every function may be called by any number of threads at once. Limits: keys of 1..320 bytes,
 * values of 0..67,174,400 bytes, commits of up to 256 changes, no key twice in one commit.
 *
 * Calls. What the library hands in is borrowed for the call, the sink too; what the plug-in hands
 * to the sink is borrowed for that call of the sink. A sink is called from one thread at a time,
 * and never after the function has returned. Functions must not unwind through longjmp; a C++
 * exception that leaves one is caught, and counts as a broken rule. None is called in a forked
 * child, destroy neither.
 */
#ifndef STRONGROOM_BACKEND_H
#define STRONGROOM_BACKEND_H

#include <stddef.h>
#include <stdint.h>

#include "strongroom.h"

#ifdef __cplusplus
extern "C" {
#endif

/* STRONGROOM_RECORD_ABSENT as a record's version: there is none; as what a change expects: there
 * must be none. Since: 0.1 */
#define STRONGROOM_RECORD_ABSENT ((uint64_t)0)

/* STRONGROOM_RECORD_ANY as what a change expects: anything. Since: 0.1 */
#define STRONGROOM_RECORD_ANY UINT64_MAX

/* strongroom_record is one record as a plug-in hands it to a sink, borrowed. Since: 0.1 */
typedef struct strongroom_record {
  strongroom_bytes key;   /* of a scan; ignored for a read */
  strongroom_bytes value; /* empty where there is no record */
  uint64_t version;       /* STRONGROOM_RECORD_ABSENT: there is no such record */
} strongroom_record;

/* strongroom_sink takes the results of one call; `sink->record(sink->context, ...)`. Later releases
 * may add members at the end: struct_size tells which are there. Since: 0.1 */
typedef struct strongroom_sink {
  size_t struct_size;
  void* context;
  /* record takes one record. index: of the key in a read; ignored in a scan. */
  void (*record)(void* context, size_t index, const strongroom_record* record);
  /* message may be called before a failure is returned: why, in words for the operator, as a
   * NUL-terminated text of up to 500 bytes. It must hold no credentials. */
  void (*message)(void* context, const char* text);
} strongroom_sink;

/* The kinds of a change. Since: 0.1 */
enum {
  STRONGROOM_CHANGE_PUT = 0,   /* store value under key */
  STRONGROOM_CHANGE_ERASE = 1, /* remove key; fine when there is none */
  STRONGROOM_CHANGE_CHECK = 2  /* only the expectation */
};

/* strongroom_change is one step of a commit. Since: 0.1 */
typedef struct strongroom_change {
  strongroom_bytes key;
  strongroom_bytes value; /* of a put */
  uint64_t expected;      /* version, STRONGROOM_RECORD_ABSENT or _ANY; tested before any step is
                             applied, whatever the kind */
  uint32_t kind;          /* STRONGROOM_CHANGE_... */
  uint32_t reserved;      /* 0 */
} strongroom_change;

/* strongroom_backend_table is a plug-in. All members but destroy are needed. Since: 0.1 */
typedef struct strongroom_backend_table {
  size_t struct_size; /* sizeof(strongroom_backend_table) */

  /* read hands the sink exactly one record per key, in any order, all of one point in time.
   * out_stamp  tells whether anything may have changed: two reads of one plug-in with equal stamps
   *            saw the same records. Moving it too often costs a little; moving it later than what
   *            it tells of is wrong. UINT64_MAX is no stamp.
   * Returns    STRONGROOM_OK, _UNAVAILABLE, _TIMEOUT or _CORRUPT (the storage is damaged). */
  strongroom_status (*read)(void* self, const strongroom_bytes* keys, size_t num_keys,
                            const strongroom_sink* sink, uint32_t timeout_ms, uint64_t* out_stamp);

  /* commit applies all changes, if every expectation holds.
   * sink          for a message.
   * out_conflict  with STRONGROOM_CONFLICT: the index of a change whose expectation did not hold.
   * Returns       STRONGROOM_OK: applied.  _CONFLICT, _UNAVAILABLE (disk or quota full, read-only),
   *               _TOO_LARGE, _TIMEOUT, _CORRUPT: nothing was changed.  _INDETERMINATE: unknown. */
  strongroom_status (*commit)(void* self, const strongroom_change* changes, size_t num_changes,
                              const strongroom_sink* sink, uint32_t timeout_ms,
                              size_t* out_conflict);

  /* scan hands the sink up to limit records whose key begins with prefix and comes after `after`
   * (empty: from the start), in an order of the plug-in's own that is the same every time.
   * out_more  1 when there are more records after the last; 0 otherwise.
   * Returns   as read. */
  strongroom_status (*scan)(void* self, const strongroom_bytes* prefix,
                            const strongroom_bytes* after, size_t limit,
                            const strongroom_sink* sink, uint32_t timeout_ms, int* out_more);

  /* sync returns when later reads see every commit that was acknowledged to anybody before.
   * Returns  as read. */
  strongroom_status (*sync)(void* self, const strongroom_sink* sink, uint32_t timeout_ms);

  /* url gives how an operator would name the storage, up to 500 bytes, without credentials; called
   * once, when the store is opened, and borrowed for that long. */
  const char* (*url)(void* self);

  /* destroy lets go of self, when the last handle of the store is freed; may be NULL. */
  void (*destroy)(void* self);
} strongroom_backend_table;

/* Since: 0.1 */
#define STRONGROOM_BACKEND_TABLE_INIT \
  { sizeof(strongroom_backend_table), NULL, NULL, NULL, NULL, NULL, NULL }

/* strongroom_store_open_backend opens a store in a plug-in's storage, as strongroom_store_open.
 *
 * table    copied; the functions must stay where they are (do not unload them).
 * self     handed to every function. Taken over on success: destroy gets it. On failure it stays
 *          the caller's, and destroy is not called.
 * options  NULL for the defaults.
 * out      own.
 * Errors   STRONGROOM_INVALID: the table.  STRONGROOM_UNAVAILABLE: url broke the rules.
 *          Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_store_open_backend(
    const strongroom_backend_table* table, void* self, const strongroom_store_options* options,
    strongroom_store** out, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif
