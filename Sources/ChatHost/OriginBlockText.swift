import ChatCore
import Glibc
import Sockets

/// How bans are written: `192.0.2.7`, `192.0.2.0/24`, `2001:db8::/32`, `unix:1000`.
extension OriginBlock {
  /// What is wrong with a ban as it was typed.
  enum Mistake: Error, Equatable {
    /// It does not look like an address at all: it may be a name.
    case noAddress
    /// It is of one link, as in `fe80::1%eth0`.
    case zone
    /// More bits than the address has, or none that can be read.
    case bits(largest: Int)
  }

  init(text: String) throws(Mistake) {
    if text.hasPrefix("unix:") {
      guard let number = UInt32(text.dropFirst("unix:".count)) else { throw .noAddress }
      self = .user(number)
      return
    }
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard !parts[0].contains("%") || Address.bytes(ofNumeric: String(parts[0])) == nil else {
      throw .zone
    }
    guard let bytes = Address.bytes(ofNumeric: String(parts[0])) else { throw .noAddress }
    var bits = 8 * bytes.count
    if parts.count == 2 {
      guard let given = UInt8(parts[1]), Int(given) <= bits else { throw .bits(largest: bits) }
      bits = Int(given)
    }
    guard let block = OriginBlock(bytes, bits: bits) else { throw .bits(largest: bits) }
    self = block
  }

  var text: String {
    switch self {
    case .user(let number): "unix:\(number)"
    case .addresses(let bytes, let bits):
      Address.numeric(bytes) + (bits == 8 * bytes.count ? "" : "/\(bits)")
    }
  }
}
