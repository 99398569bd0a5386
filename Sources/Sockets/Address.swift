import CLinux
import Glibc

/// An IPv4 or IPv6 address with a port, or the path of a unix socket.
package struct Address: Sendable, CustomStringConvertible {
  private var storage = sockaddr_storage()
  private var length: socklen_t

  /// The loopback or the wildcard address of a family.
  package enum Special: Sendable { case anyIPv4, anyIPv6 }

  package init(_ special: Special, port: UInt16) {
    switch special {
    case .anyIPv4:
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = port.bigEndian
      length = socklen_t(MemoryLayout<sockaddr_in>.size)
      // `sockaddr_storage` is larger than, and aligned for, every address (POSIX, sys/socket.h).
      unsafe withUnsafeMutableBytes(of: &storage) { bytes in
        unsafe bytes.storeBytes(of: address, as: sockaddr_in.self)
      }
    case .anyIPv6:
      var address = sockaddr_in6()
      address.sin6_family = sa_family_t(AF_INET6)
      address.sin6_port = port.bigEndian
      length = socklen_t(MemoryLayout<sockaddr_in6>.size)
      unsafe withUnsafeMutableBytes(of: &storage) { bytes in
        unsafe bytes.storeBytes(of: address, as: sockaddr_in6.self)
      }
    }
  }

  /// The address of a unix socket; one that begins with `@` is in Linux' abstract namespace, which has
  /// no files (unix(7)).
  /// - Throws: ENAMETOOLONG, and ENOENT for an empty path.
  package init(unixPath path: String) throws(SystemError) {
    let offset = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2
    var bytes = Array(path.utf8)
    guard !bytes.isEmpty, !bytes.contains(0) else { throw SystemError("bind", code: ENOENT) }
    let isAbstract = bytes[0] == UInt8(ascii: "@")
    if isAbstract { bytes[0] = 0 } else { bytes.append(0) }
    guard bytes.count <= MemoryLayout<sockaddr_un>.size - offset else {
      throw SystemError("bind", code: ENAMETOOLONG)
    }
    length = socklen_t(offset + bytes.count)
    storage.ss_family = sa_family_t(AF_UNIX)
    // All of the path fits, as was checked, and `sockaddr_storage` holds every address.
    unsafe withUnsafeMutableBytes(of: &storage) { storage in
      for (index, byte) in bytes.enumerated() { unsafe storage[offset + index] = byte }
    }
  }

  /// Lets `fill` write an address, as `accept` and `getsockname` do.
  init?(filledBy fill: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Bool) {
    var count = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let filled = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe fill($0, &count) }
    }
    guard filled else { return nil }
    length = count
  }

  init(copying pointer: UnsafePointer<sockaddr>, length: socklen_t) {
    self.length = length
    unsafe withUnsafeMutableBytes(of: &storage) { bytes in
      unsafe bytes.copyMemory(
        from: UnsafeRawBufferPointer(
          start: pointer, count: min(Int(length), bytes.count)))
    }
  }

  func withPointer<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
    unsafe withUnsafePointer(to: storage) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, length) }
    }
  }

  /// `AF_INET` or `AF_INET6`.
  package var family: Int32 { Int32(storage.ss_family) }

  package var port: UInt16 {
    get {
      guard family != AF_UNIX else { return 0 }
      return unsafe withUnsafeBytes(of: storage) { bytes in
        // The port stands at the same place in both families' structures.
        UInt16(bigEndian: unsafe bytes.load(fromByteOffset: 2, as: UInt16.self))
      }
    }
    set {
      guard family != AF_UNIX else { return }
      unsafe withUnsafeMutableBytes(of: &storage) { bytes in
        unsafe bytes.storeBytes(of: newValue.bigEndian, toByteOffset: 2, as: UInt16.self)
      }
    }
  }

  /// The address's own bytes: 4 of IPv4 (also when it came mapped into IPv6), else 16.
  package var bytes: [UInt8] {
    unsafe withUnsafeBytes(of: storage) { storage in
      if family == AF_INET { return unsafe Array(storage[4..<8]) }
      guard family == AF_INET6 else { return [] }
      let all = unsafe Array(storage[8..<24])
      return Self.isMapped(all) ? Array(all[12...]) : all
    }
  }

  /// Whether this is the wildcard address, of either family.
  package var isWildcard: Bool { bytes.allSatisfy { $0 == 0 } }

  /// The address in figures, without the port: `127.0.0.1`, `::1`, `fe80::1%eth0`.
  package var host: String {
    let bytes = bytes
    if bytes.count == 4 { return Self.numeric(bytes) }
    return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(NI_MAXHOST)) { text in
      let status = unsafe withPointer { pointer, length in
        unsafe getnameinfo(
          pointer, length, text.baseAddress, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
      }
      return status == 0 ? unsafe String(cString: text.baseAddress!) : "?"
    }
  }

  /// `127.0.0.1:12345`, `[::1]:12345` or `unix:/run/netchat/room`.
  package var description: String {
    unixPath.map { "unix:\($0)" } ?? Address.join(host: host, port: port)
  }

  package var isUnix: Bool { family == AF_UNIX }

  /// The path of a unix socket, with `@` for the abstract namespace; nil for any other address, and for
  /// a socket without a name.
  package var unixPath: String? {
    let offset = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2
    guard family == AF_UNIX, Int(length) > offset else { return nil }
    return unsafe withUnsafeBytes(of: storage) { storage in
      var bytes = unsafe Array(storage[offset..<min(Int(length), storage.count)])
      if bytes[0] == 0 { bytes[0] = UInt8(ascii: "@") } else { bytes.removeAll { $0 == 0 } }
      return String(decoding: bytes, as: UTF8.self)
    }
  }

  /// Writes a host and a port as one, with brackets around an IPv6 address.
  package static func join(host: String, port: UInt16) -> String {
    host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
  }

  /// The one way to write an IPv6 address, with its zone if it has one (RFC 5952); nil for what is
  /// none.
  package static func shortestIPv6(_ text: String) -> String? {
    let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
    var address = in6_addr()
    guard unsafe inet_pton(AF_INET6, String(parts[0]), &address) == 1 else { return nil }
    let shortest = unsafe withUnsafeTemporaryAllocation(
      of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)
    ) { buffer in
      // Cannot fail: the buffer holds the longest address.
      _ = unsafe inet_ntop(AF_INET6, &address, buffer.baseAddress, socklen_t(buffer.count))
      return unsafe String(cString: buffer.baseAddress!)
    }
    return parts.count == 2 ? "\(shortest)%\(parts[1])" : shortest
  }
}

