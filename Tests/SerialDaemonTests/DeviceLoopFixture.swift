import BasicContainers
import ControlProtocol
import Glibc
import LinuxIO
import Logging
import Testing
import VhostUser
import Virtio
import VirtioConsole
import VirtioTestSupport

@testable import SerialDaemon

/// A device loop with everything around it: a front-end that speaks like QEMU, a guest's driver, and programs on the
/// host.
///
/// Everything is real but the guest: UNIX sockets, a memfd, eventfds, epoll. One thread plays all parts, one after the
/// other; nobody waits, so nothing sleeps: ``settle()`` has the loop take turns until it would wait.
///
/// A class with verbs of its own, because `#expect` cannot look into values that are not copyable.
final class DeviceLoopFixture {
    enum Failure: Error {
        /// The loop never comes to rest.
        case spins
    }

    /// VERSION_1, INDIRECT_DESC, EVENT_IDX, MULTIPORT, SIZE; RING_PACKED when ``TestRings`` says so.
    static let features: UInt64 = TestRings.features.rawValue | 1 << 32 | 1 << 29 | 1 << 28 | 1 << 1 | 1 << 0
    static let eventIndex: UInt64 = 1 << 29
    static let multiport: UInt64 = 1 << 1
    /// Everything that is offered but GPA_ADDRESSES.
    static let protocolFeatures: UInt64 = 1 << 0 | 1 << 3 | 1 << 5 | 1 << 9 | 1 << 13 | 1 << 15 | 1 << 16

    var loop: DeviceLoop
    let guest: TestGuest
    let mailbox: DeviceMailbox
    let features: UInt64
    private(set) var frontend: FrontendEnd
    let configuration: DaemonConfiguration
    let directory: TemporaryDirectory
    private(set) var files: [BoundFile] = []
    private let logQueue: LogQueue
    private var log: [String] = []
    private var seenEvents: [DeviceEvent] = []
    private var added: [PortConfiguration] = []
    /// By what each ring goes on after a pause, as the front-end was told.
    var bases: [UInt32]

    /// Starts a loop and connects a front-end, which has said nothing yet.
    ///
    /// - Parameters:
    ///   - ports: paths are put into a directory of the fixture's own.
    ///   - maxPorts: the device's.
    ///   - features: what the guest will acknowledge.
    ///   - ringSize: of all rings.
    ///   - memory: the guest's; made for the rings when nil.
    ///   - environment: what the process was started with.
    ///   - prepare: makes what a port's endpoint wants to find.
    init(
        _ ports: [PortConfiguration], maxPorts: Int = 3, features: UInt64 = DeviceLoopFixture.features,
        ringSize: Int = 64,
        memory: TestMemory? = nil, environment: [String: String] = [:],
        prepare: (_ directory: String) throws -> Void = { _ in }
    ) throws {
        let directory = try TemporaryDirectory()
        try prepare(directory.path)
        let front = UnixAddress.path(directory.path + "/vhost.sock")
        var ports = ports
        var bindings = UniqueArray<PortBinding>()
        for index in ports.indices {
            ports[index].endpoint = ports[index].endpoint.moved(to: directory.path, name: ports[index].name)
        }
        let configuration = DaemonConfiguration(
            frontend: .listen(front), socketDirectory: directory.path, maxPorts: maxPorts, ports: ports,
            offersPackedRings: TestRings.arePacked, logLevel: .debug)
        let opener = PortOpener(configuration) { environment[$0] }
        for port in ports {
            var file: BoundFile?
            bindings.append(try opener.open(port, file: &file))
            if let file { files.append(file) }
        }
        let mailbox = try DeviceMailbox(reportsEvents: true)
        let logQueue = try LogQueue()
        loop = try DeviceLoop.make(
            configuration: configuration, frontend: .listener(try UnixListener.bind(to: front, mode: 0o600)),
            bindings: bindings, mailbox: mailbox,
            log: DaemonLogHandler.logger(queue: logQueue, logLevel: .debug))
        frontend = FrontendEnd(try UnixStream.connect(to: front))
        guest = try TestGuest(
            maxPorts: maxPorts, ringSize: ringSize, hasEventIndex: features & Self.eventIndex != 0, memory: memory)
        bases = Array(repeating: TestRings.freshBase, count: guest.queues.count)
        self.mailbox = mailbox
        self.features = features
        self.configuration = configuration
        self.directory = directory
        self.logQueue = logQueue
        try settle()
    }

