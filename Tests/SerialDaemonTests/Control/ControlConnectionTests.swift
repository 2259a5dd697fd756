import ControlProtocol
import Glibc
import LinuxIO
import SystemPackage
import Testing

@testable import SerialDaemon

@Suite("ControlConnection")
struct ControlConnectionTests {
    /// A connection, and the program at its other end.
    private func pair() throws -> (connection: ControlConnection, client: HostClient, directory: TemporaryDirectory) {
        let directory = try TemporaryDirectory()
        let address = UnixAddress.path(directory.path + "/control")
        let listener = try UnixListener.bind(to: address, mode: 0o600)
        let client = try HostClient(connectingTo: address)
        guard let stream = try listener.accept() else { throw SystemError(call: "accept", errno: .wouldBlock) }
        let peer = try stream.peerCredentials()
        return (ControlConnection(stream, number: 1, peer: peer, mayChange: true), client, directory)
    }

    @Test("one answer may be longer than what may wait; what comes behind it may not")
    func longAnswer() throws {
        let (connection, client, _) = try pair()
        let line = [UInt8](repeating: UInt8(ascii: "x"), count: 3 * ControlConnection.maximumUnsentByteCount)
        connection.send(line)
        #expect(connection.end == nil)
        var received: [UInt8] = []
        while client.unreadByteCount > 0 {
            received += client.receive()
            connection.flush()
        }
        expectEqual(received, line + Array("\r\n".utf8))
        connection.send(line)
        connection.send([])
        #expect(connection.end == .readsTooSlowly)
    }

    @Test("room that came since the last line is used before the next one is judged")
    func roomThatCame() throws {
        let (connection, client, _) = try pair()
        // The socket takes some 200 KiB of it: more than the bound waits until the program has read those.
        let bound = ControlConnection.maximumUnsentByteCount
        connection.send([UInt8](repeating: UInt8(ascii: "x"), count: bound + 300_000))
        #expect(connection.unsentByteCount > bound)
        #expect(!client.receive().isEmpty)
        connection.send([])
        #expect(connection.end == nil)
    }

    @Test("one that sends no more is waited for until it has read, and no longer")
    func halfClosed() throws {
        let (connection, client, _) = try pair()
        connection.send([UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20))
        client.endSending()
        connection.receive()
        #expect(connection.end == .peerClosed)
        #expect(!connection.isOver)
        #expect(connection.interest == .writable)
        while client.unreadByteCount > 0 {
            _ = client.receive()
            connection.flush()
        }
        #expect(connection.isOver)
    }

    @Test("one that has gone is not waited for, whatever was to be sent to it")
    func gone() throws {
        let (connection, client, _) = try pair()
        connection.send([UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20))
        client.send(Array("{}".utf8))
        client.close()
        connection.flush()
        #expect(connection.unsentByteCount == 0)
        #expect(connection.end == nil)
        connection.receive()
        #expect(connection.nextRequest() == .object(Array("{}".utf8)), "what it has sent is still looked at")
        connection.receive()
        #expect(connection.isOver)
    }
}
