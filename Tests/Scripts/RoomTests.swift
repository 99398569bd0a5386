import Glibc
import Testing

@Suite("one room for all")
struct RoomTests {
  @Test("clients of every kind sit in one room and see each other")
  func everyKind() throws {
    try Scene.play { scene in
      let room = try scene.host()
      let json = try room.member("json")
      let clint = try room.clint("--name", "clint")
      try json.expect("system", "text", "clint joined from \(try from("clint", room))")
      let silent = try room.versionOne()
      try silent.output.expect(prefix: "Connected as clint")
      let named = try room.versionOne("Alice")
      try named.output.expect("Connected as Alice")
      let text = try room.netcat()
      try text.type("hello from nc")
      try json.expect("chat", "text", "hello from nc")

      let shown = [clint.output, silent.output, named.output, text.output, room.screen]
      for stream in shown { try stream.expect("clint2: hello from nc") }
      try clint.type("hello from clint")
      for stream in shown { try stream.expect("clint: hello from clint") }
      try silent.type("hello from version 1")
      for stream in shown { try stream.expect("clint1: hello from version 1") }
      try named.type("hello from Alice")
      for stream in shown { try stream.expect("Alice: hello from Alice") }
      try json.say("hello from JSON")
      for stream in shown { try stream.expect("json: hello from JSON") }
      try room.program.type("hello from the host")
      for stream in shown { try stream.expect("server: hello from the host") }
      for (name, words) in [
        ("clint", "hello from clint"), ("clint1", "hello from version 1"),
        ("Alice", "hello from Alice"), ("json", "hello from JSON"),
        ("server", "hello from the host"),
      ] {
        #expect(try json.expect("chat", "text", words)["from"] == name)
      }

      named.closeInput()
      for stream in [clint.output, silent.output, text.output, room.screen] {
        try stream.expect("Alice disconnected.")
        try stream.expect("+ Total connected clints: [4]")
      }
      try json.expect("count", "total", "4")
      #expect(try named.wait() == 0)
    }
  }

  private func from(_ name: String, _ room: Room) throws -> String {
    try room.screen.expect(prefix: "\(name) joined from ")
  }

  @Test("a client joins a host of version 1 that admits at once")
  func versionOneHostThatAdmits() throws {
    try Scene.play { scene in
      let (host, port) = try scene.versionOneHost("admits")
      let clint = try scene.netchat("clint", "127.0.0.1:\(port)", "--name", "Bob")
      #expect(try clint.output.next() == "Connected to 127.0.0.1:\(port)")
      try clint.output.expect(prefix: "clint1 joined from 127.0.0.1:")
      try clint.output.expect("+ Total connected clints: [1]")
      try clint.type("one\ntwo")
      clint.closeInput()
      #expect(try clint.output.rest() == ["clint1: one", "clint1: two"])
      #expect(try clint.wait() == 0)
      try host.output.expect("clint1: two")
      try host.output.expect("clint1 disconnected.")
    }
  }

  @Test("a client joins a host of version 1 that waits for a name, and brings one")
  func versionOneHostThatWaits() throws {
    try Scene.play { scene in
      let (host, port) = try scene.versionOneHost("waits")
      let named = try scene.netchat(
        "clint", "127.0.0.1:\(port)", "--name", "Bob", "--no-reconnect")
      try named.output.expect(prefix: "Bob joined from 127.0.0.1:")
      try named.type("hello")
      try host.output.expect("Bob: hello")
      let nameless = try scene.shell("LOGNAME=alice exec \"$0\" clint 127.0.0.1:\(port)")
      try named.output.expect(prefix: "alice joined from 127.0.0.1:")
      try nameless.type("hello too")
      nameless.closeInput()
      #expect(try nameless.wait() == 0)
      try named.output.expect("alice: hello too")
      host.send(SIGKILL)
      #expect(try named.wait() == 3)
    }
  }

