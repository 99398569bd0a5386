import CLinux
import Glibc

/// What the machine gives this process.
package enum Machine {
  /// The processors this process may run on.
  package static var processors: Int {
    max(1, Int(netchat_processor_count()))
  }

  /// Raises the soft limit of open descriptors to the hard one and returns what it is then.
  package static func raiseDescriptorLimit() -> Int {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
      return 1024
    }
    if limit.rlim_cur < limit.rlim_max {
      var raised = limit
      raised.rlim_cur = limit.rlim_max
      if unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &raised) == 0 {
        limit = raised
      }
    }
    return Int(clamping: limit.rlim_cur)
  }

  /// Random bytes of the kernel's generator.
  package static func randomBytes(_ count: Int) -> [UInt8] {
    // The standard library's generator is getrandom(2) on Linux.
    var generator = SystemRandomNumberGenerator()
    return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
  }

  /// The name this user is logged in by; nil when the system knows none.
  package static var loginName: String? {
    for name in ["LOGNAME", "USER"] {
      if let value = unsafe getenv(name) {
        let text = unsafe String(cString: value)
        if !text.isEmpty { return text }
      }
    }
    guard let entry = unsafe getpwuid(getuid()), let name = unsafe entry.pointee.pw_name else {
      return nil
    }
    return unsafe String(cString: name)
  }
}

extension Machine {
  /// The addresses of this machine's network interfaces that are up, loopback left out; port 0.
  package static var addresses: [Address] {
    var list: UnsafeMutablePointer<ifaddrs>?
    guard unsafe getifaddrs(&list) == 0 else { return [] }
    defer { unsafe freeifaddrs(list) }
    var addresses: [Address] = []
    var next = unsafe list
    while let entry = unsafe next {
      unsafe next = entry.pointee.ifa_next
      let flags = unsafe entry.pointee.ifa_flags
      guard flags & UInt32(IFF_UP) != 0, flags & UInt32(IFF_LOOPBACK) == 0,
        let pointer = unsafe entry.pointee.ifa_addr
      else { continue }
      switch Int32(unsafe pointer.pointee.sa_family) {
      case AF_INET:
        unsafe addresses.append(
          Address(copying: pointer, length: socklen_t(MemoryLayout<sockaddr_in>.size)))
      case AF_INET6:
        unsafe addresses.append(
          Address(copying: pointer, length: socklen_t(MemoryLayout<sockaddr_in6>.size)))
      default: break
      }
    }
    return addresses
  }
}
