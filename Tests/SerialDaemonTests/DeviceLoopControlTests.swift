import Testing
import VirtioConsole
import VirtioTestSupport

@testable import SerialDaemon

/// Point 10 of the port contract, and the console device's handshake: what the guest is told, in which order, and how
/// often.
@Suite("DeviceLoop: control messages")
struct DeviceLoopControlTests {
    typealias Told = TestGuest.Told

    /// A guest that has set port 1 up and offers buffers for control messages one by one.
    private func guestWithoutBuffers() throws -> DeviceLoopFixture {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.negotiate()
        try fixture.shareMemory()
        try fixture.startRings()
        try fixture.guest.sendDeviceReady()
        try fixture.settle()
        #expect(try tell(fixture, 1) == [.add(1)])
        try fixture.guest.sendPortReady(1)
        try fixture.settle()
        #expect(try tell(fixture, 1) == [.name(1, "vm.data")])
        return fixture
    }

    /// What the guest is told when it offers so many buffers.
    private func tell(_ fixture: DeviceLoopFixture, _ count: Int) throws -> [Told] {
        try fixture.guest.offerControlBuffers(count)
        try fixture.settle()
        return fixture.guest.takeControl()
    }

    // MARK: Bounded, in order, never lost

    @Test func contract10_hangUpStaysVisible() throws {
        let fixture = try guestWithoutBuffers()
        let first = try fixture.connect(1)
        #expect(try tell(fixture, 1) == [.open(1, true)])
        first.close()
        try fixture.settle()
        let second = try fixture.connect(1)
        #expect(try tell(fixture, 5) == [.open(1, false), .open(1, true)])
        #expect(fixture.hasClient(1))
        second.close()
    }

    /// However often clients come and go, two messages are the most that is owed.
    @Test(arguments: [false, true], [false, true])
    func contract10_furtherPairsCollapse(wasTold: Bool, isConnectedAtTheEnd: Bool) throws {
        let fixture = try guestWithoutBuffers()
        if wasTold {
            let client = try fixture.connect(1)
            #expect(try tell(fixture, 1) == [.open(1, true)])
            client.close()
            try fixture.settle()
        }
        for _ in 0..<5 { try fixture.connect(1).close(); try fixture.settle() }
        let last = isConnectedAtTheEnd ? try fixture.connect(1) : nil
        let expected: [Told] = (wasTold ? [.open(1, false)] : []) + (isConnectedAtTheEnd ? [.open(1, true)] : [])
        #expect(try tell(fixture, 20) == expected)
        last?.close()
    }

