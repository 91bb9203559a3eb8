/* Writes down what a program does to the files of one directory, in order, and fails when told to.
 *
 * Loaded before the C library (LD_PRELOAD), it answers the calls by which SQLite and Rust's standard
 * library change files: it does what the real call does, and then says so in a log. One lock is held
 * around both, so the order of the log is the order of the calls. A call that changes files and is not
 * known here ends the program: a log with a gap would prove nothing.
 *
 * Names are not followed call by call. Before and after each call that may change one the directory is
 * looked at, and what is different is written down. So a name that was changed past the C library has
 * its place in the log, too: some Rust libraries ask the kernel themselves.
 *
 * A sync is not passed on: the disk is the one that the log is replayed on. Its beginning and its end
 * are two lines, between which other threads go on.
 *
 *   LARDER_CRASH_DIR    the directory, as realpath(3) names it
 *   LARDER_CRASH_LOG    where the log is appended
 *   LARDER_CRASH_FAULT  CALL NAME FIRST TIMES: calls that fail, counted from 1, where CALL is `sync`
 *                       or `write` and NAME is how the file's name ends; `/` is the directory's
 *
 * A line of the log, where ID is the number of a file as long as this process lives:
 *
 *   found PATH ID | name PATH ID | dir PATH | move FROM TO | gone PATH
 *   write ID OFFSET LENGTH, and after the line that many bytes
 *   length ID LENGTH
 *   begin SYNC ID | begindir SYNC PATH | end SYNC ok | end SYNC failed
 *   failed write ID
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

enum { NAMES = 64, LONGEST = 256, DESCRIPTORS = 4096, MICROSECONDS = 100 };

struct name {
  char path[LONGEST];
  ino_t inode;
  int id; /* of a file; 0 of a directory */
};

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX];
static int out = -1;
static struct name names[NAMES];
static int named;
static int files;
static int syncs;
/* What each descriptor is of: the number of a file, or minus one for a directory. */
static int opened[DESCRIPTORS];
/* Its path, at the time it was opened. */
static char opened_as[DESCRIPTORS][LONGEST];

static char fault_call[16], fault_name[64];
static int fault_first, fault_times, fault_seen;

static void give_up(const char *why) {
  dprintf(2, "recorder: %s\n", why);
  _exit(99);
}

static void say_bytes(const void *bytes, size_t length) {
  const char *at = bytes;
  while (length > 0) {
    ssize_t wrote = REAL(write)(out, at, length);
    if (wrote < 0)
      give_up("the log cannot be written");
    at += wrote;
    length -= (size_t)wrote;
  }
}

static void say(const char *format, ...) {
  char line[3 * LONGEST];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  if (length < 0 || (size_t)length >= sizeof line)
    give_up("a line is too long");
  say_bytes(line, (size_t)length);
}

/* Adds what is in a directory, and in those in it. */
static int list(const char *dir, struct name *into, int count) {
  char path[PATH_MAX + LONGEST];
  snprintf(path, sizeof path, "%s/%s", root, dir);
  DIR *open_dir = opendir(path);
  if (!open_dir)
    return count;
  struct dirent *entry;
  while ((entry = readdir(open_dir))) {
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
      continue;
    if (count == NAMES)
      give_up("there are too many names");
    struct name *name = &into[count++];
    int length = snprintf(name->path, LONGEST, "%s%s%s", dir, *dir ? "/" : "", entry->d_name);
    if (length >= LONGEST)
      give_up("a name is too long");
    name->inode = entry->d_ino;
    name->id = entry->d_type == DT_DIR ? 0 : -1;
    if (entry->d_type == DT_DIR)
      count = list(name->path, into, count);
  }
  closedir(open_dir);
  return count;
}

static struct name *find(struct name *in, int count, const char *path) {
  for (int at = 0; at < count; at++)
    if (!strcmp(in[at].path, path))
      return &in[at];
  return NULL;
}

