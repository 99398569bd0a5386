extension Duration {
  /// The whole of it for clocks; what is not negative and comes from ``ValueKind/seconds`` fits.
  var nanoseconds: UInt64 {
    UInt64(components.seconds) * 1_000_000_000 + UInt64(components.attoseconds / 1_000_000_000)
  }
}
