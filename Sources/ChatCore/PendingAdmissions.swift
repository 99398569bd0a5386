/// Whom a host turns away while many connections wait for admission (PROTOCOL.md, section 4).
package enum PendingAdmissions {
  /// Whether a new connection is refused: none of them up to a number, from there on a growing share
  /// at random, so that a flood does not shut out everybody else, and all at the limit.
  package static func refuses(waiting: Int, using random: inout some RandomNumberGenerator) -> Bool
  {
    guard waiting >= Limits.pendingAdmissionsUnrefused else { return false }
    let bound = Limits.pendingAdmissionsUnrefused..<Limits.pendingAdmissions
    return waiting >= bound.upperBound || Int.random(in: bound, using: &random) < waiting
  }
}
