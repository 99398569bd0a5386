import Testing

@testable import ChatCore

@Suite struct UTF8SequenceTests {
  @Test("tells valid from invalid as Kuhn's stress test does")
  func stress() throws {
    for vector in try vectors("utf8stress") {
      let bytes = [UInt8](hex: vector["hex"] as! String)
      let isValid = UTF8Sequence.isValid(bytes: bytes)
      #expect(isValid == vector["valid"] as! Bool, "\(vector["id"]!)")
    }
  }

  @Test("agrees with the standard library on every scalar's borders and on random bytes")
  func random() {
    var random = Seeded(3629)
    for value: UInt32 in [
      0, 0x7F, 0x80, 0x7FF, 0x800, 0xFFF, 0x1000, 0xCFFF, 0xD000, 0xD7FF, 0xE000, 0xFFFF, 0x10000,
      0x3FFFF, 0x40000, 0xFFFFF, 0x100000, 0x10FFFF,
    ] {
      let bytes = Array(String(Unicode.Scalar(value)!).utf8)
      #expect(UTF8Sequence.length(bytes: bytes) == bytes.count)
      for count in 1..<max(2, bytes.count) where count < bytes.count {
        #expect(!UTF8Sequence.isValid(bytes: Array(bytes[..<count])))
      }
    }
    for _ in 0..<4_000 {
      let count = Int.random(in: 0...5, using: &random)
      let bytes = (0..<count).map { _ in
        Bool.random(using: &random)
          ? UInt8.random(in: 0x80...0xFF, using: &random)
          : [0xE0, 0xED, 0xF0, 0xF4, 0xC2, 0x80, 0x9F, 0xA0, 0xBF, 0x41].randomElement(
            using: &random)!
      }
      #expect(
        UTF8Sequence.isValid(bytes: bytes) == (String(validating: bytes, as: UTF8.self) != nil))
    }
  }
}

@Suite struct Base64Tests {
  @Test(
    "encodes and decodes the vectors of RFC 4648",
    arguments: [
      ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
      ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
    ])
  func vectors(_ plain: String, _ text: String) {
    #expect(Base64.encode(Array(plain.utf8)).text == text)
    #expect(Base64.decoded(text) == Array(plain.utf8))
  }

  @Test(
    "refuses what is not canonical",
    arguments: [
      "Z", "Zg", "Zg=", "Zm9", "Zm9vY", "=", "==", "====", "Z===", "Zg==Zg==", "Zm8=Zm9v", "Z=g=",
      "=Zg=", "Zh==", "Zn==", "Z/==", "Zm9=", "Zm+=", "Zm9v\n", "Zm9v\r\n", "Zm 9", " Zm9", "Zm9v ",
      "Zm9-", "Zm9_", "Zm9é", "Zm9.", "Zg==\n", "Zg==A", "Zg=A", "Zm9v====", "Zm9v=", "Zm\u{0}v",
    ])
  func refuses(_ text: String) {
    #expect(Base64.decoded(text) == nil)
  }

  @Test("every byte string of up to two bytes has one text only")
  func onlyOne() {
    let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var accepted = 0
    for first in digits {
      for second in digits {
        let text = [first, second] + Array("==".utf8)
        guard let bytes = Base64.decode(text.span) else { continue }
        accepted += 1
        #expect(Base64.encode(bytes) == text)
      }
    }
    #expect(accepted == 256)
  }

  @Test("what was encoded decodes to the same")
  func roundTrip() {
    var random = Seeded(4648)
    for count in 0..<200 {
      let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
      #expect(Base64.decoded(Base64.encode(bytes)) == bytes)
    }
  }
}

@Suite struct LineReaderTests {
  private func read(_ chunks: [[UInt8]], limit: Int = Limits.clientLine) -> [String] {
    var reader = LineReader(limit: limit)
    var found: [String] = []
    for chunk in chunks {
      var start = 0
      reading: while start < chunk.count {
        switch reader.next(in: chunk.span, from: &start) {
        case .line(let range): found.append(Array(chunk[range]).text)
        case .joined: found.append(reader.takeJoined().text)
        case .needsMore: break reading
        case .tooLong: return found + ["too long"]
        }
      }
    }
    return found
  }

  private func read(_ text: String) -> [String] { read([Array(text.utf8)]) }

