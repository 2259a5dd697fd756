import BasicContainers
import ControlProtocol
import Glibc
import LinuxIO
import Testing
import VirtioConsole
import VirtioTestSupport

@testable import SerialDaemon

/// What a client that comes late is shown.
@Suite("Endpoints: scrollback")
struct ScrollbackTests {
    @Test(arguments: ClientsAbsent.allCases) func scrollbackShowsTheNewestBytes(clientsAbsent: ClientsAbsent) throws {
        let fixture = try DeviceLoopFixture.opened(clients: 2, scrollback: 10, clientsAbsent: clientsAbsent)
        let first = try fixture.connect(1)
        try fixture.write(Array("0123456789abcdef".utf8))
        #expect(first.receive() == Array("0123456789abcdef".utf8))
        let second = try fixture.connect(1)
        #expect(second.receive() == Array("6789abcdef".utf8))
        second.close()
        try fixture.settle()
        first.close()
        try fixture.settle()
        let third = try fixture.connect(1)
        #expect(third.receive() == Array("6789abcdef".utf8))
        try fixture.write(Array("!".utf8))
        #expect(third.receive() == Array("!".utf8))
        let status = try #require(try fixture.status(of: 1)).toHost
        #expect(status.accepted == 17 && status.delivered == 17 && status.held == 0)
    }

    /// What nobody has had comes with what others have had before it, once.
    @Test func whatIsKeptAndWhatIsRememberedAreOne() throws {
        let fixture = try DeviceLoopFixture.opened(clients: 1, scrollback: 8, clientsAbsent: .buffer)
        let first = try fixture.connect(1)
        try fixture.write(Array("seen".utf8))
        first.close()
        try fixture.settle()
        try fixture.write(Array("new".utf8))
        #expect(try fixture.status(of: 1)?.toHost.held == 3)
        let second = try fixture.connect(1)
        #expect(second.receive() == Array("seennew".utf8))
        #expect(try fixture.status(of: 1)?.toHost.delivered == 7)
    }

    @Test func lastWordsThatComeOnNoRingAreShownToALateClient() throws {
        let fixture = try EndpointFixture(.buffer, isConsole: true, bufferByteCount: 64, scrollbackByteCount: 8)
        let first = try fixture.connect()
        #expect(try fixture.send(Array("delivered".utf8)) == 9)
        fixture.copyToHost(Array("delivered".utf8))
        fixture.disconnect()
        #expect(try fixture.takeEmergency(0x21) == 0)
        let second = try fixture.connect()
        try fixture.sendReplay()
        #expect(try second.read() == Array("livered!".utf8))
        drop(first)
    }
}
