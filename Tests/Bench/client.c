#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "ledger.h"
#include "options.h"
#include "prover.h"
#include "sealing.h"

enum { LINE_MAX_BYTES = 131072, READ_BYTES = 65536, TRIES = 50, CLIENTS_PER_ADDRESS = 4000 };

static struct histogram admission;
struct tally tally = {.admission = &admission};

static int poller;
static struct sockaddr_in server;
static SSL_CTX *tls;
static char buffer[LINE_MAX_BYTES + READ_BYTES], *const input = buffer + LINE_MAX_BYTES; // a line's beginning goes before `input`

void tally_error(const char *format, ...) {
  if (tally.first_error[0]) return;
  va_list a;
  va_start(a, format);
  vsnprintf(tally.first_error, sizeof tally.first_error, format, a);
  va_end(a);
  for (char *p = tally.first_error; *p; p++)
    if (*p == '"' || *p == '\\' || (unsigned char)*p < 32) *p = '\'';
}

static _Noreturn void fail(const char *what) {
  fprintf(stderr, "loadgen: %s: %s\n", what, strerror(errno));
  exit(2);
}

void client_setup(int epoll) {
  poller = epoll;
  server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port)};
  if (inet_pton(AF_INET, options.host, &server.sin_addr) != 1) fail("--host");
  if (!options.tls) return;
  tls = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION);
  SSL_CTX_set_verify(tls, SSL_VERIFY_NONE, NULL);
  SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(tls, SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_read_ahead(tls, 1);
  SSL_CTX_set_default_read_buffer_len(tls, READ_BYTES);
}

static void watch(struct client *c, uint32_t events) {
  struct epoll_event e = {.events = events, .data.u32 = c->id};
  epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &e);
}

static void close_client(struct client *c, enum state next) {
  if (c->ssl) SSL_free(c->ssl);
  prover_free(c->prover);
  ERR_clear_error();
  close(c->fd);
  free(c->out);
  free(c->part);
  *c = (struct client){.fd = -1, .id = c->id, .state = next, .stuck = c->stuck, .warm = c->warm, .tries = c->tries,
                       .started_ns = c->started_ns, .received_bytes = c->received_bytes};
}

/// The connection ended. Before admission that is a refusal (a host full of newcomers), and the client comes again,
/// unless `final`.
static void end(struct client *c, bool final, const char *why) {
  if (c->state == CLIENT_READY) {
    tally.lost++;
    tally_error("client %u lost: %s", c->id, why);
    close_client(c, CLIENT_DEAD);
    return;
  }
  tally.admitting--;
  if (!final && c->tries < TRIES) {
    tally.refused++;
    c->tries++;
    close_client(c, CLIENT_NEW);
    return;
  }
  tally.failed++;
  tally_error("client %u not admitted: %s", c->id, why);
  close_client(c, CLIENT_DEAD);
}

// ---- out

char *client_put(struct client *c, size_t length) {
  if (c->out_start && c->out_end + length > c->out_capacity) {
    memmove(c->out, c->out + c->out_start, c->out_end - c->out_start);
    c->out_end -= c->out_start;
    c->out_start = 0;
  }
  if (c->out_end + length > c->out_capacity) {
    c->out_capacity = (c->out_end + length) * 2;
    if (!(c->out = realloc(c->out, c->out_capacity))) fail("memory");
  }
  char *p = c->out + c->out_end;
  c->out_end += length;
  return p;
}

void client_flush(struct client *c) {
  while (c->out_start < c->out_end) {
    size_t left = c->out_end - c->out_start, written = 0;
    tally.write_calls++;
    if (c->ssl) {
      ERR_clear_error();
      if (!SSL_write_ex(c->ssl, c->out + c->out_start, left, &written)) {
        int e = SSL_get_error(c->ssl, 0);
        if (e != SSL_ERROR_WANT_WRITE && e != SSL_ERROR_WANT_READ) return end(c, false, "TLS write");
      }
    } else {
      ssize_t n = send(c->fd, c->out + c->out_start, left, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n >= 0) written = (size_t)n;
      else if (errno != EAGAIN && errno != EINTR) return end(c, false, strerror(errno));
    }
    if (written == 0) {
      if (!c->wants_write) watch(c, EPOLLIN | EPOLLOUT);
      c->wants_write = true;
      return;
    }
    c->out_start += written;
  }
  c->out_start = c->out_end = 0;
  if (c->wants_write) watch(c, EPOLLIN);
  c->wants_write = false;
}

