import Foundation
import Glibc
import Testing

/// The line at the bottom of a terminal, and what arrives above it.
@Suite("the prompt")
struct PromptTests {
  @Test("a terminal shows the plain transcript word for word, with the prompt below")
  func transcript() throws {
    try Scene.atPrompt { screen, bob, room in
      try bob.say("good morning")
      try screen.wait(forRow: "bob: good morning")
      try screen.enter("and to you")
      let picture = try screen.wait(forLine: "", below: "alice: and to you", columns: 60)
      #expect(picture.text.count == 6)
      #expect(picture.text[0] == "Connected to 127.0.0.1:\(room.port)")
      #expect(picture.text[1].hasPrefix("alice joined from 127.0.0.1:"))
      #expect(
        picture.text[2...] == [
          "+ Total connected clints: [2]", "bob: good morning", "alice: and to you", ">",
        ])
    }
  }

  @Test("what arrives while one types appears above, and the line and its cursor stay")
  func arrival() throws {
    try Scene.atPrompt { screen, bob, _ in
      try screen.type("half a line")
      try screen.wait(forLine: "half a line", columns: 60)
      try screen.press("Left", "Left", "Left", "Left")
      try bob.say("hello")
      try screen.wait(forLine: "half a line", cursor: 4, below: "bob: hello", columns: 60)
      try screen.type("X")
      try screen.wait(forLine: "half a Xline", cursor: 4, below: "bob: hello", columns: 60)
      try screen.press("Enter")
      try screen.wait(forLine: "", below: "alice: half a Xline", columns: 60)
      try bob.expect("chat", "text", "half a Xline")
    }
  }

  @Test("it stays so over several rows, in the middle of them, and at the screen's bottom")
  func wrapped() throws {
    try Scene.atPrompt(columns: 40) { screen, bob, _ in
      let line = (1...30).map { "word\($0)" }.joined(separator: " ")
      try screen.type(line)
      for (number, back) in [0, 30, 60, 95, 150, line.count].enumerated() {
        try screen.press("C-e")
        if back > 0 { try screen.press("-N", "\(back)", "Left") }
        for part in ["a", "b", "c"] { try bob.say("\(number)\(part)") }
        try screen.wait(forLine: line, cursor: back, below: "bob: \(number)c", columns: 40)
      }
      let rows = try screen.scrollback()
      #expect(
        rows.filter { $0.hasPrefix("bob: ") }
          == (0..<6).flatMap { number in ["a", "b", "c"].map { "bob: \(number)\($0)" } })
      #expect(rows.count { $0.hasPrefix("> ") } == 1)
    }
  }

  @Test(
    "wide and combining characters keep the cursor where it belongs",
    arguments: [
      // Wide ones that do not fit into the last column go to the next row.
      String(repeating: "日本語", count: 9), "a" + String(repeating: "日本語テキスト", count: 6),
      "e\u{301}a\u{308}\u{304}o\u{303} " + String(repeating: "cafe\u{301} ", count: 12),
      "😀 one 🚀 two 한국어 " + String(repeating: "🎉🦊x", count: 12),
    ])
  func wide(line: String) throws {
    try Scene.atPrompt(columns: 31) { screen, bob, _ in
      try screen.type(line)
      try screen.wait(forLine: line, columns: 31)
      let count = line.unicodeScalars.count
      for back in [1, 2, 5, 6, 11, count / 2, count - 1, count] {
        try screen.press("C-e")
        try screen.press("-N", "\(back)", "Left")
        try bob.say("\(back) 你好")
        try screen.wait(forLine: line, cursor: back, below: "bob: \(back) 你好", columns: 31)
      }
      try screen.type("X")
      try screen.press("Enter")
      try bob.expect("chat", "text", "X" + line)
      try screen.wait(for: "the message, once") { picture in
        picture.rows.count { $0.hasPrefix("alice: X") } == 1 && picture.rows[picture.row] == ">"
      }
    }
  }

  @Test("when the window is resized the line is there once, and nothing above is lost")
  func resized() throws {
    try Scene.atPrompt(columns: 50, rows: 12) { screen, bob, _ in
      let line = (1...25).map { "w\($0)" }.joined(separator: " ") + " 日本語"
      try screen.type(line)
      try screen.press("-N", "20", "Left")
      try screen.wait(forLine: line, cursor: 20, columns: 50)
      var said: [String] = []
      for (columns, rows) in [(33, 12), (80, 12), (20, 16), (21, 9), (60, 30), (50, 12)] {
        try screen.resize(columns: columns, rows: rows)
        try screen.wait(forLine: line, cursor: 20, columns: columns)
        said.append("bob: at \(columns)")
        try bob.say("at \(columns)")
        try screen.wait(forLine: line, cursor: 20, below: said.last, columns: columns)
      }
      let shown = try screen.scrollback()
      #expect(shown.filter { $0.hasPrefix("bob: ") } == said)
      #expect(shown.count { $0.hasPrefix("> ") } == 1, "\(shown)")
    }
  }

  @Test("a hundred messages a second do not disturb who types")
  func hundredASecond() throws {
    try Scene.atPrompt { screen, bob, _ in
      let count = 200
      let done = Mutexed(false)
      // Nobody else uses it meanwhile.
      nonisolated(unsafe) let speaker = bob
      let thread = Thread {
        for number in 1...count {
          try? speaker.say("number \(number)")
          usleep(10_000)
        }
        done.set(true)
      }
      thread.start()
      var typed = ""
      // No more than leaves room for what is said above it, however long that takes.
      while !done.value {
        guard typed.count < 600 else {
          usleep(10_000)
          continue
        }
        let word = "word\(typed.count) "
        for letter in word { try screen.type(String(letter)) }
        typed += word
      }
      try screen.wait(forLine: typed, below: "bob: number \(count)", columns: 60)
      let shown = try screen.scrollback()
      #expect(
        shown.filter { $0.hasPrefix("bob: ") } == (1...count).map { "bob: number \($0)" })
      #expect(shown.count { $0.hasPrefix("> ") } == 1)
      try screen.press("Enter")
      try bob.expect("chat", "text", typed)
    }
  }

  @Test("one's own message is shown once: pending until the room sends it back")
  func pending() throws {
    try Scene.atPrompt { screen, bob, room in
      try room.program.stop()
      for text in ["first", "second"] { try screen.enter(text) }
      let waiting = try screen.wait(forLine: "", below: "… alice: second", columns: 60)
      #expect(waiting.rows.contains("… alice: first"))
      #expect(!waiting.rows.contains("alice: first"))
      try screen.type("third, half")
      try screen.wait(forLine: "third, half", below: "… alice: second", columns: 60)
      room.program.send(SIGCONT)
      let settled = try screen.wait(
        forLine: "third, half", below: "alice: second", columns: 60)
      #expect(settled.rows.count { $0.contains("first") } == 1)
      #expect(settled.rows.count { $0.contains("second") } == 1)
    }
  }

  @Test("what could not be said is told of")
  func undelivered() throws {
    try Scene.atPrompt { screen, bob, _ in
      try screen.enter("/msg nobody are you there?")
      let picture = try screen.wait(for: "a word about it") { picture in
        picture.rows.contains { $0.hasPrefix("! Not said: are you there?: ") }
      }
      #expect(!picture.rows.contains { $0.hasPrefix("…") })
    }
  }

  @Test("long messages and those of several lines are indented under their author")
  func indented() throws {
    try Scene.atPrompt(columns: 40) { screen, bob, _ in
      try bob.say("one\\ntwo\\n  three")
      try bob.say("a text that is too long for one row of this terminal, by far, and breaks")
      try bob.say(String(repeating: "x", count: 100))
      try bob.say("end")
      let picture = try screen.wait(forLine: "", below: "bob: end", columns: 40)
      let expected = [
        "bob: one", "    two", "      three", "bob: a text that is too long for one row",
        "    of this terminal, by far, and breaks",
        "bob: \(String(repeating: "x", count: 35))", "    \(String(repeating: "x", count: 36))",
        "    \(String(repeating: "x", count: 29))",
      ]
      #expect(picture.text.dropLast(2).suffix(8) == expected)
    }
  }

  @Test("Ctrl-C clears a line, and leaves on an empty one; Ctrl-D leaves")
  func leaving() throws {
    for (key, text) in [("C-c", "given up"), ("C-d", "")] {
      try Scene.atPrompt { screen, bob, _ in
        if !text.isEmpty {
          try screen.type(text)
          try screen.wait(forLine: text, columns: 60)
          try screen.press(key)
          try screen.wait(forLine: "", columns: 60)
        }
        try screen.press(key)
        #expect(try screen.waitForEnd() == 0)
        try bob.expect("system", "event", "leave")
        let picture = try screen.picture()
        #expect(!picture.rows.contains { $0.hasPrefix(">") }, "\(picture)")
      }
    }
  }

  @Test("Ctrl-D within a line deletes, and does not leave")
  func deletes() throws {
    try Scene.atPrompt { screen, bob, _ in
      try screen.type("abc")
      try screen.press("Left", "C-d", "Home", "DC")
      try screen.wait(forLine: "b", cursor: 1, columns: 60)
    }
  }

  @Test("Ctrl-Z stops it, and fg goes on with the line and what came meanwhile")
  func stopped() throws {
    try Scene.play { scene in
      let room = try scene.host()
      let bob = try room.member("bob")
      let screen = try scene.terminal(
        environment: ["PS1=$ ", "NETCHAT=\(Program.netchat)"],
        ["bash", "--norc", "--noprofile", "-i"])
      try screen.wait(forRow: "$")
      try screen.enter("\"$NETCHAT\" clint 127.0.0.1:\(room.port) --name alice")
      try screen.wait(forLine: "", columns: 60)
      try screen.type("half a line")
      try screen.wait(forLine: "half a line", columns: 60)
      try screen.press("C-z")
      try screen.wait(for: "the shell") { $0.rows[$0.row] == "$" && $0.column == 2 }
      try screen.enter("echo shell $((6 * 7))")
      try screen.wait(forRow: "shell 42")
      try bob.say("meanwhile")
      try screen.enter("fg")
      try screen.wait(forLine: "half a line", below: "bob: meanwhile", columns: 60)
      try screen.press("Enter")
      try screen.wait(forLine: "", below: "alice: half a line", columns: 60)
      try screen.press("C-d")
      try screen.wait(for: "the shell") { $0.rows[$0.row] == "$" }
      // Bracketed paste is the shell's own again, or off.
      try screen.enter("stty -a | grep -c ' echo '")
      try screen.wait(forRow: "1")
    }
  }

  @Test("a client that was stopped and continued by signals draws its line anew")
  func continued() throws {
    try Scene.atPrompt { screen, bob, _ in
      try screen.type("half a line")
      let program = try screen.processID()
      kill(program, SIGSTOP)
      try bob.say("meanwhile")
      kill(program, SIGCONT)
      try screen.wait(forLine: "half a line", below: "bob: meanwhile", columns: 60)
    }
  }

  @Test("Ctrl-S stops the terminal and not the client; after Ctrl-Q all of it is there")
  func terminalStopped() throws {
    try Scene.atPrompt { screen, bob, _ in
      try screen.type("half")
      try screen.wait(forLine: "half", columns: 60)
      try screen.press("C-s")
      try screen.type(" a line")
      for number in 1...2_000 { try bob.say("number \(number)") }
      // Pings and all else go on.
      try bob.sendLine("{\"type\":\"who\"}")
      try bob.expect("members", "total", "2")
      let program = try screen.processID()
      let before = Program.processorTime(of: program)
      usleep(1_000_000)
      #expect(Program.processorTime(of: program) - before < .milliseconds(200))
      try screen.press("C-q")
      try screen.wait(forLine: "half a line", below: "bob: number 2000", columns: 60)
      #expect(
        try screen.scrollback().filter { $0.hasPrefix("bob: ") }
          == (1...2_000).map { "bob: number \($0)" })
    }
  }

  @Test("a client whose terminal is stopped ends all the same", arguments: [SIGTERM, SIGHUP])
  func endsWhileStopped(signal: Int32) throws {
    try Scene.atPrompt { screen, bob, _ in
      try screen.press("C-s")
      for number in 1...2_000 { try bob.say("number \(number)") }
      try bob.expect("chat", "text", "number 2000")
      kill(try screen.processID(), signal)
      try bob.expect("system", "event", "leave", within: .seconds(5))
      _ = try screen.waitForEnd()
    }
  }

  @Test("vi's keys are there for whoever chose them in ~/.editrc")
  func vi() throws {
    try Scene.play { scene in
      let room = try scene.host()
      let folder = try scene.folder()
      try "bind -v\n".write(toFile: "\(folder)/.editrc", atomically: true, encoding: .utf8)
      let screen = try scene.terminal(
        [
          "env", "HOME=\(folder)", Program.netchat, "clint", "127.0.0.1:\(room.port)", "--name",
          "alice",
        ])
      try screen.wait(forLine: "", columns: 60)
      try screen.type("one two")
      try screen.press("Escape")
      try screen.type("0x")
      try screen.wait(forLine: "ne two", cursor: 6, columns: 60)
      try screen.press("Enter")
      try screen.wait(forLine: "", below: "alice: ne two", columns: 60)
    }
  }
}

/// A value that several threads use.
final class Mutexed<Value: Sendable>: @unchecked Sendable {
  private let lock = NSLock()
  private var stored: Value

  init(_ value: Value) { stored = value }

  var value: Value { lock.withLock { stored } }
  func set(_ value: Value) { lock.withLock { stored = value } }
}
