import Foundation
import Glibc
import Testing

@Suite("unix sockets")
struct UnixSocketTests {
  private func mode(_ path: String) -> mode_t {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode & 0o777 : 0
  }

  @Test("a room is joined over a unix socket too, by whoever may, and its file goes at the end")
  func join() throws {
    try Scene.play { scene in
      let path = try scene.folder() + "/room"
      let room = try scene.host("--unix", path)
      try room.screen.expect("Also on unix:\(path)")
      #expect(mode(path) == 0o600)
      let alice = try room.member("alice")
      let clint = try scene.netchat("clint", "--unix", path, "--name", "bob")
      try clint.output.expect("Connected to unix:\(path)")
      let join = try alice.expect("system", "name", "bob")
      #expect(join["text"] == "bob joined from unix:\(getuid())")
      try room.screen.expect("Connection from unix:\(getuid())")
      let other = try scene.shell("echo hello | exec \"$0\" clint unix:\"$1\" --name eve", path)
      #expect(try other.wait() == 0)
      try alice.expect("chat", "text", "hello")
      let text = try scene.run("nc", ["-U", path])
      try text.type("from nc")
      try alice.expect("chat", "text", "from nc")
      try room.program.type("/ban bob")
      try room.program.errors.expect("the ban") {
        $0.hasPrefix("bob is out, and unix:\(getuid()) is banned.")
      }
      #expect(try clint.wait() == 3)
      let again = try scene.netchat("clint", "--unix", path, "--name", "bob")
      #expect(try again.wait() == 1)
      try room.program.type("/unban unix:\(getuid())")
      try room.program.errors.expect("unix:\(getuid()) is let in again.")
      room.program.send(SIGTERM)
      #expect(try room.program.wait() == 0)
      #expect(access(path, F_OK) != 0)
    }
  }

  @Test("--unix-mode says who may connect")
  func permissions() throws {
    try Scene.play { scene in
      let path = try scene.folder() + "/room"
      _ = try scene.host("--unix", path, "--unix-mode", "0666")
      #expect(mode(path) == 0o666)
    }
  }

  @Test("a dead host's file is replaced, a live one's is not, nor is anything else")
  func files() throws {
    try Scene.play { scene in
      let folder = try scene.folder()
      let path = folder + "/room"
      let first = try scene.host("--unix", path)
      let second = try scene.netchat("host", "--port", "0", "--unix", path)
      #expect(try second.wait() == 1)
      #expect(
        try second.errors.rest() == [
          "netchat: cannot listen on unix:\(path): address in use",
          "  another host listens there; take another path",
        ])
      try scene.netchat("clint", "--unix", path).output.expect("Connected to unix:\(path)")
      first.program.send(SIGKILL)
      _ = try first.program.wait()
      #expect(access(path, F_OK) == 0)
      let third = try scene.host("--unix", path)
      try third.screen.expect("Also on unix:\(path)")
      try scene.netchat("clint", "--unix", path).output.expect("Connected to unix:\(path)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["room"])

      let file = folder + "/file"
      try "mine".write(toFile: file, atomically: true, encoding: .utf8)
      for (place, hint) in [
        (file, "  it is no socket; take another path, or remove it"),
        (folder + "/none/room", "  the directory must exist"),
        ("/" + String(repeating: "x", count: 107), "  a unix socket's path has at most 107 bytes"),
      ] {
        let refused = try scene.netchat("host", "--port", "0", "--unix", place)
        #expect(try refused.wait() == 1)
        #expect(try refused.errors.rest().last == hint)
      }
      #expect(try String(contentsOfFile: file, encoding: .utf8) == "mine")
    }
  }

  @Test("a secure room is one over a unix socket as well")
  func secure() throws {
    try Scene.play { scene in
      let path = try scene.folder() + "/room"
      let room = try scene.secureHost("--unix", path)
      let state = "XDG_STATE_HOME=\(try scene.folder())"
      let clint = try scene.run(
        "env",
        [state, "NETCHAT_PASSWORD=open sesame", Program.netchat, "clint", "--unix", path])
      try clint.output.expect("Authenticated as clint1")
      let wrong = try scene.run(
        "env", [state, "NETCHAT_PASSWORD=open barley", Program.netchat, "clint", "unix:\(path)"])
      #expect(try wrong.wait() == 1)
      try room.program.errors.expect("the refusal") { $0.contains(" refused unix:\(getuid()): ") }
    }
  }

  @Test("a socket that nobody listens on, and a command line with two places, are said")
  func mistakes() throws {
    try Scene.play { scene in
      let path = try scene.folder() + "/room"
      let nobody = try scene.netchat("clint", "--unix", path)
      #expect(try nobody.wait() == 1)
      #expect(
        try nobody.errors.rest().first
          == "netchat: cannot connect to unix:\(path): no such file or directory")
      for arguments in [
        ["clint", "--unix", path, "--port", "1"], ["clint", "--unix", path, "localhost"],
        ["clint", "unix:\(path)", "--host", "localhost"],
        ["host", "--port", "0", "--unix-mode", "600"],
        ["host", "--port", "0", "--unix", path, "--unix-mode", "rw"],
      ] {
        let program = try scene.run(Program.netchat, arguments)
        #expect(try program.wait() == 2, "\(arguments)")
      }
    }
  }
}
