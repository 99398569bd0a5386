// The parts of Linux that Swift's Glibc module leaves out.
//
// Without _GNU_SOURCE: it would change declarations that this module shares with Swift's own, and the
// compiler refuses the two. What needs it is declared here by its symbol instead.
#ifndef NETCHAT_CLINUX_SHIM_H
#define NETCHAT_CLINUX_SHIM_H
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>

// accept4(2); its address argument in glibc's header is a transparent union, which Swift does not import.
extern int netchat_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
    __asm__("accept4");

extern int netchat_sched_getaffinity(int pid, unsigned long size, unsigned long *mask)
    __asm__("sched_getaffinity");

// The processors this process may run on; 0 when the system does not tell.
static inline int netchat_processor_count(void) {
  unsigned long mask[128] = {0};
  int count = 0;
  if (netchat_sched_getaffinity(0, sizeof mask, mask) != 0) return 0;
  for (int i = 0; i < 128; i++) count += __builtin_popcountl(mask[i]);
  return count;
}

// Names the calling thread (at most 15 bytes); prctl is variadic.
static inline int netchat_name_thread(const char *name) {
  return prctl(PR_SET_NAME, name, 0, 0, 0);
}

// No core dump of this process, and no ptrace by others of the same user.
static inline int netchat_forbid_dumps(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

// The user at the other end of a unix socket (SO_PEERCRED); `struct ucred` needs _GNU_SOURCE.
static inline int netchat_peer_user(int fd, unsigned *user) {
  int domain = 0;
  socklen_t length = sizeof domain;
  if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) != 0 || domain != AF_UNIX) return -1;
  struct {
    int process;
    unsigned user, group;
  } credentials;
  length = sizeof credentials;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) return -1;
  *user = credentials.user;
  return 0;
}

// renameat2(2), which can refuse to replace a file.
extern int netchat_renameat2(
    int from_directory, const char *from, int to_directory, const char *to, unsigned flags)
    __asm__("renameat2");
enum { NETCHAT_RENAME_NOREPLACE = 1 };
#endif
