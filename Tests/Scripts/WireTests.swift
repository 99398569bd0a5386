import ChatClient
import Foundation
import Glibc
import Testing

/// Secure rooms whose packets are altered on their way, against the real programs (PROTOCOL.md,
/// sections 4 and 6). That no bit at all may be changed is tested where all of them can be tried.
@Suite("the wire", .serialized)
struct WireTests {
  /// Changes one bit, counted from the first byte's lowest.
  private static func flip(_ bit: Int) -> ([UInt8]) -> [UInt8] {
    { bytes in
      var changed = bytes
      changed[bit / 8] ^= 1 << UInt8(bit % 8)
      return changed
    }
  }

  @Test("a share or a confirmation that is wrong by one bit lets nobody in")
  func guestBits() throws {
    try Scene.play { scene in
      let room = try scene.secureHost()
      let first = try SecureGuest(room.port, password: "open sesame")
      #expect(try first.join("alice")["ok"] == "true", "unchanged it does")
      for bit in [0, 8, 300, 519] {
        let guest = try SecureGuest(room.port, password: "", keys: first.keys)
        let answer = try guest.join("mallory", share: Self.flip(bit))
        #expect(answer["reason"] == "Wrong password.", "bit \(bit) of the share: \(answer)")
        #expect(try guest.lines.next() == nil)
      }
      for bit in [0, 100, 255] {
        let guest = try SecureGuest(room.port, password: "", keys: first.keys)
        let answer = try guest.join("mallory", confirmation: Self.flip(bit))
        #expect(answer["reason"] == "Wrong password.", "bit \(bit) of the confirmation")
        #expect(try guest.lines.next() == nil)
      }
      #expect(try room.screen.all(for: .milliseconds(50)).allSatisfy { !$0.contains("mallory") })
    }
  }

  @Test("a host that does not prove itself to the last bit is left, once and for all")
  func hostBits() throws {
    try Scene.play { scene in
      let host = try SecureStandIn(password: "open sesame")
      let cases: [(TLSLines, String) throws -> Void] = [
        { _ = try host.challenge($0, $1, share: Self.flip(9)) },
        { _ = try host.challenge($0, $1, share: Self.flip(519)) },
        { _ = try host.challenge($0, $1, confirmation: Self.flip(0)) },
        { _ = try host.challenge($0, $1, confirmation: Self.flip(255)) },
        { lines, _ in
          try lines.send(
            "{\"type\":\"auth_result\",\"ok\":true,\"client_name\":\"alice\",\"id\":0,\"total\":1}")
        },
      ]
      for (number, answer) in cases.enumerated() {
        let clint = try scene.clint(host.port, password: "open sesame", "--name", "alice")
        try clint.type("a secret")
        let (lines, auth) = try host.accept()
        try answer(lines, auth)
        #expect(try lines.next() == nil, "case \(number): it says nothing more")
        #expect(try clint.wait() == 1)
        #expect(try clint.errors.next() == SecureTests.failed)
        #expect(try clint.output.rest() == [])
      }
    }
  }

