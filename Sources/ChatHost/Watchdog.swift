import Sockets

/// Tells the service manager that the host is alive, as long as every worker turns.
package struct Watchdog: Sendable {
  private let host: Host
  private let interval: UInt64

  /// - Parameter interval: how often the service manager wants to be told, in nanoseconds.
  package init(of host: Host, interval: UInt64) {
    self.host = host
    self.interval = interval
  }

  /// Asks and tells for as long as the program runs. A worker that does not answer in time is not
  /// alive, and nothing is told.
  package func run() {
    while true {
      Clock.pause(interval / 2)
      guard host.survey().isComplete else { continue }
      // Who does not hear it will end this process.
      try? ServiceManager.notify("WATCHDOG=1")
    }
  }
}
