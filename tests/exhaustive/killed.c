/* Counts the calls by which a process changes anything outside itself, and kills the process at one of them.

   Loaded before the C library (LD_PRELOAD). tally_arm(n, half) begins to count: at the n-th call the process gets
   SIGKILL before the call, or, when half is set and the call writes bytes, after the first half of them. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static long left, counted;
static int halves;

void tally_arm(long n, int half) { left = n; halves = half; counted = 0; }
long tally_counted(void) { return counted; }

static int due(void) {
    counted += left > 0 || left == -1;
    return left > 0 && --left == 0;
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

#define REAL(name) static __typeof__(name) *real; if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)
#define BYTES(type, name, parameters, whole, half_of) \
    type name parameters { REAL(name); if (due()) { if (halves) half_of; die(); } return whole; }
#define CALL(type, name, parameters, whole) \
    type name parameters { REAL(name); if (due()) die(); return whole; }

BYTES(ssize_t, write, (int fd, const void *from, size_t n), real(fd, from, n), real(fd, from, n / 2))
BYTES(ssize_t, pwrite, (int fd, const void *from, size_t n, off_t at), real(fd, from, n, at), real(fd, from, n / 2, at))
BYTES(ssize_t, pwrite64, (int fd, const void *from, size_t n, off64_t at), real(fd, from, n, at),
      real(fd, from, n / 2, at))
BYTES(ssize_t, send, (int fd, const void *from, size_t n, int flags), real(fd, from, n, flags),
      real(fd, from, n / 2, flags))
CALL(ssize_t, writev, (int fd, const struct iovec *from, int n), real(fd, from, n))
CALL(ssize_t, sendto, (int fd, const void *from, size_t n, int flags, const struct sockaddr *to, socklen_t length),
     real(fd, from, n, flags, to, length))
CALL(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), real(fd, message, flags))
CALL(int, fsync, (int fd), real(fd))
CALL(int, fdatasync, (int fd), real(fd))
CALL(int, ftruncate, (int fd, off_t length), real(fd, length))
CALL(int, ftruncate64, (int fd, off64_t length), real(fd, length))
CALL(int, rename, (const char *from, const char *to), real(from, to))
CALL(int, unlink, (const char *path), real(path))
