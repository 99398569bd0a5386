import ChatCore
import OpenSSL
import Sockets

/// A connection to a host, in clear text or inside TLS.
package struct Link: ~Copyable {
  private let socket: StreamSocket
  private var tls: TLSConnection?
  /// Where it leads.
  package let address: Address
  private var readingWantsWrite = false
  private var sendingWantsRead = false

  /// Why a link broke.
  package enum Failure: Error {
    case system(SystemError)
    case tls(OpenSSLError)

    package var reason: String {
      switch self {
      case .system(let error): error.reason
      case .tls(let error): "\(error)"
      }
    }
  }

  init(_ socket: consuming StreamSocket, _ tls: consuming TLSConnection?, to address: Address) {
    self.socket = socket
    self.tls = tls
    self.address = address
  }

  package var number: Int32 { socket.number }
  package var isEncrypted: Bool { tls != nil }

  /// `TLSv1.3, TLS_AES_256_GCM_SHA384`; nil in clear text.
  package mutating func encryption() -> String? {
    guard let version = tls?.version, let cipher = tls?.cipher else { return nil }
    return "\(version), \(cipher)"
  }

  /// What names this TLS connection (RFC 9266); nil in clear text, and below TLS 1.3, which has no
  /// such name.
  package mutating func exporter() -> [UInt8]? {
    guard tls?.version == "TLSv1.3" else { return nil }
    return try? tls?.exporter()
  }

  /// What speaks against the host's certificate; nil if it is trusted.
  package mutating func certificateProblem() -> String? {
    guard tls != nil else { return "there is none" }
    return tls?.certificateProblem
  }

  package mutating func fingerprint() -> Fingerprint? { try? tls?.peerFingerprint() }

  /// Whether to wait for the socket to take bytes, given whether there is something to send.
  package func wantsWriting(hasOutput: Bool) -> Bool {
    readingWantsWrite || hasOutput && !sendingWantsRead
  }

  /// Receives what is there: of TLS at most one record, so call it until it would block.
  package mutating func receive(into buffer: inout [UInt8]) throws(Failure) -> Received {
    if tls == nil {
      do throws(SystemError) {
        var span = buffer.mutableSpan
        return try socket.receive(into: &span)
      } catch {
        throw .system(error)
      }
    }
    do throws(OpenSSLError) {
      var span = buffer.mutableSpan
      // Any bytes make `UInt8`s.
      var raw = unsafe span.mutableBytes
      readingWantsWrite = false
      switch try tls?.read(into: &raw) {
      case .bytes(let count): return .bytes(count)
      case .wouldBlock(let wantsWrite):
        readingWantsWrite = wantsWrite
        return .wouldBlock
      case .endOfStream, nil: return .endOfStream
      }
    } catch {
      throw .tls(error)
    }
  }

  /// Sends as many of the bytes as go now. What was not taken must be offered again as it was.
  package mutating func send(_ bytes: [UInt8]) throws(Failure) -> Sent {
    if tls == nil {
      do throws(SystemError) {
        return try socket.send(bytes.span)
      } catch {
        throw .system(error)
      }
    }
    do throws(OpenSSLError) {
      sendingWantsRead = false
      // Only read while the call lasts.
      switch unsafe try tls?.write(bytes.span.bytes) {
      case .bytes(let count): return .bytes(count)
      case .wouldBlock(let wantsRead):
        sendingWantsRead = wantsRead
        return .wouldBlock
      case nil: return .wouldBlock
      }
    } catch {
      throw .tls(error)
    }
  }

  /// Says that nothing more will be sent.
  package mutating func finishSending() {
    tls?.shutdown()
    socket.finishSending()
  }
}
