import CLinux
import Glibc

/// What the machine gives this process.
package enum Machine {
  /// The processors this process may run on.
  package static var processors: Int {
    max(1, Int(netchat_processor_count()))
  }

  /// Keeps what is opened later from taking the number of a standard stream that was closed at the
  /// start: a log file would be read as the keyboard, or written over by what is shown. Such a stream
  /// still fails at once, for it is open the wrong way round.
  package static func occupyStandardStreams() {
    for number in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO]
    where fcntl(number, F_GETFD) < 0 && errno == EBADF {
      // The lowest free number is this one. Without /dev/null it is as it was.
      _ = unsafe open("/dev/null", number == STDIN_FILENO ? O_WRONLY : O_RDONLY)
    }
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

  /// The number that the next descriptor will have, and so how many are open but for those above it; nil
  /// where no more may be opened.
  package static var lowestFreeDescriptor: Int? {
    let number = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0)
    guard number >= 0 else { return nil }
    close(number)
    return Int(number)
  }

  /// Tells the allocator that large blocks come and go all the time: TLS takes and gives back one for
  /// each record. glibc then gathers up its fast bins each time, unless it has none (mallopt(3)).
  package static func expectLargeBlocks() { _ = mallopt(M_MXFAST, 0) }

  /// Keeps what stands in memory out of core dumps, and from other programs of the same user.
  package static func keepMemoryPrivate() {
    var limit = rlimit(rlim_cur: 0, rlim_max: 0)
    // Best effort: lowering one's own limits is always allowed.
    _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit)
    _ = netchat_forbid_dumps()
  }

  /// Random bytes of the kernel's generator.
  package static func randomBytes(_ count: Int) -> [UInt8] {
    // The standard library's generator is getrandom(2) on Linux.
    var generator = SystemRandomNumberGenerator()
    return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
  }

  /// The value of an environment variable; nil where it is not set or empty.
  package static func environment(_ name: String) -> String? {
    guard let value = unsafe getenv(name) else { return nil }
    let text = unsafe String(cString: value)
    return text.isEmpty ? nil : text
  }

  /// This machine's name; nil when it has none.
  package static var hostName: String? {
    unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
      // The longest name has 64 bytes on Linux, and so its end.
      guard unsafe gethostname(buffer.baseAddress!, buffer.count) == 0 else { return nil }
      let name = unsafe String(cString: buffer.baseAddress!)
      return name.isEmpty ? nil : name
    }
  }

  /// Where this user's own files are; nil when the system knows no such place.
  package static var homeDirectory: String? {
    if let home = environment("HOME") { return home }
    guard let entry = unsafe getpwuid(getuid()), let path = unsafe entry.pointee.pw_dir else {
      return nil
    }
    return unsafe String(cString: path)
  }

  /// The name this user is logged in by; nil when the system knows none.
  package static var loginName: String? {
    for name in ["LOGNAME", "USER"] {
      if let value = environment(name) { return value }
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
