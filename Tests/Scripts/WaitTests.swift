import Foundation
import Glibc
import Testing

/// How long either side waits for the other, at its bounds.
@Suite("waits", .serialized)
struct WaitTests {
  /// A host whose `hello` comes after so many seconds, at the first connection and at the second;
  /// it prints its port and what came first.
  private func lateHost(_ scene: Scene, _ first: String, _ second: String) throws -> (
    Program, UInt16
  ) {
    let program = try scene.run(
      "python3", "-c",
      """
      import json, socket, sys, time
      listener = socket.create_server(("127.0.0.1", 0))
      print(listener.getsockname()[1], flush=True)
      for wait in sys.argv[1:]:
          connection, _ = listener.accept()
          time.sleep(float(wait))
          try:
              connection.sendall(b'{"type":"hello","secure":false,"version":2,"room":"%s"}\\n' % (b"0" * 32))
              first = connection.recv(1, socket.MSG_PEEK)
          except OSError:
              first = b""
          print("TLS" if first == b"\\x16" else first.decode() or "nothing", flush=True)
          if first == b"{":
              connection.recv(4096)
              connection.sendall(b'{"type":"auth_result","ok":true,"client_name":"a","id":0,"total":1}\\n')
              connection.sendall(b'{"type":"bye","code":"kicked","reason":"Enough."}\\n')
          connection.close()
      """, first, second)
    guard let port = UInt16(try program.output.next() ?? "") else {
      throw Missed(description: "no port")
    }
    return (program, port)
  }

  @Test("a client waits 300 ms for a hello in clear, then begins TLS, and comes once more in clear")
  func lateHello() throws {
    try Scene.play { scene in
      let (host, port) = try lateHost(scene, "0.6", "0")
      let clint = try scene.clint(port, password: nil)
      #expect(try host.output.next() == "TLS")
      #expect(try host.output.next() == "{")
      try clint.output.expect(prefix: "Connected to ")
      #expect(try clint.wait() == 3)
      // One that comes in time is enough.
      let (prompt, other) = try lateHost(scene, "0.1", "0")
      _ = try scene.clint(other, password: nil)
      #expect(try prompt.output.next() == "{")
    }
  }

  @Test("a host over TLS waits 1 s for the first byte, then says in clear what it wants")
  func firstByte() throws {
    try Scene.play { scene in
      let room = try scene.host(mode: "TLS", "--tls")
      let silent = try room.connect()
      let start = ContinuousClock.now
      try silent.expect("hello", "tls", "required")
      let time = ContinuousClock.now - start
      #expect(time > .milliseconds(900) && time < .seconds(3), "\(time)")
      #expect(try silent.lines.rest() == [])
    }
  }

  @Test("a reader that is 8 times --max-lag behind is cut at once")
  func farBehind() throws {
    try Scene.play { scene in
      let room = try scene.host("--max-lag", "65536", "--rate", "0")
      let alice = try room.member("alice")
      let deaf = try room.connect(receiveBuffer: 4096)
      try deaf.join("deaf")
      let filling = String(repeating: "x", count: 60_000)
      let start = ContinuousClock.now
      var isGone = false
      // The kernel holds some megabytes for it besides.
      for number in 1...400 where !isGone {
        try alice.say("\(number) \(filling)")
        try alice.lines.expect("\(number)", within: .seconds(1)) { line in
          if line.contains("\"deaf disconnected.\"") { isGone = true }
          return line.contains("\"\(number) xxx")
        }
      }
      #expect(isGone)
      #expect(
        ContinuousClock.now - start < .seconds(9), "not by the 10 s of one that takes nothing")
    }
  }
}
