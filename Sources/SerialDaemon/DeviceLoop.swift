package import BasicContainers
package import LinuxIO
package import Logging
import VhostUser
import Virtio
import VirtioConsole

/// The device thread: everything that a guest, its front-end and the ports' clients can reach, in one loop.
///
/// One turn waits for events, notes what they make possible, and then does it: the control queues first, so that a
/// port's opening is known before its bytes, then each port that has something to do, within a budget. What the budget
/// leaves makes the next turn begin at once. Messages of the front-end are handled where they come: rings and memory
/// change between two pieces of work and never during one, so nothing here is locked.
///
/// ## Concurrency
/// Owned by the device thread. Only the mailbox and the log queue cross to the control thread.
package struct DeviceLoop: ~Copyable {
    let log: Logger
    let mailbox: DeviceMailbox
    let epoll: Epoll
    var events: Epoll.EventBuffer
    let timer: TimerFileDescriptor
    var polling: BusyPolling

    // As long as the process: the device, and the ports' host sides by port number.
    var device: ConsoleDevice
    var endpoints: RigidArray<PortEndpoint>
    /// What is measured of each port, by number.
    var meters: RigidArray<PortMeter>
    let offer: DeviceOffer
    private(set) var frontendListener: UnixListener?

    /// Ports whose first client the front-end has to wait for.
    var awaitedPorts = PortSet()

    // As long as a front-end's connection; a fresh session while there is none.
    var channel: MessageChannel?
    /// The process that connected, when it could be asked for.
    var frontendPeer: PeerCredentials?
    var frontendGeneration: UInt32 = 0
    var frontendInterest: Epoll.Interest = .readable
    var session: VhostUserSession
    var hasReadConfig = false
    var hasReportedNoMemory = false
    var hasReportedGoneMemory = false
    /// Whether it is decided if the guest goes on or begins anew; as long as a ring runs.
    var hasJudgedReset = false
    /// Why rings stand still that could run, until the front-end stops them; for want of memory, until it shares it anew.
    var brokenRings: [VirtqueueError?]
    /// Rings whose kick is in epoll.
    var watchedKicks: [Bool]
    /// Whether a ring runs that has no kick and is looked at in every turn.
    var hasPolledRings = false

    // As long as a turn.
    /// When it began, in monotonic nanoseconds.
    var turnStart: UInt64 = 0
    var batch: ChainBatch
    var readyPorts = PortSet()
    /// Ports that used up their budget in their last turn.
    var busyPorts = PortSet()
    var lastBusyPort = 0
    var controlIsReady = false
    var isRunning = true

    // What is copied for somebody who watches.
    var taps: [RunningTap] = []
    var capturedPorts = PortSet()
    var capturesFrontend = false

    /// What the guest writes, by port number.
    var transcripts: [RunningTranscript?]
    var transcribedPorts = PortSet()

    // What may move only so fast, by port number.
    var throttles: [PortThrottle]
    var limitedPorts = PortSet()
    /// Those that wait until they may go on.
    var throttledPorts = PortSet()

    // What is due later, and when the timer fires.
    var timerEnd = UInt64.max
    var restingListeners = PortSet()
    var portsWithoutRoom = PortSet()
    var frontendListenerRests = false
    var restEnd: UInt64?
    /// Ports whose guest is to give back many buffers before it kicks.
    var refillPorts = PortSet()
    /// Until when it may take its time, in monotonic nanoseconds.
    var refillEnds: [UInt64]
    /// How long a guest may take to give back the buffers that are waited for. Tests without a clock make it longer.
    var refillNanoseconds: UInt64 = 10_000_000

    // For lines that others can cause at will: a bucket for each kind, so that a flood of one hides no other.
    var portLimits: [RateLimit]
    var portWarningLimits: [RateLimit]
    var ringLimit: RateLimit
    var deviceLimit: RateLimit

    /// How many chains and pieces of memory one system call moves at most. Bounds a batch, not a guest: what is more is
    /// for the next one.
    private static var chainsPerBatch: Int { 256 }
    /// The largest ring that QEMU can make for this device has 1024 entries; other front-ends may have larger ones.
    private static var maximumQueueSize: UInt16 { 32768 }
    private static var eventsPerTurn: Int { 64 }

    /// Takes the sockets and waits for nobody yet.
    ///
    /// - Parameters:
    ///   - configuration: checked: port numbers are unique and below `maxPorts`.
    ///   - frontend: takes ownership.
    ///   - bindings: one for each of the configuration's ports, in its order; takes ownership.
    ///   - transcripts: by number, of the ports that have one.
    ///   - mailbox: the way to and from the control thread.
    ///   - log: ends in a queue and never waits.
    /// - Returns: the loop, ready for its first turn.
    /// - Throws: the host's error: no descriptor is left, or something cannot be watched.
    package static func make(
        configuration: DaemonConfiguration, frontend: consuming FrontendSocket,
        bindings: consuming UniqueArray<PortBinding>, transcripts: [Int: TranscriptTap] = [:],
        mailbox: DeviceMailbox, log: Logger
    ) throws(SystemError) -> DeviceLoop {
        let epoll = try Epoll()
        let timer = try TimerFileDescriptor()
        var loop = DeviceLoop(
            configuration: configuration, bindings: bindings, epoll: epoll, timer: timer, mailbox: mailbox,
            log: log)
        try loop.watch(configuration.ports)
        for (port, tap) in transcripts { loop.startTranscript(port: port, tap) }
        for port in configuration.ports { loop.throttle(port: port.number, port) }
        try loop.meet(frontend)
        try loop.awaitClients(of: configuration.ports)
        return loop
    }

    /// Everything that cannot fail: a noncopyable value that is half made cannot be thrown away.
    private init(
        configuration: DaemonConfiguration, bindings: consuming UniqueArray<PortBinding>, epoll: consuming Epoll,
        timer: consuming TimerFileDescriptor, mailbox: DeviceMailbox, log: Logger
    ) {
        self.epoll = epoll
        self.timer = timer
        self.log = log
        self.mailbox = mailbox
        events = Epoll.EventBuffer(capacity: Self.eventsPerTurn)
        device = ConsoleDevice(
            maxPorts: configuration.maxPorts,
            ports: Dictionary(uniqueKeysWithValues: configuration.ports.map { ($0.number, PortDescription($0)) }))
        // IN_ORDER: chains are used in the order they were offered. As proposed for Linux (2025), its driver takes that of a
        // split ring to mean that the i-th used chain begins in slot i, which holds while each chain takes one slot. With
        // INDIRECT it makes none that takes more, unless it has no memory for the table.
        offer = DeviceOffer(
            features: ConsoleDevice.features.union([.indirectDescriptors, .eventIndex, .inOrder])
                .union(configuration.offersPackedRings ? .packedRing : []), queueCount: device.queueCount,
            maximumQueueSize: Self.maximumQueueSize, configByteCount: ConsoleConfigSpace.byteCount)
        session = VhostUserSession(offer)
        brokenRings = Array(repeating: nil, count: device.queueCount)
        watchedKicks = Array(repeating: false, count: device.queueCount)
        batch = ChainBatch(chainCapacity: Self.chainsPerBatch)
        // A port's usual life is a handful of lines at a time; a flood is one a second.
        polling = BusyPolling(limit: configuration.pollingNanoseconds)
        refillEnds = Array(repeating: 0, count: configuration.maxPorts)
        transcripts = Array(repeating: nil, count: configuration.maxPorts)
        throttles = Array(repeating: PortThrottle(), count: configuration.maxPorts)
        let limit = RateLimit(burst: 50, intervalNanoseconds: 1_000_000_000, now: MonotonicClock.nanoseconds())
        portLimits = Array(repeating: limit, count: configuration.maxPorts)
        portWarningLimits = portLimits
        ringLimit = limit
        deviceLimit = limit

        endpoints = RigidArray(capacity: configuration.maxPorts)
        meters = RigidArray(capacity: configuration.maxPorts)
        for _ in 0..<configuration.maxPorts {
            endpoints.append(PortEndpoint())
            meters.append(PortMeter())
        }
        for port in configuration.ports {
            endpoints[port.number] = PortEndpoint(port, binding: bindings.remove(at: 0))
        }
        frontendListener = nil
    }

    private mutating func watch(_ ports: [PortConfiguration]) throws(SystemError) {
        try epoll.add(mailbox.commandDescriptor, interest: .readable, token: EventSource.mailbox.token)
        try epoll.add(timer.rawValue, interest: .readable, token: EventSource.timer.token)
        for port in ports {
            try watchEndpoint(port: port.number)
            tellGuestOfClients(port: port.number)
        }
    }

    private mutating func meet(_ frontend: consuming FrontendSocket) throws(SystemError) {
        switch consume frontend {
        case .listener(let listener):
            try epoll.add(listener.rawValue, interest: .readable, token: EventSource.frontendListener.token)
            frontendListener = consume listener
        case .connection(let stream):
            connectFrontend(stream)
        }
    }
}

