import Foundation
import Glibc
import Testing

/// `netchat selftest`, on this machine and towards hosts that have something wrong with them.
@Suite("selftest", .serialized)
struct SelftestTests {
  /// On a machine that does other things besides.
  private static let time: Duration = .seconds(120)

  // MARK: This machine

  @Test("says of each check that it holds, in plain lines, and ends with status 0")
  func all() throws {
    try Scene.play { scene in
      let program = try scene.netchat("selftest")
      let lines = try program.output.rest(within: Self.time)
      #expect(try program.wait() == 0)
      #expect(lines.count == 16)
      #expect(lines.dropLast().allSatisfy { $0.hasPrefix("✓ ") && $0.count <= 80 })
      #expect(lines.last?.hasPrefix("Nothing is wrong: 15 checks, ") == true)
      #expect(lines.allSatisfy { !$0.contains("\u{1B}") && !$0.contains("\r") })
      #expect(try program.errors.rest() == [])
    }
  }

  @Test("a check that fails has its reason and what to do, and the others go on; also as JSON")
  func fails() throws {
    try Scene.play { scene in
      let program = try scene.shell("ulimit -n 150; exec \"$0\" selftest --json")
      let lines = try program.output.rest(within: Self.time)
      #expect(try program.wait() == 1)
      let packets = try lines.map { try Packet($0) }
      #expect(packets.map(\.type) == Array(repeating: "check", count: 15) + ["summary"])
      let failed = packets.filter { $0["result"] == "fails" }
      #expect(failed.map { $0["name"] } == ["200 members hear each other"])
      #expect(failed.first?["text"]?.contains("too many open files") == true)
      #expect(failed.first?["hint"] == "more files may be open after: ulimit -n 1024")
      #expect(packets.filter { $0["result"] == "holds" }.count == 14)
      #expect(packets.last?["failed"] == "1")
    }
  }

  @Test("has a bar on a terminal, which is gone at the end")
  func terminal() throws {
    let terminal = try PseudoTerminal(["selftest"], environment: ["TERM=xterm", "NO_COLOR=1"])
    let shown = try terminal.expect("Nothing is wrong", within: Self.time)
    #expect(try terminal.wait() == 0)
    #expect(shown.contains("░ 0 of 15  "))
    #expect(shown.contains("░ 14 of 15  "))
    // Each bar is wiped before its line is written.
    let lines = shown.components(separatedBy: "\r\n").filter { $0.contains("✓") }
    #expect(lines.count == 15)
    #expect(lines.allSatisfy { $0.contains("\r\u{1B}[K✓ ") })
  }

  @Test("measures rooms: a row and a bar each, or JSON; in clear text and secure")
  func bench() throws {
    try Scene.play { scene in
      let table = try scene.netchat("selftest", "--bench", "--clients", "20", "--seconds", "0.3")
      let lines = try table.output.rest(within: Self.time)
      #expect(try table.wait() == 0)
      let rows = lines.filter { $0.contains("█") || $0.contains("▏") }
      #expect(rows.map { $0.split(separator: " ").first } == ["10", "20"])
      let json = try scene.netchat(
        "selftest", "--bench", "--clients", "10", "--seconds", "0.3", "--secure", "--json")
      let packets = try json.output.rest(within: Self.time).map { try Packet($0) }
      #expect(packets.count == 1)
      #expect(packets.first?["mode"] == "secure")
      for key in ["deliveries_per_second", "cpu_ns_per_delivery", "p50_ns", "p99_ns"] {
        #expect(packets.first?[key].flatMap { Int($0) } ?? 0 > 0, "\(key)")
      }
    }
  }

