/* c99_probe.c: a C99 program needs nothing but the public headers and the library. */
#include "strongroom.h"
/* strongroom_backend.h must do with what strongroom.h gave it, and again. */
#include "strongroom_backend.h"

static int refused_null(void) {
  strongroom_error* error = NULL;
  strongroom_secret* secret = NULL;
  const strongroom_status status = strongroom_get(NULL, "a", &secret, &error);
  const int fine = status == STRONGROOM_INVALID && strongroom_error_status(error) == status;
  strongroom_error_free(error);
  return fine;
}

static int whole_life(strongroom_store* store, strongroom_session* session) {
  strongroom_init_options options = STRONGROOM_INIT_OPTIONS_INIT;
  strongroom_pending* pending = NULL;
  strongroom_secret* secret = NULL;
  strongroom_bytes key_file = {NULL, 0};
  int fine = 0;
  (void)store;
  options.key_file = 1;
  if (strongroom_init_prepare(session, &options, &pending, NULL) != STRONGROOM_OK) return 0;
  key_file.data = strongroom_pending_key_file(pending, &key_file.len);
  if (strongroom_init_activate(session, pending, NULL) == STRONGROOM_OK &&
      strongroom_unseal(session, &key_file, 1, 0, NULL) == STRONGROOM_OK &&
      strongroom_put(session, "a", STRONGROOM_CONTENT_TEXT, "b", 1, NULL, NULL, NULL) ==
          STRONGROOM_OK &&
      strongroom_get(session, "a", &secret, NULL) == STRONGROOM_OK) {
    fine = strongroom_secret_size(secret) == 1 && strongroom_secret_data(secret)[0] == 'b';
  }
  strongroom_secret_free(secret);
  strongroom_pending_free(pending);
  return fine;
}

int main(void) {
  const strongroom_backend_table table = STRONGROOM_BACKEND_TABLE_INIT;
  strongroom_put_options put = STRONGROOM_PUT_OPTIONS_INIT;
  strongroom_slot slot = STRONGROOM_SLOT_INIT;
  strongroom_memory_info info = STRONGROOM_MEMORY_INFO_INIT;
  strongroom_store_options options = STRONGROOM_STORE_OPTIONS_INIT;
  strongroom_store* store = NULL;
  strongroom_session* session = NULL;
  int fine = refused_null() && put.condition == STRONGROOM_CONDITION_ANY && slot.id == 0;
  fine = fine && strongroom_memory_stats(&info) == STRONGROOM_OK;
  fine =
      fine && strongroom_store_open_backend(&table, NULL, NULL, &store, NULL) == STRONGROOM_INVALID;
  fine = fine && strongroom_store_open("memory:", &options, &store, NULL) == STRONGROOM_OK;
  fine = fine && strongroom_session_trusted(store, &session, NULL) == STRONGROOM_OK;
  fine = fine && whole_life(store, session);
  strongroom_session_free(session);
  strongroom_store_free(store);
  return fine ? 0 : 1;
}
