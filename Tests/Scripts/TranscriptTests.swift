import Glibc
import Testing

@Suite("transcripts")
struct TranscriptTests {
  /// The two transcripts of the issue that asked for this program, ports left out.
  @Test("a host and a client show what they always have, word for word")
  func conversation() throws {
    try Scene.play { scene in
      let port = scene.freePort()
      let host = try scene.netchat("host")
      try host.type("\(port)\nn")
      #expect(
        try host.output.next() == "Enter the port you want to listen on: \(port)")
      #expect(try host.output.next() == "Encrypt the communication? [y/N]: n")
      #expect(
        try host.output.next() == "Listening on 127.0.0.1:\(port)... (Ctrl-C to stop)")
      #expect(try host.output.next() == "Security mode: PLAINTEXT")

      let clint = try scene.netchat("clint")
      try clint.type("127.0.0.1\n\(port)\nhello everyone")
      #expect(try clint.output.next() == "Enter the IP address of the server: 127.0.0.1")
      #expect(try clint.output.next() == "Enter the port you want to connect to: \(port)")
      #expect(try clint.output.next() == "Connected to 127.0.0.1:\(port)")
      let from = try clint.output.expect(prefix: "clint1 joined from ")
      #expect(try clint.output.next() == "+ Total connected clints: [1]")
      #expect(try clint.output.next() == "clint1: hello everyone")
      clint.closeInput()
      #expect(try clint.output.rest() == [])
      #expect(try clint.errors.rest() == [])
      #expect(try clint.wait() == 0)

      #expect(from.hasPrefix("127.0.0.1:"))
      #expect(try host.output.next() == "Connection from \(from)")
      #expect(try host.output.next() == "clint1 joined from \(from)")
      #expect(try host.output.next() == "+ Total connected clints: [1]")
      #expect(try host.output.next() == "clint1: hello everyone")
      #expect(try host.output.next() == "clint1 disconnected.")
      #expect(try host.output.next() == "+ Total connected clints: [0]")
      host.send(SIGINT)
      #expect(try host.wait() == 0)
      // Nothing but the log.
      #expect(try host.errors.rest().filter { !$0.contains("Z admitted ") } == [])
    }
  }

  @Test("answers of a pipe open a room, and the pipe's end does not close it")
  func answersOfAPipe() throws {
    try Scene.play { scene in
      let port = scene.freePort()
      let room = try scene.host(shell: "printf '\(port)\\nn\\n' | exec \"$0\" host")
      #expect(room.port == port)
      let alice = try room.member("alice")
      try alice.say("still there?")
      try room.screen.expect("alice: still there?")
    }
  }

  @Test("with a port and no terminal nothing is asked")
  func nothingIsAsked() throws {
    try Scene.play { scene in
      let host = try scene.shell("exec \"$0\" host --port 0 </dev/null")
      let first = try host.output.next() ?? ""
      #expect(first.hasPrefix("Listening on 127.0.0.1:"))
      #expect(first.hasSuffix("... (Ctrl-C to stop)"))
      #expect(try host.output.next() == "Security mode: PLAINTEXT")
    }
  }

  @Test("what follows the answers on a pipe is said")
  func answersThenLines() throws {
    try Scene.play { scene in
      let room = try scene.host()
      let clint = try scene.shell(
        "printf '127.0.0.1\\n%s\\nfirst\\nlast' \"$1\" | exec \"$0\" clint", "\(room.port)")
      #expect(try clint.wait() == 0)
      try room.screen.expect("clint1: first")
      try room.screen.expect("clint1: last")
      let host = try scene.shell("printf '0\\nn\\nwelcome\\n' | exec \"$0\" host")
      try host.output.expect("server: welcome")
    }
  }

  @Test(
    "a wrong answer on a pipe is explained, and ends with status 1",
    arguments: [
      ("host", "port\n", "netchat: 'port' is not a port: it is not a whole number"),
      ("host", "65536\n", "netchat: '65536' is not a port: it is more than 65535"),
      ("host", "0\nperhaps\n", "netchat: 'perhaps' is neither yes nor no"),
      ("host", "", "netchat: the input ended before the answer"),
      ("host", "0\n", "netchat: the input ended before the answer"),
      ("clint", "no.such.host.invalid\n", "netchat: cannot find 'no.such.host.invalid': "),
      ("clint", "\n", "netchat: '' is not a host: it is empty"),
      ("clint", "127.0.0.1\n0\n", "netchat: '0' is not a port: it is less than 1"),
      ("clint", "127.0.0.1\n", "netchat: the input ended before the answer"),
    ])
  func wrongAnswers(command: String, answers: String, words: String) throws {
    try Scene.play { scene in
      let program = try scene.shell("printf '\(answers)' | exec \"$0\" \(command)")
      #expect(try program.wait() == 1)
      let said = try program.errors.rest()
      #expect(said.contains { $0.hasPrefix(words) }, "\(said)")
      #expect(said.count == 2 && said[1].hasPrefix("  "), "a hint on the next line: \(said)")
    }
  }

  @Test("asked to encrypt and given no password, it opens no room")
  func noPassword() throws {
    try Scene.play { scene in
      let program = try scene.shell("printf '0\\ny\\n' | exec \"$0\" host")
      #expect(try program.wait() == 1)
      #expect(try !program.output.rest().contains { $0.hasPrefix("Listening") })
    }
  }
}
