// Nanoseconds counted in 64 steps per power of two: a percentile is right to 1.6 %.
#ifndef HISTOGRAM_H
#define HISTOGRAM_H
#include <stdint.h>

struct histogram {
  uint64_t steps[64 * 64], count, max;
};
void histogram_add(struct histogram *h, uint64_t ns);
/// In microseconds; 0 when nothing was counted. `share` is 0.99 for the 99th percentile.
double histogram_percentile(const struct histogram *h, double share);
#endif
