import Glibc
import LinuxIO
import SystemPackage
import Testing

@Suite("EventFileDescriptor")
struct EventFileDescriptorTests {
    @Test func manySignalsAreOneEvent() throws {
        let event = try EventFileDescriptor()
        try event.signal()
        try event.signal()
        let (first, second) = (try event.drain(), try event.drain())
        #expect(first)
        #expect(!second)
    }

    @Test func signalAtAFullCounterSucceedsAndLeavesItPending() throws {
        let event = try EventFileDescriptor()
        var full: UInt64 = .max - 1  // eventfd(2): the largest value
        #expect(unsafe write(event.rawValue, &full, 8) == 8)
        try event.signal()
        let drained = try event.drain()
        #expect(drained)
    }

    @Test func adoptedSharesTheCounterAndNeverBlocks() throws {
        let frontend = try EventFileDescriptor()
        let flags = fcntl(frontend.rawValue, F_GETFL)
        #expect(fcntl(frontend.rawValue, F_SETFL, flags & ~O_NONBLOCK) == 0)
        let adopted = try EventFileDescriptor(adopting: OwnedFileDescriptor(adopting: copy(of: frontend.rawValue)))
        let first = try adopted.drain()
        #expect(!first, "would wait for ever on a blocking descriptor")
        try frontend.signal()
        let second = try adopted.drain()
        #expect(second)
    }

    /// A back-end that writes to such a descriptor would be ended by SIGPIPE.
    @Test func whatIsNoEventDescriptorIsRefusedAndClosed() throws {
        var detector = try LeakDetector()
        let copy = copy(of: detector.number)
        #expect(throws: SystemError(call: "fstat", errno: .invalidArgument)) {
            _ = try EventFileDescriptor(adopting: OwnedFileDescriptor(adopting: copy))
        }
        #expect(try detector.everyCopyIsClosed())
        #expect(throws: SystemError(call: "fstat", errno: .invalidArgument)) {
            _ = try EventFileDescriptor(adopting: OwnedFileDescriptor.memory(named: "file", byteCount: 8))
        }
    }

    @Test func anotherKindOfAnonymousInodeFails() throws {
        // A timer can be told from an eventfd only by trying: it cannot be written to.
        let timer = try TimerFileDescriptor()
        let event = try EventFileDescriptor(adopting: OwnedFileDescriptor(adopting: copy(of: timer.rawValue)))
        #expect(throws: SystemError(call: "write", errno: .invalidArgument)) { try event.signal() }
    }
}
