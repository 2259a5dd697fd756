import CLinux
import Glibc
import SystemPackage

/// A UNIX stream socket that others connect to; closed on `exec`, never waits.
public struct UnixListener: ~Copyable, Sendable {
    private let descriptor: OwnedFileDescriptor

    /// Where it listens when it was bound here; `nil` when it was inherited: its address belongs to whoever made it.
    public let address: UnixAddress?

    /// The file that `bind(2)` made, for whoever has to remove it before this value goes away; `nil` for abstract and
    /// inherited sockets.
    public let boundFile: BoundFile?

    init(_ descriptor: consuming OwnedFileDescriptor, address: UnixAddress, boundFile: BoundFile?) {
        self.descriptor = descriptor
        self.address = address
        self.boundFile = boundFile
    }

    /// Takes over a socket on which another program called `listen(2)`; makes it non-blocking and closed on `exec`.
    ///
    /// - Parameter descriptor: takes ownership and closes it, on failure too.
    /// - Throws: ``UnixListenerError``, at the fault of whoever passed it: `notListening`, or `host` as
    ///   ``InheritedSocket/isListening(_:)`` says.
    public init(adopting descriptor: consuming OwnedFileDescriptor) throws(UnixListenerError) {
        let number = descriptor.rawValue
        let isListening: Bool
        do throws(SystemError) {
            isListening = try InheritedSocket.isListening(number)
            try descriptor.setNonBlocking()
            try descriptor.setCloseOnExec()
        } catch {
            throw .host(error)
        }
        guard isListening else { throw .notListening(descriptor: number) }
        self.descriptor = descriptor
        address = nil
        boundFile = nil
    }

    /// The number, for ``Epoll``; borrowed.
    public var rawValue: Int32 { descriptor.rawValue }

    /// Takes the next connection. The corresponding C function is `accept4(2)`.
    ///
    /// - Returns: the connection, closed on `exec`; `nil` when none waits, or the one that waited is gone again.
    /// - Throws: ``SystemError``; `EMFILE` and `ENFILE` when there is no descriptor left: the connection keeps waiting,
    ///   and the listener stays readable.
    public func accept() throws(SystemError) -> UnixStream? {
        switch retryingOnInterrupt({ clinux_accept(rawValue) }) {
        case .success(let number): return UnixStream(adopting: OwnedFileDescriptor(adopting: number))
        case .failure(.wouldBlock), .failure(.connectionAbort): return nil
        case .failure(let errno): throw SystemError(call: "accept4", errno: errno)
        }
    }
}
