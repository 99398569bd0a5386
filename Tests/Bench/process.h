// What the kernel says about the server's process (by pid), about our own, and about the machine.
#ifndef PROCESS_H
#define PROCESS_H

struct memory {
  long rss_kb, pss_kb, threads; // -1 where it could not be read
};
/// Seconds of CPU time so far; 0 for pid 0.
double process_cpu(int pid);
struct memory process_memory(int pid);
double own_cpu(void);
/// Seconds that all threads of a process were ready to run so far while something else had their core.
double process_wait(int pid);
/// Seconds that the hypervisor kept from this machine so far.
double machine_steal(void);
#endif
