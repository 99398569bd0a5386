import OpenSSL
import Sockets

/// Somebody in the middle: ends TLS on both sides with a certificate of its own, and passes on what
/// is said between one client and the room.
final class LoopbackRelay {
  let address: Address
  private let thread: OperatingThread

  init(to room: Address) throws(Visitor.Failure) {
    do {
      let listener = try Listener(
        on: try Address.resolve("127.0.0.1", port: 0, listening: true)[0])
      address = listener.address
      let context = try TLSContext(
        serving: Certificate.selfSigned(
          keyType: .ecdsaP256, names: ["localhost"], days: 1,
          now: Clock.unixMilliseconds() / 1_000))
      thread = try OperatingThread(name: "relay") { Self.relay(listener, context, room) }
    } catch {
      throw Visitor.Failure.unexpected("nobody can stand in the middle: \(error)")
    }
  }

  deinit { thread.join() }

  private static let patience: UInt64 = 5_000_000_000

  /// Serves one client to its end. What goes wrong ends it: then nobody was let in either.
  private static func relay(_ listener: Listener, _ context: TLSContext, _ room: Address) {
    do {
      guard try wait(for: .reading, on: listener.number, timeout: patience) else { return }
      guard case .connection(let client, _) = try listener.accept() else { return }
      let host = try StreamSocket(connectingTo: room)
      guard try wait(for: .writing, on: host.number, timeout: patience) else { return }
      var near = try TLSConnection(accepting: context, descriptor: client.number)
      var far = try TLSConnection(
        connecting: TLSContext(trusting: .anything), descriptor: host.number, host: "localhost")
      try shakeHands(&near, client.number)
      try shakeHands(&far, host.number)
      let end = Clock.monotonic() + patience
      while Clock.monotonic() < end {
        guard try pass(from: &near, to: &far), try pass(from: &far, to: &near) else { return }
        Clock.pause(1_000_000)
      }
    } catch {
      // A relay that is found out is cut off: what that means is for the two ends to say.
    }
  }

  private static func shakeHands(_ connection: inout TLSConnection, _ number: Int32) throws {
    while true {
      let readiness: Readiness
      switch try connection.handshake() {
      case .done: return
      case .wantRead: readiness = .reading
      case .wantWrite: readiness = .writing
      }
      _ = try wait(for: readiness, on: number, timeout: patience)
    }
  }

  /// Passes on what is there; false at the end of the stream.
  private static func pass(from source: inout TLSConnection, to target: inout TLSConnection) throws
    -> Bool
  {
    var buffer = [UInt8](repeating: 0, count: TLSConnection.largestRecord)
    var span = buffer.mutableSpan
    // Any bytes make `UInt8`s.
    var raw = unsafe span.mutableBytes
    switch try source.read(into: &raw) {
    case .wouldBlock: return true
    case .endOfStream: return false
    case .bytes(let count):
      let bytes = Array(buffer[..<count])
      // A few hundred bytes into an empty socket: they go at once.
      return unsafe try target.write(bytes.span.bytes) == .bytes(count)
    }
  }
}