extension Address {
  /// The bytes of an address in figures: 4 of IPv4 (also when it is mapped into IPv6), else 16; nil
  /// for what is none. A zone does not count.
  package static func bytes(ofNumeric text: String) -> [UInt8]? {
    let plain = text.split(separator: "%", maxSplits: 1).first.map(String.init) ?? ""
    var four = in_addr()
    if unsafe inet_pton(AF_INET, plain, &four) == 1 {
      // An `in_addr` is the four bytes in the network's order.
      return unsafe withUnsafeBytes(of: four) { unsafe Array($0) }
    }
    var six = in6_addr()
    guard unsafe inet_pton(AF_INET6, plain, &six) == 1 else { return nil }
    let all = unsafe withUnsafeBytes(of: six) { unsafe Array($0) }
    return isMapped(all) ? Array(all[12...]) : all
  }

  /// Bytes of an address, 4 or 16, in figures.
  package static func numeric(_ bytes: [UInt8]) -> String {
    if bytes.count == 4 { return "\(bytes[0]).\(bytes[1]).\(bytes[2]).\(bytes[3])" }
    let groups = stride(from: 0, to: bytes.count - 1, by: 2).map { index in
      String(UInt16(bytes[index]) << 8 | UInt16(bytes[index + 1]), radix: 16)
    }
    let text = groups.joined(separator: ":")
    return shortestIPv6(text) ?? text
  }

  /// Whether 16 bytes are an IPv4 address mapped into IPv6 (RFC 4291, section 2.5.5.2).
  private static func isMapped(_ bytes: [UInt8]) -> Bool {
    bytes[0..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
  }
}

/// A host name or address that leads nowhere.
package struct ResolutionError: Error, Equatable {
  /// The resolver's words, lower case: "name or service not known".
  package let reason: String
}

extension Address {
  /// Looks a host name or numeric address up; this may wait for a name server.
  /// - Parameter listening: whether the address is to listen on, not to connect to.
  /// - Returns: at least one address, in the order to try them.
  package static func resolve(_ host: String, port: UInt16, listening: Bool = false)
    throws(ResolutionError) -> [Address]
  {
    var hints = unsafe addrinfo()
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    unsafe hints.ai_flags = AI_NUMERICSERV | (listening ? AI_PASSIVE : 0)
    var list: UnsafeMutablePointer<addrinfo>?
    let status = unsafe getaddrinfo(host, String(port), &hints, &list)
    guard status == 0 else {
      let words = unsafe String(cString: gai_strerror(status))
      throw ResolutionError(reason: words.prefix(1).lowercased() + words.dropFirst())
    }
    defer { unsafe freeaddrinfo(list) }
    var addresses: [Address] = []
    var next = unsafe list
    while let entry = unsafe next {
      if let pointer = unsafe entry.pointee.ai_addr {
        unsafe addresses.append(Address(copying: pointer, length: entry.pointee.ai_addrlen))
      }
      unsafe next = entry.pointee.ai_next
    }
    guard !addresses.isEmpty else { throw ResolutionError(reason: "no address found") }
    return addresses
  }
}

extension Address: Equatable {
  /// Two that read the same lead to the same place.
  package static func == (left: Address, right: Address) -> Bool {
    left.description == right.description
  }
}
