import Glibc
public import SystemPackage

/// A system call that failed for a reason of the host: which call, and why.
///
/// What a peer does in the ordinary course of things (nothing to read, end of file, reset) is a value of ``IOOutcome``
/// and never this error.
public struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The C name of the call, for instance `recvmsg`, with the option in brackets where one call has many:
    /// `getsockopt(SO_PEERCRED)`.
    public let call: String

    /// What the call left in `errno`.
    public let errno: Errno

    /// Describes a failed call.
    ///
    /// - Parameters:
    ///   - call: the C name of the call. Pass a literal: no allocation then.
    ///   - errno: its error number.
    public init(call: String, errno: Errno) {
        self.call = call
        self.errno = errno
    }

    /// For instance `bind: Permission denied`.
    public var description: String { "\(call): \(errno)" }
}

/// Runs one system call, again for as long as a signal interrupts it, and reads `errno` before anything can change it.
///
/// The only place of this module that knows about `EINTR`. Two calls stay outside: `close(2)`, which must not be
/// repeated on Linux because the descriptor is gone even so, and `epoll_wait(2)`, which gives its caller the chance to
/// look around.
@inline(__always)
func retryingOnInterrupt<Value: SignedInteger>(_ call: () -> Value) -> Result<Value, Errno> {
    while true {
        let value = call()
        guard value == -1 else { return .success(value) }
        let code = Errno(rawValue: Glibc.errno)
        guard code == .interrupted else { return .failure(code) }
    }
}

/// Runs one system call by the rule of ``retryingOnInterrupt(_:)`` for which every other failure is an error.
///
/// - Parameters:
///   - name: what ``SystemError/call`` is to say.
///   - call: the call and nothing else; -1 is failure.
/// - Returns: what the call returned.
/// - Throws: ``SystemError``.
@inline(__always)
@discardableResult
func systemCall<Value: SignedInteger>(_ name: String, _ call: () -> Value) throws(SystemError) -> Value {
    switch retryingOnInterrupt(call) {
    case .success(let value): return value
    case .failure(let errno): throw SystemError(call: name, errno: errno)
    }
}
