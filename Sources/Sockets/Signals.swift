import CLinux
import Glibc

/// Signals taken as readable events instead of interrupting a thread (Linux signalfd).
package struct Signals: ~Copyable, Sendable {
  private let descriptor: Descriptor
  package var number: Int32 { descriptor.number }

  /// Blocks `signals` in the calling thread, and in every thread it starts from now on, and takes
  /// them here. SIGPIPE is ignored: a write to a closed pipe or socket is an error like others.
  package init(taking signals: [Int32]) throws(SystemError) {
    signal(SIGPIPE, SIG_IGN)
    // So is a file that has reached the limit on files' sizes.
    signal(SIGXFSZ, SIG_IGN)
    var set = sigset_t()
    unsafe sigemptyset(&set)
    for number in signals {
      // A shell without job control starts background programs with SIGINT ignored, and an ignored
      // signal never arrives here either.
      if number == SIGINT || number == SIGTERM { signal(number, SIG_DFL) }
      unsafe sigaddset(&set, number)
    }
    unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    let flags = Int32(SFD_NONBLOCK | SFD_CLOEXEC)
    descriptor = Descriptor(
      owning: Int32(try system("signalfd") { unsafe Int(signalfd(-1, &set, flags)) }))
  }

  /// Lets all signals do meanwhile what they do to a program that does not take them.
  package static func unblocked<Result>(_ body: () -> Result) -> Result {
    var none = sigset_t()
    unsafe sigemptyset(&none)
    var before = sigset_t()
    unsafe pthread_sigmask(SIG_SETMASK, &none, &before)
    defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }
    return body()
  }

  /// Sends this process a signal, as others may.
  package static func send(_ number: Int32) { _ = kill(getpid(), number) }

  /// The next signal that came; nil when there is none.
  package borrowing func next() -> Int32? {
    var information = signalfd_siginfo()
    let size = MemoryLayout<signalfd_siginfo>.size
    let count = unsafe withUnsafeMutableBytes(of: &information) { bytes in
      unsafe Glibc.read(descriptor.number, bytes.baseAddress, size)
    }
    return count == size ? Int32(information.ssi_signo) : nil
  }

  /// Stops this process, as Ctrl-Z does to one that does not take SIGTSTP, and returns when it is
  /// continued. To be called when SIGTSTP came; the SIGCONT that continued it does not come any more.
  package borrowing func stopProcess() { stopUntilContinued { _ = raise(SIGTSTP) } }
}

/// Stops this process, which blocks SIGTSTP and SIGCONT, and returns when it is continued.
/// - Parameter send: sends SIGTSTP to whoever is to stop, this process among them.
func stopUntilContinued(_ send: () -> Void) {
  var set = sigset_t()
  unsafe sigemptyset(&set)
  unsafe sigaddset(&set, SIGTSTP)
  send()
  // Here it stops. Where no shell could continue it the kernel drops the signal.
  unsafe pthread_sigmask(SIG_UNBLOCK, &set, nil)
  unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
  // The signal that continued it has been heeded.
  unsafe sigemptyset(&set)
  unsafe sigaddset(&set, SIGCONT)
  var now = timespec()
  _ = unsafe sigtimedwait(&set, nil, &now)
}
