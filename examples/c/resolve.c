/* resolve.c: from nothing to a resolved secret, through the C ABI.
 *
 *   cc -std=c99 resolve.c $(pkg-config --cflags --libs strongroom) -o resolve
 */
#include <stdio.h>
#include <string.h>
#include <strongroom.h>

static strongroom_error* error = NULL;

/* make initializes the store and unseals it. Somebody must keep the key file before activate. */
static strongroom_status make(strongroom_session* session) {
  strongroom_init_options options = STRONGROOM_INIT_OPTIONS_INIT;
  strongroom_pending* pending = NULL;
  strongroom_bytes key = {NULL, 0};
  strongroom_status status;

  options.key_file = 1;
  status = strongroom_init_prepare(session, &options, &pending, &error);
  if (status == STRONGROOM_OK) {
    key.data = strongroom_pending_key_file(pending, &key.len);
    status = strongroom_init_activate(session, pending, &error);
  }
  if (status == STRONGROOM_OK) status = strongroom_unseal(session, &key, 1, 0, &error);
  strongroom_pending_free(pending);
  return status;
}

static strongroom_status resolve(strongroom_session* session, strongroom_secret** secret) {
  const char* value = "{\"username\": \"my-user\", \"password\": \"my-password\"}";
  const char* wanted = /* as it stands in a Mesos task */
      "{\"type\": \"REFERENCE\", \"reference\": {\"name\": \"/my/secret\", \"key\": \"username\"}}";
  strongroom_status status = strongroom_put(session, "/my/secret", STRONGROOM_CONTENT_TEXT, value,
                                            strlen(value), NULL, NULL, &error);
  if (status != STRONGROOM_OK) return status;
  return strongroom_resolve(session, STRONGROOM_FORMAT_JSON, wanted, strlen(wanted), secret,
                            &error);
}

int main(void) {
  strongroom_store* store = NULL;
  strongroom_session* session = NULL;
  strongroom_secret* secret = NULL;
  strongroom_status status =
      strongroom_store_open("memory:", NULL, &store, &error); /* or lmdb:/var/lib/app/secrets */

  if (status == STRONGROOM_OK) status = strongroom_session_trusted(store, &session, &error);
  if (status == STRONGROOM_OK) status = make(session);
  if (status == STRONGROOM_OK) status = resolve(session, &secret);
  if (status == STRONGROOM_OK) {
    setvbuf(stdout, NULL, _IONBF, 0); /* no copy of it in a buffer */
    fwrite(strongroom_secret_data(secret), 1, strongroom_secret_size(secret), stdout); /* my-user */
  } else {
    fprintf(stderr, "%s\n", strongroom_error_message(error));
  }
  strongroom_secret_free(secret); /* wiped */
  strongroom_session_free(session);
  strongroom_store_free(store);
  strongroom_error_free(error);
  return status == STRONGROOM_OK ? 0 : 1;
}
