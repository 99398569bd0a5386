import ChatCore
import Glibc
import Sockets

/// The host and its log file: nobody receives what is not in it.
extension Host {
  /// Writes what waits for the log file and lets everybody read it; with `--sync` it tells the thread
  /// that does so. Call it before anything is sent.
  func record() {
    guard let log, let recording = room.recording, recording.waiting > 0 else { return }
    guard log.settings.syncs else { return recordNow(log) }
    logWakeup.signal()
    // A disk that is slower than the room slows the room down instead of filling the memory.
    if recording.waiting > Limits.unrecordedBytes { log.waitForGroup() }
  }

  private func recordNow(_ log: LogFile) {
    let outcome = log.record(room) { reason in
      configuration.report("cannot begin a new part of the log: \(reason)")
    }
    if case .failed(let error) = outcome { logFailed(log, error) }
  }

  /// Writes and synchronises a group after the other until the host ends.
  func recordGroups(_ log: LogFile) {
    while !isLogToEnd.load(ordering: .acquiring) {
      do throws(SystemError) {
        _ = try wait(for: .reading, on: logWakeup.number, timeout: nil)
      } catch {
        return logFailed(log, error)
      }
      logWakeup.clear()
      recordNow(log)
      wakeAll(except: nil)
    }
    recordNow(log)
  }

  /// Starts the threads that a log file needs.
  func startLog() throws(SystemError) -> [OperatingThread] {
    guard let log, let history else { return [] }
    var threads: [OperatingThread] = []
    threads.append(
      try OperatingThread(name: "log history") { [self] in
        history.run { delivery in
          mailboxes[Int(delivery.connection.worker)].put(.deliver(delivery))
        } forget: { id in
          room.withLock { $0.forgetRecorded(through: id) }
        }
      })
    if log.settings.syncs {
      threads.append(try OperatingThread(name: "log") { [self] in recordGroups(log) })
    }
    return threads
  }

  /// Writes what is left, once the workers have ended.
  package func closeLog() {
    history?.end()
    isLogToEnd.store(true, ordering: .releasing)
    logWakeup.signal()
    for thread in logThreads.withLock({ $0 }) { thread.join() }
    if let log { recordNow(log) }
  }

  private func logFailed(_ log: LogFile, _ error: SystemError) {
    let now = Moment(monotonic: Clock.monotonic(), unixMilliseconds: Clock.unixMilliseconds())
    let words = "The host cannot write its log: \(error.reason)."
    switch log.settings.onFailure {
    case .stop:
      logFailure.withLock { $0 = LogWriteFailure(error: error, notice: words + " It stops.") }
      close()
      // Console and prompt end as they always do.
      Signals.send(SIGTERM)
    case .goOn:
      configuration.report(
        "cannot write the log \(log.settings.path): \(error.reason); the room goes on without it")
      room.withLock { room in
        room.abandonLog()
        room.notice(words + " The room goes on without it.", at: now)
      }
      wakeAll(except: nil)
    }
  }

  /// What ended the host, if that was its log file.
  package var fatalLogFailure: SystemError? { logFailure.withLock { $0?.error } }
}

/// Why a host stops.
struct LogWriteFailure: Sendable {
  let error: SystemError
  /// For everybody.
  let notice: String
}
