// Sending: as fast as a window allows, or at a fixed rate.
#ifndef LOAD_H
#define LOAD_H
#include <stdbool.h>
#include <stdint.h>

#include "histogram.h"

struct load {
  uint64_t skipped;      // rate: messages whose sender could not take them
  struct histogram late; // rate: how late this process was itself
};
extern struct load load;

/// True when everything arrived everywhere, in time.
bool load_flood(uint64_t start_ns);
bool load_rate(uint64_t start_ns);
#endif
