// multiply: the microseconds that the three multiplications on P-256 take which a host spends on one SPAKE2+ attempt.
#include <stdio.h>

#include "prover.h"

int main(void) {
  printf("%.2f\n", prover_host_cost() * 1e6);
  return 0;
}