static void say(struct client *c, const char *format, ...) {
  char line[320];
  va_list a;
  va_start(a, format);
  int n = vsnprintf(line, sizeof line, format, a);
  va_end(a);
  memcpy(client_put(c, (size_t)n), line, (size_t)n);
  client_flush(c);
}

// ---- in

static bool contains(const char *line, size_t length, const char *word) {
  return memmem(line, length, word, strlen(word)) != NULL;
}

static void ready(struct client *c) {
  c->state = CLIENT_READY;
  tally.admitting--;
  tally.ready++;
  histogram_add(&admission, clock_now() - c->started_ns);
}

/// Begins the proof that a secure room asks for; the keys are made of the first `hello`.
static void prove(struct client *c, const char *hello, size_t length) {
  static bool knows_room;
  if (!knows_room) {
    unsigned char secret[32];
    char room[33];
    prover_learn(hello, length, options.password, secret, room);
    sealing_open(secret, room);
    knows_room = true;
  }
  char share[100], auth[320];
  prover_free(c->prover);
  c->prover = prover_new(share);
  int n = snprintf(auth, sizeof auth, "{\"type\":\"auth\",\"version\":2,\"method\":\"spake2plus\",\"share\":\"%s\",\"name\":\"%s%u\"}",
                   share, options.name, c->id);
  prover_said(c->prover, auth, (size_t)n);
  c->said_auth = true;
  say(c, "%s\n", auth);
}

static void answer(struct client *c, const char *challenge, size_t length) {
  char confirm[64];
  if (!c->prover || !prover_answer(c->prover, c->ssl, challenge, length, confirm))
    return end(c, true, "the host does not know the password");
  prover_free(c->prover);
  c->prover = NULL;
  say(c, "{\"type\":\"auth_confirm\",\"confirm\":\"%s\"}\n", confirm);
}

static void authenticate(struct client *c) {
  c->said_auth = true;
  if (options.auth == 2) say(c, "{\"type\":\"auth\",\"version\":2,\"name\":\"%s%u\"}\n", options.name, c->id);
  else if (options.auth == 1) say(c, "{\"type\":\"auth\",\"name\":\"%s%u\"}\n", options.name, c->id);
}

static void begin_admission(struct client *c) { // the transport is up
  c->state = CLIENT_ADMISSION;
  watch(c, EPOLLIN);
  if (options.protocol == PROTOCOL_LINE) ready(c);
  else if (options.eager) authenticate(c);
}

static void take_line(struct client *c, const char *line, size_t length, uint64_t now) {
  if (c->state == CLIENT_ADMISSION) {
    if (contains(line, length, "\"auth_result\"")) {
      if (contains(line, length, "\"ok\":true")) ready(c);
      else {
        char why[100];
        snprintf(why, sizeof why, "%.*s", (int)length, line);
        end(c, !contains(line, length, "Room is full") && !contains(line, length, "Too many"), why);
      }
    } else if (contains(line, length, "\"hello\"")) {
      if (contains(line, length, "\"tls\":\"required\"")) end(c, true, "this host wants TLS");
      else if (!c->said_auth && options.password) prove(c, line, length);
      else if (!c->said_auth) authenticate(c);
    } else if (contains(line, length, "\"auth_challenge\"")) answer(c, line, length);
    return;
  }
  switch (ledger_receive(c->id, line, length, now)) {
  case ARRIVAL_MESSAGE: return;
  case ARRIVAL_WARM_UP:
    tally.warm += !c->warm;
    c->warm = true;
    return;
  case ARRIVAL_NO_MESSAGE:
    if (options.protocol != PROTOCOL_NETCHAT) return;
    if (contains(line, length, "\"type\":\"ping\"")) say(c, "{\"type\":\"pong\"}\n");
    else if (contains(line, length, "\"type\":\"bye\"") || contains(line, length, "\"type\":\"error\""))
      tally_error("client %u got %.*s", c->id, (int)(length < 100 ? length : 100), line);
  }
}

static void keep(struct client *c, const char *part, size_t length) {
  if (length > c->part_capacity) {
    c->part_capacity = length < 256 ? 256 : length * 2;
    if (!(c->part = realloc(c->part, c->part_capacity))) fail("memory");
  }
  if (length) memcpy(c->part, part, length);
  c->part_length = length;
}

static void take_bytes(struct client *c, size_t length) { // at `input`
  uint64_t now = clock_now();
  char *p = input - c->part_length, *stop = input + length, *unread = input;
  if (c->part_length) memcpy(p, c->part, c->part_length);
  tally.read_calls++;
  tally.read_bytes += length;
  c->received_bytes += length;
  for (char *lf; (lf = memchr(unread, '\n', (size_t)(stop - unread))); p = unread = lf + 1) {
    take_line(c, p, (size_t)(lf - p), now);
    if (c->fd < 0) return;
  }
  if (stop - p > LINE_MAX_BYTES) end(c, true, "over-long line");
  else keep(c, p, (size_t)(stop - p));
}