    // MARK: Turns

    /// Has the loop take turns until it would wait for something.
    func settle() throws {
        for _ in 0..<10_000 {
            guard try !takeTurn() else { continue }
            return
        }
        throw Failure.spins
    }

    /// Has the loop take turns, waiting where it waits for a timer, until something is true.
    func settle(until isDone: () -> Bool) throws {
        for _ in 0..<1000 where !isDone() {
            try loop.turn(timeoutMilliseconds: 10)
        }
        #expect(isDone())
        try settle()
    }

    /// One turn; returns whether there was anything to do in it, or is in the next.
    @discardableResult
    func takeTurn() throws -> Bool {
        try loop.turn(timeoutMilliseconds: 0)
        return loop.events.count > 0 || hasWork
    }

    /// Whether the loop would not wait.
    var hasWork: Bool { !loop.readyPorts.isEmpty || loop.controlIsReady }

    /// Everything that was logged so far.
    var lines: [String] {
        log += logQueue.take().lines.map(\.text)
        return log
    }

    // MARK: An operator

    /// Has the device thread do something, and returns its answer.
    func perform(_ operation: DeviceOperation) throws -> DeviceAnswer? {
        mailbox.send(.perform(operation, ticket: 1))
        try settle()
        let reports = mailbox.takeReports()
        seenEvents += reports.events.map(\.event)
        return reports.answers.first?.answer
    }

    /// The events since the last call.
    func takeEvents() -> [DeviceEvent] {
        defer { seenEvents = [] }
        return seenEvents + mailbox.takeReports().events.map(\.event)
    }

    /// What `query-ports` answers for a port; nil when there is none.
    func status(of port: Int) throws -> PortStatus? {
        guard case .snapshot(let snapshot)? = try perform(.takeSnapshot) else { return nil }
        return snapshot.ports.first { $0.status.number == port }?.status
    }

    /// Adds a port while the guest runs.
    func add(_ port: PortConfiguration) throws -> DeviceAnswer? {
        var port = port
        let address = UnixAddress.path(directory.path + "/" + port.name)
        port.endpoint = .listener(address)
        added.append(port)
        let listener = try UnixListener.bind(to: address, mode: 0o600)
        return try perform(.addPort(PortAddition(port, binding: .listener(listener))))
    }

    // MARK: The front-end

    /// Sends a message, and returns the answer when there is one.
    @discardableResult
    func say(_ message: FakeMessage) throws -> FakeFrontend.Answer? {
        try frontend.wire.send(message)
        try settle()
        return frontend.isQuiet ? nil : try frontend.wire.receive()
    }

    /// Says something that must be obeyed.
    func demand(_ message: FakeMessage, sourceLocation: SourceLocation = #_sourceLocation) throws {
        #expect(try say(message.needingReply)?.value == 0, sourceLocation: sourceLocation)
    }

    /// Ends the front-end's connection.
    func disconnectFrontend() throws {
        frontend.wire.close()
        try settle()
    }

    /// Makes the loop's socket to the front-end hold little.
    func shrinkFrontendBuffer() {
        if let descriptor = loop.channel?.rawValue { setSmallSendBuffer(descriptor) }
    }

    /// Another front-end connects, instead of or beside the one there is.
    @discardableResult
    func connectFrontend() throws -> FrontendEnd {
        try connectFrontendUnserved()
        try settle()
        return frontend
    }

    /// The same, before the loop has had a turn.
    func connectFrontendUnserved() throws {
        guard case .listen(let address) = configuration.frontend else { preconditionFailure("the fixture listens") }
        frontend = FrontendEnd(try UnixStream.connect(to: address))
    }

    // MARK: Clients

    /// A client connects to a port. The loop has its turns.
    func connect(_ port: Int) throws -> HostClient {
        let client = try HostClient(connectingTo: address(of: port))
        try settle()
        return client
    }

