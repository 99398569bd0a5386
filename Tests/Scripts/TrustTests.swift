import Foundation
import Testing

/// Which certificates and which hosts a client trusts, against the real programs (PROTOCOL.md,
/// sections 2 and 10).
@Suite("trust", .serialized)
struct TrustTests {
  /// A certificate that `netchat gencert` makes, its key and its fingerprint.
  private struct Made {
    let cert: String
    let key: String
    let fingerprint: String
  }

  private func gencert(_ scene: Scene, _ arguments: String...) throws -> Made {
    let folder = try scene.folder()
    let (cert, key) = ("\(folder)/cert.pem", "\(folder)/key.pem")
    let program = try scene.run(
      Program.netchat,
      ["gencert", "--cert", cert, "--key", key, "--name", "127.0.0.1"] + arguments)
    guard try program.wait() == 0 else { throw Missed(description: "no certificate") }
    let openssl = try scene.shell(
      "openssl x509 -in \"$1\" -outform der | openssl dgst -sha256 -binary | base64", cert)
    let base64 = try openssl.output.next() ?? ""
    return Made(
      cert: cert, key: key, fingerprint: "SHA256:" + base64.replacing("=", with: ""))
  }

  /// A client that has a known_hosts file of its own, at `state`.
  private func clint(
    _ scene: Scene, state: String, _ port: UInt16, _ arguments: String..., password: String? = nil
  ) throws -> Program {
    let given = password.map { ["NETCHAT_PASSWORD=\($0)"] } ?? ["-u", "NETCHAT_PASSWORD"]
    return try scene.run(
      "env",
      given + ["XDG_STATE_HOME=\(state)", Program.netchat, "clint", "127.0.0.1:\(port)"]
        + arguments)
  }

