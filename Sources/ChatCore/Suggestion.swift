/// Finds what the user may have meant.
package enum Suggestion {
  /// The candidate nearest to what was typed, or nil if none is near.
  ///
  /// A candidate that begins with what was typed, three letters or more, is nearest; of several
  /// the shortest. Else at most a third of the letters may differ, or one; the first of equally
  /// near ones wins.
  package static func nearest(to typed: String, among candidates: [String]) -> String? {
    let typed = typed.lowercased()
    // No name is that long; the distance costs time in the product of both lengths.
    guard !typed.isEmpty, typed.utf8.count <= 64 else { return nil }
    if typed.count >= 3,
      let longer = candidates.filter({ $0.hasPrefix(typed) }).min(by: { $0.count < $1.count })
    {
      return longer
    }
    var best: (candidate: String, distance: Int)?
    for candidate in candidates {
      let distance = editDistance(typed, candidate)
      let allowed = min(max(1, typed.count / 3), candidate.count - 1)
      if distance <= allowed, distance < best?.distance ?? .max {
        best = (candidate, distance)
      }
    }
    return best?.candidate
  }

  /// How many letters must be put in, taken out, replaced or swapped with their neighbour to
  /// make one text of the other (optimal string alignment).
  package static func editDistance(_ first: String, _ second: String) -> Int {
    let a = Array(first)
    let b = Array(second)
    var beforePrevious: [Int] = []
    var previous = Array(0...b.count)
    for i in a.indices {
      var row = [i + 1]
      for j in b.indices {
        var cost = min(
          previous[j + 1] + 1, row[j] + 1, previous[j] + (a[i] == b[j] ? 0 : 1))
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
          cost = min(cost, beforePrevious[j - 1] + 1)
        }
        row.append(cost)
      }
      beforePrevious = previous
      previous = row
    }
    return previous[b.count]
  }
}
