/* tour.c: a tour of strongroom.h. It makes a store in a directory that does not exist yet, uses it,
 * seals it, and checks every step.
 *
 *   tour DIRECTORY
 *
 * Its secrets stand in the program, so that it can compare them. Yours must not. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "strongroom.h"

static const char db[] = "{\"user\":\"app\",\"password\":\"correct horse\"}";
static const char token[] = "a token";
static const uint8_t key[] = {0x00, 0xff, 0x0a, 0x80, 0x00, 0x7f};

/* What main frees, however far the tour came. What only one step needs is freed there. */
struct tour {
  strongroom_store* store;
  strongroom_session* session;
  strongroom_pending* pending;
  strongroom_watch* watch;
  strongroom_queue* queue;
  strongroom_error* error; /* of the last call; expect() frees it */
  int step;
};

/* Texts of others may contain control characters, which a terminal would obey. */
static void print_text(FILE* to, const char* text) {
  for (; *text != '\0'; text++) {
    unsigned char c = (unsigned char)*text;
    fputc(c < 0x20 || c == 0x7f ? '?' : c, to);
  }
}

/* Call it as expect(t, strongroom_x(..., &t->error), STRONGROOM_DENIED, "x"). */
static int expect(struct tour* t, strongroom_status status, strongroom_status wanted,
                  const char* what) {
  if (status != wanted) {
    fprintf(stderr, "%s: wanted %s, got %s: ", what, strongroom_status_name(wanted),
            strongroom_status_name(status));
    print_text(stderr, strongroom_error_message(t->error)); /* "" for NULL */
    fputc('\n', stderr);
  }
  strongroom_error_free(t->error);
  t->error = NULL;
  return status == wanted;
}

static int ok(struct tour* t, strongroom_status status, const char* what) {
  return expect(t, status, STRONGROOM_OK, what);
}

static int check(int condition, const char* what) {
  if (!condition) fprintf(stderr, "%s: not as expected\n", what);
  return condition;
}

/* A compiler may remove a memset of what is not read again, but not writes to volatile objects. */
static void wipe(void* memory, size_t len) {
  volatile unsigned char* byte = memory;
  while (len-- > 0) *byte++ = 0;
}

static int is_text(const strongroom_secret* secret, const char* text) {
  return strongroom_secret_size(secret) == strlen(text) &&
         memcmp(strongroom_secret_data(secret), text, strlen(text)) == 0;
}

static int open_store(struct tour* t, const char* directory) {
  char here[2048] = "", url[4096];
  int len;
  if (directory[0] != '/' && getcwd(here, sizeof here) == NULL) return check(0, "getcwd");
  len = snprintf(url, sizeof url, "lmdb:%s%s%s", here, here[0] ? "/" : "", directory);
  if (!check(len > 0 && (size_t)len < sizeof url, "length of the directory") ||
      !ok(t, strongroom_store_open(url, NULL, &t->store, &t->error), "open") ||
      !ok(t, strongroom_session_trusted(t->store, &t->session, &t->error), "trusted session"))
    return 0;
  printf("%d opened ", ++t->step);
  print_text(stdout, url);
  printf("\n");
  return 1;
}

static int make_store(struct tour* t) {
  strongroom_init_options options = STRONGROOM_INIT_OPTIONS_INIT;
  options.shares = 3;
  options.threshold = 2;
  if (!ok(t, strongroom_init_prepare(t->session, &options, &t->pending, &t->error), "prepare"))
    return 0;
  /* Here a real program hands out the shares: once the store exists, only they open it. */
  if (!ok(t, strongroom_init_activate(t->session, t->pending, &t->error), "activate")) return 0;
  printf("%d made the store: 3 shares, of which 2 are needed\n", ++t->step);
  return 1;
}

static int unseal(struct tour* t) {
  strongroom_bytes shares[2];
  size_t i;
  for (i = 0; i < 2; i++) {
    strongroom_credential share = STRONGROOM_CREDENTIAL_INIT;
    if (!ok(t, strongroom_pending_at(t->pending, 2 * i, &share, &t->error), "share")) return 0;
    shares[i].data = share.data; /* borrowed from pending, so there is no copy to wipe */
    shares[i].len = share.len;
  }
  if (!ok(t, strongroom_unseal(t->session, shares, 2, 0, &t->error), "unseal")) return 0;
  strongroom_pending_free(t->pending); /* wipes the shares */
  t->pending = NULL;
  printf("%d unsealed with the first and the third share\n", ++t->step);
  return 1;
}