// MARK: - Turns

extension DeviceLoop {
    /// Turns until the control thread asks for the end, or nobody can connect any more.
    package consuming func run() throws(SystemError) {
        while isRunning {
            try turn(timeoutMilliseconds: -1)
        }
        logUndelivered()
    }

    /// One turn; the unit of execution, and what tests call.
    ///
    /// - Parameter timeoutMilliseconds: how long to wait when there is nothing to do; −1 is for ever.
    /// - Throws: the host's error, when waiting itself fails.
    package mutating func turn(timeoutMilliseconds: Int32) throws(SystemError) {
        try wait(timeoutMilliseconds: timeoutMilliseconds)
        turnStart = MonotonicClock.nanoseconds()
        for index in 0..<events.count {
            dispatch(events[index])
        }
        if hasPolledRings {
            pollRings()
        }
        if controlIsReady {
            serveControl()
        }
        servePorts()
        // What the ports' turns made to be told (a client has gone) need not wait for another event.
        if controlIsReady {
            serveControl()
        }
        // One load for each region. Of a memfd sealed with F_SEAL_SHRINK, as QEMU's are, none is ever gone.
        if session.memory.isGone {
            breakRunningRings()
        }
    }

    /// The one place that routes events.
    private mutating func dispatch(_ event: Epoll.Event) {
        switch EventSource(event.token) {
        case .mailbox: receiveCommands()
        case .frontendListener: acceptFrontend()
        case .frontend(let generation): frontendEvent(generation: generation)
        case .kick(let queue): kicked(queue)
        case .arrival(let port): acceptClient(port: port)
        case .client(let port, let generation): clientEvent(port: port, generation: generation, event.readiness)
        case .clientOutput(let port, let generation):
            clientOutputEvent(port: port, generation: generation, event.readiness)
        case .timer: timerFired()
        case nil: break
        }
    }

    /// Rings without a kick (VHOST_USER_VRING_NOFD_MASK) are looked at in every turn.
    private mutating func pollRings() {
        for index in 0..<device.queueCount where session.vring(index).kick == .polling && device.isRunning(index) {
            noteWork(index)
        }
    }

    private mutating func receiveCommands() {
        for command in mailbox.takeCommands() {
            switch command {
            case .shutdown: isRunning = false
            case .admit(let arrival): admitClient(arrival)
            case .perform(let operation, let ticket): mailbox.answer(perform(operation), to: ticket)
            }
        }
    }
}
