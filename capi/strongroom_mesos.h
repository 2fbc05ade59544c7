/* strongroom_mesos.h: what a host needs that starts tasks of Mesos, Marathon or Metronome.
 *
 * JSON texts have up to 1,572,864 bytes. Texts and messages are secrets themselves, and are read in
 * locked memory. Errors use Mesos' words where Mesos has some. The conventions, and the Secret
 * messages themselves, are those of strongroom.h.
 */
#ifndef STRONGROOM_MESOS_H
#define STRONGROOM_MESOS_H

#include <stddef.h>
#include <stdint.h>

#include "strongroom.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- environments ---- */

/* strongroom_environment is resolved environment variables. Since: 0.1 */
typedef struct strongroom_environment strongroom_environment;

/* strongroom_resolve_environment reads an Environment, {"variables":[...]}, and resolves its secrets
 * together: all or none. Of two variables with one name a plain one wins over a secret, and of two
 * of one sort the later one.
 *
 * json, len  the text.
 * out        own.
 * Errors     STRONGROOM_INVALID: no JSON, against Mesos' rules, a NUL in a name or value, or as for
 *            strongroom_resolve.  STRONGROOM_NOT_FOUND.  STRONGROOM_TOO_LARGE. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_resolve_environment(
    strongroom_session* session, const void* json, size_t len, strongroom_environment** out,
    strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_variable is one variable. Since: 0.1 */
typedef struct strongroom_variable {
  size_t struct_size;
  const char* name;
  const uint8_t* value; /* a secret, without a NUL inside or at its end; NULL where it is empty */
  size_t value_len;
} strongroom_variable;

/* Since: 0.1 */
#define STRONGROOM_VARIABLE_INIT \
  { sizeof(strongroom_variable), NULL, NULL, 0 }

/* strongroom_environment_size returns the number of variables. Since: 0.1 */
STRONGROOM_API size_t strongroom_environment_size(const strongroom_environment* environment)
    STRONGROOM_NOEXCEPT;

/* strongroom_environment_at fills out_variable with one variable. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_environment_at(
    const strongroom_environment* environment, size_t index, strongroom_variable* out_variable,
    strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_environment_free wipes all values and frees the handle. Since: 0.1 */
STRONGROOM_API void strongroom_environment_free(strongroom_environment* environment)
    STRONGROOM_NOEXCEPT;

/* ---- volumes ---- */

/* strongroom_volumes is resolved secrets that are to become files. Since: 0.1 */
typedef struct strongroom_volumes strongroom_volumes;

/* strongroom_resolve_volumes reads one Volume, an array of them, or {"volumes":[...]}, and resolves
 * their secrets together: all or none. Container paths are checked: each names one file below where
 * it starts, without "..", and none twice or through the file of another.
 *
 * json, len  the text.
 * out        own.
 * Errors     STRONGROOM_INVALID: no JSON, against Mesos' rules, a container path, or as for
 *            strongroom_resolve.  STRONGROOM_UNSUPPORTED: a volume that is no secret.
 *            STRONGROOM_NOT_FOUND.  STRONGROOM_TOO_LARGE. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_resolve_volumes(
    strongroom_session* session, const void* json, size_t len, strongroom_volumes** out,
    strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_volume is one secret that is to become a file. Since: 0.1 */
typedef struct strongroom_volume {
  size_t struct_size;
  const char* path;     /* in the container, as it was written: relative or absolute */
  const uint8_t* value; /* a secret; NULL where it is empty */
  size_t value_len;
  uint32_t read_only; /* 1: mode RO; 0: RW */
  uint32_t reserved;  /* 0 */
} strongroom_volume;

/* Since: 0.1 */
#define STRONGROOM_VOLUME_INIT \
  { sizeof(strongroom_volume), NULL, NULL, 0, 0, 0 }

/* strongroom_volumes_size returns the number of volumes. Since: 0.1 */
STRONGROOM_API size_t strongroom_volumes_size(const strongroom_volumes* volumes)
    STRONGROOM_NOEXCEPT;

/* strongroom_volumes_at fills out_volume with one volume. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_volumes_at(
    const strongroom_volumes* volumes, size_t index, strongroom_volume* out_volume,
    strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_volumes_free wipes all values and frees the handle. Since: 0.1 */
STRONGROOM_API void strongroom_volumes_free(strongroom_volumes* volumes) STRONGROOM_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif
