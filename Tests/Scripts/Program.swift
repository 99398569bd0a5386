import Foundation
import Glibc
import Synchronization

/// A program that was started, with pipes at its three ends.
final class Program {
  let processID: pid_t
  let output: LineStream
  let errors: LineStream
  private var input: Int32
  private var status: Int32?
  let name: String

  /// Where the programs under test lie: beside the tests' own bundle.
  static let folder = Bundle.module.bundleURL.deletingLastPathComponent().path
  static var netchat: String { "\(folder)/netchat" }
  static let version1 = Bundle.module.path(forResource: "version1", ofType: "py") ?? "version1.py"

  /// Starts a program. It inherits nothing but its three pipes.
  /// - Parameter executable: a path, or a name to look up.
  convenience init(_ executable: String, _ arguments: [String]) throws {
    // One at a time: another program would inherit the pipes.
    self.init(try Self.starting.withLock { _ in try Self.start(executable, arguments) })
  }

  private static let starting = Mutex(())

  private struct Started {
    let name: String
    let processID: pid_t
    let ends: [Int32]
  }

  private init(_ started: Started) {
    name = started.name
    processID = started.processID
    input = started.ends[0]
    output = LineStream(started.ends[1], of: name)
    errors = LineStream(started.ends[2], of: "\(name), errors")
  }

  private static func start(_ executable: String, _ arguments: [String]) throws -> Started {
    var ends: [Int32] = []
    for _ in 0..<3 {
      var pair: [Int32] = [0, 0]
      guard pipe(&pair) == 0 else { throw Missed(description: "no pipe: \(errno)") }
      ends += pair
    }
    // A room that outlived its test must not hold open what the tests were started with.
    for descriptor in Int32(3)..<1024 { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, ends[0], 0)
    posix_spawn_file_actions_adddup2(&actions, ends[3], 1)
    posix_spawn_file_actions_adddup2(&actions, ends[5], 2)
    let words = [executable] + arguments
    defer { for end in [ends[0], ends[3], ends[5]] { close(end) } }
    let name = words.map { $0.split(separator: "/").last.map(String.init) ?? $0 }
      .joined(separator: " ")
    // A group of its own, so that what a shell line started ends with it.
    let number = try spawn(words, &actions, POSIX_SPAWN_SETPGROUP)
    return Started(name: name, processID: number, ends: [ends[1], ends[2], ends[4]])
  }

  deinit {
    kill()
    closeInput()
    close(output.descriptor)
    close(errors.descriptor)
  }

