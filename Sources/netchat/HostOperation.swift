import ChatClient
import ChatCore
import ChatHost
import Glibc
import Sockets
import Terminal

/// Runs a host: its workers, what it shows of the room, its log, and its operator's console.
///
/// Standard output is the room's, word for word, and with `--json` all else as well; standard error is
/// the operator's: the log and the answers to commands. A prompt shows both.
struct HostOperation {
  private let host: Host
  private let arguments: HostArguments
  private let operatorLog: OperatorLog?

  init(_ host: Host, _ arguments: HostArguments, _ operatorLog: OperatorLog?) {
    self.operatorLog = operatorLog
    self.host = host
    self.arguments = arguments
  }

  /// Whether the operator sits at a terminal that can have a prompt.
  static func hasPrompt(_ arguments: HostArguments) -> Bool {
    arguments.format == .text && isTerminal(STDIN_FILENO) && isTerminal(STDOUT_FILENO)
      && Machine.environment("TERM").map { $0 != "dumb" } ?? false
  }

  /// The log of connections. A terminal shows the room as well; packets tell the same by themselves.
  static func operatorLog(_ arguments: HostArguments) throws(SystemError) -> OperatorLog? {
    if arguments.format == .json || arguments.isQuiet { return nil }
    return try OperatorLog(isTerminal(STDERR_FILENO) ? .short : .full(hasTimes: true))
  }

  /// Serves the room until it is told to end.
  /// - Parameters:
  ///   - metrics: where the metrics are asked for, if anywhere.
  ///   - input: what was read of standard input already, and the rest of it.
  func run(
    on listeners: [Listener], metrics: Listener?, _ input: consuming LineInput
  ) throws(SystemError) {
    let hasPrompt = Self.hasPrompt(arguments)
    let signals = try Signals(taking: hasPrompt ? OperatorPrompt.signals : Console.signals)
    let screen =
      arguments.isQuiet
      ? nil
      : Screen(host, format: arguments.format == .json ? .json : .lines, output: STDOUT_FILENO)
    let threads = try host.start(on: listeners)
    if let metrics { try serve(metrics) }
    try tellServiceManager()
    guard hasPrompt else {
      // These signals, not others: once the room is open its clients may have all descriptors.
      return try runConsole(screen, signals, input, threads)
    }
    if let prompt = prompt(screen, signals) {
      // A log that goes elsewhere is written there all the same.
      let writesLog = !isTerminal(STDERR_FILENO)
      if writesLog { try startOperatorLog() }
      prompt.run(showing: writesLog ? nil : operatorLog)
      try? ServiceManager.notify("STOPPING=1")
      host.close()
      for thread in threads { thread.join() }
      host.closeLog()
      try screen?.showAll()
      if writesLog { operatorLog?.close() }
      return
    }
    try runConsole(screen, try Signals(taking: Console.signals), input, threads)
  }

  private func runConsole(
    _ screen: Screen?, _ signals: consuming Signals, _ input: consuming LineInput,
    _ threads: [OperatingThread]
  ) throws(SystemError) {
    if let screen { _ = try OperatingThread(name: "screen") { screen.run() } }
    try startOperatorLog()
    Console(host, signals: signals, answer: show).run(input)
    // What the service manager does not hear it finds out.
    try? ServiceManager.notify("STOPPING=1")
    host.close()
    for thread in threads { thread.join() }
    host.closeLog()
    if screen != nil { try host.finishScreen() }
    operatorLog?.close()
  }

  private func serve(_ metrics: Listener) throws(SystemError) {
    let url = "http://\(metrics.address)/metrics"
    switch arguments.format {
    case .json:
      Diagnostics.write(
        String(decoding: OperatorAnswer.metrics(url).event, as: UTF8.self), to: STDOUT_FILENO)
    case .text:
      Diagnostics.write(
        OperatorAnswer.metrics(url).lines.joined(separator: "\n") + "\n", to: STDERR_FILENO)
    }
    _ = try OperatingThread(name: "metrics") { [host] in
      MetricsServer(of: host, on: metrics, version: version).run()
    }
  }

  /// Tells the service manager, where there is one, that the room is open, and from then on that its
  /// workers turn.
  private func tellServiceManager() throws(SystemError) {
    do throws(SystemError) {
      try ServiceManager.notify("READY=1\nSTATUS=The room is open.")
    } catch {
      Diagnostics.report(
        "cannot tell the service manager that the room is open: \(error.reason)",
        hint: "NOTIFY_SOCKET names a socket that does not take it")
    }
    guard let interval = ServiceManager.watchdogInterval else { return }
    let watchdog = Watchdog(of: host, interval: interval)
    _ = try OperatingThread(name: "watchdog") { watchdog.run() }
  }

  private func startOperatorLog() throws(SystemError) {
    guard let operatorLog else { return }
    _ = try OperatingThread(name: "operator log") { operatorLog.write(to: STDERR_FILENO) }
  }

  private func prompt(_ screen: Screen?, _ signals: consuming Signals) -> OperatorPrompt? {
    let path = KnownHosts.standardPath.map { File.directory(of: $0) + "/host_history" }
    return OperatorPrompt(
      host, screen, signals: signals,
      history: arguments.savesHistory ? path.map { InputHistory(path: $0) } : nil,
      isColored: Machine.environment("NO_COLOR") == nil)
  }

  private func show(_ answer: OperatorAnswer) {
    switch arguments.format {
    case .text:
      Diagnostics.write(answer.lines.joined(separator: "\n") + "\n", to: STDERR_FILENO)
    case .json where arguments.isQuiet:
      // No screen writes there.
      Diagnostics.write(String(decoding: answer.event, as: UTF8.self), to: STDOUT_FILENO)
    case .json: host.show(event: answer.event)
    }
  }
}
