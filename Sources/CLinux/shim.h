// The parts of Linux that Swift's Glibc module leaves out.
#ifndef NETCHAT_CLINUX_SHIM_H
#define NETCHAT_CLINUX_SHIM_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

// accept4's address argument is a transparent union in glibc's headers, which Swift does not import.
static inline int netchat_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags) {
  return accept4(fd, address, length, flags);
}

// cpu_set_t is counted by a macro. 0 when the system does not tell.
static inline int netchat_processor_count(void) {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
}

// Names the calling thread (at most 15 bytes); prctl is variadic.
static inline int netchat_name_thread(const char *name) {
  return prctl(PR_SET_NAME, name, 0, 0, 0);
}
#endif
