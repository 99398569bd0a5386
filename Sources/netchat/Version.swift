import ChatCore

/// This program's version, as `--version` says it.
let version = Software.version
