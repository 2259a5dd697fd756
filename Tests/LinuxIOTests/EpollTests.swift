import Glibc
import LinuxIO
import SystemPackage
import Testing

@Suite("Epoll")
struct EpollTests {
    let token = EventToken(kind: 7, index: 300, generation: 4_000_000_000)

    /// What one look, without waiting, brings.
    func look(at epoll: borrowing Epoll, capacity: Int = 8) throws -> [Epoll.Event] {
        var buffer = Epoll.EventBuffer(capacity: capacity)
        try epoll.wait(into: &buffer, timeoutMilliseconds: 0)
        return (0..<buffer.count).map { buffer[$0] }
    }

    @Test func nothingReadyIsCountZero() throws {
        let epoll = try Epoll()
        let event = try EventFileDescriptor()
        try epoll.add(event.rawValue, interest: .readable, token: token)
        let events = try look(at: epoll)
        #expect(events == [])
    }

    @Test func tokenComesBackWithEveryEventUntilTheCauseIsGone() throws {
        let epoll = try Epoll()
        let event = try EventFileDescriptor()
        try epoll.add(event.rawValue, interest: .readable, token: token)
        try event.signal()
        let (first, second) = (try look(at: epoll), try look(at: epoll))
        #expect(first.map(\.token) == [token])
        #expect(first.map(\.readiness) == [.readable])
        #expect(second == first, "level-triggered")
        _ = try event.drain()
        let third = try look(at: epoll)
        #expect(third == [])
    }

    @Test func modifyChangesInterestAndToken() throws {
        let epoll = try Epoll()
        let pair = try UnixStream.pair()
        try epoll.add(pair.first.rawValue, interest: .readable, token: token)
        let other = EventToken(kind: 1, index: 1, generation: 1)
        try epoll.modify(pair.first.rawValue, interest: [.readable, .writable], token: other)
        let events = try look(at: epoll)
        #expect(events.map(\.token) == [other])
        #expect(events.map(\.readiness) == [.writable])
    }

    @Test func removedIsSilent() throws {
        let epoll = try Epoll()
        let event = try EventFileDescriptor()
        try event.signal()
        try epoll.add(event.rawValue, interest: .readable, token: token)
        try epoll.remove(event.rawValue)
        let events = try look(at: epoll)
        #expect(events == [])
    }

    @Test func hangUpIsReportedWithoutAnyInterest() throws {
        let epoll = try Epoll()
        let pair = try UnixStream.pair()
        let first = pair.first
        pair.second.close(seenBy: first)
        try epoll.add(first.rawValue, interest: [], token: token)
        let events = try look(at: epoll)
        #expect(events.map(\.readiness) == [.hungUp])
    }

    @Test func halfCloseIsToldApartFromClose() throws {
        let epoll = try Epoll()
        let pair = try UnixStream.pair()
        try epoll.add(pair.first.rawValue, interest: .peerHalfClosed, token: token)
        try pair.second.shutdownSend()
        let events = try look(at: epoll)
        #expect(events.map(\.readiness) == [.peerHalfClosed])
    }

    @Test func aSmallBufferTakesTurns() throws {
        let epoll = try Epoll()
        let (one, two) = (EventToken(kind: 0, index: 1, generation: 0), EventToken(kind: 0, index: 2, generation: 0))
        let first = try EventFileDescriptor()
        let second = try EventFileDescriptor()
        try epoll.add(first.rawValue, interest: .readable, token: one)
        try epoll.add(second.rawValue, interest: .readable, token: two)
        try first.signal()
        try second.signal()
        let events = try look(at: epoll, capacity: 1) + look(at: epoll, capacity: 1)
        #expect(Set(events.map(\.token)) == [one, two])
    }

    @Test func aBufferUsedAgainForgetsWhatWasInIt() throws {
        let epoll = try Epoll()
        let event = try EventFileDescriptor()
        try epoll.add(event.rawValue, interest: .readable, token: token)
        try event.signal()
        var buffer = Epoll.EventBuffer(capacity: 4)
        try epoll.wait(into: &buffer, timeoutMilliseconds: -1)
        let before = buffer.count
        _ = try event.drain()
        try epoll.wait(into: &buffer, timeoutMilliseconds: 0)
        let after = buffer.count
        #expect(before == 1)
        #expect(after == 0)
    }

    @Test func mistakesAreNamed() throws {
        let epoll = try Epoll()
        let event = try EventFileDescriptor()
        let file = try OwnedFileDescriptor.memory(named: "no waiting for files", byteCount: 0)
        #expect(throws: SystemError(call: "epoll_ctl(EPOLL_CTL_DEL)", errno: .noSuchFileOrDirectory)) {
            try epoll.remove(event.rawValue)
        }
        #expect(throws: SystemError(call: "epoll_ctl(EPOLL_CTL_MOD)", errno: .noSuchFileOrDirectory)) {
            try epoll.modify(event.rawValue, interest: [], token: token)
        }
        #expect(throws: SystemError(call: "epoll_ctl(EPOLL_CTL_ADD)", errno: .notPermitted)) {
            try epoll.add(file.rawValue, interest: .readable, token: token)
        }
        try epoll.add(event.rawValue, interest: [], token: token)
        #expect(throws: SystemError(call: "epoll_ctl(EPOLL_CTL_ADD)", errno: .fileExists)) {
            try epoll.add(event.rawValue, interest: [], token: token)
        }
    }
}
