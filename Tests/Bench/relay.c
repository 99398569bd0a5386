// relay: the least that a server can do which passes on to everybody what anybody says; a chat host is measured against it.
// One thread: reads all that is ready (through TLS too), cuts it at the last line end, then writes it to every connection
// with one call each. It looks at nothing and keeps at most 4 MiB for a connection that does not read.
//   relay PORT [CERT KEY [multiply]]     PORT 0: any; says `Listening on 127.0.0.1:PORT` like the host;
//                                        multiply: does SPAKE2+'s three multiplications after each handshake
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "prover.h"

enum { TURN_BYTES = 1 << 20, BACKLOG_BYTES = 4 << 20, READ_BYTES = 65536 };

struct connection {
  int fd, index; // in `live`
  bool open, wants_write, dead;
  SSL *ssl;
  char *backlog, *part; // not yet written; a line's beginning
  size_t backlog_length, backlog_capacity, part_length;
  struct connection *next_dead;
};

static struct connection **live, *dead;
static int live_count, live_capacity, poller;
static SSL_CTX *tls;
static bool multiplies;
static char turn[TURN_BYTES]; // what came in this turn of the loop
static size_t turn_length;

static _Noreturn void fail(const char *what) {
  perror(what);
  exit(2);
}

static void end(struct connection *c) {
  if (c->dead) return;
  c->dead = true;
  live[c->index] = live[--live_count];
  live[c->index]->index = c->index;
  if (c->ssl) SSL_free(c->ssl);
  ERR_clear_error();
  close(c->fd);
  free(c->backlog);
  free(c->part);
  c->next_dead = dead; // an event of this turn may still name it
  dead = c;
}

static void watch_writes(struct connection *c, bool on) {
  if (c->wants_write == on) return;
  c->wants_write = on;
  struct epoll_event e = {.events = EPOLLIN | (on ? (uint32_t)EPOLLOUT : 0), .data.ptr = c};
  epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &e);
}

/// Bytes written, 0 when it would block, -1 when the connection is gone.
static ssize_t write_some(struct connection *c, const char *bytes, size_t length) {
  if (!c->ssl) {
    ssize_t n = send(c->fd, bytes, length, MSG_NOSIGNAL);
    return n >= 0 ? n : errno == EAGAIN ? 0 : -1;
  }
  size_t done = 0, n;
  while (done < length) {
    if (!SSL_write_ex(c->ssl, bytes + done, length - done, &n)) {
      int e = SSL_get_error(c->ssl, 0);
      if (e == SSL_ERROR_WANT_WRITE || e == SSL_ERROR_WANT_READ) break;
      return -1;
    }
    done += n;
  }
  return (ssize_t)done;
}

static void drain(struct connection *c) {
  ssize_t n = write_some(c, c->backlog, c->backlog_length);
  if (n < 0) return end(c);
  c->backlog_length -= (size_t)n;
  memmove(c->backlog, c->backlog + n, c->backlog_length);
  if (c->backlog_length) return;
  free(c->backlog);
  c->backlog = NULL;
  c->backlog_capacity = 0;
  watch_writes(c, false);
}

static void broadcast(void) {
  for (int i = live_count; i-- > 0;) {
    struct connection *c = live[i];
    if (!c->open) continue;
    size_t done = 0;
    if (!c->backlog_length) {
      ssize_t n = write_some(c, turn, turn_length);
      if (n < 0) end(c);
      if (n < 0 || (size_t)n == turn_length) continue;
      done = (size_t)n;
    } else if (c->backlog_length + turn_length > BACKLOG_BYTES) continue; // it does not read: it misses this turn
    size_t rest = turn_length - done;
    if (c->backlog_length + rest > c->backlog_capacity) {
      c->backlog_capacity = (c->backlog_length + rest) * 2;
      if (!(c->backlog = realloc(c->backlog, c->backlog_capacity))) fail("relay: memory");
    }
    memcpy(c->backlog + c->backlog_length, turn + done, rest);
    c->backlog_length += rest;
    watch_writes(c, true);
  }
  turn_length = 0;
}

