import Glibc
import LinuxIO
import SystemPackage
import Testing

@Suite("UnixStream: descriptors")
struct UnixStreamDescriptorsTests {
    /// What one receive brought, with the descriptors as inodes; they are closed.
    struct Message: Equatable {
        var received: Received
        var inodes: [UInt64?]
        var isTruncated: Bool
    }

    func receive(
        from stream: borrowing UnixStream, upTo byteCount: Int = 64, into list: inout DescriptorList
    ) throws -> (received: Received, isTruncated: Bool) {
        var bytes = [UInt8](repeating: 0, count: byteCount)
        let (outcome, isTruncated) = try unsafe bytes.withUnsafeMutableBytes {
            try unsafe stream.receive(into: $0, descriptors: &list)
        }
        guard case .bytes(let count) = outcome else { return (Received(outcome: outcome, bytes: []), isTruncated) }
        return (Received(outcome: outcome, bytes: Array(bytes.prefix(count))), isTruncated)
    }

    func receive(from stream: borrowing UnixStream) throws -> Message {
        var list = DescriptorList()
        let (received, isTruncated) = try receive(from: stream, into: &list)
        var inodes: [UInt64?] = []
        while let descriptor = list.takeFirst() {
            #expect(fcntl(descriptor.rawValue, F_GETFD) == FD_CLOEXEC)
            inodes.append(inode(of: descriptor.rawValue))
        }
        return Message(received: received, inodes: inodes, isTruncated: isTruncated)
    }

    @Test(arguments: [0, 1, 2, 7, 8, 31, 32])
    func allArriveInOrder(count: Int) throws {
        let pair = try UnixStream.pair()
        var files = DescriptorList()
        var numbers: [Int32] = []
        for index in 0..<count {
            let file = try OwnedFileDescriptor.memory(named: "\(index)", byteCount: 0)
            numbers.append(file.rawValue)
            files.append(file)
        }
        let sent = try pair.first.send([1, 2, 3], descriptors: numbers)
        let message = try receive(from: pair.second)
        #expect(sent == .bytes(3))
        #expect(message.received == Received(outcome: .bytes(3), bytes: [1, 2, 3]))
        #expect(message.inodes == numbers.map { inode(of: $0) })
        #expect(!message.isTruncated)
        files.closeAll()
    }

    @Test(arguments: [33, 34, 253])
    func whatIsBeyondTheCapacityIsReportedAndClosed(count: Int) throws {
        var detector = try LeakDetector()
        let pair = try UnixStream.pair()
        let observed = inode(of: detector.number)
        let sent = try pair.first.send([1], descriptors: Array(repeating: detector.number, count: count))
        let message = try receive(from: pair.second)
        #expect(sent == .bytes(1))
        #expect(message.received.bytes == [1])
        #expect(message.inodes == Array(repeating: observed, count: 32))
        #expect(message.isTruncated)
        #expect(try detector.everyCopyIsClosed())
    }

    /// An odd number of free places: the padding of the control buffer would hold one more.
    @Test(arguments: [0, 1, 2, 3])
    func aListThatIsPartlyFullTakesWhatItHasRoomFor(room: Int) throws {
        var detector = try LeakDetector()
        let pair = try UnixStream.pair()
        var list = DescriptorList()
        for _ in 0..<(DescriptorList.capacity - room) {
            list.append(OwnedFileDescriptor(adopting: copy(of: detector.number)))
        }
        _ = try pair.first.send([1], descriptors: Array(repeating: detector.number, count: room + 1))
        let (received, isTruncated) = try receive(from: pair.second, into: &list)
        let count = list.count
        #expect(received.bytes == [1])
        #expect(count == DescriptorList.capacity)
        #expect(isTruncated)
        list.closeAll()
        #expect(try detector.everyCopyIsClosed())
    }

    @Test func theyTravelWithTheFirstByteWhenAMessageIsReadInPieces() throws {
        let pair = try UnixStream.pair()
        _ = try pair.first.send([1, 2, 3], descriptors: [pair.first.rawValue])
        var list = DescriptorList()
        let first = try receive(from: pair.second, upTo: 1, into: &list)
        let afterFirst = list.count
        let second = try receive(from: pair.second, upTo: 9, into: &list)
        let afterSecond = list.count
        #expect(first.received.bytes == [1])
        #expect(afterFirst == 1)
        #expect(second.received.bytes == [2, 3])
        #expect(afterSecond == 1)
    }

    @Test func thoseOfTwoMessagesAreNotMixed() throws {
        let pair = try UnixStream.pair()
        let one = try OwnedFileDescriptor.memory(named: "one", byteCount: 0)
        let two = try OwnedFileDescriptor.memory(named: "two", byteCount: 0)
        _ = try pair.first.send([1], descriptors: [one.rawValue])
        _ = try pair.first.send([2], descriptors: [two.rawValue])
        let (first, second) = (try receive(from: pair.second), try receive(from: pair.second))
        #expect(first.received.bytes == [1])
        #expect(first.inodes == [inode(of: one.rawValue)])
        #expect(second.received.bytes == [2])
        #expect(second.inodes == [inode(of: two.rawValue)])
    }

    @Test func aReceiverThatWantsNoneGetsNone() throws {
        var detector = try LeakDetector()
        let pair = try UnixStream.pair()
        _ = try pair.first.send([5], descriptors: [detector.number])
        let received = try pair.second.receive(upTo: 4)
        #expect(received.bytes == [5])
        #expect(try detector.everyCopyIsClosed())
    }

    @Test func ordinaryOutcomesComeWithoutDescriptors() throws {
        let pair = try UnixStream.pair()
        let nothing = try receive(from: pair.second)
        try pair.first.shutdownSend()
        let end = try receive(from: pair.second)
        #expect(nothing == Message(received: Received(outcome: .wouldBlock, bytes: []), inodes: [], isTruncated: false))
        #expect(end == Message(received: Received(outcome: .endOfFile, bytes: []), inodes: [], isTruncated: false))
    }

    @Test func mistakesAreErrorsAndSendNothing() throws {
        let pair = try UnixStream.pair()
        #expect(throws: SystemError(call: "sendmsg", errno: .invalidArgument), "no byte to travel with") {
            try pair.first.send([], descriptors: [pair.first.rawValue])
        }
        #expect(throws: SystemError(call: "sendmsg", errno: .invalidArgument), "more than the kernel takes") {
            try pair.first.send([1], descriptors: Array(repeating: pair.first.rawValue, count: 254))
        }
        #expect(throws: SystemError(call: "sendmsg", errno: .badFileDescriptor)) {
            try pair.first.send([1], descriptors: [.max])
        }
        let nothing = try receive(from: pair.second)
        #expect(nothing.received.outcome == .wouldBlock)
    }

    @Test func aFullSocketTakesNoDescriptors() throws {
        var detector = try LeakDetector()
        let pair = try UnixStream.pair()
        try pair.first.setSendBuffer(byteCount: 4096)
        _ = try pair.first.fill()
        let sent = try pair.first.send([1], descriptors: [detector.number])
        #expect(sent == .wouldBlock)
        #expect(try detector.everyCopyIsClosed())
    }
}
