import ChatCore
import Glibc
import Sockets

/// Shows the room on standard output as lines of text or of JSON, for pipes, files and scripts.
///
/// What a reader does not take waits here, up to a bound: a reader that stops never stops the client.
package final class PlainFront: Front {
  package enum Format: Sendable { case lines, json }

  private let descriptor: Int32
  private let format: Format
  private let expectation: Expectation?
  private let report: (String) -> Void
  private var bytes: [UInt8] = []
  private var written = 0

  /// - Parameters:
  ///   - expectation: a message to wait for; nothing but it is shown.
  ///   - report: tells the user something beside the transcript.
  package init(
    _ format: Format, to descriptor: Int32 = STDOUT_FILENO, only expectation: Expectation? = nil,
    report: @escaping (String) -> Void
  ) {
    self.expectation = expectation
    self.format = format
    self.descriptor = descriptor
    self.report = report
  }

  package func joined(as name: String, isSecure: Bool, at address: Address) {
    guard format == .lines, expectation == nil else { return }
    if isSecure { append("Authenticated as \(DisplayText.line(name))") }
    append("Connected to \(address)")
  }

  package func show(_ packet: HostPacket, line: [UInt8]) {
    if let expectation, !expectation.isMet(by: packet) { return }
    switch format {
    case .json:
      bytes.append(contentsOf: DisplayText.escapedJSON(line.span))
      bytes.append(UInt8(ascii: "\n"))
    case .lines:
      if let text = Transcript.line(for: packet) { append(text) }
    }
  }

  private func append(_ line: String) {
    bytes.append(contentsOf: line.utf8)
    bytes.append(UInt8(ascii: "\n"))
  }

  package func tell(_ note: Note) { report(note.text) }

  package func said(_ text: String, to recipient: String?, id: Int64) {}
  package func settled(id: Int64) {}

  // MARK: Writing

  package var waitingOutput: Int32? { written < bytes.count ? descriptor : nil }

  package var isFull: Bool { bytes.count - written >= Limits.unreadOutput }

  package func flush() throws(SystemError) {
    while written < bytes.count {
      // Without a copy: a span of an object's own array would outlive the access to it.
      let all = bytes
      guard
        case .bytes(let count) = try writeNow(
          all.span.extracting(droppingFirst: written), to: descriptor)
      else { break }
      written += count
    }
    // Seldom, and never more than once a buffer: taking from the front moves the rest.
    if written == bytes.count || written >= Limits.unreadOutput {
      bytes.removeFirst(written)
      written = 0
    }
  }

  /// Writes all that waits, as long as its reader lets it and no signal tells to end.
  package func finish(_ signals: borrowing Signals) throws(SystemError) {
    while true {
      try flush()
      guard let output = waitingOutput else { return }
      var entries = [
        pollfd(fd: signals.number, events: Int16(POLLIN), revents: 0),
        pollfd(fd: output, events: Int16(POLLOUT), revents: 0),
      ]
      let ready = unsafe poll(&entries, nfds_t(entries.count), -1)
      if ready > 0, entries[0].revents != 0 { return }
    }
  }
}
