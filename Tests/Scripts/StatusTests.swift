import Glibc
import Testing

@Suite("exit statuses")
struct StatusTests {
  @Test(
    "a wrong command line is explained, and ends with status 2",
    arguments: [
      "", "hots", "host --prot 1", "host --port", "host --port 65536", "host --port -1",
      "host --port x", "host --timeout -1", "host --timeout inf", "host --secure --plain",
      "host --bind no.such.host.invalid --port 0", "host --rate x --port 0", "host extra",
      "host --cert x --port 0", "clint --port 0", "clint h:0", "clint a b", "clint --name a:b x:1",
      "clint --host no.such.host.invalid --port 1", "clint no.such.host.invalid:1",
      "clint a --host b",
      "clint a:1 --port 2", "help nothing",
    ])
  func wrongOptions(line: String) throws {
    try Scene.play { scene in
      let program = try scene.run(Program.netchat, line.split(separator: " ").map(String.init))
      #expect(try program.wait() == 2)
      #expect(try program.output.rest() == [])
      let said = try program.errors.rest()
      #expect(line.isEmpty || said.first?.hasPrefix("netchat: ") == true, "\(said)")
    }
  }

  @Test("help and the version go to standard output, with status 0")
  func help() throws {
    for line in ["help", "--help", "-h", "help host", "host --help", "clint -h", "--version"] {
      try Scene.play { scene in
        let program = try scene.run(Program.netchat, line.split(separator: " ").map(String.init))
        #expect(try program.wait() == 0)
        #expect(try !program.output.rest().isEmpty)
        #expect(try program.errors.rest() == [])
      }
    }
  }

  @Test("output that nobody takes is a failure, not a silence")
  func fullOutput() throws {
    try Scene.play { scene in
      let program = try scene.shell("exec \"$0\" help >/dev/full")
      #expect(try program.wait() == 1)
      #expect(try program.errors.next() == "netchat: cannot write to standard output")
    }
  }

