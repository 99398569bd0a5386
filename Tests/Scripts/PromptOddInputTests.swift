import Foundation
import Glibc
import Testing

/// Every input that ever broke a chat client: the prompt is there afterwards, and what is said then
/// is said once.
@Suite("odd input at the prompt")
struct PromptOddInputTests {
  /// Plays with the keys, and sees that the client is still one that people can talk with.
  private func survive(
    columns: Int = 60, rows: Int = 16, _ play: (TerminalScreen, RawConnection) throws -> Void
  ) throws {
    try Scene.atPrompt(columns: columns, rows: rows) { screen, bob, _ in
      try play(screen, bob)
      try screen.press("C-e", "C-u")
      try screen.enter("still here")
      try bob.expect("chat", "text", "still here")
      try screen.wait(forLine: "", below: "alice: still here", columns: columns)
      #expect(try screen.scrollback().count { $0 == "alice: still here" } == 1)
      #expect(try screen.picture().rows.count { $0.hasPrefix(">") } == 1)
    }
  }

  @Test("keys that find nothing to do on an empty line")
  func emptyLine() throws {
    try survive { screen, _ in
      try screen.press(
        "Tab", "Tab", "DC", "BSpace", "Left", "Right", "Up", "Down", "Home", "End", "C-k", "C-w",
        "C-y", "C-t", "M-b", "M-f", "M-d", "PPage", "NPage", "IC", "F1", "F12", "BTab", "C-l")
      try screen.press("C-_", "C-g", "Enter", "Enter")
      try screen.enter("   ")
    }
  }

  @Test("a lone slash, and slashes with odd words")
  func slashes() throws {
    try survive { screen, bob in
      for line in [
        "/", "/ ", "/\t", "//", "/ who", "/é", "/\u{301}", "/msg", "/msg  ", "/r", "/ignore  ",
      ] {
        try screen.type(line)
        try screen.press("C-e", "Enter")
      }
      // A slash said by two of them, and nothing else.
      #expect(try bob.expect("chat")["text"] == "/")
    }
  }

  @Test("escape sequences that do not end, are not known, or are no text at all")
  func escapes() throws {
    try survive { screen, _ in
      for bytes: [UInt8] in [
        [0x1B], [0x1B, 0x5B], [0x1B, 0x5B, 0x31], [0x1B, 0x4F], [0x1B, 0x5D, 0x30, 0x3B, 0x78],
        [0x1B, 0x5B, 0x32, 0x30, 0x31, 0x7E], [0x1B, 0x5B, 0x39, 0x39, 0x39, 0x7E], [0x1B, 0x1B],
        [0xFF], [0xC3], [0xE2, 0x82], [0xF0, 0x9F], [0x80], [0xC2, 0x9B], [0xC2, 0x9D],
        [0xED, 0xA0, 0x80],
        [0xEF, 0xBF, 0xBE], [0x00], [0x7F], [0xF4, 0x90, 0x80, 0x80],
      ] {
        try screen.send(bytes)
        try screen.press("C-g")
      }
    }
  }

  @Test("an escape sequence that waits for its end keeps nobody from being heard")
  func halfSequence() throws {
    try survive { screen, bob in
      try screen.type("abc")
      try screen.send([0x1B])
      try bob.say("hello")
      try screen.wait(forLine: "abc", below: "bob: hello", columns: 60)
      try screen.press("C-g")
      // A paste whose beginning comes in two parts.
      try screen.send(Array("\u{1B}[20".utf8))
      try bob.say("between")
      try screen.wait(forLine: "abc", below: "bob: between", columns: 60)
      try screen.send(Array("0~pasted, not ended".utf8))
      try bob.say("and again")
      try screen.wait(forLine: "abc", below: "bob: and again", columns: 60)
      try screen.send([0x1B] + Array("[201~".utf8))
      try screen.wait(forLine: "abcpasted, not ended", columns: 60)
    }
  }

  @Test("60,000 letters without a space are said, 64 KiB are given back")
  func longWord() throws {
    try survive { screen, bob in
      let word = String(repeating: "x", count: 60_000)
      try screen.paste(word)
      try screen.wait(for: "a full screen") { $0.row == 15 && $0.rows[0].hasPrefix("xxxx") }
      try bob.say("hello")
      try screen.press("Enter")
      #expect(try bob.expect("chat", "from", "alice")["text"] == word)
      try screen.wait(forLine: "", columns: 60)
      try screen.paste(String(repeating: "y", count: 65_536))
      try screen.press("Enter")
      let words = "! A line longer than 65536 bytes was not said."
      try screen.wait(forLine: "", below: words, columns: 60)
      try screen.press("Up")
      try screen.wait(for: "the line called back") {
        $0.row == 15 && $0.rows[14].hasPrefix("yyyy")
      }
      let shown = try screen.scrollback()
      #expect(shown.count { $0 == "bob: hello" } == 1)
    }
  }

