#include "load.h"

#include "clock.h"
#include "crowd.h"
#include "ledger.h"
#include "options.h"

enum { BACKLOG_MAX = 256 * 1024 };

struct load load;

static void send_message(uint32_t sender, uint64_t due_ns) {
  ledger_send(sender, due_ns, client_put(&crowd[sender], ledger_line_length()));
}

/// False when nothing has moved for --stall, or the whole took too long, or nobody is left.
static bool goes_on(uint64_t now, uint64_t give_up) {
  static uint64_t delivered, sent, moved;
  if (moved == 0 || ledger.delivered != delivered || ledger.sent != sent) {
    delivered = ledger.delivered;
    sent = ledger.sent;
    moved = now;
  }
  if (now - moved > clock_ns(options.stall)) tally_error("nothing moves any more");
  else if (now > give_up) tally_error("time is up");
  else return tally.lost < options.clients;
  return false;
}

bool load_flood(uint64_t start) {
  uint64_t stop = options.seconds > 0 ? start + clock_ns(options.seconds) : UINT64_MAX;
  uint64_t give_up = (options.seconds > 0 ? stop : start) + clock_ns(options.timeout);
  uint32_t senders = options.senders, turn = 0;
  for (uint64_t now = start; goes_on(now, give_up); now = clock_now()) {
    bool open = now < stop && ledger.sent < ledger.capacity;
    while (open && ledger.sent < ledger.capacity && ledger.sent - ledger.complete < options.window) {
      uint32_t room = options.window - (ledger.sent - ledger.complete);
      if (room > ledger.capacity - ledger.sent) room = ledger.capacity - ledger.sent;
      uint32_t tries = 0;
      while (tries < senders && (crowd[turn].state != CLIENT_READY || client_backlog(&crowd[turn]))) {
        turn = (turn + 1) % senders;
        tries++;
      }
      if (tries == senders) break; // all wait for room in their sockets
      uint64_t due = clock_now();
      for (uint32_t n = (room + senders - 1) / senders; n--;) send_message(turn, due);
      client_flush(&crowd[turn]);
      turn = (turn + 1) % senders;
    }
    if (!open && ledger.complete >= ledger.sent) return true;
    crowd_turn(20000000);
  }
  return false;
}

bool load_rate(uint64_t start) {
  double gap = 1e9 / options.rate;
  uint64_t total = (uint64_t)(options.rate * options.seconds), next = 0;
  uint64_t give_up = start + clock_ns(options.seconds + options.timeout);
  for (uint64_t now = start; goes_on(now, give_up); now = clock_now()) {
    uint64_t due = start + (uint64_t)((double)next * gap);
    for (int batch = 16; batch && next < total && due <= now; batch--) { // read in between
      struct client *c = &crowd[next % options.senders];
      if (c->state != CLIENT_READY || client_backlog(c) > BACKLOG_MAX) load.skipped++;
      else {
        histogram_add(&load.late, now - due);
        send_message(c->id, due);
        if (!c->wants_write) client_flush(c);
      }
      due = start + (uint64_t)((double)++next * gap);
      now = clock_now();
    }
    if (next >= total && ledger.complete >= ledger.sent) return true;
    int64_t wait = next < total ? (int64_t)(due - now) : 20000000;
    crowd_turn(wait < 0 ? 0 : wait > 20000000 ? 20000000 : wait);
  }
  return false;
}
