// The client's side of SPAKE2+ (RFC 9383, PROTOCOL.md section 4): how the load gets into a secure room.
#ifndef PROVER_H
#define PROVER_H
#include <openssl/ssl.h>
#include <stddef.h>

struct prover;

/// Takes the room and the salt from the line of `hello`, and stretches the password: once, for all clients. `message_secret`
/// has 32 bytes, `room` 33.
void prover_learn(const char *hello, size_t length, const char *password, unsigned char *message_secret, char *room);
/// A new attempt; `share` gets base64 and a NUL, 89 bytes.
struct prover *prover_new(char *share);
/// The line of `auth` as it was sent, without its end.
void prover_said(struct prover *p, const char *auth, size_t length);
/// Checks the line of `auth_challenge`; `confirm` gets base64 and a NUL, 45 bytes. The attempt is over. False: the host is not ours.
int prover_answer(struct prover *p, SSL *ssl, const char *challenge, size_t length, char *confirm);
void prover_free(struct prover *p);
/// The three multiplications that a host spends on one attempt.
void prover_host_work(void);
#endif
