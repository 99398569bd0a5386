#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger.h"

const char *const protocol_names[] = {"netchat", "line"}, *const mode_names[] = {"flood", "rate", "idle"};

struct options options = {
    .host = "127.0.0.1", .label = "", .name = "b",
    .auth = 2, .clients = 10, .window = 256, .concurrency = 64, .size = 64,
    .receive_buffer = 4096, .segment = 1460,
    .rate = 1000, .hold = 1, .connect_timeout = 30, .timeout = 20, .stall = 3,
};

static _Noreturn void options_usage(int status) {
  fputs(
      "usage: loadgen --port P [--proto netchat|line] [--mode flood|rate|idle] [--tls|--secure] ...\n"
      "One process plays all clients of a room and counts each delivery of each message at each of them.\n"
      "One JSON line on stdout, a sentence on stderr. Exit 0: all that was sent arrived everywhere.\n"
      "  --host A (127.0.0.1)   --pid P: the server's process, for its CPU time and memory   --label TEXT\n"
      "  --clients N (10)       all of them receive; from each 4,000 on, the next address 127.0.0.x\n"
      "  --senders S            the first S of them send (flood: 1; rate: all that read)\n"
      "  --size B (64)          bytes of text in a message (at least 29)\n"
      "  --mode flood           as fast as --window W (256) messages not yet everywhere allow,\n"
      "                         for --seconds T (2), or --messages M, or what ends first\n"
      "  --mode rate            --rate R (1000) messages a second in all for --seconds T (5);\n"
      "                         a latency counts from the time when the message was due\n"
      "    --stuck K (0)        the last K clients never read (--rcvbuf B 4096, --mss B 1460, 0: leave it)\n"
      "  --mode idle            connect, then sit there for --hold T (1) seconds\n"
      "  --auth 0|1|2 (2)       netchat: version of the auth packet, 0: none, wait to be admitted\n"
      "  --secure               netchat: the room of the password in NETCHAT_PASSWORD, over TLS, messages sealed\n"
      "  --no-echo              line: the server does not send a message back to its sender\n"
      "  --eager                netchat: auth at once, before hello has come    --name PREFIX (b)\n"
      "  --conc C (64)          clients in the middle of their admission at any time\n"
      "  --ctimeout T (30)      for everybody's admission   --timeout T (20)  after the load's end\n"
      "  --stall T (3)          give up when nothing arrives\n",
      status ? stderr : stdout);
  exit(status);
}

static int index_of(const char *word, const char *const *names, int count) {
  for (int i = 0; i < count; i++)
    if (strcmp(word, names[i]) == 0) return i;
  options_usage(2);
}

static double number(double low, double high) {
  char *end;
  double v = strtod(optarg, &end);
  if (*end || end == optarg || !(v >= low && v <= high)) {
    fprintf(stderr, "loadgen: %s is not a number from %g to %g\n", optarg, low, high);
    exit(2);
  }
  return v;
}

