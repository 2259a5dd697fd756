import Testing
import Virtio
import VirtioTestSupport

@testable import VirtioConsole

@Suite("ConsoleDevice: control queues")
struct ConsoleDeviceControlTests {
    static let ports: [Int: PortDescription] = [
        0: PortDescription(name: "console", isConsole: true), 1: PortDescription(name: "vm.ctl"),
        3: PortDescription(name: "vm.data"),
    ]

    func set(_ ports: Int...) -> PortSet {
        var set = PortSet()
        for port in ports { set.insert(port) }
        return set
    }

    // MARK: The handshake, as a Linux guest has it

    @Test func handshakeAsLinuxDoesIt() throws {
        let fixture = try DeviceFixture(ports: Self.ports)
        try fixture.startControl()
        fixture.setHostOpen(true, port: 0)
        fixture.setHostOpen(true, port: 3)
        fixture.post(count: 32)
        #expect(try fixture.exchange() == [], "nothing before the driver says that it is ready")

        fixture.sayDriverIsReady()
        let ready = try fixture.receive()
        #expect(ready.events.driverBecameReady)
        #expect(ready.events.ignoredCount == 0)
        #expect(try fixture.send(), "the guest must be called")
        #expect(try fixture.messages() == [.add(0), .add(1), .add(3)])

        // The work queue of the guest answers in any order, and the console opens itself.
        fixture.say(.portReady, port: 3, 1)
        #expect(try fixture.exchange() == [.name(3, "vm.data"), .open(3, 1)])
        fixture.say(.portReady, port: 0, 1)
        fixture.say(.portReady, port: 1, 1)
        #expect(try fixture.receive().events.ready == set(0, 1))
        try fixture.send()
        #expect(try fixture.messages() == [.console(0), .name(0, "console"), .open(0, 1), .name(1, "vm.ctl")])
        fixture.say(.portOpen, port: 0, 1)
        #expect(try fixture.receive().events.opened == set(0))
        #expect(fixture.isGuestOpen(0))
        #expect(!fixture.isGuestOpen(1))
        #expect([0, 1, 3].allSatisfy { fixture.isGuestReady($0) })

        // A program opens and closes.
        fixture.say(.portOpen, port: 1, 1)
        fixture.say(.portOpen, port: 1, 0)
        let events = try fixture.receive().events
        #expect(events.opened == set(1))
        #expect(events.closed == set(1))
        #expect(!fixture.isGuestOpen(1), "which came last, the port knows")

        // Clients come and go.
        fixture.setHostOpen(true, port: 1)
        #expect(try fixture.exchange() == [.open(1, 1)])
        fixture.setHostOpen(false, port: 1)
        fixture.setHostOpen(true, port: 1)
        #expect(try fixture.exchange() == [.open(1, 0), .open(1, 1)])
    }

    @Test func everyMessageIsUsedAtOnceAndWithoutABell() throws {
        // Linux waits for the used entry with a spin lock held, and looks at nothing else.
        let fixture = try DeviceFixture()
        try fixture.startControl()
        for _ in 0..<5 { fixture.sayDriverIsReady() }
        _ = try fixture.receive()
        #expect(fixture.usedLengths(.controlTransmitq) == [0, 0, 0, 0, 0])
        #expect(fixture.controlTransmitqNeedsCall())
        #expect(!fixture.controlTransmitqNeedsCall())
    }

    @Test func driverThatBeginsAnewClosesWhatWasOpen() throws {
        let fixture = try DeviceFixture(ports: Self.ports)
        try fixture.shakeHands()
        fixture.say(.portOpen, port: 1, 1)
        _ = try fixture.receive()
        fixture.sayDriverIsReady()
        let events = try fixture.receive().events
        #expect(events.closed == set(1))
        #expect(events.driverBecameReady)
        try fixture.send()
        #expect(try fixture.messages() == [.add(0), .add(1), .add(3)])
    }

    @Test func driverThatFailedIsHeardAndTold() throws {
        let fixture = try DeviceFixture()
        try fixture.startControl()
        fixture.post(count: 8)
        fixture.say(.deviceReady, port: 0xffff_ffff, 0)
        let received = try fixture.receive()
        #expect(received.events.driverFailed)
        #expect(!received.events.driverBecameReady)
        try fixture.send()
        #expect(try fixture.messages() == [])
    }

