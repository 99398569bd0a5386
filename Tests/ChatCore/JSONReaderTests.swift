import Testing

@testable import ChatCore

/// Cases in the spirit of JSONTestSuite (Nicolas Seriot): what RFC 8259 accepts and what not.
@Suite struct JSONReaderTests {
  static let accepted = [
    // Structure
    "{}", "[]", "[[]]", "{\"a\":[]}", "{\"a\":{}}", "[1,2]", "[null,1,\"1\",{}]", "true", "false",
    "null", "0", "\"\"", "\"a\"", "{\"\":0}", "{\"a\":1,\"b\":2}", "{\"\\u0000\":1}", "[1,null]",
    "{\"a\":[{\"b\":[]}]}", "[true,false,null]", "{\"a\":1,\"A\":2}",
    // White space
    " {} ", "\t{\r}\n", "[1 , 2]", "{ \"a\" : 1 }", "\n\n[\n]", " 1 ", "{}\n", "{}\r",
    // Numbers
    "[-0]", "[0]", "[123]", "[-1]", "[0.5]", "[-0.5]", "[1e1]", "[1E1]", "[1e+1]", "[1e-1]",
    "[1E+1]", "[0e1]", "[0e+1]", "[1.5e3]", "[123.456789]", "[9223372036854775807]",
    "[9223372036854775808]", "[-9223372036854775808]", "[20e1]", "[0.0]", "[-0.0e-0]",
    "[100000000000000000000000000000]", "[0.000000000000000000000000000001]", "[1e400]",
    "[-1e-400]",
    "[123.456e78]", "[1 ]",
    // Strings
    "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]", "[\"\\u0041\\u00e9\\uABCD\\uabcd\"]",
    "[\"\\ud83d\\ude00\"]", "[\"\\uDBFF\\uDFFF\"]", "[\"\\uFFFF\"]", "[\"\\ufdd0\"]",
    "[\"\\u0000\"]", "[\"\\u007f\"]", "[\"\u{7F}\"]", "[\"\u{2028}\u{2029}\"]", "[\"é中😀\"]",
    "[\"\u{10FFFF}\"]", "[\"\u{FEFF}\"]", "[\"a/b\"]", "[\"'\"]", "[\"\\\\u0000\"]",
    "[\"\\ud801\\udc37x\\ud801\\udc37\"]", "[\" \"]", "[\"//\"]", "[\"\\u0022\"]",
  ]

  static let refused = [
    // Nothing, and what stands around
    "", " ", "\n", "{}{}", "{} x", "[]]", "{}}", "1 2", "\"a\" \"b\"", "{},", ",{}", "[1]x", "{}#",
    "{}//", "/**/{}", "{}/**/", "[\u{0C}]", "[\u{A0}1]", "[\u{2060}]", "\u{FEFF}{}", "{}\u{FEFF}",
    "{}\u{0}", "\u{0}", "\u{0B}{}",
    // Objects
    "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{,}", "{,\"a\":1}", "{\"a\"}",
    "{\"a\":}", "{\"a\" 1}", "{a:1}", "{'a':1}", "{1:1}", "{null:1}", "{[]:1}", "{\"a\":1 \"b\":2}",
    "{\"a\":1;\"b\":2}", "{\"a\":1,,\"b\":2}", "{\"a\"::1}", "{\"a\":1:2}", "{\"a\",1}",
    "{\"a\":1]",
    "{\"a\":1,\"b\"", "{\"a\":a", "{\"a\":\"b\"}#", "{\"a\":1}/", "{\"a", "{\"a\":\"b", "{\"\\",
    // Arrays
    "[", "]", "[1", "[1,", "[1,]", "[,1]", "[,]", "[1,,2]", "[1 2]", "[1}", "[1;2]", "[\"\":1]",
    "[\"a\"", "[\"a\",", "[a]", "[1,\n", "[[]", "[*]", "[x", "[-", "[\"a",
    // Words
    "tru", "truex", "True", "TRUE", "nul", "nulll", "Null", "fals", "falsey", "undefined", "NaN",
    "Infinity", "-Infinity", "[nan]", "[Inf]", "[-NaN]", "[t]", "[truefalse]",
    // Numbers
    "[01]", "[-01]", "[00]", "[0123]", "[1.]", "[.5]", "[-.5]", "[-]", "[+1]", "[--1]", "[-+1]",
    "[1e]", "[1e+]", "[1e-]", "[1E]", "[1.e1]", "[1.5e]", "[0e]", "[0.e1]", "[1ee1]", "[1e1.5]",
    "[1.2.3]", "[0x1]", "[1a]", "[1_000]", "[1,000.]", "[- 1]", "[1 e1]", "[0.3e+]", "[2.e+3]",
    "[１]", "[1+2]", "[-1x]", "[0x]", "[1.2a-3]", "[.-1]", "[∞]", "[-", "-", "[1e1", "[0.1.2]",
    // Strings
    "\"", "[\"", "[\"a", "[\"\\\"]", "[\"\\a\"]", "[\"\\x00\"]", "[\"\\U0041\"]", "[\"\\'\"]",
    "[\"\\0\"]", "[\"\\u\"]", "[\"\\u1\"]", "[\"\\u12\"]", "[\"\\u123\"]", "[\"\\u123g\"]",
    "[\"\\uG123\"]", "[\"\\u-123\"]", "[\"\\u 123\"]", "[\"\\u+123\"]", "[\"\\é\"]", "[\"\\",
    "[\"\\u",
    "[\"\\u00", "[\"\t\"]", "[\"\n\"]", "[\"\r\"]", "[\"\u{0}\"]", "[\"\u{1F}\"]", "[\"a\u{8}\"]",
    "['a']", "[\\n]", "[\"a\\\u{0}\"]", "\\u0022", "[\\u0020\"a\"]", "[\"\\\\\\\"]",
    "[\"x\", truth]",
    "[\"\\ \"]",
  ]

