import Testing
import Virtio
import VirtioTestSupport

@testable import VirtioConsole

/// What a guest can do wrong on the control queues.
extension ConsoleDeviceControlTests {
    // MARK: Control buffers that are wrong

    @Test func buffersOfNoBytesAreUsedUpAndTheMessageWaits() throws {
        let fixture = try DeviceFixture()
        try fixture.shakeHands()
        try fixture.start(.controlReceiveq)
        for _ in 0..<3 { fixture.post([0]) }
        fixture.setHostOpen(true, port: 1)
        try fixture.send()
        #expect(fixture.usedLengths(.controlReceiveq) == [0, 0, 0])
        fixture.post([0, 0])
        fixture.post([0, 8, 0])
        try fixture.send()
        #expect(fixture.usedLengths(.controlReceiveq) == [0, 8])
    }

    @Test(arguments: 1...7) func bufferThatIsTooSmallForAnyMessageBreaksTheRingAndKeepsTheMessage(byteCount: Int) throws
    {
        let fixture = try DeviceFixture()
        try fixture.shakeHands()
        try fixture.start(.controlReceiveq)
        fixture.post([byteCount])
        fixture.post()
        fixture.setHostOpen(true, port: 1)
        for _ in 0..<2 {
            #expect(throws: VirtqueueError.controlBufferTooSmall(byteCount: byteCount, neededByteCount: 8)) {
                try fixture.send()
            }
        }
        #expect(fixture.stop(.controlReceiveq) == TestRings.freshBase, "the buffer is still the guest's")
        // A driver that does better gets it.
        try fixture.start(.controlReceiveq)
        fixture.post([8])
        #expect(try fixture.exchange() == [.open(1, 1)])
    }

    @Test func bufferThatIsTooSmallForTheNameBreaksTheRingAndNothingIsCut() throws {
        let fixture = try DeviceFixture(ports: [1: PortDescription(name: "name")])
        try fixture.startControl()
        fixture.setHostOpen(true, port: 1)
        fixture.post([8])
        fixture.post([11])
        fixture.sayDriverIsReady()
        #expect(try fixture.exchange() == [.add(1)])
        fixture.say(.portReady, port: 1, 1)
        _ = try fixture.receive()
        #expect(throws: VirtqueueError.controlBufferTooSmall(byteCount: 11, neededByteCount: 12)) { try fixture.send() }
        _ = fixture.stop(.controlReceiveq)
        #expect(try fixture.messages() == [])
        try fixture.start(.controlReceiveq)
        fixture.post([12])
        fixture.post([8])
        #expect(try fixture.exchange() == [.name(1, "name"), .open(1, 1)])
    }

    @Test func goodBuffersBeforeABadOneAreUsed() throws {
        let fixture = try DeviceFixture(ports: Self.ports)
        try fixture.startControl()
        fixture.sayDriverIsReady()
        fixture.post([8])
        fixture.post([8])
        fixture.post([3])
        _ = try fixture.receive()
        #expect(throws: VirtqueueError.self) { try fixture.send() }
        #expect(fixture.stop(.controlReceiveq) == TestRings.base(after: 2))
        #expect(try fixture.messages() == [.add(0), .add(1)])
    }

    @Test func messageIsSpreadOverTheBuffersPieces() throws {
        let fixture = try DeviceFixture(ports: [1: PortDescription(name: "abcdef")])
        try fixture.startControl()
        fixture.post([1, 0, 2, 1, 3, 1, 0, 4, 100])
        fixture.say(.portReady, port: 1, 1)
        #expect(try fixture.exchange() == [.name(1, "abcdef")])
    }

    @Test func readableControlBufferIsTheGuestsFault() throws {
        let fixture = try DeviceFixture()
        try fixture.shakeHands()
        try fixture.start(.controlReceiveq).add(readable: [[1]], writable: [64])
        fixture.setHostOpen(true, port: 1)
        #expect(throws: VirtqueueError.readableInReceiveQueue) { try fixture.send() }
    }

    // MARK: Messages that are wrong

    @Test(arguments: 0...7) func shortMessageIsUsedAndIgnored(byteCount: Int) throws {
        let fixture = try DeviceFixture()
        try fixture.startControl()
        // As far as it goes, a message that would be obeyed.
        fixture.say([Array(GuestMessage(port: 0, event: .deviceReady, value: 1).bytes.prefix(byteCount))])
        let received = try fixture.receive()
        var expected = ControlEvents()
        expected.ignoredCount = 1
        #expect(received == .init(events: expected, isMoreLeft: false))
        #expect(fixture.usedLengths(.controlTransmitq) == [0])
    }

    @Test(arguments: [8, 9, 15, 16, 100, 4096]) func theTailOfALongMessageIsIgnored(byteCount: Int) throws {
        let fixture = try DeviceFixture()
        try fixture.startControl()
        let head = GuestMessage(port: 1, event: .portReady, value: 1).bytes
        fixture.say([head + [UInt8](repeating: 0xff, count: byteCount - 8)])
        let received = try fixture.receive()
        #expect(received.events.ready == set(1))
        #expect(received.events.ignoredCount == 0)
        #expect(fixture.usedLengths(.controlTransmitq) == [0])
    }

    @Test func messageInManyPiecesIsOneMessage() throws {
        let fixture = try DeviceFixture()
        try fixture.startControl()
        let bytes = GuestMessage(port: 1, event: .portReady, value: 1).bytes
        fixture.say(bytes.map { [$0] })
        fixture.say([[], Array(bytes[..<3]), [], Array(bytes[3...]) + [9, 9], [9]])
        let received = try fixture.receive()
        #expect(received.events.ready == set(1))
        #expect(received.events.ignoredCount == 0)
        #expect(fixture.usedLengths(.controlTransmitq) == [0, 0])
    }

    @Test func theMessageBehindAnEmptyChainIsHeard() throws {
        let fixture = try DeviceFixture()
        try fixture.startControl()
        fixture.say([[]])
        fixture.say(.portReady, port: 1, 1)
        #expect(try fixture.receive().events.ready == set(1))
        #expect(fixture.usedLengths(.controlTransmitq) == [0, 0])
    }

    @Test func chainWithNothingToReadIsNoMessage() throws {
        let fixture = try DeviceFixture()
        try fixture.startControl()
        let driver = try #require(fixture.drivers[.controlTransmitq])
        driver.add(writable: [8])
        #expect(try fixture.receive().events.ignoredCount == 1)
        #expect(fixture.usedLengths(.controlTransmitq) == [0])
    }

    @Test func chainThatIsBrokenIsTheGuestsFaultAndThoseBeforeItAreHeard() throws {
        let fixture = try DeviceFixture()
        try fixture.startControl()
        let driver = try #require(fixture.drivers[.controlTransmitq])
        fixture.say(.portReady, port: 1, 1)
        driver.offer([.init(address: 1 << 60, length: 8)])
        #expect(throws: VirtqueueError.bufferOutsideMemory(GuestAddress(1 << 60), byteCount: 8)) {
            try fixture.receive()
        }
        #expect(fixture.isGuestReady(1))
        #expect(fixture.usedLengths(.controlTransmitq) == [0])
    }

    @Test func messagesThatOnlyWeMaySendAreIgnored() throws {
        let fixture = try DeviceFixture(ports: Self.ports)
        try fixture.shakeHands()
        for event in [.portAdd, .portRemove, .consolePort, .resize, .portName] as [GuestMessage.Event] {
            fixture.say(event, port: 1, 1)
        }
        var expected = ControlEvents()
        expected.ignoredCount = 5
        #expect(try fixture.receive().events == expected)
        try fixture.send()
        #expect(try fixture.messages() == [])
    }

    @Test func unknownEventsAreIgnored() throws {
        let fixture = try DeviceFixture(ports: Self.ports)
        try fixture.shakeHands()
        for event in [8, 9, 0xff, 0x100, 0x103, 0x7fff, 0x8000, 0xffff] as [UInt16] {
            fixture.say([[1, 0, 0, 0, UInt8(event & 0xff), UInt8(event >> 8), 1, 0]])
        }
        var expected = ControlEvents()
        expected.ignoredCount = 8
        #expect(try fixture.receive().events == expected)
    }

    @Test(
        "ports that there are not are ignored",
        arguments: [2, 4, 5, 126, 127, 128, 129, 255, 256, 0xffff, 0x1_0001, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]
            as [UInt32])
    func unknownPort(port: UInt32) throws {
        let fixture = try DeviceFixture(ports: Self.ports)
        try fixture.shakeHands()
        for (event, value) in [(.portReady, 1), (.portReady, 0), (.portOpen, 1), (.portOpen, 0)]
            as [(GuestMessage.Event, UInt16)]
        {
            fixture.say(event, port: port, value)
        }
        var expected = ControlEvents()
        expected.ignoredCount = 4
        #expect(try fixture.receive().events == expected)
        try fixture.send()
        #expect(try fixture.messages() == [])
    }

    @Test func anyValueButZeroIsYes() throws {
        let fixture = try DeviceFixture()
        try fixture.shakeHands()
        for value in [2, 0x100, 0xffff] as [UInt16] {
            fixture.say(.portOpen, port: 1, value)
            #expect(try fixture.receive().events.opened == set(1))
            fixture.say(.portOpen, port: 1, 0)
            #expect(try fixture.receive().events.closed == set(1))
        }
    }

    @Test func aFloodIsHandledInTurns() throws {
        let fixture = try DeviceFixture()
        try fixture.startControl(size: 256)
        for _ in 0..<200 { fixture.say(.portOpen, port: 1, 1) }
        #expect(try fixture.receive().isMoreLeft)
        #expect(fixture.usedLengths(.controlTransmitq).count == ConsoleDevice.controlMessagesPerTurn)
        #expect(try fixture.receive().isMoreLeft == false)
        #expect(fixture.usedLengths(.controlTransmitq).count == 200 - ConsoleDevice.controlMessagesPerTurn)
    }
}
