import Testing
import Virtio
import VirtioTestSupport

@testable import VirtioConsole

@Suite("ConsoleDevice: queues")
struct ConsoleDeviceTests {
    @Test func offersWhatTheContractSays() {
        #expect(ConsoleDevice.features == VirtioFeatures(rawValue: 1 << 32 | 0b111))
        #expect(VirtioFeatures.consoleSize.rawValue == 1)
        #expect(VirtioFeatures.multiport.rawValue == 2)
        #expect(VirtioFeatures.emergencyWrite.rawValue == 4)
    }

    @Test(arguments: [1, 2, 31, 126, 127]) func hasTwoQueuesPerPortAndTwoMore(maxPorts: Int) throws {
        let fixture = try DeviceFixture(maxPorts: maxPorts, ports: [:])
        #expect(fixture.queueCount == 2 * (maxPorts + 1))
        #expect(fixture.portCount == maxPorts)
        #expect(fixture.readConfig(offset: 4, byteCount: 4) == [UInt8(maxPorts), 0, 0, 0])
    }

    @Test func portsAreAtTheirNumbersAndTheRestIsVacant() throws {
        let fixture = try DeviceFixture(
            maxPorts: 5, ports: [1: PortDescription(name: "one"), 4: PortDescription(name: "four", isConsole: true)])
        for number in 0..<5 {
            #expect(fixture.number(number) == number)
        }
        let names = (0..<5).map { fixture.name($0) }
        #expect(names == [nil, "one", nil, nil, "four"])
        #expect(fixture.firstConsole == 4)
    }

    @Test func withoutAConsoleThereIsNoFirst() throws {
        #expect(try DeviceFixture().firstConsole == nil)
    }