  @Test("does not begin to measure what the limit on open files cannot hold")
  func tooMany() throws {
    try Scene.play { scene in
      let program = try scene.shell("ulimit -n 300; exec \"$0\" selftest --bench --clients 500")
      #expect(try program.wait() == 1)
      #expect(
        try program.errors.rest() == [
          "netchat: 500 clients need 1100 open files, and 300 are allowed",
          "  --clients 100, or ulimit -n 1100",
        ])
    }
  }

  // MARK: The way to a host

  /// What it says of a host: the status, and its lines without their times.
  private func look(
    _ scene: Scene, at host: String, password: String? = nil
  ) throws -> (status: Int32, lines: [String]) {
    let given = password.map { ["NETCHAT_PASSWORD=\($0)"] } ?? ["-u", "NETCHAT_PASSWORD"]
    let program = try scene.run(
      "env",
      given + [
        "XDG_STATE_HOME=\(try scene.folder())", "setsid", "-w", Program.netchat, "selftest", host,
      ])
    let lines = try program.output.rest(within: Self.time)
    let status = try program.wait()
    #expect(try program.errors.rest() == [])
    let times = [/[ ]{2,}[0-9.]+ [nµm]?s$/, /, [0-9.]+ [nµm]?s\.$/]
    return (
      status, lines.map { line in times.reduce(line) { $0.replacing($1, with: "") } }
    )
  }

  /// Each line is one of these, or begins with one that ends with `…`.
  private func expect(_ lines: [String], _ wanted: [String]) {
    let same =
      lines.count == wanted.count
      && zip(lines, wanted).allSatisfy { line, wanted in
        wanted.hasSuffix("…") ? line.hasPrefix(wanted.dropLast()) : line == wanted
      }
    #expect(same, "\(lines)")
  }

  @Test("a room in clear text")
  func clear() throws {
    try Scene.play { scene in
      let room = try scene.host()
      let (status, lines) = try look(scene, at: "127.0.0.1:\(room.port)")
      #expect(status == 0)
      expect(
        lines,
        [
          "✓ name: 127.0.0.1", "✓ connection: 127.0.0.1:\(room.port) takes it",
          "✓ host: netchat/1.0.0, protocol version 2",
          "✓ encryption: none: whoever is on the way can read along",
          "✓ room: not secure: it asks for no password", "✓ admission: let in as selftest",
          "✓ round trip: …", "✓ clock: the same as here, within …",
          "Nothing is wrong: 8 checks",
        ])
      try room.screen.expect(prefix: "selftest joined from ")
      try room.screen.expect("selftest disconnected.")
    }
  }

  @Test("a secure room, with the password, without, and with a wrong one")
  func secure() throws {
    try Scene.play { scene in
      let room = try scene.secureHost()
      let place = "127.0.0.1:\(room.port)"
      let beginning = [
        "✓ name: 127.0.0.1", "✓ connection: \(place) takes it",
        "✓ host: netchat/1.0.0, protocol version 2", "✓ encryption: TLSv1.3, …",
        "✓ room: secure: it asks for a password",
        "✓ certificate: not needed: the password proves the host",
      ]
      let right = try look(scene, at: place, password: "open sesame")
      #expect(right.status == 0)
      expect(
        right.lines,
        beginning + [
          "✓ password: right, and nobody is in the middle; let in as selftest",
          "✓ round trip: …", "✓ clock: the same as here, within …", "Nothing is wrong: 9 checks",
        ])
      let none = try look(scene, at: place)
      #expect(none.status == 0)
      expect(
        none.lines,
        beginning + [
          "- password: not tried: none was given",
          "    --password-file FILE or the variable NETCHAT_PASSWORD", "Nothing is wrong: 7 checks",
        ])
      let wrong = try look(scene, at: place, password: "open simsim")
      #expect(wrong.status == 1)
      expect(wrong.lines, beginning + Self.unproven + ["1 of 7 checks failed"])
    }
  }

  private static let unproven = [
    "✗ password", "    wrong password, or someone is in the middle",
    "    type it again; if it is right do not go on: …",
  ]

  @Test("somebody in the middle of the way to a secure room")
  func relay() throws {
    try Scene.play { scene in
      let room = try scene.secureHost()
      let folder = try scene.folder()
      let gencert = try scene.netchat(
        "gencert", "--cert", "\(folder)/cert.pem", "--key", "\(folder)/key.pem")
      #expect(try gencert.wait() == 0)
      let port = scene.freePort()
      _ = try scene.run(
        "socat",
        "openssl-listen:\(port),bind=127.0.0.1,reuseaddr,fork,cert=\(folder)/cert.pem,"
          + "key=\(folder)/key.pem,verify=0", "openssl-connect:127.0.0.1:\(room.port),verify=0")
      try scene.waitForListener(on: port)
      let (status, lines) = try look(scene, at: "127.0.0.1:\(port)", password: "open sesame")
      #expect(status == 1)
      expect(Array(lines.suffix(4)), Self.unproven + ["1 of 7 checks failed"])
    }
  }

  @Test("a room over TLS whose certificate nobody vouches for, or that was accepted before")
  func certificate() throws {
    try Scene.play { scene in
      let room = try scene.host(mode: "TLS", "--tls")
      let place = "127.0.0.1:\(room.port)"
      let (status, lines) = try look(scene, at: place)
      #expect(status == 1)
      expect(
        Array(lines.suffix(4)),
        [
          "✗ certificate", "    not verified: self-signed certificate; it is SHA256:…",
          "    ask the host's operator whether that is it, then join with --fingerprint",
          "1 of 6 checks failed",
        ])
      let words = lines[lines.count - 3].split(separator: " ")
      let fingerprint = try #require(words.last)
      for (known, result) in [
        (fingerprint, 0), ("SHA256:\(String(repeating: "A", count: 43))", 1), ("secure", 1),
      ] {
        let state = try scene.folder()
        try FileManager.default.createDirectory(
          atPath: "\(state)/netchat", withIntermediateDirectories: true)
        try "\(place) \(known)\n".write(
          toFile: "\(state)/netchat/known_hosts", atomically: true, encoding: .utf8)
        let program = try scene.run(
          "env", "XDG_STATE_HOME=\(state)", Program.netchat, "selftest", place)
        let text = try program.output.rest(within: Self.time).joined(separator: "\n")
        #expect(try program.wait() == result)
        switch known {
        case fingerprint: #expect(text.contains("✓ certificate: the one that was accepted before"))
        case "secure":
          #expect(text.contains("it was a secure room before, and now asks for no password"))
        default: #expect(text.contains("it has changed, to \(fingerprint)"))
        }
      }
    }
  }

  @Test("a name that leads nowhere, a closed port, and one that answers nothing")
  func unreachable() throws {
    try Scene.play { scene in
      let name = try look(scene, at: "nowhere.invalid:4000")
      #expect(name.status == 1)
      expect(
        name.lines,
        [
          "✗ name", "    cannot find 'nowhere.invalid': …",
          "    is it spelled right? else try an address, such as 192.0.2.1 or ::1",
          "1 of 1 checks failed",
        ])
      let port = scene.freePort()
      let closed = try look(scene, at: "127.0.0.1:\(port)")
      #expect(closed.status == 1)
      expect(
        closed.lines,
        [
          "✓ name: 127.0.0.1", "✗ connection", "    127.0.0.1:\(port): connection refused",
          "    no host listens there: is it running, and is the port right?",
          "1 of 2 checks failed",
        ])
      let (descriptor, silent) = try listener(backlog: 8)
      defer { close(descriptor) }
      let silence = try look(scene, at: "127.0.0.1:\(silent)")
      #expect(silence.status == 1)
      expect(
        Array(silence.lines.dropFirst(2)),
        [
          "✗ host", "    it takes connections and says nothing",
          "    is that port a netchat host? if it is, it may be stopped, or the line very slow",
          "1 of 3 checks failed",
        ])
    }
  }

  /// Who listens on 127.0.0.1 and accepts nobody.
  private func listener(backlog: Int32) throws -> (descriptor: Int32, port: UInt16) {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in.loopback(port: 0)
    let status = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard status == 0, listen(listener, backlog) == 0 else {
      throw Missed(description: "cannot listen: \(errno)")
    }
    return (listener, sockaddr_in.localPort(of: listener))
  }

  @Test("packets that are lost on the way, as in a firewall")
  func filtered() throws {
    try Scene.play { scene in
      // Where the queue of connections is full the kernel drops what asks for another.
      let (descriptor, port) = try listener(backlog: 0)
      defer { close(descriptor) }
      let queued = try (0..<1).map { _ in try scene.connect(port) }
      let (status, lines) = try look(scene, at: "127.0.0.1:\(port)")
      _ = queued
      #expect(status == 1)
      expect(
        Array(lines.dropFirst()),
        [
          "✗ connection", "    127.0.0.1:\(port): no answer in time",
          "    packets are lost on the way, mostly in a firewall: is that port open there?",
          "1 of 2 checks failed",
        ])
    }
  }

  @Test("another program, TLS that nobody understands, a full room, and a host of version 1")
  func others() throws {
    try Scene.play { scene in
      let server = try scene.shell(
        "exec python3 -c 'import socket; l = socket.create_server((\"127.0.0.1\", 0)); "
          + "print(l.getsockname()[1], flush=True); c, _ = l.accept(); c.close(); "
          + "c, _ = l.accept(); c.send(b\"220 smtp.example.org ESMTP\\r\\n\"); c.recv(9)'")
      let other = try look(scene, at: "127.0.0.1:\(try server.output.next() ?? "")")
      #expect(other.status == 1)
      #expect(other.lines[2] == "✗ host")
      #expect(other.lines[3].hasPrefix("    it is no netchat host: "))
      #expect(other.lines[4] == "    another program has that port")

      let port = scene.freePort()
      let folder = try scene.folder()
      let gencert = try scene.netchat(
        "gencert", "--cert", "\(folder)/cert.pem", "--key", "\(folder)/key.pem", "--type", "rsa")
      #expect(try gencert.wait() == 0)
      _ = try scene.run(
        "openssl", "s_server", "-accept", "127.0.0.1:\(port)", "-tls1_2", "-cipher", "AES128-SHA",
        "-cert", "\(folder)/cert.pem", "-key", "\(folder)/key.pem", "-quiet")
      try scene.waitForListener(on: port)
      let foreign = try look(scene, at: "127.0.0.1:\(port)")
      #expect(foreign.status == 1)
      #expect(foreign.lines[2] == "✗ TLS")
      #expect(foreign.lines[3].hasPrefix("    tls handshake failed: "))

      let full = try scene.host("--max-clients", "1")
      _ = try full.member("alice")
      let refused = try look(scene, at: "127.0.0.1:\(full.port)")
      #expect(refused.status == 1)
      #expect(refused.lines.contains("    the room is full"))

      let old = try scene.versionOneHost("admits")
      let versionOne = try look(scene, at: "127.0.0.1:\(old.port)")
      #expect(versionOne.status == 0)
      #expect(
        versionOne.lines.contains(
          "- round trip: not measured: a host of version 1 answers no ping"))
    }
  }

  @Test("a room that asks for no password is not told one")
  func notSecure() throws {
    try Scene.play { scene in
      let room = try scene.host()
      let (status, lines) = try look(scene, at: "127.0.0.1:\(room.port)", password: "open sesame")
      #expect(status == 1)
      expect(
        Array(lines.dropFirst(2)),
        [
          "✗ host", "    it speaks clear text, and nothing was said to it",
          "    it is not a secure room: leave out the password to look at it all the same",
          "1 of 3 checks failed",
        ])
    }
  }
}
