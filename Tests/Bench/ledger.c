#include "ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "options.h"
#include "sealing.h"

struct ledger ledger;

static uint64_t *due;         // by message
static uint32_t *outstanding; // by message: copies that have not arrived
static uint32_t *sender_of;   // by message
static int32_t *newest;       // by client and sender: the newest message that came
static uint32_t senders;
static char line_template[100000], text[66000];
static size_t template_length, mark_offset, payload_length;
static uint64_t *beginning; // by sealed message: of its base64

enum { SEALED_N = 10000000, WARM_UP_N = 20000000, SAMPLE = 256 }; // all of 8 digits
static const char sealed_end[] = "\",\"sid\":\"benchload-00000000\",\"n\":00000000}";
enum { SID_LENGTH = 18, SID_OFFSET = 9, SID_DIGITS = SID_OFFSET + 10, N_OFFSET = 33, SEALED_END = sizeof sealed_end - 1 };

static void *table(size_t bytes) { // pages are taken as they are touched
  void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) {
    perror("loadgen: mmap");
    exit(2);
  }
  return p;
}

void ledger_open(uint32_t capacity, uint32_t clients, uint32_t sender_count, uint32_t copies) {
  ledger.capacity = capacity;
  ledger.copies = copies;
  senders = sender_count;
  due = table(capacity * sizeof *due);
  outstanding = table(capacity * sizeof *outstanding);
  sender_of = table(capacity * sizeof *sender_of);
  size_t bytes = (size_t)clients * sender_count * sizeof *newest;
  memset(newest = table(bytes), 0xff, bytes);

  if (options.password) {
    beginning = table(capacity * sizeof *beginning);
    payload_length = sealing_length((size_t)options.size);
    mark_offset = (size_t)sprintf(line_template, "{\"type\":\"chat\",\"encrypted\":true,\"payload\":\"");
    template_length = mark_offset + payload_length + SEALED_END + 1;
    memcpy(line_template + mark_offset + payload_length, sealed_end, SEALED_END);
    line_template[template_length - 1] = '\n';
    sprintf(text, "@@00000000:0000000000000000@@");
    memset(text + MARK_LENGTH, 'x', (size_t)options.size - MARK_LENGTH);
    return;
  }
  bool json = options.protocol == PROTOCOL_NETCHAT;
  char *p = line_template;
  if (json) p += sprintf(p, "{\"type\":\"chat\",\"encrypted\":false,\"text\":\"");
  mark_offset = (size_t)(p - line_template);
  p += sprintf(p, "@@00000000:0000000000000000@@");
  memset(p, 'x', (size_t)options.size - MARK_LENGTH);
  p += options.size - MARK_LENGTH;
  p += sprintf(p, json ? "\"}\n" : "\n");
  template_length = (size_t)(p - line_template);
}

size_t ledger_line_length(void) { return template_length; }

static void put_digits(char *p, int width, uint64_t v) {
  while (width--) {
    p[width] = (char)('0' + v % 10);
    v /= 10;
  }
}

static void render_text(uint32_t number, uint64_t due_ns) {
  put_digits(text + 2, 8, number);
  put_digits(text + 11, 16, due_ns);
}

/// Renders a message sealed with this `n` by a client.
static void seal(char *line, uint32_t client, const char *sid, uint32_t n) {
  char name[32];
  snprintf(name, sizeof name, "%s%u", options.name, client);
  memcpy(line, line_template, template_length);
  sealing_seal(name, sid, n, text, (size_t)options.size, line + mark_offset);
  char *end = line + mark_offset + payload_length;
  memcpy(end + SID_OFFSET, sid, SID_LENGTH);
  put_digits(end + N_OFFSET, 8, n);
}

static void render_sid(char *sid, uint32_t sender) { snprintf(sid, SID_LENGTH + 1, "benchload-%08u", sender); }

static void render(char *line, uint32_t number, uint64_t due_ns) {
  memcpy(line, line_template, template_length);
  put_digits(line + mark_offset + 2, 8, number);
  put_digits(line + mark_offset + 11, 16, due_ns);
}

void ledger_send(uint32_t sender, uint64_t due_ns, char *line) {
  uint32_t number = ledger.sent++;
  due[number] = due_ns;
  sender_of[number] = sender;
  outstanding[number] = ledger.copies;
  if (!options.password) return render(line, number, due_ns);
  char sid[SID_LENGTH + 1];
  render_sid(sid, sender);
  render_text(number, due_ns);
  seal(line, sender, sid, SEALED_N + number);
  memcpy(&beginning[number], line + mark_offset, sizeof *beginning);
}

void ledger_render_warm_up(char *line) {
  if (!options.password) return render(line, MARK_WARM, 0);
  static uint32_t n = WARM_UP_N;
  render_text(MARK_WARM, 0);
  seal(line, 0, "benchwarm-00000000", ++n);
}