/* Whether the same file has this name in a list. */
static int has(struct name *in, int count, const struct name *name) {
  struct name *found = find(in, count, name->path);
  return found && found->inode == name->inode;
}

/* Looks which names are there, and writes down what is different. */
static void look(const char *verb) {
  static struct name now[NAMES];
  int count = list("", now, 0);
  int moved[NAMES] = {0};
  for (int at = 0; at < count; at++) {
    struct name *known = find(names, named, now[at].path);
    if (known && known->inode == now[at].inode) {
      now[at].id = known->id;
      continue;
    }
    if (now[at].id == 0) {
      say("dir %s\n", now[at].path);
      continue;
    }
    for (int old = 0; old < named; old++) {
      if (names[old].inode != now[at].inode || names[old].id == 0)
        continue;
      now[at].id = names[old].id;
      if (!has(now, count, &names[old]) && !moved[old]) {
        moved[old] = 1;
        say("move %s %s\n", names[old].path, now[at].path);
      } else {
        say("name %s %d\n", now[at].path, now[at].id);
      }
      break;
    }
    if (now[at].id < 0) {
      now[at].id = ++files;
      say("%s %s %d\n", verb, now[at].path, now[at].id);
    }
  }
  for (int old = 0; old < named; old++)
    if (!moved[old] && !find(now, count, names[old].path))
      say("gone %s\n", names[old].path);
  memcpy(names, now, sizeof names);
  named = count;
}

