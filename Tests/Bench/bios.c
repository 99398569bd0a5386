// What a TLS record costs its sender, written to a socket BIO or to a memory BIO that is then sent: CPU time of the
// sender alone, handshakes left out. `bios CERT KEY` prints a line a size: bytes, ns by socket BIO, ns by memory BIO.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { RUNS = 9, BYTES_A_RUN = 64 << 20, RECORDS_A_RUN = 40000 };

static void fail(const char *what) {
  perror(what);
  exit(2);
}

static double cpu_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

// Reads all that comes until the end.
static void read_all(int fd) {
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  SSL *ssl = SSL_new(context);
  static char bytes[1 << 16];
  SSL_set_fd(ssl, fd);
  if (SSL_connect(ssl) != 1) fail("bios: SSL_connect");
  while (SSL_read(ssl, bytes, sizeof bytes) > 0) {}
  _exit(0);
}

static void send_all(int fd, const char *bytes, size_t count) {
  while (count) {
    ssize_t n = send(fd, bytes, count, 0);
    if (n < 0) fail("bios: send");
    bytes += n;
    count -= (size_t)n;
  }
}

// Nanoseconds of this process's CPU time for one record.
static double record_cost(SSL_CTX *context, size_t size, int in_memory) {
  static char text[1 << 14];
  struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof own;
  int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(listener, (struct sockaddr *)&own, sizeof own) || listen(listener, 1) ||
      getsockname(listener, (struct sockaddr *)&own, &length))
    fail("bios: listen");
  pid_t reader = fork();
  if (reader == 0) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&own, sizeof own)) fail("bios: connect");
    read_all(fd);
  }
  int fd = accept(listener, NULL, NULL);
  if (fd < 0) fail("bios: accept");
  close(listener);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  SSL *ssl = SSL_new(context);
  SSL_set_fd(ssl, fd);
  if (SSL_accept(ssl) != 1) fail("bios: SSL_accept");
  BIO *memory = NULL;
  if (in_memory) {
    memory = BIO_new(BIO_s_mem());
    SSL_set0_wbio(ssl, memory);
  }
  int records = (int)(BYTES_A_RUN / size);
  if (records > RECORDS_A_RUN) records = RECORDS_A_RUN;
  double start = cpu_seconds();
  for (int i = 0; i < records; i++) {
    if (SSL_write(ssl, text, (int)size) != (int)size) fail("bios: SSL_write");
    if (!in_memory) continue;
    char *sealed;
    long count = BIO_get_mem_data(memory, &sealed);
    send_all(fd, sealed, (size_t)count);
    BIO_reset(memory);
  }
  double spent = cpu_seconds() - start;
  SSL_free(ssl);
  close(fd);
  kill(reader, SIGTERM);
  waitpid(reader, NULL, 0);
  return spent / records * 1e9;
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: bios CERT KEY\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  SSL_CTX *context = SSL_CTX_new(TLS_server_method());
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_num_tickets(context, 0);
  if (SSL_CTX_use_certificate_chain_file(context, argv[1]) != 1 ||
      SSL_CTX_use_PrivateKey_file(context, argv[2], SSL_FILETYPE_PEM) != 1) {
    fprintf(stderr, "bios: certificate or key not usable\n");
    return 2;
  }
  const size_t sizes[] = {200, 1600, 10000, 16384};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    double cost[2][RUNS];
    for (int run = 0; run < RUNS; run++)
      for (int turn = 0; turn < 2; turn++) {
        int in_memory = (run + turn) % 2;
        cost[in_memory][run] = record_cost(context, sizes[i], in_memory);
      }
    for (int kind = 0; kind < 2; kind++) qsort(cost[kind], RUNS, sizeof(double), by_size);
    printf("%zu %.0f %.0f\n", sizes[i], cost[0][RUNS / 2], cost[1][RUNS / 2]);
  }
  return 0;
}
