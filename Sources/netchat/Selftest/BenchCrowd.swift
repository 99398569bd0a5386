import ChatClient
import ChatCore
import OpenSSL
import Sockets

/// All clients of a room under measurement, on one thread. The first of them speaks.
struct BenchCrowd: ~Copyable {
  /// A client that only counts what it hears: reading packets whole would measure the reading.
  private final class Listener {
    var link: Link
    var count = HeardChats()
    /// Messages that it has heard.
    var heard = 0

    init(_ link: consuming Link) { self.link = link }
  }

  private let listeners: [Listener]
  private var poller: Poller
  private let makeChat: (Int64) throws(Visitor.Failure) -> [UInt8]
  private var buffer = [UInt8](repeating: 0, count: 65_536)
  /// Bytes of the speaker's that wait to be taken.
  private var output: [UInt8] = []
  private var awaitsWriting = false
  /// When each message was said, by its number from 0, in nanoseconds of the monotonic clock...
  private var times: [UInt64] = []
  /// ...and how many have heard it.
  private var arrivals: [Int] = []
  /// Messages that all have heard.
  private var completed = 0
  /// Since the last ``forget()``: messages heard, each listener's counted...
  private(set) var deliveries = 0
  /// ...and the nanoseconds that each took.
  private(set) var latencies: [UInt64] = []

  /// Brings so many clients into the room.
  init(_ count: Int, in room: LoopbackRoom, isSecure: Bool) throws(Visitor.Failure) {
    let keys = isSecure ? try room.keys() : nil
    var listeners: [Listener] = []
    for number in 1...count {
      var visitor = try room.visitor("client \(number)", keys)
      guard let link = visitor.takeLink() else { throw .unexpected("a connection is gone") }
      listeners.append(Listener(link))
    }
    do throws(SystemError) {
      let poller = try Poller()
      for (index, listener) in listeners.enumerated() {
        try poller.add(listener.link.number, tag: UInt64(index), .reading)
      }
      self.init(listeners, poller, Self.chats(keys))
    } catch {
      throw .unexpected("\(error)")
    }
  }

  private init(
    _ listeners: [Listener], _ poller: consuming Poller,
    _ makeChat: @escaping (Int64) throws(Visitor.Failure) -> [UInt8]
  ) {
    self.listeners = listeners
    self.poller = poller
    self.makeChat = makeChat
  }

  /// Makes the packet of a message, by its number.
  private static func chats(_ keys: RoomPassword?) -> (Int64) throws(Visitor.Failure) -> [UInt8] {
    let text = [UInt8](repeating: UInt8(ascii: "x"), count: FanoutBench.textLength)
    guard let keys, let sid = SenderID(random: Machine.randomBytes(16)) else {
      let head = "{\"type\":\"chat\",\"encrypted\":false,\"text\":\""
      let packet = Array(head.utf8) + text + Array("\"}\n".utf8)
      return { _ in packet }
    }
    return { number throws(Visitor.Failure) in
      let number = MessageNumber(sid: sid, n: number)
      let data = SealedMessage.additionalData(room: keys.room, from: "client 1", to: "", number)
      guard let sealed = keys.seal(text, additionalData: data) else {
        throw .unexpected("a message cannot be sealed")
      }
      var writer = PacketWriter()
      writer.begin("chat")
      writer.key(",\"encrypted\":true,\"payload\":")
      writer.escaped(Base64.encode(sealed))
      writer.number(number)
      writer.end()
      return writer.bytes
    }
  }

  mutating func forget() {
    deliveries = 0
    latencies = []
  }

  /// Says messages for a time, and waits until all have heard all of them.
  /// - Parameters:
  ///   - time: nanoseconds.
  ///   - window: messages on their way at a time.
  ///   - pace: nanoseconds from one message to the next, at the least.
  mutating func talk(for time: UInt64, window: Int, pace: UInt64 = 0) throws(Visitor.Failure) {
    let end = Clock.monotonic() + time
    var due: UInt64 = 0
    while true {
      let now = Clock.monotonic()
      if now >= end, completed == times.count, output.isEmpty { return }
      guard now < end + Self.patience else {
        throw .unexpected("not all messages came to everybody")
      }
      if now < end, now >= due {
        while times.count - completed < window {
          output += try makeChat(Int64(times.count + 1))
          times.append(now)
          arrivals.append(0)
          due = now + pace
          if pace > 0 { break }
        }
      }
      do throws(SystemError) {
        try send()
        let isIdle = now < due && completed == times.count
        try listen(timeout: isIdle ? due - now : 100_000_000)
      } catch {
        throw .unexpected("\(error)")
      }
    }
  }

  /// How long the last messages may take, in nanoseconds.
  private static let patience: UInt64 = 20_000_000_000

  private mutating func send() throws(SystemError) {
    guard !output.isEmpty else { return }
    if case .bytes(let count)? = try? listeners[0].link.send(output) { output.removeFirst(count) }
    if awaitsWriting == output.isEmpty {
      awaitsWriting.toggle()
      try poller.change(
        listeners[0].link.number, tag: 0, awaitsWriting ? [.reading, .writing] : .reading)
    }
  }

  private mutating func listen(timeout: UInt64) throws(SystemError) {
    let count = try poller.wait(timeout: timeout)
    for index in 0..<count {
      let listener = listeners[Int(poller[index].tag)]
      while case .bytes(let size)? = try? listener.link.receive(into: &buffer) {
        let chats = listener.count.add(buffer.span.extracting(first: size))
        if chats > 0 { note(chats, at: listener) }
      }
    }
  }

  private mutating func note(_ chats: Int, at listener: Listener) {
    let now = Clock.monotonic()
    for _ in 0..<chats {
      // A chat that nobody said would be the room's fault, and shows as one that is missing.
      guard listener.heard < times.count else { return }
      latencies.append(now - times[listener.heard])
      arrivals[listener.heard] += 1
      if arrivals[listener.heard] == listeners.count { completed += 1 }
      listener.heard += 1
      deliveries += 1
    }
  }
}

/// Counts the chat packets in a stream, wherever it is cut.
struct HeardChats {
  private static let head = Array("{\"type\":\"chat\"".utf8)
  /// Bytes of the line so far that are those of ``head``; nil for another line.
  private var matched: Int? = 0

  /// - Returns: chats whose lines end in these bytes.
  mutating func add(_ bytes: Span<UInt8>) -> Int {
    var count = 0
    for index in bytes.indices {
      let byte = bytes[index]
      if byte == UInt8(ascii: "\n") {
        if matched == Self.head.count { count += 1 }
        matched = 0
      } else if let place = matched, place < Self.head.count {
        matched = byte == Self.head[place] ? place + 1 : nil
      }
    }
    return count
  }
}