  /// RFC 8259 leaves these to the reader, section 1 of the protocol does not.
  static let unpaired = [
    "\\ud800", "\\udbff", "\\udc00", "\\udfff", "\\ud800a", "\\ud800\\n", "\\ud800\\u0041",
    "\\ud800\\ud800", "\\ud800\\ud800\\udc00", "\\udc00\\ud800", "\\uD83D", "\\uDe00x", "\\ud83dé",
    "\\ud800\\\\udc00", "\\ud83d\\ude00\\ude00",
  ]

  @Test("accepts what RFC 8259 accepts", arguments: accepted)
  func accepts(_ text: String) {
    #expect(jsonError(text) == nil)
    #expect(jsonError("{\"x\":\(text)}") == nil)
  }

  @Test("refuses what RFC 8259 refuses", arguments: refused)
  func refuses(_ text: String) {
    #expect(jsonError(text) != nil)
  }

  @Test("refuses it as the value of an unknown key too", arguments: refused)
  func refusesInside(_ text: String) {
    // These two become valid inside an object.
    if text == "{},\"" || text == "" { return }
    #expect(jsonError("{\"type\":\"ping\",\"x\":\(text)}") != nil)
  }

  @Test("a valid text cut short anywhere is refused")
  func cutShort() {
    let text = Array("{\"a\":[1.5e3,true,null,{\"b\":\"\\ud83d\\ude00é\"}],\"c\":-0}".utf8)
    #expect(jsonError(text) == nil)
    for count in 0..<text.count { #expect(jsonError(Array(text[..<count])) != nil) }
  }

  @Test("an unpaired surrogate is refused in values, keys and unknown keys", arguments: unpaired)
  func surrogates(_ raw: String) {
    for text in ["[\"\(raw)\"]", "{\"x\":\"\(raw)\"}", "{\"\(raw)\":1}", "{\"text\":[\"\(raw)\"]}"]
    {
      guard case .unpairedSurrogate = jsonError(text) else {
        Issue.record("\(text): \(String(describing: jsonError(text)))")
        continue
      }
    }
  }

  @Test("half an escape after a high surrogate is refused")
  func brokenSurrogates() {
    for raw in ["\\ud800\\u", "\\ud800\\udc0", "\\ud83d\\udg00", "\\ud83d\\x"] {
      #expect(jsonError("[\"\(raw)\"]") != nil)
    }
  }

  @Test("eight objects and arrays inside each other are accepted, nine are not")
  func nesting() {
    func arrays(_ count: Int) -> String {
      String(repeating: "[", count: count) + String(repeating: "]", count: count)
    }
    func objects(_ count: Int) -> String {
      String(repeating: "{\"a\":", count: count) + "1" + String(repeating: "}", count: count)
    }
    #expect(jsonError(objects(8)) == nil)
    #expect(jsonError(objects(9)) == .tooDeep)
    #expect(jsonError("{\"text\":\(arrays(7))}") == nil)
    #expect(jsonError("{\"text\":\(arrays(8))}") == .tooDeep)
    #expect(jsonError("{\"x\":[\(objects(6))]}") == nil)
    #expect(jsonError("{\"x\":[\(objects(7))]}") == .tooDeep)
    #expect(jsonError(String(repeating: "[", count: 60_000)) == .tooDeep)
    // Side by side is not inside each other.
    #expect(jsonError("{\"x\":[\(arrays(6)),\(arrays(6))],\"y\":\(arrays(7))}") == nil)
  }

  static let duplicates = [
    "{\"a\":1,\"a\":1}", "{\"text\":\"a\",\"text\":\"a\"}", "{\"type\":1,\"x\":2,\"type\":3}",
    "{\"text\":1,\"t\\u0065xt\":1}", "{\"x\":1,\"\\u0078\":1}", "{\"\\u0078\":1,\"x\":1}",
    "{\"\":1,\"\":2}", "{\"a/b\":1,\"a\\/b\":1}", "{\"é\":1,\"\\u00e9\":1}",
    "{\"😀\":1,\"\\ud83d\\ude00\":1}", "{\"o\":{\"a\":1,\"a\":2}}",
    "{\"o\":[{\"b\":1,\"\\u0062\":2}]}",
    "{\"text\":{\"text\":1,\"text\":1}}", "{\"x\":null,\"x\":null}",
    "{\"type\":null,\"type\":null}",
    "{\"\\u006e\":1,\"n\":2}", "{\"client_name\":1,\"client\\u005fname\":1}",
  ]

  @Test("a key that occurs twice is refused, however it is spelled", arguments: duplicates)
  func duplicateKeys(_ text: String) {
    guard case .duplicateKey = jsonError(text) else {
      Issue.record("\(text): \(String(describing: jsonError(text)))")
      return
    }
  }

  @Test("keys that only look alike are different keys")
  func differentKeys() {
    #expect(jsonError("{\"text\":1,\"Text\":1,\"tex\":1,\"text \":1,\"o\":{\"text\":1}}") == nil)
    // Canonically equivalent, but not the same key.
    #expect(jsonError("{\"\u{E9}\":1,\"e\u{301}\":1}") == nil)
    #expect(jsonError("[{\"a\":1},{\"a\":1}]") == nil)
    #expect(jsonError("{\"a\":1,\"\\\\u0061\":1}") == nil)
  }

  @Test("invalid UTF-8 inside a string is refused, valid is accepted")
  func utf8() throws {
    for vector in try vectors("utf8stress") {
      let raw = [UInt8](hex: vector["hex"] as! String)
      let isValid = vector["valid"] as! Bool
      let id = vector["id"] as! String
      // Control characters are UTF-8, but may not stand in a string.
      if raw.contains(where: { $0 < 0x20 }) { continue }
      for (before, after) in [("[\"", "\"]"), ("{\"text\":\"a", "b\"}"), ("{\"", "\":1}")] {
        let line = Array(before.utf8) + raw + Array(after.utf8)
        #expect((jsonError(line) == nil) == isValid, "\(id)")
      }
      // Outside of a string nothing but ASCII is JSON.
      #expect(jsonError(Array("{\"a\":".utf8) + raw + Array("}".utf8)) != nil, "\(id)")
    }
  }

  @Test("says what is wrong, and where")
  func reasons() {
    #expect(jsonError("{\"a\":tru}") == .syntax(at: 5))
    #expect(jsonError([0x22, 0xFF, 0x22]) == .invalidUTF8(at: 1))
    #expect(jsonError("[\"\\ud800\"]") == .unpairedSurrogate(at: 2))
    #expect(PacketError.syntax(at: 5).reason == "Not valid JSON at byte 6.")
    #expect(PacketError.missing(.clientName).reason == "\"client_name\" is missing.")
  }

  @Test("every key is known by its own name, plain and escaped")
  func keys() {
    for key in Key.allCases {
      for name in [
        key.text, "\\u00" + String(key.text.utf8.first!, radix: 16) + key.text.dropFirst(),
      ] {
        let line = Array("{\"\(name)\":true}".utf8)
        let has = (try? PacketFields(line.span).has(key)) ?? false
        #expect(has, "\(name)")
      }
    }
  }
}
