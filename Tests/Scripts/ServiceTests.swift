import Foundation
import Glibc
import Testing

/// What systemd does with a service, played here.
@Suite("as a service")
struct ServiceTests {
  /// A socket that is told how a service is doing.
  private final class NotifySocket {
    let descriptor: Int32

    /// - Parameter path: with a `@` first for the abstract namespace.
    init(_ path: String) throws {
      descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      let bytes = Array(path.utf8)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
      if path.hasPrefix("@") { address.sun_path.0 = 0 }
      let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
      let status = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
      }
      guard status == 0 else { throw Missed(description: "cannot bind \(path): \(errno)") }
    }

    deinit { close(descriptor) }

    /// Sends itself as much as it can hold.
    func fill() throws {
      var address = sockaddr_storage()
      var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
      let sender = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
      defer { close(sender) }
      let status = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
          getsockname(descriptor, address, &length) == 0 ? connect(sender, address, length) : -1
        }
      }
      guard status == 0 else { throw Missed(description: "cannot connect: \(errno)") }
      while Glibc.send(sender, "x", 1, Int32(MSG_DONTWAIT)) == 1 {}
    }

    /// The next state; nil when none comes in time.
    func next(within milliseconds: Int32 = 10_000) -> String? {
      var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      guard poll(&entry, 1, milliseconds) > 0 else { return nil }
      var bytes = [UInt8](repeating: 0, count: 4096)
      let count = recv(descriptor, &bytes, bytes.count, 0)
      return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }
  }

  @Test("readiness, the watchdog and the end are told", arguments: [false, true])
  func notifications(isAbstract: Bool) throws {
    try Scene.play { scene in
      let path =
        isAbstract ? "@netchat-test-\(getpid())-\(UUID())" : try scene.folder() + "/notify"
      let socket = try NotifySocket(path)
      let program = try scene.run(
        "env",
        ["NOTIFY_SOCKET=\(path)", "WATCHDOG_USEC=200000", Program.netchat, "host", "--port", "0"])
      let room = try Room(program, in: scene)
      #expect(socket.next() == "READY=1\nSTATUS=The room is open.")
      for _ in 0..<3 { #expect(socket.next() == "WATCHDOG=1") }
      // A host that stands still does not say that it lives.
      kill(program.processID, SIGSTOP)
      usleep(150_000)
      while socket.next(within: 0) != nil {}
      #expect(socket.next(within: 500) == nil)
      kill(program.processID, SIGCONT)
      #expect(socket.next() == "WATCHDOG=1")
      try room.member("alice").close()
      program.send(SIGTERM)
      #expect(try program.wait() == 0)
      var last: String?
      while let state = socket.next(within: 0) {
        if state != "WATCHDOG=1" { last = state }
      }
      #expect(last == "STOPPING=1")
    }
  }

  @Test("a watchdog of another process is not fed, and a lost service manager harms nobody")
  func otherProcess() throws {
    try Scene.play { scene in
      let path = try scene.folder() + "/notify"
      let socket = try NotifySocket(path)
      let program = try scene.run(
        "env",
        [
          "NOTIFY_SOCKET=\(path)", "WATCHDOG_USEC=100000", "WATCHDOG_PID=1", Program.netchat,
          "host", "--port", "0",
        ])
      #expect(socket.next()?.hasPrefix("READY=1") == true)
      #expect(socket.next(within: 400) == nil)
      program.send(SIGTERM)
      #expect(try program.wait() == 0)
      let lost = try scene.run(
        "env", ["NOTIFY_SOCKET=\(path).gone", Program.netchat, "host", "--port", "0"])
      let room = try Room(lost, in: scene)
      try lost.errors.expect(
        "netchat: cannot tell the service manager that the room is open: no such file or directory")
      try room.member("alice").close()
    }
  }

  @Test("a service manager that does not read is not waited for without end")
  func unreadSocket() throws {
    try Scene.play { scene in
      let path = try scene.folder() + "/notify"
      let socket = try NotifySocket(path)
      try socket.fill()
      let program = try scene.run(
        "env", ["NOTIFY_SOCKET=\(path)", Program.netchat, "host", "--port", "0"])
      let room = try Room(program, in: scene)
      try program.errors.expect(
        "netchat: cannot tell the service manager that the room is open: "
          + "resource temporarily unavailable")
      let alice = try room.member("alice")
      program.send(SIGTERM)
      try alice.expect("bye", "code", "shutdown")
      #expect(try program.wait() == 0)
    }
  }

  /// Opens sockets as systemd does, and becomes the host.
  private static let activation = """
    import os, socket, sys
    kind, program, *arguments = sys.argv[1:]
    sockets = []
    for place in kind.split(","):
        if place.startswith("/"):
            one = socket.socket(socket.AF_UNIX); one.bind(place)
        else:
            one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if place == "udp" else socket.SOCK_STREAM)
            one.bind(("127.0.0.1", 0))
        if place != "udp": one.listen()
        sockets.append(one)
    numbers = [os.dup(one.fileno()) for one in sockets]
    high = [os.dup2(number, 50 + index) for index, number in enumerate(numbers)]
    for index, number in enumerate(high): os.dup2(number, 3 + index)
    os.closerange(3 + len(high), 100)
    os.environ["LISTEN_FDS"] = str(len(high))
    os.environ["LISTEN_PID"] = str(os.getpid())
    os.execv(program, [program] + arguments)
    """

  private func activated(_ sockets: String, _ scene: Scene, _ arguments: String...) throws
    -> Program
  {
    try scene.run(
      "python3", ["-c", Self.activation, sockets, Program.netchat, "host"] + arguments)
  }

  @Test("sockets that systemd has opened are listened on, and nothing is asked")
  func activation() throws {
    try Scene.play { scene in
      let path = try scene.folder() + "/room"
      let program = try activated("tcp,\(path)", scene)
      let room = try Room(program, in: scene)
      try program.output.expect("Also on unix:\(path)")
      let alice = try room.member("alice")
      let clint = try scene.netchat("clint", "unix:\(path)", "--name", "bob")
      try alice.expect("system", "name", "bob")
      program.send(SIGTERM)
      #expect(try program.wait() == 0)
      #expect(try clint.wait() == 3)
      // It is systemd's.
      #expect(access(path, F_OK) == 0)
    }
  }

  @Test("of many sockets each is listened on")
  func manySockets() throws {
    try Scene.play { scene in
      let folder = try scene.folder()
      let paths = (1...20).map { "\(folder)/\($0)" }
      let program = try activated(paths.joined(separator: ","), scene)
      for path in paths.dropFirst() { try program.output.expect("Also on unix:\(path)") }
      let clint = try scene.netchat("clint", "unix:\(paths[19])", "--name", "bob")
      try clint.output.expect { $0.contains("bob") }
      program.send(SIGTERM)
      #expect(try program.wait() == 0)
    }
  }

  @Test("sockets of no use, and a port beside sockets, are refused in words")
  func uselessSockets() throws {
    try Scene.play { scene in
      let datagrams = try activated("udp", scene)
      #expect(try datagrams.wait() == 1)
      #expect(
        try datagrams.errors.rest().first?.hasPrefix(
          "netchat: cannot listen on descriptor 3, which systemd passed: ") == true)
      // All that were announced, as many as there are.
      let missing = try scene.run(
        "bash",
        [
          "-c", "LISTEN_FDS=99999 LISTEN_PID=$$ exec \"$0\" host 3< /dev/null", Program.netchat,
        ])
      #expect(try missing.wait() == 1)
      #expect(
        try missing.errors.rest().first?.hasPrefix("netchat: cannot listen on descriptor 3, ")
          == true)
      let both = try activated("tcp", scene, "--port", "0")
      #expect(try both.wait() == 2)
      #expect(
        try both.errors.rest().first == "netchat: systemd has opened the sockets (LISTEN_FDS)")
      // Those that were meant for another process are left alone.
      let other = try scene.run(
        "env", ["LISTEN_FDS=1", "LISTEN_PID=1", Program.netchat, "host", "--port", "0"])
      _ = try Room(other, in: scene)
    }
  }

  @Test("the unit file is one that systemd takes")
  func unit() throws {
    try Scene.play { scene in
      let unit = try scene.netchat("help", "systemd").output.rest()
      #expect(unit.contains("Type=notify"))
      #expect(unit.contains { $0.hasPrefix("WatchdogSec=") })
      guard access("/usr/bin/systemd-analyze", X_OK) == 0 else { return }
      let file = try scene.folder() + "/netchat.service"
      let text = unit.joined(separator: "\n").replacing("/usr/local/bin/netchat", with: "/bin/true")
      try (text + "\n").write(toFile: file, atomically: true, encoding: .utf8)
      let verified = try scene.run("systemd-analyze", ["verify", "--man=no", file])
      let status = try verified.wait()
      let complaints = try verified.errors.rest().filter { $0.contains("netchat.service") }
      #expect(status == 0 && complaints == [], "\(complaints)")
    }
  }
}