    @Test func contract10_messagesOfAllPortsWaitForBuffers() throws {
        let names = ["zero", "one", "two"]
        let fixture = try DeviceLoopFixture(names.indices.map { .port(names[$0], number: $0, clientsAbsent: .discard) })
        try fixture.negotiate()
        try fixture.shareMemory()
        try fixture.startRings()
        // The driver begins three times over before it offers a buffer.
        for _ in 0..<3 { try fixture.guest.sendDeviceReady() }
        try fixture.settle()
        #expect(try tell(fixture, 1) == [.add(0)])
        #expect(try tell(fixture, 20) == [.add(1), .add(2)])
        for port in 0..<3 { try fixture.guest.sendPortReady(port) }
        try fixture.settle()
        #expect(
            fixture.takeControl().sorted { $0.port < $1.port }
                == (0..<3).flatMap { [.name($0, names[$0]), .open($0, true)] })
    }

    @Test func contract10_bufferThatIsTooSmallLosesNothing() throws {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.negotiate()
        try fixture.shareMemory()
        try fixture.startRings()
        let queue = fixture.guest.controlReceiveq
        // A buffer of no bytes is used up; one of 7 is the driver's fault.
        try fixture.guest.offerControlBuffers(1, byteCount: 0)
        try fixture.guest.offerControlBuffers(1, byteCount: 7)
        try fixture.guest.sendDeviceReady()
        try fixture.settle()
        #expect(!fixture.isRunning(queue))
        #expect(try queue.isReportedBroken())
        #expect(fixture.runningCount == fixture.guest.queues.count - 1)
        let base = try fixture.stop(queue)
        queue.reset(startingAt: base)
        try fixture.restart(queue)
        #expect(try tell(fixture, 5) == [.add(1)])
    }

    // MARK: The handshake

    @Test func contract10_consoleIsAnnouncedInQEMUsOrder() throws {
        var console = PortConfiguration.console()
        console.size = ConsoleSize(columns: 80, rows: 25)
        let fixture = try DeviceLoopFixture([console])
        try fixture.boot()
        #expect(
            fixture.takeControl() == [
                .console(0), Told(event: 5, port: 0, value: 0, tail: [80, 0, 25, 0]), .name(0, "vm.console"),
                .open(0, true),
            ])
    }

    @Test(arguments: [ResizeOrder.columnsFirst, .rowsFirst, .off], [true, false])
    func sizeIsToldAsTheOperatorWantsIt(order: ResizeOrder, isHeeded: Bool) throws {
        var console = PortConfiguration.console()
        console.size = ConsoleSize(columns: 80, rows: 25)
        console.resizeOrder = order
        let fixture = try DeviceLoopFixture([console], features: DeviceLoopFixture.features & ~(isHeeded ? 0 : 1))
        try fixture.boot()
        let expected: [[UInt8]] =
            order == .off || !isHeeded ? [] : [order == .rowsFirst ? [25, 0, 80, 0] : [80, 0, 25, 0]]
        #expect(fixture.takeControl().filter { $0.event == 5 }.map(\.tail) == expected)
    }

    @Test func messagesThatMakeNoSenseAreUsedAndIgnored() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        let queue = fixture.guest.controlTransmitq
        queue.reap()
        for bytes: [UInt8] in [[], [1], pattern(7), pattern(4000), pack(UInt64.max), pack(UInt32(1)) + [6, 0]] {
            queue.write(bytes)
        }
        for event in [1, 2, 4, 5, 7, 8, 0xffff] as [UInt16] { queue.write(pack(UInt32(1)) + pack(event) + [1, 0]) }
        for port in [0, 2, 3, 127, 128, 0x8000_0001] as [UInt32] { queue.write(pack(port) + [6, 0, 0, 0]) }
        try queue.notify()
        try fixture.settle()
        #expect(queue.reap().count == 19)
        #expect(fixture.isRunning(queue))
        client.send(pattern(10))
        try fixture.settle()
        expectEqual(fixture.guest.read(port: 1), pattern(10))
        #expect(fixture.takeControl() == [])
    }

    /// A ring that has failed asks for no call any more: what was used before is called for first.
    @Test func messageBeforeABrokenOneIsCalledFor() throws {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.boot()
        let queue = fixture.guest.controlTransmitq
        queue.reap()
        _ = try queue.wasCalled()
        queue.write(pack(UInt32(1)) + [6, 0, 1, 0])
        queue.ring.offer([MockDriver.RawDescriptor(address: 1 << 60, length: 8, flags: 0)])
        try queue.notify()
        try fixture.settle()
        #expect(try queue.wasCalled())
        #expect(!fixture.isRunning(queue))
    }

    @Test func messageInPiecesIsRead() throws {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.boot()
        let client = try fixture.connect(1)
        client.send([5])
        try fixture.guest.offerBuffers(port: 1)
        let message: [UInt8] = pack(UInt32(1)) + [6, 0, 1, 0]
        fixture.guest.controlTransmitq.reap()
        fixture.guest.controlTransmitq.writeIndirect(message.map { [$0] } + [[]] + [[9, 9]])
        try fixture.guest.controlTransmitq.notify()
        try fixture.settle()
        #expect(fixture.guest.read(port: 1) == [5])
    }

    @Test func failuresThatTheGuestReportsAreLogged() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        try fixture.guest.sendControl(event: 3, port: 1, value: 0)
        try fixture.guest.sendControl(event: 0, port: -1, value: 0)
        client.send([1])
        try fixture.settle()
        #expect(fixture.guest.read(port: 1) == [])
        #expect(fixture.lines.contains { $0.contains("could not set the port up") })
        #expect(fixture.lines.contains { $0.contains("it failed to start") })
    }

    // MARK: Without MULTIPORT, and without queues

    @Test func withoutMultiportPortZeroIsOpenAsLongAsTheDriverRuns() throws {
        let fixture = try DeviceLoopFixture(
            [.console()], features: DeviceLoopFixture.features & ~DeviceLoopFixture.multiport)
        try fixture.negotiate()
        try fixture.shareMemory()
        try fixture.startRings()
        let client = try fixture.connect(0)
        for round in 0..<3 {
            try fixture.guest.write(pattern(10, from: round), port: 0)
            try fixture.guest.offerBuffers(port: 0)
            client.send(pattern(20, from: round))
            try fixture.settle()
            expectEqual(client.receive(), pattern(10, from: round))
            expectEqual(fixture.guest.read(port: 0), pattern(20, from: round))
            try fixture.stopRings()
            if round == 1 {
                fixture.guest.reset()
                fixture.bases = fixture.bases.map { _ in TestRings.freshBase }
            }
            try fixture.startRings()
        }
    }

    @Test func emergencyWriteReachesTheConsole() throws {
        let fixture = try DeviceLoopFixture([.port(), .console("b", number: 2), .console("a", number: 0)])
        try fixture.negotiate()
        let zeros = [UInt8](repeating: 0, count: 8)
        for character in "panic".utf8 { try fixture.demand(.setConfig(offset: 0, zeros + [character, 1, 2, 3])) }
        let client = try fixture.connect(0)
        #expect(client.receive() == Array("panic".utf8))
        try fixture.demand(.setConfig(offset: 8, [0x21, 0, 0, 0]))
        // Not written: QEMU sends the whole space for every write of the guest.
        try fixture.demand(.setConfig(offset: 0, zeros + [0, 0, 0, 0]))
        #expect(client.receive() == Array("!".utf8))
    }
}