__attribute__((constructor)) static void begin(void) {
  const char *dir = getenv("LARDER_CRASH_DIR"), *log = getenv("LARDER_CRASH_LOG");
  const char *fault = getenv("LARDER_CRASH_FAULT");
  if (!dir || !log)
    return;
  snprintf(root, sizeof root, "%s", dir);
  out = REAL(open)(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (out < 0)
    give_up("the log cannot be opened");
  if (fault && sscanf(fault, "%15s %63s %d %d", fault_call, fault_name, &fault_first, &fault_times) != 4)
    give_up("no such fault");
  look("found");
}

static void enter(void) { pthread_mutex_lock(&turn); }

static void leave(void) {
  int error = errno;
  pthread_mutex_unlock(&turn);
  errno = error;
}

/* What a descriptor is of; 0 if it is none of ours. */
static int of(int fd) { return out >= 0 && fd >= 0 && fd < DESCRIPTORS ? opened[fd] : 0; }

/* Whether this call is to fail. */
static int fails(const char *call, int fd) {
  const char *path = opened[fd] < 0 ? "/" : opened_as[fd];
  size_t length = strlen(path), end = strlen(fault_name);
  if (strcmp(call, fault_call) || length < end || strcmp(path + length - end, fault_name))
    return 0;
  fault_seen++;
  return fault_seen >= fault_first && fault_seen < fault_first + fault_times;
}

static int after_open(int fd, int flags, int before) {
  char link[64], path[PATH_MAX];
  if (fd < 0)
    return fd;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  size_t skip = strlen(root);
  if (length < 0 || strncmp(path, root, skip) || (path[length] = 0, path[skip] != '/' && path[skip]))
    return fd;
  if (fd >= DESCRIPTORS)
    give_up("there are too many descriptors");
  const char *relative = path[skip] ? path + skip + 1 : "";
  snprintf(opened_as[fd], LONGEST, "%s", relative);
  struct name *name = find(names, named, relative);
  if (!*relative || (name && name->id == 0)) {
    opened[fd] = -1;
    return fd;
  }
  if (!name)
    give_up("a file without a name was opened");
  opened[fd] = name->id;
  if (flags & O_TRUNC && name->id <= before)
    say("length %d 0\n", name->id);
  return fd;
}

#define OPENED(flags, call)                                                                        \
  if (out < 0)                                                                                     \
    return call;                                                                                   \
  enter();                                                                                         \
  look("name");                                                                                    \
  int before = files, fd = call, error = errno;                                                    \
  look("name");                                                                                    \
  fd = after_open(fd, flags, before);                                                              \
  errno = error;                                                                                   \
  leave();                                                                                         \
  return fd

#define MODE(flags)                                                                                \
  va_list arguments;                                                                               \
  va_start(arguments, flags);                                                                      \
  mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(arguments, mode_t) : 0;                   \
  va_end(arguments)

int open(const char *path, int flags, ...) {
  MODE(flags);
  OPENED(flags, REAL(open)(path, flags, mode));
}
int open64(const char *path, int flags, ...) {
  MODE(flags);
  OPENED(flags, REAL(open64)(path, flags, mode));
}
int openat(int dir, const char *path, int flags, ...) {
  MODE(flags);
  OPENED(flags, REAL(openat)(dir, path, flags, mode));
}
int openat64(int dir, const char *path, int flags, ...) {
  MODE(flags);
  OPENED(flags, REAL(openat64)(dir, path, flags, mode));
}
int creat(const char *path, mode_t mode) { OPENED(O_TRUNC, REAL(creat)(path, mode)); }
int creat64(const char *path, mode_t mode) { OPENED(O_TRUNC, REAL(creat64)(path, mode)); }

int close(int fd) {
  if (of(fd)) {
    enter();
    opened[fd] = 0;
    leave();
  }
  return REAL(close)(fd);
}

/* A write that fails leaves half of what was to be written. */
#define WROTE(offset, length, call)                                                                \
  enter();                                                                                         \
  off64_t at = offset;                                                                             \
  int failing = fails("write", fd);                                                                \
  if (failing)                                                                                     \
    length /= 2;                                                                                   \
  ssize_t wrote = call;                                                                            \
  if (wrote > 0) {                                                                                 \
    say("write %d %lld %zd\n", opened[fd], (long long)at, wrote);                                  \
    say_bytes(bytes, (size_t)wrote);                                                               \
  }                                                                                                \
  if (failing) {                                                                                   \
    say("failed write %d\n", opened[fd]);                                                          \
    errno = EIO;                                                                                   \
    wrote = -1;                                                                                    \
  }                                                                                                \
  leave();                                                                                         \
  return wrote

static off64_t position(int fd) {
  int flags = REAL(fcntl)(fd, F_GETFL);
  return lseek64(fd, 0, flags & O_APPEND ? SEEK_END : SEEK_CUR);
}

ssize_t write(int fd, const void *bytes, size_t length) {
  if (!of(fd))
    return REAL(write)(fd, bytes, length);
  WROTE(position(fd), length, REAL(write)(fd, bytes, length));
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
  if (!of(fd))
    return REAL(pwrite)(fd, bytes, length, offset);
  WROTE(offset, length, REAL(pwrite)(fd, bytes, length, offset));
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
  if (!of(fd))
    return REAL(pwrite64)(fd, bytes, length, offset);
  WROTE(offset, length, REAL(pwrite64)(fd, bytes, length, offset));
}

#define UNKNOWN(fd, call)                                                                          \
  if (of(fd))                                                                                      \
    give_up("a call that it does not know");                                                       \
  return call

ssize_t writev(int fd, const struct iovec *parts, int count) {
  UNKNOWN(fd, REAL(writev)(fd, parts, count));
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  UNKNOWN(fd, REAL(pwritev)(fd, parts, count, offset));
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
  UNKNOWN(fd, REAL(pwritev64)(fd, parts, count, offset));
}
ssize_t copy_file_range(int in, off64_t *from, int fd, off64_t *to, size_t length, unsigned flags) {
  UNKNOWN(fd, REAL(copy_file_range)(in, from, fd, to, length, flags));
}
int dup2(int from, int fd) { UNKNOWN(from, REAL(dup2)(from, fd)); }

#define CUT(length, call)                                                                          \
  if (!of(fd))                                                                                     \
    return call;                                                                                   \
  enter();                                                                                         \
  int result = call;                                                                               \
  if (result == 0)                                                                                 \
    say("length %d %lld\n", opened[fd], (long long)(length));                                      \
  leave();                                                                                         \
  return result

int ftruncate(int fd, off_t length) { CUT(length, REAL(ftruncate)(fd, length)); }
int ftruncate64(int fd, off64_t length) { CUT(length, REAL(ftruncate64)(fd, length)); }

/* Grows a file, or does something that is not known here. */
#define GREW(mode, call)                                                                      \
  if (!of(fd))                                                                                     \
    return call;                                                                                   \
  if (mode != 0)                                                                                   \
    give_up("a call that it does not know");                                                       \
  enter();                                                                                         \
  struct stat found;                                                                               \
  int result = call;                                                                               \
  if (result == 0 && fstat(fd, &found) == 0)                                                       \
    say("length %d %lld\n", opened[fd], (long long)found.st_size);                                 \
  leave();                                                                                         \
  return result

int fallocate(int fd, int mode, off_t offset, off_t length) {
  GREW(mode, REAL(fallocate)(fd, mode, offset, length));
}
int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
  GREW(mode, REAL(fallocate64)(fd, mode, offset, length));
}
int posix_fallocate(int fd, off_t offset, off_t length) {
  GREW(0, REAL(posix_fallocate)(fd, offset, length));
}
int posix_fallocate64(int fd, off64_t offset, off64_t length) {
  GREW(0, REAL(posix_fallocate64)(fd, offset, length));
}

