import COpenSSL
import Glibc

/// Bytes that nobody but their owners shall see: passwords and keys. They never change after
/// `init`, and are wiped when the last owner lets go. Printing a secret shows its length only.
@safe
package final class Secret: @unchecked Sendable {
  // Unchecked, because the bytes are only read once `init` has returned.
  enum Lifetime {
    /// On pages of its own, kept from swap and core dumps where the system allows it.
    case long
    /// For one calculation: in the heap. A page of its own would cost 7 µs more.
    case brief
  }

  private let memory: UnsafeMutableRawBufferPointer
  private let lifetime: Lifetime
  package let count: Int

  /// `fill` gets `count` bytes, all zero, and writes the secret there.
  package convenience init<Failure: Error>(
    count: Int, fill: (UnsafeMutableRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) {
    unsafe try self.init(count: count, lifetime: .long, fill: fill)
  }

  init<Failure: Error>(
    count: Int, lifetime: Lifetime, fill: (UnsafeMutableRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) {
    precondition(count >= 0)
    self.count = count
    self.lifetime = lifetime
    switch lifetime {
    case .long: unsafe memory = Self.pages(holding: count)
    case .brief:
      unsafe memory = .allocate(byteCount: max(1, count), alignment: 16)
      unsafe memory.initializeMemory(as: UInt8.self, repeating: 0)
    }
    unsafe try fill(UnsafeMutableRawBufferPointer(rebasing: memory[..<count]))
  }

  private static func pages(holding count: Int) -> UnsafeMutableRawBufferPointer {
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let size = max(1, (count + page - 1) / page) * page
    let start = unsafe mmap(
      nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let start = unsafe start, unsafe start != MAP_FAILED else {
      fatalError("no memory for a secret")
    }
    // Best effort: the limit on locked memory may be low.
    _ = unsafe mlock(start, size)
    _ = unsafe madvise(start, size, MADV_DONTDUMP)
    return unsafe UnsafeMutableRawBufferPointer(start: start, count: size)
  }

  package convenience init(copying bytes: Span<UInt8>) {
    unsafe self.init(count: bytes.count) { target in
      for index in bytes.indices { unsafe target[index] = bytes[index] }
    }
  }

  /// Takes the bytes over: the array is wiped and empty afterwards.
  package convenience init(wiping bytes: inout [UInt8]) {
    self.init(copying: bytes.span)
    wipe(&bytes)
    bytes = []
  }

  deinit {
    unsafe OPENSSL_cleanse(memory.baseAddress, memory.count)
    switch lifetime {
    case .long: unsafe munmap(memory.baseAddress, memory.count)
    case .brief: unsafe memory.deallocate()
    }
  }

  /// The bytes must not be kept or changed beyond the call.
  package func withBytes<Result: ~Copyable, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    defer { withExtendedLifetime(self) {} }
    return unsafe try body(UnsafeRawBufferPointer(rebasing: memory[..<count]))
  }

  /// The same, for those who need no pointer.
  package func withSpan<Result: ~Copyable, Failure: Error>(
    _ body: (Span<UInt8>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    unsafe try withBytes { bytes throws(Failure) in
      unsafe try body(Span(_unsafeBytes: bytes))
    }
  }

  /// A part of this secret, as a secret that is kept like this one.
  package func part(_ range: Range<Int>) -> Secret {
    precondition(range.lowerBound >= 0 && range.upperBound <= count)
    return unsafe derived(count: range.count) { source, target in
      unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[range]))
    }
  }

  /// A secret made from this one, and kept like it.
  func derived<Failure: Error>(
    count: Int,
    _ body: (UnsafeRawBufferPointer, UnsafeMutableRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) -> Secret {
    unsafe try Secret(count: count, lifetime: lifetime) { target throws(Failure) in
      unsafe try withBytes { source throws(Failure) in unsafe try body(source, target) }
    }
  }
}

/// Compares in a time that depends on the lengths only.
extension Secret: Equatable {
  package static func == (one: Secret, other: Secret) -> Bool {
    unsafe one.withBytes { a in unsafe other.withBytes { b in unsafe constantTimeEqual(a, b) } }
  }

  package static func == (secret: Secret, bytes: Span<UInt8>) -> Bool {
    unsafe secret.withBytes { a in
      unsafe bytes.withUnsafeBytes { b in unsafe constantTimeEqual(a, b) }
    }
  }
}

extension Secret: CustomStringConvertible, CustomReflectable {
  package var description: String { "Secret(\(count) bytes)" }
  package var customMirror: Mirror { Mirror(self, children: [("count", count)]) }
}

/// Whether both are the same bytes, in a time that depends on the lengths only.
package func constantTimeEqual(_ one: Span<UInt8>, _ other: Span<UInt8>) -> Bool {
  unsafe one.withUnsafeBytes { a in
    unsafe other.withUnsafeBytes { b in unsafe constantTimeEqual(a, b) }
  }
}

func constantTimeEqual(_ one: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer) -> Bool {
  guard one.count == other.count else { return false }
  guard one.count > 0 else { return true }
  return unsafe CRYPTO_memcmp(one.baseAddress, other.baseAddress, one.count) == 0
}

/// Overwrites bytes in a way that the compiler does not take out again.
package func wipe(_ bytes: inout [UInt8]) {
  unsafe bytes.withUnsafeMutableBytes { unsafe OPENSSL_cleanse($0.baseAddress, $0.count) }
}
