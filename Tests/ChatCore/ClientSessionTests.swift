import Testing

@testable import ChatCore

/// A client's session and what a scripted host says to it.
private struct Client {
  var session: ClientSession
  var now: UInt64 = 5_000_000_000
  var moment: Moment { Moment(monotonic: now, unixMilliseconds: 0) }

  init(name: String? = "alice", history: Int = 0) {
    var settings = ClientSession.Settings(
      name: name, loginName: "login", sid: SenderID(text: "0123456789abcdef")!)
    settings.history = history
    session = ClientSession(settings, at: Moment(monotonic: now, unixMilliseconds: 0))
  }

  mutating func hear(_ line: String) -> [ClientSession.Event] {
    session.receive(Array((line + "\n").utf8).span, at: moment)
  }

  /// What it sends, and has sent.
  mutating func sent() -> [String] {
    let bytes = session.output
    session.sent(bytes.count)
    return bytes.split(separator: 0x0A).map { Array($0).text }
  }

  mutating func pass(seconds: UInt64) -> [ClientSession.Event] {
    now += seconds * 1_000_000_000
    return session.timePassed(at: moment)
  }

  static let hello2 = "{\"type\":\"hello\",\"secure\":false,\"version\":2,\"room\":\"ab\"}"
  static let hello1 = "{\"type\":\"hello\",\"secure\":false}"
  static let result2 =
    "{\"type\":\"auth_result\",\"ok\":true,\"client_name\":\"alice\",\"id\":0"
    + ",\"total\":1,\"token\":\"t\"}"
  static let result1 = "{\"type\":\"auth_result\",\"ok\":true,\"client_name\":\"Alice\"}"

  static func admitted(to version: Int = 2) -> Client {
    var client = Client(name: version == 1 ? "Alice" : "alice")
    _ = client.hear(version == 1 ? hello1 : hello2)
    _ = client.hear(version == 1 ? result1 : result2)
    _ = client.sent()
    return client
  }
}

private func echo(_ text: String, _ id: Int, n: Int? = nil, from: String = "alice") -> String {
  let number = n.map { ",\"sid\":\"0123456789abcdef\",\"n\":\($0)" } ?? ""
  return
    "{\"type\":\"chat\",\"encrypted\":false,\"from\":\"\(from)\",\"text\":\"\(text)\""
    + ",\"id\":\(id)\(number)}"
}

