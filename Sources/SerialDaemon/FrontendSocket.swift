package import LinuxIO

/// The open socket of a ``FrontendSource``.
package enum FrontendSocket: ~Copyable, Sendable {
    /// Front-ends come and go.
    case listener(UnixListener)
    /// One front-end, already there; nobody comes after it.
    case connection(UnixStream)
}
