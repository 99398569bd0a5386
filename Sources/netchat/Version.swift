/// The program's version, as `--version` and the `hello` packet tell it.
let version = "1.0.0"
