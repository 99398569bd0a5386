import Testing

@testable import netchat

@Suite("the kinds of values")
struct ValueKindTests {
  private func problem(_ kind: ValueKind, _ text: String) -> String? {
    do throws(ValueProblem) {
      _ = try kind.read(text)
      return nil
    } catch {
      return error.problem
    }
  }

  @Test(
    "a port is decimal digits from 1 to 65535",
    arguments: [
      ("1", 1), ("80", 80), ("12345", 12345), ("65535", 65535), ("00080", 80),
    ] as [(String, UInt16)])
  func goodPort(text: String, port: UInt16) throws {
    #expect(try ValueKind.port(allowZero: false).read(text) == .port(port))
    #expect(try ValueKind.port(allowZero: true).read(text) == .port(port))
  }

  @Test(
    "nothing else is a port",
    arguments: [
      ("", "it is empty"), ("65536", "it is more than 65535"),
      ("99999999999999999999", "it is more than 65535"), ("-1", "it is negative"),
      ("-0", "it is negative"), ("-", "it is not a whole number"),
      ("+80", "it is not a whole number"), ("0x50", "it is not a whole number"),
      ("8 0", "it is not a whole number"), (" 80", "it is not a whole number"),
      ("80 ", "it is not a whole number"), ("80.0", "it is not a whole number"),
      ("1e3", "it is not a whole number"), ("1_000", "it is not a whole number"),
      ("http", "it is not a whole number"), ("٣", "it is not a whole number"),
      ("８０", "it is not a whole number"), ("--5", "it is not a whole number"),
      ("80\n", "it is not a whole number"),
    ])
  func badPort(text: String, expected: String) {
    #expect(problem(.port(allowZero: false), text) == expected)
    #expect(problem(.port(allowZero: true), text) == expected)
  }

  @Test("port 0 is for a host that takes any")
  func portZero() throws {
    #expect(try ValueKind.port(allowZero: true).read("0") == .port(0))
    #expect(problem(.port(allowZero: false), "0") == "it is less than 1")
  }

  @Test(
    "seconds are decimal, with or without a fraction",
    arguments: [
      ("10", 10_000), ("2.5", 2500), ("0.001", 1), (".5", 500), ("5.", 5000), ("007", 7000),
      ("1000000000", 1_000_000_000_000),
    ])
  func goodSeconds(text: String, milliseconds: Int) throws {
    #expect(try ValueKind.seconds.read(text).timeout == .milliseconds(milliseconds))
  }

  @Test("zero seconds are no limit", arguments: ["0", "0.0", "000", ".0"])
  func zeroSeconds(text: String) throws {
    #expect(try ValueKind.seconds.read(text).timeout == nil)
  }

  @Test("a time above zero never becomes no limit")
  func tinySeconds() throws {
    let tiny = "0." + String(repeating: "0", count: 400) + "1"
    for text in ["0.0000001", "0.0000000000000000000000001", tiny] {
      #expect(try ValueKind.seconds.read(text).timeout == .milliseconds(1))
    }
  }

  @Test("a time beyond measure is 31 years")
  func hugeSeconds() throws {
    for text in ["1000000001", "99999999999999999999999999999"] {
      #expect(try ValueKind.seconds.read(text).timeout == .seconds(1_000_000_000))
    }
  }

  @Test(
    "nothing else is a time",
    arguments: [
      ("", "it is empty"), ("-1", "it is negative"), ("-0", "it is negative"),
      ("-.5", "it is negative"), ("nan", "it is not a decimal number"),
      ("inf", "it is not a decimal number"), ("-inf", "it is not a decimal number"),
      ("infinity", "it is not a decimal number"), ("1e999", "it is not a decimal number"),
      ("1e3", "it is not a decimal number"), ("0x1p3", "it is not a decimal number"),
      ("0x10", "it is not a decimal number"), (".", "it is not a decimal number"),
      ("1.2.3", "it is not a decimal number"), ("1,5", "it is not a decimal number"),
      ("+1", "it is not a decimal number"), (" 1", "it is not a decimal number"),
      ("10s", "it is not a decimal number"), ("٣", "it is not a decimal number"),
      (String(repeating: "9", count: 400), "it is too large"),
    ])
  func badSeconds(text: String, expected: String) {
    #expect(problem(.seconds, text) == expected)
  }

  @Test(
    "a count keeps to its range",
    arguments: [
      ("4", "it is less than 5"), ("5", nil), ("10", nil), ("11", "it is more than 10"),
      ("9223372036854775808", "it is more than 10"), ("-7", "it is negative"),
      ("7.0", "it is not a whole number"),
    ] as [(String, String?)])
  func count(text: String, expected: String?) {
    #expect(problem(.count(5...10), text) == expected)
  }

  @Test(
    "the bounds of each count are those of the table",
    arguments: [
      ("history", "0", "1000000", nil, "1000001"), ("max-clients", "1", "1000000", "0", "1000001"),
      ("max-lag", "65536", "1073741824", "65535", "1073741825"),
      ("rate", "0", "1000000", nil, "1000001"), ("threads", "1", "64", "0", "65"),
      ("port", "0", "65535", nil, "65536"),
    ] as [(String, String, String, String?, String)])
  func bounds(option: String, low: String, high: String, below: String?, above: String) throws {
    _ = try hostArguments("--\(option) \(low)")
    _ = try hostArguments("--\(option) \(high)")
    if let below { _ = try usageError("host --\(option) \(below)") }
    _ = try usageError("host --\(option) \(above)")
  }

  @Test(
    "a name has up to 24 scalars", arguments: ["a", "Al 2", "-x", "名前", "🙂"])
  func goodName(text: String) throws {
    #expect(try ValueKind.name.read(text) == .text(text))
    #expect(problem(.name, String(repeating: "é", count: 24)) == nil)
    #expect(problem(.name, String(repeating: "é", count: 25)) == "it has more than 24 characters")
  }

  @Test(
    "a name has no colon and no control character",
    arguments: [
      ("a:b", "it has a colon in it"), ("a\u{1B}b", "it has a control character in it"),
      ("a\n", "it has a control character in it"), ("\u{7F}", "it has a control character in it"),
      ("\u{85}", "it has a control character in it"), ("", "it is empty"),
      // One character for Swift, but it begins with a colon.
      (":\u{301}", "it has a colon in it"),
    ])
  func badName(text: String, expected: String) {
    #expect(problem(.name, text) == expected)
  }
}
