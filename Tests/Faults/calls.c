/* libfiu's preload library knows accept, and not the accept4 and epoll_ctl that a host calls: the same for those. */
#include <dlfcn.h>
#include <errno.h>
#include <fiu.h>
#include <stdlib.h>
#include <sys/epoll.h>
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

int epoll_ctl(int poller, int operation, int fd, struct epoll_event *event) {
  static int (*real)(int, int, int, struct epoll_event *);
  if (real == NULL) real = (int (*)(int, int, int, struct epoll_event *))dlsym(RTLD_NEXT, "epoll_ctl");
  /* epoll_ctl(2): what takes no memory does not run out of it. */
  if (operation == EPOLL_CTL_ADD && fiu_fail("posix/io/epoll_ctl")) {
    errno = rand() % 2 ? ENOMEM : ENOSPC;
    return -1;
  }
  return real(poller, operation, fd, event);
}
