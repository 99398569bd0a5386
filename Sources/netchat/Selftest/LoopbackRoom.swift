import ChatClient
import ChatCore
import ChatHost
import OpenSSL
import Sockets

/// A real room on this machine, for selftest: a host's workers on a free port of 127.0.0.1.
final class LoopbackRoom {
  enum Mode: Sendable, Equatable {
    case clear
    case tls
    case secure(admitsVersionOne: Bool)
  }

  /// Of the room, where it is secure.
  static let password = "correct horse battery staple"

  /// Standard input and output, the room's pollers and wake-ups, with some to spare.
  private static let otherDescriptors = 100

  /// Descriptors that a room takes in this process: both ends of each connection, and its own.
  static func descriptors(for members: Int) -> Int { 2 * members + otherDescriptors }

  /// Members of a room for which so many descriptors are enough.
  static func members(within descriptors: Int) -> Int { (descriptors - otherDescriptors) / 2 }

  let address: Address
  private let host: Host
  /// Those that serve it.
  let threads: [OperatingThread]
  private let mode: Mode
  private let id: [UInt8]
  private let salt: [UInt8]

  /// Opens a room for as long as `visit` lasts. Whoever it lets come in has gone before the room
  /// closes, which would wait for them.
  /// - Parameters:
  ///   - history: past packets that it keeps.
  ///   - maxLag: bytes that a member may be behind.
  ///   - threads: workers.
  static func open<Result>(
    _ mode: Mode, history: Int = Limits.history, maxLag: Int = Limits.lag, threads: Int = 1,
    _ visit: (LoopbackRoom) throws(Visitor.Failure) -> Result
  ) throws(Visitor.Failure) -> Result {
    let room = try LoopbackRoom(mode, history: history, maxLag: maxLag, threads: threads)
    defer { room.close() }
    return try visit(room)
  }

  private init(_ mode: Mode, history: Int, maxLag: Int, threads: Int) throws(Visitor.Failure) {
    self.mode = mode
    id = Machine.randomBytes(16)
    salt = Machine.randomBytes(16)
    do {
      var key = Machine.randomBytes(32)
      let secret = Secret(wiping: &key)
      var room = Room.Settings(
        id: Hexadecimal.encode(id),
        tokenKey: TokenKey { try? Digest.hmacSHA256(key: secret, $0.span) })
      room.history = history
      room.sid = SenderID(random: Machine.randomBytes(16))
      if case .secure(let admitsVersionOne) = mode {
        room.keys = try RoomSecrets(
          password: Self.secret(Self.password), salt: salt, room: id,
          admitsVersionOne: admitsVersionOne)
      }
      var configuration = Host.Configuration(room: room)
      configuration.rate = 0
      configuration.maxLag = maxLag
      configuration.threads = threads
      if mode != .clear {
        configuration.tls = try TLSContext(
          serving: Certificate.selfSigned(
            keyType: .ecdsaP256, names: ["localhost"], days: 1,
            now: Clock.unixMilliseconds() / 1_000))
      }
      let loopback = try Address.resolve("127.0.0.1", port: 0, listening: true)[0]
      let listener = try Listener(on: loopback)
      address = listener.address
      host = try Host(configuration)
      self.threads = try host.start(on: [listener])
    } catch {
      throw Visitor.Failure.unexpected("no room can be opened: \(error)")
    }
  }

  private func close() {
    host.close()
    for thread in threads { thread.join() }
  }

  static func secret(_ text: String) -> Secret { Secret(copying: Array(text.utf8).span) }

  /// What a client makes of a password for this room.
  func keys(_ password: String = LoopbackRoom.password) throws(Visitor.Failure) -> RoomPassword {
    do throws(OpenSSLError) {
      return try RoomPassword(
        password: Self.secret(password), salt: salt, room: Hexadecimal.encode(id), roomBytes: id)
    } catch {
      throw .unexpected("no keys can be made: \(error)")
    }
  }

  /// Somebody who comes into the room as it asks for.
  /// - Parameter relay: the address to come by, if not the room's own.
  func visitor(_ name: String, _ keys: RoomPassword? = nil, by relay: Address? = nil)
    throws(Visitor.Failure) -> Visitor
  {
    var visitor = try arrival(name, by: relay)
    _ = try visitor.join(keys)
    return visitor
  }

  /// Somebody who has a connection, and nothing more.
  func arrival(_ name: String, by relay: Address? = nil) throws(Visitor.Failure) -> Visitor {
    let context: TLSContext
    do throws(OpenSSLError) {
      context = try TLSContext(trusting: .anything)
    } catch {
      throw .unexpected("\(error)")
    }
    let connector = Connector(
      host: "localhost", mode == .clear ? .find : .encrypted, context, timeout: Self.patience)
    return try Visitor(name, connector, to: [relay ?? address], patience: Self.patience)
  }

  /// Nanoseconds for each step, on however busy a machine.
  private static let patience: UInt64 = 20_000_000_000
}
