// All clients, and the loop that serves them.
#ifndef CROWD_H
#define CROWD_H
#include <stdbool.h>
#include <stdint.h>

#include "client.h"

extern struct client *crowd; // options.clients of them, by id

void crowd_open(void);
/// One turn: waits at most so long for something to happen.
void crowd_turn(int64_t wait_ns);
/// Everybody connects and is admitted; false when somebody was not, or time ran out.
bool crowd_connect(void);
/// Repeats a warm-up message until everybody has seen it: all are there and hear each other.
bool crowd_warm_up(void);
/// Until nothing has come for 50 ms, and a netchat host has told of the last arrivals (it may fold them for 1 s).
void crowd_settle(void);
/// The stuck clients read nothing from now on.
void crowd_stop_the_stuck(void);
/// Stuck clients whose connection the server still holds, and what its kernel has queued for them.
uint32_t crowd_stuck_held(long *queued_bytes);
#endif
