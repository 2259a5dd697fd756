import Glibc
import LinuxIO
import SystemPackage
import Testing

@Suite("UnixStream: connection")
struct UnixStreamConnectionTests {
    @Test func bothEndsOfAPairAreClosedOnExec() throws {
        let pair = try UnixStream.pair()
        #expect(fcntl(pair.first.rawValue, F_GETFD) == FD_CLOEXEC)
        #expect(fcntl(pair.second.rawValue, F_GETFD) == FD_CLOEXEC)
    }

    @Test func peerCredentialsAreOurs() throws {
        let pair = try UnixStream.pair()
        let credentials = try pair.first.peerCredentials()
        #expect(credentials.processIdentifier == getpid())
        #expect(credentials.userIdentifier == geteuid())
        #expect(credentials.groupIdentifier == getegid())
    }

    @Test func connectingToNothingNamesTheReason() throws {
        let directory = try TemporaryDirectory()
        let address = UnixAddress.path("\(directory.path)/nobody")
        #expect(throws: SystemError(call: "connect", errno: .noSuchFileOrDirectory)) {
            _ = try UnixStream.connect(to: address)
        }
    }

    @Test func takeDescriptorKeepsTheConnection() throws {
        let pair = try UnixStream.pair()
        let first = pair.first
        let again = UnixStream(adopting: first.takeDescriptor())
        _ = try again.send([7])
        let received = try pair.second.receive(upTo: 1)
        #expect(received.bytes == [7])
    }
}
