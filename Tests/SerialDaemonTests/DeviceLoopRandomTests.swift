import LinuxIO
import Testing
import VirtioConsole
import VirtioTestSupport

@testable import SerialDaemon

/// Everything at once, in an order that nobody thought of. The seed is the test's argument: run it again with the one
/// that failed.
@Suite("DeviceLoop: random")
struct DeviceLoopRandomTests {
    /// One port, and what must have become of its bytes.
    private final class Ledger {
        let port: Int
        /// What the guest has written, without what a reset took back.
        var written: [UInt8] = []
        /// What the guest has got.
        var read: [UInt8] = []
        /// All clients so far, in the order they connected; those before `firstConnected` have left.
        var clients: [Client] = []
        /// Where in `written` the next client's bytes begin, or later.
        var position = 0
        var isOpen = false
        /// How much of `read` was compared with what the clients sent, and where the next byte must be.
        private var checked = 0
        private var reading = 0
        private var readOfClient = 0

        final class Client {
            let connection: HostClient
            var sent: [UInt8] = []
            var received: [UInt8] = []
            init(_ connection: HostClient) { self.connection = connection }
        }

        init(port: Int) { self.port = port }

        var connected: [Client] { clients.filter { $0.connection.descriptor >= 0 } }

        /// Bytes reach the guest in the order of the clients, and none is lost or made up.
        func checkGuest() {
            while checked < read.count {
                while reading < clients.count, readOfClient == clients[reading].sent.count {
                    reading += 1
                    readOfClient = 0
                }
                guard reading < clients.count, clients[reading].sent[readOfClient] == read[checked] else {
                    Issue.record("port \(port): byte \(checked) of the guest is none that a client sent there")
                    checked = read.count
                    return
                }
                checked += 1
                readOfClient += 1
            }
        }

        /// A client that leaves has got one uninterrupted piece of what the guest wrote, behind that of the client
        /// before.
        func leave(_ client: Client) {
            client.received += client.connection.receive()
            client.connection.close()
            guard !client.received.isEmpty else { return }
            var start = position
            while start + client.received.count <= written.count,
                !written[start..<start + client.received.count].elementsEqual(client.received)
            { start += 1 }
            let isPiece = start + client.received.count <= written.count
            #expect(isPiece, "port \(port): a client got what the guest never wrote in this order")
            position = start
        }
    }

    private struct Play {
        let fixture: DeviceLoopFixture
        let ledgers: [Ledger]
        var random: SeededGenerator

        func reap() {
            for ledger in ledgers {
                fixture.guest.transmitq(ledger.port).reap()
                ledger.read += fixture.guest.read(port: ledger.port)
                ledger.checkGuest()
                let counters = fixture.counters(ledger.port)
                let taken = Int(counters.toHostBytes + counters.discardedBytes)
                let unused = fixture.guest.transmitq(ledger.port).unusedByteCount
                #expect(taken <= ledger.written.count)
                #expect(taken >= ledger.written.count - unused)
            }
        }

