import Glibc
import LinuxIO
import Testing
import VirtioConsole
import VirtioTestSupport

@testable import SerialDaemon

/// A port bound to a terminal of its own.
@Suite("Endpoints: terminal")
struct TerminalEndpointTests {
    private static func opened() throws -> (fixture: DeviceLoopFixture, link: String) {
        let fixture = try DeviceLoopFixture([.port(endpoint: .terminal(link: "tty"))])
        try fixture.boot()
        try fixture.open(1)
        _ = fixture.takeControl()
        return (fixture, fixture.directory.path + "/tty")
    }

    /// Somebody opens the terminal. The loop has seen it.
    private static func open(_ link: String, _ fixture: DeviceLoopFixture) throws -> OpenFile {
        let terminal = try OpenFile(path: link, flags: O_RDWR)
        try fixture.settle()
        return terminal
    }

    @Test func whoeverOpensItIsTheClient() throws {
        let (fixture, link) = try Self.opened()
        #expect(!fixture.hasClient(1))
        let terminal = try Self.open(link, fixture)
        #expect(fixture.takeControl() == [.open(1, true)])
        #expect(isatty(terminal.rawValue) == 1)
        // Raw: not a byte is changed, echoed or waited for.
        let all = (0...255).map { UInt8($0) }
        try fixture.guest.write(all, port: 1)
        try fixture.settle()
        #expect(try TestFile.read(terminal) == all)
        try TestFile.write(all, to: terminal)
        // The kernel moves bytes between the two sides in its own time.
        var received: [UInt8] = []
        try fixture.settle {
            received += fixture.guest.read(port: 1)
            return received.count == all.count
        }
        #expect(received == all)
        #expect(try TestFile.read(terminal) == [], "no echo")
    }

    @Test func closingItIsLeaving_andTheNextOneIsAnotherClient() throws {
        let (fixture, link) = try Self.opened()
        do {
            let terminal = try Self.open(link, fixture)
            try TestFile.write(Array("last words".utf8), to: terminal)
        }
        try fixture.settle { !fixture.hasClient(1) }
        #expect(fixture.guest.read(port: 1) == Array("last words".utf8))
        #expect(fixture.takeControl() == [.open(1, true), .open(1, false)])
        #expect(!fixture.hasClient(1))
        #expect(!fixture.hasWork, "a hang-up lasts, and costs no turn")

        let terminal = try Self.open(link, fixture)
        #expect(fixture.takeControl() == [.open(1, true)])
        #expect(fixture.client(1)?.generation == 2)
        try fixture.guest.write(Array("welcome".utf8), port: 1)
        try fixture.settle()
        #expect(try TestFile.read(terminal) == Array("welcome".utf8))
    }

    /// `echo x > tty` is over before the loop looks.
    @Test func whoeverWroteAndWentIsHeard() throws {
        let (fixture, link) = try Self.opened()
        try TestFile.write(Array("echo".utf8), to: try OpenFile(path: link, flags: O_WRONLY))
        var received: [UInt8] = []
        try fixture.settle {
            received += fixture.guest.read(port: 1)
            return received.count == 4
        }
        #expect(received == Array("echo".utf8))
        try fixture.settle { !fixture.hasClient(1) }
        #expect(!fixture.hasWork)
    }

    /// The next one has it open, and no end of the one before is seen: what that one left is read, and then it is gone.
    @Test func oneWhoComesWhileBytesOfAnotherWaitIsServed() throws {
        let (fixture, link) = try Self.opened()
        try fixture.guest.sendOpen(1, false)
        do {
            let first = try Self.open(link, fixture)
            try TestFile.write(Array("first".utf8), to: first)
        }
        try fixture.settle { fixture.client(1)?.hasHungUp == true }
        let second = try Self.open(link, fixture)
        try fixture.guest.sendOpen(1)
        try fixture.settle { fixture.client(1)?.generation == 2 }
        #expect(fixture.guest.read(port: 1) == Array("first".utf8))
        try TestFile.write(Array("second".utf8), to: second)
        var received: [UInt8] = []
        try fixture.settle {
            received += fixture.guest.read(port: 1)
            return received.count == 6
        }
        #expect(received == Array("second".utf8))
    }

    @Test func whatIsGivenUpIsNotForTheNextOne() throws {
        let fixture = try DeviceLoopFixture([.port(lingerNanoseconds: 1_000_000, endpoint: .terminal(link: "tty"))])
        try fixture.boot()
        let link = fixture.directory.path + "/tty"
        do {
            let first = try Self.open(link, fixture)
            try TestFile.write(Array("given up".utf8), to: first)
        }
        try fixture.settle { fixture.counters(1).unreadBytes == 8 }
        let second = try Self.open(link, fixture)
        try fixture.open(1)
        try TestFile.write([7], to: second)
        var received: [UInt8] = []
        try fixture.settle {
            received += fixture.guest.read(port: 1)
            return !received.isEmpty
        }
        #expect(received == [7])
    }

    @Test func bytesOfNobodyStayInTheRing() throws {
        let (fixture, link) = try Self.opened()
        try fixture.guest.write(Array("early".utf8), port: 1)
        try fixture.settle()
        #expect(fixture.counters(1).toHostBytes == 0)
        let terminal = try Self.open(link, fixture)
        #expect(try TestFile.read(terminal) == Array("early".utf8))
    }

    @Test func aFullTerminalHoldsTheGuest() throws {
        let (fixture, link) = try Self.opened()
        let terminal = try Self.open(link, fixture)
        var sent: [UInt8] = []
        for _ in 0..<20 {
            let piece = pattern(4000)
            try fixture.guest.write(piece, port: 1)
            sent += piece
        }
        try fixture.settle()
        #expect(fixture.counters(1).toHostBytes < 80_000)
        var received: [UInt8] = []
        try fixture.settle {
            received += (try? TestFile.read(terminal)) ?? []
            return received.count == sent.count
        }
        #expect(received == sent)
    }

    @Test func theLinkIsMadeAnewAndRemovedAtTheEnd() throws {
        let (fixture, link) = try Self.opened()
        let file = try #require(fixture.files.first)
        // Of a daemon that died.
        let again = try BoundFile.link(at: link, to: "/dev/null")
        file.removeIfUnchanged()
        #expect(FileStatusProbe.exists(link), "another's by now")
        again.removeIfUnchanged()
        #expect(!FileStatusProbe.exists(link))
    }

    @Test func whatIsNoLinkIsKept() throws {
        let error = #expect(throws: StartError.self) {
            try DeviceLoopFixture([.port(endpoint: .terminal(link: "tty"))]) {
                try TestFile.write([1], to: $0 + "/tty")
            }
        }
        #expect(error?.description.contains("File exists") == true)
    }
}