static int put(struct tour* t, const char* path, uint32_t content, const void* data, size_t len,
               uint64_t* out_revision) {
  return ok(t, strongroom_put(t->session, path, content, data, len, NULL, out_revision, &t->error),
            path);
}

static int put_secrets(struct tour* t) {
  uint64_t revision = 0;
  if (!put(t, "app/db", STRONGROOM_CONTENT_TEXT, db, strlen(db), &revision) ||
      !check(revision == 1, "revision of app/db") ||
      !put(t, "app/key", STRONGROOM_CONTENT_BINARY, key, sizeof key, NULL))
    return 0;
  printf("%d put app/db (text) and app/key (binary)\n", ++t->step);
  return 1;
}

/* Gets app/db, or a member of it, and compares it with text if the get should succeed. */
static int try_get(struct tour* t, strongroom_session* session, const char* member,
                   strongroom_status wanted, const char* text) {
  strongroom_get_options options = STRONGROOM_GET_OPTIONS_INIT;
  strongroom_secret* secret = NULL;
  int good;
  options.key = member;
  good = expect(t, strongroom_get(session, "app/db", &options, &secret, &t->error), wanted,
                "get app/db") &&
         (wanted != STRONGROOM_OK || check(is_text(secret, text), "bytes of app/db"));
  strongroom_secret_free(secret);
  return good;
}

static int get_secrets(struct tour* t) {
  if (!try_get(t, t->session, NULL, STRONGROOM_OK, db)) return 0;
  printf("%d got app/db: the same bytes\n", ++t->step);
  if (!try_get(t, t->session, "password", STRONGROOM_OK, "correct horse")) return 0;
  printf("%d got its member \"password\"\n", ++t->step);
  return 1;
}

static int copy_secret(struct tour* t) {
  uint8_t copy[64];
  size_t len = 0;
  strongroom_secret* secret = NULL;
  int good =
      ok(t, strongroom_get(t->session, "app/key", NULL, &secret, &t->error), "get app/key") &&
      ok(t, strongroom_secret_copy_out(secret, copy, sizeof copy, &len, &t->error),
         "copy app/key") &&
      check(len == sizeof key && memcmp(copy, key, sizeof key) == 0, "bytes of app/key");
  wipe(copy, sizeof copy);
  strongroom_secret_free(secret);
  if (good) printf("%d copied app/key out, and wiped the copy\n", ++t->step);
  return good;
}

static int list_folder(struct tour* t) {
  static const char* const wanted[2] = {"db", "key"};
  strongroom_names* names = NULL;
  size_t i;
  int good = ok(t, strongroom_list(t->session, "app", NULL, &names, &t->error), "list app") &&
             check(strongroom_names_size(names) == 2, "number of names");
  for (i = 0; good && i < 2; i++) {
    strongroom_name name = STRONGROOM_NAME_INIT;
    good = ok(t, strongroom_names_at(names, i, &name, &t->error), "name") &&
           check(!name.is_folder && strcmp(name.name, wanted[i]) == 0, wanted[i]);
  }
  strongroom_names_free(names);
  if (good) printf("%d listed app: db, key\n", ++t->step);
  return good;
}

static int is_event(struct tour* t, const strongroom_events* events, size_t index, const char* path,
                    uint32_t kind, uint64_t revision) {
  strongroom_event event = STRONGROOM_EVENT_INIT;
  return ok(t, strongroom_events_at(events, index, &event, &t->error), "event") &&
         check(!strcmp(event.path, path) && event.kind == kind && event.revision == revision, path);
}

static int watch_changes(struct tour* t) {
  strongroom_events* events = NULL;
  uint64_t changed = 0, deleted = 0;
  int good;
  if (!ok(t, strongroom_watch_open(t->session, "app", &t->watch, &t->error), "open a watch"))
    return 0;
  printf("%d opened a watch of app\n", ++t->step);
  if (!put(t, "app/token", STRONGROOM_CONTENT_TEXT, token, strlen(token), &changed) ||
      !ok(t, strongroom_delete(t->session, "app/key", NULL, &deleted, &t->error), "delete"))
    return 0;
  printf("%d put app/token, deleted app/key\n", ++t->step);
  good = ok(t, strongroom_watch_next(t->watch, 5000, &events, &t->error), "watch") &&
         check(strongroom_events_size(events) == 2, "number of events") &&
         is_event(t, events, 0, "app/key", STRONGROOM_EVENT_DELETED, deleted) &&
         is_event(t, events, 1, "app/token", STRONGROOM_EVENT_CHANGED, changed);
  strongroom_events_free(events);
  if (good) printf("%d the watch reported both\n", ++t->step);
  return good;
}

