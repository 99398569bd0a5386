import CLinux
import Glibc

/// Asks the terminal for a line that it does not show.
///
/// The line is edited as ever: backspace and Ctrl-U work, because the terminal stays in canonical
/// mode. The keys that send signals (ISIG) are off, so that no signal comes before the terminal is
/// restored: Ctrl-C and Ctrl-Z end the line instead (VEOL, VEOL2) and are then acted upon. Signals
/// from elsewhere are blocked and read from a signalfd. So on every way out the terminal is as it
/// was: an answer, an error, a signal that ends the program, one that stops it.
package struct PasswordTerminal: ~Copyable {
  private let terminal: Descriptor
  private let signals: Descriptor
  /// The settings to be restored.
  private let saved: termios
  private let savedMask: sigset_t

  package enum Answer: Equatable, Sendable {
    /// So many bytes of the buffer, without the line end.
    case line(count: Int)
    /// It does not fit into the buffer.
    case tooLong
    /// Ctrl-D, or the terminal is gone.
    case ended
    /// This signal came, or the key for it was pressed.
    case interrupted(signal: Int32)
  }

  private static let taken = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT]

  /// Opens the terminal that controls this process, else the one that is its standard input; nil
  /// where there is none.
  package init?() throws(SystemError) {
    let flags = O_RDWR | O_NOCTTY | O_CLOEXEC
    var number = unsafe open("/dev/tty", flags)
    if number < 0, isTerminal(STDIN_FILENO) {
      number = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
    }
    guard number >= 0 else { return nil }
    try self.init(on: Descriptor(owning: number))
  }

  /// nil for what is no terminal.
  init?(on terminal: consuming Descriptor) throws(SystemError) {
    var saved = termios()
    guard unsafe tcgetattr(terminal.number, &saved) == 0 else { return nil }
    var set = sigset_t()
    unsafe sigemptyset(&set)
    for signal in Self.taken { unsafe sigaddset(&set, signal) }
    let signals = Descriptor(
      owning: Int32(
        try system("signalfd") { unsafe Int(signalfd(-1, &set, Int32(SFD_NONBLOCK | SFD_CLOEXEC))) }
      ))
    var savedMask = sigset_t()
    unsafe pthread_sigmask(SIG_BLOCK, &set, &savedMask)
    self.terminal = terminal
    self.signals = signals
    self.saved = saved
    self.savedMask = savedMask
  }

  deinit {
    restore()
    var mask = savedMask
    unsafe pthread_sigmask(SIG_SETMASK, &mask, nil)
  }

  /// Asks and waits for the answer. The terminal is restored when this returns; `buffer` holds the
  /// answer's bytes and must be wiped by the caller, whatever came.
  package borrowing func ask(
    _ question: String, into buffer: inout [UInt8]
  ) throws(SystemError) -> Answer {
    try hide()
    defer { restore() }
    try writeAll(question, to: terminal.number)
    let answer = try readLine(into: &buffer, question)
    // The line end was not shown either.
    try writeAll("\n", to: terminal.number)
    return answer
  }

  /// Says something on the terminal.
  package borrowing func say(_ text: String) throws(SystemError) {
    try writeAll(text, to: terminal.number)
  }

  private borrowing func readLine(
    into buffer: inout [UInt8], _ question: String
  ) throws(SystemError) -> Answer {
    var count = 0
    var isTooLong = false
    var chunk = [UInt8](repeating: 0, count: 4096)
    defer { wipe(&chunk, first: chunk.count) }
    while true {
      var entries = [
        pollfd(fd: signals.number, events: Int16(POLLIN), revents: 0),
        pollfd(fd: terminal.number, events: Int16(POLLIN), revents: 0),
      ]
      // -1 (EINTR) leaves `revents` as they are.
      _ = unsafe poll(&entries, 2, -1)
      if entries[0].revents != 0, let signal = nextSignal() {
        switch signal {
        case SIGTSTP: try stop { _ = raise(SIGTSTP) }
        // Somebody stopped this process so that it could not notice (SIGSTOP).
        case SIGCONT:
          forgetTyped()
          try hide()
        default:
          forgetTyped()
          return .interrupted(signal: signal)
        }
        try writeAll("\n" + question, to: terminal.number)
        count = 0
        isTooLong = false
        continue
      }
      guard entries[1].revents != 0 else { continue }
      var span = chunk.mutableSpan
      let got: Int
      switch try? read(terminal.number, into: &span) {
      case .bytes(let bytes): got = bytes
      case .wouldBlock: continue
      // Ctrl-D ends a line that is not empty; a hangup is the end as well.
      case .endOfStream, nil: return isTooLong ? .tooLong : count > 0 ? .line(count: count) : .ended
      }
      let last = chunk[got - 1]
      if isKey(last, VINTR) {
        forgetTyped()
        return .interrupted(signal: SIGINT)
      }
      if isKey(last, VSUSP) {
        // The whole job stops, as it does when the terminal sends the signal.
        try stop { _ = kill(0, SIGTSTP) }
        try writeAll("\n" + question, to: terminal.number)
        count = 0
        isTooLong = false
        continue
      }
      let isEnd = last == UInt8(ascii: "\n")
      let length = isEnd ? got - 1 : got
      if count + length > buffer.count {
        isTooLong = true
      } else {
        for index in 0..<length { buffer[count + index] = chunk[index] }
        count += length
      }
      if isEnd { return isTooLong ? .tooLong : .line(count: count) }
    }
  }

  /// Stops this process, and goes on when it is continued.
  private borrowing func stop(_ send: () -> Void) throws(SystemError) {
    forgetTyped()
    restore()
    stopUntilContinued(send)
    try hide()
  }

  /// Half a password, left in the terminal, would be a command for the shell that reads next.
  private borrowing func forgetTyped() { _ = tcflush(terminal.number, TCIFLUSH) }

  /// Whether a byte is one of the terminal's keys; a key may be off.
  private borrowing func isKey(_ byte: UInt8, _ key: Int32) -> Bool {
    let own = Self.key(key, of: saved)
    return own != 0 && byte == own
  }

  private static func key(_ key: Int32, of settings: termios) -> UInt8 {
    unsafe withUnsafeBytes(of: settings.c_cc) { unsafe $0[Int(key)] }
  }

  private borrowing func hide() throws(SystemError) {
    var settings = saved
    settings.c_lflag &= ~tcflag_t(ECHO | ECHOE | ECHOK | ECHONL | ISIG)
    settings.c_lflag |= tcflag_t(ICANON | IEXTEN)
    // Backspace takes a whole character, return ends the line.
    settings.c_iflag |= tcflag_t(IUTF8 | ICRNL)
    unsafe withUnsafeMutableBytes(of: &settings.c_cc) { keys in
      unsafe keys[Int(VEOL)] = Self.key(VINTR, of: saved)
      unsafe keys[Int(VEOL2)] = Self.key(VSUSP, of: saved)
    }
    let number = terminal.number
    // What was typed ahead is part of the answer.
    _ = try system("tcsetattr") { unsafe Int(tcsetattr(number, TCSADRAIN, &settings)) }
  }

  private borrowing func restore() {
    var settings = saved
    let number = terminal.number
    // In the background the terminal belongs to another job, and touching it would stop this one.
    let owner = tcgetpgrp(number)
    guard owner == getpgrp() || owner < 0 else { return }
    // A terminal that is gone needs no settings.
    _ = try? system("tcsetattr") { unsafe Int(tcsetattr(number, TCSADRAIN, &settings)) }
  }

  private borrowing func nextSignal() -> Int32? {
    var information = signalfd_siginfo()
    let size = MemoryLayout<signalfd_siginfo>.size
    let number = signals.number
    let count = unsafe withUnsafeMutableBytes(of: &information) { bytes in
      unsafe Glibc.read(number, bytes.baseAddress, size)
    }
    return count == size ? Int32(information.ssi_signo) : nil
  }
}
