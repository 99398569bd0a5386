import ChatCore
import Glibc
import Testing

@Suite("operating a host")
struct OperatorTests {
  @Test("lines on standard input are commands where they begin with one slash")
  func commands() throws {
    try Scene.play { scene in
      let room = try scene.host()
      let alice = try room.member("alice")
      let bob = try room.member("bob")
      try room.program.type("//quit\n  spaces\n/help")
      try alice.expect("chat", "text", "/quit")
      try alice.expect("chat", "text", "  spaces")
      try room.program.errors.expect(prefix: "  /who ")
      try room.program.errors.expect(prefix: "  /quit ")
      try room.program.type("/kikc bob")
      try room.program.errors.expect("! There is no /kikc: did you mean /kick?")
      try room.program.type("/kick")
      try room.program.errors.expect("! It is written /kick NAME [REASON]")
      try room.program.type("/quit now")
      try room.program.errors.expect("! It is written /quit")
      try room.program.type("/kick bobb")
      try room.program.errors.expect("! Nobody here is called bobb: did you mean bob?")
      try room.program.type("/kick bob be quiet")
      try room.program.errors.expect("bob is out.")
      let kick = try alice.expect("system", "event", "kick")
      #expect(kick["text"] == "bob was put out: be quiet")
      try alice.expect("count", "total", "1")
      let bye = try bob.expect("bye", "code", "kicked")
      #expect(bye["reason"] == "be quiet")
      try room.screen.expect("bob was put out: be quiet")
      try room.screen.expect("+ Total connected clints: [1]")
      try room.program.type("/quit")
      #expect(try room.program.wait() == 0)
      try alice.expect("bye", "code", "shutdown")
      // Nothing that was typed as a command has been said, and no answer is among what was said.
      #expect(room.screen.taken.allSatisfy { !$0.contains("/kick") && !$0.contains("is out.") })
    }
  }

  @Test("a member that the operator puts out is gone for all, whichever worker has them")
  func kickAmongWorkers() throws {
    try Scene.play { scene in
      let room = try scene.host("--threads", "2")
      let members = try ["alice", "bob", "carol", "dave"].map { try room.member($0) }
      try room.program.type("/kick alice")
      try members[0].expect("bye", "code", "kicked")
      for member in members.dropFirst() { try member.expect("system", "event", "kick") }
    }
  }

  @Test("/who tells where members come from, since when, how far behind and how they speak")
  func who() throws {
    try Scene.play { scene in
      let room = try scene.host("--threads", "3")
      let alice = try room.member("alice")
      let old = try room.versionOne("Old")
      try old.output.expect("Connected as Old")
      let text = try room.netcat()
      try text.type("hello")
      try alice.expect("chat", "text", "hello")
      try room.program.type("/who")
      try room.program.errors.expect("Members [3]:")
      let lines = try (0..<3).map { _ in try room.program.errors.next() ?? "" }.sorted()
      let date = "since [0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}"
      for (line, (name, speech)) in zip(
        lines, [("Old", "version 1"), ("alice", "version 2"), ("clint1", "text")])
      {
        let pattern = try Regex(
          "  \(name) +127\\.0\\.0\\.1:[0-9]+ +\(date) +[0-9]+ bytes behind +no TLS +\(speech)")
        #expect(line.wholeMatch(of: pattern) != nil, "\(line)")
      }
      #expect(lines[1].contains(alice.address))
    }
  }

  @Test("/who tells the version of TLS")
  func whoOverTLS() throws {
    try Scene.play { scene in
      let room = try scene.secureHost()
      let clint = try scene.clint(room.port, password: "open sesame", "--name", "ann")
      try clint.output.expect("+ Total connected clints: [1]")
      try room.program.type("/who")
      try room.program.errors.expect("ann, by TLS") {
        $0.hasPrefix("  ann ") && $0.hasSuffix("bytes behind  TLSv1.3  version 2")
      }
    }
  }

  @Test("/who tells how far one is behind that does not read")
  func lag() throws {
    try Scene.play { scene in
      let room = try scene.host("--rate", "0")
      let slow = try room.member("slow", receiveBuffer: 4096)
      let alice = try room.member("alice")
      let words = String(repeating: "x", count: 30_000)
      for _ in 0..<300 { try alice.say(words) }
      try alice.say("last")
      try alice.expect("chat", "text", "last")
      try room.program.type("/who")
      let line = try room.program.errors.expect(prefix: "  slow ")
      let bytes = Int(
        line.split(separator: " ").reversed().drop { $0 != "bytes" }.dropFirst().first ?? "")
      #expect(bytes ?? 0 > 1_000_000, "\(line)")
      slow.close()
    }
  }

