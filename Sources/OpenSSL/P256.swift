import COpenSSL

/// The curve of SPAKE2+ with its two fixed points (RFC 9383, section 4).
///
/// C pointers stay within this file. A function takes the wrappers that it works on as
/// parameters: so they live until it returns, and no pointer outlasts its owner.
@safe
final class P256: @unchecked Sendable {
  // Unchecked: nothing here is changed after `init`, and OpenSSL only reads it.
  static let shared = P256()

  private let group: OpaquePointer
  private let order: Scalar
  let m: Point
  let n: Point
  let encodedM: [UInt8]
  let encodedN: [UInt8]

  private init() {
    guard let group = unsafe EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1),
      let number = unsafe EC_GROUP_get0_order(group)
    else { fatalError("openssl has no p-256") }
    let order = Scalar()
    guard unsafe BN_copy(order.number, number) != nil else { fatalError("no memory") }
    unsafe self.group = group
    self.order = order
    do throws(OpenSSLError) {
      m = unsafe try Self.fixedPoint(group, [0x02] + Self.xOfM)
      n = unsafe try Self.fixedPoint(group, [0x03] + Self.xOfN)
      encodedM = unsafe try Self.encodeFixed(group, m)
      encodedN = unsafe try Self.encodeFixed(group, n)
    } catch {
      fatalError("the points of rfc 9383: \(error)")
    }
  }

  private static let xOfM: [UInt8] = [
    0x88, 0x6e, 0x2f, 0x97, 0xac, 0xe4, 0x6e, 0x55, 0xba, 0x9d, 0xd7, 0x24, 0x25, 0x79, 0xf2, 0x99,
    0x3b, 0x64, 0xe1, 0x6e, 0xf3, 0xdc, 0xab, 0x95, 0xaf, 0xd4, 0x97, 0x33, 0x3d, 0x8f, 0xa1, 0x2f,
  ]
  private static let xOfN: [UInt8] = [
    0xd8, 0xbb, 0xd6, 0xc6, 0x39, 0xc6, 0x29, 0x37, 0xb0, 0x4d, 0x99, 0x7f, 0x38, 0xc3, 0x77, 0x07,
    0x19, 0xc6, 0x29, 0xd7, 0x01, 0x4d, 0x49, 0xa2, 0x4b, 0x4f, 0x98, 0xba, 0xa1, 0x29, 0x2b, 0x49,
  ]

  private static func fixedPoint(
    _ group: OpaquePointer, _ compressed: [UInt8]
  ) throws(OpenSSLError) -> Point {
    let point = unsafe Point(group)
    guard
      unsafe EC_POINT_oct2point(group, point.point, compressed, compressed.count, nil) == 1
    else { throw .failed("read a point") }
    return point
  }

  private static func encodeFixed(
    _ group: OpaquePointer, _ point: borrowing Point
  ) throws(OpenSSLError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Point.length)
    guard
      unsafe EC_POINT_point2oct(
        group, point.point, POINT_CONVERSION_UNCOMPRESSED, &bytes, bytes.count, nil)
        == Point.length
    else { throw .failed("write a point") }
    return bytes
  }

  /// A scalar drawn evenly from [1, order - 1].
  func randomScalar() throws(OpenSSLError) -> Scalar {
    let scalar = Scalar()
    repeat {
      guard unsafe BN_priv_rand_range(scalar.number, order.number) == 1 else {
        throw .failed("draw a random number")
      }
    } while unsafe BN_is_zero(scalar.number) == 1
    return scalar
  }

  /// A big-endian number, reduced modulo the order.
  func scalar(reducing secret: Secret) throws(OpenSSLError) -> Scalar {
    let scalar = Scalar()
    let steps = Arithmetic()
    let ok = unsafe secret.withBytes { bytes in
      unsafe BN_bin2bn(
        bytes.assumingMemoryBound(to: UInt8.self).baseAddress, Int32(bytes.count), scalar.number)
        != nil && BN_nnmod(scalar.number, scalar.number, order.number, steps.context) == 1
    }
    guard ok else { throw .failed("read a number") }
    return scalar
  }

  /// The scalar as 32 bytes, big-endian.
  func encode(_ scalar: borrowing Scalar) throws(OpenSSLError) -> Secret {
    // Not in the closure: a borrowed parameter cannot be captured.
    let number = unsafe scalar.number
    return unsafe try Secret(count: 32) { bytes throws(OpenSSLError) in
      guard
        unsafe BN_bn2binpad(
          number, bytes.assumingMemoryBound(to: UInt8.self).baseAddress, 32) == 32
      else { throw .failed("write a number") }
    }
  }

  /// g·G + k·point in one go.
  func multiply(
    _ g: borrowing Scalar, plus k: borrowing Scalar, _ point: borrowing Point
  ) throws(OpenSSLError) -> Point {
    let result = unsafe Point(group)
    let steps = Arithmetic()
    guard
      unsafe EC_POINT_mul(
        group, result.point, g.number, point.point, k.number, steps.context) == 1
    else { throw .failed("multiply a point") }
    return result
  }

  func multiplyBase(_ k: borrowing Scalar) throws(OpenSSLError) -> Point {
    let result = unsafe Point(group)
    let steps = Arithmetic()
    guard unsafe EC_POINT_mul(group, result.point, k.number, nil, nil, steps.context) == 1
    else { throw .failed("multiply a point") }
    return result
  }

  func multiply(
    _ k: borrowing Scalar, _ point: borrowing Point
  ) throws(OpenSSLError) -> Point {
    let result = unsafe Point(group)
    let steps = Arithmetic()
    guard
      unsafe EC_POINT_mul(group, result.point, nil, point.point, k.number, steps.context) == 1
    else { throw .failed("multiply a point") }
    return result
  }

  /// Takes some 25 ms: worth it for a point that is multiplied again and again.
  func fixedBase(_ point: consuming Point) throws(OpenSSLError) -> FixedBase {
    let steps = Arithmetic()
    guard let group = unsafe shim_group_with_base(group, point.point, steps.context) else {
      throw .failed("make a table of a point's multiples")
    }
    return unsafe FixedBase(group: group, point: point)
  }

  func multiply(
    _ k: borrowing Scalar, _ base: borrowing FixedBase
  ) throws(OpenSSLError) -> Point {
    let result = unsafe Point(group)
    let steps = Arithmetic()
    guard unsafe EC_POINT_mul(base.group, result.point, k.number, nil, nil, steps.context) == 1
    else { throw .failed("multiply a point") }
    return result
  }

  func add(_ one: borrowing Point, _ other: borrowing Point) throws(OpenSSLError) -> Point {
    let result = unsafe Point(group)
    let steps = Arithmetic()
    guard
      unsafe EC_POINT_add(group, result.point, one.point, other.point, steps.context) == 1
    else { throw .failed("add points") }
    return result
  }

  func negate(_ point: consuming Point) throws(OpenSSLError) -> Point {
    let steps = Arithmetic()
    guard unsafe EC_POINT_invert(group, point.point, steps.context) == 1 else {
      throw .failed("negate a point")
    }
    return point
  }

  /// A peer's share: nil unless it is an uncompressed point on the curve. The identity has no
  /// such form.
  func decode(_ bytes: Span<UInt8>) -> Point? {
    guard bytes.count == Point.length, bytes[0] == 0x04 else { return nil }
    let point = unsafe Point(group)
    let steps = Arithmetic()
    let ok = unsafe bytes.withUnsafeBufferPointer { bytes in
      unsafe EC_POINT_oct2point(
        group, point.point, bytes.baseAddress, bytes.count, steps.context) == 1
        && EC_POINT_is_on_curve(group, point.point, steps.context) == 1
        && EC_POINT_is_at_infinity(group, point.point) == 0
    }
    guard ok else {
      clearErrors()
      return nil
    }
    return point
  }

  /// The uncompressed form, 65 bytes; nil for the identity, which has none.
  func encode(_ point: borrowing Point) throws(OpenSSLError) -> Secret? {
    guard unsafe EC_POINT_is_at_infinity(group, point.point) == 0 else { return nil }
    let steps = Arithmetic()
    let source = unsafe point.point
    return unsafe try Secret(count: Point.length, lifetime: .brief) { bytes throws(OpenSSLError) in
      guard
        unsafe EC_POINT_point2oct(
          group, source, POINT_CONVERSION_UNCOMPRESSED,
          bytes.assumingMemoryBound(to: UInt8.self).baseAddress, Point.length, steps.context)
          == Point.length
      else { throw .failed("write a point") }
    }
  }
}

