import Glibc
import LinuxIO
import SystemPackage
import Testing

@Suite("UnixStream")
struct UnixStreamTests {
    @Test func gathersFromAndScattersOverSegments() throws {
        let pair = try UnixStream.pair()
        var source = Array("abcdefghij".utf8)
        let sent = try unsafe source.withUnsafeMutableBytes { bytes in
            let vectors = unsafe [
                iovec(iov_base: bytes.baseAddress, iov_len: 3), iovec(iov_base: nil, iov_len: 0),
                iovec(iov_base: bytes.baseAddress.map { unsafe $0 + 5 }, iov_len: 5),
            ]
            return try unsafe vectors.withUnsafeBufferPointer { try unsafe pair.first.send($0) }
        }
        #expect(sent == .bytes(8))

        var target = [UInt8](repeating: UInt8(ascii: "."), count: 12)
        let received = try unsafe target.withUnsafeMutableBytes { bytes in
            let vectors = unsafe [
                iovec(iov_base: bytes.baseAddress, iov_len: 2),
                iovec(iov_base: bytes.baseAddress.map { unsafe $0 + 4 }, iov_len: 8),
            ]
            return try unsafe vectors.withUnsafeBufferPointer { try unsafe pair.second.receive(into: $0) }
        }
        #expect(received == .bytes(8))
        #expect(String(decoding: target, as: UTF8.self) == "ab..cfghij..")
    }

    @Test func aPieceSmallerThanTheMessageLeavesTheRest() throws {
        let pair = try UnixStream.pair()
        _ = try pair.first.send([1, 2, 3, 4, 5])
        let unread = try pair.second.unreadByteCount()
        let first = try pair.second.receive(upTo: 2)
        let left = try pair.second.unreadByteCount()
        let second = try pair.second.receive(upTo: 9)
        #expect(unread == 5)
        #expect(first == Received(outcome: .bytes(2), bytes: [1, 2]))
        #expect(left == 3)
        #expect(second == Received(outcome: .bytes(3), bytes: [3, 4, 5]))
    }

    @Test func nothingToReceiveWouldBlockThoughTheSocketIsBlocking() throws {
        let pair = try UnixStream.pair()
        #expect(fcntl(pair.first.rawValue, F_GETFL) & O_NONBLOCK == 0)
        let received = try pair.first.receive(upTo: 1)
        #expect(received.outcome == .wouldBlock)
    }

    @Test func aFullBufferTakesPartThenWouldBlockThenGoesOn() throws {
        let pair = try UnixStream.pair()
        try pair.first.setSendBuffer(byteCount: 4096)
        let large = [UInt8](repeating: 1, count: 1 << 20)
        guard case .bytes(let count) = try pair.first.send(large) else {
            Issue.record("nothing was sent")
            return
        }
        let second = try pair.first.send(large)
        #expect(count > 0 && count < large.count)
        #expect(second == .wouldBlock)
        let received = try pair.second.receive(upTo: large.count)
        #expect(received.outcome == .bytes(count))
        guard case .bytes = try pair.first.send([2]) else {
            Issue.record("room was made, yet nothing was sent")
            return
        }
    }

    @Test func halfCloseEndsOneDirectionOnly() throws {
        let pair = try UnixStream.pair()
        _ = try pair.first.send([1])
        try pair.first.shutdownSend()
        let last = try pair.second.receive(upTo: 8)
        let end = try pair.second.receive(upTo: 8)
        let back = try pair.second.send([2, 3])
        let received = try pair.first.receive(upTo: 8)
        #expect(last.bytes == [1])
        #expect(end.outcome == .endOfFile)
        #expect(back == .bytes(2))
        #expect(received.bytes == [2, 3])
    }

    @Test func closeAfterReadingEverythingIsEndOfFileAfterTheData() throws {
        let pair = try UnixStream.pair()
        let first = pair.first
        let second = pair.second
        _ = try second.send([1, 2])
        second.close(seenBy: first)
        let data = try first.receive(upTo: 8)
        let end = try first.receive(upTo: 8)
        #expect(data.bytes == [1, 2])
        #expect(end.outcome == .endOfFile)
    }

    @Test func closeWithOurBytesUnreadIsResetAfterTheData() throws {
        let pair = try UnixStream.pair()
        let first = pair.first
        _ = try first.send([9])
        let second = pair.second
        _ = try second.send([1, 2])
        second.close(seenBy: first)
        let data = try first.receive(upTo: 8)
        let end = try first.receive(upTo: 8)
        #expect(data.bytes == [1, 2])
        #expect(end.outcome == .reset)
    }

    @Test func sendingToAPeerThatIsGoneIsResetAndNoSignal() throws {
        let pair = try UnixStream.pair()
        let first = pair.first
        pair.second.close(seenBy: first)
        let plain = try first.send([1])
        let withDescriptor = try first.send([1], descriptors: [0])
        #expect(plain == .reset)
        #expect(withDescriptor == .reset)
    }

    @Test func shutdownReceiveIsResetForThePeerAndKeepsWhatItSent() throws {
        let pair = try UnixStream.pair()
        _ = try pair.first.send([1])
        try pair.second.shutdownReceive()
        let sent = try pair.first.send([2])
        let data = try pair.second.receive(upTo: 8)
        let end = try pair.second.receive(upTo: 8)
        #expect(sent == .reset)
        #expect(data.bytes == [1])
        #expect(end.outcome == .endOfFile)
    }

    /// A guest may offer buffers of no bytes.
    @Test func noRoomIsNotTheEndOfTheFile() throws {
        let pair = try UnixStream.pair()
        _ = try pair.first.send([1])
        let vectors = unsafe [iovec(iov_base: nil, iov_len: 0)]
        let scattered = try unsafe vectors.withUnsafeBufferPointer { try unsafe pair.second.receive(into: $0) }
        let empty = try pair.second.receive(upTo: 0)
        var list = DescriptorList()
        let none = unsafe UnsafeMutableRawBufferPointer(start: nil, count: 0)
        let withList = try unsafe pair.second.receive(into: none, descriptors: &list).outcome
        #expect(scattered == .bytes(0))
        #expect(empty.outcome == .bytes(0))
        #expect(withList == .bytes(0))
    }

    @Test func tooManySegmentsIsAnError() throws {
        let pair = try UnixStream.pair()
        let vectors = unsafe [iovec](repeating: iovec(iov_base: nil, iov_len: 0), count: 1025)
        #expect(throws: SystemError(call: "sendmsg", errno: .messageTooLong)) {
            try unsafe vectors.withUnsafeBufferPointer { try unsafe pair.first.send($0) }
        }
    }

    @Test func memoryThatWentAwayIsAnErrorAndNoSignal() throws {
        let pair = try UnixStream.pair()
        let file = try OwnedFileDescriptor.memory(named: "guest", byteCount: 4096)
        let memory = try MappedMemory(mapping: file, offset: 0, byteCount: 4096)
        try file.resize(toByteCount: 0)
        let vectors = unsafe [iovec(iov_base: memory.base, iov_len: memory.byteCount)]
        #expect(throws: SystemError(call: "sendmsg", errno: .badAddress)) {
            try unsafe vectors.withUnsafeBufferPointer { try unsafe pair.first.send($0) }
        }
        _ = try pair.first.send([1])
        #expect(throws: SystemError(call: "recvmsg", errno: .badAddress)) {
            try unsafe vectors.withUnsafeBufferPointer { try unsafe pair.second.receive(into: $0) }
        }
        let isGone = memory.isGone
        #expect(!isGone, "only the guard tells, and a system call does not go through it")
    }
}