  @Test("a refused connection says so, with a hint, and status 1")
  func refused() throws {
    try Scene.play { scene in
      let port = scene.freePort()
      let clint = try scene.netchat("clint", "127.0.0.1:\(port)")
      #expect(try clint.wait() == 1)
      #expect(
        try clint.errors.rest() == [
          "netchat: cannot connect to 127.0.0.1:\(port): connection refused",
          "  no host listens there: is it running, and is the port right?",
        ])
    }
  }

  @Test("a port in use says so, with a hint, and status 1")
  func portInUse() throws {
    try Scene.play { scene in
      let room = try scene.host()
      for bind in [[], ["--bind", "127.0.0.1"]] {
        let second = try scene.run(Program.netchat, ["host", "--port", "\(room.port)"] + bind)
        #expect(try second.wait() == 1)
        #expect(try second.output.rest() == [])
        #expect(
          try second.errors.rest() == [
            "netchat: cannot listen on 127.0.0.1:\(room.port): address in use",
            "  another host may be running; try --port",
          ])
      }
    }
  }

  @Test("an address of another machine cannot be listened on")
  func foreignAddress() throws {
    try Scene.play { scene in
      let host = try scene.netchat("host", "--port", "0", "--bind", "192.0.2.1")
      #expect(try host.wait() == 1)
      #expect(try host.errors.next()?.hasPrefix("netchat: cannot listen on 192.0.2.1:0: ") == true)
    }
  }

  @Test("a far end that never answers is given up after --timeout")
  func silentHost() throws {
    try Scene.play { scene in
      let listener = try scene.run(
        "python3", "-c",
        "import socket,time; s=socket.create_server(('127.0.0.1',0)); "
          + "print(s.getsockname()[1],flush=True); time.sleep(60)")
      let port = try listener.output.next() ?? ""
      let clint = try scene.netchat("clint", "127.0.0.1:\(port)", "--timeout", "0.3")
      #expect(try clint.wait(within: .seconds(3)) == 1)
      #expect(try clint.errors.next() == "netchat: the host did not answer in time")
    }
  }

  @Test("a client that does not come in is turned away after the host's --timeout")
  func silentClient() throws {
    try Scene.play { scene in
      let room = try scene.secureHost("--timeout", "0.3")
      let client = try scene.overTLS(room.port)
      try client.output.expect(prefix: "{\"type\":\"hello\"")
      try client.output.expect(
        "{\"type\":\"auth_result\",\"ok\":false,\"reason\":\"Authentication required.\"}",
        within: .seconds(5))
      // One that does not even speak TLS is told so.
      let raw = try room.connect()
      try raw.expect("hello", "tls", "required")
    }
  }

  @Test("a far end that speaks something else is said to be no host")
  func strangeHost() throws {
    try Scene.play { scene in
      for words in [
        "SSH-2.0-OpenSSH_9.2", "{}", "{\"type\":\"chat\",\"from\":\"x\",\"text\":\"y\"}",
      ] {
        let server = try scene.run(
          "python3", "-c",
          "import socket,sys,time; s=socket.create_server(('127.0.0.1',0)); "
            + "print(s.getsockname()[1],flush=True); c,_=s.accept(); "
            + "c.sendall(sys.argv[1].encode()+b'\\n'); time.sleep(60)", words)
        let port = try server.output.next() ?? ""
        let clint = try scene.netchat("clint", "127.0.0.1:\(port)")
        #expect(try clint.wait() == 1, "\(words)")
        #expect(try clint.errors.next()?.hasPrefix("netchat: that is no netchat host: ") == true)
      }
    }
  }

  @Test(
    "SIGTERM, SIGINT and SIGHUP close the room: bye to all, and status 0",
    arguments: [
      SIGTERM, SIGINT, SIGHUP,
    ])
  func signals(number: Int32) throws {
    try Scene.play { scene in
      let host = try scene.shell("exec \"$0\" host --port 0 </dev/null")
      let room = try Room(host, in: scene)
      let alice = try room.member("alice")
      let bob = try room.clint("--name", "bob")
      try bob.output.expect("+ Total connected clints: [2]")
      let text = try room.netcat()
      try text.type("hi")
      try bob.output.expect("clint1: hi")
      host.send(number)
      let bye = try alice.expect("bye")
      #expect(bye["code"] == "shutdown")
      #expect(try alice.lines.rest() == [])
      #expect(try host.wait() == 0)
      #expect(try bob.wait() == 3)
      #expect(try bob.errors.next() == "netchat: connection closed by remote host")
      try text.output.expect("Connection closed by remote host: The host is shutting down.")
    }
  }

  @Test("SIGINT reaches a host that a shell put in the background")
  func backgroundHost() throws {
    try Scene.play { scene in
      let shell = try scene.shell(
        "\"$0\" host --port 0 </dev/null & echo $! >&2; wait $!; echo status $?")
      let room = try Room(shell, in: scene)
      let number = pid_t(try shell.errors.next() ?? "") ?? 0
      try #require(number > 1)
      _ = try room.member("alice")
      kill(number, SIGINT)
      try shell.output.expect("status 0")
    }
  }

  @Test(
    "with --no-reconnect a client of a killed host ends with 3, or with 4 if something was on its way"
  )
  func killedHost() throws {
    try Scene.play { scene in
      let room = try scene.host()
      let alice = try room.clint("--name", "alice", "--no-reconnect")
      try alice.output.expect("+ Total connected clints: [1]")
      let bob = try room.clint("--name", "bob", "--no-reconnect")
      try bob.output.expect("+ Total connected clints: [2]")
      try room.program.stop()
      try bob.type("does this arrive?")
      try room.waitForUnread()
      room.program.send(SIGKILL)
      #expect(try alice.wait() == 3)
      #expect(try bob.wait() == 4)
      #expect(
        try bob.errors.rest() == [
          "netchat: it is not known whether the last message arrived",
          "  the connection ended before the room had sent them back",
        ])
    }
  }

  @Test("a client that is told to end leaves with status 0")
  func clientSignals() throws {
    try Scene.play { scene in
      let room = try scene.host()
      for number in [SIGTERM, SIGINT, SIGHUP] {
        let clint = try room.clint("--name", "alice")
        try clint.output.expect("+ Total connected clints: [1]")
        clint.send(number)
        #expect(try clint.wait() == 0)
        try room.screen.expect("alice disconnected.")
      }
    }
  }

  @Test("a client whose output nobody reads any more ends with status 1")
  func clientWithoutOutput() throws {
    try Scene.play { scene in
      let room = try scene.host()
      let alice = try room.member("alice")
      let clint = try scene.shell(
        "{ \"$0\" clint --host 127.0.0.1 --port \"$1\"; echo $? >&2; } | head -n 1", "\(room.port)")
      try alice.expect("count", "total", "2")
      try clint.output.expect(prefix: "Connected to ")
      var said: [String] = []
      for _ in 0..<200 where said.isEmpty {
        try alice.say("are you there?")
        said = try clint.errors.all(for: .milliseconds(50))
      }
      #expect(said == ["1"])
    }
  }
}
