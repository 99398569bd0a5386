import Foundation
import Glibc

/// What a script plays in: it keeps all that is started, and ends it when the script is over.
final class Scene {
  private var programs: [Program] = []
  private var connections: [RawConnection] = []
  private var screens: [TerminalScreen] = []
  private var folders: [String] = []

  static func play(_ script: (Scene) throws -> Void) throws {
    let scene = Scene()
    defer { scene.end() }
    try script(scene)
  }

  private func end() {
    for program in programs { program.kill() }
    for screen in screens { screen.end() }
    for connection in connections { connection.close() }
    for folder in folders { try? FileManager.default.removeItem(atPath: folder) }
  }

  /// An empty folder, gone when the script is over.
  func folder() throws -> String {
    var template = Array("/tmp/netchat-scene-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Missed(description: "no folder: \(errno)") }
    let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    folders.append(path)
    return path
  }

  func run(_ executable: String, _ arguments: String...) throws -> Program {
    try run(executable, arguments)
  }

  func run(_ executable: String, _ arguments: [String]) throws -> Program {
    let program = try Program(executable, arguments)
    programs.append(program)
    return program
  }

  func netchat(_ arguments: String...) throws -> Program { try run(Program.netchat, arguments) }

  /// A line for the shell; `$0` is netchat.
  func shell(_ line: String, _ arguments: String...) throws -> Program {
    try run("bash", ["-c", line, Program.netchat] + arguments)
  }

  /// A room on a free port.
  func host(mode: String = "PLAINTEXT", _ arguments: String...) throws -> Room {
    let program = try run(Program.netchat, ["host", "--port", "0"] + arguments)
    return try Room(program, in: self, mode: mode)
  }

  /// A room that a line for the shell opens; `$0` is netchat.
  func host(shell line: String) throws -> Room { try Room(shell(line), in: self) }

  /// A room that takes only those who know its password.
  func secureHost(password: String = "open sesame", _ arguments: String...) throws -> Room {
    let program = try run(
      "env",
      ["NETCHAT_PASSWORD=\(password)", Program.netchat, "host", "--port", "0", "--secure"]
        + arguments)
    return try Room(program, in: self, mode: "ENCRYPTED")
  }

  /// A client that remembers no host, with a password if one is given.
  func clint(_ port: UInt16, password: String?, _ arguments: String...) throws -> Program {
    let given = password.map { ["NETCHAT_PASSWORD=\($0)"] } ?? ["-u", "NETCHAT_PASSWORD"]
    return try run(
      "env",
      given + [
        "XDG_STATE_HOME=\(try folder())", Program.netchat, "clint", "127.0.0.1:\(port)",
      ] + arguments)
  }

  /// Somebody who writes what they like over TLS.
  func overTLS(_ port: UInt16, _ arguments: String...) throws -> Program {
    try run(
      "openssl", ["s_client", "-quiet", "-connect", "127.0.0.1:\(port)"] + arguments)
  }

  /// A host of version 1, which `admits` at once or `waits` for a name.
  func versionOneHost(_ form: String) throws -> (program: Program, port: UInt16) {
    let program = try run("python3", Program.version1, "host", form)
    let words = try program.output.expect(prefix: "Listening on 127.0.0.1:")
    guard let port = UInt16(words.prefix { $0 != "." }) else {
      throw Missed(description: "no port in \(words)")
    }
    return (program, port)
  }

  /// A program in a terminal.
  func terminal(
    columns: Int = 60, rows: Int = 16, environment: [String] = [], isRecorded: Bool = false,
    _ command: [String]
  ) throws -> TerminalScreen {
    let screen = try TerminalScreen(
      in: folder(), columns: columns, rows: rows, environment: environment, isRecorded: isRecorded,
      command)
    screens.append(screen)
    return screen
  }

  func connect(_ port: UInt16, receiveBuffer: Int32? = nil) throws -> RawConnection {
    let connection = try RawConnection(port: port, receiveBuffer: receiveBuffer)
    connections.append(connection)
    return connection
  }

  /// Waits until a program listens on this port; it sees a connection that is closed at once.
  func waitForListener(on port: UInt16) throws {
    let deadline = ContinuousClock.now + patience
    while true {
      do {
        return try connect(port).close()
      } catch {
        guard ContinuousClock.now < deadline else { throw error }
        usleep(5000)
      }
    }
  }

  /// A port that nobody listens on, as far as one can tell.
  func freePort() -> UInt16 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in.loopback(port: 0)
    withUnsafePointer(to: &address) { pointer in
      _ = pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    return sockaddr_in.localPort(of: descriptor)
  }
}

/// A host that runs, and ways into its room.
final class Room {
  let program: Program
  let port: UInt16
  private unowned let scene: Scene

  /// Reads the two lines that a host begins with.
  init(_ program: Program, in scene: Scene, mode: String = "PLAINTEXT") throws {
    self.program = program
    self.scene = scene
    let words = try program.output.expect(prefix: "Listening on ")
    let digits = words.dropLast("... (Ctrl-C to stop)".count).split(separator: ":").last ?? ""
    guard let port = UInt16(digits) else { throw Missed(description: "no port in \(words)") }
    self.port = port
    try program.output.expect("Security mode: \(mode)")
  }

  /// What the host shows.
  var screen: LineStream { program.output }

  func connect(receiveBuffer: Int32? = nil) throws -> RawConnection {
    try scene.connect(port, receiveBuffer: receiveBuffer)
  }

  /// A version 2 member over a raw connection.
  func member(_ name: String? = nil, receiveBuffer: Int32? = nil) throws -> RawConnection {
    let connection = try connect(receiveBuffer: receiveBuffer)
    try connection.join(name)
    return connection
  }

  func clint(_ arguments: String...) throws -> Program {
    let program = try scene.run(
      Program.netchat, ["clint", "--host", "127.0.0.1", "--port", "\(port)"] + arguments)
    return program
  }

  func versionOne(_ name: String? = nil) throws -> Program {
    try scene.run(
      "python3", [Program.version1, "clint", "127.0.0.1", "\(port)"] + (name.map { [$0] } ?? []))
  }

  /// Waits until something has come for the host that it has not read, as where it is stopped.
  func waitForUnread() throws {
    let deadline = ContinuousClock.now + patience
    let port = String(port, radix: 16, uppercase: true)
    let end = ":" + String(repeating: "0", count: 4 - port.count) + port
    while true {
      // Columns: number, local address, remote address, state (01: established), queues (proc(5)).
      // Of a file in /proc String(contentsOfFile:) takes the first 4 KB alone.
      let isThere = try ["tcp", "tcp6"].contains { table in
        let file = try FileHandle(forReadingFrom: URL(filePath: "/proc/net/\(table)"))
        return String(decoding: try file.readToEnd() ?? Data(), as: UTF8.self)
          .split(separator: "\n").contains { line in
            let fields = line.split(separator: " ")
            return fields.count > 4 && fields[1].hasSuffix(end) && fields[3] == "01"
              && !fields[4].hasSuffix(":00000000")
          }
      }
      if isThere { return }
      guard ContinuousClock.now < deadline else {
        throw Missed(description: "nothing comes for the host")
      }
      usleep(5_000)
    }
  }

  func netcat() throws -> Program { try scene.run("nc", ["127.0.0.1", "\(port)"]) }
}
