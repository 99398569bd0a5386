/// A line for the terminal in parts of one look each. Its texts have been made fit to be shown
/// (``DisplayText``); only ``text(isColored:)`` puts anything beside them.
package struct StyledLine: Equatable, Sendable {
  /// How a terminal shows a part: the numbers of an SGR sequence (ECMA-48), none for plain.
  package struct Style: Equatable, Sendable {
    let codes: String

    package init(codes: String) { self.codes = codes }

    package static let plain = Style(codes: "")
    package static let bold = Style(codes: "1")
    package static let dim = Style(codes: "2")
    package static let inverse = Style(codes: "7")
    package static let error = Style(codes: "31")
    package static let note = Style(codes: "33")
  }

  struct Part: Equatable, Sendable {
    var text: String
    let style: Style
  }

  private(set) var parts: [Part] = []

  package init(_ text: String = "", _ style: Style = .plain) { append(text, style) }

  package mutating func append(_ text: String, _ style: Style = .plain) {
    if !text.isEmpty { parts.append(Part(text: text, style: style)) }
  }

  package mutating func append(_ other: StyledLine) { parts += other.parts }

  /// What it says.
  package var plain: String { parts.map(\.text).joined() }

  /// What goes to the terminal.
  package func text(isColored: Bool) -> String {
    guard isColored else { return plain }
    return parts.map { part in
      part.style == .plain ? part.text : "\u{1B}[\(part.style.codes)m\(part.text)\u{1B}[0m"
    }.joined()
  }

  /// Its columns, given those of a scalar.
  package func columns(_ width: (UInt32) -> Int) -> Int {
    parts.reduce(0) { $0 + $1.text.unicodeScalars.reduce(0) { $0 + width($1.value) } }
  }

  // MARK: Rows

  private struct Cell {
    let scalar: Unicode.Scalar
    let part: Int
    let width: Int
  }

  private func cells(_ width: (UInt32) -> Int) -> [Cell] {
    var cells: [Cell] = []
    for (index, part) in parts.enumerated() {
      for scalar in part.text.unicodeScalars {
        cells.append(Cell(scalar: scalar, part: index, width: width(scalar.value)))
      }
    }
    return cells
  }

  private func line(_ cells: ArraySlice<Cell>, after first: StyledLine = StyledLine()) -> StyledLine
  {
    var line = first
    var current: (part: Int, text: String.UnicodeScalarView)?
    for cell in cells {
      if let now = current, now.part != cell.part {
        line.append(String(now.text), parts[now.part].style)
        current = nil
      }
      if current == nil { current = (cell.part, String.UnicodeScalarView()) }
      current?.text.append(cell.scalar)
    }
    if let current { line.append(String(current.text), parts[current.part].style) }
    return line
  }

  /// Whether the word that begins here has room in a row.
  private func fits(_ cells: ArraySlice<Cell>, _ columns: Int) -> Bool {
    var used = 0
    for cell in cells {
      if cell.scalar == " " { return true }
      used += cell.width
      if used > columns { return false }
    }
    return true
  }

  /// As much of it as has room, with an ellipsis where something is missing.
  package func truncated(to columns: Int, width: (UInt32) -> Int) -> StyledLine {
    let cells = cells(width)
    guard cells.reduce(0, { $0 + $1.width }) > columns else { return self }
    var used = 0
    var end = 0
    while end < cells.count, used + cells[end].width <= columns - 1 {
      used += cells[end].width
      end += 1
    }
    var line = line(cells[..<end])
    if columns > 0 { line.append("…", line.parts.last?.style ?? .plain) }
    return line
  }

  /// The rows it takes: each but the first begins with `indent` blanks, so that no row of a long text
  /// passes for a line of its own. Broken at blanks, where no row is too short for the word behind.
  package func wrapped(to columns: Int, indent: Int, width: (UInt32) -> Int) -> [StyledLine] {
    // Where nothing fits beside the blanks, the terminal breaks as it likes.
    guard columns >= indent + 8 else { return [self] }
    let cells = cells(width)
    guard cells.reduce(0, { $0 + $1.width }) > columns else { return [self] }
    var rows: [StyledLine] = []
    var start = 0
    while start < cells.count {
      let isFirst = rows.isEmpty
      let limit = isFirst ? columns : columns - indent
      var end = start
      var used = 0
      var blank: Int?
      while end < cells.count, used + cells[end].width <= limit {
        used += cells[end].width
        if cells[end].scalar == " ", end > start { blank = end }
        end += 1
      }
      var next = end
      // A blank right behind the row is where it breaks as well.
      if end < cells.count, cells[end].scalar == " " {
        next = end + 1
      } else if end < cells.count, let blank, fits(cells[(blank + 1)...], columns - indent) {
        end = blank
        next = blank + 1
      }
      rows.append(
        line(
          cells[start..<end],
          after: isFirst ? StyledLine() : StyledLine(String(repeating: " ", count: indent))))
      start = next
    }
    return rows
  }
}