    /// A slow client reads until nothing more comes.
    func readAll(_ client: HostClient) throws -> [UInt8] {
        var received: [UInt8] = []
        // Bounded, because what is sent over and over again has no end.
        while client.unreadByteCount > 0, received.count < 1 << 20 {
            received += client.receive()
            try settle()
        }
        return received
    }

    func endpointConfiguration(_ port: Int) throws -> PortConfiguration {
        try #require(
            added.last { $0.number == port } ?? configuration.ports.first { $0.number == port })
    }

    /// Where clients of a port connect to.
    func address(of port: Int) throws -> UnixAddress {
        try #require(endpointConfiguration(port).endpoint.address)
    }

    /// Makes the socket of a port's client hold little.
    func shrinkBuffer(port: Int) throws {
        let descriptor = loop.endpoints[port].inputDescriptor
        setSmallSendBuffer(try #require(descriptor))
    }

    /// Puts something under the socket of a port's client that fails every call: what a host's failure looks like.
    func breakSocket(port: Int) throws {
        let found = loop.endpoints[port].inputDescriptor
        let descriptor = try #require(found)
        let event = try EventFileDescriptor()
        #expect(dup2(event.rawValue, descriptor) == descriptor)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }

    // MARK: What the loop knows

    func logUndelivered() { loop.logUndelivered() }

    func hasClient(_ port: Int) -> Bool { loop.endpoints[port].hasClient }
    func client(_ port: Int) -> PortEndpoint.Client? { loop.endpoints[port].client }
    func counters(_ port: Int) -> PortCounters { loop.device.ports[port].counters }
    func isRunning(_ queue: GuestQueue) -> Bool { loop.device.isRunning(queue.index) }
    /// Whether some ring is looked at every now and then, for want of a kick.
    var isPolling: Bool { loop.hasPolledRings }
    var runningCount: Int { guest.queues.count { loop.device.isRunning($0.index) } }
}

/// A front-end's end of its connection, which can be closed.
final class FrontendEnd {
    let wire: FakeFrontend

    init(_ stream: consuming UnixStream) { wire = FakeFrontend(stream) }

    /// Whether nothing can be read at this moment: no answer, and no end.
    var isQuiet: Bool { wire.isQuiet }
}

extension FakeFrontend {
    /// Ends the connection for whoever is at the other end; the number stays taken until the value goes.
    func close() {
        try? stream.shutdownSend()
        try? stream.shutdownReceive()
    }
}

extension EndpointConfiguration {
    /// The same in a directory: a socket by the port's name, others by their own.
    func moved(to directory: String, name: String) -> EndpointConfiguration {
        switch self {
        case .listener(_, let type): .listener(.path("\(directory)/\(name)"), type)
        case .connector(.path(let path), let type, let delay): .connector(.path("\(directory)/\(path)"), type, delay)
        case .terminal(let link?): .terminal(link: "\(directory)/\(link)")
        case .file(let path, let appends): .file("\(directory)/\(path)", appends: appends)
        case .fifos(let path): .fifos("\(directory)/\(path)")
        case .inherited, .connector, .terminal, .standardStreams, .null: self
        }
    }
}

extension PortConfiguration {
    /// A port with the operator's defaults.
    static func port(
        _ name: String = "vm.data", number: Int = 1, clientsAbsent: ClientsAbsent = .block,
        bufferByteCount: Int = 65_536,
        guestClose: GuestClose = .keep, lingerNanoseconds: UInt64? = nil,
        endpoint: EndpointConfiguration = .listener(.abstract(""))
    ) -> PortConfiguration {
        PortConfiguration(
            name: name, number: number, isConsole: false, endpoint: endpoint, resizeOrder: .columnsFirst,
            clientsAbsent: clientsAbsent, bufferByteCount: bufferByteCount, guestClose: guestClose,
            lingerNanoseconds: lingerNanoseconds)
    }

    /// A console.
    static func console(
        _ name: String = "vm.console", number: Int = 0, clientsAbsent: ClientsAbsent = .buffer,
        bufferByteCount: Int = 65_536
    ) -> PortConfiguration {
        var console = port(name, number: number, clientsAbsent: clientsAbsent, bufferByteCount: bufferByteCount)
        console.isConsole = true
        return console
    }
}
