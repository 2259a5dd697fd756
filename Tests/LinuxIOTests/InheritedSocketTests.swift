import Glibc
import LinuxIO
import SystemPackage
import Testing

@Suite("InheritedSocket")
struct InheritedSocketTests {
    @Test func listeningIsToldFromConnected() throws {
        let directory = try TemporaryDirectory()
        let listener = try UnixListener.bind(to: .path("\(directory.path)/socket"), mode: 0o600)
        let pair = try UnixStream.pair()
        #expect(try InheritedSocket.isListening(listener.rawValue))
        #expect(try !InheritedSocket.isListening(pair.first.rawValue))
    }

    @Test func whatIsNoUnixStreamSocketIsRefused() throws {
        let file = try OwnedFileDescriptor.memory(named: "file", byteCount: 0)
        let internet = OwnedFileDescriptor(adopting: socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
        let datagram = OwnedFileDescriptor(adopting: socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0))
        #expect(throws: SystemError(call: "getsockopt(SO_DOMAIN)", errno: .badFileDescriptor)) {
            try InheritedSocket.isListening(.max)
        }
        #expect(throws: SystemError(call: "getsockopt(SO_DOMAIN)", errno: .notSocket)) {
            try InheritedSocket.isListening(file.rawValue)
        }
        #expect(throws: SystemError(call: "getsockopt(SO_DOMAIN)", errno: .addressFamilyNotSupported)) {
            try InheritedSocket.isListening(internet.rawValue)
        }
        #expect(throws: SystemError(call: "getsockopt(SO_TYPE)", errno: .protocolWrongTypeForSocket)) {
            try InheritedSocket.isListening(datagram.rawValue)
        }
    }
}
