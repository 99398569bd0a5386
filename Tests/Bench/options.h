// What the command line of loadgen asks for; `options_usage` in options.c is its manual.
#ifndef OPTIONS_H
#define OPTIONS_H
#include <stdbool.h>
#include <stdint.h>

enum protocol { PROTOCOL_NETCHAT, PROTOCOL_LINE };
enum mode { MODE_FLOOD, MODE_RATE, MODE_IDLE };

struct options {
  enum protocol protocol;
  enum mode mode;
  const char *host, *label, *name;
  int port, pid;
  bool tls, eager;
  bool silent; // line: the server does not send a message back to its sender
  const char *password; // netchat: of a secure room; NULL: the room is not secure
  int auth; // version of the auth packet; 0: send none
  uint32_t clients, senders, stuck, window, concurrency;
  uint32_t messages; // flood: at most so many; 0: only --seconds bounds it
  int size, receive_buffer, segment;
  double seconds, rate, hold;
  double connect_timeout, timeout, stall;
};
extern struct options options;
extern const char *const protocol_names[], *const mode_names[];

void options_read(int argc, char **argv);
#endif
