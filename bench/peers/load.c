/* load.c: a program that only loads the libraries that it is linked with, and ends.
 *
 * LIBRARIES names a function of each library, as USE(name), so that the linker keeps all of them. */
#ifdef LIBRARIES
#define USE(name) extern void name(void);
LIBRARIES
#undef USE
#define USE(name) name,
extern void (*const used[])(void);
void (*const used[])(void) = {LIBRARIES};
#endif

int main(void) {
  return 0;
}
