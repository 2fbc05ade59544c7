/* c99_probe.c: a C99 program needs nothing but the public headers and the library. */
#include "strongroom.h"
/* The others must do with what strongroom.h gave them, and again. */
#include "strongroom_backend.h"
#include "strongroom_mesos.h"
#include "strongroom_policy_tools.h"
#include "strongroom_zookeeper.h"

static int refused_null(void) {
  strongroom_error* error = NULL;
  strongroom_secret* secret = NULL;
  const strongroom_status status = strongroom_get(NULL, "a", NULL, &secret, &error);
  const int fine = status == STRONGROOM_INVALID && strongroom_error_status(error) == status;
  strongroom_error_free(error);
  return fine;
}

static int count_bytes(void* self, const uint8_t* bytes, size_t len) {
  (void)bytes;
  *(size_t*)self += len;
  return 0;
}

static int go_on(void* self, const strongroom_progress* progress) {
  (void)self;
  return progress->num_written <= progress->num_records;
}

/* through_a_queue reads the secret once more, without waiting. */
static int through_a_queue(strongroom_session* session) {
  strongroom_completion done[2] = {STRONGROOM_COMPLETION_INIT};
  strongroom_queue* queue = NULL;
  size_t num = 0;
  int fine = 0;
  if (strongroom_queue_new(&queue, NULL) != STRONGROOM_OK) return 0;
  if (strongroom_queue_fd(queue) >= 0 &&
      strongroom_queue_get(queue, session, "a", NULL, &num, NULL) == STRONGROOM_OK &&
      strongroom_queue_next(queue, done, 2, &num, NULL) == STRONGROOM_OK) {
    fine = num == 1 && done[0].kind == STRONGROOM_COMPLETION_GET &&
           done[0].status == STRONGROOM_OK && done[0].user_data == &num &&
           strongroom_secret_size(done[0].secret) == 1;
    strongroom_secret_free(done[0].secret);
  }
  strongroom_queue_free(queue);
  return fine;
}

static int whole_life(strongroom_store* store, strongroom_session* session) {
  strongroom_init_options options = STRONGROOM_INIT_OPTIONS_INIT;
  strongroom_pending* pending = NULL;
  strongroom_secret* secret = NULL;
  strongroom_credential key = STRONGROOM_CREDENTIAL_INIT;
  strongroom_bytes credential = {NULL, 0};
  size_t num_bytes = 0;
  int fine = 0;
  (void)store;
  options.key = 1;
  if (strongroom_init_prepare(session, &options, &pending, NULL) != STRONGROOM_OK) return 0;
  if (strongroom_pending_at(pending, 0, &key, NULL) == STRONGROOM_OK) {
    credential.data = key.data;
    credential.len = key.len;
  }
  if (strongroom_init_activate(session, pending, NULL) == STRONGROOM_OK &&
      strongroom_unseal(session, &credential, 1, 0, NULL) == STRONGROOM_OK &&
      strongroom_put(session, "a", STRONGROOM_CONTENT_TEXT, "b", 1, NULL, NULL, NULL) ==
          STRONGROOM_OK &&
      strongroom_backup(session, count_bytes, NULL, &num_bytes, NULL, NULL) == STRONGROOM_OK &&
      strongroom_rotate(session, STRONGROOM_ROTATE_ROOT_KEY, NULL) == STRONGROOM_OK &&
      strongroom_reencrypt(session, 100, go_on, NULL, NULL, NULL, NULL) == STRONGROOM_OK &&
      strongroom_retire(session, NULL, NULL, NULL) == STRONGROOM_OK &&
      strongroom_get(session, "a", NULL, &secret, NULL) == STRONGROOM_OK) {
    fine = num_bytes > 0 && strongroom_secret_size(secret) == 1 &&
           strongroom_secret_data(secret)[0] == 'b' && through_a_queue(session);
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
  strongroom_backup_info backup = STRONGROOM_BACKUP_INFO_INIT;
  strongroom_migrate_info copy = STRONGROOM_MIGRATE_INFO_INIT;
  strongroom_finding finding = STRONGROOM_FINDING_INIT;
  strongroom_get_options get = STRONGROOM_GET_OPTIONS_INIT;
  strongroom_delete_options erase = STRONGROOM_DELETE_OPTIONS_INIT;
  strongroom_list_options list = STRONGROOM_LIST_OPTIONS_INIT;
  strongroom_identity identity = STRONGROOM_IDENTITY_INIT;
  strongroom_event event = STRONGROOM_EVENT_INIT;
  strongroom_secret_info secret = STRONGROOM_SECRET_INFO_INIT;
  strongroom_batch_item item = STRONGROOM_BATCH_ITEM_INIT;
  strongroom_name name = STRONGROOM_NAME_INIT;
  strongroom_report_info report = STRONGROOM_REPORT_INFO_INIT;
  strongroom_pending_info pending = STRONGROOM_PENDING_INFO_INIT;
  strongroom_policy_info policy = STRONGROOM_POLICY_INFO_INIT;
  strongroom_document document = STRONGROOM_DOCUMENT_INIT;
  strongroom_variable variable = STRONGROOM_VARIABLE_INIT;
  strongroom_volume volume = STRONGROOM_VOLUME_INIT;
  strongroom_analysis_line line = STRONGROOM_ANALYSIS_LINE_INIT;
  strongroom_store* store = NULL;
  strongroom_session* session = NULL;
  int fine = refused_null() && put.condition == STRONGROOM_CONDITION_ANY && slot.id == 0;
  fine = fine && slots.num_remove == 0 && progress.shares == 0 && backup.store_id[15] == 0 &&
         copy.num_removed == 0 && finding.check == NULL && get.fresh == 0 && event.path == NULL;
  fine = fine && erase.revision == 0 && list.visible == 0 && identity.num_groups == 0 &&
         secret.content == 0 && item.status == STRONGROOM_OK && name.is_folder == 0 &&
         report.unseal_shares == 0 && pending.num_credentials == 0 && policy.memory_bytes == 0 &&
         document.text == NULL && variable.value_len == 0 && volume.read_only == 0 &&
         line.text == NULL;
  fine = fine && strongroom_memory_describe(&info, NULL) == STRONGROOM_OK;
  fine =
      fine && strongroom_store_open_backend(&table, NULL, NULL, &store, NULL) == STRONGROOM_INVALID;
  fine = fine && strongroom_store_open("memory:", &options, &store, NULL) == STRONGROOM_OK;
  fine = fine && strongroom_session_trusted(store, &session, NULL) == STRONGROOM_OK;
  fine = fine && whole_life(store, session);
  strongroom_session_free(session);
  strongroom_store_free(store);
  return fine ? 0 : 1;
}
