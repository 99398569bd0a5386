#include "crowd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "clock.h"
#include "ledger.h"
#include "options.h"

struct client *crowd;
static int poller;
static uint64_t last_admission;

void crowd_open(void) {
  poller = epoll_create1(EPOLL_CLOEXEC);
  crowd = calloc(options.clients, sizeof *crowd);
  if (poller < 0 || !crowd) {
    perror("loadgen");
    exit(2);
  }
  for (uint32_t i = 0; i < options.clients; i++)
    crowd[i] = (struct client){.fd = -1, .id = i, .stuck = i >= options.clients - options.stuck};
  client_setup(poller);
}

void crowd_turn(int64_t wait_ns) {
  static struct epoll_event events[512];
  struct timespec wait = {wait_ns / 1000000000, wait_ns % 1000000000};
  int n = epoll_pwait2(poller, events, 512, &wait, NULL);
  for (int i = 0; i < n; i++) client_event(&crowd[events[i].data.u32], events[i].events);
}

bool crowd_connect(void) {
  uint64_t give_up = clock_now() + clock_ns(options.connect_timeout), retry = 0;
  while (tally.ready + tally.failed < options.clients) {
    uint32_t burst = 64; // then a look at those on their way
    while (burst-- && tally.started < options.clients && tally.admitting < options.concurrency)
      client_connect(&crowd[tally.started++]);
    bool more = tally.started < options.clients && tally.admitting < options.concurrency;
    crowd_turn(more ? 0 : 5000000);
    uint64_t now = clock_now();
    if (now >= give_up) {
      tally_error("time is up, %u of %u admitted", tally.ready, options.clients);
      break;
    }
    if (!more && now >= retry) { // the refused come again
      retry = now + 50000000;
      for (uint32_t i = 0; i < tally.started && tally.admitting < options.concurrency; i++)
        if (crowd[i].state == CLIENT_NEW) client_connect(&crowd[i]);
    }
  }
  last_admission = clock_now();
  return tally.ready == options.clients;
}

bool crowd_warm_up(void) {
  uint64_t give_up = clock_now() + clock_ns(options.connect_timeout), next = 0, gap = 100000000;
  if (options.silent) crowd[0].warm = true, tally.warm++; // it speaks, and does not hear itself
  while (tally.warm < options.clients) {
    uint64_t now = clock_now();
    if (now > give_up || tally.lost) {
      tally_error("warm-up: %u of %u saw it", tally.warm, options.clients);
      return false;
    }
    if (now >= next && client_backlog(&crowd[0]) == 0) {
      ledger_render_warm_up(client_put(&crowd[0], ledger_line_length()));
      client_flush(&crowd[0]);
      next = now + gap;
      if (gap < 2000000000) gap *= 2;
    }
    crowd_turn(10000000);
  }
  return true;
}

void crowd_settle(void) {
  uint64_t earliest = last_admission + (options.protocol == PROTOCOL_NETCHAT ? 1200000000u : 0);
  uint64_t quiet = clock_now(), latest = quiet + 5000000000u, reads = tally.read_calls;
  for (uint64_t now = quiet; now < latest && (now < earliest || now - quiet < 50000000); now = clock_now()) {
    crowd_turn(10000000);
    if (tally.read_calls != reads) quiet = clock_now();
    reads = tally.read_calls;
  }
}

void crowd_stop_the_stuck(void) {
  for (uint32_t i = options.clients - options.stuck; i < options.clients; i++)
    if (crowd[i].fd >= 0) epoll_ctl(poller, EPOLL_CTL_DEL, crowd[i].fd, NULL);
}

uint32_t crowd_stuck_held(long *queued_bytes) {
  *queued_bytes = 0;
  uint32_t held = 0;
  FILE *f = fopen("/proc/net/tcp", "r");
  char line[512];
  while (f && fgets(line, sizeof line, f)) { // the server's ends: its port here, ours there
    unsigned own, peer, state;
    unsigned long queued;
    if (sscanf(line, " %*d: %*x:%x %*x:%x %x %lx:", &own, &peer, &state, &queued) != 4) continue;
    if ((int)own != options.port || state != 1 /* ESTABLISHED */) continue;
    for (uint32_t i = options.clients - options.stuck; i < options.clients; i++)
      if (crowd[i].port == peer) held++, *queued_bytes += (long)queued;
  }
  if (f) fclose(f);
  return held;
}