void options_read(int argc, char **argv) {
  enum { HELP, PORT, HOST, PID, LABEL, NAME, PROTO, MODE, TLS, SECURE, EAGER, AUTH, CLIENTS, SENDERS, STUCK, WINDOW,
         CONC, MESSAGES, SIZE, RCVBUF, MSS, SECONDS, RATE, HOLD, CTIMEOUT, TIMEOUT, STALL, NO_ECHO };
  static const struct option table[] = {
      {"help", 0, 0, HELP}, {"port", 1, 0, PORT}, {"host", 1, 0, HOST}, {"pid", 1, 0, PID},
      {"label", 1, 0, LABEL}, {"name", 1, 0, NAME}, {"proto", 1, 0, PROTO}, {"mode", 1, 0, MODE},
      {"tls", 0, 0, TLS}, {"secure", 0, 0, SECURE}, {"eager", 0, 0, EAGER}, {"auth", 1, 0, AUTH}, {"clients", 1, 0, CLIENTS},
      {"senders", 1, 0, SENDERS}, {"stuck", 1, 0, STUCK}, {"window", 1, 0, WINDOW}, {"conc", 1, 0, CONC},
      {"messages", 1, 0, MESSAGES}, {"size", 1, 0, SIZE}, {"rcvbuf", 1, 0, RCVBUF}, {"mss", 1, 0, MSS},
      {"seconds", 1, 0, SECONDS}, {"rate", 1, 0, RATE}, {"hold", 1, 0, HOLD}, {"ctimeout", 1, 0, CTIMEOUT},
      {"timeout", 1, 0, TIMEOUT}, {"stall", 1, 0, STALL}, {"no-echo", 0, 0, NO_ECHO}, {0, 0, 0, 0}};
  struct options *o = &options;
  for (int c; (c = getopt_long(argc, argv, "", table, NULL)) != -1;) switch (c) {
    case HELP: options_usage(0);
    case PORT: o->port = (int)number(1, 65535); break;
    case HOST: o->host = optarg; break;
    case PID: o->pid = (int)number(1, 1e9); break;
    case LABEL: o->label = optarg; break;
    case NAME: o->name = optarg; break;
    case PROTO: o->protocol = (enum protocol)index_of(optarg, protocol_names, 2); break;
    case MODE: o->mode = (enum mode)index_of(optarg, mode_names, 3); break;
    case TLS: o->tls = true; break;
    case SECURE:
      o->tls = true;
      if (!(o->password = getenv("NETCHAT_PASSWORD"))) {
        fprintf(stderr, "loadgen: --secure needs the password in NETCHAT_PASSWORD\n");
        exit(2);
      }
      break;
    case EAGER: o->eager = true; break;
    case AUTH: o->auth = (int)number(0, 2); break;
    case CLIENTS: o->clients = (uint32_t)number(1, 1e6); break;
    case SENDERS: o->senders = (uint32_t)number(1, 1e6); break;
    case STUCK: o->stuck = (uint32_t)number(0, 1e6); break;
    case WINDOW: o->window = (uint32_t)number(1, 1e6); break;
    case CONC: o->concurrency = (uint32_t)number(1, 1e6); break;
    case MESSAGES: o->messages = (uint32_t)number(1, MARK_WARM - 1); break;
    case SIZE: o->size = (int)number(MARK_LENGTH, 48000); break;
    case RCVBUF: o->receive_buffer = (int)number(0, 1e9); break;
    case MSS: o->segment = (int)number(0, 65535); break;
    case SECONDS: o->seconds = number(0.01, 3600); break;
    case RATE: o->rate = number(0.1, 1e7); break;
    case HOLD: o->hold = number(0, 3600); break;
    case CTIMEOUT: o->connect_timeout = number(0.1, 3600); break;
    case TIMEOUT: o->timeout = number(0.1, 3600); break;
    case STALL: o->stall = number(0.1, 3600); break;
    case NO_ECHO: o->silent = true; break;
    default: options_usage(2);
    }
  if (optind != argc || o->port == 0 || strlen(o->name) > 12 || strpbrk(o->label, "\"\\")) options_usage(2);
  if (o->password && (o->protocol != PROTOCOL_NETCHAT || o->auth != 2 || o->eager)) options_usage(2);
  if (o->silent && (o->protocol != PROTOCOL_LINE || o->clients < 2)) options_usage(2);
  if (o->mode != MODE_RATE) o->stuck = 0;
  if (o->stuck >= o->clients) options_usage(2);
  uint32_t reading = o->clients - o->stuck;
  if (o->senders == 0) o->senders = o->mode == MODE_RATE ? reading : 1;
  if (o->senders > reading) o->senders = reading;
  if (o->seconds == 0 && !(o->mode == MODE_FLOOD && o->messages)) o->seconds = o->mode == MODE_RATE ? 5 : 2;
  if (o->mode == MODE_RATE && o->rate * o->seconds >= (double)MARK_WARM) options_usage(2);
}
