import Foundation
import Glibc
import Testing

/// What a room must survive. One after the other: some of it measures time.
@Suite("endurance", .serialized)
struct EnduranceTests {
  @Test("a reader that stopped harms nobody, and is cut once it has taken nothing for 10 s")
  func stoppedReader() throws {
    try Scene.play { scene in
      let room = try scene.host("--max-lag", "1048576", "--rate", "0")
      let alice = try room.member("alice")
      let deaf = try room.connect(receiveBuffer: 4096)
      try deaf.join("deaf")
      let filling = String(repeating: "x", count: 60_000)
      let start = ContinuousClock.now
      // 6 MB: more than the kernel and --max-lag hold together, and less than the 8 times
      // --max-lag at which a reader is cut at once.
      for number in 1...100 {
        try alice.say("\(number) \(filling)")
        try alice.lines.expect("\(number)", within: .seconds(1)) { $0.contains("\"\(number) xxx") }
      }
      #expect(ContinuousClock.now - start < .seconds(8))
      try alice.expect("system", "text", "deaf disconnected.", within: .seconds(15))
      #expect(ContinuousClock.now - start > .seconds(9))
      try alice.expect("count", "total", "1")
      try alice.say("still here")
      try alice.expect("chat", "text", "still here")
    }
  }

  @Test("a host whose output nobody reads goes on, and says later how much it did not show")
  func unreadOutput() throws {
    try Scene.play { scene in
      let room = try scene.host("--rate", "0")
      let alice = try room.member("alice")
      let filling = String(repeating: "x", count: 60_000)
      for number in 1...150 {
        try alice.say("\(number) \(filling)")
        try alice.lines.expect("\(number)", within: .seconds(1)) { $0.contains("\"\(number) xxx") }
      }
      let (skipped, shown) = try room.screen.expect("a word of what was not shown") {
        $0.hasSuffix(" lines not shown)")
      }
      let missing = Int(skipped.dropFirst().prefix { $0.isNumber }) ?? 0
      #expect(missing > 0)
      try alice.say("the last")
      let after = try room.screen.expect("the last") { $0 == "alice: the last" }.passed
      let lines = (shown + after).count { $0.hasPrefix("alice: ") }
      #expect(lines + missing == 150, "each line is shown or counted")
      room.program.send(SIGTERM)
      #expect(try room.program.wait() == 0)
    }
  }

  @Test("a host whose output nobody reads still ends when it is told to")
  func unreadOutputAtTheEnd() throws {
    try Scene.play { scene in
      let room = try scene.host("--rate", "0")
      let alice = try room.member("alice")
      for number in 1...20 { try alice.say("\(number) \(String(repeating: "x", count: 60_000))") }
      try alice.lines.expect("20") { $0.contains("\"20 xxx") }
      room.program.send(SIGTERM)
      #expect(try room.program.wait() == 0)
    }
  }

  @Test("a host whose output is gone goes on")
  func goneOutput() throws {
    try Scene.play { scene in
      let shell = try scene.shell("\"$0\" host --port 0 | head -n 2; sleep 60")
      let room = try Room(shell, in: scene)
      let alice = try room.member("alice")
      for number in 1...20 {
        try alice.say("\(number)")
        try alice.expect("chat", "text", "\(number)")
        usleep(10_000)
      }
    }
  }

  @Test("500 come at once and leave at once, and nothing spins")
  func crowd() throws {
    try Scene.play { scene in
      let room = try scene.host()
      let crowd = try (1...500).map { _ in try room.connect() }
      for connection in crowd { try connection.sendLine("{\"type\":\"auth\"}") }
      for connection in crowd { try connection.expect("auth_result", "ok", "true") }
      let alice = try room.member("alice")
      try alice.say("hello")
      for connection in crowd { try connection.expect("chat", "text", "hello") }
      for connection in crowd { connection.close() }
      try alice.expect("count", "total", "1")
      #expect(room.program.isIdle)
    }
  }

  @Test("500 that say nothing are admitted all the same, and may be cut off all at once")
  func silentCrowd() throws {
    try Scene.play { scene in
      let room = try scene.host()
      let crowd = try (1...500).map { _ in try room.connect() }
      for connection in crowd { try connection.expect("auth_result") }
      for connection in crowd { connection.reset() }
      let alice = try room.member("alice")
      try alice.expect("count", "total", "1")
      #expect(room.program.isIdle)
    }
  }

  @Test("when descriptors run out newcomers wait, and get in when others leave")
  func descriptorsRunOut() throws {
    try Scene.play { scene in
      let room = try scene.host(
        shell: "ulimit -n 40; exec \"$0\" host --port 0 --max-clients 1000 --threads 2")
      let crowd = try (1...60).map { _ in try room.connect() }
      for connection in crowd { try connection.sendLine("{\"type\":\"auth\"}") }
      for connection in crowd[..<12] { try connection.expect("auth_result", "ok", "true") }
      #expect(try crowd[59].lines.all(for: .milliseconds(300)) == [])
      #expect(room.program.isIdle)
      for connection in crowd[..<50] { connection.close() }
      for connection in crowd[50...] { try connection.expect("auth_result", "ok", "true") }
    }
  }

