import Foundation
import Glibc
import Testing

/// Strangers who mean no good, and what members see of them. One after the other: time is measured.
@Suite("siege", .serialized)
struct SiegeTests {
  @Test("however many handshakes stall, who comes after them is answered or refused soon")
  func stalledQueue() throws {
    try Scene.play { scene in
      let host = try scene.netchat("host", "--port", "0", "--json", "--tls")
      let port = try #require(UInt16(try Packet(host.output.next() ?? "")["port"] ?? ""))
      let crowd = try (0..<900).map { _ in
        let connection = try scene.connect(port)
        try connection.send([0x16, 3, 1])
        return connection
      }
      // They are no TLS clients: told so, unless they are among those refused.
      for _ in 0..<5 {
        let late = try scene.connect(port)
        try late.sendLine("hello")
        let lines = try late.lines.rest(within: .seconds(3))
        #expect(lines.allSatisfy { $0.contains("\"tls\":\"required\"") })
      }
      let events = try host.output.expect(within: .seconds(3)) { $0.contains("\"turned_away\"") }
      #expect(try Packet(events.line)["count"] != nil)
      for connection in crowd { connection.close() }
    }
  }

  @Test(
    "of 700 handshakes that trickle in some are refused, all end after 10 s, and members talk on")
  func slowHandshakes() throws {
    try Scene.play { scene in
      let room = try scene.secureHost()
      let alice = try scene.clint(room.port, password: "open sesame", "--name", "alice")
      try alice.output.expect(prefix: "Connected to ")
      let before = room.program.descriptorCount
      // A handshake record of 512 bytes, one byte after the other.
      var record: [UInt8] = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3]
      record += [UInt8](repeating: 7, count: 505)
      let start = ContinuousClock.now
      let crowd = try (0..<700).map { _ in
        let connection = try room.connect()
        try connection.send([record[0]])
        return connection
      }
      var sent = 1
      var refused = 0
      while ContinuousClock.now - start < .seconds(9) {
        // Who was refused takes nothing more.
        for connection in crowd { try? connection.send([record[sent]]) }
        sent += 1
        if sent == 4 { refused = crowd.count { hasEnded($0) } }
        if sent == 5 {
          try alice.type("still here")
          try room.screen.expect("alice: still here", within: .seconds(2))
        }
        usleep(500_000)
      }
      #expect(room.program.descriptorCount > before + 500)
      for connection in crowd {
        #expect(try connection.lines.rest(within: .seconds(14)) == [])
      }
      try room.program.errors.expect("the handshakes' end") {
        $0.hasSuffix(": Its TLS handshake took too long.")
      }
      let time = ContinuousClock.now - start
      #expect(time > .seconds(9) && time < .seconds(16), "\(time)")
      // From 512 on a growing share: of some 190 about a fifth.
      #expect(refused > 0 && refused < 180, "\(refused) refused")
      for connection in crowd { connection.close() }
      let bob = try scene.clint(room.port, password: "open sesame", "--name", "bob")
      try bob.output.expect(prefix: "Connected to ")
      #expect(try settles { room.program.descriptorCount <= before + 1 + Sanitizer.descriptors })
      #expect(room.program.isIdle)
    }
  }

  @Test(
    "a gibibyte without a line feed is cut early and takes no memory", arguments: [false, true])
  func endlessLine(afterAdmission: Bool) throws {
    try Scene.play { scene in
      let room = try scene.host("--rate", "0")
      let alice = try room.member("alice")
      try alice.say("before")
      try alice.expect("chat", "text", "before")
      let before = room.program.peakKilobytes
      for _ in 0..<4 {
        let stranger = afterAdmission ? try room.member("mallory") : try room.connect()
        let taken = push(stranger, megabytes: 1 << 10)
        // What the kernel's buffers hold besides.
        #expect(taken < 64 << 20, "\(taken) bytes were taken")
        stranger.close()
      }
      #expect(room.program.peakKilobytes - before < (8 << 10) + Sanitizer.kilobytes)
      try alice.say("after")
      try alice.expect("chat", "text", "after")
    }
  }

  /// Sends as much as is taken.
  private func push(_ connection: RawConnection, megabytes: Int) -> Int {
    let block = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20)
    var taken = 0
    while taken < megabytes << 20 {
      let count = block.withUnsafeBytes {
        Glibc.send(connection.descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count <= 0 { break }
      taken += count
    }
    return taken
  }

  @Test("a gibibyte of the smallest packets is answered no faster than it is read, in no memory")
  func flood() throws {
    try Scene.play { scene in
      let room = try scene.host("--rate", "0")
      let alice = try room.member("alice")
      let before = room.program.peakKilobytes
      let mallory = try room.member("mallory")
      // Each wants an answer that nobody reads.
      let packets = Array(String(repeating: "{\"type\":\"who\"}\n", count: 10_000).utf8)
      _ = fcntl(mallory.descriptor, F_SETFL, O_NONBLOCK)
      let end = ContinuousClock.now + .seconds(1)
      while ContinuousClock.now < end {
        let count = packets.withUnsafeBytes {
          Glibc.send(mallory.descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        if count <= 0 { usleep(1000) }
      }
      #expect(room.program.peakKilobytes - before < (16 << 10) + Sanitizer.kilobytes)
      try alice.say("hello")
      try alice.expect("chat", "text", "hello", within: .seconds(1))
    }
  }

  @Test("thousands of connections that are reset at any moment leave nothing behind")
  func resets() throws {
    try Scene.play { scene in
      let room = try scene.host("--rate", "0")
      let alice = try room.member("alice")
      func storm() throws {
        for number in 0..<1_000 {
          let connection = try room.connect()
          switch number % 4 {
          case 0: break
          case 1: try connection.send("{\"type\":\"auth\",\"version\":2,\"na")
          case 2: try connection.sendLine("{\"type\":\"auth\",\"version\":2,\"name\":\"m\"}")
          default: try connection.sendLine("{\"type\":\"auth\"}\n{\"type\":\"who\"}")
          }
          connection.reset()
          if number % 100 == 0 {
            try alice.say("\(number)")
            try alice.expect("chat", "text", "\(number)", within: .seconds(2))
          }
        }
      }
      let descriptors = room.program.descriptorCount
      try storm()
      let memory = room.program.peakKilobytes
      try storm()
      #expect(try settles { room.program.descriptorCount <= descriptors + Sanitizer.descriptors })
      #expect(room.program.peakKilobytes - memory < (4 << 10) + Sanitizer.kilobytes)
      // Those with a token keep their places for 5 s.
      usleep(6_500_000)
      try alice.sendLine("{\"type\":\"who\"}")
      try alice.expect("members", "total", "1")
      #expect(room.program.isIdle)
    }
  }

  @Test("a client that is stopped is cut, harms nobody, and comes back when it goes on")
  func stoppedClient() throws {
    try Scene.play { scene in
      let room = try scene.host("--max-lag", "1048576", "--rate", "0")
      let alice = try room.member("alice")
      let shown = try scene.folder() + "/bob"
      let bob = try scene.shell(
        "exec \"$0\" clint 127.0.0.1:\(room.port) --name bob >\(shown)")
      try alice.expect("system", "name", "bob")
      bob.send(SIGSTOP)
      let filling = String(repeating: "x", count: 60_000)
      for number in 1...120 {
        try alice.say("\(number) \(filling)")
        try alice.lines.expect("\(number)", within: .seconds(1)) { $0.contains("\"\(number) xxx") }
      }
      try alice.expect("system", "text", "bob disconnected.", within: .seconds(20))
      bob.send(SIGCONT)
      try alice.expect("system", "name", "bob", within: .seconds(20))
      try alice.say("welcome")
      #expect(
        try settles {
          (try? String(contentsOfFile: shown, encoding: .utf8))?.contains("\nalice: welcome\n")
            == true
        })
    }
  }

  @Test(
    "signals in the middle of the talk end the room in good order", arguments: [SIGTERM, SIGHUP])
  func signalUnderLoad(number: Int32) throws {
    // Several times: what the workers do at the same time comes out in many ways.
    for _ in 0..<3 { try Scene.play { scene in try endUnderLoad(by: number, scene) } }
  }

  private func endUnderLoad(by number: Int32, _ scene: Scene) throws {
    let room = try scene.host("--rate", "0")
    let crowd = try (0..<20).map { try room.member("m\($0)") }
    func talk() {
      for connection in crowd { for _ in 0..<50 { try? connection.say("hello") } }
    }
    talk()
    room.program.send(SIGPIPE)
    talk()
    try crowd[0].sendLine("{\"type\":\"chat\",\"text\":\"not by SIGPIPE\"}")
    try crowd[0].expect("chat", "text", "not by SIGPIPE")
    talk()
    room.program.send(number)
    talk()
    for connection in crowd {
      let last = try connection.lines.rest().last
      #expect(
        last?.contains("\"type\":\"bye\",\"code\":\"shutdown\"") == true, "\(last ?? "nothing")")
    }
    #expect(try room.program.wait(within: .seconds(5)) == 0)
  }

  /// Whether the host has closed it, and without a word.
  private func hasEnded(_ connection: RawConnection) -> Bool {
    do {
      return try connection.lines.next(within: .zero) == nil
    } catch {
      return false
    }
  }

  private func settles(_ condition: () -> Bool) throws -> Bool {
    for _ in 0..<50 * Sanitizer.slowness {
      if condition() { return true }
      usleep(100_000)
    }
    return false
  }
}
