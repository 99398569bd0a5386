import Testing

@testable import ChatCore

@Suite struct NameTests {
  static let allowed = [
    "a", "alice", "Alice", "x y", "a b c", "O'Neil", "a-b_c.d", "7", "42nd", "a\"b", "a\\b", "a/b",
    "é", "e\u{301}", "Ünal", "中文", "日本 太郎", "アリス", "ｱﾘｽ", "Αλίκη", "Алиса", "שרה", "علي",
    "ไทย", "한글", "हिन्दी", "😀", "😀😀", "👍🏽", "🇩🇪", "©", "❤", "🏽", "☺x", "Ⅷ", "½", "²", "٣",
    "ª", "ʰ", "ａｌｉｃｅ", "a!", "a?", "a#", "a*", "1\u{20E3}", "a&b<c>", "a[b]", "a@b", "a$", "a+b",
    "a~",
    "clint", "clinton", "clint-7", "clint7x", "clint٣", "xclint7", "clint 7", "server2",
    "the server",
    "Server-2", "serve", "µ", "aµ", "яµ", "Ελ-中", "я中", "a中", "a1😀",
    "abcdefghijklmnopqrstuvwx", "😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀", "x\u{FFFD}",
  ]

  static let refused = [
    // Length
    "", "abcdefghijklmnopqrstuvwxy", "e\u{301}bcdefghijklmnopqrstuvwx",
    "😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀",
    // The first
    "-a", "_a", ".a", "/a", "[a", "(a", "@a", "!a", "'a", "\"a", "~a", "+a", "$a", "\\a", "<a",
    "|a",
    "#", "*", "#\u{20E3}", "*\u{20E3}", "#a", "*a", "\u{301}a", "\u{20E3}", "\u{FFFD}x", "→a", "€",
    "\u{FE0F}a", "\u{200D}a", "·a", "¿a", "´a",
    // A colon
    ":", "a:", "a:b", ":a",
    // White space
    " ", " a", "a ", "a  b", "a\tb", "a\nb", "a\r", "a\u{B}b", "a\u{C}b", "a\u{85}b", "a\u{A0}b",
    "a\u{1680}b", "a\u{2003}b", "a\u{2028}b", "a\u{2029}b", "a\u{202F}b", "a\u{205F}b",
    "a\u{3000}b",
    "\u{3000}",
    // Control, format, private use, unassigned, noncharacters
    "a\u{0}", "a\u{1B}", "a\u{7F}", "a\u{9B}", "a\u{AD}b", "a\u{200B}b", "a\u{200C}b", "a\u{200D}b",
    "a\u{200E}", "\u{202E}a", "a\u{2060}", "a\u{2066}b", "a\u{FEFF}", "\u{FEFF}a", "a\u{61C}",
    "a\u{FFF9}b", "a\u{E000}", "\u{E000}", "a\u{F0000}", "a\u{378}", "\u{378}",
    "a\u{1F8FF}", "\u{1F8FF}", "a\u{E0041}", "a\u{600}",
    // Default ignorable, and blank without a property that says so
    "a\u{FE0F}", "❤\u{FE0F}", "a\u{FE00}", "a\u{E0100}", "a\u{34F}b", "a\u{17B4}", "a\u{180B}",
    "\u{115F}", "\u{1160}", "a\u{1160}", "\u{3164}", "a\u{3164}", "\u{FFA0}", "a\u{FFA0}",
    "\u{2800}",
    "a\u{2800}b", "a\u{1D159}", "a\u{180E}b", "👨\u{200D}👩", "a\u{2065}",
    // Latin with Cyrillic or Greek letters
    "аdmin", "adminа", "alicе", "pαul", "Ωmega", "aΩ", "кk", "ⅷя", "ａя", "éя", "ſя", "ﬁя",
    "a\u{1D2B}",
    "aἀ", "я1a", "Ꙁa", "a😀я", "ªя", "Kя",
    // The host's own
    "server", "SERVER", "Server", "sErVeR", "ｓｅｒｖｅｒ", "ＳERVER", "ſerver",
  ]

