import COpenSSL

/// What all connections of one side have in common. Shared between threads; changed by none once
/// it is made.
///
/// TLS 1.3 (or 1.2 at the least), X25519 or P-256, no tickets, no resumption, no early data, no
/// renegotiation, no compression.
@safe
package final class TLSContext: @unchecked Sendable {
  package enum MinimumVersion: Sendable {
    case tls12
    case tls13
  }

  /// What makes a client accept a host's certificate.
  package enum Trust: Equatable, Sendable {
    /// Anything is accepted: another proof replaces the certificate, or somebody said so.
    case anything
    /// The system's certificate authorities.
    case system
    /// The certificates of a PEM file: the host's own, or authorities.
    case file(String)
  }

  let context: OpaquePointer
  let isServer: Bool
  /// Whether the name that was dialled is compared with the certificate's.
  let checksName: Bool

  /// A host's context.
  package init(
    serving certificate: Certificate, minimum: MinimumVersion = .tls13
  ) throws(OpenSSLError) {
    unsafe context = Self.new(TLS_server_method())
    isServer = true
    checksName = false
    try configure(minimum)
    let chain = certificate.chain
    guard unsafe SSL_CTX_use_certificate(context, chain[0].x509) == 1,
      unsafe SSL_CTX_use_PrivateKey(context, certificate.key.key) == 1,
      chain.dropFirst().allSatisfy({ unsafe shim_ctx_add_chain(context, $0.x509) == 1 })
    else { throw .unusable(certificate.source, reason: OpenSSLError.takeReason()) }
  }

  /// A client's context. With `required` false the handshake goes on whatever the certificate,
  /// and `TLSConnection.certificateProblem` must be asked before anything is sent.
  package init(
    trusting trust: Trust, required: Bool = true, minimum: MinimumVersion = .tls13
  ) throws(OpenSSLError) {
    unsafe context = Self.new(TLS_client_method())
    isServer = false
    checksName = trust != .anything
    try configure(minimum)
    switch trust {
    case .anything:
      break
    case .system:
      guard unsafe SSL_CTX_set_default_verify_paths(context) == 1 else {
        throw .unusable("the system's certificates", reason: OpenSSLError.takeReason())
      }
    case .file(let path):
      let store = unsafe SSL_CTX_get_cert_store(context)
      for certificate in try PEM.certificates(PEM.file(path), source: path) {
        guard unsafe X509_STORE_add_cert(store, certificate.x509) == 1 else {
          throw .unusable(path, reason: OpenSSLError.takeReason())
        }
      }
      // Whatever the file names is trusted, not only what vouches for itself.
      guard unsafe X509_STORE_set_flags(store, UInt(X509_V_FLAG_PARTIAL_CHAIN)) == 1 else {
        throw .failed("set up tls")
      }
    }
    let verifies = required && trust != .anything
    unsafe SSL_CTX_set_verify(context, verifies ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nil)
  }

  deinit { unsafe SSL_CTX_free(context) }

  private static func new(_ method: OpaquePointer?) -> OpaquePointer {
    guard let context = unsafe SSL_CTX_new(method) else {
      fatalError("no tls: \(OpenSSLError.takeReason())")
    }
    return unsafe context
  }

  /// For TLS 1.3, the host's choice first. AES-128 is as strong as X25519 and P-256 are, so AES-256 behind
  /// them protects nothing better, and SHA-384 makes the handshake a tenth dearer.
  private static let suites =
    "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384"

  private func configure(_ minimum: MinimumVersion) throws(OpenSSLError) {
    clearErrors()
    let version =
      switch minimum {
      case .tls12: TLS1_2_VERSION
      case .tls13: TLS1_3_VERSION
      }
    guard unsafe shim_ctx_set_min_version(context, version) == 1,
      unsafe shim_ctx_set_groups(context, "X25519:P-256") == 1,
      unsafe SSL_CTX_set_ciphersuites(context, Self.suites) == 1,
      unsafe SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1,
      unsafe SSL_CTX_set_num_tickets(context, 0) == 1
    else { throw .failed("set up tls") }
    unsafe shim_ctx_set_options(context)
    unsafe shim_ctx_set_modes(context)
    unsafe shim_ctx_disable_cache(context)
    // All that has come is taken from the kernel in one go, many records at a time.
    unsafe shim_ctx_set_read_ahead(context)
    unsafe SSL_CTX_set_default_read_buffer_len(context, 65_536)
    unsafe SSL_CTX_set_msg_callback(context, TLSConnection.countRecord)
  }
}