    @Test func theConfigSpaceHasTheSizeOfPort0() throws {
        let size = ConsoleSize(columns: 132, rows: 43)
        let fixture = try DeviceFixture(ports: [
            0: PortDescription(name: "c", isConsole: true, size: size), 1: PortDescription(name: "d", isConsole: true),
        ])
        #expect(fixture.readConfig(offset: 0, byteCount: 4) == [132, 0, 43, 0])
        #expect(
            try DeviceFixture(ports: [1: PortDescription(name: "d", isConsole: true, size: size)])
                .readConfig(offset: 0, byteCount: 4) == [0, 0, 0, 0])
    }

    // MARK: Start and stop

    private static let roles: [QueueRole] = (0..<10).map { QueueRole(queueIndex: $0) }

    @Test func everyQueueRunsByItselfFromStartToStop() throws {
        let fixture = try DeviceFixture()
        for role in Self.roles {
            try fixture.start(role, after: role.queueIndex)
            #expect(Self.roles.filter { fixture.isRunning($0) } == [role])
            #expect(fixture.stop(role) == TestRings.base(after: role.queueIndex))
            #expect(Self.roles.allSatisfy { !fixture.isRunning($0) })
            #expect(fixture.stop(role) == nil)
        }
    }

    @Test func allQueuesRunAtOnceAndEachKeepsItsPlace() throws {
        let fixture = try DeviceFixture()
        for role in Self.roles { try fixture.start(role, after: 0xfff0 + role.queueIndex) }
        #expect(Self.roles.allSatisfy { fixture.isRunning($0) })
        for role in Self.roles.reversed() {
            #expect(fixture.stop(role) == TestRings.base(after: 0xfff0 + role.queueIndex))
        }
    }

    @Test(arguments: [10, 11, 254, 255, 256, 65536, .max]) func thereIsNoQueueBeyondTheLastOne(index: Int) throws {
        let fixture = try DeviceFixture()
        let driver = try fixture.start(.receiveq(port: 0))
        fixture.device.startQueue(
            index,
            try Virtqueue(
                driver.userAddresses, in: .user, size: 64, base: TestRings.freshBase, features: TestRings.features,
                memory: fixture.memory),
            goesOn: false)
        #expect(!fixture.isRunning(index: index))
        #expect(fixture.stop(index: index) == nil)
        #expect(!fixture.isRunning(index: -1))
    }

    @Test func nothingHappensWithoutQueues() throws {
        let fixture = try DeviceFixture()
        #expect(try fixture.receive() == .init(events: ControlEvents(), isMoreLeft: false))
        #expect(try fixture.send() == false)
        #expect(fixture.controlTransmitqNeedsCall() == false)
        #expect(try fixture.look(1) == [])
        #expect(try fixture.clientLeaves(1) == 0)
        #expect(!fixture.hasBacklog(1))
        #expect(try fixture.fill(1, [1]) == 0)
        #expect(!fixture.publishToHost(1))
        #expect(!fixture.publishToGuest(1))
        #expect(!fixture.canReceive(1))
        #expect(!fixture.hasTransmitq(1))
    }

    // MARK: Reset

    @Test func resetForgetsWhatTheGuestDidAndTellsWhatWasOpen() throws {
        let fixture = try DeviceFixture(ports: [1: PortDescription(name: "one"), 3: PortDescription(name: "three")])
        try fixture.shakeHands()
        fixture.say(.portOpen, port: 3, 1)
        _ = try fixture.receive()
        #expect(fixture.isGuestOpen(3))

        var open = PortSet()
        open.insert(3)
        #expect(fixture.reset() == open)
        for port in [1, 3] {
            #expect(!fixture.isGuestReady(port))
            #expect(!fixture.isGuestOpen(port))
        }
        #expect(fixture.reset() == PortSet())
        // Nothing is said before the driver says that it is ready.
        #expect(try fixture.exchange() == [])
        fixture.sayDriverIsReady()
        #expect(try fixture.exchange() == [.add(1), .add(3)])
    }

    @Test func aPauseForgetsNothing() throws {
        let fixture = try DeviceFixture()
        try fixture.shakeHands()
        try fixture.start(.receiveq(port: 1))
        fixture.say(.portOpen, port: 1, 1)
        _ = try fixture.receive()
        #expect(fixture.canReceive(1))

        let bases = try [QueueRole.controlReceiveq, .controlTransmitq, .receiveq(port: 1)].map { role in
            (role, try #require(fixture.stop(role)))
        }
        #expect(!fixture.canReceive(1))
        fixture.setHostOpen(true, port: 1)
        for (role, base) in bases { try fixture.resume(role, at: base) }

        #expect(fixture.canReceive(1))
        // Only what changed meanwhile.
        #expect(try fixture.exchange() == [.open(1, 1)])
    }

    // MARK: Without MULTIPORT

    @Test func withoutMultiportPort0IsOpenAsLongAsItsQueueRuns() throws {
        let fixture = try DeviceFixture(
            maxPorts: 1, ports: [0: PortDescription(name: "c", isConsole: true)], features: [.version1])
        #expect(!fixture.canReceive(0))
        try fixture.start(.receiveq(port: 0))
        try fixture.start(.transmitq(port: 0))
        #expect(fixture.canReceive(0))
        #expect(fixture.isGuestOpen(0))
        fixture.drivers[.receiveq(port: 0)]?.add(writable: [16])
        #expect(try fixture.fill(0, [1, 2]) == 2)
        fixture.write([5], port: 0)
        #expect(try fixture.take(0) == [5])

        let base = try #require(fixture.stop(.receiveq(port: 0)))
        #expect(!fixture.canReceive(0))
        try fixture.resume(.receiveq(port: 0), at: base)
        #expect(fixture.canReceive(0))
    }

    @Test func withMultiportARunningQueueIsNoOpenPort() throws {
        let fixture = try DeviceFixture(ports: [0: PortDescription(name: "c", isConsole: true)])
        try fixture.start(.receiveq(port: 0))
        #expect(!fixture.canReceive(0))
    }
}
