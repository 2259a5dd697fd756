import BasicContainers
import Testing
import Virtio
import VirtioTestSupport

@testable import VirtioConsole

/// A device and the guest's side of its queues, each in a stretch of guest memory of its own; the rings have the layout
/// that ``TestRings`` says.
///
/// A class with verbs of its own, because `#expect` cannot look into values that are not copyable.
final class DeviceFixture {
    static let usualFeatures: VirtioFeatures = [.version1, .multiport, .consoleSize]
    /// As much memory as a queue's ring and buffers have; buffers are taken round and round behind the ring.
    private static let stretch: UInt64 = 4 << 20

    let test: TestMemory
    let memory: GuestMemory
    var device: ConsoleDevice
    var batch: ChainBatch
    private(set) var drivers: [QueueRole: any RingDriver] = [:]
    /// Where the buffers of each queue begin.
    private var firstBuffers: [QueueRole: UInt64] = [:]
    /// The control buffers that the guest has posted, by the number of their chain.
    private var posted: [UInt32: [(address: UInt64, byteCount: Int)]] = [:]

    init(
        maxPorts: Int = 4, ports: [Int: PortDescription] = [1: PortDescription(name: "one")],
        features: VirtioFeatures = DeviceFixture.usualFeatures, pieceCapacity: Int = 64
    ) throws {
        test = try TestMemory(byteCount: 64 << 20)
        memory = try test.makeGuestMemory()
        device = ConsoleDevice(maxPorts: maxPorts, ports: ports)
        device.setFeatures(features.union(TestRings.features))
        batch = ChainBatch(chainCapacity: 64, pieceCapacity: pieceCapacity)
    }

    // MARK: Queues

    /// Starts a queue with a fresh ring, which is where it would be after `count` chains of one descriptor.
    @discardableResult
    func start(
        _ role: QueueRole, size: Int = 64, after count: Int = 0, goesOn: Bool = false
    ) throws -> any RingDriver {
        // A restarted queue gets new memory, as a driver that begins anew does.
        let place = TestMemory.usualBase + UInt64(drivers.count + restartCount) * Self.stretch
        if drivers[role] != nil { restartCount += 1 }
        return try start(role, size: size, place: place, after: count, goesOn: goesOn)
    }
    private var restartCount = 0

    /// Starts a queue with a fresh ring in the memory of its former one, for lives that are longer than memory.
    func startInPlace(_ role: QueueRole) throws {
        let former = try #require(drivers[role])
        try start(role, size: former.size, place: former.descriptorBase, after: 0, goesOn: false)
    }

    @discardableResult
    private func start(
        _ role: QueueRole, size: Int, place: UInt64, after count: Int, goesOn: Bool
    ) throws -> any RingDriver {
        let base = TestRings.base(after: count, size: size)
        let driver = TestRings.makeDriver(memory: test, size: size, base: place, startingAt: base)
        drivers[role] = driver
        firstBuffers[role] = driver.nextBuffer
        if role == .controlReceiveq { posted = [:] }
        try resume(role, at: base, goesOn: goesOn)
        return driver
    }

    /// Starts a queue over the ring that it had before.
    func resume(_ role: QueueRole, at base: UInt32, goesOn: Bool = true) throws {
        let driver = try #require(drivers[role])
        device.startQueue(
            role.queueIndex,
            try Virtqueue(
                driver.userAddresses, in: .user, size: UInt32(driver.size), base: base,
                features: device.acknowledgedFeatures, memory: memory), goesOn: goesOn)
    }

    func stop(_ role: QueueRole) -> UInt32? { device.stopQueue(role.queueIndex) }
    func isRunning(_ role: QueueRole) -> Bool { device.isRunning(role.queueIndex) }
    func stop(index: Int) -> UInt32? { device.stopQueue(index) }
    func isRunning(index: Int) -> Bool { device.isRunning(index) }

