// What was sent and where it arrived. A message's text is `@@<8 digits: number>:<16 digits: ns when it was due>@@xxx…`;
// each client's each copy is looked up here, so that nothing lost, doubled, reordered or altered goes unseen. A sealed message
// is known by its `sid` and `n`; of those some are opened, of all others the nonce is looked at.
#ifndef LEDGER_H
#define LEDGER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "histogram.h"

enum { MARK_LENGTH = 29, MARK_WARM = 99999999 };
/// What the last lookup was about.
enum arrival { ARRIVAL_MESSAGE, ARRIVAL_WARM_UP, ARRIVAL_NO_MESSAGE };

struct ledger {
  uint32_t capacity, sent, complete; // messages; complete: arrived at everybody who reads
  uint32_t copies;                   // of each message, that must arrive
  uint64_t delivered, doubled, out_of_order, altered, delivered_bytes, last_delivery_ns;
  struct histogram latency;
};
extern struct ledger ledger;

void ledger_open(uint32_t capacity, uint32_t clients, uint32_t senders, uint32_t copies);
/// Notes a new message of `sender` and renders its line; the length is the same for all. `line` has `ledger_line_length()` bytes.
void ledger_send(uint32_t sender, uint64_t due_ns, char *line);
/// A line that is no message: everybody is there when everybody has seen it.
void ledger_render_warm_up(char *line);
size_t ledger_line_length(void);
/// One line (without LF) came at `client` at `now_ns`.
enum arrival ledger_receive(uint32_t client, const char *line, size_t length, uint64_t now_ns);
#endif
