import ChatCore
import Glibc
import Sockets

/// Answers `GET /metrics` by HTTP/1.1 (RFC 9112), one request a connection, on a thread of its own.
///
/// Few connections at a time, each for a short while: the others wait in the kernel, and nothing of
/// it touches the workers but a question now and then.
package final class MetricsServer {
  private final class Client {
    let socket: StreamSocket
    let deadline: UInt64
    var request: [UInt8] = []
    var answer: [UInt8] = []
    var sent = 0

    init(_ socket: consuming StreamSocket, deadline: UInt64) {
      self.socket = socket
      self.deadline = deadline
    }
  }

  private let host: Host
  private let listener: Listener
  private let version: String
  private var clients: [Client] = []
  /// The figures that were asked for last, and when.
  private var last: (text: String, at: UInt64)?

  package init(of host: Host, on listener: Listener, version: String) {
    self.host = host
    self.listener = listener
    self.version = version
  }

  /// Answers for as long as the program runs.
  package func run() {
    while true {
      // With all places taken the next ones wait in the kernel.
      let accepts = clients.count < Limits.metricsClients
      var entries = [pollfd(fd: accepts ? listener.number : -1, events: Int16(POLLIN), revents: 0)]
      for client in clients {
        let events = Int16(client.answer.isEmpty ? POLLIN : POLLOUT)
        entries.append(pollfd(fd: client.socket.number, events: events, revents: 0))
      }
      guard unsafe poll(&entries, nfds_t(entries.count), timeout) >= 0 else {
        // Out of memory for a moment: nothing is lost by waiting.
        if errno != EINTR { Clock.pause(Self.pause) }
        continue
      }
      let now = Clock.monotonic()
      clients = zip(clients, entries.dropFirst()).filter { client, entry in
        (entry.revents == 0 || serve(client)) && now < client.deadline
      }.map { $0.0 }
      if entries[0].revents != 0 { accept(at: now) }
    }
  }

  private static let pause: UInt64 = 100_000_000

  /// Milliseconds until the next client has had its time; -1 for none.
  private var timeout: Int32 {
    guard let next = clients.map(\.deadline).min() else { return -1 }
    let now = Clock.monotonic()
    return next > now ? Int32((next - now) / 1_000_000 + 1) : 0
  }

  private func accept(at now: UInt64) {
    do throws(SystemError) {
      guard case .connection(let socket, _) = try listener.accept() else { return }
      clients.append(Client(socket, deadline: now + Limits.metricsTime))
    } catch {
      // No descriptor is free: the members have them, and come first.
      Clock.pause(Self.pause)
    }
  }

  /// Goes on with a client whose socket is ready; false once it is done with.
  private func serve(_ client: Client) -> Bool {
    if client.answer.isEmpty {
      guard receive(client) else { return false }
      if let answer = HTTPRequest.answer(to: client.request, metrics: { figures() }) {
        client.answer = answer
      }
    }
    return send(client)
  }

  /// Reads what came; false where the connection is over.
  private func receive(_ client: Client) -> Bool {
    var bytes = [UInt8](repeating: 0, count: 4096)
    var span = bytes.mutableSpan
    switch try? client.socket.receive(into: &span) {
    case .bytes(let count):
      client.request += bytes[..<count]
      return true
    case .wouldBlock: return true
    case .endOfStream, nil: return false
    }
  }

  /// Sends what there is; false once all of it is gone, or the connection is over.
  private func send(_ client: Client) -> Bool {
    // Without a copy: a span of an object's own array would outlive the access to it.
    let answer = client.answer
    guard !answer.isEmpty else { return true }
    switch try? client.socket.send(answer.span.extracting(droppingFirst: client.sent)) {
    case .bytes(let count):
      client.sent += count
      guard client.sent == answer.count else { return true }
      client.socket.finishSending()
      return false
    case .wouldBlock: return true
    case nil: return false
    }
  }

  /// The metrics, made anew at most once in a while, however often they are asked for.
  private func figures() -> String {
    let now = Clock.monotonic()
    if let last, now < last.at + Limits.metricsAge { return last.text }
    let text = Metrics(Figures(of: host, asksWorkers: true), version: version).text
    last = (text, now)
    return text
  }
}

/// What is asked by HTTP of a server that has one page.
enum HTTPRequest {
  /// The answer to the bytes that came so far; nil while the request is not complete.
  static func answer(to bytes: [UInt8], metrics: () -> String) -> [UInt8]? {
    guard isComplete(bytes) else {
      return bytes.count > Limits.metricsRequest ? Answer(plain: "400 Bad Request").bytes() : nil
    }
    let line = bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
    let words = line.split(
      separator: UInt8(ascii: " "), omittingEmptySubsequences: false
    ).map { String(decoding: $0, as: UTF8.self) }
    // Of what HEAD asks for it gets the header alone (RFC 9110, section 9.3.2).
    return answer(to: words, metrics: metrics).bytes(hasBody: words.first != "HEAD")
  }

  private static func answer(to words: [String], metrics: () -> String) -> Answer {
    guard words.count == 3, words[2] == "HTTP/1.1" || words[2] == "HTTP/1.0",
      !words[0].isEmpty, words[0].utf8.allSatisfy({ 0x41...0x5A ~= $0 }), words[1].hasPrefix("/")
    else { return Answer(plain: "400 Bad Request") }
    guard words[1].prefix(while: { $0 != "?" }) == "/metrics" else {
      return Answer(plain: "404 Not Found")
    }
    guard words[0] == "GET" || words[0] == "HEAD" else {
      return Answer(plain: "405 Method Not Allowed", "Allow: GET, HEAD\r\n")
    }
    return Answer(
      status: "200 OK", headers: "Content-Type: \(Metrics.contentType)\r\n", body: metrics())
  }

  /// Whether the empty line has come that ends a request's head. Line ends may lack their CR
  /// (RFC 9112, section 2.2).
  private static func isComplete(_ bytes: [UInt8]) -> Bool {
    var isAtStart = false
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "\n"):
        if isAtStart { return true }
        isAtStart = true
      case UInt8(ascii: "\r"): break
      default: isAtStart = false
      }
    }
    return false
  }

  private struct Answer {
    var status: String
    var headers: String
    var body: String

    init(status: String, headers: String, body: String) {
      self.status = status
      self.headers = headers
      self.body = body
    }

    init(plain status: String, _ headers: String = "") {
      self.init(
        status: status, headers: headers + "Content-Type: text/plain; charset=utf-8\r\n",
        body: status + "\n")
    }

    func bytes(hasBody: Bool = true) -> [UInt8] {
      let head =
        "HTTP/1.1 \(status)\r\n\(headers)Content-Length: \(body.utf8.count)\r\n"
        + "Connection: close\r\n\r\n"
      return Array((hasBody ? head + body : head).utf8)
    }
  }
}
