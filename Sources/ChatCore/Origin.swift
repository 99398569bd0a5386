/// Where a connection comes from, as far as guesses and bans tell connections apart.
package enum Origin: Hashable, Sendable {
  /// The bytes of an IPv4 address (4) or an IPv6 address (16).
  case address([UInt8])
  /// A user of this machine, by number, over a unix socket.
  case user(UInt32)

  /// Of a member that a log file tells of, and that has not come back.
  package static let unknown = Origin.address([])
}

/// Whom a ban keeps out: one address or those that begin alike, or a user of this machine.
package enum OriginBlock: Hashable, Sendable {
  /// The bytes of the first of the addresses, and how many bits all of them begin with.
  case addresses([UInt8], bits: Int)
  case user(UInt32)

  /// Addresses that have their first bits in common.
  /// - Returns: nil for more bits than an address has.
  package init?(_ bytes: [UInt8], bits: Int) {
    guard 0...(8 * bytes.count) ~= bits else { return nil }
    self = .addresses(Self.masked(bytes, bits: bits), bits: bits)
  }

  /// Whom a ban of one who comes from there keeps out: a network gives each of its machines at the
  /// least 64 bits of IPv6 addresses to choose from, so a single one would keep nobody out.
  package init(around origin: Origin) {
    switch origin {
    case .address(let bytes):
      let bits = bytes.count == 16 && bytes != Self.loopback ? 64 : 8 * bytes.count
      self = .addresses(Self.masked(bytes, bits: bits), bits: bits)
    case .user(let number): self = .user(number)
    }
  }

  /// `::1`
  private static let loopback: [UInt8] = Array(repeating: 0, count: 15) + [1]

  package func contains(_ origin: Origin) -> Bool {
    switch (self, origin) {
    case (.addresses(let first, let bits), .address(let bytes)):
      first.count == bytes.count && first == Self.masked(bytes, bits: bits)
    case (.user(let banned), .user(let number)): banned == number
    case (.addresses, .user), (.user, .address): false
    }
  }

  private static func masked(_ bytes: [UInt8], bits: Int) -> [UInt8] {
    bytes.enumerated().map { index, byte in
      let kept = min(8, max(0, bits - 8 * index))
      return kept == 0 ? 0 : byte & (0xFF << UInt8(8 - kept))
    }
  }
}
