#include "prover.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/obj_mac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

enum { POINT = 65, SCALAR = 32 };

static EC_GROUP *group;
static EC_POINT *m, *n, *minus_w0_n;
static BIGNUM *w0, *w1;
static unsigned char hello_hash[SHA256_DIGEST_LENGTH];

struct prover {
  BIGNUM *x;
  unsigned char share[POINT], auth_hash[SHA256_DIGEST_LENGTH];
};

static void must(int ok, const char *what) {
  if (ok) return;
  fprintf(stderr, "loadgen: %s failed\n", what);
  exit(2);
}

static EC_POINT *point(void) {
  EC_POINT *p = EC_POINT_new(group);
  must(p != NULL, "EC_POINT_new");
  return p;
}

static EC_POINT *decoded(const char *hexadecimal) {
  EC_POINT *p = EC_POINT_hex2point(group, hexadecimal, NULL, NULL);
  must(p != NULL, "EC_POINT_hex2point");
  return p;
}

static void encode(const EC_POINT *p, unsigned char *to) {
  must(EC_POINT_point2oct(group, p, POINT_CONVERSION_UNCOMPRESSED, to, POINT, NULL) == POINT, "EC_POINT_point2oct");
}

static void open_group(void) {
  if (group) return;
  group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
  must(group != NULL, "P-256");
  // RFC 9383, section 4
  m = decoded("02886e2f97ace46e55ba9dd7242579f2993b64e16ef3dcab95afd497333d8fa12f");
  n = decoded("03d8bbd6c639c62937b04d997f38c3770719c629d7014d49a24b4f98baa1292b49");
}

/// The text of a key, which has no escapes; its length, or it ends the program.
static size_t value(const char *line, size_t length, const char *key, const char **start) {
  char quoted[32];
  int n = snprintf(quoted, sizeof quoted, "\"%s\":\"", key);
  const char *p = memmem(line, length, quoted, (size_t)n);
  must(p != NULL, key);
  *start = p += n;
  const char *end = memchr(p, '"', length - (size_t)(p - line));
  must(end != NULL, key);
  return (size_t)(end - p);
}

static size_t base64_value(const char *line, size_t length, const char *key, unsigned char *to, size_t capacity) {
  const char *text;
  size_t characters = value(line, length, key, &text), padding = 0;
  must(characters % 4 == 0 && characters / 4 * 3 <= capacity + 2, key);
  unsigned char bytes[256];
  must(EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)characters) >= 0, key);
  while (padding < 2 && padding < characters && text[characters - 1 - padding] == '=') padding++;
  memcpy(to, bytes, characters / 4 * 3 - padding);
  return characters / 4 * 3 - padding;
}

static size_t put(unsigned char *to, const void *bytes, size_t length) { // with its length, 8 bytes little-endian
  for (int i = 0; i < 8; i++) to[i] = (unsigned char)(length >> 8 * i);
  memcpy(to + 8, bytes, length);
  return length + 8;
}

void prover_learn(const char *hello, size_t length, const char *password, unsigned char *message_secret, char *room) {
  open_group();
  SHA256((const unsigned char *)hello, length, hello_hash);
  const char *text;
  must(value(hello, length, "room", &text) == 32, "room");
  memcpy(room, text, 32);
  room[32] = 0;
  unsigned char salt[18], input[1200], stretched[112];
  must(base64_value(hello, length, "salt", salt, 16) == 16, "salt");
  must(strlen(password) <= 1024, "a password of at most 1024 bytes");
  size_t end = put(input, password, strlen(password));
  end += put(input + end, "clint", 5);
  end += put(input + end, "host", 4);
  must(EVP_PBE_scrypt((const char *)input, end, salt, 16, 131072, 8, 1, 256 << 20, stretched, sizeof stretched) == 1, "scrypt");
  BN_CTX *context = BN_CTX_new();
  w0 = BN_bin2bn(stretched, 40, NULL);
  w1 = BN_bin2bn(stretched + 40, 40, NULL);
  must(BN_nnmod(w0, w0, EC_GROUP_get0_order(group), context) && BN_nnmod(w1, w1, EC_GROUP_get0_order(group), context), "BN_nnmod");
  minus_w0_n = point();
  must(EC_POINT_mul(group, minus_w0_n, NULL, n, w0, context) && EC_POINT_invert(group, minus_w0_n, context), "EC_POINT_mul");
  memcpy(message_secret, stretched + 80, 32);
  BN_CTX_free(context);
}

struct prover *prover_new(char *share) {
  struct prover *p = calloc(1, sizeof *p);
  BN_CTX *context = BN_CTX_new();
  EC_POINT *x = point();
  must(p && (p->x = BN_new()) && BN_priv_rand_range(p->x, EC_GROUP_get0_order(group)), "BN_priv_rand_range");
  must(EC_POINT_mul(group, x, p->x, m, w0, context), "EC_POINT_mul");
  encode(x, p->share);
  EVP_EncodeBlock((unsigned char *)share, p->share, POINT);
  EC_POINT_free(x);
  BN_CTX_free(context);
  return p;
}