        mutating func step() throws {
            let ledger = ledgers.randomElement(using: &random) ?? ledgers[0]
            let (guest, port) = (fixture.guest, ledger.port)
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<30:
                for _ in 0..<Int.random(in: 1...6, using: &random) where guest.transmitq(port).freeDescriptorCount > 3 {
                    let pieces = (0..<Int.random(in: 1...3, using: &random)).map { _ in
                        let bytes = pattern(Int.random(in: 0...2500, using: &random), from: ledger.written.count)
                        ledger.written += bytes
                        return bytes
                    }
                    guest.transmitq(port).write(pieces: pieces)
                }
                try guest.transmitq(port).notify()
            case 30..<45:
                let byteCount = Int.random(in: 0...3000, using: &random)
                try guest.offerBuffers(port: port, count: Int.random(in: 1...10, using: &random), byteCount: byteCount)
            case 45..<60:
                guard let client = ledger.connected.randomElement(using: &random) else { return }
                let sent = ledger.clients.reduce(0) { $0 + $1.sent.count }
                let bytes = pattern(Int.random(in: 1...5000, using: &random), from: sent)
                client.sent += bytes[..<max(0, client.connection.send(bytes))]
            case 60..<72:
                guard let client = ledger.connected.randomElement(using: &random) else { return }
                client.received += client.connection.receive(atMost: Int.random(in: 1...20_000, using: &random))
            case 72..<80:
                guard ledger.connected.count < 3 else { return }
                let address = try fixture.address(of: port)
                ledger.clients.append(Ledger.Client(try HostClient(connectingTo: address)))
            case 80..<84:
                guard let client = ledger.connected.first else { return }
                ledger.leave(client)
            case 84..<90:
                ledger.isOpen.toggle()
                try guest.sendOpen(port, ledger.isOpen)
            case 90..<93:
                try fixture.stopRings()
                try fixture.startRings()
            case 93..<95:
                for index in [guest.transmitq(port).index, guest.receiveq(port).index] {
                    try fixture.demand(.setVringEnable(UInt32(index), 0))
                    try fixture.demand(.setVringEnable(UInt32(index), 1))
                }
            case 95..<96:
                try fixture.demand(
                    .setMemTable([FakeRegion(guest.memory.regions[0])], descriptors: [guest.memory.file.rawValue]))
            case 96..<97:
                try reboot()
            default:
                if fixture.hasClient(port) { try fixture.shrinkBuffer(port: port) }
            }
        }

        /// What the new driver does not know of has never been written.
        private func reboot() throws {
            try fixture.stopRings()
            reap()
            for ledger in ledgers {
                let counters = fixture.counters(ledger.port)
                ledger.written.removeSubrange(Int(counters.toHostBytes + counters.discardedBytes)...)
                ledger.isOpen = false
            }
            fixture.guest.reset()
            fixture.bases = fixture.bases.map { _ in TestRings.freshBase }
            try fixture.startRings()
            try fixture.startDriver()
        }

        /// All clients read and leave, and the guest reads it all.
        mutating func end() throws {
            for ledger in ledgers {
                try fixture.guest.sendOpen(ledger.port)
                for _ in 0..<20_000 {
                    try fixture.guest.offerBuffers(port: ledger.port)
                    try fixture.settle()
                    reap()
                    guard let client = ledger.connected.first else { break }
                    let more = client.connection.receive()
                    client.received += more
                    if more.isEmpty { ledger.leave(client) }
                }
                for _ in 0..<1000 where fixture.hasClient(ledger.port) {
                    try fixture.guest.offerBuffers(port: ledger.port)
                    try fixture.settle()
                    reap()
                }
                expectEqual(ledger.read, ledger.clients.flatMap(\.sent))
                let last = try fixture.connect(ledger.port)
                try fixture.settle()
                reap()
                #expect(fixture.guest.transmitq(ledger.port).inFlight.isEmpty)
                last.close()
            }
        }
    }

    @Test(
        arguments: 1...4 as ClosedRange<UInt64>,
        [DeviceLoopFixture.features, DeviceLoopFixture.features & ~DeviceLoopFixture.eventIndex])
    func contract1_nothingIsLostOrDoubledWhateverHappens(seed: UInt64, features: UInt64) throws {
        let fixture = try DeviceLoopFixture([.port("a", number: 1), .port("b", number: 2)], features: features)
        try fixture.boot()
        var play = Play(
            fixture: fixture, ledgers: [Ledger(port: 1), Ledger(port: 2)], random: SeededGenerator(seed: seed))
        for _ in 0..<400 {
            try play.step()
            if Bool.random(using: &play.random) {
                try fixture.settle()
            } else {
                for _ in 0..<Int.random(in: 0...2, using: &play.random) { try fixture.takeTurn() }
            }
            play.reap()
            _ = fixture.guest.takeControl()
            try fixture.guest.offerControlBuffers(Int.random(in: 0...2, using: &play.random))
        }
        try fixture.settle()
        try play.end()
        let complaints = fixture.lines.filter { $0.contains("broken") || $0.contains("fault") || $0.contains("cannot") }
        #expect(complaints == [])
    }
}
