import Glibc

/// Programs that the scripts bring along.
package enum ToolPath {
    /// A Python with the packages that the checks need; see `need_python` in scripts/lib.sh.
    package static let python: String = {
        // SAFETY: nobody calls setenv(3): the string stays where it is while it is copied.
        unsafe getenv("VHOST_USER_SERIAL_PYTHON").map { unsafe String(cString: $0) } ?? "python3"
    }()

    /// QEMU's own shell for its monitor, from the same place.
    package static let qmpShell = python.contains("/") ? python.dropLast("python".count) + "qmp-shell" : "qmp-shell"
}