void prover_said(struct prover *p, const char *auth, size_t length) { SHA256((const unsigned char *)auth, length, p->auth_hash); }

static size_t put_point(unsigned char *to, const EC_POINT *p) {
  unsigned char bytes[POINT];
  encode(p, bytes);
  return put(to, bytes, POINT);
}

/// K_confirmP and K_confirmV, 32 bytes each.
static void confirmation_keys(struct prover *p, SSL *ssl, const unsigned char *share_v, const EC_POINT *z, const EC_POINT *v,
                              unsigned char *keys) {
  unsigned char context[256], transcript[1024], secret[SCALAR], main_key[SHA256_DIGEST_LENGTH];
  size_t length = (size_t)sprintf((char *)context, "netchat/2 spake2plus");
  must(SSL_export_keying_material(ssl, context + length, 32, "EXPORTER-Channel-Binding", 24, (const unsigned char *)"", 0, 1) == 1,
       "SSL_export_keying_material");
  length += 32;
  memcpy(context + length, hello_hash, 32);
  memcpy(context + length + 32, p->auth_hash, 32);
  length += 64;
  size_t end = put(transcript, context, length);
  end += put(transcript + end, "clint", 5);
  end += put(transcript + end, "host", 4);
  end += put_point(transcript + end, m);
  end += put_point(transcript + end, n);
  end += put(transcript + end, p->share, POINT);
  end += put(transcript + end, share_v, POINT);
  end += put_point(transcript + end, z);
  end += put_point(transcript + end, v);
  must(BN_bn2binpad(w0, secret, SCALAR) == SCALAR, "BN_bn2binpad");
  end += put(transcript + end, secret, SCALAR);
  SHA256(transcript, end, main_key);
  EVP_PKEY_CTX *hkdf = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
  size_t count = 64;
  must(hkdf && EVP_PKEY_derive_init(hkdf) > 0 && EVP_PKEY_CTX_set_hkdf_md(hkdf, EVP_sha256()) > 0 &&
           EVP_PKEY_CTX_set1_hkdf_key(hkdf, main_key, sizeof main_key) > 0 &&
           EVP_PKEY_CTX_add1_hkdf_info(hkdf, (const unsigned char *)"ConfirmationKeys", 16) > 0 &&
           EVP_PKEY_derive(hkdf, keys, &count) > 0, "HKDF");
  EVP_PKEY_CTX_free(hkdf);
}

int prover_answer(struct prover *p, SSL *ssl, const char *challenge, size_t length, char *confirm) {
  unsigned char share_v[POINT + 3], confirm_v[SHA256_DIGEST_LENGTH + 3], keys[64], mac[SHA256_DIGEST_LENGTH];
  if (base64_value(challenge, length, "share", share_v, POINT) != POINT ||
      base64_value(challenge, length, "confirm", confirm_v, 32) != 32) return 0;
  BN_CTX *context = BN_CTX_new();
  EC_POINT *y = point(), *z = point(), *v = point();
  int ok = EC_POINT_oct2point(group, y, share_v, POINT, context) == 1;
  if (ok) {
    must(EC_POINT_add(group, y, y, minus_w0_n, context) && EC_POINT_mul(group, z, NULL, y, p->x, context) &&
             EC_POINT_mul(group, v, NULL, y, w1, context), "EC_POINT_mul");
    confirmation_keys(p, ssl, share_v, z, v, keys);
    HMAC(EVP_sha256(), keys + 32, 32, p->share, POINT, mac, NULL);
    ok = memcmp(mac, confirm_v, sizeof mac) == 0;
    HMAC(EVP_sha256(), keys, 32, share_v, POINT, mac, NULL);
    EVP_EncodeBlock((unsigned char *)confirm, mac, sizeof mac);
  }
  EC_POINT_free(y);
  EC_POINT_free(z);
  EC_POINT_free(v);
  BN_CTX_free(context);
  return ok;
}

void prover_free(struct prover *p) {
  if (!p) return;
  BN_free(p->x);
  free(p);
}

void prover_host_work(void) {
  static BN_CTX *context;
  static BIGNUM *y;
  static EC_POINT *own, *z, *v;
  if (!context) {
    open_group();
    context = BN_CTX_secure_new();
    y = BN_secure_new();
    own = point(), z = point(), v = point();
  }
  must(BN_priv_rand_range(y, EC_GROUP_get0_order(group)), "BN_priv_rand_range");
  BN_set_flags(y, BN_FLG_CONSTTIME);
  must(EC_POINT_mul(group, own, y, NULL, NULL, context) && EC_POINT_mul(group, z, NULL, m, y, context) &&
           EC_POINT_mul(group, v, NULL, n, y, context), "EC_POINT_mul");
}
