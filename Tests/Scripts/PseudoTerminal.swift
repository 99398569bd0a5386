import Foundation
import Glibc

/// A program at a terminal of its own, whose keys a test presses.
final class PseudoTerminal {
  let processID: pid_t
  /// All that has been shown.
  private(set) var shown = ""
  private let master: Int32
  /// Kept open, so that the terminal outlives the program and can be looked at.
  private let side: Int32
  private var status: Int32?
  /// The ``flags`` before the program was started.
  let firstFlags: tcflag_t

  /// - Parameter environment: `NAME=VALUE`, or a name to be taken out.
  init(_ arguments: [String], environment: [String] = []) throws {
    var master: Int32 = -1
    var side: Int32 = -1
    var path = [CChar](repeating: 0, count: 128)
    guard openpty(&master, &side, &path, nil, nil) == 0 else {
      throw Missed(description: "no terminal: \(errno)")
    }
    self.master = master
    self.side = side
    firstFlags = Self.flags(of: side)
    for descriptor in [master, side] { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
    _ = fcntl(master, F_SETFL, O_NONBLOCK)
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    // In a session of its own the first terminal that is opened becomes the controlling one.
    posix_spawn_file_actions_addopen(&actions, 0, path, O_RDWR, 0)
    posix_spawn_file_actions_adddup2(&actions, 0, 1)
    posix_spawn_file_actions_adddup2(&actions, 0, 2)
    let taken = environment.filter { !$0.contains("=") }.flatMap { ["-u", $0] }
    let words =
      ["env"] + taken + environment.filter { $0.contains("=") } + [Program.netchat] + arguments
    // POSIX_SPAWN_SETSID, which Swift does not see.
    processID = try spawn(words, &actions, 0x80)
  }

  deinit {
    if status == nil {
      kill(processID, SIGKILL)
      waitpid(processID, nil, 0)
    }
    close(master)
    close(side)
  }

  func type(_ keys: String) { _ = keys.withCString { write(master, $0, strlen($0)) } }

  /// Waits until this has been shown, and returns all that has been.
  @discardableResult
  func expect(_ text: String, within time: Duration = patience) throws -> String {
    let deadline = ContinuousClock.now + time
    while !shown.contains(text) {
      guard ContinuousClock.now < deadline else {
        throw Missed(description: "\"\(text)\" was not shown, but \"\(shown)\"")
      }
      take()
    }
    return shown
  }

  /// Takes what is shown now, or waits for it a moment.
  private func take() {
    var entry = pollfd(fd: master, events: Int16(POLLIN), revents: 0)
    guard poll(&entry, 1, 20) > 0 else { return }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = read(master, &bytes, bytes.count)
    if count > 0 { shown += String(decoding: bytes[..<count], as: UTF8.self) }
  }

  func resize(columns: UInt16, rows: UInt16) {
    var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
    _ = ioctl(master, UInt(TIOCSWINSZ), &size)
  }

  /// Whether what is typed is shown, and whether keys such as Ctrl-C send signals.
  var flags: tcflag_t { Self.flags(of: side) }

  private static func flags(of terminal: Int32) -> tcflag_t {
    var settings = termios()
    tcgetattr(terminal, &settings)
    return settings.c_lflag
  }

  /// Waits until the terminal shows what is typed, or does not.
  func waitForEcho(_ isOn: Bool) throws {
    let deadline = ContinuousClock.now + patience
    while (flags & tcflag_t(ECHO) != 0) != isOn {
      guard ContinuousClock.now < deadline else { throw Missed(description: "echo is \(!isOn)") }
      usleep(2000)
    }
  }

  func send(_ signal: Int32) { if status == nil { kill(processID, signal) } }

  /// Waits for the program's end, and returns its status; 128 and the signal's number where one
  /// ended it.
  func wait(within time: Duration = patience) throws -> Int32 {
    let deadline = ContinuousClock.now + time
    var raw: Int32 = 0
    while status == nil {
      take()
      if waitpid(processID, &raw, WNOHANG) == processID {
        status = raw & 0x7F == 0 ? raw >> 8 & 0xFF : 128 + raw & 0x7F
      } else if ContinuousClock.now >= deadline {
        throw Missed(description: "netchat did not end; it shows \"\(shown)\"")
      }
    }
    take()
    return status ?? -1
  }
}