  private func remember(_ line: String, at state: String) throws {
    try FileManager.default.createDirectory(
      atPath: "\(state)/netchat", withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o700])
    try (line + "\n").write(
      toFile: "\(state)/netchat/known_hosts", atomically: false, encoding: .utf8)
  }

  /// Expects that a client joins, says a word and leaves.
  private func expectJoin(_ clint: Program, _ comment: Comment) throws {
    try clint.type("in")
    clint.closeInput()
    #expect(try clint.wait() == 0, comment)
    #expect(try clint.output.rest().contains { $0.hasSuffix(": in") }, comment)
  }

  /// Expects that a client ends at once, with this line, and was not in the room.
  private func expectRefusal(
    _ clint: Program, _ words: String, hint: String? = nil, _ comment: Comment? = nil
  ) throws {
    try clint.type("a secret")
    #expect(try clint.wait(within: .seconds(5)) == 1, comment)
    let said = try clint.errors.rest()
    #expect(said.first?.contains(words) == true, "\(said)")
    if let hint { #expect(said.last?.contains(hint) == true, "\(said)") }
    #expect(try clint.output.rest() == [], comment)
  }

  @Test(
    "a certificate of each key type is taken by --cert and by its fingerprint, and no other is",
    arguments: ["ecdsa", "ed25519", "rsa"])
  func pins(type: String) throws {
    try Scene.play { scene in
      let mine = try gencert(scene, "--type", type)
      let other = try gencert(scene)
      let room = try scene.host(mode: "TLS", "--tls", "--cert", mine.cert, "--key", mine.key)
      let hex = try scene.shell(
        "openssl x509 -in \"$1\" -noout -fingerprint -sha256 | sed 's/.*=//'", mine.cert)
      let colons = try hex.output.next() ?? ""
      for arguments in [
        ["--cert", mine.cert], ["--fingerprint", mine.fingerprint], ["--fingerprint", colons],
        ["--tls-insecure"],
      ] {
        let clint = try scene.run(
          "env",
          ["XDG_STATE_HOME=\(try scene.folder())", Program.netchat, "clint"]
            + ["127.0.0.1:\(room.port)"] + arguments)
        try expectJoin(clint, "\(arguments)")
      }
      try expectRefusal(
        clint(scene, state: scene.folder(), room.port, "--cert", other.cert),
        "is not one that --cert vouches for")
      try expectRefusal(
        clint(scene, state: scene.folder(), room.port, "--fingerprint", other.fingerprint),
        "is not the one that --fingerprint names", hint: mine.fingerprint)
      try expectRefusal(
        clint(scene, state: scene.folder(), room.port), "is not verified", hint: mine.fingerprint)
    }
  }

  @Test("a certificate that names another host is not verified by --cert")
  func otherName() throws {
    try Scene.play { scene in
      let folder = try scene.folder()
      let (cert, key) = ("\(folder)/cert.pem", "\(folder)/key.pem")
      let program = try scene.netchat(
        "gencert", "--cert", cert, "--key", key, "--name", "chat.example.org")
      #expect(try program.wait() == 0)
      let room = try scene.host(mode: "TLS", "--tls", "--cert", cert, "--key", key)
      try expectRefusal(
        clint(scene, state: scene.folder(), room.port, "--cert", cert),
        "is not one that --cert vouches for")
    }
  }

  @Test("in a secure room --cert and --fingerprint are enforced beside the password")
  func pinsInSecureRoom() throws {
    try Scene.play { scene in
      let mine = try gencert(scene)
      let other = try gencert(scene)
      let room = try scene.secureHost("--cert", mine.cert, "--key", mine.key)
      try expectJoin(
        clint(
          scene, state: scene.folder(), room.port, "--fingerprint", mine.fingerprint,
          password: "open sesame"), "its own")
      try expectRefusal(
        clint(
          scene, state: scene.folder(), room.port, "--fingerprint", other.fingerprint,
          password: "open sesame"), "is not the one that --fingerprint names")
      try expectRefusal(
        clint(
          scene, state: scene.folder(), room.port, "--cert", other.cert, password: "open sesame"),
        "is not one that --cert vouches for")
      #expect(
        try room.screen.all(for: .milliseconds(50)).filter { $0.contains("joined") }.count == 1)
    }
  }

  @Test(
    "a certificate that no client could take is refused at the start, by its file's name",
    arguments: [
      (
        "-algorithm EC -pkeyopt ec_paramgen_curve:secp256k1", "key.pem",
        "no client takes a key of that kind"
      ),
      ("-algorithm RSA -pkeyopt rsa_keygen_bits:1024", "cert.pem", "ee key too small"),
      ("-algorithm EC -pkeyopt ec_paramgen_curve:secp521r1", "", ""),
      ("-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048", "", ""), ("-algorithm ED448", "", ""),
    ])
  func kindsOfKeys(options: String, file: String, reason: String) throws {
    try Scene.play { scene in
      let folder = try scene.folder()
      let openssl = try scene.shell(
        """
        cd "$1" && openssl genpkey \(options) -out key.pem &&
        openssl req -x509 -new -key key.pem -subj /CN=x -days 9 -addext subjectAltName=IP:127.0.0.1 -out cert.pem
        """, folder)
      #expect(try openssl.wait() == 0)
      let pair = ["--cert", "\(folder)/cert.pem", "--key", "\(folder)/key.pem"]
      let host = try scene.run(Program.netchat, ["host", "--port", "0", "--tls"] + pair)
      guard file.isEmpty else {
        #expect(try host.wait() == 1)
        #expect(try host.errors.next() == "netchat: cannot use \(folder)/\(file): \(reason)")
        return
      }
      let room = try Room(host, in: scene, mode: "TLS")
      try expectJoin(
        clint(scene, state: scene.folder(), room.port, "--cert", "\(folder)/cert.pem"), "\(options)"
      )
    }
  }

  @Test("a fingerprint that is none is wrong usage, before anything is opened")
  func malformedFingerprints() throws {
    try Scene.play { scene in
      for text in [
        "", "SHA256:", "SHA256:zz", "MD5:aa", "SHA256:" + String(repeating: "A", count: 42),
      ] {
        let clint = try scene.netchat("clint", "127.0.0.1:1", "--fingerprint", text)
        #expect(try clint.wait() == 2, "\(text)")
        #expect(try clint.errors.next()?.contains("fingerprint") == true, "\(text)")
      }
    }
  }

  /// A client at a terminal that is asked about the certificate of a room.
  private func question(_ scene: Scene) throws -> (Room, PseudoTerminal) {
    let room = try scene.host(mode: "TLS", "--tls")
    let terminal = try PseudoTerminal(
      ["clint", "127.0.0.1:\(room.port)", "--name", "bob"],
      environment: ["XDG_STATE_HOME=\(try scene.folder())", "TERM=xterm"])
    try terminal.expect("Join, and remember it? [y/N]: ")
    return (room, terminal)
  }

  @Test(
    "the question about a certificate ends by Ctrl-C and by signals",
    arguments: [0, SIGTERM, SIGHUP])
  func questionInterrupted(signal: Int32) throws {
    try Scene.play { scene in
      let (_, terminal) = try question(scene)
      if signal == 0 { terminal.type("\u{3}") } else { terminal.send(signal) }
      #expect(try terminal.wait(within: .seconds(5)) != 0)
    }
  }

  @Test(
    "while the question about a certificate stands the room sees nobody; it is asked until answered"
  )
  func questionAnswered() throws {
    try Scene.play { scene in
      let (room, terminal) = try question(scene)
      // Longer than a host waits for the first word of a client.
      #expect(try room.screen.all(for: .milliseconds(600)) == [])
      terminal.type("maybe\r")
      try terminal.expect("'maybe' is neither yes nor no")
      try terminal.expect("type y or n\r\nThe certificate of ")
      terminal.type("y\r")
      try terminal.expect("Connected to")
      try room.screen.expect("bob") { $0.hasPrefix("bob joined from") }
      #expect(!room.screen.taken.contains { $0.hasPrefix("clint") })
      terminal.type("hello\r")
      try room.screen.expect("bob: hello")
    }
  }

  @Test("who answers in clear text after the question about a certificate is told nothing")
  func questionThenClearText() throws {
    try Scene.play { scene in
      let (room, terminal) = try question(scene)
      room.program.kill()
      let clear = try scene.netchat("host", "--port", "\(room.port)", "--plain")
      try clear.output.expect(prefix: "Listening on ")
      terminal.type("y\r")
      try terminal.expect("is not encrypted, and nothing was said to it")
      #expect(try terminal.wait() == 1)
      #expect(try clear.output.all(for: .milliseconds(300)).allSatisfy { !$0.contains("bob") })
    }
  }

  @Test("a certificate that changed is refused loudly, until the host is forgotten")
  func changedCertificate() throws {
    try Scene.play { scene in
      let mine = try gencert(scene)
      let other = try gencert(scene)
      let room = try scene.host(mode: "TLS", "--tls", "--cert", mine.cert, "--key", mine.key)
      let place = "127.0.0.1:\(room.port)"
      let state = try scene.folder()
      try remember("\(place) \(mine.fingerprint)", at: state)
      try expectJoin(clint(scene, state: state, room.port), "the remembered one")

      try remember("\(place) \(other.fingerprint)", at: state)
      try expectRefusal(
        clint(scene, state: state, room.port),
        "THE CERTIFICATE OF \(place) HAS CHANGED", hint: "netchat clint --forget \(place)")
      let forget = try clint(scene, state: state, room.port, "--forget")
      #expect(try forget.wait() == 0)
      try expectRefusal(clint(scene, state: state, room.port), "is not verified")
      // What was not there is said too.
      let again = try clint(scene, state: state, room.port, "--forget")
      _ = try again.wait()
      #expect(try !(again.output.rest() + again.errors.rest()).isEmpty)
    }
  }

  @Test("what was secure once is not joined in clear text, nor without its password, unsaid")
  func rememberedAsSecure() throws {
    try Scene.play { scene in
      let state = try scene.folder()
      let secure = try scene.secureHost()
      try expectJoin(
        clint(scene, state: state, secure.port, password: "open sesame"), "remembers it")
      let known = try String(contentsOfFile: "\(state)/netchat/known_hosts", encoding: .utf8)
      #expect(known.contains("127.0.0.1:\(secure.port) secure"))
      secure.program.send(SIGTERM)
      #expect(try secure.program.wait() == 0)

      let plain = try scene.run(Program.netchat, ["host", "--port", "\(secure.port)"])
      try plain.output.expect("Security mode: PLAINTEXT")
      try expectRefusal(
        clint(scene, state: state, secure.port), "is not encrypted, and nothing was said to it",
        hint: "--forget 127.0.0.1:\(secure.port)")
      plain.send(SIGTERM)
      #expect(try plain.wait() == 0)

      let tls = try scene.run(Program.netchat, ["host", "--port", "\(secure.port)", "--tls"])
      try tls.output.expect("Security mode: TLS")
      try expectRefusal(
        clint(scene, state: state, secure.port, "--tls-insecure"),
        "was a secure room before, and now asks for no password", hint: "--forget")
      #expect(try tls.output.all(for: .milliseconds(50)).allSatisfy { !$0.contains("joined") })

      #expect(try clint(scene, state: state, secure.port, "--forget").wait() == 0)
      try expectJoin(
        clint(scene, state: state, secure.port, "--tls-insecure"), "forgotten")
    }
  }

  @Test("a password for a room that asks for none ends before a word is said")
  func passwordForOpenRoom() throws {
    try Scene.play { scene in
      let room = try scene.host(mode: "TLS", "--tls")
      try expectRefusal(
        clint(scene, state: scene.folder(), room.port, "--tls-insecure", password: "open sesame"),
        "asks for no password: it is not a secure room")
    }
  }

  @Test("versions of TLS that do not meet end with OpenSSL's reason in words")
  func noCommonVersion() throws {
    try Scene.play { scene in
      let made = try gencert(scene)
      // A host that takes no version the client does, and one whose room needs 1.3.
      let port = scene.freePort()
      let old = try scene.run(
        "openssl", "s_server", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", "-accept",
        "127.0.0.1:\(port)", "-cert", made.cert, "-key", made.key)
      try old.output.expect("ACCEPT")
      try expectRefusal(
        clint(scene, state: scene.folder(), port, "--tls", "--tls-insecure"),
        "cannot speak TLS with 127.0.0.1:\(port): ")
      old.kill()

      let room = try scene.host(mode: "TLS", "--tls")
      let newer = try scene.overTLS(room.port, "-tls1_2")
      #expect(try newer.wait() != 0)
      #expect(try newer.output.rest() == [])
      let relaxed = try scene.host(mode: "TLS", "--tls", "--tls-min", "1.2")
      let text = try scene.overTLS(relaxed.port, "-tls1_2")
      try text.type("hi")
      try text.output.expect("clint1: hi")
    }
  }

  @Test("a secure room takes TLS 1.3 only, and says so when asked for less")
  func secureNeedsTLS13() throws {
    try Scene.play { scene in
      let room = try scene.secureHost()
      let client = try scene.overTLS(room.port, "-tls1_2")
      #expect(try client.wait() != 0)
      #expect(try client.output.rest() == [])
      let host = try scene.netchat("host", "--port", "0", "--secure", "--tls-min", "1.2")
      #expect(try host.wait() == 2)
      #expect(try host.errors.next() == "netchat: a secure room takes TLS 1.3 only")
      // Without TLS there is nothing to take a version of.
      let plain = try scene.netchat("host", "--port", "0", "--plain", "--tls-min", "1.2")
      #expect(try plain.wait() == 2)
    }
  }

  @Test("a hello that comes with the end of the handshake is heard")
  func helloWithHandshake() throws {
    try Scene.play { scene in
      let mine = try gencert(scene)
      let path = Bundle.module.path(forResource: "tls_host", ofType: "py") ?? ""
      let host = try scene.run("python3", path, mine.cert, mine.key)
      let port = try #require(UInt16(try host.output.next() ?? ""))
      let clint = try clint(scene, state: scene.folder(), port, "--tls", "--cert", mine.cert)
      #expect(try clint.wait() == 3)
      #expect(
        try clint.errors.rest() == ["netchat: connection closed by remote host: All was heard."])
    }
  }

  @Test("what asks for encryption is named where a room has none")
  func askedInVain() throws {
    try Scene.play { scene in
      let mine = try gencert(scene)
      let room = try scene.host()
      try expectRefusal(
        clint(scene, state: scene.folder(), room.port, "--tls", "--cert", mine.cert),
        "is not encrypted", hint: "(--tls, --cert)")
      try expectRefusal(
        clint(scene, state: scene.folder(), room.port, password: "p"),
        "is not encrypted", hint: "(NETCHAT_PASSWORD)")
    }
  }

  @Test("a host whose certificate was vouched for once is not joined in clear text later")
  func rememberedAsTLS() throws {
    try Scene.play { scene in
      let mine = try gencert(scene)
      let other = try gencert(scene)
      let state = try scene.folder()
      let room = try scene.host(mode: "TLS", "--tls", "--cert", mine.cert, "--key", mine.key)
      try expectRefusal(
        clint(
          scene, state: state, room.port, "--fingerprint", mine.fingerprint, "--cert", other.cert),
        "is not one that --cert vouches for", "both are asked for")
      try expectJoin(clint(scene, state: state, room.port, "--cert", mine.cert), "by --cert")
      room.program.kill()
      let clear = try scene.netchat("host", "--port", "\(room.port)", "--plain")
      try clear.output.expect(prefix: "Listening on ")
      try expectRefusal(
        clint(scene, state: state, room.port), "is not encrypted", hint: "--forget")
    }
  }
}