  /// Types lines at it.
  func type(_ text: String) throws {
    var bytes = Array((text + "\n").utf8)[...]
    let deadline = ContinuousClock.now + patience
    _ = fcntl(input, F_SETFL, O_NONBLOCK)
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { write(input, $0.baseAddress, $0.count) }
      if count > 0 {
        bytes = bytes.dropFirst(count)
        continue
      }
      guard errno == EAGAIN, ContinuousClock.now < deadline else {
        throw Missed(description: "\(name) takes no input: \(errno)")
      }
      usleep(2000)
    }
  }

  /// Waits until it has read all that was typed.
  func waitUntilRead() throws {
    let deadline = ContinuousClock.now + patience
    var unread: Int32 = 0
    while ioctl(input, UInt(FIONREAD), &unread) != 0 || unread > 0 {
      guard ContinuousClock.now < deadline else {
        throw Missed(description: "\(name) does not read what is typed")
      }
      usleep(2000)
    }
  }

  func closeInput() {
    guard input >= 0 else { return }
    close(input)
    input = -1
  }

  func send(_ signal: Int32) {
    // Once it has been waited for, the number may be another's.
    if status == nil { _ = Glibc.kill(processID, signal) }
  }

  /// Stops it, and waits until all its threads have stopped.
  func stop() throws {
    send(SIGSTOP)
    let deadline = ContinuousClock.now + patience
    while true {
      let threads = try FileManager.default.contentsOfDirectory(
        atPath: "/proc/\(processID)/task")
      let states = threads.map { thread in
        (try? String(contentsOfFile: "/proc/\(processID)/task/\(thread)/stat", encoding: .utf8))?
          .split(separator: ")").last?.split(separator: " ").first
      }
      if states.allSatisfy({ $0 == "T" }) { return }
      guard ContinuousClock.now < deadline else {
        throw Missed(description: "\(name) does not stop")
      }
      usleep(1000)
    }
  }

  /// Waits for its end.
  /// - Returns: its exit status; 128 and the signal's number where one ended it.
  func wait(within time: Duration = patience) throws -> Int32 {
    let deadline = ContinuousClock.now + time
    while !hasEnded {
      guard ContinuousClock.now < deadline else {
        throw Missed(description: "\(name) did not end in time")
      }
      usleep(2000)
    }
    kill()
    return status ?? -1
  }

  private var hasEnded: Bool {
    if status != nil { return true }
    var information = siginfo_t()
    waitid(P_PID, id_t(processID), &information, WEXITED | WNOHANG | WNOWAIT)
    return information.si_signo == SIGCHLD
  }

  /// Ends it, if it has not ended by itself, and all that it started.
  func kill() {
    guard status == nil else { return }
    // The number of its group is its own until it has been waited for.
    _ = Glibc.kill(-processID, SIGKILL)
    var raw: Int32 = 0
    waitpid(processID, &raw, 0)
    status = raw & 0x7F == 0 ? (raw >> 8) & 0xFF : 128 + (raw & 0x7F)
  }

  /// The CPU time it has taken so far.
  var processorTime: Duration { Self.processorTime(of: processID) }

  static func processorTime(of processID: pid_t) -> Duration {
    guard
      let text = try? String(contentsOfFile: "/proc/\(processID)/stat", encoding: .utf8),
      let fields = text.split(separator: ")").last?.split(separator: " "), fields.count > 12,
      let user = Int(fields[11]), let system = Int(fields[12])
    else { return .zero }
    return .milliseconds((user + system) * 1000 / sysconf(Int32(_SC_CLK_TCK)))
  }
}

/// What it takes of the machine.
extension Program {
  /// A program with nothing to do takes next to no CPU time.
  var isIdle: Bool {
    usleep(200_000)
    let before = processorTime
    usleep(500_000)
    return processorTime - before <= .milliseconds(100)
  }

  /// Descriptors that it has open.
  var descriptorCount: Int {
    (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(processID)/fd").count) ?? 0
  }

  /// Kilobytes of memory that it has had at the most.
  var peakKilobytes: Int {
    let text = (try? String(contentsOfFile: "/proc/\(processID)/status", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
    return Int(line.filter(\.isNumber)) ?? 0
  }
}

/// Starts a program with its signals as they are at first.
/// - Parameter flag: one of posix_spawn(3) besides.
func spawn(
  _ words: [String], _ actions: inout posix_spawn_file_actions_t, _ flag: Int32
) throws -> pid_t {
  var attributes = posix_spawnattr_t()
  posix_spawnattr_init(&attributes)
  defer { posix_spawnattr_destroy(&attributes) }
  var signals = sigset_t()
  sigemptyset(&signals)
  posix_spawnattr_setsigmask(&attributes, &signals)
  sigfillset(&signals)
  posix_spawnattr_setsigdefault(&attributes, &signals)
  posix_spawnattr_setpgroup(&attributes, 0)
  posix_spawnattr_setflags(
    &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | flag))
  var pointers = words.map { strdup($0) } + [nil]
  defer { for pointer in pointers { free(pointer) } }
  var number: pid_t = 0
  let code = posix_spawnp(&number, words[0], &actions, &attributes, &pointers, environ)
  guard code == 0 else { throw Missed(description: "\(words[0]) cannot be started: \(code)") }
  return number
}

/// The sanitizer that the tests, and the programs that they start, were built with.
enum Sanitizer {
  private static let isThere =
    dlsym(nil, "__asan_init") != nil || dlsym(nil, "__tsan_init") != nil

  /// How much longer all may take.
  static let slowness = isThere ? 4 : 1

  /// Memory that one may keep of what a program has given back, to see whether it is used again: the
  /// address sanitizer 256 MiB, and something for each block besides. 0 without one.
  static let kilobytes = isThere ? 400 << 10 : 0

  /// Descriptors that one opens for itself: the thread sanitizer a pipe each way, to what tells it the
  /// names of functions. 0 without one.
  static let descriptors = isThere ? 2 : 0
}