/* Takes a moment, as a disk does, and others go on meanwhile. */
static int synced(int fd) {
  enter();
  look("name");
  int sync = ++syncs, failing = fails("sync", fd);
  if (opened[fd] < 0)
    say("begindir %d %s\n", sync, *opened_as[fd] ? opened_as[fd] : ".");
  else
    say("begin %d %d\n", sync, opened[fd]);
  leave();
  struct timespec moment = {0, MICROSECONDS * 1000};
  nanosleep(&moment, NULL);
  enter();
  say("end %d %s\n", sync, failing ? "failed" : "ok");
  leave();
  errno = EIO;
  return failing ? -1 : 0;
}

/* A program that is killed is so between two calls. */
void abort(void) {
  if (out >= 0)
    enter();
  REAL(abort)();
  _exit(134);
}

int fsync(int fd) { return of(fd) ? synced(fd) : REAL(fsync)(fd); }
int fdatasync(int fd) { return of(fd) ? synced(fd) : REAL(fdatasync)(fd); }

#define RENAMED(call)                                                                              \
  if (out < 0)                                                                                     \
    return call;                                                                                   \
  enter();                                                                                         \
  look("name");                                                                                    \
  int result = call, error = errno;                                                                \
  look("name");                                                                                    \
  errno = error;                                                                                   \
  leave();                                                                                         \
  return result

int rename(const char *from, const char *to) { RENAMED(REAL(rename)(from, to)); }
int renameat(int dir, const char *from, int other, const char *to) {
  RENAMED(REAL(renameat)(dir, from, other, to));
}
int renameat2(int dir, const char *from, int other, const char *to, unsigned flags) {
  RENAMED(REAL(renameat2)(dir, from, other, to, flags));
}
int link(const char *from, const char *to) { RENAMED(REAL(link)(from, to)); }
int linkat(int dir, const char *from, int other, const char *to, int flags) {
  RENAMED(REAL(linkat)(dir, from, other, to, flags));
}
int unlink(const char *path) { RENAMED(REAL(unlink)(path)); }
int unlinkat(int dir, const char *path, int flags) { RENAMED(REAL(unlinkat)(dir, path, flags)); }
int remove(const char *path) { RENAMED(REAL(remove)(path)); }
int rmdir(const char *path) { RENAMED(REAL(rmdir)(path)); }
int mkdir(const char *path, mode_t mode) { RENAMED(REAL(mkdir)(path, mode)); }
int mkdirat(int dir, const char *path, mode_t mode) { RENAMED(REAL(mkdirat)(dir, path, mode)); }
