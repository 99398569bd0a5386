import Foundation
import Glibc
import Testing

/// Where passwords come from and where they must not show, against the real programs.
@Suite("passwords", .serialized)
struct PasswordTests {
  @Test("a password is set and entered on a terminal, and not shown")
  func typed() throws {
    try Scene.play { scene in
      let port = scene.freePort()
      let host = try PseudoTerminal(
        ["host", "--secure", "--bind", "127.0.0.1"],
        // A prompt would turn the echo off again.
        environment: ["NETCHAT_PASSWORD", "TERM=dumb"])
      try host.expect("Enter the port you want to listen on: ")
      host.type("\(port)\n")
      try host.expect("Set password: ")
      try host.waitForEcho(false)
      host.type("open sesame\n")
      try host.expect("Security mode: ENCRYPTED")
      try host.expect("Join: netchat clint --host 127.0.0.1 --port \(port)")
      try host.waitForEcho(true)
      #expect(!host.shown.contains("sesame"))

      let state = try scene.folder()
      let environment = ["NETCHAT_PASSWORD", "XDG_STATE_HOME=\(state)", "TERM=dumb"]
      let wrong = try PseudoTerminal(
        ["clint", "--host", "127.0.0.1", "--port", "\(port)"], environment: environment)
      try wrong.expect("Enter password: ")
      try wrong.waitForEcho(false)
      wrong.type("open barley\n")
      #expect(try wrong.wait() == 1)
      #expect(wrong.shown.contains(SecureTests.failed))
      #expect(!wrong.shown.contains("barley"))

      let clint = try PseudoTerminal(
        ["clint", "--host", "127.0.0.1", "--port", "\(port)"], environment: environment)
      try clint.expect("Enter password: ")
      try clint.waitForEcho(false)
      clint.type("open sesame\n")
      try clint.expect("Connected to 127.0.0.1:\(port)")
      #expect(clint.shown.contains("Authenticated as clint1"))
      #expect(!clint.shown.contains("sesame"))
      try host.expect("clint1 joined from ")
      host.send(SIGTERM)
      #expect(try host.wait() == 0)
    }
  }

  @Test(
    "however the question ends, the terminal is as it was", arguments: [SIGTERM, SIGHUP, SIGINT])
  func restored(signal: Int32) throws {
    let host = try PseudoTerminal(
      ["host", "--secure", "--port", "0"], environment: ["NETCHAT_PASSWORD"])
    try host.expect("Set password: ")
    try host.waitForEcho(false)
    if signal == SIGINT { host.type("half\u{3}") } else { host.send(signal) }
    _ = try host.wait()
    #expect(host.flags == host.firstFlags)
    #expect(!host.shown.contains("half") && !host.shown.contains("Listening"))
  }

  @Test("an empty password is refused, and so is a file that has none")
  func refused() throws {
    try Scene.play { scene in
      let folder = try scene.folder()
      try "".write(toFile: "\(folder)/empty", atomically: false, encoding: .utf8)
      try "\nsecond line\n".write(toFile: "\(folder)/blank", atomically: false, encoding: .utf8)
      let room = try scene.secureHost()
      for arguments in [
        ["--password", ""], ["--password-file", "\(folder)/empty"],
        ["--password-file", "\(folder)/blank"], ["--password-file", "\(folder)/none"],
        ["--password-file", folder],
      ] {
        for command in [["host", "--port", "0", "--secure"], ["clint", "127.0.0.1:\(room.port)"]] {
          let program = try scene.run(
            "env",
            ["-u", "NETCHAT_PASSWORD", "XDG_STATE_HOME=\(folder)", Program.netchat] + command
              + arguments)
          let status = try program.wait()
          #expect(status == 1 || status == 2, "\(command) \(arguments)")
          #expect(try program.output.rest() == [], "\(command) \(arguments)")
          let said = try program.errors.rest()
          #expect(said.first?.contains("password") == true || said.count > 1, "\(said)")
        }
      }
    }
  }

  @Test("what an editor adds to a file's first line is no part of the password")
  func editedFile() throws {
    try Scene.play { scene in
      let folder = try scene.folder()
      let room = try scene.secureHost()
      for text in ["open sesame", "\u{FEFF}open sesame\r\n", "open sesame\r\nsecond line"] {
        try text.write(toFile: "\(folder)/password", atomically: false, encoding: .utf8)
        let clint = try scene.run(
          "env",
          [
            "-u", "NETCHAT_PASSWORD", "XDG_STATE_HOME=\(folder)", Program.netchat, "clint",
            "127.0.0.1:\(room.port)", "--password-file", "\(folder)/password", "--say", "in",
          ])
        #expect(try clint.wait() == 0, "\(text)")
      }
    }
  }

