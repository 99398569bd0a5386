import ChatCore
import Sockets

/// What shows the room to the user: a transcript, packets, or a terminal with a prompt.
///
/// A client calls it while it has its turn; it must not call the client back.
package protocol Front: AnyObject {
  /// The host let this client in, for the first time.
  func joined(as name: String, isSecure: Bool, at address: Address)
  /// Something came. `line` is the packet as it came, without its line end.
  func show(_ packet: HostPacket, line: [UInt8])
  /// A word of the client's own.
  func tell(_ note: Note)
  /// A text was said, and is not yet known to be in the room. `id` is this client's own, and grows.
  func said(_ text: String, to recipient: String?, id: Int64)
  /// A text that was said needs no more waiting for: it is in the room (its packet is shown next, if
  /// it was not before), or a note has told what became of it.
  func settled(id: Int64)

  /// What to poll for writing; nil while nothing waits to be written.
  var waitingOutput: Int32? { get }
  /// Whether so much waits to be written that no more is to come. The room is not read then.
  var isFull: Bool { get }
  /// Writes what goes without waiting. It fails when nobody reads any more.
  func flush() throws(SystemError)
}

/// What the client itself has to tell the user.
package enum Note: Equatable, Sendable {
  /// A text did not go into the room.
  case undelivered(text: String, reason: String)
  /// A text may have gone into the room, and nobody can tell.
  case unknown(text: String)
  /// A line is longer than a packet may be.
  case tooLong
  /// A line of the input is none that can be said.
  case notUnderstood(line: Int, reason: String)
  /// The connection is lost, and is being tried for.
  case lost(reason: String)
  /// The host closed on purpose; it is tried again now and then.
  case closed
  /// The room is joined again.
  case reconnected(ClientSession.Return)
  /// The host gave another name than this client had.
  case renamed(String)

  /// In words, as a sentence for a terminal.
  package var text: String {
    switch self {
    case .undelivered(let text, let reason): "Not said: \(text): \(reason)"
    case .unknown(let text): "It is not known whether this arrived: \(text)"
    case .tooLong: "A line longer than \(Limits.clientLine) bytes was not said."
    case .notUnderstood(let line, let reason): "Line \(line) was not said: \(reason)"
    case .lost(let reason): "Connection lost: \(reason); trying again."
    case .closed: "Connection closed by remote host."
    case .reconnected(.missed(messages: 0, isAll: true)): "Reconnected."
    case .reconnected(.missed(messages: 1, isAll: true)): "Reconnected, 1 message missed."
    case .reconnected(.missed(let messages, isAll: true)):
      "Reconnected, \(messages) messages missed."
    case .reconnected(.missed(let messages, isAll: false)):
      "Reconnected, more than \(messages) messages missed."
    case .reconnected(.gap):
      "Reconnected. Messages are missing: the room has not kept all that was said meanwhile."
    case .reconnected(.otherRoom):
      "Reconnected. The host began a new room: what was said meanwhile is missing."
    case .reconnected(.versionOne): "Reconnected. What was said meanwhile is missing."
    case .renamed(let name): "You are \(name) now."
    }
  }
}
