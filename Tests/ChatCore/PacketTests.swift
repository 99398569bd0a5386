import Testing

@testable import ChatCore

@Suite struct ClientPacketTests {
  static let sid = "\"sid\":\"0123456789abcdef\""

  static let accepted = [
    "{\"type\":\"ping\"}", "{\"type\":\"pong\"}", "{\"type\":\"who\"}", "{\"type\":\"bye\"}",
    "{\"type\":\"nick\",\"name\":\"x\"}", "{\"type\":\"auth\"}",
    "{\"type\":\"auth\",\"version\":2}",
    "{\"type\":\"auth\",\"version\":2,\"name\":\"a\",\"history\":0,\"room\":\"r\""
      + ",\"since\":0,\"token\":\"t\"}",
    "{\"type\":\"auth\",\"name\":\"Alice\"}", "{\"type\":\"auth\",\"password\":\"p\"}",
    "{\"type\":\"auth_confirm\",\"confirm\":\"x\"}", "{\"type\":\"chat\",\"text\":\"\"}",
    "{\"text\":\"key order is free\",\"type\":\"chat\"}",
    "{\"type\":\"ch\\u0061t\",\"t\\u0065xt\":\"x\"}",
    "{\"type\":\"chat\",\"encrypted\":false,\"text\":\"hi\",\(sid),\"n\":7}",
    "{\"type\":\"chat\",\"encrypted\":true,\"payload\":\"AA==\",\(sid),\"n\":1}",
    "{\"type\":\"chat\",\"text\":\"hi\",\"to\":\"bob\"}",
    "{\"type\":\"chat\",\"text\":\"hi\",\"unknown\":{\"text\":[1]},\"more\":null}",
    // Unknown types, with keys that would be wrong elsewhere.
    "{\"type\":\"dance\"}", "{\"type\":\"\"}",
    "{\"type\":\"hello\",\"n\":1.5,\"name\":7,\"text\":[]}",
    "{\"type\":\"Ping\"}", "{\"type\":\"chat2\"}",
    // Keys that mean nothing in this type.
    "{\"type\":\"ping\",\"n\":\"x\",\"text\":1,\"payload\":2}",
  ]

