import CEdit
import Glibc

/// libedit, which edits one line on the terminal of standard input and output.
///
/// It asks for each key by ``nextKey``, where the caller may do other work while it waits. All of
/// libedit is called by one thread, and its pointers are good as long as this object lives.
@safe package final class LineEditor {
  /// What libedit is told when it asks for a key.
  enum Key {
    case scalar(Unicode.Scalar)
    /// The line is given up.
    case none
    /// The terminal is gone.
    case end
  }

  /// What one of this program's own keys does with the line.
  enum Effect {
    case nothing
    /// The line has changed.
    case redraw
    case beep
    /// The line is done.
    case done
  }

  /// Waits for a key.
  var nextKey: () -> Key = { .end }
  /// A key that completes was pressed.
  var complete: () -> Effect = { .nothing }
  /// ``pasteKey`` came.
  var paste: () -> Effect = { .nothing }
  /// Enter was pressed.
  var enter: () -> Effect = { .done }

  /// Stands for something pasted, in ``nextKey``: a C1 control, which no keyboard sends as a key.
  static let pasteKey: Unicode.Scalar = "\u{9D}"

  private let editor: OpaquePointer
  private let history: OpaquePointer
  private let prompt: UnsafeMutablePointer<CChar>
  private var isOpen = true

  /// - Parameters:
  ///   - prompt: parts of it between two U+0001 take no columns.
  ///   - historySize: lines that can be called back.
  /// - Returns: nil where the system has no UTF-8 or no memory.
  init?(prompt text: String, historySize: Int32) {
    guard netchat_use_utf8() == 1, let prompt = unsafe strdup(text) else { return nil }
    guard let editor = unsafe netchat_el_init("netchat") else {
      unsafe free(prompt)
      return nil
    }
    guard let history = unsafe history_init() else {
      unsafe el_end(editor)
      unsafe free(prompt)
      return nil
    }
    unsafe self.editor = editor
    unsafe self.history = history
    unsafe self.prompt = prompt
    // Unretained: `close` ends libedit before this object is gone.
    unsafe netchat_el_set_owner(editor, Unmanaged.passUnretained(self).toOpaque())
    unsafe netchat_el_set_prompt(editor, { unsafe LineEditor.owner($0).prompt }, 1)
    unsafe netchat_el_set_reader(editor) { editor, scalar in
      unsafe LineEditor.owner(editor).read(into: scalar)
    }
    unsafe netchat_history_number(history, H_SETSIZE, historySize)
    unsafe netchat_history_number(history, H_SETUNIQUE, 1)
    unsafe netchat_el_set_history(editor, history)
    unsafe netchat_el_set_text(editor, EL_EDITOR, "emacs")
    // Signals are read from a descriptor.
    unsafe netchat_el_set_number(editor, EL_SIGNAL, 0)
    // Each row then ends by a line feed. Else some would, and terminals that break rows anew when they
    // are resized would join the others, which nobody here could tell.
    unsafe netchat_el_set_property(editor, "am", "no")
    bindKeys()
    // What was typed before the next line is asked for is neither shown nor changed by the kernel.
    for setting in ["-echo", "-icanon"] { unsafe netchat_el_set_terminal(editor, setting) }
  }

  private func bindKeys() {
    unsafe netchat_el_add(editor, "netchat-complete") { editor, _ in
      unsafe LineEditor.code(LineEditor.owner(editor).complete())
    }
    unsafe netchat_el_add(editor, "netchat-paste") { editor, _ in
      unsafe LineEditor.code(LineEditor.owner(editor).paste())
    }
    unsafe netchat_el_add(editor, "netchat-enter") { editor, _ in
      unsafe LineEditor.code(LineEditor.owner(editor).enter())
    }
    bind("\t", to: "netchat-complete")
    bind("^R", to: "em-inc-search-prev")
    // The user's own ~/.editrc comes after these, and may choose vi's keys, which are a fresh start.
    unsafe el_source(editor, nil)
    if isVi {
      bind("\t", to: "netchat-complete")
      bind("^R", to: "em-inc-search-prev")
    } else {
      // Ctrl with the arrows, as most terminals send it.
      bind("\u{1B}[1;5C", to: "em-next-word")
      bind("\u{1B}[1;5D", to: "ed-prev-word")
      // Delete, where the terminal's description says something else.
      bind("\u{1B}[3~", to: "ed-delete-next-char")
    }
    for key in ["^M", "^J"] { bind(key, to: "netchat-enter") }
    bind(String(Self.pasteKey), to: "netchat-paste")
  }

  private func bind(_ key: String, to function: String) {
    unsafe netchat_el_bind(editor, key, function)
    if isVi, function != "netchat-complete" {
      unsafe netchat_el_bind_other(editor, key, function)
    }
  }

  private var isVi: Bool {
    guard let name = unsafe netchat_el_editor(editor) else { return false }
    return unsafe String(cString: name) == "vi"
  }

  deinit { close() }

  /// Gives the terminal back as it was. Nothing else may be asked of this object afterwards.
  func close() {
    guard isOpen else { return }
    isOpen = false
    unsafe el_end(editor)
    unsafe history_end(history)
    unsafe free(prompt)
  }

  // MARK: What libedit calls

  private static func owner(_ editor: OpaquePointer?) -> LineEditor {
    // Set before libedit calls anything, and good while libedit lives.
    unsafe Unmanaged<LineEditor>.fromOpaque(netchat_el_owner(editor)).takeUnretainedValue()
  }

  private static func code(_ effect: Effect) -> UInt8 {
    switch effect {
    case .nothing: UInt8(CC_NORM)
    case .redraw: UInt8(CC_REFRESH)
    case .beep: UInt8(CC_ERROR)
    case .done: UInt8(CC_NEWLINE)
    }
  }

  private func read(into place: UnsafeMutablePointer<wchar_t>?) -> Int32 {
    switch nextKey() {
    case .scalar(let scalar):
      unsafe place?.pointee = wchar_t(bitPattern: scalar.value)
      return 1
    case .none:
      errno = EINTR
      return -1
    case .end: return 0
    }
  }

  // MARK: The line

  /// Lets the user edit a line, until ``enter`` is done with it, or ``nextKey`` gives it up.
  /// - Returns: false where it ended otherwise: by Ctrl-D on an empty line.
  func edit() {
    var count: Int32 = 0
    _ = unsafe el_wgets(editor, &count)
  }

  /// The line, and how many of its scalars stand before the cursor.
  var line: (scalars: [UInt32], cursor: Int) {
    guard let information = unsafe el_wline(editor)?.pointee,
      let start = unsafe information.buffer
    else { return ([], 0) }
    // libedit keeps all three in one array, in this order.
    let count = unsafe information.lastchar - start
    let scalars = unsafe UnsafeBufferPointer(start: start, count: count)
    return unsafe (scalars.map { UInt32(bitPattern: $0) }, information.cursor - start)
  }

  /// Puts a text before the cursor; false where there is no memory for it.
  func insert(_ text: String) -> Bool {
    // libedit takes a text that ends with a zero.
    var scalars = text.unicodeScalars.filter { $0 != "\0" }.map { wchar_t(bitPattern: $0.value) }
    guard !scalars.isEmpty else { return true }
    scalars.append(0)
    return unsafe scalars.withUnsafeBufferPointer {
      unsafe el_winsertstr(editor, $0.baseAddress!) == 0
    }
  }

  /// Deletes scalars before the cursor.
  func delete(_ count: Int) { if count > 0 { unsafe el_deletestr(editor, Int32(clamping: count)) } }

  /// Moves the cursor by so many scalars.
  func moveCursor(by count: Int) { _ = unsafe el_cursor(editor, Int32(clamping: count)) }

  /// Draws prompt and line anew, on a row that is clear, with the terminal's cursor at its left.
  func redraw() { unsafe netchat_el_refresh(editor) }

  /// The terminal has another size.
  func resize() { unsafe el_resize(editor) }

  /// Prepares the terminal for editing, after somebody else had it.
  func prepare() { unsafe netchat_el_set_number(editor, EL_PREP_TERM, 1) }
  func unprepare() { unsafe netchat_el_set_number(editor, EL_PREP_TERM, 0) }

  /// Adds a line to those that can be called back.
  func remember(_ line: String) { unsafe netchat_history_text(history, H_ENTER, line) }

  // MARK: Writing

  /// Writes to the terminal, in order with what libedit writes, and with it or at ``flush()``.
  func write(_ text: String) {
    var text = text
    text.withUTF8 { bytes in
      unsafe bytes.withMemoryRebound(to: CChar.self) {
        // A terminal that is gone shows nothing.
        _ = unsafe netchat_write($0.baseAddress, $0.count)
      }
    }
  }

  func flush() { _ = netchat_flush() }

  /// Columns that a scalar takes on the terminal.
  package static func columns(_ scalar: UInt32) -> Int {
    Int(netchat_columns(wchar_t(bitPattern: scalar)))
  }
}