  @Test("a ban by name puts the member out and keeps its address out, until it is taken back")
  func ban() throws {
    try Scene.play { scene in
      let room = try scene.host("--bind", "127.0.0.1")
      let alice = try room.member("alice")
      let bob = try room.member("bob")
      for (line, answer) in [
        ("/ban nobody", "! Nobody here is called nobody."),
        ("/ban 10.0.0.0/33", "! 10.0.0.0/33: the bits are a number from 0 to 32."),
        (
          "/ban fe80::1%lo",
          "! fe80::1%lo: a ban is of an address on every link. Leave out the % and the rest."
        ),
        ("/ban 10.1.2.3/8", "10.0.0.0/8 is banned."),
        ("/ban 10.0.0.0/8", "! 10.0.0.0/8 is banned already."),
        ("/ban 2001:db8::1", "2001:db8::1 is banned."),
        ("/unban 10.0.0.0/9", "! 10.0.0.0/9 is not banned: /bans lists those that are."),
        ("/unban bob", "! bob is no address: /bans lists those that are banned."),
        ("/unban 10.0.0.0/8", "10.0.0.0/8 is let in again."),
        ("/ban bob", "bob is out, and 127.0.0.1 is banned. Still here from there: alice; /kick."),
      ] {
        try room.program.type(line)
        let shown = try room.program.errors.expect("\(answer)") {
          !$0.contains(" admitted ") && !$0.contains(" closed ")
        }.line
        if line == "/ban bob" {
          #expect(shown.hasPrefix("bob is out, and 127.0.0.1 is banned."))
        } else {
          #expect(shown == answer)
        }
      }
      #expect(try bob.expect("bye", "code", "kicked")["reason"] == "Banned.")
      try room.program.type("/bans")
      try room.program.errors.expect("Bans [2]:")
      #expect(try room.program.errors.next() == "  2001:db8::1")
      #expect(try room.program.errors.next() == "  127.0.0.1")
      // Who is here stays; who comes is refused, and does not try again.
      try alice.say("still here")
      try alice.expect("chat", "text", "still here")
      let clint = try room.clint("--name", "bob")
      #expect(try clint.wait() == 1)
      #expect(try clint.errors.rest().joined().contains("Banned."))
      try room.program.type("/unban 127.0.0.1")
      try room.program.errors.expect("127.0.0.1 is let in again.")
      try room.member("bob").close()
    }
  }

  @Test("with no room for more bans nobody is put out who could come again at once")
  func fullBans() throws {
    try Scene.play { scene in
      let room = try scene.host("--bind", "127.0.0.1")
      let alice = try room.member("alice")
      let addresses = (0..<Limits.bans).map { "10.0.\($0 / 250).\($0 % 250)" }
      try room.program.type(addresses.map { "/ban \($0)" }.joined(separator: "\n"))
      try room.program.errors.expect("\(addresses[Limits.bans - 1]) is banned.")
      for whom in ["alice", "10.9.9.9"] {
        try room.program.type("/ban \(whom)")
        try room.program.errors.expect { $0.hasPrefix("! There are 1000 bans already.") }
      }
      try alice.say("still here")
      try alice.expect("chat", "text", "still here")
    }
  }

  @Test("with --json answers and what becomes of connections are packets on standard output")
  func json() throws {
    try Scene.play { scene in
      let program = try scene.netchat("host", "--port", "0", "--json")
      let port = try UInt16(Packet(try program.output.next() ?? "")["port"] ?? "") ?? 0
      let alice = try scene.connect(port)
      try alice.join("alice")
      func event(_ name: String) throws -> Packet {
        try Packet(
          try program.output.expect(name) {
            (try? Packet($0))?["event"] == name && $0.hasPrefix("{\"type\":\"host\"")
          }.line)
      }
      let admitted = try event("admitted")
      #expect(admitted["name"] == "alice")
      #expect(admitted["address"] == alice.address)
      try program.type("/who\n/stats\n/limits\n/bans\n/nonsense\n/kick alice too loud")
      #expect(try event("members")["total"] == "1")
      #expect(try event("stats")["members"] == "1")
      #expect(try event("limits")["line"] == "65536")
      _ = try event("bans")
      #expect(try event("failed")["text"]?.hasPrefix("There is no /nonsense") == true)
      // By different threads: in any order.
      let passed = try (0..<4).map { _ in try Packet(try program.output.next() ?? "") }
      #expect(passed.contains { $0["event"] == "done" && $0["text"] == "alice is out." })
      #expect(
        passed.contains {
          $0["event"] == "closed" && $0["code"] == "kicked" && $0["name"] == "alice"
        })
      #expect(passed.contains { $0.type == "system" && $0["event"] == "kick" })
      program.send(SIGTERM)
      #expect(try program.wait() == 0)
      #expect(try program.errors.rest() == [])
    }
  }

  @Test("the log on standard error tells with times who was let in, who was not, and who was cut")
  func log() throws {
    try Scene.play { scene in
      let room = try scene.secureHost()
      let clint = try scene.clint(room.port, password: "open sesame", "--name", "ann")
      try clint.output.expect("+ Total connected clints: [1]")
      let wrong = try scene.clint(room.port, password: "open barley")
      #expect(try wrong.wait() == 1)
      let time = "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z"
      for words in [
        "admitted ann from 127\\.0\\.0\\.1:[0-9]+",
        "refused 127\\.0\\.0\\.1:[0-9]+: It did not prove that it knows the password\\.",
      ] {
        let pattern = try Regex("\(time) \(words)")
        try room.program.errors.expect(words) { $0.wholeMatch(of: pattern) != nil }
      }
      room.program.send(SIGUSR1)
      try room.program.errors.expect("a wrong password") {
        $0.hasPrefix("  of these for a wrong password") && $0.hasSuffix(" 1")
      }
    }
  }

  @Test("--quiet shows neither the room nor the log, and answers all the same")
  func quiet() throws {
    try Scene.play { scene in
      let room = try scene.host("--quiet")
      let alice = try room.member("alice")
      try alice.say("hello")
      try alice.expect("chat", "text", "hello")
      try room.program.type("/bans")
      #expect(try room.program.errors.next() == "Bans [0]:")
      room.program.send(SIGTERM)
      #expect(try room.program.wait() == 0)
      #expect(try room.screen.rest() == [])
      #expect(try room.program.errors.rest() == [])

      let json = try scene.netchat("host", "--port", "0", "--json", "--quiet")
      let port = try UInt16(Packet(try json.output.next() ?? "")["port"] ?? "") ?? 0
      try scene.connect(port).join("bob")
      try json.type("/bans\n/quit")
      #expect(try json.output.rest() == [#"{"type":"host","event":"bans","bans":[]}"#])
      #expect(try json.wait() == 0)
    }
  }
}
