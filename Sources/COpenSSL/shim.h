// What Swift needs of OpenSSL: its headers, and a static inline wrapper for each macro or
// variadic that Swift cannot import.
#ifndef NETCHAT_COPENSSL_SHIM_H
#define NETCHAT_COPENSSL_SHIM_H
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#endif