static bool read_8_digits(const char *p, uint64_t *out) {
  uint64_t v;
  memcpy(&v, p, 8);
  v -= 0x3030303030303030u;
  if ((v | (v + 0x7676767676767676u)) & 0x8080808080808080u) return false;
  v = v * 10 + (v >> 8);
  *out = (uint32_t)(((v & 0x000000FF000000FFu) * 0x000F424000000064u +
                     ((v >> 16) & 0x000000FF000000FFu) * 0x0000271000000001u) >> 32);
  return true;
}

static enum arrival arrived(uint32_t client, uint64_t number, size_t length, uint64_t now_ns) {
  int32_t *last = &newest[(size_t)client * senders + sender_of[number]];
  if ((int32_t)number == *last || outstanding[number] == 0) {
    ledger.doubled++;
    return ARRIVAL_MESSAGE;
  }
  if ((int32_t)number < *last) ledger.out_of_order++;
  *last = (int32_t)number;
  histogram_add(&ledger.latency, now_ns > due[number] ? now_ns - due[number] : 0);
  ledger.delivered++;
  ledger.delivered_bytes += length + 1;
  ledger.last_delivery_ns = now_ns;
  if (--outstanding[number] == 0) ledger.complete++;
  return ARRIVAL_MESSAGE;
}

static enum arrival receive_sealed(uint32_t client, const char *line, size_t length, uint64_t now_ns) {
  static size_t expected; // where the last payload began
  static const char key[] = "\"payload\":\"";
  enum { KEY = sizeof key - 1 };
  if (length < expected + KEY || memcmp(line + expected, key, KEY) != 0) {
    const char *found = memmem(line, length, key, KEY);
    if (!found) return ARRIVAL_NO_MESSAGE;
    expected = (size_t)(found - line);
  }
  const char *payload = line + expected + KEY, *end = line + length - SEALED_END, *sid = end + SID_OFFSET;
  uint64_t n, sender;
  if (end < payload || memcmp(end + 1, sealed_end + 1, SID_OFFSET + 4) != 0 || !read_8_digits(end + N_OFFSET, &n) ||
      !read_8_digits(end + SID_DIGITS, &sender) || payload[payload_length] != '"') {
    ledger.altered++;
    return ARRIVAL_MESSAGE;
  }
  if (memcmp(sid, "benchwarm", 9) == 0) return ARRIVAL_WARM_UP;
  uint64_t number = n - SEALED_N;
  if (n < SEALED_N || number >= ledger.sent || sender_of[number] != sender || memcmp(&beginning[number], payload, sizeof *beginning) != 0) {
    ledger.altered++;
    return ARRIVAL_MESSAGE;
  }
  if (client == 0 && number % SAMPLE == 0) {
    char name[32], own[SID_LENGTH + 1];
    snprintf(name, sizeof name, "%s%u", options.name, (uint32_t)sender);
    render_sid(own, (uint32_t)sender);
    render_text((uint32_t)number, due[number]);
    if (!sealing_opens(name, own, n, payload, payload_length, text, (size_t)options.size)) {
      ledger.altered++;
      return ARRIVAL_MESSAGE;
    }
  }
  return arrived(client, number, length, now_ns);
}

enum arrival ledger_receive(uint32_t client, const char *line, size_t length, uint64_t now_ns) {
  if (options.password) return receive_sealed(client, line, length, now_ns);
  static size_t expected; // where the last mark stood: most often this one stands there too
  const char *mark = line + expected;
  if (length < expected + 2 || mark[0] != '@' || mark[1] != '@') {
    mark = memmem(line, length, "@@", 2);
    if (!mark) return ARRIVAL_NO_MESSAGE;
    expected = (size_t)(mark - line);
  }
  size_t left = length - (size_t)(mark - line), padding = (size_t)options.size - MARK_LENGTH;
  uint64_t number, high, low;
  if (left < (size_t)options.size || !read_8_digits(mark + 2, &number) || mark[10] != ':' ||
      !read_8_digits(mark + 11, &high) || !read_8_digits(mark + 19, &low) || mark[27] != '@' || mark[28] != '@' ||
      memcmp(mark + MARK_LENGTH, line_template + mark_offset + MARK_LENGTH, padding) != 0 ||
      (options.protocol == PROTOCOL_LINE ? left != (size_t)options.size
                                         : left == (size_t)options.size || mark[options.size] != '"')) {
    ledger.altered++;
    return ARRIVAL_MESSAGE;
  }
  if (number == MARK_WARM) return ARRIVAL_WARM_UP;
  if (number >= ledger.sent || due[number] != high * 100000000u + low) {
    ledger.altered++;
    return ARRIVAL_MESSAGE;
  }
  return arrived(client, number, length, now_ns);
}
