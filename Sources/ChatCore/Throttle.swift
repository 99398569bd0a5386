/// Bounds how often passwords may be guessed (PROTOCOL.md, section 4): for each source 10 at once,
/// then one per 10 s; in all 60 at once, then one per second. Who brings a valid token has a bucket
/// of its own, so that an attacker at the same address cannot lock a member out.
package struct Throttle: Sendable {
  /// Whose guesses are counted together.
  package enum Source: Hashable, Sendable {
    /// An IPv4 address, or the first 8 bytes of an IPv6 one.
    case address([UInt8])
    /// A user of this machine, who comes over a unix socket.
    case user(UInt32)
    /// The join of a member that brings a valid token.
    case member(Int64)

    /// Whether nobody vouches for it.
    var isStranger: Bool { if case .member = self { false } else { true } }

    package init(_ origin: Origin) {
      switch origin {
      case .address(let bytes):
        self = .address(bytes.count == 4 ? bytes : Array(bytes.prefix(8)))
      case .user(let number): self = .user(number)
      }
    }
  }

  /// A bucket that fills by itself, kept as the moment at which it will be full.
  private struct Bucket {
    var fullAt: UInt64 = 0

    mutating func take(_ interval: UInt64, _ size: UInt64, at now: UInt64) -> Bool {
      let base = max(fullAt, now)
      guard base + interval <= now + interval * size else { return false }
      fullAt = base + interval
      return true
    }

    mutating func giveBack(_ interval: UInt64) { fullAt -= min(fullAt, interval) }
  }

  private var sources: [Source: Bucket] = [:]
  private var all = Bucket()
  private let limit: Int

  package init(limit: Int = Limits.throttledSources) { self.limit = limit }

  /// Sources told apart now.
  var count: Int { sources.count }

  private static let sourceInterval: UInt64 = 10_000_000_000
  private static let allInterval: UInt64 = 1_000_000_000

  /// Charges an attempt; false if there must be none now.
  package mutating func charge(_ source: Source, at now: UInt64) -> Bool {
    var bucket = sources[source] ?? Bucket()
    guard bucket.take(Self.sourceInterval, 10, at: now) else { return false }
    // A member's own bucket is not emptied by strangers: those share the one for all.
    if source.isStranger, !all.take(Self.allInterval, 60, at: now) { return false }
    if sources[source] == nil, sources.count >= limit { makeRoom(at: now) }
    sources[source] = bucket
    return true
  }

  /// Gives an attempt back: it knew the password.
  package mutating func giveBack(_ source: Source) {
    sources[source]?.giveBack(Self.sourceInterval)
    if source.isStranger { all.giveBack(Self.allInterval) }
  }

  /// Drops the buckets that are full again, and if there are none, the fullest.
  private mutating func makeRoom(at now: UInt64) {
    let before = sources.count
    sources = sources.filter { $0.value.fullAt > now }
    guard sources.count == before else { return }
    if let fullest = sources.min(by: { $0.value.fullAt < $1.value.fullAt }) {
      sources[fullest.key] = nil
    }
  }
}
