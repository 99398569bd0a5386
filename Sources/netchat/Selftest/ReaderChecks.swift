import ChatCore

/// Lines that the reader of packets must take, and lines that it must refuse (PROTOCOL.md, section
/// 1; RFC 8259).
enum ReaderChecks {
  static let good = [
    "{\"type\":\"ping\"}",
    " { \"type\" : \"chat\" , \"encrypted\" : false , \"text\" : \"hi\" } ",
    "{\"text\":\"\\u00e4\\ud83d\\ude00\\n\\\\\\/\\\"\",\"type\":\"chat\"}",
    "{\"type\":\"chat\",\"text\":\"ä👋\",\"sid\":\"0123456789abcdef\",\"n\":9007199254740991}",
    "{\"type\":\"chat\",\"text\":\"x\",\"unknown\":[1,-0.5e+3,null,{\"a\":[[[[[]]]]]}]}",
    "{\"type\":\"auth\",\"version\":2,\"name\":\"alice\",\"history\":20}",
    "{\"type\":\"something new\"}",
    "{\"type\":\"nick\",\"name\":\"\"}",
  ]
  static let bad = [
    "", "x", "[]", "null", "\"type\"", "{", "{}x", "{\"type\":\"ping\"", "{\"type\":\"ping\",}",
    "{'type':'ping'}", "{\"type\":\"ping\"}{}", "{\"type\":ping}", "{}",
    "{\"type\":\"chat\"}", "{\"type\":\"chat\",\"text\":1}", "{\"type\":\"chat\",\"text\":\"\t\"}",
    "{\"type\":\"chat\",\"text\":\"\\x\"}", "{\"type\":\"chat\",\"text\":\"\\ud800\"}",
    "{\"type\":\"chat\",\"text\":\"a\",\"text\":\"b\"}",
    "{\"type\":\"chat\",\"text\":\"a\",\"t\\u0065xt\":\"b\"}",
    "{\"type\":\"chat\",\"text\":\"a\",\"payload\":\"AAAA\"}",
    "{\"type\":\"chat\",\"text\":\"a\",\"n\":7}",
    "{\"type\":\"chat\",\"text\":\"a\",\"sid\":\"0123456789abcdef\",\"n\":0}",
    "{\"type\":\"chat\",\"text\":\"a\",\"sid\":\"0123456789abcdef\",\"n\":1.0}",
    "{\"type\":\"chat\",\"text\":\"a\",\"sid\":\"0123456789abcdef\",\"n\":9007199254740992}",
    "{\"type\":\"chat\",\"text\":\"a\",\"sid\":\"short\",\"n\":1}",
    "{\"type\":\"x\",\"a\":[[[[[[[[]]]]]]]]}", "{\"type\":\"x\",\"a\":01}",
    "{\"type\":\"x\",\"a\":+1}",
    "{\"type\":\"x\",\"a\":.5}", "{\"type\":\"x\",\"a\":1.}", "{\"type\":\"x\",\"a\":truE}",
    "{\"type\":\"x\"}\u{0}", "\u{FEFF}{\"type\":\"ping\"}",
  ]

  static let check = SelftestCheck("the reader takes good packets and refuses bad ones") {
    () throws(SelftestCheck.Failure) in try run()
  }

  /// - Parameters: the lines to take and to refuse.
  static func run(good: [String] = good, bad: [String] = bad) throws(SelftestCheck.Failure) {
    for line in good {
      guard isTaken(Array(line.utf8)) else { throw SelftestCheck.Failure("refused: \(line)") }
    }
    for line in bad {
      guard !isTaken(Array(line.utf8)) else { throw SelftestCheck.Failure("taken: \(line)") }
    }
    // What is no UTF-8, anywhere.
    for bytes: [UInt8] in [[0xFF], [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80]] {
      let line = Array("{\"type\":\"chat\",\"text\":\"".utf8) + bytes + Array("\"}".utf8)
      guard !isTaken(line) else {
        throw SelftestCheck.Failure("taken: invalid UTF-8, \(Hexadecimal.encode(bytes))")
      }
    }
  }

  private static func isTaken(_ line: [UInt8]) -> Bool {
    do throws(PacketError) {
      _ = try ClientPacket(line.span)
      return true
    } catch {
      return false
    }
  }
}