@Suite struct ClientSessionTests {
  @Test("enters a room of version 2")
  func versionTwo() {
    var client = Client(history: 20)
    #expect(client.hear(Client.hello2).count == 1)
    #expect(
      client.sent() == ["{\"type\":\"auth\",\"version\":2,\"name\":\"alice\",\"history\":20}"])
    #expect(!client.session.isAdmitted)
    #expect(client.hear(Client.result2).last == .admitted(name: "alice"))
    #expect(client.session.isAdmitted)
    var unnamed = Client(name: nil)
    _ = unnamed.hear(Client.hello2)
    #expect(unnamed.sent() == ["{\"type\":\"auth\",\"version\":2}"])
  }

  @Test("always sends a name to a host of version 1")
  func versionOne() {
    var client = Client(name: nil)
    _ = client.hear(Client.hello1)
    #expect(client.sent() == ["{\"type\":\"auth\",\"name\":\"login\"}"])
    #expect(client.hear(Client.result1).last == .admitted(name: "Alice"))
    var named = Client(name: "Bob")
    _ = named.hear(Client.hello1)
    #expect(named.sent() == ["{\"type\":\"auth\",\"name\":\"Bob\"}"])
  }

  @Test("numbers what it says, and settles it by its echo, an ack or an error")
  func numbers() throws {
    var client = Client.admitted()
    for text in ["one", "two", "three", "two"] { try client.session.say(text) }
    #expect(
      client.sent()[0]
        == "{\"type\":\"chat\",\"encrypted\":false,\"text\":\"one\""
        + ",\"sid\":\"0123456789abcdef\",\"n\":1}"
    )
    #expect(client.session.unsettledCount == 4)
    #expect(client.hear(echo("one", 1, n: 1)).first == .settled(id: 1))
    #expect(client.hear("{\"type\":\"ack\",\"n\":2}") == [.settled(id: 2)])
    #expect(client.session.unsettledCount == 2)
    let events = client.hear(
      "{\"type\":\"error\",\"code\":\"not_allowed\",\"reason\":\"No.\",\"n\":3}")
    #expect(
      events.prefix(2) == [.undelivered(text: "three", reason: "No."), .settled(id: 3)])
    #expect(client.session.unsettledCount == 1)
    // Somebody else's n says nothing about one's own.
    _ = client.hear(
      "{\"type\":\"chat\",\"from\":\"bob\",\"text\":\"x\",\"id\":2"
        + ",\"sid\":\"another-one-0123456\",\"n\":4}"
    )
    #expect(client.session.unsettledCount == 1)
    _ = client.hear(echo("two", 3, n: 4))
    #expect(client.session.unsettledCount == 0)
  }

  @Test("at a host of version 1 one's own name and the order settle what was said")
  func settlesByOrder() throws {
    var client = Client.admitted(to: 1)
    for text in ["one", "two"] { try client.session.say(text) }
    #expect(
      client.sent() == [
        "{\"type\":\"chat\",\"encrypted\":false,\"text\":\"one\"}",
        "{\"type\":\"chat\",\"encrypted\":false,\"text\":\"two\"}",
      ])
    func line(_ name: String, _ text: String) -> String {
      "{\"type\":\"chat\",\"encrypted\":false,\"from\":\"\(name)\",\"text\":\"\(text)\"}"
    }
    _ = client.hear(line("Bob", "one"))
    _ = client.hear(line("Alice", "two"))
    #expect(client.session.unsettledCount == 2)
    _ = client.hear(line("Alice", "one"))
    _ = client.hear(line("Alice", "two"))
    #expect(client.session.unsettledCount == 0)
  }

  @Test("says no blank text, and none that does not fit a line")
  func sayFailures() {
    var client = Client.admitted()
    func failure(_ text: String) -> ClientSession.SayFailure? {
      do throws(ClientSession.SayFailure) {
        try client.session.say(text)
        return nil
      } catch { return error }
    }
    for text in ["", " ", "\n\t", "\u{3000}"] { #expect(failure(text) == .blank) }
    #expect(failure(String(repeating: "x", count: 65_536)) == .tooLong)
    #expect(failure(String(repeating: "\u{1}", count: 20_000)) == .tooLong)
    #expect(client.sent() == [])
    #expect(failure("x") == nil)
    // What was refused took no number.
    #expect(client.sent()[0].hasSuffix("\"n\":1}"))
    let head =
      "{\"type\":\"chat\",\"encrypted\":false,\"text\":\"\",\"sid\":\"0123456789abcdef\",\"n\":2}\n"
    let room = 65_536 - head.utf8.count
    #expect(failure(String(repeating: "x", count: room + 1)) == .tooLong)
    #expect(failure(String(repeating: "x", count: room)) == nil)
  }

  @Test("knows what it cannot enter")
  func cannotEnter() {
    func events(_ lines: String...) -> ClientSession.Event? {
      var client = Client()
      return lines.flatMap { client.hear($0) }.last
    }
    for hello in [
      "{\"type\":\"hello\",\"secure\":true,\"version\":2}", "{\"type\":\"hello\",\"secure\":true}",
    ] {
      guard case .greeted(let greeting) = events(hello) else {
        Issue.record("the caller is not asked about \(hello)")
        continue
      }
      #expect(greeting.isSecure)
    }
    #expect(
      events("{\"type\":\"hello\",\"secure\":false,\"tls\":\"required\",\"version\":2}")
        == .needsTLS)
    #expect(
      events("{\"type\":\"hello\",\"secure\":true,\"tls\":\"required\",\"version\":2}") == .needsTLS
    )
    #expect(
      events(Client.hello2, "{\"type\":\"auth_result\",\"ok\":false,\"reason\":\"Room is full.\"}")
        == .refused(reason: "Room is full."))
    for line in [
      "SSH-2.0-OpenSSH_9.2", "HTTP/1.1 400 Bad Request", "{", "[]",
      "{\"type\":\"count\",\"total\":1}",
    ] {
      guard case .notAHost = events(line) else {
        Issue.record("\(line): \(String(describing: events(line)))")
        continue
      }
    }
    #expect(
      events(
        Client.hello2, Client.result2, "{\"type\":\"bye\",\"code\":\"shutdown\",\"reason\":\"r\"}")
        == .bye(code: "shutdown", reason: "r"))
    #expect(events(Client.hello2, Client.result2, "{\"type\":\"dance\"}") != .silence)
  }

  @Test("a line longer than a host may send ends it")
  func tooLong() {
    for (count, isFine) in [(131_072, true), (131_073, false)] {
      var client = Client.admitted()
      let head = "{\"type\":\"chat\",\"from\":\"a\",\"text\":\""
      let line = head + String(repeating: "x", count: count - head.utf8.count - 3) + "\"}"
      #expect(line.utf8.count + 1 == count)
      if case .packet = client.hear(line).first {
        #expect(isFine)
      } else {
        #expect(!isFine)
      }
    }
  }

  @Test("a packet that came before is not shown again")
  func repeated() {
    var client = Client.admitted()
    #expect(client.hear(echo("a", 1, from: "bob")).count == 1)
    #expect(client.hear(echo("b", 2, from: "bob")).count == 1)
    #expect(client.hear(Client.result2).count == 1)
    #expect(client.hear(echo("a", 1, from: "bob")).count == 0)
    #expect(client.hear(echo("b", 2, from: "bob")).count == 0)
    #expect(client.hear(echo("c", 3, from: "bob")).count == 1)
  }

  @Test("follows its own name")
  func renamed() {
    var client = Client.admitted()
    func rename(_ name: String, _ other: String, _ id: Int, _ token: String) -> String {
      "{\"type\":\"system\",\"encrypted\":false,\"event\":\"rename\",\"name\":\"\(name)\","
        + "\"to\":\"\(other)\",\"text\":\"x\",\"id\":\(id)\(token)}"
    }
    _ = client.hear(rename("bob", "alice2", 1, ""))
    #expect(client.session.name == "alice")
    _ = client.hear(rename("alice", "alicia", 2, ",\"token\":\"t\""))
    #expect(client.session.name == "alicia")
  }

  @Test("pings a silent host after 30 s and gives it up after 75 s")
  func silence() {
    var client = Client.admitted()
    #expect(client.pass(seconds: 29) == [])
    #expect(client.sent() == [])
    #expect(client.pass(seconds: 1) == [])
    #expect(client.sent() == ["{\"type\":\"ping\"}"])
    #expect(client.pass(seconds: 44) == [])
    #expect(client.hear("{\"type\":\"pong\"}") == [])
    #expect(client.pass(seconds: 30) == [])
    #expect(client.sent() == ["{\"type\":\"ping\"}"])
    #expect(client.pass(seconds: 45) == [.silence])
    var old = Client.admitted(to: 1)
    #expect(old.session.deadline == nil)
    #expect(old.pass(seconds: 1_000) == [])
  }

  @Test("answers a ping, and says goodbye to a host of version 2 only")
  func pingAndBye() {
    var client = Client.admitted()
    _ = client.hear("{\"type\":\"ping\"}")
    client.session.leave()
    #expect(client.sent() == ["{\"type\":\"pong\"}", "{\"type\":\"bye\"}"])
    #expect(client.hear(echo("x", 1)) == [])
    var old = Client.admitted(to: 1)
    old.session.leave()
    #expect(old.sent() == [])
  }

  static let script = [
    Client.hello2, "", Client.result2, "{\"type\":\"count\",\"total\":1}",
    "{\"type\":\"system\",\"encrypted\":false,\"event\":\"join\",\"name\":\"b\""
      + ",\"text\":\"é\\ud83d\\ude00\",\"id\":1}",
    echo("x", 2, from: "b"), "{\"type\":\"ping\"}", "{\"type\":\"dance\"}", " ",
    "{\"type\":\"members\",\"total\":1,\"names\":[\"b\"]}",
    "{\"type\":\"error\",\"code\":\"not_allowed\",\"reason\":\"r\"}",
    "{\"type\":\"bye\",\"code\":\"shutdown\",\"reason\":\"r\"}", "{\"type\":\"count\",\"total\":9}",
    "",
  ].joined(separator: "\r\n")

  @Test("a host's conversation means the same wherever it is cut")
  func cuts() {
    let bytes = Array(Self.script.utf8)
    func events(_ chunks: [ArraySlice<UInt8>]) -> ([ClientSession.Event], [UInt8]) {
      var client = Client()
      let events = chunks.flatMap { client.session.receive(Array($0).span, at: client.moment) }
      return (events, client.session.output)
    }
    let whole = events([bytes[...]])
    #expect(whole.0.count == 10)
    for cut in 0...bytes.count {
      let parts = events([bytes[..<cut], bytes[cut...]])
      #expect(parts.0 == whole.0 && parts.1 == whole.1, "\(cut)")
    }
    let single = events(bytes.indices.map { bytes[$0...$0] })
    #expect(single.0 == whole.0 && single.1 == whole.1)
  }

  @Test("a client and a host understand each other")
  func together() throws {
    let host = TestRoom()
    let bob = host.member("bob")
    let peer = host.connect()
    var client = Client()
    var read = 0
    func exchange() -> [ClientSession.Event] {
      var events: [ClientSession.Event] = []
      for _ in 0..<4 {
        host.settle()
        let bytes = Array(peer.received[read...])
        read = peer.received.count
        events += client.session.receive(bytes.span, at: client.moment)
        let output = client.session.output
        client.session.sent(output.count)
        if !output.isEmpty { peer.receive(output) }
      }
      return events
    }
    #expect(exchange().contains(.admitted(name: "alice")))
    let texts = ["hi", "\"\\\n\t\u{1}", "é中😀", "/x", "{\"type\":\"bye\"}"]
    for text in texts { try client.session.say(text) }
    _ = exchange()
    #expect(client.session.unsettledCount == 0)
    let heard = bob.take().filter { $0.hasPrefix("alice: ") }
    #expect(heard == texts.enumerated().map { "alice: \($1) #\($0 + 3) n=\($0 + 1)" })
    client.session.leave()
    _ = exchange()
    #expect(host.names == ["bob"])
  }
}
