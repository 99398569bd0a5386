// loadgen: a load of N clients for a broadcast server, from one thread; `--help` is its manual. In order: connect, warm up,
// settle, load, report. See ledger.h for what is counted.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "clock.h"
#include "crowd.h"
#include "ledger.h"
#include "load.h"
#include "options.h"
#include "process.h"

static void raise_descriptor_limit(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  if (options.clients + 16 > limit.rlim_cur) {
    fprintf(stderr, "loadgen: %u clients need a higher ulimit -Hn than %lu\n", options.clients, (unsigned long)limit.rlim_cur);
    exit(2);
  }
}

int main(int argc, char **argv) {
  options_read(argc, argv);
  signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();
  bool idle = options.mode == MODE_IDLE, rate = options.mode == MODE_RATE;
  uint32_t capacity = idle ? 1 : options.messages ? options.messages : rate ? (uint32_t)(options.rate * options.seconds) + 1 : 50000000;
  ledger_open(capacity, options.clients, options.senders, options.clients - options.stuck - options.silent);
  crowd_open();

  struct memory memory_before = process_memory(options.pid);
  double cpu = process_cpu(options.pid);
  double waited = process_wait(getpid()), steal = machine_steal();
  uint64_t start = clock_now();
  bool ok = crowd_connect();
  double admission_s = (double)(clock_now() - start) / 1e9, admission_cpu = process_cpu(options.pid) - cpu;
  waited = process_wait(getpid()) - waited, steal = machine_steal() - steal;
  double measured_s = admission_s;
  if (ok && (!idle || options.protocol == PROTOCOL_LINE)) ok = crowd_warm_up();
  double load_s = 0, load_cpu = 0, own = 0;
  uint32_t stuck_held = 0;
  long stuck_queued = 0;
  if (ok && idle) {
    for (uint64_t end = clock_now() + clock_ns(options.hold); clock_now() < end;) crowd_turn(20000000);
    ok = tally.lost == 0;
  } else if (ok) {
    crowd_settle();
    crowd_stop_the_stuck();
    tally.read_calls = tally.write_calls = tally.read_bytes = 0;
    cpu = process_cpu(options.pid), own = own_cpu(), waited = process_wait(getpid()), steal = machine_steal();
    start = clock_now();
    ok = rate ? load_rate(start) : load_flood(start);
    load_cpu = process_cpu(options.pid) - cpu, own = own_cpu() - own, waited = process_wait(getpid()) - waited, steal = machine_steal() - steal;
    uint64_t end = ledger.last_delivery_ns > start ? ledger.last_delivery_ns : clock_now();
    measured_s = load_s = (double)(end - start) / 1e9;
    stuck_held = crowd_stuck_held(&stuck_queued);
  }
  struct memory memory = process_memory(options.pid);

  double delivered = (double)ledger.delivered, some = delivered > 0 ? delivered : 1, members = tally.ready ? tally.ready : 1;
  long long lost = (long long)ledger.sent * ledger.copies - (long long)ledger.delivered;
  uint64_t bytes = 0, bytes_max = 0;
  for (uint32_t i = 0; i < options.clients; i++) {
    bytes += crowd[i].received_bytes;
    if (crowd[i].received_bytes > bytes_max) bytes_max = crowd[i].received_bytes;
  }
  if (ledger.altered || ledger.doubled || ledger.out_of_order || lost || load.skipped) ok = false;
  printf("{\"label\":\"%s\",\"protocol\":\"%s\",\"mode\":\"%s\",\"tls\":\"%s\",\"clients\":%u,\"senders\":%u,\"size\":%d,\"ok\":%s,\"error\":\"%s\"",
         options.label, protocol_names[options.protocol], mode_names[options.mode], tally.cipher, options.clients,
         idle ? 0 : options.senders, options.size, ok ? "true" : "false", tally.first_error);
  printf(",\"admitted\":%u,\"refused\":%u,\"failed\":%u,\"disconnected\":%u,\"admission_s\":%.4f,\"admissions_per_s\":%.0f,\"admission_cpu_us\":%.2f,\"admission_p50_us\":%.0f,\"admission_p99_us\":%.0f",
         tally.ready, tally.refused, tally.failed, tally.lost, admission_s, tally.ready / admission_s, admission_cpu * 1e6 / members,
         histogram_percentile(tally.admission, .5), histogram_percentile(tally.admission, .99));
  printf(",\"member_bytes\":%llu,\"member_bytes_mean\":%.0f,\"member_bytes_max\":%llu", (unsigned long long)bytes,
         (double)bytes / options.clients, (unsigned long long)bytes_max);
  printf(",\"waited_pct\":%.2f,\"steal_pct\":%.2f", waited / measured_s * 100, steal / measured_s * 100);
  if (!idle) {
    const struct histogram *l = &ledger.latency;
    printf(",\"sent\":%u,\"delivered\":%llu,\"lost\":%lld,\"doubled\":%llu,\"out_of_order\":%llu,\"altered\":%llu,\"skipped\":%llu",
           ledger.sent, (unsigned long long)ledger.delivered, lost, (unsigned long long)ledger.doubled,
           (unsigned long long)ledger.out_of_order, (unsigned long long)ledger.altered, (unsigned long long)load.skipped);
    printf(",\"load_s\":%.4f,\"deliveries_per_s\":%.0f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f", load_s,
           delivered / (load_s > 0 ? load_s : 1), histogram_percentile(l, .5), histogram_percentile(l, .99), histogram_percentile(l, .999), (double)l->max / 1e3);
    printf(",\"line_bytes\":%.2f,\"deliveries_per_read\":%.2f,\"own_cpu_pct\":%.1f", (double)ledger.delivered_bytes / some,
           delivered / (double)(tally.read_calls ? tally.read_calls : 1), load_s > 0 ? own / load_s * 100 : 0);
    if (options.pid)
      printf(",\"server_cpu_pct\":%.1f,\"server_cpu_us\":%.4f", load_s > 0 ? load_cpu / load_s * 100 : 0, load_cpu * 1e6 / some);
    if (rate)
      printf(",\"own_late_p99_us\":%.1f,\"stuck\":%u,\"stuck_held\":%u,\"stuck_queued\":%ld", histogram_percentile(&load.late, .99),
             options.stuck, stuck_held, stuck_queued);
  }
  if (options.pid)
    printf(",\"threads\":%ld,\"rss_kb\":%ld,\"pss_kb\":%ld,\"member_pss\":%.0f", memory.threads, memory.rss_kb, memory.pss_kb,
           (double)(memory.pss_kb - memory_before.pss_kb) * 1024 / members);
  printf("}\n");
  fprintf(stderr, "%s %s: %u admitted, %llu deliveries (%.0f/s), %.3f us of the server each, p99 %.0f us%s%s\n", options.label,
          mode_names[options.mode], tally.ready, (unsigned long long)ledger.delivered, delivered / (load_s > 0 ? load_s : 1),
          load_cpu * 1e6 / some, histogram_percentile(&ledger.latency, .99), tally.first_error[0] ? ": " : "", tally.first_error);
  return ok ? 0 : 1;
}
