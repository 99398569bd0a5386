/// Where the terminal's cursor stands in a line that libedit has drawn: the arithmetic of its own
/// drawing (refresh.c), which does not tell.
package struct PromptLayout {
  /// Columns and rows of the terminal as libedit takes them.
  package struct Size: Equatable, Sendable {
    package var columns: Int
    package var rows: Int

    package init(columns: Int, rows: Int) {
      self.columns = columns
      self.rows = rows
    }

    /// What libedit makes of a size that the system tells: an unknown one, 0, stays as it was, and
    /// one that no line fits into is taken for 80 columns.
    package func changed(columns newColumns: Int, rows newRows: Int) -> Size {
      let columns = newColumns == 0 ? self.columns : newColumns
      return Size(columns: columns < 2 ? 80 : columns, rows: newRows == 0 ? self.rows : newRows)
    }
  }

  private let size: Size
  private let promptWidth: Int
  /// Columns of a scalar.
  private let width: (UInt32) -> Int

  package init(_ size: Size, promptWidth: Int, width: @escaping (UInt32) -> Int) {
    self.size = size
    self.promptWidth = promptWidth
    self.width = width
  }

  /// The cursor's row, the prompt's own being 0. A line that is higher than the terminal begins above
  /// it; then it is counted from the terminal's first row.
  package func row(ofCursor cursor: Int, in scalars: [UInt32]) -> Int {
    min(rows(before: cursor, in: scalars).count - 1, max(0, size.rows - 1))
  }

  /// The same once the terminal has another size, and has broken the rows that have no room any more.
  package func row(ofCursor cursor: Int, in scalars: [UInt32], resizedTo new: Size) -> Int {
    var rows = rows(before: cursor, in: scalars)
    let own = rows.removeLast()
    // Behind the last character of its row the cursor stays with it.
    let isAtEnd = cursor == scalars.count || scalars[cursor] == 10
    let row =
      rows.reduce(0) { $0 + Self.broken($1, to: new.columns).rows }
      + Self.broken(isAtEnd ? own : own + [1], to: new.columns).rows - 1
    return min(row, max(0, new.rows - 1))
  }

  /// The place of each scalar of a line, from the prompt's first cell, and of the cursor behind its last
  /// one. A mark that takes no column has the place of what comes after it.
  package func places(of scalars: [UInt32]) -> [(row: Int, column: Int)] {
    var drawing = Drawing(size.columns)
    for _ in 0..<promptWidth { drawing.advance(by: 1) }
    var places: [(row: Int, column: Int)] = []
    for scalar in scalars {
      drawing.put(scalar, width(scalar))
      places.append(drawing.place)
    }
    places.append((drawing.rows.count - 1, drawing.column))
    return places
  }

  /// The columns of each character before the cursor, a row each; the last row is the cursor's.
  private func rows(before cursor: Int, in scalars: [UInt32]) -> [[Int]] {
    var drawing = Drawing(size.columns)
    for _ in 0..<promptWidth { drawing.advance(by: 1) }
    for scalar in scalars[..<cursor] { drawing.put(scalar, width(scalar)) }
    if cursor < scalars.count { drawing.makeRoom(for: scalars[cursor], width(scalars[cursor])) }
    return drawing.rows
  }

  /// Rows that are being filled.
  private struct Drawing {
    let columns: Int
    var rows: [[Int]] = [[]]
    var column = 0
    /// Where the last character was put.
    var place = (row: 0, column: 0)

    init(_ columns: Int) { self.columns = columns }

    mutating func begin() {
      rows.append([])
      column = 0
    }

    mutating func advance(by width: Int) {
      // A wide character is never cut: it goes to the next row.
      if width > 1, column + width > columns { begin() }
      place = (rows.count - 1, column)
      rows[rows.count - 1].append(width)
      column += width
      if column >= columns { begin() }
    }

    mutating func put(_ scalar: UInt32, _ width: Int) {
      switch scalar {
      case 10: begin()
      case 9: repeat { advance(by: 1) } while column & 7 != 0
      // Written out, ^X or \U+XXXX, and that may be cut.
      case 0...0x1F, 0x7F...0x9F: for _ in 0..<width { advance(by: 1) }
      default: if width > 2 { for _ in 0..<width { advance(by: 1) } } else { advance(by: width) }
      }
    }

    mutating func makeRoom(for scalar: UInt32, _ width: Int) {
      if width == 2, scalar > 0x9F, column + width > columns { begin() }
    }
  }

  /// The rows that one becomes when it has to fit into fewer columns.
  private static func broken(_ row: [Int], to columns: Int) -> (rows: Int, column: Int) {
    row.reduce(into: (rows: 1, column: 0)) { place, width in
      if place.column + width > columns, place.column > 0 { place = (place.rows + 1, 0) }
      place.column += width
    }
  }

  /// The rows that a text takes that begins at the left and has no line feed.
  package static func rows(ofColumns columns: Int, in size: Size) -> Int {
    max(1, (columns + size.columns - 1) / size.columns)
  }
}