/// A secret number; its arithmetic takes the same time whatever its value.
@safe
struct Scalar: ~Copyable {
  fileprivate let number: OpaquePointer

  fileprivate init() {
    guard let number = unsafe BN_secure_new() else { fatalError("no memory for a number") }
    unsafe self.number = number
    unsafe BN_set_flags(number, BN_FLG_CONSTTIME)
  }

  deinit { unsafe BN_clear_free(number) }
}

/// A point of the curve, wiped when let go.
@safe
struct Point: ~Copyable {
  static let length = 65
  fileprivate let point: OpaquePointer

  fileprivate init(_ group: OpaquePointer) {
    guard let point = unsafe EC_POINT_new(group) else { fatalError("no memory for a point") }
    unsafe self.point = point
  }

  deinit { unsafe EC_POINT_clear_free(point) }
}

/// A point with a table of its multiples, 150 KiB: another multiple takes a sixth of the time then, and
/// the same time whatever the number.
@safe
struct FixedBase: ~Copyable {
  fileprivate let group: OpaquePointer
  let point: Point

  fileprivate init(group: OpaquePointer, point: consuming Point) {
    unsafe self.group = group
    self.point = point
  }

  deinit { unsafe shim_group_clear_free(group) }
}

/// Scratch memory of one operation, wiped afterwards.
@safe
private struct Arithmetic: ~Copyable {
  let context: OpaquePointer

  init() {
    guard let context = unsafe BN_CTX_secure_new() else { fatalError("no memory for numbers") }
    unsafe self.context = context
  }

  deinit { unsafe BN_CTX_free(context) }
}
