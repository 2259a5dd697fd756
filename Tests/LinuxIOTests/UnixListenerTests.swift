import Glibc
import LinuxIO
import SystemPackage
import Testing

@Suite("UnixListener")
struct UnixListenerTests {
    @Test func acceptsConnectionsInOrderAndThenHasNone() throws {
        let directory = try TemporaryDirectory()
        let address = UnixAddress.path("\(directory.path)/socket")
        let listener = try UnixListener.bind(to: address, mode: 0o600)
        let none = try listener.accept() == nil
        #expect(none)

        let client = try UnixStream.connect(to: address)
        _ = try client.send([1])
        guard let server = try listener.accept() else {
            Issue.record("a connection waits")
            return
        }
        let received = try server.receive(upTo: 8)
        #expect(received.bytes == [1])
        #expect(fcntl(server.rawValue, F_GETFD) == FD_CLOEXEC)
        #expect(fcntl(server.rawValue, F_GETFL) & O_NONBLOCK != 0)
        let credentials = try server.peerCredentials()
        #expect(credentials.processIdentifier == getpid())
    }

    @Test func adoptsASocketThatListens() throws {
        let directory = try TemporaryDirectory()
        let address = UnixAddress.path("\(directory.path)/socket")
        let original = try UnixListener.bind(to: address, mode: 0o600)
        // As another program would have made it: inherited and blocking.
        let number = dup(original.rawValue)
        #expect(fcntl(number, F_SETFL, fcntl(number, F_GETFL) & ~O_NONBLOCK) == 0)
        let adopted = try UnixListener(adopting: OwnedFileDescriptor(adopting: number))
        #expect(fcntl(adopted.rawValue, F_GETFD) == FD_CLOEXEC)
        let none = try adopted.accept() == nil
        #expect(none, "would wait for ever on a blocking socket")
        _ = try UnixStream.connect(to: address)
        let some = try adopted.accept() != nil
        #expect(some)
        let hasNoAddress = adopted.address == nil
        #expect(hasNoAddress)

        #expect(adopted.boundFile == nil, "not ours to remove")
    }

    @Test func refusesToAdoptAnythingElse() throws {
        let pair = try UnixStream.pair()
        let number = copy(of: pair.first.rawValue)
        #expect(throws: UnixListenerError.notListening(descriptor: number)) {
            _ = try UnixListener(adopting: OwnedFileDescriptor(adopting: number))
        }
        #expect(throws: UnixListenerError.host(SystemError(call: "getsockopt(SO_DOMAIN)", errno: .notSocket))) {
            _ = try UnixListener(adopting: OwnedFileDescriptor.memory(named: "file", byteCount: 0))
        }
    }
}
