import Foundation
import Glibc
import Testing

/// History, completion and pastes at the prompt.
@Suite("editing at the prompt")
struct PromptEditingTests {
  // MARK: History

  private func history(_ screen: TerminalScreen) -> String? {
    try? String(contentsOfFile: "\(screen.folder)/state/netchat/history", encoding: .utf8)
  }

  @Test("up, down and Ctrl-R call back what was said, and the next session does, too")
  func recalled() throws {
    try Scene.play { scene in
      let room = try scene.host()
      let state = try scene.folder()
      let command = [
        "env", "XDG_STATE_HOME=\(state)", Program.netchat, "clint", "127.0.0.1:\(room.port)",
        "--name", "alice",
      ]
      let first = try scene.terminal(command)
      try first.wait(forLine: "", columns: 60)
      for line in ["first thing", "second thing", "/who", "third"] {
        try first.enter(line)
      }
      try first.wait(forLine: "", below: "alice: third", columns: 60)
      try first.press("Up")
      try first.wait(forLine: "third", columns: 60)
      try first.press("Up", "Up")
      try first.wait(forLine: "second thing", columns: 60)
      try first.press("Down")
      try first.wait(forLine: "/who", columns: 60)
      try first.press("C-c")
      try first.wait(forLine: "", columns: 60)
      try first.press("C-d")
      #expect(try first.waitForEnd() == 0)
      let path = "\(state)/netchat/history"
      let kept = try String(contentsOfFile: path, encoding: .utf8)
      #expect(kept == "first thing\nsecond thing\n/who\nthird\n")
      let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]
      #expect(mode as? Int == 0o600)

      let second = try scene.terminal(command)
      try second.wait(forLine: "", columns: 60)
      try second.press("C-r")
      try second.type("first")
      try second.wait(for: "what was searched for") { $0.rows[$0.row] == "> first thing" }
      try second.press("Enter")
      try second.wait(forLine: "", below: "alice: first thing", columns: 60)
      try room.screen.expect("alice: first thing")
    }
  }

  @Test("what arrives during a search with Ctrl-R does not disturb it")
  func searched() throws {
    try Scene.atPrompt { screen, bob, _ in
      try screen.enter("find me")
      try screen.wait(forLine: "", below: "alice: find me", columns: 60)
      try screen.press("C-r")
      try screen.type("fin")
      try bob.say("hello")
      try screen.wait(for: "the search below what came") { picture in
        picture.text.suffix(3) == ["bob: hello", "> find me", "bck:fin"]
      }
      try screen.press("Enter")
      try screen.wait(forLine: "", below: "alice: find me", columns: 60)
      #expect(try screen.scrollback().count { $0 == "alice: find me" } == 2)
    }
  }

  @Test("--no-save-history keeps nothing, and calls back all the same")
  func unsaved() throws {
    try Scene.atPrompt("--no-save-history") { screen, _, _ in
      try screen.enter("for now")
      try screen.wait(forLine: "", below: "alice: for now", columns: 60)
      try screen.press("Up")
      try screen.wait(forLine: "for now", columns: 60)
      try screen.press("C-c", "C-d")
      #expect(try screen.waitForEnd() == 0)
      #expect(history(screen) == nil)
    }
  }

  @Test("a password is asked for without echo, and is in no history")
  func password() throws {
    try Scene.play { scene in
      let room = try scene.secureHost()
      let screen = try scene.terminal(
        [Program.netchat, "clint", "127.0.0.1:\(room.port)", "--name", "alice"])
      try screen.wait(forRow: "Enter password:")
      try screen.enter("open sesame")
      try screen.wait(forLine: "", columns: 60)
      try screen.enter("hello")
      try screen.wait(forLine: "", below: "alice: hello", columns: 60)
      try screen.press("Up", "Up", "Up")
      try screen.wait(forLine: "hello", columns: 60)
      #expect(history(screen) == "hello\n")
      let shown = try screen.scrollback()
      #expect(shown.contains("Authenticated as alice"))
      #expect(!shown.contains { $0.contains("sesame") })
    }
  }

  @Test("a history that cannot be kept is told of once, and nothing else fails")
  func unwritable() throws {
    try Scene.play { scene in
      let room = try scene.host()
      let state = try scene.folder()
      try FileManager.default.createDirectory(
        atPath: "\(state)/netchat/history", withIntermediateDirectories: true)
      let screen = try scene.terminal(
        columns: 120,
        [
          "env", "XDG_STATE_HOME=\(state)", Program.netchat, "clint", "127.0.0.1:\(room.port)",
          "--name", "alice",
        ])
      try screen.wait(forLine: "", columns: 120)
      for line in ["one", "two"] { try screen.enter(line) }
      try screen.wait(forRow: "alice: two")
      let words = "! What is typed cannot be kept in "
      #expect(try screen.scrollback().count { $0.hasPrefix(words) } == 1)
    }
  }

  // MARK: Completion

  @Test("TAB completes names and commands")
  func completion() throws {
    try Scene.atPrompt { screen, bob, room in
      let others = try ["bonnie", "Zoë", "old man"].map { try room.member($0) }
      try screen.wait(forRow: "+ Total connected clints: [5]")
      for (typed, line) in [
        ("bon", "bonnie: "), ("hi bon", "hi bonnie "), ("BON", "bonnie: "), ("bo", "bo"),
        ("z", "Zoë: "), ("old", "old man: "), ("hello old m", "hello old man "),
        ("ali", "ali"), ("nobody", "nobody"), ("/wh", "/who "), ("/msg bon", "/msg bonnie "),
        ("/bell me", "/bell mention"), ("/xyz", "/xyz"), ("/nick a", "/nick a"),
      ] {
        try screen.type(typed + "\t")
        try screen.wait(forLine: line, columns: 60)
        try screen.press("C-c")
        try screen.wait(forLine: "", columns: 60)
      }
      // Where several fit they are shown.
      try screen.type("bo\t")
      try screen.wait(for: "the choices") { picture in
        picture.rows[picture.row] == "> bo"
          && picture.rows.contains { Set($0.split(separator: " ")) == ["bob", "bonnie"] }
      }
      try screen.type("n\t")
      try screen.wait(forLine: "bonnie: ", columns: 60)
      _ = others
    }
  }

  // MARK: Pastes

  @Test("a paste of many lines is one message: shown first, sent by Enter, indented")
  func paste() throws {
    try Scene.atPrompt { screen, bob, _ in
      try screen.paste("func f() {\n\treturn 1\n}\n")
      let picture = try screen.wait(for: "the paste") {
        $0.text.suffix(3) == ["> func f() {", "        return 1", "}"]
      }
      #expect(picture.column == 1)
      // It waits, and what arrives meanwhile stands above it.
      try bob.say("hello")
      try screen.wait(for: "the paste below what came") {
        $0.text.suffix(4) == ["bob: hello", "> func f() {", "        return 1", "}"]
      }
      try screen.press("Enter")
      try bob.expect("chat", "text", "func f() {\n\treturn 1\n}")
      try screen.wait(for: "the message") { picture in
        picture.text.suffix(4) == ["alice: func f() {", "    ␉return 1", "    }", ">"]
      }
      // It comes back as one, too.
      try screen.press("Up")
      try screen.wait(for: "the message in the history") {
        $0.text.suffix(3) == ["> func f() {", "        return 1", "}"]
      }
    }
  }

  @Test("a paste goes into the line that was begun, and its escape sequences do nothing")
  func pasteInside() throws {
    try Scene.atPrompt { screen, bob, _ in
      try screen.type("say  now")
      try screen.press("-N", "4", "Left")
      try screen.send([0x1B] + Array("[200~".utf8))
      try screen.send(Array("a\u{1B}[2Jb".utf8) + [7, 9])
      try screen.send([0x1B] + Array("[201~".utf8))
      try screen.type("!")
      try screen.press("Enter")
      try bob.expect("chat", "text", "say a[2Jb\t! now")
    }
  }

  @Test("500 lines are pasted byte for byte, into a screen of 16 rows")
  func longPaste() throws {
    try Scene.atPrompt { screen, bob, _ in
      let text = (1...500).map { "line \($0) of a longer text" }.joined(separator: "\n")
      try screen.paste(text)
      try screen.wait(for: "the paste's end") {
        $0.text.last == "line 500 of a longer text"
      }
      try bob.say("meanwhile")
      try screen.press("Enter")
      try bob.expect("chat", "text", text)
      try screen.wait(forLine: "", below: "    line 500 of a longer text", columns: 60)
      try screen.enter("next")
      try screen.wait(forLine: "", below: "alice: next", columns: 60)
      #expect(try screen.scrollback().count { $0 == "bob: meanwhile" } == 1)
    }
  }
}