  @Test("a client goes by HOST:PORT, by an IPv6 address, and tries each address of a name")
  func endpoints() throws {
    try Scene.play { scene in
      let room = try scene.host()
      for place in ["127.0.0.1:\(room.port)", "[::1]:\(room.port)", "localhost:\(room.port)"] {
        let clint = try scene.shell("echo \"I came by $1\" | exec \"$0\" clint \"$1\"", place)
        #expect(try clint.wait() == 0, "\(place)")
        try room.screen.expect("\(place)") { $0.hasSuffix("I came by \(place)") }
      }
      let inSix = try scene.shell("exec \"$0\" clint ::1 --port \(room.port)")
      try inSix.output.expect("Connected to [::1]:\(room.port)")
      try inSix.output.expect("a join from ::1") { $0.contains(" joined from [::1]:") }

      // Only 127.0.0.1 listens here: where localhost is ::1 too, that one refuses.
      let four = try scene.host("--bind", "127.0.0.1")
      let clint = try scene.netchat("clint", "localhost:\(four.port)")
      try clint.output.expect("Connected to 127.0.0.1:\(four.port)")
      let refused = try scene.netchat("clint", "[::1]:\(four.port)")
      #expect(try refused.wait() == 1)
    }
  }

  @Test("--bind takes one address, IPv6 in brackets")
  func bind() throws {
    try Scene.play { scene in
      let host = try scene.netchat("host", "--port", "0", "--bind", "::1")
      let words = try host.output.expect(prefix: "Listening on [::1]:")
      let port = words.prefix { $0 != "." }
      let clint = try scene.netchat("clint", "[::1]:\(port)")
      try clint.output.expect("Connected to [::1]:\(port)")
      let refused = try scene.netchat("clint", "127.0.0.1:\(port)")
      #expect(try refused.wait() == 1)
    }
  }

  @Test("past packets come on joining, as many as were asked for")
  func history() throws {
    try Scene.play { scene in
      let room = try scene.host()
      let alice = try room.member("alice")
      for number in 1...5 { try alice.say("message \(number)") }
      try room.screen.expect("alice: message 5")
      let clint = try room.clint("--history", "2")
      try clint.output.expect(prefix: "Connected to ")
      #expect(try clint.output.next() == "alice: message 4")
      #expect(try clint.output.next() == "alice: message 5")
      try clint.output.expect("+ Total connected clints: [2]")
    }
  }

