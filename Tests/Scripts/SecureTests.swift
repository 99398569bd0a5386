import Foundation
import Glibc
import Testing

/// Secure rooms and rooms over TLS, against the real programs (PROTOCOL.md, sections 2, 4 and 6).
///
/// One at a time: each password takes scrypt's 128 MiB and as much of a processor as there is.
@Suite("secure", .serialized)
struct SecureTests {
  static let failed = "netchat: Authentication failed: wrong password, or someone is in the middle."
  static let refused = "Authentication required."
  static let tooMany = "Too many attempts. Try again later."

  @Test("a secure host and its client show what they should, word for word")
  func conversation() throws {
    try Scene.play { scene in
      let room = try scene.secureHost()
      let clint = try scene.clint(room.port, password: "open sesame")
      try clint.type("hello everyone")
      #expect(try clint.output.next() == "Authenticated as clint1")
      #expect(try clint.output.next() == "Connected to 127.0.0.1:\(room.port)")
      let from = try clint.output.expect(prefix: "clint1 joined from ")
      #expect(try clint.output.next() == "+ Total connected clints: [1]")
      #expect(try clint.output.next() == "clint1: hello everyone")
      #expect(try room.screen.next() == "Connection from \(from)")
      #expect(try room.screen.next() == "clint1 joined from \(from)")
      #expect(try room.screen.next() == "+ Total connected clints: [1]")
      #expect(try room.screen.next() == "clint1: hello everyone")
      try room.program.type("welcome")
      try clint.output.expect("server: welcome")
      let bob = try scene.clint(room.port, password: "open sesame", "--name", "bob")
      try bob.output.expect("Authenticated as bob")
      try clint.output.expect("+ Total connected clints: [2]")
      try bob.type("a, “b”, \\c\t👋")
      try clint.output.expect { $0.hasPrefix("bob: a, “b”, \\c") && $0.hasSuffix("👋") }
      bob.closeInput()
      #expect(try bob.wait() == 0)
      try clint.output.expect("bob disconnected.")
      room.program.send(SIGINT)
      #expect(try room.program.wait() == 0)
      let log = try room.program.errors.rest()
      #expect(log.count == 2 && log.allSatisfy { $0.contains("Z admitted ") }, "\(log)")
    }
  }

  @Test("a wrong password at either side ends with status 1, and nobody is in")
  func wrongPassword() throws {
    try Scene.play { scene in
      let room = try scene.secureHost()
      for password in ["open sesam", "open sesamE", "Open sesame "] {
        let clint = try scene.clint(room.port, password: password, "--name", "alice")
        #expect(try clint.wait() == 1)
        #expect(try clint.errors.next() == Self.failed)
        #expect(try clint.output.rest().allSatisfy { !$0.contains("Authenticated") })
      }
      let other = try scene.secureHost(password: "another")
      let clint = try scene.clint(other.port, password: "open sesame", "--name", "alice")
      #expect(try clint.wait() == 1)
      #expect(try clint.errors.next() == Self.failed)
      for room in [room, other] {
        #expect(try room.screen.all(for: .milliseconds(50)).allSatisfy { !$0.contains("joined") })
      }
    }
  }