  @Test("a password of a file, of the environment and of the command line opens the same room")
  func sources() throws {
    try Scene.play { scene in
      let folder = try scene.folder()
      try "open sesame\nand no more\n".write(
        toFile: "\(folder)/password", atomically: false, encoding: .utf8)
      let host = try scene.run(
        "env",
        ["-u", "NETCHAT_PASSWORD", Program.netchat, "host", "--port", "0"]
          + ["--password-file", "\(folder)/password"])
      let room = try Room(host, in: scene, mode: "ENCRYPTED")
      for (variable, arguments) in [
        ("NETCHAT_PASSWORD=wrong", ["--password-file", "\(folder)/password"]),
        ("NETCHAT_PASSWORD=wrong", ["--password", "open sesame"]),
        ("NETCHAT_PASSWORD=open sesame", []),
      ] {
        let clint = try scene.run(
          "env",
          [variable, "XDG_STATE_HOME=\(folder)", Program.netchat, "clint"]
            + ["127.0.0.1:\(room.port)"] + arguments)
        try clint.output.expect(prefix: "Authenticated as ")
        clint.closeInput()
        #expect(try clint.wait() == 0, "\(arguments)")
      }
    }
  }

  @Test("a host that is given a password by the environment alone opens a secure room")
  func environmentOfHost() throws {
    try Scene.play { scene in
      let host = try scene.run(
        "env", "NETCHAT_PASSWORD=open sesame", Program.netchat, "host", "--port", "0")
      _ = try Room(host, in: scene, mode: "ENCRYPTED")
      let environment = FileManager.default.contents(atPath: "/proc/\(host.processID)/environ")
      #expect(!String(decoding: environment ?? Data(), as: UTF8.self).contains("sesame"))
    }
  }

  @Test("a signal ends a client that waits for a password in a pipe")
  func silentPipe() throws {
    try Scene.play { scene in
      let room = try scene.secureHost()
      let pipe = "\(try scene.folder())/pipe"
      #expect(mkfifo(pipe, 0o600) == 0)
      let clint = try scene.run(
        "env",
        ["-u", "NETCHAT_PASSWORD", "XDG_STATE_HOME=\(try scene.folder())", Program.netchat]
          + ["clint", "127.0.0.1:\(room.port)", "--password-file", pipe])
      // That can be opened once it reads there.
      let deadline = ContinuousClock.now + patience
      var end: Int32 = -1
      while end < 0, ContinuousClock.now < deadline {
        end = open(pipe, O_WRONLY | O_NONBLOCK | O_CLOEXEC)
        if end < 0 { usleep(5_000) }
      }
      defer { close(end) }
      #expect(end >= 0)
      clint.send(SIGTERM)
      #expect(try clint.wait() == 128 + SIGTERM)
    }
  }

  @Test("a password shows in no list of processes, and no core is dumped")
  func hidden() throws {
    try Scene.play { scene in
      let host = try scene.netchat("host", "--port", "0", "--password", "open sesame")
      let room = try Room(host, in: scene, mode: "ENCRYPTED")
      let folder = try scene.folder()
      let clint = try scene.run(
        "env",
        ["XDG_STATE_HOME=\(folder)", "NETCHAT_PASSWORD=open sesame", Program.netchat, "clint"]
          + ["127.0.0.1:\(room.port)"])
      try clint.output.expect("Authenticated as clint1")
      for program in [host, clint] {
        for file in ["cmdline", "environ"] {
          let path = "/proc/\(program.processID)/\(file)"
          let bytes = FileManager.default.contents(atPath: path) ?? Data()
          #expect(!String(decoding: bytes, as: UTF8.self).contains("sesame"), "\(path)")
        }
        let limits = try String(
          contentsOfFile: "/proc/\(program.processID)/limits", encoding: .utf8)
        let core = limits.split(separator: "\n").first { $0.hasPrefix("Max core file size") }
        #expect(core?.split(separator: " ").dropFirst(4).prefix(2) == ["0", "0"], "\(limits)")
      }
    }
  }
}
