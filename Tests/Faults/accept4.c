/* libfiu's preload library knows accept, and not the accept4 that a host calls: the same for that. */
#include <dlfcn.h>
#include <errno.h>
#include <fiu.h>
#include <stdlib.h>
#include <sys/socket.h>

int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags) {
  static int (*real)(int, struct sockaddr *, socklen_t *, int);
  /* accept(2): all of them happen to a listener that is in order. */
  static const int errors[] = {EAGAIN, ECONNABORTED, EINTR, EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM, EPROTO};
  if (real == NULL) real = (int (*)(int, struct sockaddr *, socklen_t *, int))dlsym(RTLD_NEXT, "accept4");
  if (fiu_fail("posix/io/net/accept4")) {
    errno = errors[(size_t)rand() % (sizeof errors / sizeof *errors)];
    return -1;
  }
  return real(fd, address, length, flags);
}
