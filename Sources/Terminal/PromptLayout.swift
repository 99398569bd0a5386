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
    var column = promptWidth % size.columns
    var row = promptWidth / size.columns
    func advance(by width: Int) {
      // A wide character is never cut: it goes to the next row.
      if width > 1, column + width > size.columns {
        column = 0
        row += 1
      }
      column += width
      if column >= size.columns {
        column = 0
        row += 1
      }
    }
    func put(_ scalar: UInt32) {
      switch scalar {
      case 10:
        column = 0
        row += 1
      case 9: repeat { advance(by: 1) } while column & 7 != 0
      // Written out, ^X or \U+XXXX, and that may be cut.
      case 0...0x1F, 0x7F...0x9F: for _ in 0..<width(scalar) { advance(by: 1) }
      default:
        let width = width(scalar)
        if width > 2 { for _ in 0..<width { advance(by: 1) } } else { advance(by: width) }
      }
    }
    for scalar in scalars[..<cursor] { put(scalar) }
    if cursor < scalars.count {
      let width = width(scalars[cursor])
      if width == 2, scalars[cursor] > 0x9F, column + width > size.columns { row += 1 }
    }
    return min(row, max(0, size.rows - 1))
  }

  /// The rows that a text takes that begins at the left and has no line feed.
  package static func rows(ofColumns columns: Int, in size: Size) -> Int {
    max(1, (columns + size.columns - 1) / size.columns)
  }
}
