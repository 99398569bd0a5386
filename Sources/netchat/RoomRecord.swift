import ChatCore
import ChatHost
import OpenSSL
import Sockets

/// What names a host's room: new, or from the log file that it goes on with.
struct RoomRecord: ~Copyable {
  private let settings: LogFile.Settings?
  private let opening: LogOpening?
  /// Of a new room, what its log file is to begin with.
  private(set) var head: LogHead

  /// Makes a complaint, and a hint, into what ends the command.
  typealias Complaint<E: Error> = (_ message: String, _ hint: String?) -> E

  private init(
    _ settings: LogFile.Settings?, _ opening: consuming LogOpening?, _ head: LogHead
  ) {
    self.settings = settings
    self.opening = opening
    self.head = head
  }

  static func open<E: Error>(
    _ settings: LogFile.Settings?, history: Int, _ security: HostArguments.Security,
    _ complaint: Complaint<E>
  ) throws(E) -> RoomRecord {
    let mode: LogHead.Mode =
      switch security {
      case .plain: .plain
      case .tls: .tls
      case .secure: .secure
      }
    guard let settings else {
      return RoomRecord(nil, nil, try newHead(mode, complaint))
    }
    let opening = try open(settings, history: history, complaint)
    guard let head = opening.restored?.head else {
      return RoomRecord(settings, opening, try newHead(mode, complaint))
    }
    guard head.mode == mode else {
      throw complaint(
        "cannot go on with the log \(settings.path): its room is of another kind",
        "start it with --\(head.mode.rawValue), or name another file")
    }
    return RoomRecord(settings, opening, head)
  }

  private static func open<E: Error>(
    _ settings: LogFile.Settings, history: Int, _ complaint: Complaint<E>
  ) throws(E) -> LogOpening {
    do throws(LogOpening.Failure) {
      return try LogOpening.open(settings, history: history)
    } catch {
      throw complain(settings.path, error, complaint)
    }
  }

  private static func newHead<E: Error>(
    _ mode: LogHead.Mode, _ complaint: Complaint<E>
  ) throws(E) -> LogHead {
    guard let sid = SenderID(random: Machine.randomBytes(16)) else {
      throw complaint("cannot name the room: no randomness", nil)
    }
    return LogHead(
      room: Machine.randomBytes(16), mode: mode,
      salt: mode == .secure ? Machine.randomBytes(16) : nil, sid: sid,
      tokenKey: Machine.randomBytes(32))
  }

  private static func complain<E: Error>(
    _ path: String, _ failure: LogOpening.Failure, _ complaint: Complaint<E>
  ) -> E {
    switch failure {
    case .inUse:
      complaint(
        "cannot use the log \(path): another host has it", "a file serves one host at a time")
    case .notAFile: complaint("cannot use the log \(path): it is no regular file", nil)
    case .damaged(let failure):
      complaint(
        "cannot go on with the log \(path): \(failure.words)", "move it away to begin a new room")
    case .lacksPresentPart(let first, let next):
      complaint(
        "cannot begin a room in the log \(path): \(first) is a part of another one",
        next.map { "\($0) goes on where its parts end: give it the name \(path)" }
          ?? "move that and the parts after it away, or name another file")
    case .parts(let error):
      complaint(
        "cannot look for parts of the log \(path) in its directory: \(error.reason)",
        "older parts of a log stand beside it")
    case .system(let error): complaint("cannot use the log \(path): \(error.reason)", nil)
    }
  }

  /// Takes the log file into use; nil if there is to be none.
  /// - Parameter keys: what was made of the room's password.
  consuming func begin<E: Error>(_ keys: (any RoomKeys)?, _ complaint: Complaint<E>) throws(E)
    -> (file: LogFile, restored: RestoredRoom)?
  {
    guard let settings, let opening = consume opening else { return nil }
    let data = LogHead.checkedData(room: head.room)
    if let keys {
      if let check = head.check {
        guard keys.open(check, additionalData: data) != nil else {
          throw complaint(
            "cannot go on with the log \(settings.path): its room has another password",
            "give the one that it was opened with, or name another file")
        }
      } else {
        guard let check = keys.seal([], additionalData: data) else {
          throw complaint("cannot use the log \(settings.path): no randomness", nil)
        }
        head.check = check
      }
    }
    let torn = opening.tornBytes
    let isNew = opening.restored == nil
    do throws(LogOpening.Failure) {
      let (file, restored) = try opening.begin(head)
      if torn > 0 {
        Diagnostics.report(
          "\(torn) bytes at the end of \(settings.path) were not written whole, and are cut off")
      }
      if !isNew, !head.isWhole {
        Diagnostics.report(
          "the room once went on without \(settings.path): who comes again is told of a gap")
      }
      return (file, restored)
    } catch {
      throw Self.complain(settings.path, error, complaint)
    }
  }
}
