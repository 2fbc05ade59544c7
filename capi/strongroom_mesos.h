/* strongroom_mesos.h: what a host needs that starts tasks of Mesos, Marathon or Metronome: their
 * environment, files, and the credentials to pull their images.
 *
 * A strongroom_message (see strongroom.h) is JSON, as Mesos' HTTP API has it, of up to 1,572,864
 * bytes, or protobuf's wire format, of mesos or mesos.v1, of up to 67,174,400 bytes. Texts and
 * messages are secrets themselves, and are read in locked memory. Errors use Mesos' words where
 * Mesos has some; those of resolving name the variable or the file, and the secret. One environment
 * or list of volumes has up to 1,000 references to secrets. The conventions are those of
 * strongroom.h.
 */
#ifndef STRONGROOM_MESOS_H
#define STRONGROOM_MESOS_H

#include <stddef.h>
#include <stdint.h>

#include "strongroom.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- messages ---- */

/* The kinds of messages. In JSON, volumes are one Volume, an array of them, or {"volumes":[...]}. In
 * wire format they are those of a ContainerInfo, all other fields of which are skipped. Since: 0.1 */
enum {
  STRONGROOM_MESSAGE_SECRET = 1,
  STRONGROOM_MESSAGE_ENVIRONMENT = 2,
  STRONGROOM_MESSAGE_VOLUMES = 3,
  STRONGROOM_MESSAGE_IMAGE = 4 /* of type DOCKER; its secret is docker.config */
};

/* strongroom_message_validate checks a message as Mesos does: whether it is well-formed, then its
 * required fields, and then Mesos' rules for it. Secrets are not looked up.
 *
 * kind    a STRONGROOM_MESSAGE_ constant.
 * Errors  STRONGROOM_INVALID: what is wrong first.  STRONGROOM_UNSUPPORTED: a volume that is no
 *         secret; an Appc image.  STRONGROOM_TOO_LARGE. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_message_validate(uint32_t kind, const strongroom_message* message,
                            strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_message_convert validates a message and writes it anew: in wire format as protobuf
 * writes it, in JSON as Mesos does. Unknown fields are left out, and so is everything in a
 * ContainerInfo but its volumes.
 *
 * format  of the result, a STRONGROOM_FORMAT_ constant.
 * out     own.
 * Errors  as strongroom_message_validate.  STRONGROOM_INVALID: also, JSON cannot hold a name or a
 *         plain value, since it is not UTF-8. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_message_convert(
    uint32_t kind, const strongroom_message* message, uint32_t format, strongroom_secret** out,
    strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* ---- environments ---- */

/* strongroom_environment is resolved environment variables. Since: 0.1 */
typedef struct strongroom_environment strongroom_environment;

/* strongroom_resolve_environment resolves the secrets of an Environment, {"variables":[...]},
 * together: all or none. Of two variables with one name a plain one wins over a secret, and of two
 * of one sort the later one.
 *
 * out     own.
 * Errors  STRONGROOM_INVALID: malformed, against Mesos' rules, a NUL in a name or value, or as for
 *         strongroom_resolve.  STRONGROOM_NOT_FOUND.  STRONGROOM_TOO_LARGE. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_resolve_environment(
    strongroom_session* session, const strongroom_message* message, strongroom_environment** out,
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

/* strongroom_resolve_volumes resolves the secrets of volumes (see STRONGROOM_MESSAGE_VOLUMES)
 * together: all or none. Container paths are checked: each names one file below where it starts,
 * without "..", and none twice or through the file of another.
 *
 * out     own.
 * Errors  STRONGROOM_INVALID: malformed, against Mesos' rules, a container path, or as for
 *         strongroom_resolve.  STRONGROOM_UNSUPPORTED: a volume that is no secret.
 *         STRONGROOM_NOT_FOUND.  STRONGROOM_TOO_LARGE. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_resolve_volumes(
    strongroom_session* session, const strongroom_message* message, strongroom_volumes** out,
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

/* ---- definitions of tasks ----
 *
 * People write definitions for a scheduler: an app or a pod of Marathon, a job of Metronome, a
 * TaskInfo of Mesos. What they say about the command, its environment, secret files and image is
 * read here; networks, resources, checks and other volumes are for the scheduler.
 *
 *   strongroom_task_read -> strongroom_task_describe -> strongroom_session_open for a service with
 *   that id and space -> strongroom_task_resolve -> start the command -> free all
 *
 * With such a session a task gets what lies in its space, but for what the policy denies. */

/* strongroom_definition is a kind of definition. Since: 0.1 */
typedef enum strongroom_definition {
  STRONGROOM_DEFINITION_APP = 1,
  STRONGROOM_DEFINITION_POD = 2,
  STRONGROOM_DEFINITION_JOB = 3,
  STRONGROOM_DEFINITION_TASK_INFO = 4
} strongroom_definition;

/* strongroom_task is what one definition says. Since: 0.1 */
typedef struct strongroom_task strongroom_task;

