import BasicContainers
import VirtioConsole
import VirtioTestSupport

@testable import SerialDaemon

/// A port of several clients, as a test of them wants it.
extension DeviceLoopFixture {
    /// A device with one port, which the guest has opened.
    static func opened(
        clients: Int, writers: Int = 1, scrollback: Int = 0, clientsAbsent: ClientsAbsent = .block,
        guestClose: GuestClose = .keep, linger: UInt64? = nil, isConsole: Bool = false
    ) throws -> DeviceLoopFixture {
        var port = PortConfiguration.port(
            clientsAbsent: clientsAbsent, guestClose: guestClose, lingerNanoseconds: linger)
        port.isConsole = isConsole
        port.clientLimit = clients
        port.writerLimit = writers
        port.scrollbackByteCount = scrollback
        let fixture = try DeviceLoopFixture([port])
        try fixture.boot()
        try fixture.open(1)
        _ = fixture.takeControl()
        return fixture
    }

    /// The guest writes, and takes back what was used.
    func write(_ bytes: [UInt8]) throws {
        guest.transmitq(1).reap()
        try guest.write(bytes, port: 1)
        try settle()
    }

    /// The guest writes more than the second client's socket holds; returns what.
    func writeToSlowWatcher() throws -> [UInt8] {
        setSmallSendBuffer(loop.endpoints[1].watchers[0].descriptor)
        var sent: [UInt8] = []
        for index in 0..<20 {
            let piece = [UInt8](repeating: UInt8(index), count: 2000)
            try write(piece)
            sent += piece
        }
        return sent
    }
}
