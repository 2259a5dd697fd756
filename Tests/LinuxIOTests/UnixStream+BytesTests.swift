import LinuxIO
import Testing

@Suite struct UnixStreamBytesTests {
    @Test("what is received is appended, no more than was asked for, and nothing else")
    func append() throws {
        let pair = try UnixStream.pair()
        let sent: [UInt8] = Array(1...10)
        #expect(try unsafe pair.first.send(sent.span.bytes) == .bytes(10))
        var bytes: [UInt8] = [0]
        #expect(try pair.second.receive(appendingTo: &bytes, atMost: 4) == .bytes(4))
        #expect(bytes == [0, 1, 2, 3, 4])
        #expect(try pair.second.receive(appendingTo: &bytes, atMost: 100) == .bytes(6))
        #expect(bytes == Array(0...10))
        #expect(try pair.second.receive(appendingTo: &bytes, atMost: 100) == .wouldBlock)
        try pair.first.shutdownSend()
        #expect(try pair.second.receive(appendingTo: &bytes, atMost: 100) == .endOfFile)
        #expect(bytes == Array(0...10))
    }
}