/* A call into the queue, and the answer that it should get. Its completion points to it. */
struct request {
  const char* path;
  uint32_t kind;
  strongroom_status wanted;
  const char* text;  /* of a get */
  uint64_t revision; /* of the event of a watch */
  int num_answers;
};

/* Checks a completion, and frees all that it owns. */
static int handle_completion(struct tour* t, strongroom_completion* done) {
  struct request* request = done->user_data;
  int good;
  request->num_answers++;
  t->error = done->error;
  good = expect(t, done->status, request->wanted, request->path) &&
         check(done->kind == request->kind, "kind of a completion");
  if (good && done->secret != NULL)
    good = check(is_text(done->secret, request->text), request->path);
  if (good && done->events != NULL)
    good = check(strongroom_events_size(done->events) == 1, "number of events in the queue") &&
           is_event(t, done->events, 0, request->path, STRONGROOM_EVENT_CHANGED, request->revision);
  strongroom_secret_free(done->secret);
  strongroom_batch_free(done->batch);
  strongroom_events_free(done->events);
  return good;
}

/* Takes answers until none waits. */
static int drain_queue(struct tour* t, size_t* num_answers) {
  size_t i, num = 0;
  int good = 1;
  do {
    strongroom_completion done[4] = {STRONGROOM_COMPLETION_INIT}; /* that of the first counts */
    if (!ok(t, strongroom_queue_next(t->queue, done, 4, &num, &t->error), "take answers")) return 0;
    for (i = 0; i < num; i++) good = handle_completion(t, &done[i]) && good;
    *num_answers += num;
  } while (num > 0);
  return good;
}

static int wait_for_answers(struct tour* t, size_t wanted) {
  size_t num_answers = 0;
  while (num_answers < wanted) {
    struct pollfd ready = {.fd = strongroom_queue_fd(t->queue), .events = POLLIN};
    int num = poll(&ready, 1, 10000);
    if (num < 0 && errno == EINTR) continue;
    if (!check(num == 1, "poll") || !drain_queue(t, &num_answers)) return 0;
  }
  return 1;
}

static int use_queue(struct tour* t) {
  struct request requests[4] = {
      {"app/db", STRONGROOM_COMPLETION_GET, STRONGROOM_OK, db, 0, 0},
      {"app/token", STRONGROOM_COMPLETION_GET, STRONGROOM_OK, token, 0, 0},
      {"app/missing", STRONGROOM_COMPLETION_GET, STRONGROOM_NOT_FOUND, NULL, 0, 0},
      {"app/new", STRONGROOM_COMPLETION_WATCH, STRONGROOM_OK, NULL, 0, 0}};
  struct request* watch = &requests[3];
  size_t i;
  if (!ok(t, strongroom_queue_new(&t->queue, &t->error), "queue")) return 0;
  for (i = 0; i < 3; i++)
    if (!ok(t,
            strongroom_queue_get(t->queue, t->session, requests[i].path, NULL, &requests[i],
                                 &t->error),
            "get into the queue"))
      return 0;
  if (!ok(t, strongroom_queue_watch(t->queue, t->watch, 5000, watch, &t->error), "queue a watch"))
    return 0;
  printf("%d started 3 gets and a watch into a queue\n", ++t->step);
  if (!put(t, "app/new", STRONGROOM_CONTENT_TEXT, token, strlen(token), &watch->revision) ||
      !wait_for_answers(t, 4))
    return 0;
  for (i = 0; i < 4; i++)
    if (!check(requests[i].num_answers == 1, requests[i].path)) return 0;
  printf("%d drained the queue: 2 secrets, 1 not found, 1 event\n", ++t->step);
  return 1;
}