  @Test("allows", arguments: allowed)
  func allows(_ text: String) { #expect(Name(text) != nil, "\(text.unicodeScalars.map(\.value))") }

  @Test("refuses", arguments: refused)
  func refuses(_ text: String) { #expect(Name(text) == nil, "\(text.unicodeScalars.map(\.value))") }

  @Test("refuses noncharacters", arguments: [0xFDD0, 0xFFFE, 0xFFFF, 0x1FFFE, 0x10FFFF])
  func noncharacters(_ value: UInt32) {
    let scalar = String(Unicode.Scalar(value)!)
    #expect(Name("a" + scalar) == nil)
    #expect(Name(scalar) == nil)
  }

  @Test("names are the same by full width, case and canonical equivalence")
  func folding() {
    for (one, other) in [
      ("alice", "ALICE"), ("Alice", "aLICE"), ("ａｌｉｃｅ", "alice"), ("Ａlice", "alice"),
      ("é", "e\u{301}"),
      ("É", "e\u{301}"), ("\u{212B}", "å"), ("\u{212A}", "k"), ("straße", "STRASSE"),
      ("Σας", "ΣΑΣ"),
      ("ſam", "sam"), ("Алиса", "алиСА"), ("a！b", "a!b"), ("ǅ", "ǆ"),
      ("q\u{307}\u{323}", "q\u{323}\u{307}"),
      ("ﬁx", "FIX"),
    ] { #expect(NameRules.fold(one) == NameRules.fold(other), "\(one) \(other)") }
    for (one, other) in [
      ("a", "b"), ("a b", "ab"), ("é", "e"), ("ö", "oe"), ("1", "²"), ("a", "а"),
    ] {
      #expect(NameRules.fold(one) != NameRules.fold(other), "\(one) \(other)")
    }
  }

  @Test("the host's to give are clint and ASCII digits, however they are written")
  func reserved() {
    for text in [
      "clint7", "clint1", "clint000", "CLINT7", "Clint12345678901234567", "ｃｌｉｎｔ７", "clınt7",
    ] {
      #expect(Name(text)?.isReserved == true, "\(text)")
    }
    for text in [
      "clint", "clint-7", "clint7x", "clint 7", "clin7", "xclint7", "clint٣", "clint²", "7",
    ] {
      #expect(Name(text)?.isReserved == false, "\(text)")
    }
    #expect(Name.numbered(7).isReserved)
    #expect(Name.numbered(7).text == "clint7")
  }

  @Test("a suffix shortens a name so that it fits")
  func suffix() {
    let long = Name("abcdefghijklmnopqrstuvwx")!
    #expect(long.with(suffix: 2).text == "abcdefghijklmnopqrstuv-2")
    #expect(long.with(suffix: 10_000).text == "abcdefghijklmnopqr-10000")
    #expect(Name("bob")!.with(suffix: 3).text == "bob-3")
    let emoji = Name(String(repeating: "😀", count: 24))!
    #expect(emoji.with(suffix: 12).text.unicodeScalars.count == 24)
    #expect(Name("a\"b")!.with(suffix: 2).escaped == Array("a\\\"b-2".utf8))
  }

  @Test("mixing letters of Latin and of Greek or Cyrillic is refused as Unicode's own scripts say")
  func scripts() {
    var wrong: [UInt32] = []
    for value in Array(UInt32(0x41)..<0x3400) + (0xA000..<0xAC00) + (0xF900..<0x12000)
      + (0x1D000..<0x20000)
    {
      guard let scalar = Unicode.Scalar(value), scalar.properties.isAlphabetic,
        // The regular expressions' table of scripts is older than the standard library's.
        let age = scalar.properties.age, age.major <= 15
      else { continue }
      // Only letters that may stand in a name beside one of no such script.
      guard NameRules.allow("中\(scalar)") else { continue }
      let text = String(scalar)
      let isLatin = text.contains(/\p{Script=Latin}/)
      let isOther = text.contains(/\p{Script=Greek}|\p{Script=Cyrillic}/)
      if NameRules.allow("a中\(scalar)") != !isOther { wrong.append(value) }
      if NameRules.allow("я中\(scalar)") != !isLatin { wrong.append(value) }
    }
    #expect(wrong.isEmpty, "\(wrong.map { String($0, radix: 16) })")
  }

  @Test("a taken name gets -2, -3 and so on")
  func taken() {
    let host = TestRoom()
    for expected in ["bob", "bob-2", "bob-3"] {
      let peer = host.connect()
      peer.auth("bob")
      #expect(peer.take()[1].hasPrefix("admitted \(expected) "))
    }
    let peer = host.connect()
    peer.auth("ＢＯＢ")
    #expect(peer.take()[1].hasPrefix("admitted ＢＯＢ-4 "))
    let other = host.connect()
    other.auth("Bob-2")
    #expect(other.take()[1].hasPrefix("admitted Bob-2-2 "))
  }

  @Test("thousands may wish the same name, and each gets one of its own")
  func thousands() {
    let host = TestRoom(history: 0)
    let room = host.room
    let moment = host.moment
    for wished in ["bob", "abcdefghijklmnopqrstuvwx"] {
      var names: Set<String> = []
      for number in 0..<3_000 {
        let connection = ConnectionID(worker: 1, slot: UInt32(number), generation: 0)
        let name = room.withLock { room in
          let admission = try? room.admit(
            Room.Wish(name: wished), as: .packets, connection, from: "x", .address([]), at: moment)
          return admission.flatMap { room.name(of: $0.handle) } ?? ""
        }
        names.insert(NameRules.fold(name))
        #expect(name.unicodeScalars.count <= 24)
        #expect(NameRules.allow(name))
      }
      #expect(names.count == 3_000)
    }
  }
}
