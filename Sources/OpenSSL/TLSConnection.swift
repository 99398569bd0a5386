import COpenSSL
import Glibc

/// One TLS connection over a non-blocking socket, which stays its owner's: this closes nothing.
/// The process must ignore SIGPIPE.
///
/// After any `throw` the connection is of no more use.
@safe
package struct TLSConnection: ~Copyable, @unchecked Sendable {
  // Unchecked, because all that changes it has `self` for itself alone (`mutating`).
  package enum Progress: Equatable, Sendable {
    case done
    case wantRead
    case wantWrite
  }

  package enum ReadResult: Equatable, Sendable {
    case bytes(Int)
    /// Nothing more now; in most cases until the socket is readable.
    case wouldBlock(wantWrite: Bool)
    /// The peer said that it is done, or its connection ended.
    case endOfStream
  }

  package enum WriteResult: Equatable, Sendable {
    case bytes(Int)
    /// Nothing more now; in most cases until the socket is writable.
    case wouldBlock(wantRead: Bool)
  }

  /// How many TLS records in a row may come without any data: key updates, tickets. A peer that
  /// sends more of them only wants to keep us busy.
  package static let mostRecordsWithoutData = 32
  /// How a handshake fails with a far end that says something else.
  package static let notTLS = OpenSSLError.handshake(reason: "the other side does not speak tls")
  /// Bytes of data in the largest record (RFC 8446, section 5.1).
  package static let largestRecord = 16_384

  let ssl: OpaquePointer
  private let quiet: UnsafeMutablePointer<Quiet>
  private var saidGoodbye = false

  /// A host's end. `descriptor` must outlast the connection.
  package init(accepting context: TLSContext, descriptor: Int32) throws(OpenSSLError) {
    precondition(context.isServer)
    unsafe self.init(owning: try unsafe Self.open(context, descriptor, host: nil))
  }

  /// A client's end. `host` is the name or address that was dialled: the certificate must be
  /// for it, if the context wants to see one.
  package init(
    connecting context: TLSContext, descriptor: Int32, host: String
  ) throws(OpenSSLError) {
    precondition(!context.isServer)
    unsafe self.init(owning: try unsafe Self.open(context, descriptor, host: host))
  }

  private init(owning ssl: OpaquePointer) {
    unsafe self.ssl = ssl
    unsafe quiet = .allocate(capacity: 1)
    unsafe quiet.initialize(to: Quiet())
    unsafe shim_ssl_set_message_argument(ssl, quiet)
  }

  deinit {
    unsafe SSL_free(ssl)
    unsafe quiet.deallocate()
  }

  private static func open(
    _ context: TLSContext, _ descriptor: Int32, host: String?
  ) throws(OpenSSLError) -> OpaquePointer {
    clearErrors()
    guard let ssl = unsafe SSL_new(context.context) else { throw .failed("begin tls") }
    var ok = unsafe SSL_set_fd(ssl, descriptor) == 1
    if let host {
      unsafe SSL_set_connect_state(ssl)
      ok = unsafe ok && expect(host, ssl, checked: context.checksName)
    } else {
      unsafe SSL_set_accept_state(ssl)
    }
    guard ok else {
      unsafe SSL_free(ssl)
      throw .failed("begin tls")
    }
    return unsafe ssl
  }

  private static func expect(_ host: String, _ ssl: OpaquePointer, checked: Bool) -> Bool {
    // A zone (fe80::1%eth0) and the root's dot mean nothing to the other side.
    var trimmed = host.prefix { $0 != "%" }
    if trimmed.hasSuffix(".") { trimmed.removeLast() }
    let name = String(trimmed)
    // OpenSSL takes an empty name to mean "any".
    guard !name.isEmpty else { return false }
    let isAddress = HostName.isAddress(name)
    if !isAddress, unsafe shim_ssl_set_server_name(ssl, name) != 1 { return false }
    guard checked else { return true }
    let parameters = unsafe SSL_get0_param(ssl)
    if isAddress { return unsafe X509_VERIFY_PARAM_set1_ip_asc(parameters, name) == 1 }
    unsafe X509_VERIFY_PARAM_set_hostflags(
      parameters, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
    return unsafe X509_VERIFY_PARAM_set1_host(parameters, name, 0) == 1
  }

  /// Whether anything of what the other side sent has been taken from the socket.
  package var hasReceived: Bool { unsafe BIO_number_read(SSL_get_rbio(ssl)) > 0 }

  /// To be called until `.done`, each time the socket is ready for what it said.
  package mutating func handshake() throws(OpenSSLError) -> Progress {
    clearErrors()
    let result = unsafe SSL_do_handshake(ssl)
    let number = errno
    if result == 1 {
      unsafe quiet.pointee.counts = true
      return .done
    }
    switch outcome(result, number) {
    case .wantRead: return .wantRead
    case .wantWrite: return .wantWrite
    case .ended: throw .handshake(reason: "the other side closed the connection")
    case .broken(let code, let reason):
      throw Self.handshakeError(code, reason, certificateProblem)
    }
  }

  private static func handshakeError(
    _ code: UInt, _ reason: String, _ problem: String?
  ) -> OpenSSLError {
    guard shim_err_library(code) == ERR_LIB_SSL else { return .handshake(reason: reason) }
    switch shim_err_reason(code) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return .certificateRejected(reason: problem ?? reason)
    case SSL_R_WRONG_VERSION_NUMBER, SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST:
      return Self.notTLS
    default:
      return .handshake(reason: reason)
    }
  }

  /// Reads what one record brought, or the rest of it. Read until it would block: what has left
  /// the kernel already does not make the socket readable again (see `hasPending`).
  package mutating func read(
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(OpenSSLError) -> ReadResult {
    while true {
      var count = 0
      let before = unsafe quiet.pointee.records
      clearErrors()
      let result = unsafe SSL_read_ex(ssl, buffer.baseAddress, buffer.count, &count)
      let number = errno
      if result == 1 {
        unsafe quiet.pointee.records = 0
        return .bytes(count)
      }
      guard unsafe quiet.pointee.records <= Self.mostRecordsWithoutData else {
        throw .recordsWithoutData
      }
      switch outcome(result, number) {
      case .wantRead:
        // A record without data came; there may be more behind it.
        if unsafe quiet.pointee.records != before { continue }
        return .wouldBlock(wantWrite: false)
      case .wantWrite: return .wouldBlock(wantWrite: true)
      case .ended: return .endOfStream
      case .broken(_, let reason): throw .connection(reason: reason)
      }
    }
  }

  /// Writes at most one record (16 KiB). When it would block, the record is made already: the
  /// next call must bring the same bytes, from wherever they lie, and may bring more behind them.
  package mutating func write(
    _ buffer: UnsafeRawBufferPointer
  ) throws(OpenSSLError) -> WriteResult {
    guard buffer.count > 0 else { return .bytes(0) }
    var count = 0
    clearErrors()
    let result = unsafe SSL_write_ex(ssl, buffer.baseAddress, buffer.count, &count)
    let number = errno
    if result == 1 { return .bytes(count) }
    switch outcome(result, number) {
    case .wantRead: return .wouldBlock(wantRead: true)
    case .wantWrite: return .wouldBlock(wantRead: false)
    case .ended: throw .connection(reason: "the other side closed the connection")
    case .broken(_, let reason): throw .connection(reason: reason)
    }
  }

  package mutating func read(
    into buffer: inout MutableRawSpan
  ) throws(OpenSSLError) -> ReadResult {
    unsafe try buffer.withUnsafeMutableBytes { bytes throws(OpenSSLError) in
      unsafe try read(into: bytes)
    }
  }

  package mutating func write(_ bytes: RawSpan) throws(OpenSSLError) -> WriteResult {
    unsafe try bytes.withUnsafeBytes { bytes throws(OpenSSLError) in unsafe try write(bytes) }
  }

  /// Says goodbye (`close_notify`), once, and waits for nothing.
  package mutating func shutdown() {
    guard !saidGoodbye, unsafe SSL_is_init_finished(ssl) == 1 else { return }
    saidGoodbye = true
    clearErrors()
    unsafe SSL_shutdown(ssl)
    clearErrors()
  }

  /// Whether bytes have left the kernel that `read` has not returned yet. They may be less than
  /// a record, so that `read` would block all the same.
  package var hasPending: Bool { unsafe SSL_has_pending(ssl) == 1 }

  /// Records since the last data that brought none; `read` throws beyond
  /// `mostRecordsWithoutData`.
  package var recordsWithoutData: Int { unsafe quiet.pointee.records }

  /// What ties a password's proof to this very connection: `EXPORTER-Channel-Binding` with an
  /// empty context (RFC 9266), 32 bytes. TLS 1.3 only.
  package func exporter() throws(OpenSSLError) -> [UInt8] {
    guard unsafe SSL_version(ssl) == TLS1_3_VERSION else {
      throw .failed("bind to the channel", reason: "not tls 1.3")
    }
    let label = "EXPORTER-Channel-Binding"
    let context: [UInt8] = []
    var bytes = [UInt8](repeating: 0, count: 32)
    clearErrors()
    // RFC 9266 has a context of length zero, which is there (TLS 1.3 knows no difference).
    guard
      unsafe SSL_export_keying_material(
        ssl, &bytes, bytes.count, label, label.utf8.count, context, 0, 1) == 1
    else { throw .failed("bind to the channel") }
    return bytes
  }

  /// The fingerprint of the peer's certificate, once the handshake is done.
  package func peerFingerprint() throws(OpenSSLError) -> Fingerprint? {
    guard let x509 = unsafe SSL_get1_peer_certificate(ssl) else { return nil }
    return try unsafe X509Certificate(owning: x509).fingerprint()
  }

  /// What speaks against the host's certificate, in words; nil if it is good, name included.
  /// With `.anything` trusted there is always something.
  package var certificateProblem: String? {
    let result = unsafe SSL_get_verify_result(ssl)
    guard result != X509_V_OK else { return nil }
    guard let words = unsafe X509_verify_cert_error_string(result) else { return "unknown" }
    return unsafe String(cString: words).lowercased()
  }

  /// `TLSv1.3`
  package var version: String { unsafe String(cString: SSL_get_version(ssl)) }

  /// `TLS_AES_256_GCM_SHA384`
  package var cipher: String {
    guard let name = unsafe SSL_CIPHER_get_name(SSL_get_current_cipher(ssl)) else { return "none" }
    return unsafe String(cString: name)
  }

  private enum Outcome {
    case wantRead
    case wantWrite
    case ended
    case broken(UInt, String)
  }

  /// Why a call did not do all it was to do. `number` is errno right after it.
  private func outcome(_ result: Int32, _ number: Int32) -> Outcome {
    let kind = unsafe SSL_get_error(ssl, result)
    let code = ERR_peek_error()
    switch kind {
    case SSL_ERROR_WANT_READ: return .wantRead
    case SSL_ERROR_WANT_WRITE: return .wantWrite
    case SSL_ERROR_ZERO_RETURN: return .ended
    case SSL_ERROR_SYSCALL where code == 0:
      return number == 0 ? .ended : .broken(0, OpenSSLError.words(forSystemError: number))
    default:
      // Packets end by themselves, so an end without goodbye is an end like any other.
      if shim_err_library(code) == ERR_LIB_SSL,
        shim_err_reason(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING
      {
        clearErrors()
        return .ended
      }
      return .broken(code, OpenSSLError.takeReason())
    }
  }

  /// Shared with OpenSSL's callback, hence at an address of its own.
  fileprivate struct Quiet {
    /// Not during the handshake, which has bounds of its own.
    var counts = false
    var records = 0
  }

  /// Called by OpenSSL, on the thread that reads, for each record's header.
  static let countRecord:
    @convention(c) (
      Int32, Int32, Int32, UnsafeRawPointer?, Int, OpaquePointer?, UnsafeMutableRawPointer?
    ) -> Void = { isWrite, _, type, _, _, ssl, argument in
      guard isWrite == 0, type == SSL3_RT_HEADER,
        let quiet = unsafe argument?.assumingMemoryBound(to: Quiet.self),
        unsafe quiet.pointee.counts
      else { return }
      unsafe quiet.pointee.records += 1
      // Ends the reading: OpenSSL would go on as long as there is anything in its buffer.
      if unsafe quiet.pointee.records > mostRecordsWithoutData {
        unsafe SSL_set_shutdown(ssl, SSL_get_shutdown(ssl) | SSL_RECEIVED_SHUTDOWN)
      }
    }
}
