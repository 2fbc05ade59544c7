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

static int count_bytes(void* self, const uint8_t* bytes, size_t len) {
  (void)bytes;
  *(size_t*)self += len;
  return 0;
}

static int go_on(void* self, uint64_t num_records, uint64_t num_done) {
  (void)self;
  return num_done <= num_records;
}

static int whole_life(strongroom_store* store, strongroom_session* session) {
  strongroom_init_options options = STRONGROOM_INIT_OPTIONS_INIT;
  strongroom_pending* pending = NULL;
  strongroom_secret* secret = NULL;
  strongroom_bytes key_file = {NULL, 0};
  size_t num_bytes = 0;
  int fine = 0;
  (void)store;
  options.key_file = 1;
  if (strongroom_init_prepare(session, &options, &pending, NULL) != STRONGROOM_OK) return 0;
  key_file.data = strongroom_pending_key_file(pending, &key_file.len);
  if (strongroom_init_activate(session, pending, NULL) == STRONGROOM_OK &&
      strongroom_unseal(session, &key_file, 1, 0, NULL) == STRONGROOM_OK &&
      strongroom_put(session, "a", STRONGROOM_CONTENT_TEXT, "b", 1, NULL, NULL, NULL) ==
          STRONGROOM_OK &&
      strongroom_backup(session, count_bytes, NULL, &num_bytes, NULL, NULL) == STRONGROOM_OK &&
      strongroom_rotate_root(session, NULL) == STRONGROOM_OK &&
      strongroom_reencrypt(session, 100, go_on, NULL, NULL, NULL, NULL) == STRONGROOM_OK &&
      strongroom_retire(session, NULL, NULL, NULL) == STRONGROOM_OK &&
      strongroom_get(session, "a", &secret, NULL) == STRONGROOM_OK) {
    fine = num_bytes > 0 && strongroom_secret_size(secret) == 1 &&
           strongroom_secret_data(secret)[0] == 'b';
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
  strongroom_slots_options slots = STRONGROOM_SLOTS_OPTIONS_INIT;
  strongroom_unseal_progress progress = STRONGROOM_UNSEAL_PROGRESS_INIT;
  strongroom_wrapped_share share = STRONGROOM_WRAPPED_SHARE_INIT;
  strongroom_backup_info backup = STRONGROOM_BACKUP_INFO_INIT;
  strongroom_copy_info copy = STRONGROOM_COPY_INFO_INIT;
  strongroom_finding finding = STRONGROOM_FINDING_INIT;
  strongroom_get_options get = STRONGROOM_GET_OPTIONS_INIT;
  strongroom_event event = STRONGROOM_EVENT_INIT;
  strongroom_store* store = NULL;
  strongroom_session* session = NULL;
  int fine = refused_null() && put.condition == STRONGROOM_CONDITION_ANY && slot.id == 0;
  fine = fine && slots.num_remove == 0 && progress.shares == 0 && share.message == NULL &&
         backup.store_id[15] == 0 && copy.num_removed == 0 && finding.check == NULL &&
         get.fresh == 0 && event.path == NULL;
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