static void read_ready(struct connection *c) {
  if (c->ssl && !c->open) {
    int r = SSL_accept(c->ssl), e = r == 1 ? SSL_ERROR_NONE : SSL_get_error(c->ssl, r);
    if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE) return;
    if (e != SSL_ERROR_NONE) return end(c);
    c->open = true;
    if (multiplies) prover_host_work();
  }
  do {
    if (turn_length + c->part_length + READ_BYTES > TURN_BYTES) broadcast();
    if (c->dead) return;
    char *at = turn + turn_length;
    if (c->part_length) memcpy(at, c->part, c->part_length);
    size_t n = 0;
    if (c->ssl) {
      if (!SSL_read_ex(c->ssl, at + c->part_length, READ_BYTES, &n)) {
        int e = SSL_get_error(c->ssl, 0);
        if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE) return;
        return end(c);
      }
    } else {
      ssize_t r = recv(c->fd, at + c->part_length, READ_BYTES, 0);
      if (r < 0 && (errno == EAGAIN || errno == EINTR)) return;
      if (r <= 0) return end(c);
      n = (size_t)r;
    }
    n += c->part_length;
    char *last = memrchr(at, '\n', n);
    size_t whole = last ? (size_t)(last - at) + 1 : 0;
    free(c->part);
    c->part = NULL;
    c->part_length = n - whole;
    if (c->part_length > READ_BYTES) return end(c);
    if (c->part_length) {
      if (!(c->part = malloc(c->part_length))) fail("relay: memory");
      memcpy(c->part, at + whole, c->part_length);
    }
    turn_length += whole;
  } while (c->ssl); // all records that are there, else each becomes a turn of its own
}

static void accept_all(int listener) {
  for (int fd, one = 1; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
    struct connection *c = calloc(1, sizeof *c);
    if (!c) fail("relay: memory");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c->fd = fd;
    c->open = tls == NULL;
    if (tls) {
      if (!(c->ssl = SSL_new(tls))) fail("relay: SSL_new");
      SSL_set_fd(c->ssl, fd);
    }
    if (live_count == live_capacity) {
      live_capacity = live_capacity ? live_capacity * 2 : 64;
      if (!(live = realloc(live, sizeof *live * (size_t)live_capacity))) fail("relay: memory");
    }
    live[c->index = live_count++] = c;
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e);
  }
}

static void set_up_tls(const char *certificate, const char *key) {
  tls = SSL_CTX_new(TLS_server_method());
  SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION);
  SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(tls, 0);
  SSL_CTX_set_read_ahead(tls, 1);
  SSL_CTX_set_default_read_buffer_len(tls, READ_BYTES);
  if (SSL_CTX_use_certificate_chain_file(tls, certificate) == 1 && SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) == 1) return;
  fprintf(stderr, "relay: certificate or key not usable\n");
  exit(2);
}

int main(int argc, char **argv) {
  multiplies = argc == 5 && strcmp(argv[4], "multiply") == 0;
  if (argc != 2 && argc != 4 && !multiplies) {
    fprintf(stderr, "usage: relay PORT [CERT KEY [multiply]]\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  if (argc >= 4) set_up_tls(argv[2], argv[3]);

  struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof own;
  int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&own, sizeof own) || listen(listener, 4096) ||
      getsockname(listener, (struct sockaddr *)&own, &length))
    fail("relay: listen");
  printf("Listening on 127.0.0.1:%d\n", ntohs(own.sin_port));
  fflush(stdout);

  poller = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL}, events[1024];
  epoll_ctl(poller, EPOLL_CTL_ADD, listener, &e);
  for (;;) {
    int n = epoll_wait(poller, events, 1024, -1);
    for (int i = 0; i < n; i++) {
      struct connection *c = events[i].data.ptr;
      if (!c) accept_all(listener);
      else if (!c->dead) {
        if ((events[i].events & EPOLLOUT) && c->backlog_length) drain(c);
        if (!c->dead && (events[i].events & ~(uint32_t)EPOLLOUT)) read_ready(c);
      }
    }
    if (turn_length) broadcast();
    while (dead) {
      struct connection *c = dead;
      dead = c->next_dead;
      free(c);
    }
  }
}
