import ChatClient
import ChatCore
import Foundation
import Glibc
import OpenSSL
import Sockets
import Testing

/// Keeps all that a client shows.
private final class Recorder: Front {
  var chats: [String] = []
  var notes: [Note] = []

  func joined(as name: String, isSecure: Bool, at address: Address) {}
  func show(_ packet: HostPacket, line: [UInt8]) {
    guard case .chat(let chat) = packet, case .text(let text) = chat.body else { return }
    chats.append("\(chat.from): \(text)")
  }
  func tell(_ note: Note) { notes.append(note) }
  func said(_ text: String, to recipient: String?, id: Int64) {}
  func settled(id: Int64) {}
  var waitingOutput: Int32? { nil }
  var isFull: Bool { false }
  func flush() throws(SystemError) {}
}

/// A client of this process, on a thread of its own, that tries again much sooner than people's do.
final class Talker: @unchecked Sendable {
  /// All under the lock.
  private let lock = NSLock()
  private var chats: [String] = []
  private var notes: [Note] = []
  private var ending: Client.Ending?
  private var isTold = false

  /// - Parameters:
  ///   - count: how many messages it says, some milliseconds apart.
  ///   - silence: after how many milliseconds the host is pinged; given up after three times that.
  init(
    _ name: String, at port: UInt16, saying count: Int, password: String? = nil,
    silence: UInt64 = 30_000
  ) {
    let thread = Thread { [self] in
      do {
        try run(name, port, count, password, silence)
      } catch {
        Issue.record("\(name): \(error)")
      }
    }
    thread.stackSize = 4 << 20
    thread.start()
  }

  private func run(
    _ name: String, _ port: UInt16, _ count: Int, _ password: String?, _ silence: UInt64
  ) throws {
    let draw: @Sendable () -> SenderID? = { SenderID(random: Machine.randomBytes(16)) }
    var session = ClientSession.Settings(
      name: name, loginName: name, sid: draw()!, nextSenderID: draw)
    session.decidesAlways = true
    session.silenceBeforePing = silence * 1_000_000
    session.silenceBeforeEnd = 3 * silence * 1_000_000
    var settings = Client.Settings(session)
    var reconnection = Reconnection.Settings()
    reconnection.firstWait = 5_000_000
    reconnection.longestWait = 100_000_000
    settings.reconnection = reconnection
    let context = try TLSContext(trusting: .anything, required: false, minimum: .tls13)
    let connector = Connector(
      host: "127.0.0.1", password == nil ? .find : .encrypted, context, timeout: 5_000_000_000)
    let addresses = try Address.resolve("127.0.0.1", port: port)
    var keys: RoomPassword?
    let recorder = Recorder()
    var client = Client(
      settings, connector, to: addresses, front: recorder,
      decide: { hello, link in
        guard let password, let exporter = link.exporter() else { return .proceed(.none) }
        if keys == nil {
          var bytes = Array(password.utf8)
          let salt = Base64.decode((hello.salt ?? "").utf8Span.span) ?? []
          let room = hello.room ?? ""
          keys = try? RoomPassword(
            password: Secret(wiping: &bytes), salt: salt, room: room,
            roomBytes: Hexadecimal.decode(room) ?? [])
        }
        guard let keys else { return .end(.interrupted) }
        return .proceed(.keys(keys, exporter: exporter))
      }, admitted: { _ in })
    let signals = try Signals(taking: [])
    var said = 0
    while true {
      if client.hasRoom, said < count {
        said += 1
        try client.say("\(said)")
      }
      let turn = client.turn(signals, reading: nil, until: Clock.monotonic() + 3_000_000)
      var last: Client.Ending?
      if case .ended(let ending) = turn { last = ending }
      lock.withLock {
        chats = recorder.chats
        notes = recorder.notes
        if isTold { last = last ?? client.leave() }
        ending = last
      }
      if last != nil { return }
    }
  }

  var shown: [String] { lock.withLock { chats } }
  var told: [Note] { lock.withLock { notes } }

  /// Waits until what it has shown or told fits.
  func wait(
    for wanted: String, within time: Duration = .seconds(60),
    until fits: ([String], [Note]) -> Bool
  ) throws {
    let deadline = ContinuousClock.now + time
    while true {
      let (chats, notes) = (shown, told)
      let ending = lock.withLock { self.ending }
      if fits(chats, notes) { return }
      guard ending == nil, ContinuousClock.now < deadline else {
        throw Missed(
          description: "no \(wanted): \(chats.count) shown, told \(notes.suffix(5)), ended "
            + "\(String(describing: ending))")
      }
      usleep(5_000)
    }
  }

  /// Lets it leave the room.
  func leave() throws -> Client.Ending {
    lock.withLock { isTold = true }
    let deadline = ContinuousClock.now + patience
    while ContinuousClock.now < deadline {
      if let ending = lock.withLock({ self.ending }) { return ending }
      usleep(2_000)
    }
    throw Missed(description: "a client that does not leave")
  }
}

extension Talker {
  /// Waits until two talkers have said all of their `count` words, and holds what they heard against
  /// each other.
  static func expectAllHeard(_ talkers: [Talker], _ names: [String], count: Int) throws {
    // Whoever joined first hears all; the last word of each is the end.
    for talker in talkers {
      try talker.wait(for: "last words", within: .seconds(120) * Sanitizer.slowness) { chats, _ in
        names.allSatisfy { chats.contains("\($0): \(count)") }
      }
    }
    let shown = talkers.map(\.shown)
    for (name, own) in zip(names, shown) {
      // Each hears all of its own, in order and once.
      #expect(own.filter { $0.hasPrefix(name + ":") } == (1...count).map { "\(name): \($0)" })
    }
    // What the one that came later heard is the end of what the other heard.
    let (long, short) =
      shown[0].count >= shown[1].count ? (shown[0], shown[1]) : (shown[1], shown[0])
    #expect(Array(long.suffix(short.count)) == short)
    #expect(long.count == 2 * count)
  }
}
