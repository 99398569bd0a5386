import Glibc
import Testing

@testable import ChatHost

@Suite("metrics")
struct MetricsTests {
  /// A room that tells its metrics, and where it does.
  private func host(_ scene: Scene, _ arguments: String...) throws -> (room: Room, port: UInt16) {
    let program = try scene.run(
      Program.netchat, ["host", "--port", "0", "--metrics", "0"] + arguments)
    let room = try Room(program, in: scene)
    let url = try program.errors.expect(prefix: "Metrics: http://127.0.0.1:")
    guard let port = UInt16(url.dropLast("/metrics".count)) else {
      throw Missed(description: "no port in \(url)")
    }
    return (room, port)
  }

  private func get(_ request: String, _ port: UInt16, _ scene: Scene) throws -> [String] {
    let connection = try scene.connect(port)
    try connection.send(request)
    return try connection.lines.rest()
  }

  /// The samples of an answer, which must be written as Prometheus reads it.
  private func samples(_ lines: [String]) throws -> [String: Double] {
    #expect(lines.first == "HTTP/1.1 200 OK\r")
    #expect(lines.contains("Content-Type: text/plain; version=0.0.4; charset=utf-8\r"))
    let body = lines.drop { $0 != "\r" }.dropFirst()
    var samples: [String: Double] = [:]
    var types: [String: String] = [:]
    var family = ""
    for line in body {
      if let match = line.wholeMatch(of: /# HELP ([a-z_]+) [^\\]+\./) {
        family = String(match.1)
        #expect(types[family] == nil, "\(family) twice")
      } else if let match = line.wholeMatch(of: /# TYPE ([a-z_]+) (counter|gauge|histogram)/) {
        #expect(match.1 == family)
        types[family] = String(match.2)
      } else if let match = line.wholeMatch(
        of: /(([a-z_]+)(?:{[a-z]+="[^"\\]*"})?) ([0-9.]+(?:e[+-][0-9]+)?)/)
      {
        let base =
          types[family] == "histogram"
          ? String(match.2.replacing(/_(bucket|sum|count)$/, with: "")) : String(match.2)
        #expect(base == family, "\(line)")
        #expect((types[family] == "counter") == family.hasSuffix("_total"), "\(line)")
        #expect(samples[String(match.1)] == nil, "\(line)")
        let value: Double = try #require(Double(match.3))
        samples[String(match.1)] = value
      } else {
        Issue.record("no line of the format: \(line)")
      }
    }
    return samples
  }

  /// The samples, once they are as wanted, and what they are at last if they never are: a worker
  /// publishes what it counts at the end of its turn, and another's turn may be yet to come.
  @discardableResult
  private func expect(
    _ wanted: [(name: String, value: Double)], at port: UInt16, _ scene: Scene
  ) throws -> [String: Double] {
    let deadline = ContinuousClock.now + patience
    while true {
      let samples = try samples(get("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", port, scene))
      let others = wanted.filter { samples[$0.name] != $0.value }
      guard !others.isEmpty, ContinuousClock.now < deadline else {
        for (name, value) in others {
          Issue.record("\(name) is \(samples[name] ?? -1), not \(value)")
        }
        return samples
      }
      usleep(5_000)
    }
  }

  @Test("members, messages, bytes, refusals and turns are told as Prometheus reads them")
  func figures() throws {
    try Scene.play { scene in
      let (room, port) = try host(scene, "--threads", "2")
      let alice = try room.member("alice")
      let bob = try room.member("bob")
      for number in 1...5 { try alice.say("message \(number)") }
      try bob.expect("chat", "text", "message 5")
      let lost = try room.connect()
      try lost.send("{\"type\":\n")
      _ = try lost.lines.rest()
      try room.program.type("/ban 192.0.2.1\n/kick bob")
      try bob.expect("bye")
      try room.program.errors.expect("bob is out.")
      let samples = try expect(
        [
          ("netchat_members", 1), ("netchat_messages_total", 5), ("netchat_deliveries_total", 10),
          ("netchat_admitted_total", 2), ("netchat_rejected_total", 1), ("netchat_bans", 1),
          ("netchat_evictions_total{reason=\"kicked\"}", 1), ("netchat_lag_bytes", 0),
          ("netchat_refused_guesses_total", 0), ("netchat_accepted_total", 3),
          ("netchat_connections", 1),
        ], at: port, scene)
      #expect(samples["netchat_received_bytes_total"] ?? 0 > 300)
      #expect(samples["netchat_sent_bytes_total"] ?? 0 > 1_000)
      let buckets = ["0.0001", "0.001", "0.01", "0.1", "1", "+Inf"].map {
        samples["netchat_turn_seconds_bucket{le=\"\($0)\"}"] ?? -1
      }
      #expect(buckets == buckets.sorted() && buckets[0] >= 0)
      #expect(buckets.last == samples["netchat_turn_seconds_count"])
      #expect(samples["netchat_turn_seconds_sum"] ?? 0 > 0)
    }
  }

  @Test("a connection that was reset before it could be told hello waits no more")
  func reset() throws {
    try Scene.play { scene in
      let (room, port) = try host(scene)
      room.program.send(SIGSTOP)
      for _ in 0..<50 { try room.connect().reset() }
      room.program.send(SIGCONT)
      _ = try room.member("alice")
      try expect(
        [("netchat_waiting_connections", 0), ("netchat_connections", 1)], at: port, scene)
    }
  }

  @Test("a wrong guess is counted as refused")
  func guesses() throws {
    try Scene.play { scene in
      let room = try scene.secureHost("--metrics", "0")
      let url = try room.program.errors.expect(prefix: "Metrics: http://127.0.0.1:")
      let port = try #require(UInt16(url.dropLast("/metrics".count)))
      let wrong = try scene.clint(room.port, password: "open barley")
      #expect(try wrong.wait() == 1)
      try room.program.errors.expect("the refusal") { $0.contains(" refused ") }
      try expect(
        [
          ("netchat_refused_guesses_total", 1),
          ("netchat_refusals_total{reason=\"wrong_password\"}", 1),
        ], at: port, scene)
    }
  }

  @Test("anything but GET /metrics is refused as HTTP says")
  func requests() {
    for (request, status) in [
      ("GET /metrics HTTP/1.1\r\n\r\n", "200 OK"), ("GET /metrics?x=1 HTTP/1.0\n\n", "200 OK"),
      ("GET / HTTP/1.1\r\n\r\n", "404 Not Found"),
      ("GET /metrics/ HTTP/1.1\r\n\r\n", "404 Not Found"),
      ("POST /metrics HTTP/1.1\r\n\r\n", "405 Method Not Allowed"),
      ("PUT /metrics HTTP/1.0\n\n", "405 Method Not Allowed"),
      ("GET /metrics\r\n\r\n", "400 Bad Request"), ("\r\n\r\n", "400 Bad Request"),
      ("get /metrics HTTP/1.1\r\n\r\n", "400 Bad Request"),
      ("GET  /metrics HTTP/1.1\r\n\r\n", "400 Bad Request"),
      ("GET metrics HTTP/1.1\r\n\r\n", "400 Bad Request"),
      ("{\"type\":\"auth\"}\n\n", "400 Bad Request"),
      ("GET /metrics HTTP/2.0\r\n\r\n", "400 Bad Request"),
      (String(repeating: "x", count: 9_000), "400 Bad Request"),
    ] {
      let answer = HTTPRequest.answer(to: Array(request.utf8)) { "body" }
      let text = String(decoding: answer ?? [], as: UTF8.self)
      #expect(text.hasPrefix("HTTP/1.1 \(status)\r\n"), "\(request)")
      #expect(text.contains("\r\nConnection: close\r\n"))
      let parts = text.split(separator: "\r\n\r\n", maxSplits: 1)
      #expect(text.contains("\r\nContent-Length: \(parts.last?.utf8.count ?? -1)\r\n"))
      #expect(status.hasPrefix("405") == text.contains("\r\nAllow: GET, HEAD\r\n"))
      // HEAD gets all but the body.
      guard let space = request.firstIndex(of: " "), request.hasPrefix("GET /") else { continue }
      let head = HTTPRequest.answer(to: Array(("HEAD" + request[space...]).utf8)) { "body" }
      #expect(String(decoding: head ?? [], as: UTF8.self) == "\(parts[0])\r\n\r\n")
    }
    for part in ["", "GET", "GET /metrics HTTP/1.1\r\n", "GET /metrics HTTP/1.1\r\nHost: x\r\n"] {
      #expect(HTTPRequest.answer(to: Array(part.utf8)) { "" } == nil)
    }
  }

  @Test("many clients that say nothing delay neither the room nor, for long, those who ask")
  func idleClients() throws {
    try Scene.play { scene in
      let (room, port) = try host(scene)
      let alice = try room.member("alice")
      let idle = try (0..<40).map { _ in try scene.connect(port) }
      let start = ContinuousClock.now
      for number in 1...20 {
        try alice.say("\(number)")
        try alice.expect("chat", "text", "\(number)")
      }
      #expect(ContinuousClock.now - start < .seconds(1))
      for connection in idle.prefix(30) { connection.close() }
      let answer = try get("GET /metrics HTTP/1.1\r\n\r\n", port, scene)
      #expect(try samples(answer)["netchat_members"] == 1)
    }
  }

  @Test("an address in use is said, and nothing is opened")
  func inUse() throws {
    try Scene.play { scene in
      let (_, port) = try host(scene)
      let other = try scene.netchat("host", "--port", "0", "--metrics", "127.0.0.1:\(port)")
      #expect(try other.wait() == 1)
      #expect(
        try other.errors.rest() == [
          "netchat: cannot listen on 127.0.0.1:\(port) for the metrics: address in use",
          "  try another port for --metrics",
        ])
      #expect(try other.output.rest() == [])
    }
  }
}
