import Testing

@testable import ChatCore

/// A client's session that loses its connection and comes again, in memory.
final class Wanderer {
  private(set) var session: ClientSession
  private(set) var host: TestRoom
  private(set) var peer: Peer?
  private let isSecure: Bool
  private var read = 0
  /// Bytes that still pass, in both directions together, before the connection is cut.
  var budget = Int.max
  private(set) var passed = 0
  private(set) var events: [ClientSession.Event] = []

  init(
    _ name: String?, in host: TestRoom, history: Int = 0, isSecure: Bool = false
  ) {
    self.host = host
    self.isSecure = isSecure
    let next = Counter()
    let place = host.peers.count
    var settings = ClientSession.Settings(
      name: name, loginName: "login", sid: SenderID(text: "the-sid-of-number-\(place)")!,
      nextSenderID: { SenderID(text: "sid-\(next.next())-of-number-\(place)") })
    settings.history = history
    session = ClientSession(settings, at: host.moment)
  }

  /// Counts calls; its user calls from one thread.
  private final class Counter: @unchecked Sendable {
    private var count = 0
    func next() -> Int {
      count += 1
      return count
    }
  }

  var isConnected: Bool { peer != nil }

  func connect(to other: TestRoom? = nil) {
    host = other ?? host
    peer = host.connect()
    read = 0
    session.connected(at: host.moment)
  }

  /// Loses the connection; the host notices only if told to.
  func cut(hostNotices: Bool = true) {
    guard let peer else { return }
    self.peer = nil
    if hostNotices { peer.drop() }
    take(session.disconnected())
  }

  /// Hands on what each side has for the other, until nothing moves or the connection is cut.
  func pump() {
    while let peer {
      host.settle()
      let some = min(peer.received.count - read, budget)
      let bytes = Array(peer.received[read..<read + some])
      read += some
      pass(some)
      if !bytes.isEmpty { take(session.receive(bytes.span, at: host.moment)) }
      if budget == 0 { return cut() }
      let output = Array(session.output.prefix(budget))
      if output.isEmpty {
        take(session.fill())
        if session.output.isEmpty { return }
        continue
      }
      session.sent(output.count)
      pass(output.count)
      if !peer.isOver { peer.receive(output) }
      if budget == 0 { return cut() }
    }
  }

  private func pass(_ count: Int) {
    passed += count
    if budget < .max { budget -= count }
  }

  private func take(_ new: [ClientSession.Event]) {
    for event in new {
      events.append(event)
      guard case .greeted = event, let peer else { continue }
      let slot = host.peers.firstIndex { $0 === peer } ?? 0
      take(
        session.proceed(.keys(FakeClientKeys(), exporter: TestRoom.exporter(slot))))
    }
  }

  @discardableResult
  func say(_ text: String, to recipient: String? = nil) -> Int64? {
    let id = try? session.say(text, to: recipient)
    pump()
    return id
  }

  func rename(to name: String) throws {
    try session.rename(to: name)
    pump()
  }

  /// What it has shown since the last call, each thing in a few words.
  func take() -> [String] {
    defer { events = [] }
    return events.compactMap { event in
      switch event {
      case .packet(.chat(let chat), _):
        guard case .text(let text) = chat.body else { return nil }
        return "\(chat.from): \(text)"
      case .packet(.system(let system), _): return system.event.map { "\($0) \(system.name ?? "")" }
      case .packet(.authResult, _), .packet(.hello, _), .packet(.count, _), .greeted: return nil
      case .packet(let packet, _): return Transcript.line(for: packet)
      case .settled: return nil
      case .reconnected(.missed(let messages, let isAll)):
        return "missed \(messages)" + (isAll ? "" : " and more")
      case .reconnected(let how): return "\(how)"
      case .admitted(let name): return "admitted \(name)"
      case .renamed(let name): return "renamed \(name)"
      case .unknown(let text): return "unknown \(text)"
      case .undelivered(let text, let reason): return "undelivered \(text): \(reason)"
      case .refused(let reason): return "refused \(reason)"
      case .bye(let code, _): return "bye \(code)"
      case .silence: return "silence"
      case .unproven: return "unproven"
      case .needsTLS, .notAHost: return "\(event)"
      }
    }
  }

  /// The messages alone.
  func takeChats() -> [String] { take().filter { $0.contains(": ") } }
}
