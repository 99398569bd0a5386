/// SHAKE-128 (FIPS 202), for C2SP's accumulated test alone.
struct Shake128 {
  private static let rate = 168
  private var state = [UInt64](repeating: 0, count: 25)
  private var position = 0

  mutating func absorb(_ bytes: some Sequence<UInt8>) {
    for byte in bytes {
      mix(byte)
      position += 1
      if position == Self.rate { permute() }
    }
  }

  /// To be called once, between absorbing and squeezing.
  mutating func finish() {
    mix(0x1f)
    position = Self.rate - 1
    mix(0x80)
    permute()
  }

  mutating func squeeze(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in
      if position == Self.rate { permute() }
      defer { position += 1 }
      return UInt8(truncatingIfNeeded: state[position / 8] >> UInt64(position % 8 * 8))
    }
  }

  private mutating func mix(_ byte: UInt8) {
    state[position / 8] ^= UInt64(byte) << UInt64(position % 8 * 8)
  }

  private mutating func permute() {
    position = 0
    var register: UInt8 = 1
    for _ in 0..<24 {
      var columns = [UInt64](repeating: 0, count: 5)
      for x in 0..<5 {
        columns[x] = state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20]
      }
      for x in 0..<5 {
        let mixed = columns[(x + 4) % 5] ^ rotate(columns[(x + 1) % 5], 1)
        for y in 0..<5 { state[x + 5 * y] ^= mixed }
      }
      var (x, y) = (1, 0)
      var current = state[1]
      for step in 0..<24 {
        (x, y) = (y, (2 * x + 3 * y) % 5)
        let next = state[x + 5 * y]
        state[x + 5 * y] = rotate(current, (step + 1) * (step + 2) / 2 % 64)
        current = next
      }
      for y in 0..<5 {
        let row = Array(state[5 * y..<5 * y + 5])
        for x in 0..<5 { state[x + 5 * y] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5]) }
      }
      for bit in 0..<7 {
        if register & 1 != 0 { state[0] ^= 1 << ((1 << UInt64(bit)) - 1) }
        register = register << 1 ^ (register & 0x80 != 0 ? 0x71 : 0)
      }
    }
  }

  private func rotate(_ word: UInt64, _ count: Int) -> UInt64 {
    count == 0 ? word : word << UInt64(count) | word >> UInt64(64 - count)
  }
}