  @Test("a line ends at LF, and one CR before it is not part of it")
  func ends() {
    #expect(read("a\nb\r\n\n\r\nc\r\r\nd\re\n") == ["a", "b", "", "", "c\r", "d\re"])
    #expect(read("") == [])
    #expect(read("a\nunfinished") == ["a"])
  }

  @Test("a stream reads the same wherever it is cut")
  func cuts() {
    let bytes = Array("one\r\n\n\r\ntwo\n\rthree\r\r\n\u{E9}\nrest\r".utf8)
    let whole = read([bytes])
    for first in 0...bytes.count {
      for second in first...bytes.count {
        #expect(
          read([Array(bytes[..<first]), Array(bytes[first..<second]), Array(bytes[second...])])
            == whole)
      }
    }
    #expect(read(bytes.map { [$0] }) == whole)
  }

  @Test("65,536 bytes with LF are a line, 65,537 are too long", arguments: [1, 2, 65_535, 65_536])
  func limit(_ cut: Int) {
    for (ending, isLine) in [("\n", true), ("\r\n", true), ("x\n", false), ("\r\r\n", false)] {
      let content = [UInt8](repeating: 0x78, count: isLine ? 65_536 - ending.utf8.count : 65_535)
      let bytes = content + Array(ending.utf8)
      #expect(bytes.count == 65_536 || !isLine)
      let found = read([Array(bytes[..<cut]), Array(bytes[cut...])])
      #expect(found.count == 1)
      #expect((found.first != "too long") == isLine)
    }
  }

  @Test("a line that cannot end in time is too long before its end has come")
  func early() {
    var reader = LineReader(limit: 8)
    #expect(reader.next(text: "1234567") == .needsMore)
    #expect(reader.next(text: "8") == .tooLong)
  }

  @Test("what stands without LF at the end can be had")
  func unfinished() {
    var reader = LineReader(limit: 100)
    #expect(!reader.hasUnfinished)
    _ = reader.next(text: "last\r")
    #expect(reader.hasUnfinished)
    #expect(reader.takeUnfinished().text == "last")
    #expect(!reader.hasUnfinished)
  }
}

@Suite struct JSONTextTests {
  @Test("escapes no more than it must")
  func minimal() {
    #expect(escaped("\"\\/") == "\\\"\\\\/")
    #expect(escaped("\u{8}\u{C}\n\r\t") == "\\b\\f\\n\\r\\t")
    #expect(escaped("\u{0}\u{1}\u{B}\u{1F}") == "\\u0000\\u0001\\u000b\\u001f")
    let plain = "é中😀\u{7F}\u{80}\u{9F}\u{2028}\u{202E}\u{FEFF}\u{FFFF}<>&'"
    #expect(escaped(plain) == plain)
  }

  @Test("what was escaped reads as the same")
  func roundTrip() {
    var random = Seeded(1)
    for _ in 0..<2_000 {
      var text = String.UnicodeScalarView()
      for _ in 0..<Int.random(in: 0...12, using: &random) {
        let limit: UInt32 = [0x30, 0x80, 0x3000, 0x10FFFF].randomElement(using: &random)!
        if let scalar = Unicode.Scalar(UInt32.random(in: 0...limit, using: &random)) {
          text.append(scalar)
        }
      }
      #expect(unescaped(escaped(String(text))) == Array(String(text).utf8))
    }
  }

  @Test("white space alone is blank, escaped or not")
  func blank() {
    func isBlank(_ raw: String) -> Bool {
      let bytes = Array(raw.utf8)
      let string = JSONString(start: 0, end: Int32(bytes.count), hasEscapes: raw.contains("\\"))
      return JSONText.isBlank(string, in: bytes.span)
    }
    for raw in ["", " ", "   ", "\\n\\t\\r", "\\u0020", "\u{A0}", "\u{3000}\\u2003 ", "\\u0085"] {
      #expect(isBlank(raw), "\(raw)")
    }
    for raw in [
      "a", " a", "\\n.", "\u{A0}x", "\\\\", "\\\"", "\u{200B}", "\u{2800}", "\\u0000", "é",
    ] {
      #expect(!isBlank(raw), "\(raw)")
    }
  }

  @Test("integers are written in full")
  func decimals() {
    for value: Int64 in [0, 7, 10, -1, 100, .max, .min, Limits.largestInteger] {
      var bytes: [UInt8] = []
      bytes.append(decimal: value)
      #expect(bytes.text == "\(value)")
    }
  }
}