  @Test("a message of 60,000 letters comes, and takes nothing from the line")
  func longMessage() throws {
    try survive { screen, bob in
      try screen.type("half a line")
      try bob.say(String(repeating: "z", count: 60_000))
      try bob.say("after")
      try screen.wait(forLine: "half a line", below: "bob: after", columns: 60)
      #expect(try screen.scrollback().joined().count { $0 == "z" } == 60_000)
    }
  }

  @Test("emoji under shrinking columns")
  func shrinking() throws {
    try survive { screen, bob in
      let line = "😀🎉🚀 " + String(repeating: "👍🏽👩‍👩‍👧", count: 4) + "🇩🇪❤️"
      try screen.type(line)
      // Below 4 columns tmux itself breaks; those are tried without it.
      for columns in Array(stride(from: 60, through: 4, by: -7)) + [4, 5, 6] {
        try screen.resize(columns: columns, rows: 16)
        try bob.say("😀 \(columns)")
      }
      try screen.resize(columns: 60, rows: 16)
      try bob.say("wide again")
      try screen.wait(forRow: "bob: wide again")
      try screen.press("C-e", "C-u", "Enter")
    }
  }

  @Test("a window without columns or rows")
  func noWindow() throws {
    try Scene.play { scene in
      let room = try scene.host()
      let bob = try room.member("bob")
      let terminal = try PseudoTerminal(
        ["clint", "127.0.0.1:\(room.port)", "--name", "alice"],
        environment: ["TERM=xterm", "XDG_STATE_HOME=\(scene.folder())"])
      try terminal.expect("> ")
      for (columns, rows) in [
        (0, 0), (1, 1), (0, 24), (80, 0), (1, 24), (2, 2), (3, 1), (500, 200), (0, 0),
      ] {
        terminal.resize(columns: UInt16(columns), rows: UInt16(rows))
        terminal.type("😀日本 a long line that has to break somewhere ")
        try bob.say("at \(columns)")
        try terminal.expect("at \(columns)")
      }
      terminal.resize(columns: 80, rows: 24)
      terminal.type("\u{15}still here\r")
      try bob.expect("chat", "text", "still here")
      terminal.type("\u{4}")
      #expect(try terminal.wait() == 0)
    }
  }

  @Test(
    "odd names at start: refused in words, not by a crash",
    arguments: ["", " ", "a:b", "\u{1B}[2J", "server", "e\u{301}", "名前", "😀"])
  func names(name: String) throws {
    try Scene.play { scene in
      let room = try scene.host()
      let screen = try scene.terminal(
        columns: 100, [Program.netchat, "clint", "127.0.0.1:\(room.port)", "--name=\(name)"])
      let picture = try screen.wait(for: "a prompt or an end") {
        $0.status != nil || $0.rows[$0.row] == ">"
      }
      if let status = picture.status {
        #expect([1, 2].contains(status))
        #expect(try screen.scrollback().joined().contains("netchat: "))
      } else {
        try screen.enter("hello")
        try screen.wait(forLine: "", below: "\(name): hello", columns: 100)
      }
    }
  }

  @Test("/nick with odd names is refused, and the old name stays")
  func nicks() throws {
    try survive { screen, _ in
      for name in ["a:b", "server", " ", "x\u{202E}y", String(repeating: "n", count: 30)] {
        try screen.enter("/nick \(name)")
      }
    }
  }

  /// What a terminal must never be told.
  private static let evil = "\u{1B}[2J\u{1B}]0;x\u{7}\u{9B}31m\u{202E}\u{8}\r"
  private static let escaped =
    "\\u001b[2J\\u001b]0;x\\u0007\\u009b31m\\u202e\\u0008\\r"

  /// Whether nothing but the client's own sequences has been written.
  private func isInert(_ bytes: [UInt8]) -> Bool {
    let text = String(decoding: bytes, as: UTF8.self)
    return !text.contains("\u{1B}]0") && !text.unicodeScalars.contains("\u{202E}")
      && !text.unicodeScalars.contains("\u{9B}") && !text.contains("[2J\u{1B}]")
  }

  @Test("a host whose names and texts are full of escapes, in its past as well")
  func hostile() throws {
    try Scene.play { scene in
      let name = Self.escaped
      let packets =
        [
          "{\"type\":\"hello\",\"secure\":false,\"version\":2,\"room\":\"00112233445566778899aabbccddeeff\"}",
          "{\"type\":\"auth_result\",\"ok\":true,\"client_name\":\"alice\",\"id\":2,\"total\":2,\"token\":\"t\"}",
          "{\"type\":\"chat\",\"from\":\"\(name)\",\"text\":\"old \(name)\",\"id\":1}",
          "{\"type\":\"system\",\"event\":\"join\",\"name\":\"\(name)\",\"text\":\"\(name) joined\",\"id\":2}",
          "{\"type\":\"members\",\"total\":2,\"names\":[\"alice\",\"\(name)\",\"\"]}",
          "{\"type\":\"chat\",\"from\":\"bob\",\"text\":\"hi \(name): are you alice?\\nx\",\"id\":3}",
          "{\"type\":\"chat\",\"from\":\"\(name)\",\"to\":\"alice\",\"text\":\"psst\"}",
          "{\"type\":\"error\",\"code\":\"x\",\"reason\":\"\(name)\"}",
          "{\"type\":\"chat\",\"from\":\"bob\",\"text\":\"last\",\"id\":4}",
        ].joined(separator: "\n") + "\n"
      let server = try scene.run(
        "python3", "-c",
        "import socket,sys,time; s=socket.create_server(('127.0.0.1',0)); "
          + "print(s.getsockname()[1],flush=True); c,_=s.accept(); "
          + "hello, rest = sys.argv[1].encode().split(b'\\n', 1); c.sendall(hello + b'\\n'); "
          + "c.recv(9000); c.sendall(rest); time.sleep(60)", packets)
      let port = try server.output.next() ?? ""
      let screen = try scene.terminal(
        columns: 100, isRecorded: true,
        [Program.netchat, "clint", "127.0.0.1:\(port)", "--name", "alice", "--history", "9"])
      try screen.wait(forLine: "", below: "bob: last", columns: 100)
      // An answer, a completion and a command that name it.
      try screen.type("\t")
      for line in ["/r hello", "/ignore", "/who"] { try screen.enter(line) }
      try screen.wait(for: "the answer on its way") { picture in
        picture.rows.contains { $0.hasPrefix("… [alice -> ␛[2J␛]0;x␇‹U+009B›31m‹U+202E›␈␍] hello") }
      }
      #expect(isInert(screen.bytes()))
    }
  }

  @Test("a history file full of escapes, bytes that are no text, and lines without end")
  func hostileHistory() throws {
    try Scene.play { scene in
      let room = try scene.host()
      let state = try scene.folder()
      try FileManager.default.createDirectory(
        atPath: "\(state)/netchat", withIntermediateDirectories: true)
      var bytes = Array("\(Self.evil)recalled\n\\q\\\n\n".utf8) + [0xFF, 0xC3, 0x28, 0x0A, 0x00]
      bytes += Array(repeating: 0x78, count: 300_000) + [0x0A]
      bytes += Array("\(Self.evil)last".utf8)
      let path = "\(state)/netchat/history"
      #expect(FileManager.default.createFile(atPath: path, contents: Data(bytes)))
      let screen = try scene.terminal(
        isRecorded: true,
        [
          "env", "XDG_STATE_HOME=\(state)", Program.netchat, "clint", "127.0.0.1:\(room.port)",
          "--name", "alice",
        ])
      try screen.wait(forLine: "", columns: 60)
      try screen.press("Up")
      try screen.wait(for: "the last entry") { $0.rows[$0.row].hasSuffix("last") }
      try screen.press("-N", "9", "Up")
      try screen.press("C-e", "C-u")
      try screen.enter("hello")
      try screen.wait(forLine: "", below: "alice: hello", columns: 60)
      let text = String(decoding: screen.bytes(), as: UTF8.self)
      #expect(!text.contains("\u{1B}]0") && !text.unicodeScalars.contains("\u{9B}"))
      // Cut to its bound, and only this user's.
      let attributes = try FileManager.default.attributesOfItem(atPath: path)
      #expect((attributes[.size] as? Int ?? .max) <= 256 << 10)
      #expect(attributes[.posixPermissions] as? Int == 0o600)
    }
  }
}
