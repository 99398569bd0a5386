import ChatClient
import ChatCore
import OpenSSL
import Sockets

/// What rooms on this machine must do, each opened for the purpose.
enum RoomChecks {
  static let all: [SelftestCheck] = [
    .visiting("two members talk in clear text") { () throws(Visitor.Failure) in try talk(.clear) },
    .visiting("two members talk over TLS") { () throws(Visitor.Failure) in try talk(.tls) },
    .visiting("two members talk in a secure room") { () throws(Visitor.Failure) in
      try talk(.secure(admitsVersionOne: false))
    },
    .visiting("a secure room takes a version 1 member with --compat") {
      () throws(Visitor.Failure) in try talkWithVersionOne()
    },
    .visiting("200 members hear each other") { () throws(Visitor.Failure) in try crowd(200) },
    .visiting("a wrong password is refused") { () throws(Visitor.Failure) in
      try wrongPassword("correct horse battery stable")
    },
    .visiting("somebody in the middle is refused") { () throws(Visitor.Failure) in
      try middle(isThere: true)
    },
    .visiting("a reader that stops harms nobody") { () throws(Visitor.Failure) in
      try stoppedReader()
    },
    .visiting("a lost connection is taken up where it was") { () throws(Visitor.Failure) in
      try resume(history: Limits.history)
    },
  ]

  private static func talk(_ mode: LoopbackRoom.Mode) throws(Visitor.Failure) {
    try LoopbackRoom.open(mode) { room throws(Visitor.Failure) in
      var keys: RoomPassword?
      if case .secure = mode { keys = try room.keys() }
      var alice = try room.visitor("alice", keys)
      var bob = try room.visitor("bob", keys)
      // What JSON escapes, and what UTF-8 needs four bytes for.
      try alice.say("hello, \"bob\" \\ 👋")
      try bob.hear("hello, \"bob\" \\ 👋")
      try bob.say("hello")
      try alice.hear("hello")
      try alice.settle()
      try bob.settle()
    }
  }

  private static func talkWithVersionOne() throws(Visitor.Failure) {
    try LoopbackRoom.open(.secure(admitsVersionOne: true)) { room throws(Visitor.Failure) in
      var alice = try room.visitor("alice", try room.keys())
      var old = try room.arrival("old")
      let line = "{\"type\":\"auth\",\"password\":\"\(LoopbackRoom.password)\",\"name\":\"old\"}\n"
      try old.send(Array(line.utf8))
      _ = try old.nextLine(beginning: "{\"type\":\"auth_result\",\"ok\":true")
      try alice.say("hello")
      let packet = try old.nextLine(beginning: "{\"type\":\"chat\"")
      let answer: [UInt8]
      do {
        guard case .chat(let chat) = try HostPacket(packet.span),
          case .payload(let text) = chat.body,
          let sealed = Base64.decode(text.utf8Span.span)
        else { throw Visitor.Failure.unexpected("what came is no sealed message") }
        var cipher = try CipherOne(password: LoopbackRoom.secret(LoopbackRoom.password))
        guard try cipher.open(sealed.span) == Array("hello".utf8) else {
          throw Visitor.Failure.unexpected("another message came")
        }
        answer = Base64.encode(try cipher.seal(Array("hello yourself".utf8).span))
      } catch let failure as Visitor.Failure {
        throw failure
      } catch {
        throw .unexpected("\(error)")
      }
      let said =
        "{\"type\":\"chat\",\"encrypted\":true,\"payload\":\""
        + String(decoding: answer, as: UTF8.self) + "\"}\n"
      try old.send(Array(said.utf8))
      try alice.hear("hello yourself")
    }
  }

  private static func crowd(_ count: Int) throws(Visitor.Failure) {
    // Told before: a room that cannot accept one more lets it wait.
    let allowed = Machine.raiseDescriptorLimit()
    let needed = LoopbackRoom.descriptors(for: count)
    guard allowed >= needed else {
      throw .unexpected("too many open files: \(needed) are needed, \(allowed) allowed")
    }
    try LoopbackRoom.open(.clear, threads: 2) { room throws(Visitor.Failure) in
      let crowd = Crowd()
      for number in 1...count { crowd.append(try room.visitor("member \(number)")) }
      for speaker in [0, count - 1] {
        let text = "hello, all, from member \(speaker + 1)"
        try crowd.with(speaker) { visitor throws(Visitor.Failure) in try visitor.say(text) }
        for index in 0..<count {
          try crowd.with(index) { visitor throws(Visitor.Failure) in _ = try visitor.hear(text) }
        }
      }
    }
  }

  static func wrongPassword(_ password: String) throws(Visitor.Failure) {
    try LoopbackRoom.open(.secure(admitsVersionOne: false)) { room throws(Visitor.Failure) in
      try expectRefusal(room, try room.keys(password), by: nil)
      // The room goes on.
      _ = try room.visitor("alice", try room.keys())
    }
  }

  /// - Parameter isThere: else the client comes straight to the room.
  static func middle(isThere: Bool) throws(Visitor.Failure) {
    try LoopbackRoom.open(.secure(admitsVersionOne: false)) { room throws(Visitor.Failure) in
      let keys = try room.keys()
      let relay = isThere ? try LoopbackRelay(to: room.address) : nil
      try expectRefusal(room, keys, by: relay?.address)
    }
  }

  private static func expectRefusal(
    _ room: LoopbackRoom, _ keys: RoomPassword, by relay: Address?
  ) throws(Visitor.Failure) {
    do throws(Visitor.Failure) {
      _ = try room.visitor("mallory", keys, by: relay)
    } catch {
      if error == .unproven { return }
      throw error
    }
    throw .unexpected("it was let in")
  }

  private static func stoppedReader() throws(Visitor.Failure) {
    try LoopbackRoom.open(.clear, maxLag: 65_536) { room throws(Visitor.Failure) in
      // It joins and reads nothing any more.
      var stopped = try room.visitor("stopped")
      var alice = try room.visitor("alice")
      var bob = try room.visitor("bob")
      // 8 MB, more than all buffers between the host and a reader hold.
      let text = String(repeating: "x", count: 4_000)
      for number in 1...2_000 {
        try alice.say("\(number) \(text)")
        if number % 16 == 0 {
          try bob.hear("\(number) \(text)")
          try alice.settle()
        }
      }
      stopped.drop()
    }
  }

  /// - Parameter history: past packets that the room keeps.
  static func resume(history: Int) throws(Visitor.Failure) {
    try LoopbackRoom.open(.clear, history: history) { room throws(Visitor.Failure) in
      var alice = try room.visitor("alice")
      var bob = try room.visitor("bob")
      try bob.say("before")
      try alice.hear("before")
      alice.drop()
      let missed = ["one", "two", "three"]
      for text in missed { try bob.say(text) }
      try bob.settle()
      let how = try alice.comeAgain()
      guard how == .missed(messages: missed.count, isAll: true) else {
        throw .unexpected(
          "\(missed.count) messages were said meanwhile, and it did not get them all")
      }
      for text in missed { try alice.hear(text) }
      try bob.say("after")
      try alice.hear("after")
    }
  }
}

/// Visitors by number: an array cannot hold them.
private final class Crowd {
  private final class Place {
    var visitor: Visitor
    init(_ visitor: consuming Visitor) { self.visitor = visitor }
  }
  private var places: [Place] = []

  func append(_ visitor: consuming Visitor) { places.append(Place(visitor)) }

  func with(_ index: Int, _ body: (inout Visitor) throws(Visitor.Failure) -> Void)
    throws(Visitor.Failure)
  {
    try body(&places[index].visitor)
  }
}