static int put_record(struct tour* t, const char* text, uint32_t condition, uint64_t revision,
                      strongroom_status wanted) {
  strongroom_put_options options = STRONGROOM_PUT_OPTIONS_INIT;
  options.condition = condition;
  options.revision = revision;
  return expect(t,
                strongroom_record_put(t->session, "audit/head", text, strlen(text), &options, NULL,
                                      &t->error),
                wanted, "put a record");
}

static int use_record(struct tour* t) {
  strongroom_secret_info info = STRONGROOM_SECRET_INFO_INIT;
  strongroom_secret* record = NULL;
  int good =
      put_record(t, "one", STRONGROOM_CONDITION_CREATE, 0, STRONGROOM_OK) &&
      ok(t, strongroom_record_get(t->session, "audit/head", NULL, &record, &t->error),
         "get a record") &&
      check(is_text(record, "one"), "bytes of the record") &&
      ok(t, strongroom_secret_describe(record, &info, &t->error), "describe the record") &&
      put_record(t, "two", STRONGROOM_CONDITION_REVISION, info.revision, STRONGROOM_OK) &&
      put_record(t, "late", STRONGROOM_CONDITION_REVISION, info.revision, STRONGROOM_CONFLICT);
  strongroom_secret_free(record);
  if (good) printf("%d compare and set of a record: one succeeds, one conflicts\n", ++t->step);
  return good;
}

/* Without a policy a user may do nothing. */
static int deny_user(struct tour* t) {
  strongroom_identity alice = STRONGROOM_IDENTITY_INIT;
  strongroom_session* session = NULL;
  int good;
  alice.kind = STRONGROOM_IDENTITY_USER;
  alice.id = "alice";
  good = ok(t, strongroom_session_open(t->store, &alice, &session, &t->error), "alice") &&
         try_get(t, session, NULL, STRONGROOM_DENIED, NULL);
  strongroom_session_free(session);
  if (good) printf("%d denied alice to get app/db\n", ++t->step);
  return good;
}

static int seal(struct tour* t) {
  if (!ok(t, strongroom_seal(t->session, STRONGROOM_SEAL_PROCESS, &t->error), "seal")) return 0;
  printf("%d sealed the store in this process\n", ++t->step);
  if (!try_get(t, t->session, NULL, STRONGROOM_SEALED, NULL)) return 0;
  printf("%d a get is refused: sealed\n", ++t->step);
  return 1;
}

static int show_status(struct tour* t) {
  strongroom_report* report = NULL;
  strongroom_report_info info = STRONGROOM_REPORT_INFO_INIT;
  strongroom_slot slot = STRONGROOM_SLOT_INIT;
  int good = ok(t, strongroom_store_status(t->store, &report, &t->error), "status") &&
             ok(t, strongroom_report_describe(report, &info, &t->error), "describe the status") &&
             check(info.initialized && info.sealed && info.reason == STRONGROOM_SEALED_CLOSED &&
                       info.num_slots == 1,
                   "status") &&
             ok(t, strongroom_report_slot(report, 0, &slot, &t->error), "slot") &&
             check(slot.threshold == 2 && slot.shares == 3, "slot");
  if (good) /* info borrows its texts from report */
    printf("%d status: store %s, generation %" PRIu64 ", sealed, opened by %" PRIu32 " of %" PRIu32
           " shares\n",
           ++t->step, info.store_id, info.generation, slot.threshold, slot.shares);
  strongroom_report_free(report);
  return good;
}

int main(int argc, char** argv) {
  struct tour t = {NULL, NULL, NULL, NULL, NULL, NULL, 0};
  int good;
  if (argc != 2) {
    fprintf(stderr, "usage: tour DIRECTORY\n");
    return 1;
  }
  good = open_store(&t, argv[1]) && make_store(&t) && unseal(&t) && put_secrets(&t) &&
         get_secrets(&t) && copy_secret(&t) && list_folder(&t) && watch_changes(&t) &&
         use_queue(&t) && use_record(&t) && deny_user(&t) && seal(&t) && show_status(&t);
  strongroom_queue_free(t.queue); /* before the watch: it ends a call for the watch */
  strongroom_watch_free(t.watch);
  strongroom_pending_free(t.pending);
  strongroom_session_free(t.session);
  strongroom_store_free(t.store);
  if (good) printf("%d freed everything\n", ++t.step);
  return good && fflush(stdout) == 0 ? 0 : 1;
}
