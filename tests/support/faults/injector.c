/* Strikes one change on disk of the processes of a run: a library for LD_PRELOAD.

   It counts the calls of libc that change files below one folder, from Python and from C++ alike, and
   does at one of them what the plan says. In the run itself it counts from an event in the journal on. The plan is a file that all processes of the run map, so that
   the tool that wrote it sees how far they are; injector.py has its layout, too. Without the variable
   FAULT_PLAN nothing happens. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum kind { NOTHING, KILL, FAIL_ONCE, FAIL_FROM_HERE, SHORT, PAUSE, CLOCK };
enum role { RUN, DELIVERY, CHECK };

struct plan {
  atomic_long seen[3]; /* changes so far, by role */
  long at;             /* the change to strike, from 1 */
  long seconds;        /* that CLOCK adds to the time of day */
  int role, kind, error;
  atomic_int begun, struck, resumed;
  char event[64], node[64]; /* in the journal, from which the run's changes count; "" for all */
  char place[1024]; /* only changes below this folder count */
  char change[1024]; /* what was struck */
  char trace[1024]; /* a file for a line per change, or "" */
};

static struct plan *_Atomic plan;
static int role;

static void find_plan(const char *path) {
  char command[4096] = "";
  int file = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
  ssize_t length = read(file, command, sizeof command - 1);
  close(file);
  for (ssize_t i = 0; i < length; i++)
    if (!command[i]) command[i] = ' ';
  role = strstr(command, "delivery_process") ? DELIVERY : strstr(command, "clean_process") ? CHECK : RUN;
  file = open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return;
  void *mapped = mmap(NULL, sizeof(struct plan), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (mapped != MAP_FAILED) plan = mapped;
}

static int planned(void) {
  static _Thread_local int busy;
  if (plan) return 1;
  const char *path = getenv("FAULT_PLAN");
  if (!path || busy) return 0;
  busy = 1;
  find_plan(path);
  busy = 0;
  return plan != NULL;
}

/* The absolute path of a file by its name in a folder, or by its descriptor alone. */
static void resolve(int folder, const char *name, char *path) {
  char link[64];
  path[0] = 0;
  ssize_t length = 0;
  if (!name || (name[0] != '/' && folder != AT_FDCWD)) {
    snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    length = readlink(link, path, PATH_MAX - 1);
    path[length < 0 ? 0 : length] = 0;
  } else if (name[0] != '/' && !getcwd(path, PATH_MAX)) {
    path[0] = 0;
  }
  if (name) {
    length = strlen(path);
    snprintf(path + length, PATH_MAX - length, "%s%s", length ? "/" : "", name);
  }
}

static void trace(long number, const char *call, const char *path) {
  char line[PATH_MAX + 64];
  int length = snprintf(line, sizeof line, "%d %ld %s %s\n", role, number, call, path);
  int file = open(plan->trace, O_WRONLY | O_APPEND | O_CLOEXEC);
  if (file < 0) return;
  if (write(file, line, length) < 0) {}
  close(file);
}

static void strike_by_pause(void) {
  struct timespec moment = {0, 2000000};
  while (!plan->resumed) nanosleep(&moment, NULL);
}

/* What a call is to return: 0 as usual, 1 a short count, or the number of an error. `takes_space` says
   whether a full disk refuses it. */
static int verdict(const char *call, int folder, const char *name, int takes_space) {
  if (!planned()) return 0;
  int before = errno, result = 0;
  char path[PATH_MAX];
  resolve(folder, name, path);
  size_t length = strlen(plan->place);
  if (strncmp(path, plan->place, length) || path[length] != '/') goto end;
  if (role == RUN && plan->event[0] && !plan->begun) goto end;
  long number = atomic_fetch_add(&plan->seen[role], 1) + 1;
  if (plan->trace[0]) trace(number, call, path);
  if (!plan->at || role != plan->role || number < plan->at) goto end;
  int is_full = plan->error == ENOSPC || plan->error == EDQUOT;
  int can_fail = takes_space || !is_full;
  if (plan->kind == FAIL_FROM_HERE && plan->struck) {
    if (can_fail) result = plan->error;
    goto end;
  }
  if (plan->struck || !can_fail || (plan->kind == SHORT && takes_space < 2)) goto end;
  if (atomic_exchange(&plan->struck, 1)) goto end;
  snprintf(plan->change, sizeof plan->change, "%s %s", call, path);
  switch (plan->kind) {
    case KILL: raise(SIGKILL); break;
    case FAIL_ONCE:
    case FAIL_FROM_HERE: result = plan->error; break;
    case SHORT: result = 1; break;
    case PAUSE: strike_by_pause(); break;
  }
end:
  errno = before;
  return result;
}

/* Whether a write is the event in the journal from which the run's changes count. */
static void look_for_event(const char *bytes, size_t size) {
  if (!plan || !plan->event[0] || plan->begun || role != RUN) return;
  char event[128], node[128];
  snprintf(event, sizeof event, "{\"event\": \"%s\"", plan->event);
  snprintf(node, sizeof node, "\"node\": \"%s\"", plan->node);
  if (size < strlen(event) || memcmp(bytes, event, strlen(event))) return;
  if (!plan->node[0] || memmem(bytes, size, node, strlen(node))) plan->begun = 1;
}

#define REAL(name) \
  static __typeof__(&name) real; \
  if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

/* A call that changes the file `name` in `folder`, or the open file `folder`. */
#define CHANGE(result, call, parameters, arguments, folder, name, takes_space) \
  result call parameters { \
    REAL(call); \
    int error = verdict(#call, folder, name, takes_space); \
    if (error) return errno = error, -1; \
    return real arguments; \
  }

CHANGE(int, mkdir, (const char *name, mode_t mode), (name, mode), AT_FDCWD, name, 1)
CHANGE(int, mkdirat, (int at, const char *name, mode_t mode), (at, name, mode), at, name, 1)
CHANGE(int, rename, (const char *from, const char *to), (from, to), AT_FDCWD, to, 0)
CHANGE(int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to), b, to, 0)
CHANGE(int, link, (const char *from, const char *to), (from, to), AT_FDCWD, to, 1)
CHANGE(int, symlink, (const char *from, const char *to), (from, to), AT_FDCWD, to, 1)
CHANGE(int, unlink, (const char *name), (name), AT_FDCWD, name, 0)
CHANGE(int, unlinkat, (int at, const char *name, int flags), (at, name, flags), at, name, 0)
CHANGE(int, rmdir, (const char *name), (name), AT_FDCWD, name, 0)
CHANGE(int, ftruncate, (int file, off_t size), (file, size), file, NULL, 0)
CHANGE(int, ftruncate64, (int file, off64_t size), (file, size), file, NULL, 0)
CHANGE(int, fsync, (int file), (file), file, NULL, 0)
CHANGE(int, fdatasync, (int file), (file), file, NULL, 0)
CHANGE(ssize_t, sendfile, (int to, int from, off_t *at, size_t n), (to, from, at, n), to, NULL, 1)
CHANGE(ssize_t, sendfile64, (int to, int from, off64_t *at, size_t n), (to, from, at, n), to, NULL, 1)
CHANGE(ssize_t, copy_file_range,
       (int from, off64_t *a, int to, off64_t *b, size_t n, unsigned flags),
       (from, a, to, b, n, flags), to, NULL, 1)
CHANGE(ssize_t, writev, (int file, const struct iovec *parts, int n), (file, parts, n), file, NULL, 1)

/* A write, which may write less than it was asked to. */
#define WRITE(call, parameters, arguments) \
  ssize_t call parameters { \
    REAL(call); \
    int error = verdict(#call, file, NULL, size > 1 ? 2 : 1); \
    if (error == 1) size = size / 2; \
    else if (error) return errno = error, -1; \
    look_for_event(bytes, size); \
    return real arguments; \
  }

WRITE(write, (int file, const void *bytes, size_t size), (file, bytes, size))
WRITE(pwrite, (int file, const void *bytes, size_t size, off_t at), (file, bytes, size, at))
WRITE(pwrite64, (int file, const void *bytes, size_t size, off64_t at), (file, bytes, size, at))

size_t fwrite(const void *bytes, size_t size, size_t count, FILE *file) {
  REAL(fwrite);
  int error = verdict("fwrite", fileno(file), NULL, 1);
  if (error) return errno = error, 0;
  return real(bytes, size, count, file);
}

int fflush(FILE *file) {
  REAL(fflush);
  int error = file ? verdict("fflush", fileno(file), NULL, 1) : 0;
  if (error) return errno = error, EOF;
  return real(file);
}

/* Opening counts where it makes or empties a file. */
#define OPEN(call, folder, parameters, arguments) \
  int call parameters { \
    REAL(call); \
    mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { \
      va_list more; \
      va_start(more, flags); \
      mode = va_arg(more, mode_t); \
      va_end(more); \
    } \
    int changes = (flags & O_ACCMODE) != O_RDONLY && flags & (O_CREAT | O_TRUNC); \
    int error = changes ? verdict(#call, folder, name, 1) : 0; \
    if (error) return errno = error, -1; \
    return real arguments; \
  }

OPEN(open, AT_FDCWD, (const char *name, int flags, ...), (name, flags, mode))
OPEN(open64, AT_FDCWD, (const char *name, int flags, ...), (name, flags, mode))
OPEN(openat, at, (int at, const char *name, int flags, ...), (at, name, flags, mode))
OPEN(openat64, at, (int at, const char *name, int flags, ...), (at, name, flags, mode))

#define FOPEN(call) \
  FILE *call(const char *name, const char *mode) { \
    REAL(call); \
    int error = mode[0] != 'r' ? verdict(#call, AT_FDCWD, name, 1) : 0; \
    if (error) return errno = error, NULL; \
    return real(name, mode); \
  }

FOPEN(fopen)
FOPEN(fopen64)

static long shift(void) {
  return planned() && plan->kind == CLOCK && plan->struck ? plan->seconds : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  REAL(clock_gettime);
  int result = real(clock, now);
  if (!result && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += shift();
  return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  REAL(gettimeofday);
  int result = real(now, zone);
  if (!result) now->tv_sec += shift();
  return result;
}

time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}
