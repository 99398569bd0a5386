// What Swift needs of OpenSSL: its headers, and a static inline wrapper for each macro or
// variadic that Swift cannot import.
#ifndef NETCHAT_COPENSSL_SHIM_H
#define NETCHAT_COPENSSL_SHIM_H
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

// HKDF-SHA256 (RFC 5869). Here because an OSSL_PARAM made in Swift of an imported key name keeps
// a pointer to a string that is gone. Returns 1, or 0 with the reason in the error queue.
static inline int shim_hkdf_sha256(const void *ikm, size_t ikm_len, const void *salt,
                                   size_t salt_len, const void *info, size_t info_len,
                                   void *out, size_t out_len) {
  static unsigned char nothing[1];
  EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_HKDF, NULL);
  EVP_KDF_CTX *context = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
  EVP_KDF_free(kdf);
  if (!context) return 0;
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, ikm_len ? (void *)ikm : nothing,
                                        ikm_len),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info_len ? (void *)info : nothing,
                                        info_len),
      // Last, because OpenSSL refuses an empty one; no salt is the same as an empty one.
      salt_len ? OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)salt, salt_len)
               : OSSL_PARAM_construct_end(),
      OSSL_PARAM_construct_end(),
  };
  int ok = EVP_KDF_derive(context, out, out_len, parameters);
  EVP_KDF_CTX_free(context);
  return ok == 1;
}

// HMAC-SHA256, still without a key, to be copied; NULL if there is none.
static inline EVP_MAC_CTX *shim_hmac_sha256(void) {
  EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
  EVP_MAC_CTX *context = mac ? EVP_MAC_CTX_new(mac) : NULL;
  EVP_MAC_free(mac);
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
      OSSL_PARAM_construct_end(),
  };
  if (context && EVP_MAC_CTX_set_params(context, parameters) == 1) return context;
  EVP_MAC_CTX_free(context);
  return NULL;
}

// The same curve with `base` as its base point, and a table of that point's multiples. Deprecated since
// OpenSSL 3.0 without a successor, and it may come without a table: multiples are right all the same,
// only slower. NULL with the reason in the error queue.
static inline EC_GROUP *shim_group_with_base(const EC_GROUP *group, const EC_POINT *base,
                                             BN_CTX *context) {
  EC_GROUP *copy = EC_GROUP_dup(group);
  if (copy && EC_GROUP_set_generator(copy, base, EC_GROUP_get0_order(group), BN_value_one()) == 1 &&
      EC_GROUP_precompute_mult(copy, context) == 1)
    return copy;
  EC_GROUP_free(copy);
  return NULL;
}
static inline void shim_group_clear_free(EC_GROUP *group) { EC_GROUP_clear_free(group); }

static inline int shim_err_is_system(unsigned long code) { return ERR_SYSTEM_ERROR(code) != 0; }
static inline int shim_err_reason(unsigned long code) { return ERR_GET_REASON(code); }
static inline int shim_err_library(unsigned long code) { return ERR_GET_LIB(code); }

static inline EVP_PKEY *shim_generate_p256(void) { return EVP_EC_gen("P-256"); }
static inline EVP_PKEY *shim_generate_rsa(unsigned int bits) { return EVP_RSA_gen(bits); }
static inline EVP_PKEY *shim_generate_ed25519(void) {
  return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}

// Adds an extension written as in openssl.cnf ("critical,CA:FALSE"). Only for constant values.
static inline int shim_add_extension(X509 *certificate, int nid, const char *value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
  int ok = extension && X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
  return ok;
}
static inline GENERAL_NAMES *shim_names_new(void) { return sk_GENERAL_NAME_new_null(); }
static inline int shim_names_push(GENERAL_NAMES *names, GENERAL_NAME *name) {
  return sk_GENERAL_NAME_push(names, name);
}

// A passphrase is never asked for: a host has no terminal to ask on.
static inline int shim_no_passphrase(char *buffer, int size, int writing, void *argument) {
  (void)buffer, (void)size, (void)writing, (void)argument;
  return -1;
}

static inline long shim_bio_bytes(BIO *bio, char **bytes) { return BIO_get_mem_data(bio, bytes); }

// Neither compression, nor renegotiation, nor session tickets of TLS 1.2.
// A client that wishes ChaCha20 first has no AES in its processor, and gets what it wishes.
static inline void shim_ctx_set_options(SSL_CTX *context) {
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                   SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                   SSL_OP_PRIORITIZE_CHACHA);
}
// Without AUTO_RETRY SSL_read comes back after each record that carried no data, so that a peer
// that sends nothing else cannot keep a thread inside. The chain is what the certificate's file
// holds, so OpenSSL need not look for one in each handshake.
static inline void shim_ctx_set_modes(SSL_CTX *context) {
  SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_NO_AUTO_CHAIN);
}
static inline int shim_ctx_set_min_version(SSL_CTX *context, int version) {
  return (int)SSL_CTX_set_min_proto_version(context, version);
}
static inline int shim_ctx_set_groups(SSL_CTX *context, const char *groups) {
  return (int)SSL_CTX_set1_groups_list(context, groups);
}
static inline void shim_ctx_disable_cache(SSL_CTX *context) {
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}
static inline void shim_ctx_set_read_ahead(SSL_CTX *context) {
  SSL_CTX_set_read_ahead(context, 1);
}
static inline int shim_ctx_add_chain(SSL_CTX *context, X509 *certificate) {
  return (int)SSL_CTX_add1_chain_cert(context, certificate);
}
static inline int shim_ssl_set_server_name(SSL *ssl, const char *name) {
  return (int)SSL_set_tlsext_host_name(ssl, name);
}
static inline void shim_ssl_set_message_argument(SSL *ssl, void *argument) {
  SSL_set_msg_callback_arg(ssl, argument);
}
#endif
