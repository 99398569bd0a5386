import COpenSSL

/// OpenSSL's random generator, seeded by the kernel. No random bytes is an error, never zeros.
package enum Random {
  package static func bytes(_ count: Int) throws(OpenSSLError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let ok = unsafe bytes.withUnsafeMutableBytes { unsafe fill($0) }
    guard ok else { throw .failed("draw random bytes") }
    return bytes
  }

  package static func secret(_ count: Int) throws(OpenSSLError) -> Secret {
    unsafe try Secret(count: count) { bytes throws(OpenSSLError) in
      guard unsafe RAND_priv_bytes(bytes.baseAddress, Int32(bytes.count)) == 1 else {
        throw .failed("draw random bytes")
      }
    }
  }

  static func fill(_ bytes: UnsafeMutableRawBufferPointer) -> Bool {
    unsafe RAND_bytes(bytes.baseAddress, Int32(bytes.count)) == 1
  }
}