    func startControl(size: Int = 64) throws {
        try start(.controlReceiveq, size: size)
        try start(.controlTransmitq, size: size)
    }

    private func driver(_ role: QueueRole) -> any RingDriver {
        guard let driver = drivers[role], let firstBuffer = firstBuffers[role] else {
            preconditionFailure("\(role) was never started")
        }
        // Buffers that were handed back long ago are used again.
        if driver.nextBuffer - driver.descriptorBase > Self.stretch - (1 << 20) {
            driver.nextBuffer = firstBuffer
        }
        return driver
    }

    // MARK: The guest's side of the control queues

    /// Offers a control buffer, of several pieces perhaps.
    func post(_ byteCounts: [Int] = [4096]) {
        let (id, places) = driver(.controlReceiveq).add(writable: byteCounts)
        posted[UInt32(id)] = Array(zip(places, byteCounts))
    }

    func post(count: Int) { for _ in 0..<count { post() } }

    /// What the guest finds in its control buffers.
    func messages() throws -> [GuestMessage] {
        try driver(.controlReceiveq).takeUsedEntries().map { entry in
            let offered = posted.removeValue(forKey: entry.id)
            let pieces = try #require(offered, "used, and not offered: \(entry)")
            #expect(Int(entry.length) <= pieces.reduce(0) { $0 + $1.byteCount })
            var left = Int(entry.length)
            let bytes = pieces.flatMap { piece in
                defer { left -= min(left, piece.byteCount) }
                return test.load(byteCount: min(left, piece.byteCount), at: piece.address)
            }
            return GuestMessage(bytes)
        }
    }

    /// The guest sends bytes as one chain of pieces, whatever they mean.
    func say(_ pieces: [[UInt8]]) { driver(.controlTransmitq).add(readable: pieces) }

    func say(_ event: GuestMessage.Event, port: UInt32, _ value: UInt16) {
        say([GuestMessage(port: port, event: event, value: value).bytes])
    }

    /// DEVICE_READY as Linux sends it.
    func sayDriverIsReady() { say(.deviceReady, port: 0xffff_ffff, 1) }

    // MARK: The device's turns

    struct Received: Equatable {
        var events: ControlEvents
        var isMoreLeft: Bool
    }

    func receive() throws(VirtqueueError) -> Received {
        var events = ControlEvents()
        let isMoreLeft = try device.receiveControl(using: &batch, memory: memory, events: &events)
        return Received(events: events, isMoreLeft: isMoreLeft)
    }

    /// Sends all there are buffers for; returns whether the guest must be called.
    @discardableResult
    func send() throws(VirtqueueError) -> Bool {
        while try sendTurn() {}
        return device.controlReceiveqNeedsCall()
    }

    /// One turn; returns whether more may be left.
    func sendTurn() throws(VirtqueueError) -> Bool { try device.sendControl(using: &batch, memory: memory) }

    /// One turn of the control queues, and what the guest finds.
    func exchange() throws -> [GuestMessage] {
        _ = try receive()
        try send()
        return try messages()
    }

    /// The handshake of a Linux guest, up to ports that are set up and told everything.
    func shakeHands() throws {
        try startControl()
        post(count: 32)
        sayDriverIsReady()
        for message in try exchange() {
            #expect(message.event == .portAdd)
            say(.portReady, port: message.port, 1)
        }
        _ = try exchange()
    }

