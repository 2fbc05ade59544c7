/* strongroom_backend.h: the interface for a vendor's storage plug-in.
 *
 * A plug-in is a small transactional store of opaque keys and envelopes. It is a table of
 * functions; each function takes the plug-in's own `void *self` first. A plug-in never sees a name
 * or a secret in clear, and must not interpret what it keeps. The library relies on it for
 * availability only: records that the plug-in changes, swaps or forgets are noticed. When a plug-in
 * breaks the rules below, the caller of the store gets STRONGROOM_UNAVAILABLE
 * (STRONGROOM_INDETERMINATE for a commit).
 *
 * What a plug-in promises
 *   Atomic: a commit is applied whole or not at all, whatever fails during the commit.
 *   Durable: an acknowledged commit survives kill -9 and, if the storage has a disk, power loss.
 *   Isolated: one read sees one point in time, and so do the checks and puts of one commit.
 *   Versions: each put gives its record a version that this key never had before, not even before
 *   the key was erased and put again. 0 and UINT64_MAX are not versions.
 *   Bounded: every call returns within timeout_ms.
 *   Threads: every function may be called by any number of threads at once.
 *   Limits: keys of 1..320 bytes, values of 0..67,174,400 bytes, commits of up to 256 changes, and
 *   no key twice in one commit.
 *
 * Calls
 *   What the library passes in is borrowed for the call; this includes the sink. What the plug-in
 *   passes to the sink is borrowed for that call of the sink. A sink is called by one thread at a
 *   time, and never after the function has returned. A function must not unwind through longjmp. A
 *   C++ exception that leaves a function is caught and counts as a broken rule. In a forked child
 *   no function is called, not even destroy.
 */
#ifndef STRONGROOM_BACKEND_H
#define STRONGROOM_BACKEND_H

#include <stddef.h>
#include <stdint.h>

#include "strongroom.h"

#ifdef __cplusplus
extern "C" {
#endif

/* STRONGROOM_RECORD_ABSENT as the version of a record means that there is no record. As the
 * expected version of a change it means that there must be no record. Since: 0.1 */
#define STRONGROOM_RECORD_ABSENT ((uint64_t)0)

/* STRONGROOM_RECORD_ANY as the expected version of a change always holds, with or without a record.
 * Since: 0.1 */
#define STRONGROOM_RECORD_ANY UINT64_MAX

/* strongroom_record is one record that a plug-in passes to a sink, borrowed. Since: 0.1 */
typedef struct strongroom_record {
  strongroom_bytes key;   /* of a scan; ignored for a read */
  strongroom_bytes value; /* empty if there is no record */
  uint64_t version;       /* STRONGROOM_RECORD_ABSENT: there is no record */
} strongroom_record;

/* strongroom_sink takes the results of one call: `sink->record(sink->context, ...)`. Later releases
 * may add members at the end; struct_size shows which members exist. Since: 0.1 */
typedef struct strongroom_sink {
  size_t struct_size;
  void* context;
  /* record takes one record. index is that of the key in a read, and is ignored in a scan. */
  void (*record)(void* context, size_t index, const strongroom_record* record);
  /* message takes the reason of a failure, in words for the operator. It may be called before the
   * function returns the failure. text is NUL-terminated, has up to 500 bytes, and must not contain
   * credentials. */
  void (*message)(void* context, const char* text);
} strongroom_sink;

/* The kinds of a change. Since: 0.1 */
enum {
  STRONGROOM_CHANGE_PUT = 0,   /* store value under key */
  STRONGROOM_CHANGE_ERASE = 1, /* remove key; not an error if there is no record */
  STRONGROOM_CHANGE_CHECK = 2  /* only test the expected version */
};

/* strongroom_change is one step of a commit. Since: 0.1 */
typedef struct strongroom_change {
  strongroom_bytes key;
  strongroom_bytes value; /* of a put */
  uint64_t expected;      /* a version, STRONGROOM_RECORD_ABSENT or _ANY; tested before any step
                             is applied, for every kind */
  uint32_t kind;          /* STRONGROOM_CHANGE_... */
  uint32_t reserved;      /* 0 */
} strongroom_change;

/* strongroom_backend_table is a plug-in. All members except destroy are required. Since: 0.1 */
typedef struct strongroom_backend_table {
  size_t struct_size; /* sizeof(strongroom_backend_table) */

  /* read passes exactly one record per key to the sink, in any order, all from one point in time.
   * out_stamp  shows whether anything may have changed: if two reads of one plug-in return equal
   *            stamps, they saw the same records. A stamp that changes too often costs a little. A
   *            stamp must never change later than the records. UINT64_MAX is not a stamp.
   * Returns    STRONGROOM_OK, _UNAVAILABLE, _TIMEOUT or _CORRUPT (the storage is damaged). */
  strongroom_status (*read)(void* self, const strongroom_bytes* keys, size_t num_keys,
                            const strongroom_sink* sink, uint32_t timeout_ms, uint64_t* out_stamp);

  /* commit applies all changes if every expectation holds.
   * sink          for a message only; a commit returns no records.
   * out_conflict  with STRONGROOM_CONFLICT: the index of a change whose expectation did not hold.
   * Returns       STRONGROOM_OK: applied.  _CONFLICT, _UNAVAILABLE (disk or quota full, read-only),
   *               _TOO_LARGE, _TIMEOUT, _CORRUPT: nothing was changed.  _INDETERMINATE: unknown. */
  strongroom_status (*commit)(void* self, const strongroom_change* changes, size_t num_changes,
                              const strongroom_sink* sink, uint32_t timeout_ms,
                              size_t* out_conflict);

  /* scan passes up to limit records to the sink: those whose key begins with prefix and comes after
   * `after` (empty: from the start). The plug-in chooses the order; it must be the same every time.
   * out_more  1 if there are more records after the last one; 0 otherwise.
   * Returns   the same as read. */
  strongroom_status (*scan)(void* self, const strongroom_bytes* prefix,
                            const strongroom_bytes* after, size_t limit,
                            const strongroom_sink* sink, uint32_t timeout_ms, int* out_more);

  /* sync returns when later reads see every commit that was acknowledged to any client before the
   * call.
   * Returns  the same as read. */
  strongroom_status (*sync)(void* self, const strongroom_sink* sink, uint32_t timeout_ms);

  /* url returns the operator's name for the storage: up to 500 bytes, without credentials. It is
   * called once, when the store is opened, and the text is borrowed for that time. */
  const char* (*url)(void* self);

  /* destroy frees self. It is called when the last handle of the store is freed. May be NULL. */
  void (*destroy)(void* self);
} strongroom_backend_table;

/* Since: 0.1 */
#define STRONGROOM_BACKEND_TABLE_INIT \
  { sizeof(strongroom_backend_table), NULL, NULL, NULL, NULL, NULL, NULL }

/* strongroom_store_open_backend opens a store in a plug-in's storage, like strongroom_store_open.
 *
 * table    copied; the functions must stay where they are (do not unload them).
 * self     passed to every function. On success the store owns it and passes it to destroy. On
 *          failure it remains the caller's, and destroy is not called.
 * options  NULL for the defaults.
 * out      own.
 * Errors   STRONGROOM_INVALID: the table.  STRONGROOM_UNAVAILABLE: url broke its rules.
 *          Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_store_open_backend(
    const strongroom_backend_table* table, void* self, const strongroom_store_options* options,
    strongroom_store** out, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif
