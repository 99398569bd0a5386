import ChatClient
import Foundation
import Terminal
import Testing

@Suite("what a terminal sends")
struct KeyInputTests {
  /// All keys of some bytes that come in parts of a size.
  private func keys(_ bytes: [UInt8], in size: Int) -> [KeyInput.Key] {
    var input = KeyInput()
    var keys: [KeyInput.Key] = []
    for start in stride(from: 0, to: bytes.count, by: size) {
      input.receive(bytes[start..<min(start + size, bytes.count)])
      while let key = input.next() { keys.append(key) }
    }
    return keys
  }

  @Test("keys and pastes are the same wherever the stream is cut", arguments: 1...9)
  func cut(size: Int) {
    let bytes = Array(
      "aé日😀\u{1B}[A\u{1B}[200~one\r\ntwo\rthree\n\u{1B}[20\u{7}\tx\n\n\u{1B}[201~z".utf8)
    let expected: [KeyInput.Key] =
      "aé日😀\u{1B}[A".unicodeScalars.map { .scalar($0) }
      + [.paste("one\ntwo\nthree\n[20\tx"), .scalar("z")]
    #expect(keys(bytes, in: bytes.count) == expected)
    // A cut sequence that begins a paste is a key's: it is read when its first byte is there.
    #expect(keys(bytes, in: size).last == .scalar("z"))
  }

  @Test("what is no UTF-8 and what no key sends is dropped")
  func dropped() {
    let bytes: [UInt8] = [
      0x61, 0xFF, 0xC3, 0x28, 0xE2, 0x82, 0x62, 0x80, 0xC2, 0x9B, 0xC2, 0x9D, 0xED, 0xA0, 0x80,
      0xF4, 0x90, 0x80, 0x80, 0x63,
    ]
    for size in 1...4 {
      #expect(keys(bytes, in: size) == [.scalar("a"), .scalar("("), .scalar("b"), .scalar("c")])
    }
  }

  @Test("a paste that does not end is bounded, and forgotten at Ctrl-C")
  func endless() {
    var input = KeyInput()
    input.receive(Array("\u{1B}[200~".utf8)[...])
    let chunk = [UInt8](repeating: 0x78, count: 64 << 10)
    for _ in 1...32 {
      input.receive(chunk[...])
      #expect(input.next() == nil)
    }
    var ended = input
    ended.receive(Array("\u{1B}[201~".utf8)[...])
    guard case .paste(let text)? = ended.next() else {
      Issue.record("no paste")
      return
    }
    #expect(text.utf8.count == 256 << 10)
    input.discard()
    input.receive(Array("a".utf8)[...], at: 200_000_000)
    #expect(input.next() == .scalar("a"))
  }

  @Test("of a paste that was given up the rest is not taken for keys, however it is cut")
  func givenUp() {
    let rest = Array("line three\nline four\n\u{1B}[20\u{1B}\u{1B}[201~b".utf8)
    for size in 1...rest.count {
      var input = KeyInput()
      input.receive(Array("\u{1B}[200~line one\nline two\n".utf8)[...])
      #expect(input.next() == nil)
      input.discard()
      var keys: [KeyInput.Key] = []
      for start in stride(from: 0, to: rest.count, by: size) {
        input.receive(rest[start..<min(start + size, rest.count)])
        while let key = input.next() { keys.append(key) }
      }
      #expect(keys == [.scalar("b")], "\(size)")
    }
  }
}

@Suite("the file of what was typed")
struct InputHistoryTests {
  private func inFolder(_ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.path + "/netchat-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body("\(folder)/state/netchat/history")
  }

  @Test("entries come back as they were, of several lines as well, and nobody else can read them")
  func kept() throws {
    try inFolder { path in
      let history = InputHistory(path: path)
      #expect(try history.load() == [])
      let entries = ["one", "two\n\tlines", "back\\slash \\n", "日本 😀 e\u{301}"]
      for entry in entries { try history.append(entry) }
      #expect(try history.load() == entries)
      let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]
      #expect(mode as? Int == 0o600)
      let above = (path as NSString).deletingLastPathComponent
      let its = try FileManager.default.attributesOfItem(atPath: above)[.posixPermissions]
      #expect(its as? Int == 0o700)
    }
  }

  @Test("it is bounded in entries and in bytes, the oldest go first")
  func bounded() throws {
    try inFolder { path in
      let history = InputHistory(path: path)
      for number in 1...1_200 { try history.append("entry \(number)") }
      #expect(try history.load() == (201...1_200).map { "entry \($0)" })
      let text = try String(contentsOfFile: path, encoding: .utf8)
      #expect(text.split(separator: "\n").count == 1_000)
      let long = String(repeating: "x", count: 15_000)
      for number in 1...30 { try history.append("\(number) \(long)") }
      #expect(try history.load().last == "30 \(long)")
      let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
      #expect(size ?? .max <= 256 << 10)
      // One that is too long for it is kept nowhere.
      try history.append(String(repeating: "y", count: 20_000))
      #expect(try history.load().last == "30 \(long)")
    }
  }

  @Test("control characters are left out, coming and going")
  func inert() throws {
    try inFolder { path in
      let history = InputHistory(path: path)
      try history.append("a\u{1B}[2J\u{9B}\u{7F}b\u{0}")
      try history.append("\u{1B}\u{7}")
      #expect(try history.load() == ["a[2Jb"])
      let bytes = Data("\u{1B}]0;x\u{7}c\\\n\\q\n".utf8) + Data([0xFF, 0x0A])
      try bytes.write(to: URL(filePath: path))
      #expect(try history.load() == ["]0;xc\\", "\\q", "\u{FFFD}"])
    }
  }
}
