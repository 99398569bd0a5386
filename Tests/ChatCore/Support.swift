import Foundation

@testable import ChatCore

/// Random numbers that are the same in every run (SplitMix64).
struct Seeded: RandomNumberGenerator {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }
}

/// A list of test vectors copied from outside.
func vectors(_ name: String) throws -> [[String: Any]] {
  let url = Bundle.module.url(forResource: "Vectors/" + name, withExtension: "json")!
  let json = try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as! [String: Any]
  return json["vectors"] as! [[String: Any]]
}

extension [UInt8] {
  init(hex: String) {
    let digits = [UInt8](hex.utf8)
    self = stride(from: 0, to: digits.count, by: 2).map {
      UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)!
    }
  }

  var text: String { String(decoding: self, as: UTF8.self) }
}

/// What the reader holds against a JSON text; nil if it is valid, an object or not.
func jsonError(_ bytes: [UInt8]) -> PacketError? {
  do throws(PacketError) {
    _ = try PacketFields(bytes.span)
    return nil
  } catch {
    return error == .notAnObject ? nil : error
  }
}

func jsonError(_ text: String) -> PacketError? { jsonError(Array(text.utf8)) }

/// What is wrong with a client's line; nil if it is a packet.
func clientError(_ text: String) -> PacketError? {
  do throws(PacketError) {
    _ = try ClientPacket(Array(text.utf8).span)
    return nil
  } catch {
    return error
  }
}

/// A host's line as a packet, or what is wrong with it.
func hostPacket(_ text: String) -> Result<HostPacket, PacketError> {
  do throws(PacketError) {
    return .success(try HostPacket(Array(text.utf8).span))
  } catch {
    return .failure(error)
  }
}

/// The text of a string escaped as in JSON, given without quotation marks, as the reader undoes it;
/// nil if it is none.
func unescaped(_ raw: String) -> [UInt8]? {
  let line = Array("{\"text\":\"\(raw)\"}".utf8)
  do throws(PacketError) {
    let fields = try PacketFields(line.span)
    return try JSONText.unescapedBytes(fields.requiredString(.text), in: line.span)
  } catch {
    return nil
  }
}

func escaped(_ text: String) -> String {
  var bytes: [UInt8] = []
  JSONText.appendEscaped(text, to: &bytes)
  return bytes.text
}

// A span cannot go through `#expect`: these take its place.

extension Base64 {
  static func decoded(_ text: String) -> [UInt8]? { decode(Array(text.utf8).span) }
  static func decoded(_ text: [UInt8]) -> [UInt8]? { decode(text.span) }
}

extension UTF8Sequence {
  static func isValid(bytes: [UInt8]) -> Bool { isValid(bytes.span) }
  static func length(bytes: [UInt8]) -> Int? { length(in: bytes.span, at: 0) }
}

extension SenderID {
  init?(text: String) { self.init(Array(text.utf8).span) }
}

extension LineReader {
  mutating func next(text: String) -> Found {
    var start = 0
    return next(in: Array(text.utf8).span, from: &start)
  }
}
