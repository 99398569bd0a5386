import Foundation

@testable import OpenSSL

/// The test vectors copied from outside, as JSON.
struct Vector {
  let fields: [String: Any]

  static func file(_ name: String) throws -> Vector {
    let url = Bundle.module.url(forResource: "Vectors/" + name, withExtension: "json")!
    let json = try JSONSerialization.jsonObject(with: Data(contentsOf: url))
    return Vector(fields: json as! [String: Any])
  }

  func list(_ key: String) -> [Vector] {
    (fields[key] as! [[String: Any]]).map(Vector.init)
  }

  func text(_ key: String) -> String { fields[key] as! String }
  func number(_ key: String) -> Int { fields[key] as! Int }
  func bytes(_ key: String) -> [UInt8] { [UInt8](hex: text(key)) }
  func secret(_ key: String) -> Secret { Secret(copying: bytes(key).span) }
  func has(_ key: String) -> Bool { fields[key] != nil }
}

extension Array where Element == UInt8 {
  init(hex: String) {
    let digits = [UInt8](hex.utf8)
    self = stride(from: 0, to: digits.count, by: 2).map {
      UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)!
    }
  }

  var hex: String { map { String(format: "%02x", $0) }.joined() }
}

extension Secret {
  convenience init(_ text: String) { self.init(copying: Array(text.utf8).span) }

  var hex: String { withBytes { unsafe Array($0) }.hex }
}