static void read_ready(struct client *c) {
  if (!c->ssl) {
    for (int turns = 0; turns < 8; turns++) {
      ssize_t n = recv(c->fd, input, READ_BYTES, 0);
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
      if (n <= 0) return end(c, false, n == 0 ? "closed by the server" : strerror(errno));
      take_bytes(c, (size_t)n);
      if (c->fd < 0 || n < READ_BYTES) return;
    }
    return;
  }
  for (;;) { // until nothing is left: what OpenSSL has read ahead the poller does not see
    size_t total = 0, n = 0;
    int e = SSL_ERROR_NONE;
    ERR_clear_error();
    for (; total + 16384 <= READ_BYTES; total += n)
      if (!SSL_read_ex(c->ssl, input + total, READ_BYTES - total, &n)) {
        e = SSL_get_error(c->ssl, 0);
        break;
      }
    if (total) take_bytes(c, total);
    if (c->fd < 0 || e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE) return;
    if (e != SSL_ERROR_NONE) return end(c, false, e == SSL_ERROR_ZERO_RETURN ? "closed by the server" : "TLS read");
  }
}

// ---- connecting

static void handshake(struct client *c) {
  ERR_clear_error();
  int r = SSL_connect(c->ssl);
  if (r == 1) {
    if (!tally.cipher[0])
      snprintf(tally.cipher, sizeof tally.cipher, "%s %s", SSL_get_version(c->ssl), SSL_get_cipher(c->ssl));
    begin_admission(c);
    if (c->fd >= 0 && SSL_has_pending(c->ssl)) read_ready(c);
    return;
  }
  int e = SSL_get_error(c->ssl, r);
  if (e == SSL_ERROR_WANT_READ) return watch(c, EPOLLIN);
  if (e == SSL_ERROR_WANT_WRITE) return watch(c, EPOLLIN | EPOLLOUT);
  char why[120] = "closed in the TLS handshake";
  unsigned long code = ERR_get_error();
  if (code) ERR_error_string_n(code, why, sizeof why);
  end(c, false, why);
}

void client_connect(struct client *c) {
  int one = 1;
  if ((c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) < 0) fail("socket");
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct linger reset = {.l_onoff = 1}; // no thousands of TIME_WAITs left to the next run
  setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  if (options.clients > CLIENTS_PER_ADDRESS && strcmp(options.host, "127.0.0.1") == 0) { // ports are some 28,000 per address
    struct sockaddr_in own = {.sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK + c->id / CLIENTS_PER_ADDRESS)};
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (bind(c->fd, (struct sockaddr *)&own, sizeof own) != 0) fail("bind");
  }
  if (c->stuck) {
    if (options.receive_buffer)
      setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &options.receive_buffer, sizeof options.receive_buffer);
    if (options.segment) setsockopt(c->fd, IPPROTO_TCP, TCP_MAXSEG, &options.segment, sizeof options.segment);
  }
  if (c->tries == 0) c->started_ns = clock_now();
  c->state = CLIENT_CONNECTING;
  tally.admitting++;
  if (connect(c->fd, (struct sockaddr *)&server, sizeof server) != 0 && errno != EINPROGRESS)
    return end(c, false, strerror(errno));
  struct epoll_event e = {.events = EPOLLOUT, .data.u32 = c->id};
  epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &e);
}

static void connected(struct client *c) {
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &length);
  if (error) return end(c, false, strerror(error));
  if (c->stuck) {
    struct sockaddr_in own;
    length = sizeof own;
    getsockname(c->fd, (struct sockaddr *)&own, &length);
    c->port = ntohs(own.sin_port);
  }
  if (!tls) return begin_admission(c);
  if (!(c->ssl = SSL_new(tls))) fail("SSL_new");
  SSL_set_fd(c->ssl, c->fd);
  c->state = CLIENT_TLS;
  handshake(c);
}

void client_event(struct client *c, uint32_t events) {
  switch (c->state) {
  case CLIENT_CONNECTING: connected(c); break;
  case CLIENT_TLS: handshake(c); break;
  case CLIENT_ADMISSION:
  case CLIENT_READY:
    if (events & EPOLLOUT) client_flush(c);
    if (c->fd >= 0 && (events & ~(uint32_t)EPOLLOUT)) read_ready(c);
    break;
  case CLIENT_NEW:
  case CLIENT_DEAD: break;
  }
}