  /// A certificate and its key as people make them; the paths.
  private func certificate(
    _ scene: Scene, _ type: [String] = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
  ) throws -> (cert: String, key: String) {
    let folder = try scene.folder()
    let (cert, key) = ("\(folder)/cert.pem", "\(folder)/key.pem")
    let openssl = try scene.run(
      "openssl",
      ["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", key]
        + ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out", cert, "-newkey"] + type)
    guard try openssl.wait() == 0 else {
      throw Missed(description: "no certificate: \(try openssl.errors.rest())")
    }
    return (cert, key)
  }

  @Test("a relay that ends TLS on both sides gets no client in, though it sees all that is said")
  func relay() throws {
    try Scene.play { scene in
      let room = try scene.secureHost()
      let (cert, key) = try certificate(scene)
      let port = scene.freePort()
      let relay = try scene.run(
        "socat",
        "openssl-listen:\(port),bind=127.0.0.1,reuseaddr,fork,cert=\(cert),key=\(key),verify=0",
        "openssl-connect:127.0.0.1:\(room.port),verify=0")
      // It relays: what a stranger says through it is answered by the room.
      try scene.waitForListener(on: port)
      let stranger = try scene.overTLS(port)
      try stranger.type("{\"type\":\"auth\",\"version\":2}")
      try stranger.output.expect { $0.contains(Self.refused) }
      for _ in 0..<2 {
        let clint = try scene.clint(port, password: "open sesame", "--name", "alice")
        #expect(try clint.wait() == 1)
        #expect(try clint.errors.next() == Self.failed)
        #expect(try clint.output.rest().allSatisfy { !$0.contains("Authenticated") })
      }
      #expect(try room.screen.all(for: .milliseconds(50)).allSatisfy { !$0.contains("joined") })
      relay.kill()
    }
  }

  @Test("who speaks clear text to a room over TLS, or nothing for 1 s, is told so")
  func clearText() throws {
    try Scene.play { scene in
      let rooms = [
        (try scene.secureHost(), "true"), (try scene.host(mode: "TLS", "--tls"), "false"),
      ]
      for (room, isSecure) in rooms {
        let hello =
          "{\"type\":\"hello\",\"secure\":\(isSecure),\"tls\":\"required\",\"version\":2}"
        for first in [
          "{\"type\":\"auth\",\"version\":2,\"name\":\"alice\"}\n", "hello\n", "G", "\u{0}",
        ] {
          let client = try room.connect()
          try client.send(first)
          #expect(try client.lines.rest(within: .seconds(1)) == [hello])
        }
        let silent = try room.connect()
        let start = ContinuousClock.now
        #expect(try silent.lines.rest(within: .seconds(5)) == [hello])
        #expect(ContinuousClock.now - start > .milliseconds(900))
        #expect(try room.screen.all(for: .milliseconds(20)) == [])
      }
    }
  }

  @Test("a password as version 1 sends it, or anything else but a proof, is refused")
  func noProof() throws {
    try Scene.play { scene in
      let room = try scene.secureHost()
      for line in [
        "{\"type\":\"auth\",\"password\":\"open sesame\",\"name\":\"Old\"}",
        "{\"type\":\"auth\",\"version\":2,\"name\":\"alice\"}",
        "{\"type\":\"chat\",\"encrypted\":false,\"text\":\"hi\"}",
        "{\"type\":\"auth_confirm\",\"confirm\":\"AAAA\"}",
      ] {
        let client = try scene.overTLS(room.port)
        try client.type(line)
        let lines = try client.output.rest()
        #expect(lines.count == 2, "\(line)")
        #expect(try Packet(lines.first ?? "")["secure"] == "true")
        #expect(try Packet(lines.last ?? "")["reason"] == Self.refused, "\(line)")
      }
      #expect(try room.screen.all(for: .milliseconds(50)).allSatisfy { !$0.contains("joined") })
    }
  }

  /// Offers a share, and returns why it was refused; nil if it was answered by a challenge.
  private func refusal(_ scene: Scene, _ room: Room, _ share: [UInt8]) throws -> String? {
    let client = try scene.overTLS(room.port)
    try client.type(
      "{\"type\":\"auth\",\"version\":2,\"method\":\"spake2plus\",\"share\":\""
        + Data(share).base64EncodedString() + "\"}")
    try client.output.expect(prefix: "{\"type\":\"hello\"")
    let answer = try Packet(try client.output.next() ?? "")
    if answer.type == "auth_challenge" {
      try client.type(
        "{\"type\":\"auth_confirm\",\"confirm\":\""
          + Data(repeating: 0, count: 32).base64EncodedString() + "\"}")
      return try Packet(try client.output.rest().first ?? "")["reason"]
    }
    #expect(try client.output.rest() == [])
    return answer["reason"]
  }

  /// The base point of P-256, uncompressed: a share like any other (SEC 2, section 2.4.2).
  private static let point: [UInt8] = [
    0x04, 0x6B, 0x17, 0xD1, 0xF2, 0xE1, 0x2C, 0x42, 0x47, 0xF8, 0xBC, 0xE6, 0xE5, 0x63, 0xA4, 0x40,
    0xF2, 0x77, 0x03, 0x7D, 0x81, 0x2D, 0xEB, 0x33, 0xA0, 0xF4, 0xA1, 0x39, 0x45, 0xD8, 0x98, 0xC2,
    0x96, 0x4F, 0xE3, 0x42, 0xE2, 0xFE, 0x1A, 0x7F, 0x9B, 0x8E, 0xE7, 0xEB, 0x4A, 0x7C, 0x0F, 0x9E,
    0x16, 0x2B, 0xCE, 0x33, 0x57, 0x6B, 0x31, 0x5E, 0xCE, 0xCB, 0xB6, 0x40, 0x68, 0x37, 0xBF, 0x51,
    0xF5,
  ]

  @Test("10 guesses are answered alike, then none is looked at, of who knows the password neither")
  func throttled() throws {
    try Scene.play { scene in
      let room = try scene.secureHost()
      var compressed = Array(Self.point.prefix(33))
      compressed[0] = 3
      let shares = [
        Self.point, [0], [], [4] + Array(repeating: 1, count: 64), compressed,
        Array(Self.point.dropLast()), Self.point + [0], [4] + Array(repeating: 0, count: 64),
        [4] + Array(repeating: 0xFF, count: 64), Self.point,
      ]
      for share in shares {
        #expect(try refusal(scene, room, share) == "Wrong password.", "\(share)")
      }
      #expect(try refusal(scene, room, Self.point) == Self.tooMany)
      let clint = try scene.clint(room.port, password: "open sesame")
      #expect(try clint.wait() == 1)
      #expect(try clint.errors.rest().contains { $0.contains(Self.tooMany) })
    }
  }

  @Test("12 who know the password get in one after the other: none of them is counted")
  func refunded() throws {
    try Scene.play { scene in
      let room = try scene.secureHost()
      for _ in 0..<3 {
        let clints = try (0..<4).map { _ in try scene.clint(room.port, password: "open sesame") }
        for clint in clints {
          try clint.output.expect(prefix: "Authenticated as clint")
          clint.closeInput()
        }
        for clint in clints { #expect(try clint.wait() == 0) }
      }
      #expect(try refusal(scene, room, Self.point) == "Wrong password.")
    }
  }

  @Test("a client with a password says nothing in clear, and ends when the room has no TLS")
  func clearRoom() throws {
    try Scene.play { scene in
      let room = try scene.host()
      let clint = try scene.clint(room.port, password: "open sesame", "--name", "alice")
      try clint.type("a secret")
      #expect(try clint.wait(within: .seconds(5)) == 1)
      let said = try clint.errors.rest()
      #expect(
        said.first
          == "netchat: the room at 127.0.0.1:\(room.port) is not encrypted, "
          + "and nothing was said to it")
      #expect(try room.screen.all(for: .milliseconds(50)) == [])

      // The same against one that writes down each byte it gets.
      let listener = try scene.run(
        "python3", "-c",
        """
        import socket, sys
        server = socket.create_server(('127.0.0.1', 0))
        print(server.getsockname()[1], flush=True)
        server.settimeout(5)
        while True:
            client, _ = server.accept()
            client.settimeout(2)
            heard = b''
            try:
                # First, for a client that leaves what it was sent unread resets the connection.
                heard = client.recv(4096)
                client.sendall(b'{"type":"hello","secure":false,"version":2,"room":"ab"}\\n')
                while chunk := client.recv(4096):
                    heard += chunk
            except OSError:
                pass
            print(heard.hex(), flush=True)
        """)
      let port = UInt16(try listener.output.next() ?? "") ?? 0
      let second = try scene.clint(port, password: "open sesame", "--name", "alice")
      try second.type("a secret")
      #expect(try second.wait(within: .seconds(5)) == 1)
      let heard = try listener.output.next() ?? ""
      #expect(heard.hasPrefix("16030"), "a TLS handshake and nothing else: \(heard)")
      for word in ["alice", "sesame", "secret", "auth"] {
        let hex = word.utf8.map { String($0, radix: 16) }.joined()
        #expect(!heard.contains(hex), "\(word)")
      }
      #expect(try listener.output.all(for: .milliseconds(200)) == [], "it came once")
    }
  }

  @Test("while 500 handshakes stall a member joins as if there were none")
  func stalledHandshakes() throws {
    try Scene.play { scene in
      let room = try scene.secureHost()
      for number in 0..<500 {
        let connection = try room.connect()
        // A handshake record that is announced and never comes.
        try connection.send(Array([0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3].prefix(1 + number % 11)))
      }
      let start = ContinuousClock.now
      let clint = try scene.clint(room.port, password: "open sesame")
      try clint.output.expect(prefix: "Connected to ", within: .seconds(8))
      let time = ContinuousClock.now - start
      print("Joined beside 500 stalled handshakes in \(time)")
      #expect(time < .seconds(8))
      try clint.type("in")
      try room.screen.expect("clint1: in")
    }
  }

  // MARK: TLS without a password

  @Test("in a room over TLS alone openssl s_client talks as a text client")
  func textClient() throws {
    try Scene.play { scene in
      let room = try scene.host(mode: "TLS", "--tls")
      let text = try scene.overTLS(room.port)
      try text.type("hi")
      try text.output.expect("clint1: hi")
      try room.screen.expect("clint1: hi")
      try text.type("/nick zoe")
      try text.output.expect("clint1 is now known as zoe.")
      try text.type("/quit")
      try room.screen.expect("zoe disconnected.")
    }
  }

  @Test("a client that verifies nothing by hand refuses a certificate that nobody vouches for")
  func unverified() throws {
    try Scene.play { scene in
      let room = try scene.host(mode: "TLS", "--tls")
      let clint = try scene.clint(room.port, password: nil)
      #expect(try clint.wait() == 1)
      let said = try clint.errors.rest()
      #expect(said.first?.contains("is not verified") == true, "\(said)")
      #expect(try room.screen.all(for: .milliseconds(50)).allSatisfy { !$0.contains("joined") })
    }
  }

  @Test(
    "certificates that openssl req made are served",
    arguments: [["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], ["ed25519"], ["rsa:2048"]])
  func certificates(type: [String]) throws {
    try Scene.play { scene in
      let (cert, key) = try certificate(scene, type)
      let room = try scene.host(mode: "TLS", "--tls", "--cert", cert, "--key", key)
      let text = try scene.overTLS(
        room.port, "-CAfile", cert, "-verify_return_error", "-verify_ip", "127.0.0.1")
      try text.type("verified")
      try text.output.expect("clint1: verified")
    }
  }

  @Test("in a secure room a certificate of one's own does as well")
  func secureCertificate() throws {
    try Scene.play { scene in
      let (cert, key) = try certificate(scene, ["ed25519"])
      let room = try scene.secureHost("--cert", cert, "--key", key)
      let clint = try scene.clint(room.port, password: "open sesame")
      try clint.output.expect("Authenticated as clint1")
    }
  }

  @Test("a certificate that is of no use opens no room, and is told of in clear words")
  func unusableCertificates() throws {
    try Scene.play { scene in
      let (cert, key) = try certificate(scene)
      let (_, otherKey) = try certificate(scene, ["ed25519"])
      let folder = try scene.folder()
      let old = "\(folder)/old.pem"
      let configuration =
        "[ca]\ndefault_ca=d\n[d]\ndatabase=index\nrand_serial=yes\nnew_certs_dir=.\n"
        + "default_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n"
      let openssl = try scene.run(
        "bash", "-c",
        "cd \"$0\" && : >index && printf '\(configuration)' >conf && "
          + "openssl req -new -key \"$1\" -subj /CN=localhost -out request && "
          + "openssl ca -batch -selfsign -in request -keyfile \"$1\" -out old.pem -notext "
          + "-startdate 20200101000000Z -enddate 20200102000000Z -config conf", folder, key)
      #expect(try openssl.wait() == 0)
      let cases = [
        (cert, otherKey, "netchat: cannot use \(otherKey): the key does not belong to \(cert)"),
        (old, key, "netchat: cannot use \(old): expired on 2020-01-02"),
        ("\(folder)/none", key, "netchat: cannot use \(folder)/none: no such file or directory"),
        (cert, cert, "netchat: cannot use \(cert): no private key in pem form in it"),
        (key, key, "netchat: cannot use \(key): no certificate in pem form in it"),
      ]
      for (cert, key, words) in cases {
        let host = try scene.netchat("host", "--port", "0", "--tls", "--cert", cert, "--key", key)
        #expect(try host.wait() == 1)
        let said = try host.errors.rest()
        #expect(said.first?.hasPrefix(words) == true, "\(said)")
        #expect(try host.output.rest() == [])
      }
    }
  }
}
