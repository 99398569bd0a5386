// One connection of the load: transport, lines, admission.
#ifndef CLIENT_H
#define CLIENT_H
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum state { CLIENT_NEW, CLIENT_CONNECTING, CLIENT_TLS, CLIENT_ADMISSION, CLIENT_READY, CLIENT_DEAD };

struct client {
  int fd;
  uint32_t id;
  enum state state;
  bool stuck;       // once the load runs, it reads nothing more
  bool warm;        // has seen the warm-up message
  bool said_auth;
  bool wants_write; // the poller watches for room to write
  uint8_t tries;    // refused before it was admitted
  uint16_t port;    // local
  SSL *ssl;
  struct prover *prover; // on its way into a secure room
  char *out; // not yet written: out[out_start ..< out_end]
  size_t out_start, out_end, out_capacity;
  char *part; // a line's beginning
  size_t part_length, part_capacity;
  uint64_t started_ns, received_bytes;
};

/// Figures of all clients together.
struct tally {
  uint32_t started, admitting, ready, failed, lost, refused, warm;
  uint64_t read_calls, write_calls, read_bytes; // since the load began
  struct histogram *admission;
  char first_error[160], cipher[64];
};
extern struct tally tally;
void tally_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/// Called once, before any client: address of the server, TLS.
void client_setup(int poller);
void client_connect(struct client *c);
/// The poller named it.
void client_event(struct client *c, uint32_t events);
/// Room for `length` bytes at the end of what waits to be written; they count as put.
char *client_put(struct client *c, size_t length);
void client_flush(struct client *c);
static inline size_t client_backlog(const struct client *c) { return c->out_end - c->out_start; }
#endif
