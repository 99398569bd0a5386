/// A connection, told apart from every earlier one in the same place: the kernel uses descriptors'
/// numbers again, this does not.
package struct ConnectionID: Hashable, Sendable {
  package let worker: UInt16
  package let slot: UInt32
  package let generation: UInt32

  package init(worker: UInt16, slot: UInt32, generation: UInt32) {
    self.worker = worker
    self.slot = slot
    self.generation = generation
  }
}

/// Something for a connection other than the one that is being served.
package struct Delivery: Sendable {
  package let connection: ConnectionID
  package let content: Content

  package init(connection: ConnectionID, content: Content) {
    self.connection = connection
    self.content = content
  }

  package enum Content: Sendable {
    /// A packet, or a text client's line, of its own, after this place in the log it reads.
    case packet([UInt8], after: LogPosition)
    /// Packets of long ago from the log file, and what is still missing.
    case older([UInt8], rest: OlderPackets?)
    /// The log file does not have them any more.
    case olderIsMissing
    /// Its end: it no longer holds its member, who has this name.
    case end(Farewell, name: String)
  }
}
