import Foundation
import Glibc
import Testing

/// A room that is written down, between real programs.
@Suite("the log file")
struct LogTests {
  private func lines(_ path: String) throws -> [Packet] {
    try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map {
      try Packet(String($0))
    }
  }

  /// The ids in the file grow by one, from 1 on.
  private func expectNoGaps(_ path: String, from first: Int = 1) throws {
    let ids = try lines(path).filter { ["chat", "system"].contains($0.type) }.compactMap {
      $0["id"]
    }
    #expect(ids.count > 1)
    #expect(ids == (first..<first + ids.count).map(String.init))
  }

  private func host(_ scene: Scene, on port: UInt16, _ arguments: String...) throws -> Room {
    try Room(
      try scene.run(Program.netchat, ["host", "--port", "\(port)"] + arguments), in: scene)
  }

  private func resume(_ room: Room, _ name: String, _ last: Packet, since: String) throws
    -> RawConnection
  {
    let connection = try room.connect()
    let hello = try connection.expect("hello")
    try resume(connection, hello, name, last, since: since)
    return connection
  }

  private func resume(
    _ connection: RawConnection, _ hello: Packet, _ name: String, _ last: Packet, since: String
  ) throws {
    try connection.sendLine(
      "{\"type\":\"auth\",\"version\":2,\"name\":\"\(name)\",\"token\":\"\(last["token"] ?? "")\","
        + "\"room\":\"\(hello["room"] ?? "")\",\"since\":\(since)}")
  }

  /// Numbers that fill a part of 64 KiB and are followed by more: a part is begun after what filled the last
  /// one has been handed out, and before the next is.
  private static let moreThanAPart = 1_200

  /// Says the numbers from 1 on, no faster than they come back.
  private func count(to last: Int, _ talker: RawConnection) throws {
    for n in 1...last {
      try talker.say("\(n)")
      if n % 100 == 0 { try talker.expect("chat", "text", "\(n)") }
    }
  }

