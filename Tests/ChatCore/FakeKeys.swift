@testable import ChatCore

/// No cryptography, but as picky: what it makes depends on each byte that goes in.
enum Fake {
  static func code(_ parts: [UInt8]..., count: Int) -> [UInt8] {
    // The lengths keep one part's end from being the next one's beginning.
    let seed = parts.reduce(14_695_981_039_346_656_037 as UInt64) { seed, part in
      ([UInt8(truncatingIfNeeded: part.count)] + part).reduce(seed) {
        ($0 ^ UInt64($1)) &* 1_099_511_628_211
      }
    }
    var random = Seeded(seed)
    return (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
  }

  /// The text XORed with what the key and the data make, and a code of it all.
  static func seal(_ key: [UInt8], _ text: [UInt8], _ data: [UInt8]) -> [UInt8] {
    let stream = code(key, data, count: text.count)
    return zip(text, stream).map { $0 ^ $1 } + code(key, data, text, count: 16)
  }

  static func open(_ key: [UInt8], _ sealed: [UInt8], _ data: [UInt8]) -> [UInt8]? {
    guard sealed.count >= 16 else { return nil }
    let stream = code(key, data, count: sealed.count - 16)
    let text = zip(sealed.dropLast(16), stream).map { $0 ^ $1 }
    return code(key, data, text, count: 16) == Array(sealed.suffix(16)) ? text : nil
  }

  /// What both sides show each other, each in its own direction.
  static func confirmation(_ side: String, _ password: String, _ all: [[UInt8]]) -> [UInt8] {
    code(Array(side.utf8), Array(password.utf8), all.flatMap { $0 + [0] }, count: 32)
  }

  static let hostShare: [UInt8] = [4] + Array(repeating: 0x56, count: 64)
  static let clientShare: [UInt8] = [4] + Array(repeating: 0x50, count: 64)
  static let salt: [UInt8] = Array(0..<16)
}

/// A host's keys.
struct FakeRoomKeys: RoomKeys {
  var password = "sesame"
  var salt: [UInt8] { Fake.salt }
  var versionOne: (any VersionOneKeys)?

  private struct Challenge: AdmissionChallenge {
    let share: [UInt8]
    let confirmation: [UInt8]
    let expected: [UInt8]
    func accepts(_ confirmation: [UInt8]) -> Bool { confirmation == expected }
  }

  func challenge(share: [UInt8], exporter: [UInt8], hello: [UInt8], auth: [UInt8])
    -> (any AdmissionChallenge)?
  {
    guard share.count == 65, share[0] == 4 else { return nil }
    let all = [share, Fake.hostShare, exporter, hello, auth]
    return Challenge(
      share: Fake.hostShare, confirmation: Fake.confirmation("host", password, all),
      expected: Fake.confirmation("clint", password, all))
  }

  func open(_ sealed: [UInt8], additionalData: [UInt8]) -> [UInt8]? {
    Fake.open(Array(password.utf8), sealed, additionalData)
  }

  func seal(_ text: [UInt8], additionalData: [UInt8]) -> [UInt8]? {
    Fake.seal(Array(password.utf8), text, additionalData)
  }
}

/// A client's keys.
struct FakeClientKeys: ClientKeys {
  var password = "sesame"
  var salt: [UInt8] { Fake.salt }
  var room: String { TestRoom.id }

  private struct Proof: PasswordProof {
    let password: String
    var share: [UInt8] { Fake.clientShare }

    func confirm(
      share other: [UInt8], confirmation: [UInt8], exporter: [UInt8], hello: [UInt8],
      auth: [UInt8]
    ) -> [UInt8]? {
      let all = [share, other, exporter, hello, auth]
      guard confirmation == Fake.confirmation("host", password, all) else { return nil }
      return Fake.confirmation("clint", password, all)
    }
  }

  func begin() -> (any PasswordProof)? { Proof(password: password) }

  func open(_ sealed: [UInt8], additionalData: [UInt8]) -> [UInt8]? {
    Fake.open(Array(password.utf8), sealed, additionalData)
  }

  func seal(_ text: [UInt8], additionalData: [UInt8]) -> [UInt8]? {
    Fake.seal(Array(password.utf8), text, additionalData)
  }
}

/// Version 1's keys, of either side.
struct FakeVersionOneKeys: VersionOneKeys, VersionOneClientKeys {
  var text = "sesame"
  var password: [UInt8] { Array(text.utf8) }
  func isPassword(_ password: [UInt8]) -> Bool { password == self.password }
  func open(_ sealed: [UInt8]) -> [UInt8]? { Fake.open(password, sealed, [1]) }
  func seal(_ text: [UInt8]) -> [UInt8]? { Fake.seal(password, text, [1]) }
}

/// A client's session that converses with a room in memory.
final class SecureClient {
  var session: ClientSession
  let peer: Peer
  private let host: TestRoom
  private let secrets: ClientSession.Secrets
  private var read = 0
  private(set) var events: [ClientSession.Event] = []

  init(
    _ name: String?, in host: TestRoom, sid: String, password: String = "sesame",
    source: [UInt8] = []
  ) {
    self.host = host
    secrets = .keys(
      FakeClientKeys(password: password), exporter: TestRoom.exporter(host.peers.count))
    peer = host.connect(source: source)
    session = ClientSession(
      ClientSession.Settings(name: name, loginName: "login", sid: SenderID(text: sid)!),
      at: host.moment)
    pump()
  }

  /// Hands on what each side has for the other, until nothing moves.
  func pump() {
    while true {
      host.settle()
      let bytes = Array(peer.received[read...])
      read = peer.received.count
      if !bytes.isEmpty { take(session.receive(bytes.span, at: host.moment)) }
      let output = session.output
      guard !output.isEmpty else { return }
      session.sent(output.count)
      guard !peer.isOver else { return }
      peer.receive(output)
    }
  }

  private func take(_ new: [ClientSession.Event]) {
    for event in new {
      events.append(event)
      if case .greeted = event { take(session.proceed(secrets)) }
    }
  }

  func say(_ text: String) throws {
    try session.say(text)
    pump()
  }

  /// The messages it has shown since the last call, as people see them.
  func shown() -> [String] {
    pump()
    let texts = events.compactMap { event -> String? in
      guard case .packet(.chat(let chat), _) = event, case .text(let text) = chat.body else {
        return nil
      }
      return "\(chat.from): \(text)"
    }
    events = []
    return texts
  }
}
