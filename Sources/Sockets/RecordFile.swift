import CLinux
import Glibc

/// A file that grows at its end and that one process has to itself. Every read and write names its
/// place; there is no position that threads would share.
package struct RecordFile: ~Copyable, Sendable {
  private let descriptor: Descriptor

  package enum Purpose: Sendable {
    /// It is made if it is not there.
    case appending
    /// It is made; fails with EEXIST where something has that name.
    case creating
    case reading
  }

  /// Opens a file; a new one is for this user alone.
  package init(_ path: String, for purpose: Purpose) throws(SystemError) {
    let flags =
      switch purpose {
      case .appending: O_RDWR | O_CREAT
      case .creating: O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW
      case .reading: O_RDONLY
      }
    // Without O_NONBLOCK a pipe of that name would be waited for.
    descriptor = Descriptor(
      owning: Int32(
        try system("open") {
          unsafe Int(Glibc.open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0o600))
        }))
  }

  package var isRegular: Bool {
    get throws(SystemError) { try File.status(of: descriptor).isRegular }
  }

  /// Whatever its mode was, nobody else can read it afterwards.
  package func keepPrivate() throws(SystemError) {
    let number = descriptor.number
    _ = try system("fchmod") { Int(fchmod(number, 0o600)) }
  }

  /// Takes the file for this process, until the last descriptor of it is closed; false if another has
  /// it.
  package func lock() throws(SystemError) -> Bool {
    let number = descriptor.number
    do throws(SystemError) {
      _ = try system("flock") { Int(flock(number, LOCK_EX | LOCK_NB)) }
      return true
    } catch {
      if error.code == EWOULDBLOCK { return false }
      throw error
    }
  }

  /// Whether `path` still names this file.
  package func isStill(at path: String) -> Bool {
    var own = stat()
    var named = stat()
    guard unsafe fstat(descriptor.number, &own) == 0, unsafe stat(path, &named) == 0 else {
      return false
    }
    return own.st_dev == named.st_dev && own.st_ino == named.st_ino
  }

  /// Bytes.
  package var size: UInt64 {
    get throws(SystemError) {
      var status = stat()
      let number = descriptor.number
      _ = try system("fstat") { unsafe Int(fstat(number, &status)) }
      return UInt64(max(0, status.st_size))
    }
  }

  /// Reads from `offset` on, at most the buffer's size; 0 at the file's end.
  package func read(into buffer: inout [UInt8], at offset: UInt64) throws(SystemError) -> Int {
    let number = descriptor.number
    // The buffer is used only inside the closure.
    var span = buffer.mutableSpan
    return unsafe try span.withUnsafeMutableBytes { bytes throws(SystemError) in
      try system("read") {
        unsafe pread(number, bytes.baseAddress, bytes.count, off_t(clamping: offset))
      }
    }
  }

  /// Writes all of the bytes at `offset`. If that fails some of them may be there.
  package func write(_ bytes: Span<UInt8>, at offset: UInt64) throws(SystemError) {
    let number = descriptor.number
    var written = 0
    while written < bytes.count {
      let rest = bytes.extracting(droppingFirst: written)
      let place = off_t(clamping: offset + UInt64(written))
      // The pointer is used only inside the closure.
      written += unsafe try rest.withUnsafeBytes { buffer throws(SystemError) in
        try system("write") { unsafe pwrite(number, buffer.baseAddress, buffer.count, place) }
      }
    }
  }

  /// Cuts the file off.
  package func truncate(to size: UInt64) throws(SystemError) {
    let number = descriptor.number
    _ = try system("ftruncate") { Int(ftruncate(number, off_t(clamping: size))) }
  }

  /// Returns when the file's bytes are on the disk.
  package func sync() throws(SystemError) {
    let number = descriptor.number
    _ = try system("fdatasync") { Int(fdatasync(number)) }
  }
}

extension File {
  /// The names in a directory, in no order.
  package static func names(in directory: String) throws(SystemError) -> [String] {
    guard let stream = unsafe opendir(directory) else { throw SystemError("opendir", code: errno) }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while let entry = unsafe readdir(stream) {
      // The name lies inside the entry, ended by NUL, until the next call.
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        unsafe String(cString: UnsafeRawPointer(pointer).assumingMemoryBound(to: CChar.self))
      }
      names.append(name)
    }
    return names
  }

  /// Gives a file another name beside its present one. Fails with EEXIST if that is taken.
  package static func link(_ path: String, as other: String) throws(SystemError) {
    _ = try system("link") { unsafe Int(Glibc.link(path, other)) }
  }

  /// Gives a file another name, over what had that name.
  package static func rename(_ path: String, to other: String) throws(SystemError) {
    _ = try system("rename") { unsafe Int(Glibc.rename(path, other)) }
  }

  /// Returns when the names in a file's directory are on the disk.
  package static func syncDirectory(of path: String) throws(SystemError) {
    let opened = try open(directory: directory(of: path))
    let number = opened.number
    _ = try system("fsync") { Int(fsync(number)) }
  }
}