  @Test("a host that was stopped goes on with its room", arguments: [SIGTERM, SIGKILL])
  func goesOn(signal: Int32) throws {
    try Scene.play { scene in
      let log = "\(try scene.folder())/room.log"
      let room = try scene.host("--log", log)
      let alice = try room.connect()
      let admitted = try alice.join("alice")
      let hello = try Packet(alice.lines.taken[0])
      try alice.say("before")
      try alice.expect("chat", "id", "2")
      room.program.send(signal)
      #expect(try room.program.wait() == (signal == SIGTERM ? 0 : 128 + SIGKILL))
      let again = try host(scene, on: room.port, "--log", log)
      let bob = try again.connect()
      #expect(try bob.join("bob", history: 9)["total"] == "2")
      #expect(try Packet(bob.lines.taken[0])["room"] == hello["room"])
      try bob.expect("chat", "text", "before")
      // She is still a member, and not there yet.
      try bob.sendLine("{\"type\":\"chat\",\"text\":\"for you\",\"to\":\"alice\"}")
      let back = try resume(again, "alice", admitted, since: "1")
      try back.expect("auth_result", "total", "2")
      #expect(try back.packet()["text"] == "before")
      for member in [back, bob] { try member.expect("chat", "text", "for you") }
      try back.say("after")
      try bob.expect("chat", "id", "4")
      #expect(
        try FileManager.default.attributesOfItem(atPath: log)[.posixPermissions] as? Int == 0o600)
      try expectNoGaps(log)
    }
  }

  /// A host on this port that listens already.
  private func open(_ scene: Scene, _ port: UInt16, _ log: String, isSecure: Bool) throws
    -> Program
  {
    let password = isSecure ? ["NETCHAT_PASSWORD=open sesame"] : []
    let program = try scene.run(
      "env",
      password + [Program.netchat, "host", isSecure ? "--secure" : "--plain"]
        + ["--port", "\(port)", "--rate", "0", "--log", log, "--log-max-size", "100000"])
    try program.output.expect("Listening") { $0.hasPrefix("Listening on ") }
    return program
  }

  @Test(
    "killed twenty times, it loses nothing and doubles nothing", arguments: [false, true])
  func killedOften(isSecure: Bool) throws {
    try Scene.play { scene in
      let log = "\(try scene.folder())/room.log"
      let port = scene.freePort()
      var host = try open(scene, port, log, isSecure: isSecure)
      let names = ["alice", "bob"]
      let count = 2_000
      let talkers = names.map {
        Talker($0, at: port, saying: count, password: isSecure ? "open sesame" : nil)
      }
      for talker in talkers { try talker.wait(for: "first words") { chats, _ in !chats.isEmpty } }
      for kill in 0..<20 {
        // Some traffic, and its end.
        usleep(100_000 + UInt32(kill % 5) * 17_000)
        host.kill()
        host = try open(scene, port, log, isSecure: isSecure)
      }
      try Talker.expectAllHeard(talkers, names, count: count)
      for talker in talkers { #expect(try talker.leave() == .done) }
    }
  }

  @Test("past packets that cannot be read just now are not forgotten")
  func noDescriptors() throws {
    try Scene.play { scene in
      let log = "\(try scene.folder())/room.log"
      let room = try scene.host("--log", log, "--history", "10", "--rate", "0")
      let talker = try room.member("talker")
      let away = try room.connect()
      let admitted = try away.join("alice")
      for number in 1...100 { try talker.say("\(number)") }
      try away.expect("chat", "text", "100")
      away.reset()
      // It is accepted while there are descriptors; then there is none to open the log's file with.
      let early = try room.connect()
      let hello = try early.expect("hello")
      func limitDescriptors(to count: Int) throws {
        let prlimit = try scene.run(
          "prlimit", "--pid", "\(room.program.processID)", "--nofile=\(count):")
        #expect(try prlimit.wait() == 0)
      }
      try limitDescriptors(to: 3)
      try resume(early, hello, "alice", admitted, since: admitted["id"] ?? "")
      let result = try early.expect("auth_result", "ok", "true")
      try early.expect("bye", "code", "timeout")
      try limitDescriptors(to: 200)
      let late = try resume(room, "alice", result, since: admitted["id"] ?? "")
      #expect(try late.expect("auth_result", "ok", "true")["gap"] == nil)
      for number in 1...100 { try late.expect("chat", "text", "\(number)") }
    }
  }

  @Test("a ban of a member that has not come back since the start bans no address")
  func banOfAbsent() throws {
    try Scene.play { scene in
      let log = "\(try scene.folder())/room.log"
      let room = try scene.host("--log", log)
      _ = try room.member("alice")
      room.program.kill()
      let again = try scene.host("--log", log)
      try again.program.type("/ban alice\n/bans")
      try again.program.errors.expect(
        "alice is out. It had not come back since the start: no address is known to ban.")
      try again.program.errors.expect("Bans [0]:")
    }
  }

  @Test("a torn last line is cut off, and said")
  func torn() throws {
    try Scene.play { scene in
      let log = "\(try scene.folder())/room.log"
      let room = try scene.host("--log", log)
      try room.member("alice").say("whole")
      try room.screen.expect("alice: whole")
      room.program.kill()
      let file = try FileHandle(forWritingTo: URL(fileURLWithPath: log))
      try file.seekToEnd()
      try file.write(contentsOf: Data("{\"type\":\"chat\",\"te".utf8))
      let again = try scene.host("--log", log)
      #expect(
        try again.program.errors.next()
          == "netchat: 18 bytes at the end of \(log) were not written whole, and are cut off")
      try again.program.type("on")
      try again.screen.expect("server: on")
      try expectNoGaps(log)
    }
  }

  @Test("a log of another password, kind or format is refused in words, and so is a second host")
  func refusals() throws {
    try Scene.play { scene in
      let folder = try scene.folder()
      let log = "\(folder)/room.log"
      func refused(_ arguments: [String], password: String = "open sesame") throws -> [String] {
        let program = try scene.run(
          "env",
          ["NETCHAT_PASSWORD=\(password)", Program.netchat, "host", "--port", "0", "--log", log]
            + arguments)
        #expect(try program.wait() == 1)
        return try program.errors.rest()
      }
      let room = try scene.secureHost(password: "open sesame", "--log", log)
      #expect(
        try refused(["--secure"]) == [
          "netchat: cannot use the log \(log): another host has it",
          "  a file serves one host at a time",
        ])
      room.program.send(SIGTERM)
      #expect(try room.program.wait() == 0)
      #expect(
        try refused(["--secure"], password: "another") == [
          "netchat: cannot go on with the log \(log): its room has another password",
          "  give the one that it was opened with, or name another file",
        ])
      for kind in ["--plain", "--tls"] {
        #expect(
          try refused([kind]) == [
            "netchat: cannot go on with the log \(log): its room is of another kind",
            "  start it with --secure, or name another file",
          ])
      }
      let text = try String(contentsOfFile: log, encoding: .utf8)
      try text.replacing("\"format\":1", with: "\"format\":7").write(
        toFile: log, atomically: false, encoding: .utf8)
      #expect(
        try refused(["--secure"])[0]
          == "netchat: cannot go on with the log \(log): it is of format 7, and this program reads "
          + "format 1")
      try "groceries\n".write(toFile: log, atomically: false, encoding: .utf8)
      #expect(
        try refused(["--secure"])[0]
          == "netchat: cannot go on with the log \(log): this is not a log of netchat's")
      #expect(try String(contentsOfFile: log, encoding: .utf8) == "groceries\n")
    }
  }

  @Test("the host of a secure room goes on with its own numbers, and nothing is in clear")
  func sealed() throws {
    try Scene.play { scene in
      let log = "\(try scene.folder())/room.log"
      let port = scene.freePort()
      for round in 0..<2 {
        let program = try scene.run(
          "env",
          [
            "NETCHAT_PASSWORD=open sesame", Program.netchat, "host", "--secure", "--port",
            "\(port)", "--log", log,
          ])
        let room = try Room(program, in: scene, mode: "ENCRYPTED")
        try program.type("secret \(round)")
        try room.screen.expect("server: secret \(round)")
        program.kill()
      }
      let text = try String(contentsOfFile: log, encoding: .utf8)
      #expect(!text.contains("secret"))
      #expect(try lines(log).filter { $0.type == "chat" }.map { $0["n"] } == ["1", "2"])
    }
  }

  /// No file of this host grows over 8 KiB from now on.
  private func fill(_ scene: Scene, _ room: Room) throws {
    let limit = try scene.run(
      "prlimit", "--pid", "\(room.program.processID)", "--fsize=8192")
    #expect(try limit.wait() == 0)
  }

  @Test("a full disk stops the room, which says so, and goes on when there is room")
  func fullDiskStops() throws {
    try Scene.play { scene in
      let log = "\(try scene.folder())/room.log"
      let room = try scene.host("--rate", "0", "--log", log)
      try fill(scene, room)
      let alice = try room.connect()
      let admitted = try alice.join("alice")
      let text = String(repeating: "x", count: 500)
      for n in 1...40 {
        try alice.sendLine(
          "{\"type\":\"chat\",\"text\":\"\(text)\",\"sid\":\"0123456789abcdef\",\"n\":\(n)}")
      }
      let notice = try alice.expect("system", "event", "notice")
      #expect(notice["text"] == "The host cannot write its log: file too large. It stops.")
      #expect(notice["id"] == nil)
      try alice.expect("bye", "code", "shutdown")
      #expect(try room.program.wait() == 1)
      // Between what it notes about connections.
      let told = try room.program.errors.rest()
      #expect(told.contains("netchat: cannot write the log \(log): file too large"))
      #expect(
        told.contains("  started again with room for it, the host goes on where it stopped"))
      let received = try alice.lines.taken.map { try Packet($0) }.filter { $0.type == "chat" }
      let written = try lines(log).filter { $0.type == "chat" }
      // Nobody received what is not there.
      #expect(received.map { $0["n"] } == written.prefix(received.count).map { $0["n"] })
      let again = try host(scene, on: room.port, "--rate", "0", "--log", log)
      let last = received.last?["id"] ?? "1"
      let back = try resume(again, "alice", admitted, since: last)
      #expect(try back.expect("auth_result")["gap"] == nil)
      for n in received.count + 1...40 {
        try back.sendLine(
          "{\"type\":\"chat\",\"text\":\"\(text)\",\"sid\":\"0123456789abcdef\",\"n\":\(n)}")
      }
      try back.expect("chat", "n", "40")
      #expect(
        try lines(log).filter { $0.type == "chat" }.compactMap { $0["n"] }
          == (1...40).map(String.init))
      try expectNoGaps(log)
    }
  }

  @Test("a room that goes on without its log says so, and one that comes back is told of a gap")
  func fullDiskContinues() throws {
    try Scene.play { scene in
      let log = "\(try scene.folder())/room.log"
      let room = try scene.host("--rate", "0", "--log-failure", "continue", "--log", log)
      try fill(scene, room)
      let alice = try room.connect()
      let admitted = try alice.join("alice")
      let text = String(repeating: "x", count: 500)
      for _ in 1...40 { try alice.say(text) }
      try alice.expect("chat", "id", "41")
      let said = alice.lines.taken + (try alice.lines.all(for: .milliseconds(200)))
      #expect(
        said.contains {
          $0.contains(
            "The host cannot write its log: file too large. The room goes on without it.")
        })
      try alice.say("after")
      let last = try alice.expect("chat", "text", "after")
      room.program.send(SIGTERM)
      #expect(try room.program.wait() == 0)
      let again = try host(scene, on: room.port, "--log", log)
      #expect(
        try again.program.errors.next()
          == "netchat: the room once went on without \(log): who comes again is told of a gap")
      let back = try resume(again, "alice", admitted, since: last["id"] ?? "")
      #expect(try back.expect("auth_result")["gap"] == "true")
      try back.say("here")
      let next = try back.expect("chat", "text", "here")
      #expect((next["id"].flatMap { Int64($0) } ?? 0) > 1 << 40)
      again.program.kill()
      // It is whole again from here on, in this part and in the next.
      let third = try host(scene, on: room.port, "--log", log, "--log-max-size", "65536")
      let bob = try resume(third, "alice", admitted, since: next["id"] ?? "")
      #expect(try bob.expect("auth_result")["gap"] == nil)
      #expect(
        try !third.program.errors.all(for: .milliseconds(50)).contains { $0.hasPrefix("netchat:") })
      for _ in 1...12 { try bob.say(String(repeating: "y", count: 10_000)) }
      try bob.sendLine("{\"type\":\"ping\"}")
      try bob.expect("pong")
      third.program.kill()
      let fourth = try host(scene, on: room.port, "--log", log)
      #expect(
        try !fourth.program.errors.all(for: .milliseconds(50)).contains { $0.hasPrefix("netchat:") }
      )
    }
  }

  @Test(
    "text clients that leave at once get their answers and their end",
    arguments: ["hi", "hi\n/quit\n"])
  func passingTextClients(saying text: String) throws {
    try Scene.play { scene in
      // Nobody else reads the lines that they read.
      let shell = try scene.shell(
        "exec \"$0\" host --json --port 0 --log '\(try scene.folder())/room.log'")
      let packet = try Packet(shell.output.next() ?? "")
      guard let port = packet["port"].flatMap(UInt16.init) else {
        throw Missed(description: "no port in \(packet)")
      }
      for number in 1...20 {
        let passer = try scene.connect(port)
        try passer.send(text)
        passer.finishSending()
        let lines = try passer.lines.rest(within: .seconds(4))
        #expect(lines.contains { $0.hasSuffix(": hi") }, "\(number): \(lines)")
      }
    }
  }

  @Test(
    "a host whose standard streams are closed leaves its log alone",
    arguments: ["<&-", ">&-", "<&- >&-", "<&- >&- 2>&-"])
  func closedStreams(closing: String) throws {
    try Scene.play { scene in
      let log = "\(try scene.folder())/room.log"
      let shell = try scene.shell(
        "\"$0\" host --port 0 --log \(log) \(closing) & host=$!; sleep 1; kill $host; wait $host; echo $?"
      )
      // Cut off by the room's end, or begun without anybody to show it to.
      try shell.output.expect("0", within: .seconds(10))
      let head = try lines(log)
      #expect(head.first?.type == "log", "\(head)")
      let again = try scene.host("--log", log)
      _ = try again.member("alice")
    }
  }

  @Test("a client that was away for long gets the packets of long ago from the file")
  func longAgo() throws {
    try Scene.play { scene in
      let log = "\(try scene.folder())/räume.log"
      let options = ["--rate", "0", "--history", "10", "--log", log, "--log-max-size", "65536"]
      let room = try Room(
        try scene.run(Program.netchat, ["host", "--port", "0"] + options), in: scene)
      let alice = try room.connect()
      let admitted = try alice.join("alice")
      let count = 3_000
      let talk = try room.member("bob")
      try self.count(to: count, talk)
      alice.close()
      // In several parts, and all of them are asked for.
      let parts = try FileManager.default.contentsOfDirectory(
        atPath: (log as NSString).deletingLastPathComponent)
      #expect(parts.count > 3)
      #expect(parts.contains("räume.log.1"))
      for isAnew in [false, true] {
        if isAnew { room.program.kill() }
        let here =
          try isAnew
          ? Room(
            try scene.run(Program.netchat, ["host", "--port", "\(room.port)"] + options), in: scene)
          : room
        let back = try resume(here, "alice", admitted, since: "2")
        #expect(try back.expect("auth_result")["gap"] == nil)
        // While it is reading, the room goes on.
        let live = isAnew ? try here.member("carol") : talk
        try live.say("live")
        try back.expect("chat", "text", "live")
        let chats = try back.lines.taken.map { try Packet($0) }.filter { $0.type == "chat" }
        #expect(
          chats.compactMap { $0["text"] }.filter { $0 != "live" } == (1...count).map(String.init))
        back.close()
      }
    }
  }

  @Test("a host that is started again hands out the last packets, whichever parts they are in")
  func historyInParts() throws {
    try Scene.play { scene in
      let log = "\(try scene.folder())/room.log"
      let options = ["--rate", "0", "--history", "1000", "--log", log, "--log-max-size", "65536"]
      let room = try Room(
        try scene.run(Program.netchat, ["host", "--port", "0"] + options), in: scene)
      let talk = try room.member("alice")
      try count(to: 2_000, talk)
      // Folded joins and leaves have ids and no packets: not as many parts as ids tell are enough.
      for burst in 1...4 {
        let crowd = try (1...100).map { _ in try room.connect() }
        for guest in crowd { try guest.sendLine("{\"type\":\"auth\"}") }
        for guest in crowd { try guest.expect("auth_result", "ok", "true") }
        for guest in crowd { guest.close() }
        try talk.expect("count", "total", "1")
        try talk.say("burst \(burst)")
        try talk.expect("chat", "text", "burst \(burst)")
      }
      func past(of room: Room, _ name: String) throws -> [String] {
        let guest = try room.connect()
        let end = Int(try guest.join(name, history: 1_000)["id"] ?? "") ?? 0
        try guest.sendLine("{\"type\":\"ping\"}")
        try guest.expect("pong")
        return try guest.lines.taken.map { try Packet($0) }.filter {
          Int($0["id"] ?? "").map { $0 <= end } ?? false && $0.type != "auth_result"
        }.map(\.description)
      }
      let before = try past(of: room, "bob")
      #expect(before.count == 1_000)
      room.program.kill()
      let again = try Room(
        try scene.run(Program.netchat, ["host", "--port", "\(room.port)"] + options), in: scene)
      let after = try past(of: again, "carol")
      #expect(after.count == 1_000)
      // Only what came since has pushed something out.
      #expect(
        after.filter(before.contains) == Array(before.suffix(after.count(where: before.contains))))
      #expect(after.count(where: before.contains) > 990)
    }
  }

  @Test("a part that was being begun is begun again; a file of somebody's is left and named")
  func nameOfNewPart() throws {
    try Scene.play { scene in
      let folder = try scene.folder()
      let log = "\(folder)/room.log"
      let options = ["--rate", "0", "--log", log, "--log-max-size", "65536"]
      let room = try Room(
        try scene.run(Program.netchat, ["host", "--port", "0"] + options), in: scene)
      let alice = try room.member("alice")
      // As a host that was killed amid it leaves them: of this room, and with nothing in it yet.
      for leftover in [try Data(contentsOf: URL(filePath: log)), Data()] {
        try leftover.write(to: URL(filePath: "\(log).new"))
        try count(to: Self.moreThanAPart, alice)
        #expect(!FileManager.default.fileExists(atPath: "\(log).new"))
      }
      try "mine".write(toFile: "\(log).new", atomically: false, encoding: .utf8)
      try count(to: Self.moreThanAPart, alice)
      try room.program.errors.expect(
        "netchat: cannot begin a new part of the log: \(log).new is there already, and is none of "
          + "its parts")
      #expect(try String(contentsOfFile: "\(log).new", encoding: .utf8) == "mine")
    }
  }

  @Test("a log that a symbolic link leads to stays where it is, and its parts beside it")
  func symbolicLink() throws {
    try Scene.play { scene in
      let folder = try scene.folder()
      let log = "\(folder)/chat"
      let files = FileManager.default
      try files.createDirectory(atPath: "\(folder)/far", withIntermediateDirectories: false)
      try files.createSymbolicLink(atPath: log, withDestinationPath: "far/room.log")
      let options = ["--rate", "0", "--log", log, "--log-max-size", "65536"]
      for isAnew in [false, true] {
        let room = try Room(
          try scene.run(Program.netchat, ["host", "--port", "0"] + options), in: scene)
        let alice = try room.connect()
        let id = Int(try alice.join("alice", history: 1_000)["id"] ?? "") ?? 0
        #expect(isAnew == (id > Self.moreThanAPart))
        try count(to: Self.moreThanAPart, alice)
        room.program.kill()
      }
      #expect(try files.destinationOfSymbolicLink(atPath: log) == "far/room.log")
      #expect(try files.contentsOfDirectory(atPath: folder).sorted() == ["chat", "far"])
      let parts = try files.contentsOfDirectory(atPath: "\(folder)/far")
      #expect(parts.contains("room.log") && parts.contains("room.log.1"))
    }
  }

  @Test("a log that is missing or empty beside its own parts begins no other room")
  func missingPresentPart() throws {
    try Scene.play { scene in
      let folder = try scene.folder()
      let log = "\(folder)/room.log"
      let options = ["host", "--port", "0", "--rate", "0", "--log", log, "--log-max-size", "65536"]
      let room = try Room(try scene.run(Program.netchat, options), in: scene)
      let alice = try room.connect()
      try alice.join("alice")
      let hello = try Packet(alice.lines.taken[0])
      try count(to: Self.moreThanAPart, alice)
      room.program.kill()
      let files = FileManager.default
      let parts = try files.contentsOfDirectory(atPath: folder).sorted()
      try files.moveItem(atPath: log, toPath: "\(log).old")
      func refusal() throws -> [String] {
        let program = try scene.run(Program.netchat, options)
        #expect(try program.wait() == 1)
        return try program.errors.rest()
      }
      let cause =
        "netchat: cannot begin a room in the log \(log): \(log).1 is a part of another one"
      let cure = "  move that and the parts after it away, or name another file"
      #expect(try refusal() == [cause, cure])
      #expect(!files.fileExists(atPath: log))
      try Data().write(to: URL(filePath: log))
      #expect(try refusal() == [cause, cure])
      try files.removeItem(atPath: log)
      // As where there are no hard links and a host was killed while it began a part.
      try files.moveItem(atPath: "\(log).old", toPath: "\(log).new")
      #expect(
        try refusal() == [
          cause, "  \(log).new goes on where its parts end: give it the name \(log)",
        ])
      try files.moveItem(atPath: "\(log).new", toPath: log)
      #expect(try files.contentsOfDirectory(atPath: folder).sorted() == parts)
      let again = try Room(try scene.run(Program.netchat, options), in: scene)
      #expect(try again.connect().expect("hello")["room"] == hello["room"])
    }
  }

  @Test("a log that was moved away takes nothing from the host that has its name now")
  func movedAway() throws {
    try Scene.play { scene in
      let folder = try scene.folder()
      let log = "\(folder)/room.log"
      try "mine".write(toFile: "\(log).new", atomically: false, encoding: .utf8)
      let room = try scene.host(
        "--rate", "0", "--history", "10", "--log", log, "--log-max-size", "65536")
      let alice = try room.connect()
      let admitted = try alice.join("alice")
      let talk = try room.member("carol")
      try FileManager.default.moveItem(atPath: log, toPath: "\(folder)/old.log")
      let other = try scene.host("--rate", "0", "--log", log)
      let bob = try other.member("bob")
      for number in 1...30 { try bob.say("of the other room \(number)") }
      try bob.expect("chat", "text", "of the other room 30")
      let filling = String(repeating: "x", count: 1_000)
      // One after the other: a part is begun with the first group that comes when it is full.
      for number in 1...100 {
        try talk.say("\(number) \(filling)")
        try talk.expect("chat", "text", "\(number) \(filling)")
      }
      try room.program.errors.expect(
        "netchat: cannot begin a new part of the log: \(log) is another file now")
      alice.close()
      let early = try resume(room, "alice", admitted, since: "2")
      try early.expect("bye", "code", "timeout")
      #expect(!early.lines.taken.contains { $0.contains("other room") })
      let late = try resume(room, "alice", admitted, since: "2")
      #expect(try late.expect("auth_result", "ok", "true")["gap"] == "true")
      // And the other host goes on with what is its own.
      other.program.kill()
      let again = try scene.host("--log", log)
      let eve = try again.connect()
      try eve.join("eve", history: 1)
      try eve.expect("chat", "text", "of the other room 30")
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == [
          "old.log", "room.log", "room.log.new",
        ])
      #expect(try String(contentsOfFile: "\(log).new", encoding: .utf8) == "mine")
    }
  }

  /// What somebody did to a finished part.
  enum Meddling: CaseIterable {
    case partRemoved, lineRemoved, linesExchanged

    func meddle(with part: String) throws {
      guard self != .partRemoved else { return try FileManager.default.removeItem(atPath: part) }
      var lines = try String(contentsOfFile: part, encoding: .utf8).split(separator: "\n")
      if self == .lineRemoved { lines.remove(at: 50) } else { lines.swapAt(50, 51) }
      try (lines.joined(separator: "\n") + "\n").write(
        toFile: part, atomically: false, encoding: .utf8)
    }
  }

  @Test(
    "parts and packets that were taken away make a gap, which is said", arguments: Meddling.allCases
  )
  func missingParts(meddling: Meddling) throws {
    try Scene.play { scene in
      let log = "\(try scene.folder())/room.log"
      let room = try scene.host(
        "--rate", "0", "--history", "0", "--log", log, "--log-max-size", "65536")
      let alice = try room.connect()
      let admitted = try alice.join("alice")
      for n in 1...1_000 {
        try alice.say("\(n)")
        if n % 100 == 0 { try alice.expect("chat", "text", "\(n)") }
      }
      alice.close()
      try meddling.meddle(with: "\(log).1")
      let first = try resume(room, "alice", admitted, since: "1")
      // It was admitted before the file was looked for: it is cut, and told when it comes again.
      let end = try first.expect("bye", within: .seconds(2))
      #expect(
        end["code"] == "timeout" && end["reason"] == "What you missed is not in the log any more.")
      #expect(try first.lines.rest(within: .seconds(4)) == [])
      #expect(try first.lines.taken.allSatisfy { try Packet($0).type != "chat" })
      let again = try resume(room, "alice", admitted, since: "1")
      #expect(try again.expect("auth_result")["gap"] == "true")
    }
  }

  @Test("with --sync it is on the disk before anyone receives it")
  func synchronised() throws {
    try Scene.play { scene in
      let log = "\(try scene.folder())/room.log"
      let room = try scene.host("--rate", "0", "--log", log, "--sync", "--log-max-size", "65536")
      let alice = try room.member("alice")
      let bob = try room.member("bob")
      for n in 1...1_000 { try alice.say("\(n)") }
      try bob.expect("chat", "text", "1000")
      try alice.sendLine("{\"type\":\"chat\",\"text\":\"psst\",\"to\":\"bob\"}")
      try bob.expect("chat", "text", "psst")
      try alice.sendLine("{\"type\":\"who\"}")
      try alice.expect("members")
      let netcat = try room.netcat()
      try netcat.type("by hand")
      try netcat.output.expect { $0.hasSuffix(": by hand") }
      room.program.send(SIGTERM)
      #expect(try room.program.wait() == 0)
      #expect(try bob.expect("bye")["code"] == "shutdown")
    }
  }
}