    func setHostOpen(_ isOpen: Bool, port: Int) { device.setHostOpen(isOpen, port: port) }
    func reset() -> PortSet { device.reset() }
    func isGuestOpen(_ port: Int) -> Bool { device.ports[port].isGuestOpen }
    func isGuestReady(_ port: Int) -> Bool { device.ports[port].state.isReady }
    func canReceive(_ port: Int) -> Bool { device.ports[port].canReceive }
    func hasTransmitq(_ port: Int) -> Bool { device.ports[port].hasTransmitq }
    func hasTakenAllBeforeClose(_ port: Int) -> Bool { device.ports[port].hasTakenAllBeforeClose }
    func counters(_ port: Int) -> PortCounters { device.ports[port].counters }
    var portCount: Int { device.ports.count }
    func number(_ port: Int) -> Int { device.ports[port].number }
    func name(_ port: Int) -> String? { device.ports[port].description?.name }
    var queueCount: Int { device.queueCount }
    var firstConsole: Int? { device.firstConsole }
    func readConfig(offset: Int, byteCount: Int) -> [UInt8] {
        device.configSpace.read(offset: offset, byteCount: byteCount)
    }
    func controlTransmitqNeedsCall() -> Bool { device.controlTransmitqNeedsCall() }

    // MARK: A port's data

    /// The guest writes bytes as one chain.
    func write(_ pieces: [UInt8]..., port: Int) { driver(.transmitq(port: port)).add(readable: pieces) }

    /// Looks at the bytes to be taken next.
    func look(_ port: Int, byteLimit: Int = .max) throws(VirtqueueError) -> [UInt8] {
        try device.ports[port].lookAheadToHost(into: &batch, memory: memory, byteLimit: byteLimit)
        var bytes = [UInt8](repeating: 0, count: batch.byteCount)
        let copied = unsafe bytes.withUnsafeMutableBytes { unsafe batch.vectors.copyBytes(into: $0) }
        precondition(copied == bytes.count)
        return bytes
    }

    /// Looks, and takes as many bytes as `byteCount` says, or all.
    func take(_ port: Int, _ byteCount: Int = .max, byteLimit: Int = .max) throws(VirtqueueError) -> [UInt8] {
        let bytes = Array(try look(port, byteLimit: byteLimit).prefix(byteCount))
        device.ports[port].didTakeToHost(batch, byteCount: bytes.count)
        return bytes
    }

    /// Throws the batch away; returns what the port says of a backlog that came to its end.
    @discardableResult
    func discardBatch(_ port: Int) -> UInt64? {
        device.ports[port].didDiscard(batch, hasBacklog(port) ? .clientGone : .unwanted)
    }

    func noteGoneClient(_ port: Int) throws(VirtqueueError) { try device.ports[port].noteGoneClient() }
    func hasBacklog(_ port: Int) -> Bool { device.ports[port].hasBacklog }
    func forgetChains(_ role: QueueRole) { device.forgetChains(role.queueIndex) }

    /// A client leaves: what is in the ring was for it. Returns how many bytes were thrown away.
    func clientLeaves(_ port: Int) throws(VirtqueueError) -> UInt64 {
        try noteGoneClient(port)
        var byteCount: UInt64 = 0
        while hasBacklog(port) {
            _ = try look(port)
            guard batch.chainCount > 0 else { break }
            byteCount = discardBatch(port) ?? byteCount
        }
        return byteCount
    }
    func publishToHost(_ port: Int) -> Bool { device.ports[port].publishToHost() }

    /// The used lengths of the chains that the guest gets back.
    func usedLengths(_ role: QueueRole) -> [UInt32] { driver(role).takeUsedEntries().map(\.length) }

    /// Fills the guest's buffers with as many of `bytes` as fit; returns how many.
    func fill(_ port: Int, _ bytes: [UInt8], byteLimit: Int = .max) throws(VirtqueueError) -> Int {
        try device.ports[port].lookAheadToGuest(into: &batch, memory: memory, byteLimit: byteLimit)
        let copied = unsafe bytes.withUnsafeBytes { unsafe batch.vectors.copyBytes(from: $0) }
        device.ports[port].didFillToGuest(batch, byteCount: copied)
        return copied
    }

