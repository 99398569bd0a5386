import ChatCore
import Sockets

/// What the host shows on its standard output: one thread of its own, so that a slow terminal or
/// pipe delays nobody.
package struct Screen: Sendable {
  package enum Format: Sendable { case lines, json }

  private let host: Host
  private let format: Format
  private let output: Int32
  /// Pause between looks at the room, in nanoseconds: under load lines are shown in batches.
  private static let pause: UInt64 = 10_000_000
  /// Bytes that are written at once.
  private static let batch = 64 << 10

  package init(_ host: Host, format: Format, output: Int32) {
    self.host = host
    self.format = format
    self.output = output
    host.room.withLock { $0.showOnScreen(packets: format == .json) }
  }

  /// Shows what comes until the host ends, or until the output is gone; the room goes on without it.
  package func run() {
    do throws(SystemError) {
      while true {
        try host.waitForScreen()
        let isLast = host.isScreenToEnd
        try showAll()
        if isLast { break }
        Clock.pause(Self.pause)
        host.screenSleeps()
        try showAll()
      }
    } catch {
      host.room.withLock { $0.closeScreen() }
    }
    host.screenHasEnded()
  }

  /// Shows everything there is now.
  package func showAll() throws(SystemError) {
    // Together as far as they are few: each line of the host's own would be a write of its own.
    var bytes: [UInt8] = []
    while let more = next() {
      bytes.append(more.span)
      guard bytes.count >= Self.batch else { continue }
      try writeAll(bytes.span, to: output)
      bytes.removeAll(keepingCapacity: true)
    }
    if !bytes.isEmpty { try writeAll(bytes.span, to: output) }
  }

  /// Takes what comes next; nil if there is nothing.
  func next() -> [UInt8]? { host.room.withLock { $0.nextForScreen() }.map(shown) }

  private func shown(_ item: ScreenFeed.Item) -> [UInt8] {
    switch (item, format) {
    case (.lines(let bytes), .lines): bytes
    case (.lines(let bytes), .json): DisplayText.escapedJSON(bytes.span)
    case (.note(let line), .lines): Array((line + "\n").utf8)
    case (.note(let line), .json): HostEvent.packet(note: "connection", line)
    case (.event(let bytes), _): bytes
    case (.skipped(let count), .lines): Array("(\(count) lines not shown)\n".utf8)
    case (.skipped(let count), .json):
      HostEvent.packet(note: "skipped", "\(count) packets not shown")
    }
  }
}
