#include "histogram.h"

#include <math.h>

static unsigned step_of(uint64_t ns) {
  if (ns < 128) return (unsigned)ns;
  int e = 63 - __builtin_clzll(ns);
  return (unsigned)((e - 5) * 64 + (int)((ns >> (e - 6)) & 63));
}

static uint64_t middle_of(unsigned step) {
  if (step < 128) return step;
  int e = (int)(step / 64) + 5;
  return ((64u + (uint64_t)(step % 64)) << (e - 6)) + (1ull << (e - 6)) / 2;
}

void histogram_add(struct histogram *h, uint64_t ns) {
  h->steps[step_of(ns)]++;
  h->count++;
  if (ns > h->max) h->max = ns;
}

double histogram_percentile(const struct histogram *h, double share) {
  if (h->count == 0) return 0;
  uint64_t wanted = (uint64_t)ceil(share * (double)h->count), seen = 0;
  for (unsigned i = 0; i < sizeof h->steps / sizeof *h->steps; i++)
    if ((seen += h->steps[i]) >= wanted) return (double)middle_of(i) / 1e3;
  return (double)h->max / 1e3;
}