    func publishToGuest(_ port: Int) -> Bool { device.ports[port].publishToGuest() }
    func didTake(_ port: Int, _ byteCount: Int) { device.ports[port].didTakeToHost(batch, byteCount: byteCount) }
    func noteUnread(_ port: Int, _ byteCount: Int) { device.ports[port].noteUnread(byteCount) }
    func noteLoss(_ port: Int, _ byteCount: Int) { device.ports[port].noteLoss(byteCount) }
    func disableToHostKicks(_ port: Int) { device.ports[port].disableToHostKicks() }
    func enableToHostKicks(_ port: Int) -> Bool { device.ports[port].enableToHostKicks() }
    func disableToGuestKicks(_ port: Int) { device.ports[port].disableToGuestKicks() }
    func enableToGuestKicks(_ port: Int) -> Bool { device.ports[port].enableToGuestKicks() }
    func awaitRefill(_ port: Int) -> Bool { device.ports[port].awaitRefill() }
    func hasRefill(_ port: Int) -> Bool { device.ports[port].hasRefill() }
    var batchChainCount: Int { batch.chainCount }
    var batchByteCount: Int { batch.byteCount }
}

extension PortCounters {
    init(
        toHostBytes: UInt64 = 0, toHostChains: UInt64 = 0, toGuestBytes: UInt64 = 0, toGuestChains: UInt64 = 0,
        unwantedBytes: UInt64 = 0, unreadBytes: UInt64 = 0
    ) {
        self.init()
        self.toHostBytes = toHostBytes
        self.toHostChains = toHostChains
        self.toGuestBytes = toGuestBytes
        self.toGuestChains = toGuestChains
        self.unwantedBytes = unwantedBytes
        self.unreadBytes = unreadBytes
    }
}

/// A control message as the guest has it, with packing of its own: a mistake that both directions share would not show
/// otherwise.
struct GuestMessage: Equatable, CustomStringConvertible {
    enum Event: UInt16 {
        case deviceReady = 0, portAdd, portRemove, portReady, consolePort, resize, portOpen, portName
    }

    var port: UInt32
    var event: Event?
    var value: UInt16
    var tail: [UInt8] = []
    /// How many bytes were written for it.
    var byteCount: Int { 8 + tail.count }

    init(port: UInt32, event: Event, value: UInt16, tail: [UInt8] = []) {
        self.port = port
        self.event = event
        self.value = value
        self.tail = tail
    }

    init(_ bytes: [UInt8]) {
        guard bytes.count >= 8 else {
            (port, event, value, tail) = (.max, nil, .max, bytes)
            return
        }
        port = UInt32(bytes[0]) | UInt32(bytes[1]) << 8 | UInt32(bytes[2]) << 16 | UInt32(bytes[3]) << 24
        event = Event(rawValue: UInt16(bytes[4]) | UInt16(bytes[5]) << 8)
        value = UInt16(bytes[6]) | UInt16(bytes[7]) << 8
        tail = Array(bytes[8...])
    }

    var bytes: [UInt8] {
        let words: [UInt16] = [
            UInt16(truncatingIfNeeded: port), UInt16(truncatingIfNeeded: port >> 16), event?.rawValue ?? .max, value,
        ]
        return words.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)] } + tail
    }

    var description: String { "\(event.map { "\($0)" } ?? "?") of \(port): \(value) \(tail)" }

    static func add(_ port: UInt32) -> GuestMessage { GuestMessage(port: port, event: .portAdd, value: 1) }
    static func console(_ port: UInt32) -> GuestMessage { GuestMessage(port: port, event: .consolePort, value: 1) }
    static func name(_ port: UInt32, _ name: String) -> GuestMessage {
        GuestMessage(port: port, event: .portName, value: 1, tail: Array(name.utf8))
    }
    static func open(_ port: UInt32, _ value: UInt16) -> GuestMessage {
        GuestMessage(port: port, event: .portOpen, value: value)
    }
    static func resize(_ port: UInt32, _ first: UInt16, _ second: UInt16) -> GuestMessage {
        let tail = [first, second].flatMap { [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)] }
        return GuestMessage(port: port, event: .resize, value: 0, tail: tail)
    }
}