  @Test("with --json each packet is one JSON object a line, at the client and at the host")
  func json() throws {
    try Scene.play { scene in
      let host = try scene.netchat("host", "--port", "0", "--json")
      let first = try Packet(try host.output.next() ?? "")
      #expect(first["event"] == "listening")
      let port = first["port"] ?? ""
      let clint = try scene.shell(
        "printf 'one\\ntwo\\n' | exec \"$0\" clint --json --name ci 127.0.0.1:\(port)")
      #expect(try clint.wait() == 0)
      let packets = try clint.output.rest().map(Packet.init)
      #expect(
        packets.map(\.type) == ["hello", "auth_result", "system", "count", "chat", "chat"])
      #expect(packets.last?["text"] == "two")
      #expect(packets.last?["from"] == "ci")
      #expect(try clint.errors.rest() == [])
      try host.type("bye all")
      let said = try host.output.expect("what the host said") { $0.contains("bye all") }
      for line in said.passed { _ = try Packet(line) }
      let passed = try said.passed.map(Packet.init)
      #expect(passed.contains { $0["event"] == "connection" })
      #expect(passed.contains { $0["text"] == "one" })
      #expect(try Packet(said.line)["from"] == "server")
    }
  }

  @Test("what is said by a pipe's reader is in the room once its status is 0")
  func volume() throws {
    try Scene.play { scene in
      let room = try scene.host("--rate", "0")
      let listener = try room.member("listener")
      let clint = try scene.shell(
        "seq 10000 | \"$0\" clint --name ci 127.0.0.1:\(room.port) | tail -n 1; exit ${PIPESTATUS[1]}"
      )
      for number in 1...10_000 { try listener.expect("chat", "text", "\(number)") }
      #expect(try clint.wait() == 0)
      #expect(try clint.output.rest() == ["ci: 10000"])
      let shown = try room.screen.expect("the last line") { $0 == "ci: 10000" }.passed
      #expect(
        shown.count { $0.hasPrefix("ci: ") } == 9_999
          || shown.contains { $0.hasSuffix("not shown)") })
    }
  }

  @Test("tail -f goes to the room as it grows")
  func tail() throws {
    try Scene.play { scene in
      let room = try scene.host()
      let alice = try room.member("alice")
      let log = try scene.shell(
        "f=$(mktemp); echo first >$f; tail -f $f | \"$0\" clint --host 127.0.0.1 --port \(room.port) --name ci "
          + "& read -r line; echo \"$line\" >>$f; read -r line; rm $f; kill $(jobs -p); wait")
      try alice.expect("chat", "text", "first")
      try log.type("second")
      try alice.expect("chat", "text", "second")
      log.closeInput()
    }
  }

  @Test("--rate slows a sender and loses nothing, whatever it speaks")
  func rate() throws {
    try Scene.play { scene in
      let room = try scene.host("--rate", "100")
      let alice = try room.member("alice")
      let start = ContinuousClock.now
      let clint = try scene.shell("seq 300 | exec \"$0\" clint --name ci 127.0.0.1:\(room.port)")
      let text = try scene.shell("seq 1001 1300 | exec nc -N 127.0.0.1 \(room.port)")
      var (clints, texts) = (0, 0)
      while clints < 300 || texts < 300 {
        let chat = try alice.expect("chat")
        if chat["from"] == "ci" {
          clints += 1
          #expect(chat["text"] == "\(clints)")
        } else {
          texts += 1
          #expect(chat["text"] == "\(1000 + texts)")
        }
      }
      // The burst of 200 goes at once, the rest at 100 a second.
      #expect(ContinuousClock.now - start > .milliseconds(700))
      #expect(try clint.wait() == 0)
      #expect(try text.wait() == 0)
    }
  }

  @Test("what a slowed sender said before it closed its connection still counts")
  func rateAndClose() throws {
    try Scene.play { scene in
      let room = try scene.host("--rate", "100")
      let alice = try room.member("alice")
      let flood = try room.member("flood")
      for number in 1...300 { try flood.say("\(number)") }
      // Its echoes are not read: the close becomes a reset.
      usleep(100_000)
      flood.close()
      for number in 1...300 { try alice.expect("chat", "text", "\(number)") }
    }
  }

  @Test("what was said just before the room was closed is in the host's output")
  func lastLines() throws {
    for _ in 1...10 {
      try Scene.play { scene in
        let room = try scene.host()
        let alice = try room.member("alice")
        try alice.say("first")
        try alice.expect("chat", "text", "first")
        usleep(5_000)
        try alice.say("last")
        try alice.expect("chat", "text", "last")
        alice.close()
        room.program.send(SIGTERM)
        #expect(try room.program.wait() == 0)
        #expect(try room.screen.rest().contains("alice: last"))
      }
    }
  }

  @Test("what is said to one and to all comes in its order, whichever workers serve the two")
  func orderAcrossWorkers() throws {
    try Scene.play { scene in
      let room = try scene.host("--rate", "0", "--threads", "3")
      let bob = try room.member("bob")
      let senders = try (0..<12).map { try room.member("sender \($0)") }
      let numbers = 1...20
      for (index, sender) in senders.enumerated() {
        let lines = numbers.map { n in
          let to = n % 2 == 0 ? ",\"to\":\"bob\"" : ""
          return
            "{\"type\":\"chat\",\"text\":\"\(n)\",\"sid\":\"the-sender-number-\(index)\",\"n\":\(n)\(to)}\n"
        }
        try sender.send(lines.joined())
      }
      for sender in senders { try sender.expect("chat", "n", "20") }
      try senders[0].say("end")
      try bob.expect("chat", "text", "end")
      let heard = try bob.lines.taken.map { try Packet($0) }.filter { $0["n"] != nil }
      for index in senders.indices {
        let own = heard.filter { $0["from"] == "sender \(index)" }.compactMap { $0["n"] }
        #expect(own == numbers.map(String.init))
      }
    }
  }
}