  @Test("accepts the packets there are, and ignores what it does not know", arguments: accepted)
  func accepts(_ line: String) { #expect(clientError(line) == nil) }

  static let refused: [(String, PacketError)] = [
    ("{}", .missing(.type)), ("{\"text\":\"x\"}", .missing(.type)),
    ("{\"type\":null}", .mistyped(.type)), ("{\"type\":1}", .mistyped(.type)),
    ("{\"type\":[\"chat\"]}", .mistyped(.type)), ("{\"type\":{}}", .mistyped(.type)),
    ("[]", .notAnObject), ("\"chat\"", .notAnObject), ("1", .notAnObject), ("null", .notAnObject),
    ("[{\"type\":\"ping\"}]", .notAnObject),
    ("{\"type\":\"chat\"}", .missing(.text)),
    ("{\"type\":\"chat\",\"text\":null}", .mistyped(.text)),
    ("{\"type\":\"chat\",\"text\":7}", .mistyped(.text)),
    ("{\"type\":\"chat\",\"text\":[\"a\"]}", .mistyped(.text)),
    ("{\"type\":\"chat\",\"text\":\"a\",\"encrypted\":0}", .mistyped(.encrypted)),
    ("{\"type\":\"chat\",\"text\":\"a\",\"encrypted\":\"false\"}", .mistyped(.encrypted)),
    ("{\"type\":\"chat\",\"text\":\"a\",\"encrypted\":null}", .mistyped(.encrypted)),
    ("{\"type\":\"chat\",\"text\":\"a\",\"payload\":\"b\"}", .textAndPayload),
    ("{\"type\":\"chat\",\"encrypted\":true,\"text\":\"a\",\"payload\":\"b\"}", .textAndPayload),
    ("{\"type\":\"chat\",\"encrypted\":false,\"text\":\"a\",\"payload\":\"\"}", .textAndPayload),
    ("{\"type\":\"chat\",\"encrypted\":true,\"text\":\"a\"}", .missing(.payload)),
    ("{\"type\":\"chat\",\"encrypted\":true}", .missing(.payload)),
    ("{\"type\":\"chat\",\"payload\":\"a\"}", .missing(.text)),
    ("{\"type\":\"chat\",\"text\":\"a\",\"to\":7}", .mistyped(.to)),
    ("{\"type\":\"chat\",\"text\":\"a\",\"n\":1}", .missing(.sid)),
    ("{\"type\":\"chat\",\"text\":\"a\",\(sid)}", .missing(.n)),
    ("{\"type\":\"chat\",\"text\":\"a\",\"sid\":7,\"n\":1}", .mistyped(.sid)),
    ("{\"type\":\"nick\"}", .missing(.name)), ("{\"type\":\"nick\",\"name\":7}", .mistyped(.name)),
    ("{\"type\":\"nick\",\"name\":null}", .mistyped(.name)),
    ("{\"type\":\"auth\",\"name\":7}", .mistyped(.name)),
    ("{\"type\":\"auth\",\"version\":\"2\"}", .mistyped(.version)),
    ("{\"type\":\"auth\",\"version\":2.0}", .mistyped(.version)),
    ("{\"type\":\"auth\",\"history\":-1}", .mistyped(.history)),
    ("{\"type\":\"auth\",\"history\":1e1}", .mistyped(.history)),
    ("{\"type\":\"auth\",\"since\":\"0\"}", .mistyped(.since)),
    ("{\"type\":\"auth\",\"since\":-1}", .mistyped(.since)),
    ("{\"type\":\"auth\",\"since\":9223372036854775808}", .mistyped(.since)),
    ("{\"type\":\"auth\",\"token\":true}", .mistyped(.token)),
    ("{\"type\":\"auth\",\"room\":1}", .mistyped(.room)),
    ("{\"type\":\"auth_confirm\"}", .missing(.confirm)),
  ]

  @Test("refuses packets whose keys are missing or mistyped", arguments: refused)
  func refuses(_ line: String, _ error: PacketError) { #expect(clientError(line) == error) }

  static func numbered(_ n: String) -> String {
    "{\"type\":\"chat\",\"text\":\"a\",\(sid),\"n\":\(n)}"
  }

  @Test("n is 1 to 2^53 - 1, written without fraction or exponent")
  func numbers() {
    for n in ["1", "7", "9007199254740991"] { #expect(clientError(Self.numbered(n)) == nil) }
    for n in [
      "0", "-0", "-1", "9007199254740992", "9223372036854775808", "18446744073709551617", "1.0",
      "1.5", "1e0", "1E2", "10e-1", "\"1\"", "true", "null", "[1]", "100000000000000000000000000",
      "0.7e1",
    ] { #expect(clientError(Self.numbered(n)) == .mistyped(.n), "\(n)") }
    for n in ["01", "+1", "1.", "0x1"] { #expect(clientError(Self.numbered(n)) != nil, "\(n)") }
  }

  @Test("a sid is 16 to 32 of A-Z a-z 0-9 _ -")
  func senders() {
    func error(_ sid: String) -> PacketError? {
      clientError("{\"type\":\"chat\",\"text\":\"a\",\"n\":1,\"sid\":\"\(sid)\"}")
    }
    for sid in [
      "0123456789abcdef", "ABCDEFGHIJKLMNOPQRSTUVWXYZ_-0189", "----------------",
      "\\u0041BCDEFGHIJKLMNOP",
    ] { #expect(error(sid) == nil, "\(sid)") }
    for sid in [
      "", "0123456789abcde", "0123456789abcdef0123456789abcdef0", "0123456789abcde ",
      "0123456789abcde.", "0123456789abcde+", "0123456789abcdé", "0123456789abcde\\n",
    ] { #expect(error(sid) == .mistyped(.sid), "\(sid)") }
  }

  @Test("a sid is kept byte for byte")
  func senderBytes() {
    for text in ["0123456789abcdef", "abcdefghijklmnopqrstuvwxyz_-ABCD", "Zz09_-Zz09_-Zz09_"] {
      #expect(SenderID(text: text)?.bytes == Array(text.utf8))
    }
    let first = SenderID(text: "0123456789abcdef")
    #expect(first != SenderID(text: "0123456789abcdef0"))
    #expect(
      SenderID(random: (0..<16).map { UInt8($0 * 17) })?.bytes.text
        == "00112233445566778899aabbccddeeff")
    #expect(SenderID(random: [1, 2]) == nil)
  }
}

@Suite struct HostPacketTests {
  @Test("reads every packet of the protocol's examples")
  func examples() {
    let number = MessageNumber(
      sid: SenderID(text: "0123456789abcdef")!, n: 7)
    let cases: [(String, HostPacket)] = [
      (
        "{\"type\":\"hello\",\"secure\":false,\"version\":2"
          + ",\"software\":\"netchat/1.0.0\",\"room\":\"ab\"}",
        .hello(
          .init(
            isSecure: false, version: 2, requiresTLS: false, room: "ab", auth: [], salt: nil,
            software: "netchat/1.0.0"))
      ),
      (
        "{\"type\":\"hello\",\"secure\":true,\"auth\":[\"spake2plus\",\"password\"]"
          + ",\"salt\":\"s\",\"version\":2}",
        .hello(
          .init(
            isSecure: true, version: 2, requiresTLS: false, room: nil,
            auth: ["spake2plus", "password"], salt: "s", software: nil))
      ),
      (
        "{\"type\":\"hello\",\"secure\":false,\"tls\":\"required\",\"version\":2}",
        .hello(
          .init(
            isSecure: false, version: 2, requiresTLS: true, room: nil, auth: [], salt: nil,
            software: nil))
      ),
      (
        "{\"type\":\"hello\",\"secure\":false}",
        .hello(
          .init(
            isSecure: false, version: 1, requiresTLS: false, room: nil, auth: [], salt: nil,
            software: nil))
      ),
      (
        "{\"type\":\"auth_result\",\"ok\":true,\"client_name\":\"alice\",\"id\":41"
          + ",\"total\":3,\"token\":\"t\"}",
        .authResult(
          .accepted(.init(name: "alice", id: 41, total: 3, token: "t", isGap: false)))
      ),
      (
        "{\"type\":\"auth_result\",\"ok\":false,\"reason\":\"Wrong password.\"}",
        .authResult(.refused(reason: "Wrong password."))
      ),
      (
        "{\"type\":\"auth_challenge\",\"share\":\"s\",\"confirm\":\"c\"}",
        .authChallenge(share: "s", confirm: "c")
      ),
      (
        "{\"type\":\"chat\",\"encrypted\":false,\"from\":\"alice\",\"text\":\"h\\u00ed\""
          + ",\"id\":42,\"time\":1763857997123,\"sid\":\"0123456789abcdef\",\"n\":7}",
        .chat(
          .init(
            from: "alice", body: .text("hí"), id: 42, time: 1_763_857_997_123, to: nil,
            number: number))
      ),
      (
        "{\"type\":\"chat\",\"encrypted\":true,\"from\":\"a\",\"payload\":\"AA==\",\"to\":\"b\"}",
        .chat(.init(from: "a", body: .payload("AA=="), id: nil, time: nil, to: "b", number: nil))
      ),
      (
        "{\"type\":\"system\",\"encrypted\":false,\"event\":\"rename\",\"name\":\"a\""
          + ",\"to\":\"b\",\"text\":\"x\",\"id\":43,\"time\":1,\"token\":\"t\"}",
        .system(
          .init(
            event: "rename", name: "a", to: "b", body: .text("x"), id: 43, time: 1, token: "t"))
      ),
      ("{\"type\":\"count\",\"total\":2}", .count(total: 2)),
      (
        "{\"type\":\"members\",\"total\":2,\"names\":[\"alice\",\"b\\u00f6b\"]}",
        .members(total: 2, names: ["alice", "böb"])
      ),
      ("{\"type\":\"members\",\"total\":0,\"names\":[ ]}", .members(total: 0, names: [])),
      ("{\"type\":\"ack\",\"n\":7}", .ack(n: 7)),
      (
        "{\"type\":\"error\",\"code\":\"too_long\",\"reason\":\"r\",\"n\":7}",
        .error(code: "too_long", reason: "r", n: 7)
      ),
      (
        "{\"type\":\"bye\",\"code\":\"shutdown\",\"reason\":\"r\"}",
        .bye(code: "shutdown", reason: "r")
      ),
      ("{\"type\":\"ping\"}", .ping), ("{\"type\":\"pong\"}", .pong),
      ("{\"type\":\"dance\",\"from\":7}", .other),
    ]
    for (line, packet) in cases { #expect(hostPacket(line) == .success(packet), "\(line)") }
  }

  @Test("refuses packets whose keys are missing or mistyped")
  func refuses() {
    let cases: [(String, PacketError)] = [
      ("{\"type\":\"hello\"}", .missing(.secure)),
      ("{\"type\":\"hello\",\"secure\":0}", .mistyped(.secure)),
      ("{\"type\":\"hello\",\"secure\":true,\"auth\":\"spake2plus\"}", .mistyped(.auth)),
      ("{\"type\":\"hello\",\"secure\":true,\"auth\":[1]}", .mistyped(.auth)),
      ("{\"type\":\"auth_result\"}", .missing(.ok)),
      ("{\"type\":\"auth_result\",\"ok\":true}", .missing(.clientName)),
      ("{\"type\":\"auth_challenge\",\"share\":\"s\"}", .missing(.confirm)),
      ("{\"type\":\"chat\",\"text\":\"x\"}", .missing(.from)),
      ("{\"type\":\"chat\",\"from\":\"a\"}", .missing(.text)),
      ("{\"type\":\"chat\",\"from\":\"a\",\"encrypted\":true}", .missing(.payload)),
      ("{\"type\":\"chat\",\"from\":\"a\",\"text\":\"x\",\"payload\":\"y\"}", .textAndPayload),
      (
        "{\"type\":\"chat\",\"from\":\"a\",\"encrypted\":true,\"text\":\"x\",\"payload\":\"y\"}",
        .textAndPayload
      ),
      ("{\"type\":\"chat\",\"from\":\"a\",\"text\":\"x\",\"id\":1.0}", .mistyped(.id)),
      ("{\"type\":\"count\"}", .missing(.total)),
      ("{\"type\":\"count\",\"total\":2e0}", .mistyped(.total)),
      ("{\"type\":\"members\",\"total\":2}", .missing(.names)),
      ("{\"type\":\"ack\"}", .missing(.n)),
      ("{\"type\":\"error\"}", .missing(.code)),
    ]
    for (line, error) in cases { #expect(hostPacket(line) == .failure(error), "\(line)") }
  }

  @Test("what the host writes of its own, a client reads")
  func written() {
    func read(_ bytes: [UInt8]) -> Result<HostPacket, PacketError> {
      #expect(bytes.last == UInt8(ascii: "\n"))
      return hostPacket(Array(bytes.dropLast()).text)
    }
    #expect(
      PacketWriter.hello(room: "0123").text
        == "{\"type\":\"hello\",\"secure\":false,\"version\":2"
        + ",\"software\":\"netchat/1.0.0\",\"room\":\"0123\"}\n"
    )
    #expect(read(PacketWriter.bare("ping")) == .success(.ping))
    #expect(read(PacketWriter.ack(n: 7)) == .success(.ack(n: 7)))
    #expect(
      read(PacketWriter.error(.noSuchMember, "\"x\"\n", n: 9))
        == .success(.error(code: "no_such_member", reason: "\"x\"\n", n: 9)))
    #expect(
      read(PacketWriter.authResult(refused: "Room is full."))
        == .success(.authResult(.refused(reason: "Room is full."))))
    let byes: [(Farewell, String)] = [
      (.shutdown, "shutdown"), (.tooSlow, "too_slow"), (.timeout, "timeout"),
      (.takenOver, "taken_over"), (.kicked(reason: "Spam."), "kicked"),
    ]
    for (farewell, code) in byes {
      #expect(
        read(PacketWriter.bye(farewell)) == .success(.bye(code: code, reason: farewell.reason)))
    }
  }
}
