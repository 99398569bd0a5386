import Foundation
import Glibc
import Testing

/// Commands, colours, times and the bell at the prompt.
@Suite("commands at the prompt")
struct PromptCommandTests {
  @Test("/help names every command")
  func help() throws {
    try Scene.atPrompt(columns: 100, rows: 24) { screen, _, _ in
      try screen.enter("/help")
      let picture = try screen.wait(for: "the last line") { picture in
        picture.rows.contains { $0.hasPrefix("  //TEXT") }
      }
      for command in [
        "nick", "who", "msg", "r", "me", "ignore", "clear", "save", "bell", "help", "quit",
      ] {
        #expect(
          picture.rows.contains { $0.hasPrefix("  /\(command) ") }, "\(command)")
      }
    }
  }

  @Test("/nick, /who, /msg, /r, /me and //")
  func talking() throws {
    try Scene.atPrompt { screen, bob, _ in
      try screen.enter("/who")
      try screen.wait(for: "the members") { picture in
        picture.rows.contains("Members [2]: alice, bob")
          || picture.rows.contains("Members [2]: bob, alice")
      }
      try screen.enter("/r too early")
      try screen.wait(forRow: "! Nobody has written to you alone yet.")
      try screen.enter("/msg bob: psst")
      try screen.wait(forLine: "", below: "[alice -> bob] psst", columns: 60)
      #expect(try bob.expect("chat", "text", "psst")["to"] == "bob")
      try bob.sendLine("{\"type\":\"chat\",\"text\":\"yes?\",\"to\":\"alice\"}")
      try screen.wait(forRow: "[bob -> alice] yes?")
      try screen.enter("/r nothing")
      #expect(try bob.expect("chat", "text", "nothing")["to"] == "bob")
      try screen.enter("/me waves")
      try screen.wait(forRow: "alice: * waves")
      try screen.enter("//who is there")
      try screen.wait(forRow: "alice: /who is there")
      try screen.enter("/nick alicia")
      try screen.wait(forRow: "alice is now known as alicia.")
      try screen.enter("it is me")
      try screen.wait(forRow: "alicia: it is me")
      try screen.enter("/nick bob")
      try screen.wait(forRow: "alicia is now known as bob-2.")
    }
  }

  @Test("an unknown command suggests the nearest, and is not said")
  func unknown() throws {
    try Scene.atPrompt { screen, bob, _ in
      try screen.enter("/whoo")
      try screen.wait(forLine: "", below: "! There is no /whoo: did you mean /who?", columns: 60)
      try screen.enter("/xyzzy")
      try screen.wait(for: "a word about help") { picture in
        picture.rows.contains { $0.hasPrefix("! There is no /xyzzy: /help lists") }
      }
      try screen.enter("/msg bob")
      try screen.wait(forRow: "! It is written /msg NAME TEXT")
      try screen.enter("/bell loud")
      try screen.wait(forRow: "! It is written /bell [off|mention|private|all]")
      try screen.enter("said")
      let said = try bob.lines.expect { $0.contains("\"chat\"") }
      #expect(try Packet(said.line)["text"] == "said")
    }
  }

  @Test("/ignore shows no more of somebody, until it is said again")
  func ignore() throws {
    try Scene.atPrompt { screen, bob, room in
      let carol = try room.member("Carol")
      try screen.enter("/ignore")
      try screen.wait(forRow: "! Nobody is ignored.")
      try screen.enter("/ignore CAROL")
      try screen.wait(for: "a word about it") { $0.text.joined().contains("is not shown any more") }
      try carol.say("spam")
      try bob.expect("chat", "text", "spam")
      try bob.say("after it")
      let picture = try screen.wait(forRow: "bob: after it")
      #expect(!picture.rows.contains("Carol: spam"))
      try screen.enter("/ignore carol")
      try screen.wait(for: "a word about it") { $0.text.joined().contains("is shown again") }
      try carol.say("sorry")
      try screen.wait(forRow: "Carol: sorry")
    }
  }

  @Test("/clear clears the screen, /save writes what was shown to a new file, and to no other")
  func clearAndSave() throws {
    try Scene.atPrompt { screen, bob, _ in
      try bob.say("one\\ntwo")
      try screen.wait(forRow: "    two")
      try screen.enter("/clear")
      let cleared = try screen.wait(for: "an empty screen") { $0.text == [">"] }
      #expect(cleared.row == 0)
      try bob.say("later")
      try screen.wait(forLine: "", below: "bob: later", columns: 60)
      let path = "\(screen.folder)/saved"
      try screen.enter("/save ~/saved")
      try screen.wait(for: "a word about it") { $0.text.joined().contains("! Saved to /") }
      let saved = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
      #expect(saved.suffix(3) == ["bob: one", "    two", "bob: later"])
      #expect(saved.first?.hasPrefix("Connected to ") == true)
      try screen.enter("/save ~/saved")
      try screen.wait(for: "a word about it") { $0.text.joined().contains("! Not saved to /") }
      #expect(
        try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n") == saved)
    }
  }

  @Test("/quit leaves, once what was said is in the room")
  func quit() throws {
    try Scene.atPrompt { screen, bob, _ in
      try screen.type("last words\r/quit\r")
      #expect(try screen.waitForEnd() == 0)
      try bob.expect("chat", "text", "last words")
    }
  }

  // MARK: Colours

  /// The rows with their colours: `ESC` as `^`.
  private func rows(_ screen: TerminalScreen) throws -> String {
    try screen.colors().joined(separator: "\n").replacingOccurrences(of: "\u{1B}", with: "^")
  }

  @Test("names have colours that stay, one's own is highlighted, joins are dim")
  func colors() throws {
    var seen: [String] = []
    for _ in 1...2 {
      try Scene.atPrompt { screen, bob, _ in
        try bob.say("hello Alice, not malice")
        try screen.enter("hello")
        try screen.wait(forLine: "", below: "alice: hello", columns: 60)
        let rows = try rows(screen)
        let color = try #require(rows.firstMatch(of: /\^\[(\d+)mbob\^\[/), "\(rows)")
        seen.append(String(color.1))
        #expect(rows.contains("^[7mAlice"), "\(rows)")
        #expect(rows.contains(", not malice"), "\(rows)")
        #expect(rows.contains("^[1malice"), "\(rows)")
        #expect(rows.contains("^[2malice joined from "), "\(rows)")
      }
    }
    #expect(seen.count == 2 && seen[0] == seen[1])
  }

  @Test(
    "NO_COLOR and --color never take the colours away, and nothing else",
    arguments: [["NO_COLOR=1"], [], ["NO_COLOR=1", "always"]])
  func noColor(how: [String]) throws {
    let environment = how.filter { $0.contains("=") }
    let when = how.last == "always" ? "always" : environment.isEmpty ? "never" : "auto"
    try Scene.atPrompt(environment: environment, "--color", when) { screen, bob, _ in
      try bob.say("hello alice")
      try screen.enter("hello")
      try screen.wait(forLine: "", below: "alice: hello", columns: 60)
      #expect(try screen.picture().rows.contains("bob: hello alice"))
      #expect(try rows(screen).contains("^[") == (when == "always"))
    }
  }

  @Test("a dumb terminal has the plain transcript, and no prompt")
  func dumb() throws {
    try Scene.play { scene in
      let room = try scene.host()
      let bob = try room.member("bob")
      let screen = try scene.terminal(
        environment: ["TERM=dumb"], isRecorded: true,
        [Program.netchat, "clint", "127.0.0.1:\(room.port)", "--name", "alice"])
      try screen.wait(forRow: "+ Total connected clints: [2]")
      try bob.say("hello alice")
      try screen.wait(forRow: "bob: hello alice")
      // The terminal itself shows what is typed.
      try screen.enter("hello")
      try screen.wait(forRow: "alice: hello")
      #expect(try screen.picture().text.suffix(3) == ["bob: hello alice", "hello", "alice: hello"])
      #expect(!screen.bytes().isEmpty && !screen.bytes().contains(0x1B))
    }
  }

  // MARK: Times, joins, the bell

  @Test("--timestamps shows when a line was said, short or full; --joins off shows no joins")
  func timestamps() throws {
    try Scene.atPrompt("--timestamps", "short", "--joins", "off") { screen, bob, room in
      try bob.say("one\\ntwo")
      let picture = try screen.wait(for: "a time") { picture in
        picture.rows.contains { $0.wholeMatch(of: /\d\d:\d\d bob: one/) != nil }
      }
      #expect(picture.rows.contains("          two"))
      _ = try room.member("carol")
      try bob.expect("system", "event", "join")
      try bob.say("after")
      let after = try screen.wait(for: "what was said") { $0.text.joined().contains("bob: after") }
      #expect(!after.text.joined().contains("joined"))
      #expect(!after.text.joined().contains("connected clints"))
    }
    try Scene.atPrompt("--timestamps", "full") { screen, bob, _ in
      try bob.say("now")
      let packet = try bob.expect("chat", "text", "now")
      let time = try #require(packet["time"].flatMap { Int($0) })
      let date = Date(timeIntervalSince1970: Double(time / 1000))
      let words = ISO8601DateFormatter().string(from: date)
      try screen.wait(forRow: "\(words.prefix(10)) \(words.dropFirst(11).prefix(8)) bob: now")
    }
  }

  @Test("the bell rings for what was asked", arguments: ["off", "mention", "private", "all"])
  func bell(when: String) throws {
    try Scene.atPrompt(isRecorded: true, "--bell", when) { screen, bob, _ in
      func rings(_ line: String) throws -> Bool {
        let before = screen.bytes().count { $0 == 7 }
        let shown = try screen.scrollback().count { $0 == "bob: then" }
        try bob.sendLine(line)
        try bob.say("then")
        try screen.wait(for: "what came after") { _ in
          try screen.scrollback().count { $0 == "bob: then" } > shown
        }
        return screen.bytes().count { $0 == 7 } > before
      }
      if when == "all" {
        // Others of them in the same drawing ring no more than once.
        #expect(try rings("{\"type\":\"chat\",\"text\":\"hello\"}"))
        return
      }
      #expect(try rings("{\"type\":\"chat\",\"text\":\"hello\"}") == false)
      #expect(try rings("{\"type\":\"chat\",\"text\":\"malice\"}") == false)
      #expect(try rings("{\"type\":\"chat\",\"text\":\"hi Alice!\"}") == (when == "mention"))
      #expect(
        try rings("{\"type\":\"chat\",\"text\":\"psst\",\"to\":\"alice\"}") == (when != "off"))
      try screen.enter("/bell private")
      try screen.wait(forRow: "! The bell rings for: private")
      #expect(try rings("{\"type\":\"chat\",\"text\":\"psst\",\"to\":\"alice\"}"))
    }
  }
}
