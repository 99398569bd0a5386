#include "process.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

double process_cpu(int pid) {
  clockid_t clock;
  struct timespec t;
  if (pid == 0 || clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0) return 0;
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct memory process_memory(int pid) {
  struct memory m = {-1, -1, -1};
  if (pid == 0) return m;
  char path[64], line[256];
  snprintf(path, sizeof path, "/proc/%d/status", pid);
  FILE *f = fopen(path, "r");
  if (f) {
    while (fgets(line, sizeof line, f)) {
      sscanf(line, "VmRSS: %ld", &m.rss_kb);
      sscanf(line, "Threads: %ld", &m.threads);
    }
    fclose(f);
  }
  snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
  if ((f = fopen(path, "r"))) {
    while (fgets(line, sizeof line, f)) sscanf(line, "Pss: %ld", &m.pss_kb);
    fclose(f);
  }
  return m;
}

double own_cpu(void) {
  struct rusage r;
  getrusage(RUSAGE_SELF, &r);
  return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
         (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

double process_wait(int pid) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/task", pid);
  DIR *threads = pid ? opendir(path) : NULL;
  double seconds = 0;
  for (struct dirent *t; threads && (t = readdir(threads));) {
    unsigned long long waited;
    snprintf(path, sizeof path, "/proc/%d/task/%.20s/schedstat", pid, t->d_name);
    FILE *f = t->d_name[0] == '.' ? NULL : fopen(path, "r");
    if (!f) continue;
    if (fscanf(f, "%*u %llu", &waited) == 1) seconds += (double)waited / 1e9;
    fclose(f);
  }
  if (threads) closedir(threads);
  return seconds;
}

double machine_steal(void) {
  FILE *f = fopen("/proc/stat", "r");
  if (!f) return 0;
  unsigned long long steal = 0;
  int n = fscanf(f, "cpu %*u %*u %*u %*u %*u %*u %*u %llu", &steal);
  fclose(f);
  return n == 1 ? (double)steal / (double)sysconf(_SC_CLK_TCK) : 0;
}
