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
  /// A line is longer than a packet may be.
  case tooLong

  /// In words, as a sentence for a terminal.
  package var text: String {
    switch self {
    case .undelivered(let text, let reason): "Not said: \(text): \(reason)"
    case .tooLong: "A line longer than \(Limits.clientLine) bytes was not said."
    }
  }
}
