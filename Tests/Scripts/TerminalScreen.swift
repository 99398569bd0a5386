import Foundation
import Glibc

/// A terminal emulator with a program in it, whose keys a test presses and whose cells it looks at:
/// tmux, by a server of its own.
final class TerminalScreen {
  /// What the screen shows at one moment.
  struct Picture: CustomStringConvertible {
    /// All rows, without blanks at their ends.
    let rows: [String]
    /// Where the cursor is, from 0.
    let column: Int
    let row: Int
    /// Nil while the program runs.
    let status: Int32?

    /// The rows up to the last that is not empty.
    var text: [String] { Array(rows.prefix((rows.lastIndex { !$0.isEmpty } ?? -1) + 1)) }

    var description: String {
      "cursor at \(column), \(row); status \(status.map { "\($0)" } ?? "none")"
        + text.map { "\n    |\($0)" }.joined()
    }
  }

  let folder: String
  private let socket: String
  /// Where all bytes go that the program writes, if anywhere.
  private let record: String?

  /// - Parameters:
  ///   - folder: where its socket is, and HOME and the state of what runs in it.
  ///   - environment: `NAME=VALUE`, or a name to be taken out.
  ///   - isRecorded: whether ``bytes()`` are asked for. Of a program whose bytes are recorded tmux may
  ///     not tell that it has ended.
  ///   - command: an executable and its arguments.
  init(
    in folder: String, columns: Int, rows: Int, environment: [String], isRecorded: Bool,
    _ command: [String]
  ) throws {
    self.folder = folder
    socket = "\(folder)/tmux"
    record = isRecorded ? "\(folder)/record" : nil
    let settings = """
      set -s escape-time 0
      set -g default-terminal tmux-256color
      set -g history-limit 100000
      set -g remain-on-exit on
      set -g status off
      """
    try settings.write(toFile: "\(folder)/tmux.conf", atomically: true, encoding: .utf8)
    let given = environment.filter { $0.contains("=") }
    let taken = ["NETCHAT_PASSWORD", "NO_COLOR"] + environment.filter { !$0.contains("=") }
    // More than one word, so that no shell comes between.
    try tmux(
      [
        "-f", "\(folder)/tmux.conf", "new-session", "-d", "-x", "\(columns)", "-y", "\(rows)",
        "env",
      ]
        + taken.flatMap { ["-u", $0] }
        + ["HOME=\(folder)", "XDG_STATE_HOME=\(folder)/state", "LC_ALL=C.UTF-8", "TZ=UTC"]
        + given + command + (record.map { [";", "pipe-pane", "-O", "exec cat >'\($0)'"] } ?? []))
  }

  /// Ends what runs in it.
  func end() { _ = try? tmux(["kill-server"]) }

  @discardableResult
  private func tmux(_ arguments: [String]) throws -> [String] {
    let program = try Program("tmux", ["-u", "-S", socket] + arguments)
    let lines = try program.output.rest()
    let status = try program.wait()
    guard status == 0 else {
      throw Missed(description: "\(program.name): \(status): \(try program.errors.rest())")
    }
    return lines
  }

  // MARK: Keys

  /// Types a text, as keys.
  func type(_ text: String) throws {
    // A semicolon at a word's end would end tmux's own command.
    let word = text.hasSuffix(";") ? text.dropLast() + "\\;" : text
    try tmux(["send-keys", "-l", "--", word])
  }

  /// Presses keys by tmux's names for them: `Enter`, `C-c`, `Up`.
  func press(_ keys: String...) throws { try tmux(["send-keys"] + keys) }

  /// Sends bytes, whatever they are.
  func send(_ bytes: [UInt8]) throws {
    try tmux(["send-keys", "-H"] + bytes.map { String($0, radix: 16) })
  }

  /// Says a line.
  func enter(_ line: String) throws {
    try type(line)
    try press("Enter")
  }

  /// Pastes a text, in brackets if the program wants them.
  func paste(_ text: String) throws {
    let path = "\(folder)/paste"
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    try tmux(["load-buffer", path, ";", "paste-buffer", "-p", "-d"])
  }

  func resize(columns: Int, rows: Int) throws {
    try tmux(["resize-window", "-x", "\(columns)", "-y", "\(rows)"])
    // tmux tells the program some time after it has shown all in the new size.
    let path = try tmux(["display-message", "-p", "#{pane_tty}"]).first ?? ""
    let terminal = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC)
    defer { close(terminal) }
    var size = winsize()
    let deadline = ContinuousClock.now + patience
    while size.ws_col != columns || size.ws_row != rows {
      guard ioctl(terminal, UInt(TIOCGWINSZ), &size) == 0, ContinuousClock.now < deadline else {
        throw Missed(description: "\(path) has not become \(columns) columns wide")
      }
      usleep(5_000)
    }
  }

  // MARK: Looking

  /// What it shows now.
  func picture() throws -> Picture {
    // One command after the other, with nothing shown in between.
    let lines = try tmux([
      "display-message", "-p", "#{cursor_x} #{cursor_y} #{pane_dead} #{pane_dead_status}", ";",
      "capture-pane", "-p",
    ])
    let numbers = (lines.first ?? "").split(separator: " ").compactMap { Int($0) }
    guard numbers.count >= 3 else { throw Missed(description: "no picture: \(lines)") }
    // tmux may miss a program's end, and looks again when another of its children ends.
    if numbers[2] == 1, numbers.count == 3 { try tmux(["run-shell", "true"]) }
    return Picture(
      rows: lines.dropFirst().map(Self.trimmed), column: numbers[0], row: numbers[1],
      // It is known some time after the terminal has been closed.
      status: numbers.count > 3 ? Int32(numbers[3]) : nil)
  }

  private static func trimmed(_ row: String) -> String {
    String(row[..<(row.lastIndex { $0 != " " }.map(row.index(after:)) ?? row.startIndex)])
  }

  /// All lines since the beginning; those that the terminal has broken are whole.
  func scrollback() throws -> [String] {
    let lines = try tmux(["capture-pane", "-p", "-J", "-S", "-"]).map(Self.trimmed)
    return Array(lines.prefix((lines.lastIndex { !$0.isEmpty } ?? -1) + 1))
  }

  /// The rows with the escape sequences that colour them.
  func colors() throws -> [String] { try tmux(["capture-pane", "-p", "-e"]) }

  /// What has been written to it, if that is recorded.
  func bytes() -> [UInt8] {
    Array(record.flatMap { FileManager.default.contents(atPath: $0) } ?? Data())
  }

  /// Waits until the screen fits.
  /// - Parameter wanted: what is waited for, for messages.
  @discardableResult
  func wait(
    for wanted: String, within time: Duration = .seconds(15), until fits: (Picture) throws -> Bool
  ) throws -> Picture {
    let deadline = ContinuousClock.now + time
    while true {
      let picture = try picture()
      if try fits(picture) { return picture }
      guard ContinuousClock.now < deadline else {
        throw Missed(description: "the screen does not show \(wanted): \(picture)")
      }
      usleep(15_000)
    }
  }

  /// Waits for a row.
  @discardableResult
  func wait(forRow row: String) throws -> Picture {
    try wait(for: "the row \"\(row)\"") { $0.rows.contains(row) }
  }

  /// Waits until the prompt stands at the bottom with this line, the cursor so many scalars from its
  /// end, and this row above it.
  @discardableResult
  func wait(
    forLine line: String, cursor back: Int = 0, below above: String? = nil, columns: Int
  ) throws -> Picture {
    let (rows, row, column) = Self.layout("> " + line, cursor: back, columns)
    return try wait(for: "the line \"\(line)\", the cursor \(back) from its end") { picture in
      let first = picture.row - row
      guard first >= 0, picture.column == column,
        Array(picture.rows[first...].prefix(rows.count)) == rows,
        picture.rows.dropFirst(first + rows.count).allSatisfy(\.isEmpty)
      else { return false }
      return above == nil || first > 0 && picture.rows[first - 1] == above
    }
  }

  /// Waits for the program's end, and returns its status.
  func waitForEnd() throws -> Int32 {
    try wait(for: "the program's end") { $0.status != nil }.status ?? -1
  }

  /// The rows that a text has, and where the cursor stands in them.
  private static func layout(
    _ text: String, cursor back: Int, _ columns: Int
  ) -> (rows: [String], row: Int, column: Int) {
    var rows = [""]
    var used = 0
    var (row, column) = (0, 0)
    let scalars = Array(text.unicodeScalars)
    for (index, scalar) in (scalars + [nil]).enumerated() {
      let width = scalar.map(Self.width) ?? 0
      if used + width > columns || used == columns && width == 0 && scalar == nil {
        rows.append("")
        used = 0
      }
      if index == scalars.count - back { (row, column) = (rows.count - 1, used) }
      guard let scalar else { break }
      if scalar == "\n" {
        rows.append("")
        used = 0
        continue
      }
      rows[rows.count - 1].unicodeScalars.append(scalar)
      used += width
    }
    return (rows.map(Self.trimmed), row, column)
  }

  /// Columns of the characters that tests use.
  private static func width(_ scalar: Unicode.Scalar) -> Int {
    switch scalar.value {
    case 0x300...0x36F, 0x200D, 0xFE00...0xFE0F, 0x0A: 0
    case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xFF01...0xFF60, 0x1F300...0x1FAFF: 2
    default: 1
    }
  }

  // MARK: The program

  /// Its process, if it was started without a shell.
  func processID() throws -> pid_t {
    try tmux(["display-message", "-p", "#{pane_pid}"]).first.flatMap { pid_t($0) } ?? -1
  }
}

extension Scene {
  /// alice at a prompt in a room with bob, who is no more than a connection.
  static func atPrompt(
    columns: Int = 60, rows: Int = 16, environment: [String] = [], isRecorded: Bool = false,
    _ arguments: String..., script: (TerminalScreen, RawConnection, Room) throws -> Void
  ) throws {
    try play { scene in
      let room = try scene.host("--rate", "0")
      let bob = try room.member("bob")
      let screen = try scene.terminal(
        columns: columns, rows: rows, environment: environment, isRecorded: isRecorded,
        [Program.netchat, "clint", "127.0.0.1:\(room.port)", "--name", "alice"] + arguments)
      try bob.expect("count", "total", "2")
      try screen.wait(forLine: "", columns: columns)
      try script(screen, bob, room)
    }
  }
}