/* strongroom_task_read reads and checks a definition. Faults are reported in the words of Marathon,
 * Metronome or Mesos' master, after their place:
 * "/env/PASSWORD/secret: references an undefined secret".
 *
 * definition  of strongroom_definition.
 * container   of a pod, by name; NULL: the only one.
 * out         own.
 * Errors      STRONGROOM_INVALID: no JSON, a fault in it, a container path, or a pod of several
 *             containers where none was named.  STRONGROOM_NOT_FOUND: the pod has no such
 *             container.  STRONGROOM_TOO_LARGE. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_task_read(uint32_t definition, const void* json, size_t len, const char* container,
                     strongroom_task** out, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_command says what a definition starts. Since: 0.1 */
typedef enum strongroom_command {
  STRONGROOM_COMMAND_NONE = 0,
  STRONGROOM_COMMAND_SHELL = 1,     /* one word, for /bin/sh -c */
  STRONGROOM_COMMAND_PROGRAM = 2,   /* a program; the first word is its own name */
  STRONGROOM_COMMAND_IMAGE_ARGS = 3 /* arguments for the program that the image has by itself */
} strongroom_command;

/* strongroom_task_description is a task without its secrets. Texts are borrowed from the task.
 * Since: 0.1 */
typedef struct strongroom_task_description {
  size_t struct_size;
  const char* id;      /* of the service: "/group/app"; of a TaskInfo its name */
  const char* space;   /* the path of the service; "/" for a TaskInfo without a label DCOS_SPACE */
  const char* user;    /* NULL: not said */
  const char* image;   /* NULL: none */
  const char* program; /* NULL unless command is STRONGROOM_COMMAND_PROGRAM */
  const char* const* words; /* ends in NULL */
  size_t num_words;
  uint32_t command;         /* of strongroom_command */
  uint32_t has_pull_config; /* 1: strongroom_task_authorization returns something */
  uint32_t num_variables;
  uint32_t num_volumes;
} strongroom_task_description;

/* Since: 0.1 */
#define STRONGROOM_TASK_DESCRIPTION_INIT \
  { sizeof(strongroom_task_description), NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0 }

/* strongroom_task_describe fills out_description. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_task_describe(const strongroom_task* task, strongroom_task_description* out_description,
                         strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_task_resolve resolves what a task sees, together: all or none. It may be called again,
 * for newer values. A secret whose name begins with __dcos_base64__ is base64 and is decoded.
 *
 * session                       of the service that the task is.
 * out_environment, out_volumes  own.
 * Errors  STRONGROOM_DENIED: "secrets.0: Secret a/b is not accessible", for any secret that the
 *         definition declares.  Those of strongroom_resolve_environment and _volumes. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_task_resolve(strongroom_session* session, const strongroom_task* task,
                        strongroom_environment** out_environment, strongroom_volumes** out_volumes,
                        strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_task_authorization returns the value of the header Authorization with which the task's
 * image is pulled, from the secret that its pullConfig names: see strongroom_docker_authorization.
 *
 * default_registry  as there.
 * out               own.
 * Errors  as strongroom_task_resolve and strongroom_docker_authorization.  STRONGROOM_NOT_FOUND:
 *         also, the task has no image or no pullConfig. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_task_authorization(
    strongroom_session* session, const strongroom_task* task, const char* default_registry,
    strongroom_secret** out, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_task_free wipes the definition and frees the handle. Since: 0.1 */
STRONGROOM_API void strongroom_task_free(strongroom_task* task) STRONGROOM_NOEXCEPT;

/* ---- credentials of image registries ----
 *
 * They are in a secret that holds a Docker configuration: the text of ~/.docker/config.json,
 * {"auths":{REGISTRY:{"auth":BASE64}}}, or of the older ~/.dockercfg, which has the registries at
 * the top. The entry is chosen as Mesos chooses it; only docker.io and the hosts below it are sent
 * Docker's own credentials. */

/* strongroom_docker_authorization returns the value of the header Authorization with which an image
 * is pulled: "Basic " and the base64 of the configuration.
 *
 * json, len         the configuration, up to 1,572,864 bytes.
 * image             [REGISTRY/]NAME[:TAG][@DIGEST]
 * default_registry  for a name without a registry; NULL is https://registry-1.docker.io.
 * out               own.
 * Errors  STRONGROOM_INVALID: the image's name, or no Docker configuration.
 *         STRONGROOM_NOT_FOUND: it has no credentials for this registry.  STRONGROOM_TOO_LARGE.
 *         Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_docker_authorization(
    const void* json, size_t len, const char* image, const char* default_registry,
    strongroom_secret** out, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_docker_credential returns a user and a password for a registry, as a credential helper
 * of Docker does.
 *
 * registry                host[:port] or a URL; scheme and path do not count.
 * out_user, out_password  own.
 * Errors  as strongroom_docker_authorization.  STRONGROOM_INVALID: also, what is there is not the
 *         base64 of user:password. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_docker_credential(
    const void* json, size_t len, const char* registry, strongroom_secret** out_user,
    strongroom_secret** out_password, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif
