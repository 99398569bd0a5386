import ChatCore
import Glibc
import Sockets

/// The line at the bottom of the terminal that the user types into, with the messages above it that
/// are on their way.
///
/// While a line is edited, the waiting messages, the prompt and the line stand on the terminal's last
/// rows; else nothing of them does, and the cursor is at the left of a clear row.
package final class Prompt {
  /// What came of a line.
  package enum Outcome: Equatable {
    case entered(String)
    /// Ctrl-C cleared it.
    case cleared
    /// The user leaves: Ctrl-C or Ctrl-D on an empty line, or the terminal is gone.
    case left
    /// ``Wait/stop``.
    case stopped
  }

  /// What waiting for a key came to.
  package enum Wait {
    /// Standard input can be read.
    case input
    /// Something else was done.
    case nothing
    /// Ctrl-C was pressed.
    case interrupt
    /// The line is to be given up; it is there again at the next ``read()``.
    case stop
  }

  /// Waits until there is something to do.
  package var wait: () -> Wait = { .stop }
  /// Says what completes a line, given the part before the cursor.
  package var complete: (String) -> Completion = { _ in .none }
  /// Shows the choices there are for a completion.
  package var offer: ([String]) -> Void = { _ in }

  private let editor: LineEditor
  private let saved: termios
  private var keys = KeyInput()
  private var pasted = ""
  private var size = PromptLayout.Size(columns: 80, rows: 24)
  /// Whether libedit has a line.
  private var isEditing = false
  /// Whether the line stands on the terminal.
  private var isShown = false
  private var outcome = Outcome.stopped
  /// A line to begin with, and its cursor.
  private var draft: (text: String, cursor: Int)?
  /// Messages on their way, each at most a row, as they stand on the terminal.
  private var shownPending: [StyledLine] = []
  /// The messages on their way.
  package var pending: [StyledLine] = []
  /// The line whose marks that combine have been drawn; empty where it had none.
  private var marked: [UInt32] = []
  private var hasDrawnMarks = false
  private let isColored: Bool

  private static let mark = "> "

  /// - Returns: nil where this terminal cannot have a prompt.
  package init?(isColored: Bool, historySize: Int) {
    var saved = termios()
    guard unsafe tcgetattr(STDIN_FILENO, &saved) == 0 else { return nil }
    let text = isColored ? "\u{1}\u{1B}[1m\u{1}>\u{1}\u{1B}[0m\u{1} " : Self.mark
    guard let editor = LineEditor(prompt: text, historySize: Int32(clamping: historySize)) else {
      return nil
    }
    self.saved = saved
    self.editor = editor
    self.isColored = isColored
    measure()
    editor.nextKey = { [unowned self] in nextKey() }
    editor.enter = { [unowned self] in enter() }
    editor.paste = { [unowned self] in insertPasted() }
    editor.complete = { [unowned self] in completeLine() }
    editor.write(Self.pasteOn)
    editor.flush()
  }

  private static let pasteOn = "\u{1B}[?2004h"
  private static let pasteOff = "\u{1B}[?2004l"

  /// Lets a terminal that was stopped by Ctrl-S show what it is given: nobody may be there to press
  /// Ctrl-Q, and what is written last would wait for that.
  package func goOn() {
    // Linux lets only go on what was stopped in the same way.
    _ = tcflow(STDOUT_FILENO, TCOOFF)
    _ = tcflow(STDOUT_FILENO, TCOON)
  }

  /// Gives the terminal back as it was.
  package func close() {
    erase()
    editor.write(Self.pasteOff)
    editor.flush()
    editor.close()
  }

  /// Columns of the terminal.
  package var columns: Int { size.columns }

  /// Adds a line to those that can be called back.
  package func remember(_ line: String) { editor.remember(line) }

  // MARK: A line

  /// Lets the user edit a line.
  package func read() -> Outcome {
    outcome = .left
    drawPending()
    editor.flush()
    isEditing = true
    isShown = true
    editor.edit()
    erase()
    editor.flush()
    isEditing = false
    return outcome
  }

  /// Puts a text into the next line, for the user to go on with.
  package func giveBack(_ text: String) { draft = (text, text.unicodeScalars.count) }

  private func nextKey() -> LineEditor.Key {
    if let draft {
      self.draft = nil
      erase()
      if editor.insert(draft.text) {
        editor.moveCursor(by: draft.cursor - draft.text.unicodeScalars.count)
      }
      draw()
    }
    // Moving the cursor may draw what it passes anew.
    hasDrawnMarks = false
    while true {
      switch keys.next() {
      case .scalar(let scalar) where LineEditor.columns(scalar.value) == 0:
        // libedit counts a column for a mark that it puts at a line's end.
        erase()
        _ = editor.insert(String(scalar))
        draw()
        continue
      case .scalar(let scalar): return .scalar(scalar)
      case .paste(let text):
        pasted = text
        return .scalar(LineEditor.pasteKey)
      case nil: break
      }
      drawMarks()
      switch wait() {
      case .input: if !readKeys() { return .end }
      case .nothing: break
      case .interrupt:
        keys.discard()
        outcome = editor.line.scalars.isEmpty ? .left : .cleared
        erase()
        return .none
      case .stop:
        let line = editor.line
        draft = (Self.text(line.scalars[...]), line.cursor)
        outcome = .stopped
        erase()
        return .none
      }
    }
  }

  private func readKeys() -> Bool {
    var bytes = [UInt8](repeating: 0, count: 4096)
    var span = bytes.mutableSpan
    // Whatever is wrong with the terminal, it is gone.
    switch try? Sockets.read(STDIN_FILENO, into: &span) {
    case .bytes(let count):
      keys.receive(bytes[..<count], at: Clock.monotonic())
      guard keys.endsWithEscape else { return true }
      let hasMore = try? Sockets.wait(
        for: .reading, on: STDIN_FILENO, timeout: Limits.escapeTime)
      return hasMore == true ? readKeys() : true
    case .wouldBlock: return true
    case .endOfStream, nil: return false
    }
  }

  private static func text(_ scalars: ArraySlice<UInt32>) -> String {
    var text = String.UnicodeScalarView()
    text.append(contentsOf: scalars.compactMap { Unicode.Scalar($0) })
    return String(text)
  }

  private func enter() -> LineEditor.Effect {
    outcome = .entered(Self.text(editor.line.scalars[...]))
    erase()
    return .done
  }

  private func insertPasted() -> LineEditor.Effect {
    defer { pasted = "" }
    return editor.insert(pasted) ? .redraw : .beep
  }

  private func completeLine() -> LineEditor.Effect {
    let line = editor.line
    switch complete(Self.text(line.scalars[..<line.cursor])) {
    case .none: return .beep
    case .replace(let count, let text):
      editor.delete(count)
      return editor.insert(text) ? .redraw : .beep
    case .choices(let choices):
      offer(choices)
      return .nothing
    }
  }

  // MARK: The terminal

  /// Prints lines above what is edited, and draws that anew, with the messages that are pending now.
  package func print(_ text: String) {
    erase()
    editor.write(text)
    draw()
    editor.flush()
  }

  /// The terminal has another size; it has broken the rows that it shows anew.
  package func resized() { print("") }

  package func clearScreen() {
    print("\u{1B}[H\u{1B}[2J")
  }

  /// Writes lines while the prompt is off the terminal.
  package func write(_ text: String) {
    editor.write(text)
    editor.flush()
  }

  /// Takes the prompt off the terminal, until ``draw()``.
  package func erase() {
    let old = size
    // The terminal may have another size already, of which a signal is still to tell.
    measure()
    guard isShown else { return }
    isShown = false
    let line = editor.line
    let layout = PromptLayout(old, promptWidth: Self.mark.utf8.count, width: LineEditor.columns)
    let pendingRows = shownPending.reduce(0) {
      $0 + PromptLayout.rows(ofColumns: $1.columns(LineEditor.columns), in: size)
    }
    let lineRows =
      old == size
      ? layout.row(ofCursor: line.cursor, in: line.scalars)
      : layout.row(ofCursor: line.cursor, in: line.scalars, resizedTo: size)
    let row = min(pendingRows + lineRows, max(0, size.rows - 1))
    // The first row, then those below to the end of the screen: one that is cleared from its first cell on
    // may be kept by the terminal among what has scrolled away.
    editor.write(
      "\r" + (row > 0 ? "\u{1B}[\(row)A" : "") + "\u{1B}[K\u{1B}7\u{1B}[B\u{1B}[J\u{1B}8")
    shownPending = []
  }

  /// Puts the prompt back on the terminal, with the messages that are pending now, while a line is
  /// edited.
  package func draw() {
    guard isEditing, !isShown else { return }
    drawPending()
    isShown = true
    hasDrawnMarks = false
    editor.redraw()
    editor.flush()
  }

  /// Puts the marks that combine to the letters before them: libedit draws none. A line that has any is
  /// drawn as a whole whenever it changes.
  private func drawMarks() {
    guard isShown else { return }
    let (scalars, cursor) = editor.line
    let hasMarks = scalars.contains { LineEditor.columns($0) == 0 }
    guard hasMarks || !marked.isEmpty else { return }
    if scalars != marked {
      erase()
      draw()
      marked = hasMarks ? scalars : []
      hasDrawnMarks = false
    }
    let layout = PromptLayout(size, promptWidth: Self.mark.utf8.count, width: LineEditor.columns)
    let places = layout.places(of: scalars)
    // Of a line that is higher than the terminal it is not known here which part is seen.
    guard hasMarks, !hasDrawnMarks, let last = places.last, last.row < size.rows else { return }
    hasDrawnMarks = true
    let row = layout.row(ofCursor: cursor, in: scalars)
    var text = ""
    var start = 0
    while start < scalars.count {
      let end = scalars[(start + 1)...].firstIndex { LineEditor.columns($0) > 0 } ?? scalars.count
      if end > start + 1, scalars[start] > 0x9F || 0x20..<0x7F ~= scalars[start] {
        let place = places[start]
        let way = row - place.row
        text += "\u{1B}7\u{1B}[\(place.column + 1)G"
        if way != 0 { text += "\u{1B}[\(abs(way))\(way > 0 ? "A" : "B")" }
        text += Self.text(scalars[start..<end]) + "\u{1B}8"
      }
      start = end
    }
    editor.write(text)
    editor.flush()
  }

  private func drawPending() {
    // Few enough that the line keeps its place.
    let shown = pending.suffix(max(0, min(3, size.rows - 3)))
    shownPending = shown.map { $0.truncated(to: size.columns - 1, width: LineEditor.columns) }
    for line in shownPending { editor.write(line.text(isColored: isColored) + "\n") }
  }

  /// Takes note of the terminal's size.
  private func measure() {
    var window = winsize()
    guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &window) == 0 else { return }
    let new = size.changed(columns: Int(window.ws_col), rows: Int(window.ws_row))
    guard new != size else { return }
    size = new
    editor.resize()
  }

  /// Gives the terminal back, lets `stop` stop this process, and takes the terminal again.
  package func suspend(_ stop: () -> Void) {
    erase()
    editor.write(Self.pasteOff)
    editor.flush()
    editor.unprepare()
    var settings = saved
    unsafe tcsetattr(STDIN_FILENO, TCSADRAIN, &settings)
    stop()
    editor.prepare()
    editor.write(Self.pasteOn)
    measure()
    draw()
  }

  /// Somebody else may have used the terminal meanwhile.
  package func resumed() {
    guard isEditing else { return }
    editor.prepare()
    editor.write(Self.pasteOn)
    // What stands there now is not known, nor where.
    isShown = false
    editor.write("\r\u{1B}[J")
    draw()
  }
}