    @Test func portThatFailedIsToldNothingMoreAndCountsAsClosed() throws {
        let fixture = try DeviceFixture(ports: Self.ports)
        try fixture.shakeHands()
        fixture.say(.portOpen, port: 3, 1)
        _ = try fixture.receive()
        fixture.say(.portReady, port: 3, 0)
        let events = try fixture.receive().events
        #expect(events.failed == set(3))
        #expect(events.closed == set(3), "whoever waits for the guest to close the port waits no longer")
        fixture.setHostOpen(true, port: 3)
        #expect(try fixture.exchange() == [])
        #expect(!fixture.isGuestReady(3))
    }

    @Test func portThatFailedUnopenedIsNotClosed() throws {
        let fixture = try DeviceFixture(ports: Self.ports)
        try fixture.shakeHands()
        fixture.say(.portReady, port: 3, 0)
        #expect(try fixture.receive().events.closed == set())
    }

    @Test func guestThatWakesIsToldNamesAndStateWithoutDeviceReady() throws {
        let fixture = try DeviceFixture(ports: Self.ports)
        try fixture.startControl()
        fixture.post(count: 8)
        fixture.setHostOpen(true, port: 3)
        fixture.say(.portReady, port: 1, 1)
        fixture.say(.portReady, port: 3, 1)
        fixture.say(.portOpen, port: 3, 1)
        let events = try fixture.receive().events
        #expect(events.ready == set(1, 3))
        #expect(events.opened == set(3))
        try fixture.send()
        #expect(
            try fixture.messages() == [.name(1, "vm.ctl"), .open(1, 0), .name(3, "vm.data"), .open(3, 1)])
    }

    // MARK: What a message looks like

    @Test(arguments: ["x", "org.qemu.guest_agent.0", "ünïcödé", String(repeating: "n", count: 4088)])
    func aNameGoesWithoutNULAndTheUsedLengthIsExact(name: String) throws {
        let fixture = try DeviceFixture(ports: [1: PortDescription(name: name)])
        try fixture.startControl()
        fixture.post(count: 2)
        fixture.say(.portReady, port: 1, 1)
        let messages = try fixture.exchange()
        #expect(messages.first == .name(1, name))
        #expect(messages.first?.byteCount == 8 + name.utf8.count)
        #expect(PortDescription.maximumNameByteCount == 4088)
    }

    @Test(
        "RESIZE goes only with F_SIZE, in the order that was asked for",
        arguments: [
            (ResizeOrder.columnsFirst, true, [GuestMessage.resize(2, 132, 43)]),
            (.rowsFirst, true, [.resize(2, 43, 132)]),
            (.off, true, []), (.columnsFirst, false, []), (.rowsFirst, false, []),
        ] as [(ResizeOrder, Bool, [GuestMessage])])
    func resize(order: ResizeOrder, isAcknowledged: Bool, expected: [GuestMessage]) throws {
        let description = PortDescription(
            name: "hvc", isConsole: true, size: ConsoleSize(columns: 132, rows: 43), resizeOrder: order)
        let fixture = try DeviceFixture(
            ports: [2: description], features: isAcknowledged ? DeviceFixture.usualFeatures : [.version1, .multiport])
        fixture.setHostOpen(true, port: 2)
        try fixture.startControl()
        fixture.post(count: 8)
        fixture.sayDriverIsReady()
        #expect(try fixture.exchange() == [.add(2)])
        fixture.say(.portReady, port: 2, 1)
        #expect(try fixture.exchange() == [.console(2)] + expected + [.name(2, "hvc"), .open(2, 1)])
        #expect(try fixture.exchange() == [], "and never again")
    }

    @Test func theBytesOnTheWire() throws {
        let description = PortDescription(
            name: "ab", isConsole: true, size: ConsoleSize(columns: 0x0102, rows: 0x0304), resizeOrder: .columnsFirst)
        let fixture = try DeviceFixture(maxPorts: 127, ports: [126: description])
        try fixture.startControl()
        fixture.setHostOpen(true, port: 126)
        let driver = try #require(fixture.drivers[.controlReceiveq])
        let places = (0..<5).map { _ in driver.add(writable: [32]).writable[0] }
        fixture.sayDriverIsReady()
        _ = try fixture.receive()
        try fixture.send()
        fixture.say(.portReady, port: 126, 1)
        _ = try fixture.receive()
        try fixture.send()
        let expected: [[UInt8]] = [
            [126, 0, 0, 0, 1, 0, 1, 0], [126, 0, 0, 0, 4, 0, 1, 0], [126, 0, 0, 0, 5, 0, 0, 0, 2, 1, 4, 3],
            [126, 0, 0, 0, 7, 0, 1, 0, 0x61, 0x62], [126, 0, 0, 0, 6, 0, 1, 0],
        ]
        #expect(driver.takeUsedEntries().map { Int($0.length) } == expected.map(\.count))
        for (place, bytes) in zip(places, expected) {
            #expect(
                fixture.test.load(byteCount: 32, at: place) == bytes + [UInt8](repeating: 0, count: 32 - bytes.count))
        }
    }

    // MARK: More messages than buffers

    @Test(arguments: [1, 2, 7, 64]) func messagesWaitForBuffersAndArriveInOrder(buffersAtOnce: Int) throws {
        let ports = Dictionary(
            uniqueKeysWithValues: (0..<127).map { number in
                (
                    number,
                    PortDescription(
                        name: "port.\(number)", isConsole: number % 5 == 0,
                        size: number % 5 == 0 ? ConsoleSize(columns: 80, rows: 25) : nil)
                )
            })
        let fixture = try DeviceFixture(maxPorts: 127, ports: ports)
        try fixture.startControl()
        for port in 0..<127 where port % 2 == 0 { fixture.setHostOpen(true, port: port) }
        fixture.sayDriverIsReady()
        var seen: [UInt32: [GuestMessage]] = [:]
        var turns = 0
        while turns < 2_000 {
            let messages = try fixture.exchange()
            #expect(messages.count <= buffersAtOnce)
            for message in messages {
                seen[message.port, default: []].append(message)
                if message.event == .portAdd {
                    // The guest's answers must not wait for buffers of its own.
                    fixture.say(.portReady, port: message.port, 1)
                    _ = try fixture.receive()
                    _ = fixture.usedLengths(.controlTransmitq)
                }
            }
            if messages.isEmpty, turns > 0 { break }
            // No more than the ring holds: to begin with, and then in the place of those that came back.
            for _ in 0..<(turns == 0 ? buffersAtOnce : messages.count) { fixture.post([64]) }
            turns += 1
        }
        for port in 0..<127 as Range<UInt32> {
            var expected = [GuestMessage.add(port)]
            if port % 5 == 0 { expected += [.console(port), .resize(port, 80, 25)] }
            expected.append(.name(port, "port.\(port)"))
            if port % 2 == 0 { expected.append(.open(port, 1)) }
            #expect(seen[port] == expected, "port \(port)")
        }
    }

    @Test func changesWithoutABufferCollapseToTheHangUpAndTheTruth() throws {
        let fixture = try DeviceFixture()
        try fixture.shakeHands()
        fixture.setHostOpen(true, port: 1)
        _ = try fixture.exchange()
        // The guest has 29 more buffers: use them up.
        for _ in 0..<14 {
            fixture.setHostOpen(false, port: 1)
            fixture.setHostOpen(true, port: 1)
            _ = try fixture.exchange()
        }
        _ = try fixture.exchange()
        var values: [UInt16] = []
        for _ in 0..<500 {
            fixture.setHostOpen(false, port: 1)
            fixture.setHostOpen(true, port: 1)
            values += try fixture.exchange().map(\.value)
        }
        fixture.post(count: 10)
        values += try fixture.exchange().map(\.value)
        #expect(values.count <= 6)
        #expect(values.suffix(2) == [0, 1])
        #expect(zip(values, values.dropFirst()).allSatisfy { $0 != $1 }, "\(values)")
    }

    @Test func messagesAreKeptWhileTheQueueStandsStill() throws {
        let fixture = try DeviceFixture()
        try fixture.shakeHands()
        let base = try #require(fixture.stop(.controlReceiveq))
        fixture.setHostOpen(true, port: 1)
        #expect(try fixture.send() == false)
        fixture.setHostOpen(false, port: 1)
        fixture.setHostOpen(true, port: 1)
        try fixture.resume(.controlReceiveq, at: base)
        #expect(try fixture.exchange() == [.open(1, 1)])
    }

    // MARK: Notifications

    @Test func withEventIndexTheGuestIsAskedForItsNextKick() throws {
        let fixture = try DeviceFixture(features: DeviceFixture.usualFeatures.union(.eventIndex))
        try fixture.startControl()
        let transmit = try #require(fixture.drivers[.controlTransmitq])
        let receive = try #require(fixture.drivers[.controlReceiveq])
        for round in 1...3 as ClosedRange<UInt16> {
            fixture.sayDriverIsReady()
            #expect(transmit.needsKick(eventIndex: true), "round \(round)")
            _ = try fixture.receive()
            #expect(transmit.isKickWanted(after: round), "a driver that is never asked spins for ever")

            // One PORT_ADD is owed, and there is no buffer for it.
            try fixture.send()
            #expect(receive.isKickWanted(after: round - 1))
            fixture.post()
            #expect(receive.needsKick(eventIndex: true))
            try fixture.send()
            #expect(try fixture.messages() == [.add(1)])
        }
    }

    @Test func withEventIndexTheGuestIsCalledWhereItAskedToBe() throws {
        let fixture = try DeviceFixture(
            ports: Self.ports, features: DeviceFixture.usualFeatures.union(.eventIndex))
        try fixture.startControl()
        let receive = try #require(fixture.drivers[.controlReceiveq])
        let transmit = try #require(fixture.drivers[.controlTransmitq])
        // Linux has no callback for its messages: it asks to be called as late as can be.
        transmit.wantCall(after: 0x7fff)
        fixture.post(count: 12)
        fixture.sayDriverIsReady()
        _ = try fixture.receive()
        #expect(fixture.controlTransmitqNeedsCall(), "the first time there is no history to compare with")
        #expect(try fixture.send())
        #expect(try fixture.messages().count == 3)

        // The guest asks for a call at the fifth message: the fourth makes none.
        receive.wantCall(after: 4)
        fixture.say(.portReady, port: 1, 1)
        _ = try fixture.receive()
        #expect(!fixture.controlTransmitqNeedsCall())
        #expect(try fixture.send() == false)
        fixture.say(.portReady, port: 3, 1)
        _ = try fixture.receive()
        #expect(try fixture.send())
        #expect(try fixture.messages().count == 2)
    }

    @Test func withoutEventIndexTheFlagDecides() throws {
        let fixture = try DeviceFixture()
        try fixture.startControl()
        let receive = try #require(fixture.drivers[.controlReceiveq])
        let transmit = try #require(fixture.drivers[.controlTransmitq])
        transmit.wantNoCalls()
        receive.wantNoCalls()
        fixture.post(count: 2)
        fixture.sayDriverIsReady()
        _ = try fixture.receive()
        #expect(!fixture.controlTransmitqNeedsCall())
        #expect(try fixture.send() == false)
        receive.wantAllCalls()
        fixture.say(.portReady, port: 1, 1)
        _ = try fixture.receive()
        #expect(try fixture.send())
        #expect(!transmit.deviceWantsNoKick)
        #expect(!receive.deviceWantsNoKick)
    }

    @Test func manyMessagesGoInTurns() throws {
        let names = Dictionary(uniqueKeysWithValues: (0..<127).map { ($0, PortDescription(name: "n")) })
        let fixture = try DeviceFixture(maxPorts: 127, ports: names)
        try fixture.start(.controlReceiveq, size: 512)
        try fixture.start(.controlTransmitq, size: 128)
        for _ in 0..<400 { fixture.post([16]) }
        for port in 0..<127 as Range<UInt32> { fixture.say(.portReady, port: port, 1) }
        _ = try fixture.receive()
        // 127 names and as many PORT_OPEN 0: a guest that posts as fast as it is sent to would keep us for ever.
        #expect(try fixture.sendTurn())
        #expect(try fixture.messages().count == ConsoleDevice.controlMessagesPerTurn)
        #expect(try fixture.sendTurn() == false)
        #expect(try fixture.messages().count == 254 - ConsoleDevice.controlMessagesPerTurn)
    }

    @Test func nothingToSayIsNoCall() throws {
        let fixture = try DeviceFixture()
        try fixture.shakeHands()
        #expect(try fixture.send() == false)
        fixture.setHostOpen(false, port: 1)
        #expect(try fixture.send() == false)
    }
}