  @Test("clients take no descriptors that the log needs")
  func descriptorsOfTheLog() throws {
    try Scene.play { scene in
      let log = "\(try scene.folder())/room.log"
      let room = try scene.host(
        shell: """
          ulimit -n 60; exec "$0" host --port 0 --rate 0 --history 10 --max-clients 1000 \
            --log '\(log)' --log-max-size 65536 --threads 2
          """)
      let away = try room.connect()
      let admitted = try away.join("alice")
      away.reset()
      let talker = try room.member("talker")
      let late = try room.connect()
      let hello = try late.expect("hello")
      let crowd = try (1...100).map { _ in try room.connect() }
      for connection in crowd { try connection.sendLine("{\"type\":\"auth\"}") }
      try crowd[0].expect("auth_result", "ok", "true")
      #expect(try crowd[99].lines.all(for: .milliseconds(300)) == [])
      for number in 1...1_200 {
        try talker.say("\(number)")
        if number % 100 == 0 { try talker.expect("chat", "text", "\(number)") }
      }
      #expect(FileManager.default.fileExists(atPath: "\(log).1"))
      try late.sendLine(
        "{\"type\":\"auth\",\"version\":2,\"name\":\"alice\",\"token\":\"\(admitted["token"] ?? "")\","
          + "\"room\":\"\(hello["room"] ?? "")\",\"since\":1}")
      for number in 1...1_200 { try late.expect("chat", "text", "\(number)") }
      // That so many do not fit, and nothing of the log.
      #expect(try room.program.errors.all(for: .zero).allSatisfy { !$0.contains("log") })
    }
  }

  @Test("what many workers need is no place for members")
  func manyWorkers() throws {
    try Scene.play { scene in
      let log = "\(try scene.folder())/room.log"
      let shell = try scene.shell(
        "ulimit -n 256; exec \"$0\" host --json --port 0 --threads 64 --log '\(log)' --rate 0")
      let packet = try Packet(shell.output.next() ?? "")
      let places = 94
      #expect(packet["max_clients"] == "\(places)")
      let port = try #require(packet["port"].flatMap(UInt16.init))
      let crowd = try (1...places).map { _ in try scene.connect(port) }
      for connection in crowd { try connection.sendLine("{\"type\":\"auth\"}") }
      for connection in crowd { try connection.expect("auth_result", "ok", "true") }
    }
  }

  @Test("a low limit on open files still leaves places for members")
  func fewDescriptors() throws {
    try Scene.play { scene in
      let room = try scene.host(shell: "ulimit -n 32; exec \"$0\" host --port 0 --threads 1")
      let crowd = try (1...6).map { try room.member("guest \($0)") }
      try crowd[5].sendLine("{\"type\":\"who\"}")
      try crowd[5].expect("members", "total", "6")
    }
  }

  @Test("the limit on open files is raised as far as it may be, and what fits is said")
  func raisedDescriptors() throws {
    try Scene.play { scene in
      let shell = try scene.shell(
        "ulimit -Sn 64; ulimit -Hn 400; exec \"$0\" host --json --port 0 --threads 1 --rate 0")
      let packet = try Packet(shell.output.next() ?? "")
      let places = 338
      #expect(packet["max_clients"] == "\(places)")
      guard let port = packet["port"].flatMap(UInt16.init) else {
        throw Missed(description: "no port in \(packet)")
      }
      let crowd = try (1...places).map { _ in try scene.connect(port) }
      for connection in crowd { try connection.sendLine("{\"type\":\"auth\"}") }
      for connection in crowd { try connection.expect("auth_result", "ok", "true") }
      let late = try scene.connect(port)
      try late.sendLine("{\"type\":\"auth\"}")
      try late.expect("auth_result", "reason", "Room is full.")
      let many = try scene.shell(
        "ulimit -n 100; exec \"$0\" host --port 0 --max-clients 90 --threads 1")
      #expect(
        try many.errors.next()
          == "netchat: 90 clients do not fit: the limit on open files leaves places for 67"
      )
      let few = try scene.shell("ulimit -n 24; exec \"$0\" host --port 0 --threads 1")
      #expect(
        try few.errors.next()
          == "netchat: the limit on open files is 24: this room needs 27 at the least"
      )
      #expect(try few.errors.next() == "  raise it (ulimit -n), or take fewer --threads")
      #expect(try few.wait() == 1)
    }
  }

  @Test("a connection that is reset while it waits to be accepted stops nobody")
  func resetWhileAccepted() throws {
    try Scene.play { scene in
      let room = try scene.host()
      room.program.send(SIGSTOP)
      for number in 0..<50 {
        let connection = try room.connect()
        if number % 2 == 0 { try connection.sendLine("{\"type\":\"auth\"}") }
        connection.reset()
      }
      let last = try room.connect()
      try last.sendLine("{\"type\":\"auth\"}")
      room.program.send(SIGCONT)
      try last.expect("auth_result", "ok", "true")
      try last.expect("count", "total", "1")
      #expect(room.program.isIdle)
    }
  }

  @Test("a room that is full says so, and takes the next one when somebody leaves")
  func fullRoom() throws {
    try Scene.play { scene in
      let room = try scene.host("--max-clients", "1")
      let alice = try room.member("alice")
      let clint = try room.clint()
      #expect(try clint.wait() == 1)
      #expect(try clint.errors.next() == "netchat: Room is full.")
      try alice.sendLine("{\"type\":\"bye\"}")
      _ = try alice.lines.rest()
      _ = try room.member("bob")
    }
  }
}
