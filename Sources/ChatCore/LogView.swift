/// How far one worker lets its connections read a log.
///
/// Private messages reach another worker's connections beside the log, and belong to places in it. What
/// is read must therefore end where all of them are known: a worker looks how far the log goes, then takes
/// what it was handed, and only then sends. Only its own thread may touch it.
package final class LogView: @unchecked Sendable {
  let publication: LogPublication
  /// Nil where nobody hands anything over: all that is published is read.
  fileprivate var bound: LogPosition?

  init(_ publication: LogPublication, bound: LogPosition? = nil) {
    self.publication = publication
    self.bound = bound
  }

  /// The end of the bytes that may be read.
  @inline(__always)
  var end: LogPosition { bound ?? publication.end }
}

/// The logs that the connections of one worker read: the packets, and their other renderings.
package final class LogViews: @unchecked Sendable {
  private var views: [LogView] = []
  /// Whether one is new since the last ``refresh()``: what is to be read in it waits for that.
  package private(set) var hasNew = false

  package init() {}

  /// Nothing of a log that is new here is read before the next ``refresh()``.
  func view(of publication: LogPublication) -> LogView {
    if let view = views.first(where: { $0.publication === publication }) { return view }
    let view = LogView(publication, bound: 0)
    views.append(view)
    hasNew = true
    return view
  }

  /// Lets be read what is published by now, and says whether that is more than before. Call it before
  /// taking what was handed over.
  package func refresh() -> Bool {
    var isMore = false
    hasNew = false
    for index in views.indices.reversed() {
      // A rendering that nobody reads any more.
      if index > 0, isKnownUniquelyReferenced(&views[index]) {
        views.remove(at: index)
        continue
      }
      let end = views[index].publication.end
      if end != views[index].bound { isMore = true }
      views[index].bound = end
    }
    return isMore
  }
}
