#include "sealing.h"

#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NONCE = 24, TAG = 16, TEXT_MAX = 66000 };

static char room[33];
static EVP_CIPHER_CTX *block, *gcm;
static unsigned char subkey[16]; // K1 of CMAC

static void must(int ok, const char *what) {
  if (ok) return;
  fprintf(stderr, "loadgen: %s failed\n", what);
  exit(2);
}

static void encrypt_block(unsigned char *bytes) {
  int length;
  must(EVP_EncryptUpdate(block, bytes, &length, bytes, 16) == 1 && length == 16, "AES");
}

void sealing_open(const unsigned char *message_secret, const char *name) {
  memcpy(room, name, 32);
  unsigned char salt[16], key[32];
  for (int i = 0; i < 16; i++) {
    unsigned byte;
    must(sscanf(room + 2 * i, "%2x", &byte) == 1, "room");
    salt[i] = (unsigned char)byte;
  }
  EVP_PKEY_CTX *hkdf = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
  size_t count = sizeof key;
  must(hkdf && EVP_PKEY_derive_init(hkdf) > 0 && EVP_PKEY_CTX_set_hkdf_md(hkdf, EVP_sha256()) > 0 &&
           EVP_PKEY_CTX_set1_hkdf_salt(hkdf, salt, sizeof salt) > 0 && EVP_PKEY_CTX_set1_hkdf_key(hkdf, message_secret, 32) > 0 &&
           EVP_PKEY_CTX_add1_hkdf_info(hkdf, (const unsigned char *)"netchat/2 message key", 21) > 0 &&
           EVP_PKEY_derive(hkdf, key, &count) > 0, "HKDF");
  EVP_PKEY_CTX_free(hkdf);
  must((block = EVP_CIPHER_CTX_new()) && (gcm = EVP_CIPHER_CTX_new()), "memory");
  must(EVP_EncryptInit_ex(block, EVP_aes_256_ecb(), NULL, key, NULL) == 1 && EVP_CIPHER_CTX_set_padding(block, 0) == 1, "AES");
  encrypt_block(subkey);
  unsigned char carry = subkey[0] >> 7;
  for (int i = 0; i < 15; i++) subkey[i] = (unsigned char)(subkey[i] << 1 | subkey[i + 1] >> 7);
  subkey[15] = (unsigned char)(subkey[15] << 1 ^ (carry ? 0x87 : 0));
}

/// The key for messages with this nonce.
static void derive(const unsigned char *nonce, unsigned char *key) {
  for (int half = 0; half < 2; half++) {
    unsigned char *bytes = key + 16 * half;
    memcpy(bytes, (const unsigned char[]){0, (unsigned char)(half + 1), 'X', 0}, 4);
    memcpy(bytes + 4, nonce, 12);
    for (int i = 0; i < 16; i++) bytes[i] ^= subkey[i];
    encrypt_block(bytes);
  }
}

static int additional_data(char *to, size_t capacity, const char *name, const char *sid, unsigned long n) {
  return snprintf(to, capacity, "netchat/2 chat\n%s\n%s\n\n%s\n%lu", room, name, sid, n);
}

void sealing_seal(const char *name, const char *sid, unsigned long n, const char *text, size_t length, char *base64) {
  static unsigned char sealed[TEXT_MAX + SEALING_OVERHEAD];
  unsigned char key[32];
  char data[200];
  int data_length = additional_data(data, sizeof data, name, sid, n), count;
  must(RAND_bytes(sealed, NONCE) == 1, "RAND_bytes");
  derive(sealed, key);
  must(EVP_EncryptInit_ex(gcm, EVP_aes_256_gcm(), NULL, key, sealed + 12) == 1 &&
           EVP_EncryptUpdate(gcm, NULL, &count, (unsigned char *)data, data_length) == 1 &&
           EVP_EncryptUpdate(gcm, sealed + NONCE, &count, (const unsigned char *)text, (int)length) == 1 &&
           EVP_EncryptFinal_ex(gcm, sealed + NONCE + length, &count) == 1 &&
           EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_AEAD_GET_TAG, TAG, sealed + NONCE + length) == 1, "sealing");
  char last = base64[sealing_length(length)]; // EVP_EncodeBlock ends with a NUL
  EVP_EncodeBlock((unsigned char *)base64, sealed, (int)length + SEALING_OVERHEAD);
  base64[sealing_length(length)] = last;
}

bool sealing_opens(const char *name, const char *sid, unsigned long n, const char *base64, size_t characters, const char *text,
                   size_t length) {
  static unsigned char sealed[TEXT_MAX + SEALING_OVERHEAD + 3], opened[TEXT_MAX + 16];
  unsigned char key[32];
  char data[200];
  int data_length = additional_data(data, sizeof data, name, sid, n), count;
  if (characters != sealing_length(length) || EVP_DecodeBlock(sealed, (const unsigned char *)base64, (int)characters) < 0) return false;
  derive(sealed, key);
  return EVP_DecryptInit_ex(gcm, EVP_aes_256_gcm(), NULL, key, sealed + 12) == 1 &&
         EVP_DecryptUpdate(gcm, NULL, &count, (unsigned char *)data, data_length) == 1 &&
         EVP_DecryptUpdate(gcm, opened, &count, sealed + NONCE, (int)length) == 1 &&
         EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_AEAD_SET_TAG, TAG, sealed + NONCE + length) == 1 &&
         EVP_DecryptFinal_ex(gcm, opened + length, &count) == 1 && memcmp(opened, text, length) == 0;
}
