import BasicContainers
import FoundationEssentials
import Glibc
import LinuxIO
import Logging
import SerialDaemon
import Virtio
import VirtioConsole
import VirtioTestSupport

/// A device loop with one port, its guest and its client, all on this thread.
final class HotPathBench {
    /// VERSION_1, EVENT_IDX, INDIRECT_DESC, MULTIPORT.
    private static let features: UInt64 = 1 << 32 | 1 << 29 | 1 << 28 | 1 << 1
    /// REPLY_ACK, CONFIG, CONFIGURE_MEM_SLOTS.
    private static let protocolFeatures: UInt64 = 1 << 3 | 1 << 9 | 1 << 15
    private static let port = 1
    private static let maxPorts = 2
    static let ringSize = 128
    static let bufferByteCount = 4096

    private var loop: DeviceLoop
    private let frontend: FakeFrontend
    private let memory: TestMemory
    private var drivers: [MockDriver] = []
    private let event: EventFileDescriptor
    private let client: UnixStream
    private var scratch: [UInt8]

    init() throws {
        var template = Array("/tmp/hot-path.XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { throw HotPathError("no temporary directory: errno \(errno)") }
        let directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { _ = unsafe rmdir(directory) }
        let (front, address) = (directory + "/vhost.sock", directory + "/port")
        defer {
            _ = unsafe unlink(front)
            _ = unsafe unlink(address)
        }
        var bindings = UniqueArray<PortBinding>()
        bindings.append(.listener(try UnixListener.bind(to: .path(address), mode: 0o600)))
        let settings = OperatorSettings(
            socketPath: front, maxPorts: Self.maxPorts,
            ports: [try PortOptions(parsing: "name=bulk,nr=\(Self.port),path=\(address)")], logLevel: "critical")
        let configuration = try settings.configuration()
        loop = try DeviceLoop.make(
            configuration: configuration, frontend: .listener(try UnixListener.bind(to: .path(front), mode: 0o600)),
            bindings: bindings, mailbox: try DeviceMailbox(),
            log: DaemonLogHandler.logger(queue: try LogQueue(), logLevel: .critical))
        frontend = FakeFrontend(try UnixStream.connect(to: .path(front)))
        client = try UnixStream.connect(to: .path(address))
        event = try EventFileDescriptor()
        memory = try TestMemory(byteCount: UInt64(QueueRole.queueCount(maxPorts: Self.maxPorts)) << 20)
        scratch = [UInt8](repeating: 0, count: 1 << 20)
        for index in 0..<QueueRole.queueCount(maxPorts: Self.maxPorts) {
            drivers.append(
                MockDriver(memory: memory, size: Self.ringSize, base: TestMemory.usualBase + UInt64(index) << 20))
        }
        try start()
    }

    // MARK: The start of a guest

    private func say(_ message: FakeMessage) throws {
        try frontend.send(message)
        for _ in 0..<3 { try loop.turn(timeoutMilliseconds: 0) }
        if message.expectsAnswer { _ = try frontend.receive() }
    }

    private func start() throws {
        try say(.setProtocolFeatures(Self.protocolFeatures))
        try say(.setOwner)
        let region = memory.regions[0]
        try say(
            .addMemReg(
                FakeRegion(
                    guestBase: region.guestBase, byteCount: region.byteCount, userBase: region.userBase,
                    fileOffset: region.fileOffset), memory.file.rawValue))
        try say(.setFeatures(Self.features | 1 << 30))
        for (index, driver) in drivers.enumerated() {
            let (number, addresses) = (UInt32(index), driver.userAddresses)
            try say(.setVringNum(number, UInt32(Self.ringSize)))
            try say(.setVringBase(number, 0))
            try say(
                .setVringAddr(
                    number, descriptors: addresses.descriptorTable, used: addresses.usedRing,
                    available: addresses.availableRing))
            try say(.setVringKick(UInt64(index), event.rawValue))
            try say(.setVringEnable(number, 1))
        }
        let control = drivers[QueueRole.controlTransmitq.queueIndex]
        for _ in 0..<32 { drivers[QueueRole.controlReceiveq.queueIndex].add(writable: [64]) }
        // DEVICE_READY, PORT_READY, PORT_OPEN.
        for (event, port) in [(0, UInt32.max), (3, UInt32(Self.port)), (6, UInt32(Self.port))] as [(UInt16, UInt32)] {
            control.add(readable: [pack(port) + pack(event) + pack(UInt16(1))])
            try kick()
        }
    }

    private func kick() throws {
        try event.signal()
        for _ in 0..<3 { try loop.turn(timeoutMilliseconds: 0) }
    }

    // MARK: Chains

    /// Offers the whole ring, one turn after the other until the client has it all; again and again.
    func moveToHost(chainCount: Int) throws {
        let driver = drivers[QueueRole.transmitq(port: Self.port).queueIndex]
        let heads = (0..<Self.ringSize).map { _ in
            driver.writeChain([
                .init(address: driver.allocate(Self.bufferByteCount), length: UInt32(Self.bufferByteCount))
            ])
        }
        for _ in 0..<chainCount / Self.ringSize {
            for head in heads { driver.makeAvailable(head) }
            try event.signal()
            var left = Self.ringSize * Self.bufferByteCount
            while left > 0 {
                try loop.turn(timeoutMilliseconds: 0)
                left -= try receive()
            }
            // The last turn finds nothing, and asks for kicks.
            try loop.turn(timeoutMilliseconds: 0)
            try loop.turn(timeoutMilliseconds: 0)
            try check(driver)
        }
    }

    /// The client has more than the guest has buffers for, which it offers all at once.
    func moveToGuest(chainCount: Int) throws {
        let driver = drivers[QueueRole.receiveq(port: Self.port).queueIndex]
        let heads = (0..<Self.ringSize).map { _ in
            driver.writeChain([
                .init(
                    address: driver.allocate(Self.bufferByteCount), length: UInt32(Self.bufferByteCount),
                    flags: MockDriver.write)
            ])
        }
        for _ in 0..<chainCount / Self.ringSize {
            for head in heads { driver.makeAvailable(head) }
            try event.signal()
            var left = Self.ringSize * Self.bufferByteCount
            while left > 0 {
                left -= try send(left)
                try loop.turn(timeoutMilliseconds: 0)
            }
            try loop.turn(timeoutMilliseconds: 0)
            try loop.turn(timeoutMilliseconds: 0)
            try check(driver)
        }
    }

    private func check(_ driver: MockDriver) throws {
        let used = driver.takeUsed()
        guard used.count == Self.ringSize else { throw HotPathError("\(used.count) chains were used") }
    }

    private func receive() throws -> Int {
        let outcome = try unsafe scratch.withUnsafeMutableBytes { try unsafe client.receive(into: $0) }
        switch outcome {
        case .bytes(let count): return count
        case .wouldBlock: return 0
        case .endOfFile, .reset: throw HotPathError("the client was disconnected")
        }
    }

    private func send(_ byteCount: Int) throws -> Int {
        // Whole pages: the guest's buffers are filled to the end, and the same number of them each time.
        let bytes = scratch.prefix(min(byteCount, 16 * Self.bufferByteCount))
        switch try unsafe client.send(bytes.span.bytes) {
        case .bytes(let sent): return sent
        case .wouldBlock: return 0
        case .endOfFile, .reset: throw HotPathError("the client was disconnected")
        }
    }
}

/// Why the bench cannot go on.
struct HotPathError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