  @Test("a host that is another room each time it is asked is given up")
  func changingHost() throws {
    try Scene.play { scene in
      let host = try SecureStandIn(password: "open sesame")
      let clint = try scene.clint(host.port, password: "open sesame")
      for room in 1...4 {
        let digits = String(repeating: "\(room)", count: host.room.count)
        let (_, auth) = try host.greet(host.hello.replacing(host.room, with: digits))
        #expect(auth == nil)
      }
      #expect(try clint.wait() == 1)
      #expect(
        try clint.errors.rest().contains(
          "netchat: the host changes its room each time it is asked"))
    }
  }

  @Test("what is sealed and was altered, replayed or said by another goes no further than the host")
  func sealedAtHost() throws {
    try Scene.play { scene in
      let room = try scene.secureHost()
      let alice = try SecureGuest(room.port, password: "open sesame")
      #expect(try alice.join("alice")["ok"] == "true")
      let reader = try SecureGuest(room.port, password: "", keys: alice.keys)
      #expect(try reader.join("bob")["ok"] == "true")

      let sealed = try alice.seal("one", as: "alice", n: 1)
      // Nonce, text and tag.
      for bit in [0, 191, 192, 24 * 8 + 20, sealed.count * 8 - 1] {
        try alice.say(Self.flip(bit)(sealed), n: 1)
        let error = try alice.lines.packet("error")
        #expect(error["code"] == "decrypt_failed", "bit \(bit)")
        #expect(error["n"] == "1")
      }
      try alice.say(Array(sealed.dropLast()), n: 1)
      #expect(try alice.lines.packet("error")["code"] == "decrypt_failed")
      // Sealed for another number, and as another.
      try alice.say(sealed, n: 2)
      #expect(try alice.lines.packet("error")["code"] == "decrypt_failed")
      try alice.say(alice.seal("two", as: "bob", n: 2), n: 2)
      #expect(try alice.lines.packet("error")["code"] == "decrypt_failed")
      for clear in [
        "{\"type\":\"chat\",\"encrypted\":false,\"text\":\"clear\"}",
        "{\"type\":\"chat\",\"text\":\"clear\",\"sid\":\"\(SecureGuest.sid)\",\"n\":2}",
        "{\"type\":\"chat\",\"encrypted\":true,\"payload\":\"AAAA\"}",
      ] {
        try alice.lines.send(clear)
        #expect(try alice.lines.packet("error")["code"] == "invalid_packet", "\(clear)")
      }
      // As it was said it is relayed, once.
      try alice.say(sealed, n: 1)
      #expect(try alice.lines.packet("chat")["n"] == "1")
      try alice.say(sealed, n: 1)
      #expect(try alice.lines.packet("ack")["n"] == "1")
      try alice.say(alice.seal("last", as: "alice", n: 2), n: 2)
      #expect(try reader.lines.packet("chat")["payload"] == Data(sealed).base64EncodedString())
      #expect(try reader.lines.packet("chat")["n"] == "2", "nothing came between")
      // Somebody else's copy of it is not that somebody's.
      try reader.say(sealed, n: 1)
      #expect(try reader.lines.packet("error")["n"] == "1")
      try room.screen.expect("alice: one")
      try room.screen.expect("alice: last")
    }
  }

  @Test("a client shows what was altered as such, a replay once, and clear text not at all")
  func sealedAtClient() throws {
    try Scene.play { scene in
      let host = try SecureStandIn(password: "open sesame")
      let clint = try scene.clint(host.port, password: "open sesame", "--name", "alice")
      let lines = try host.admit("alice")
      try clint.output.expect("Authenticated as alice")
      let packets = [
        try host.chat("first", from: "bob", n: 1, id: 1),
        try host.chat("altered", from: "bob", n: 2, id: 2, change: Self.flip(200)),
        // The same again, with an id of its own.
        try host.chat("first", from: "bob", n: 1, id: 3),
        try host.chat("second", from: "bob", n: 2, id: 4),
        // Said by bob, and relayed as if carol had.
        try host.chat("third", from: "bob", n: 3, id: 5)
          .replacing("\"from\":\"bob\"", with: "\"from\":\"carol\""),
        "{\"type\":\"chat\",\"encrypted\":false,\"from\":\"bob\",\"text\":\"in clear\",\"id\":6,"
          + "\"time\":1}",
        try host.chat("last", from: "bob", n: 4, id: 7),
      ]
      for packet in packets { try lines.send(packet) }
      try clint.output.expect(prefix: "Connected to ")
      #expect(
        try clint.output.expect("bob: last").filter { $0.contains(": ") && !$0.hasPrefix("+") }
          == [
            "bob: first", "bob: [a message that does not open]", "bob: second",
            "carol: [a message that does not open]",
          ])
    }
  }
}
