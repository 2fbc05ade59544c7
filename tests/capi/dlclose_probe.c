/* dlclose_probe.c LIBRARY: a host that loads the library, keeps a secret, and unloads it, many times.
 *
 * The library stays: a thread of its own may be running in it, and what it locked would be lost. So after
 * dlclose it is still there, and locked memory does not grow. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "strongroom.h"

static long locked_kib(void) {
  char line[256];
  long kib = -1;
  FILE* status = fopen("/proc/self/status", "r");
  while (status != NULL && fgets(line, sizeof line, status) != NULL) {
    if (strncmp(line, "VmLck:", 6) == 0) kib = strtol(line + 6, NULL, 10);
  }
  if (status != NULL) fclose(status);
  return kib;
}

/* POSIX has functions come out of dlsym as objects. */
static void take(void* library, const char* name, void* function) {
  void* const found = dlsym(library, name);
  memcpy(function, &found, sizeof found);
}

static int use(const char* path) {
  strongroom_status (*make)(size_t, strongroom_secret**, strongroom_error**) = NULL;
  void (*release)(strongroom_secret*) = NULL;
  strongroom_secret* secret = NULL;
  void* const library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) return puts(dlerror()), 1;
  take(library, "strongroom_secret_new", &make);
  take(library, "strongroom_secret_free", &release);
  if (make == NULL || release == NULL) return puts("a function is missing"), 1;
  if (make(5, &secret, NULL) != STRONGROOM_OK) return puts("no secret"), 1;
  release(secret);
  return dlclose(library);
}

int main(int argc, char** argv) {
  long after_first;
  int i;
  if (argc != 2) return puts("dlclose_probe LIBRARY"), 2;
  if (use(argv[1]) != 0) return 1;
  if (dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD) == NULL) return puts("the library was unloaded"), 1;
  after_first = locked_kib();
  for (i = 0; i < 50; ++i) {
    if (use(argv[1]) != 0) return 1;
  }
  if (locked_kib() != after_first) {
    printf("%ld KiB were locked at first, and %ld KiB after 50 times more\n", after_first,
           locked_kib());
    return 1;
  }
  return 0;
}
