import CLinux
import Glibc

/// Small files, read whole and within a bound.
package enum File {
  package struct Status: Equatable, Sendable {
    package let isRegular: Bool
    package let isDirectory: Bool
    /// The lower nine bits of its mode: 0o600.
    package let permissions: UInt32

    fileprivate init(_ status: stat) {
      isRegular = status.st_mode & S_IFMT == S_IFREG
      isDirectory = status.st_mode & S_IFMT == S_IFDIR
      permissions = status.st_mode & 0o777
    }
  }

  /// What has this name, a symbolic link itself and not what it leads to; nil for nothing.
  package static func status(_ path: String) throws(SystemError) -> Status? {
    var status = stat()
    do throws(SystemError) {
      _ = try system("lstat") { unsafe Int(lstat(path, &status)) }
    } catch {
      if error.code == ENOENT { return nil }
      throw error
    }
    return Status(status)
  }

  package static func status(of file: borrowing Descriptor) throws(SystemError) -> Status {
    var status = stat()
    let number = file.number
    _ = try system("fstat") { unsafe Int(fstat(number, &status)) }
    return Status(status)
  }

  package static func open(reading path: String) throws(SystemError) -> Descriptor {
    Descriptor(
      owning: Int32(try system("open") { unsafe Int(Glibc.open(path, O_RDONLY | O_CLOEXEC)) }))
  }

  /// All bytes of a file; nil where there is none. One larger than `limit` fails with EFBIG.
  package static func contents(_ path: String, limit: Int) throws(SystemError) -> [UInt8]? {
    let file: Descriptor
    do throws(SystemError) {
      file = try open(reading: path)
    } catch {
      if error.code == ENOENT { return nil }
      throw error
    }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16 << 10)
    while true {
      var span = chunk.mutableSpan
      guard case .bytes(let count) = try read(file.number, into: &span) else { return bytes }
      guard bytes.count + count <= limit else { throw SystemError("read", code: EFBIG) }
      bytes.append(contentsOf: chunk[..<count])
    }
  }

  /// Makes a directory and those above it that are missing, for this user alone.
  package static func makeDirectories(_ path: String) throws(SystemError) {
    do throws(SystemError) {
      _ = try system("mkdir") { unsafe Int(mkdir(path, 0o700)) }
    } catch {
      switch error.code {
      case EEXIST: return
      case ENOENT:
        let parent = directory(of: path)
        guard parent != path, parent != "." else { throw error }
        try makeDirectories(parent)
        do throws(SystemError) {
          _ = try system("mkdir") { unsafe Int(mkdir(path, 0o700)) }
        } catch {
          // Somebody else may have made it in between.
          if error.code != EEXIST { throw error }
        }
      default: throw error
      }
    }
  }

  /// How long the small files of a user are waited for, in nanoseconds: whoever has one is about to be
  /// done with it, or stopped.
  package static let lockTime: UInt64 = 2_000_000_000

  /// Waits for the lock on a directory, and holds it until the descriptor is closed. Fails with
  /// EWOULDBLOCK if that takes longer than `time`, in nanoseconds.
  package static func lock(directory: String, atMost time: UInt64) throws(SystemError) -> Descriptor
  {
    let opened = try open(directory: directory)
    let number = opened.number
    let end = Clock.monotonic() + time
    while true {
      do throws(SystemError) {
        _ = try system("flock") { Int(flock(number, LOCK_EX | LOCK_NB)) }
        return opened
      } catch {
        guard error.code == EWOULDBLOCK, Clock.monotonic() < end else { throw error }
      }
      Clock.pause(10_000_000)
    }
  }

  static func open(directory: String) throws(SystemError) -> Descriptor {
    let flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC
    return Descriptor(
      owning: Int32(try system("open") { unsafe Int(Glibc.open(directory, flags)) }))
  }

  /// Appends to a file, in one write; one that does not exist is made. Whatever its mode was, nobody
  /// else can read it afterwards.
  package static func append(_ bytes: Span<UInt8>, to path: String) throws(SystemError) {
    let flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC
    let file = Descriptor(
      owning: Int32(try system("open") { unsafe Int(Glibc.open(path, flags, 0o600)) }))
    let number = file.number
    _ = try system("fchmod") { Int(fchmod(number, 0o600)) }
    try writeAll(bytes, to: number)
  }

  /// The file is gone afterwards, if the system allows it.
  package static func remove(_ path: String) { _ = unsafe unlink(path) }

  /// The directory that a path leads through at last; `.` where it names none.
  package static func directory(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// The file that a symbolic link leads to; nil where the path names no link, or one to nothing.
  package static func target(ofLink path: String) -> String? {
    var status = stat()
    guard unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFLNK else { return nil }
    return realPath(path)
  }

  private static func realPath(_ path: String) -> String? {
    guard let resolved = unsafe realpath(path, nil) else { return nil }
    defer { unsafe free(resolved) }
    return unsafe String(cString: resolved)
  }

  /// Whether both paths name the same entry of the same directory, whether it exists or not.
  package static func areSame(_ one: String, _ other: String) -> Bool {
    func place(_ path: String) -> String {
      let name = path.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
      guard let resolved = realPath(directory(of: path)) else { return path }
      return resolved + "/" + name
    }
    return place(one) == place(other)
  }
}

/// A file that is written beside the place it is for, and gets there in one step or not at all:
/// nobody ever sees a part of it, nor sees it with a wider mode than it is given.
package struct StagedFile: ~Copyable {
  private let path: String
  private let temporary: String

  /// Writes the bytes to the disk, under a name that nobody knows, in the directory of `path`.
  package static func write(
    _ contents: Span<UInt8>, for path: String, mode: mode_t
  ) throws(SystemError) -> StagedFile {
    let random = Machine.randomBytes(12).map { String($0, radix: 16) }.joined()
    let temporary = "\(File.directory(of: path))/.netchat-\(random)"
    let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW
    let number = Int32(
      try system("open") { unsafe Int(Glibc.open(temporary, flags, mode & 0o600)) })
    let file = Descriptor(owning: number)
    // From here on the file goes if something fails.
    let staged = StagedFile(path: path, temporary: temporary)
    try writeAll(contents, to: file.number)
    _ = try system("fchmod") { Int(fchmod(number, mode)) }
    _ = try system("fsync") { Int(fsync(number)) }
    return staged
  }

  // After a commit nothing has this name any more.
  deinit { File.remove(temporary) }

  /// Puts the file in its place, over one that is there already.
  package consuming func replace() throws(SystemError) {
    _ = try system("rename") { unsafe Int(rename(temporary, path)) }
    syncDirectory()
  }

  /// Puts the file in its place, where nothing may be: fails with EEXIST if something is.
  package consuming func create() throws(SystemError) {
    do throws(SystemError) {
      _ = try system("link") { unsafe Int(link(temporary, path)) }
    } catch {
      // File systems without hard links, such as FAT.
      guard error.code == EPERM || error.code == EOPNOTSUPP else { throw error }
      _ = try system("renameat2") {
        unsafe Int(
          netchat_renameat2(AT_FDCWD, temporary, AT_FDCWD, path, UInt32(NETCHAT_RENAME_NOREPLACE)))
      }
    }
    syncDirectory()
  }

  /// Best effort: the file is there, only a power cut now could undo it.
  private func syncDirectory() {
    try? File.syncDirectory(of: path)
  }
}
