import Foundation
import Testing

@testable import ChatCore

/// Another reader of JSON judges the same bytes.
@Suite struct JSONFoundationTests {
  static let seeds = [
    #"{"type":"chat","encrypted":false,"text":"hi é \"x\" \\ \/ \u00e9 \ud83d\ude00""#
      + #","sid":"0123456789abcdef","n":7}"#,
    #"{"type":"auth","version":2,"name":"alice","history":20,"room":"00ff","since":-0"#
      + #","token":"a+/="}"#,
    #" { "type" : "nick" , "name" : "b\tb" , "x" : [ 1 , -2.5e+3 , [ ] , { } "#
      + #", { "y" : null } ] } "#,
    #"{"type":"system","event":"rename","name":"a","to":"b","text":"","id":43"#
      + #","time":1763857997123}"#,
    #"{"a":{"b":{"c":[[0.5],[true,false,null],"\b\f\n\r\t"]}},"d":12345678901234567890,"":"中文😀"}"#,
  ]

  /// What one draws from to make a text almost right.
  static let pieces: [[UInt8]] =
    [
      "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "\\ud83d", "\\ude00", "\\u0000", "0", "1",
      "-",
      "+", ".", "e", "E", "true", "false", "null", "t", " ", "\t", "\n", "\r", "\"a\":1,",
      ",\"b\":2",
      "[]", "{}", "é", "😀", "\u{7F}", "/", "\\/", "\\n", "'", "#", "x", "\u{1F}",
    ].map { Array($0.utf8) } + [
      [0x80], [0xC3], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xFF], [0xF4, 0x90],
    ]

  @Test("agrees with Foundation on thousands of mutated packets")
  func mutations() {
    var random = Seeded(8259)
    var accepted = 0
    var compared = 0
    for round in 0..<6_000 {
      var bytes = Array(Self.seeds[round % Self.seeds.count].utf8)
      for _ in 0..<Int.random(in: 1...3, using: &random) { mutate(&bytes, &random) }
      guard let verdict = foundation(bytes) else { continue }
      compared += 1
      switch jsonError(bytes) {
      case nil:
        accepted += 1
        #expect(verdict, "accepted: \(bytes.text)")
      // What section 1 refuses beyond RFC 8259.
      case .duplicateKey, .unpairedSurrogate, .tooDeep: break
      case .some: #expect(!verdict || hasTrailingComma(bytes), "refused: \(bytes.text)")
      }
    }
    // The comparison says something only if both kinds occur often.
    #expect(compared > 5_000)
    #expect(accepted > 500)
    #expect(accepted < compared - 500)
  }

  private func mutate(_ bytes: inout [UInt8], _ random: inout Seeded) {
    let place = Int.random(in: 0...bytes.count, using: &random)
    switch Int.random(in: 0..<5, using: &random) {
    case 0: if place < bytes.count { bytes.remove(at: place) }
    case 1: bytes.insert(contentsOf: Self.pieces.randomElement(using: &random)!, at: place)
    case 2:
      if place < bytes.count {
        bytes.replaceSubrange(
          place...place, with: Self.pieces.randomElement(using: &random)!)
      }
    case 3:
      // A stretch comes twice, or is gone.
      let end = min(bytes.count, place + Int.random(in: 1...8, using: &random))
      if Bool.random(using: &random) {
        bytes.insert(contentsOf: bytes[place..<end], at: place)
      } else {
        bytes.removeSubrange(place..<end)
      }
    default:
      if bytes.count > 1, place + 1 < bytes.count { bytes.swapAt(place, place + 1) }
    }
  }

  /// Foundation on Linux takes a comma before an object's end, which RFC 8259 does not.
  private func hasTrailingComma(_ bytes: [UInt8]) -> Bool {
    bytes.text.contains(/,[ \t\r\n]*}/)
  }

  /// Foundation's verdict; nil where it is known to judge by other rules than RFC 8259: it takes
  /// UTF-16 and a byte order mark, and no number that a double cannot hold.
  private func foundation(_ bytes: [UInt8]) -> Bool? {
    if bytes.contains(0) || bytes.starts(with: [0xEF, 0xBB, 0xBF]) { return nil }
    if bytes.contains(0xFE) || bytes.contains(0xFF) { return false }
    do {
      _ = try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
      return true
    } catch {
      return "\(error)".contains("not representable") ? nil : false
    }
  }

  @Test("undoes escapes as Foundation does")
  func unescaping() throws {
    let raws = [
      "", "plain", "é中😀", "\\\"\\\\\\/\\b\\f\\n\\r\\t", "\\u0041\\u00E9\\u4e2d\\ud83d\\ude00",
      "\\u0000x", "\\uFFFF\\uFFFE", "\\uDBFF\\uDFFF", "a\\u0301", "\\\\u0041", "\\\\\\u0041",
      "x\\ud801\\udc37y\\ud801\\udc37", "\\u007F\u{7F}",
    ]
    for raw in raws {
      let json = try JSONSerialization.jsonObject(
        with: Data("\"\(raw)\"".utf8), options: .fragmentsAllowed)
      #expect(unescaped(raw) == Array((json as! String).utf8), "\(raw)")
    }
  }
}
