// Sealed messages (PROTOCOL.md section 6): XAES-256-GCM with a key made from the room's message secret.
#ifndef SEALING_H
#define SEALING_H
#include <stdbool.h>
#include <stddef.h>

enum { SEALING_OVERHEAD = 40 };

/// `room` is 32 hexadecimal digits, and is kept.
void sealing_open(const unsigned char *message_secret, const char *room);
/// Characters of the base64 of a sealed text of `length` bytes.
static inline size_t sealing_length(size_t length) { return (length + SEALING_OVERHEAD + 2) / 3 * 4; }
/// Writes the base64, without a NUL.
void sealing_seal(const char *name, const char *sid, unsigned long n, const char *text, size_t length, char *base64);
/// Whether `characters` of base64 open, to this text.
bool sealing_opens(const char *name, const char *sid, unsigned long n, const char *base64, size_t characters, const char *text,
                   size_t length);
#endif
