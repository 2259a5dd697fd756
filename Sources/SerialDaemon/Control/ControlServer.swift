import ControlProtocol
import LinuxIO
import Logging

/// The control socket: whoever connects, what they ask for, and what they are told.
///
/// It has an epoll set of its own, which the control thread waits for as for one descriptor. Nothing here reaches the
/// device thread but through the mailbox.
///
/// ## Concurrency
/// On the control thread.
final class ControlServer {
    /// The most connections at once; a further one is told so, and closed.
    static let maximumConnectionCount = 16
    /// The most of them that may only look: they cannot lock out whoever looks after the VM.
    static let maximumLookerCount = 12

    let epoll: Epoll
    private var readiness = Epoll.EventBuffer(capacity: maximumConnectionCount + 2)
    private let listener: UnixListener
    /// Ends the listener's rest.
    private let rest: TimerFileDescriptor
    let commands: ControlCommands
    let mailbox: DeviceMailbox
    let log: Logger
    var connections: [UInt32: ControlConnection] = [:]
    private var watched: [UInt32: Epoll.Interest] = [:]
    private var lastNumber: UInt32 = 0
    /// Commands that the device thread was asked for, by ticket.
    private var pending: [UInt64: PendingCommand] = [:]
    private var lastTicket: UInt64 = 0
    private var limit = RateLimit(burst: 20, intervalNanoseconds: 1_000_000_000, now: MonotonicClock.nanoseconds())

    private static let listenerToken = EventToken(kind: 0, index: 0, generation: 0)
    private static let restToken = EventToken(kind: 3, index: 0, generation: 0)
    /// How long nobody is accepted when the process has no descriptor left: level-triggered, who waits would be reported
    /// without end.
    private static let restNanoseconds: UInt64 = 1_000_000_000
    /// Captures that something waits of and that are watched for it.
    var watchedCaptures: Set<Int> = []
    /// A stream's next piece is sent when no more than this waits.
    static let streamByteCount = 512 << 10

    /// Watches the listener; takes ownership.
    ///
    /// - Throws: the host's error.
    init(
        listener: consuming UnixListener, commands: ControlCommands, mailbox: DeviceMailbox, log: Logger
    ) throws(SystemError) {
        let epoll = try Epoll()
        let rest = try TimerFileDescriptor()
        try epoll.add(listener.rawValue, interest: .readable, token: Self.listenerToken)
        try epoll.add(rest.rawValue, interest: .readable, token: Self.restToken)
        self.rest = rest
        self.epoll = epoll
        self.listener = listener
        self.commands = commands
        self.mailbox = mailbox
        self.log = log
    }

    /// Readable when there is something to do. Borrowed.
    var descriptor: Int32 { epoll.rawValue }

    /// Whether somebody has asked for the daemon's end.
    var wantsShutdown: Bool { commands.wantsShutdown }

    /// Does what there is to do, without waiting.
    func serve() throws(SystemError) {
        try epoll.wait(into: &readiness, timeoutMilliseconds: 0)
        for index in 0..<readiness.count {
            let event = readiness[index]
            guard event.token != Self.listenerToken else {
                try accept()
                continue
            }
            guard event.token != Self.restToken else {
                _ = try rest.drain()
                try epoll.modify(listener.rawValue, interest: .readable, token: Self.listenerToken)
                continue
            }
            guard event.token.kind == Self.connectionKind else {
                captureHasData(Int(event.token.generation))
                continue
            }
            guard let connection = connections[event.token.generation] else { continue }
            if !event.readiness.isDisjoint(with: [.readable, .hungUp]) { connection.receive() }
            if !event.readiness.isDisjoint(with: [.writable, .hungUp]) { connection.flush() }
            handleRequests(of: connection)
        }
    }

    // MARK: Connections

    private func accept() throws(SystemError) {
        do throws(SystemError) {
            guard let stream = try listener.accept() else { return }
            let peer = try stream.peerCredentials()
            let mayChange = Self.mayChange(user: peer.userIdentifier, owner: commands.context.owner)
            guard Self.hasRoom(forOneWhoMayChange: mayChange, among: connections.values.map(\.mayChange)) else {
                warn(
                    "process \(peer.processIdentifier) is refused at the control socket: \(connections.count) are connected"
                )
                let failure = ControlFailure(.generic, "too many programs are connected: \(connections.count)")
                let line = encode(ControlAnswer<ControlNothing>(error: failure, id: nil))
                // A new socket has room for it; one whose program has gone needs none.
                _ = try stream.send(all: line + ControlConnection.lineEnd)
                return
            }
            lastNumber &+= 1
            let connection = ControlConnection(stream, number: lastNumber, peer: peer, mayChange: mayChange)
            try epoll.add(connection.descriptor, interest: .readable, token: token(of: connection))
            connections[connection.number] = connection
            watched[connection.number] = .readable
            connection.send(encode(ControlGreeting(version: DaemonVersion.control)))
            settle(connection)
        } catch {
            warn("cannot accept at the control socket: \(error)")
            try epoll.modify(listener.rawValue, interest: [], token: Self.listenerToken)
            try rest.arm(afterNanoseconds: Self.restNanoseconds)
        }
    }

    /// Whether a user may change something, and not only look.
    static func mayChange(user: UInt32, owner: UInt32) -> Bool {
        user == owner || user == 0
    }

    /// Whether one more may connect, beside those who are connected.
    static func hasRoom(forOneWhoMayChange mayChange: Bool, among others: [Bool]) -> Bool {
        others.count < maximumConnectionCount && (mayChange || others.count { !$0 } < maximumLookerCount)
    }

    private func token(of connection: ControlConnection) -> EventToken {
        EventToken(kind: Self.connectionKind, index: 0, generation: connection.number)
    }

    private static let connectionKind: UInt8 = 1
    static let captureKind: UInt8 = 2

    /// Waits for what the connection can go on with, or closes it.
    func settle(_ connection: ControlConnection) {
        if let end = connection.end {
            if connection.isOver { return close(connection, because: end) }
            // One that is only waited for until it has read is sent nothing more.
            abandonStreams(to: connection)
        }
        resumeStreams(to: connection)
        let interest = connection.interest
        guard watched[connection.number] != interest else { return }
        do {
            try epoll.modify(connection.descriptor, interest: interest, token: token(of: connection))
            watched[connection.number] = interest
        } catch {
            close(connection, because: .failed(error))
        }
    }

    private func close(_ connection: ControlConnection, because end: ControlConnection.End) {
        switch end {
        case .peerClosed: break
        case .requestTooLong:
            warn("process \(connection.peer.processIdentifier) sends a command without end, and is disconnected")
        case .readsTooSlowly: warn("process \(connection.peer.processIdentifier) does not read, and is disconnected")
        case .failed(let error): warn("a connection at the control socket failed: \(error)")
        }
        // Closing the last descriptor of a socket takes it out of epoll, and nobody else has this one.
        connections[connection.number] = nil
        watched[connection.number] = nil
        abandonStreams(to: connection)
    }

    private func warn(_ text: @autoclosure () -> String) {
        guard let heldBack = limit.admit(now: MonotonicClock.nanoseconds()) else { return }
        log.warning("\(text())\(heldBack > 0 ? " (\(heldBack) lines like it were held back)" : "")")
    }

    // MARK: Commands

    private func handleRequests(of connection: ControlConnection) {
        while let request = connection.nextRequest() {
            handle(request, of: connection)
        }
        settle(connection)
    }

    private func handle(_ piece: RequestSplitter.Piece, of connection: ControlConnection) {
        let request: ControlRequest
        do throws(ControlFailure) {
            request = try Self.request(piece)
        } catch {
            return connection.send(encode(ControlAnswer<ControlNothing>(error: error, id: nil)))
        }
        do throws(ControlFailure) {
            let command = try admit(request, of: connection)
            switch try commands.execute(
                command, CommandArguments(request.arguments ?? [:]), connection: connection.number)
            {
            case .answer(let content):
                if command == .negotiate { connection.isNegotiated = true }
                answer(content, id: request.id, to: connection)
            case .ask(let operation, let finish):
                ask(operation, PendingCommand(connection: connection.number, id: request.id, finish: finish))
                connection.isWaiting = true
            case .stopCapture(let capture):
                let command = PendingCommand(connection: connection.number, id: request.id) {
                    [unowned self] (answer) throws(ControlFailure) in
                    try finishStopping(capture, answer)
                }
                ask(.stopCapture(capture.tap.number), command)
                connection.isWaiting = true
            }
        } catch {
            connection.send(encode(ControlAnswer<ControlNothing>(error: error, id: request.id)))
        }
    }

    private func ask(_ operation: DeviceOperation, _ command: PendingCommand) {
        lastTicket += 1
        pending[lastTicket] = command
        mailbox.send(.perform(operation, ticket: lastTicket))
    }

    /// What a piece says; one that would be dear to decode is not looked into, whoever sends it.
    private static func request(_ piece: RequestSplitter.Piece) throws(ControlFailure) -> ControlRequest {
        if case .object(let text) = piece {
            guard isModest(JSONShape(of: text)) else {
                throw ControlFailure(
                    .generic,
                    "a command has at most \(ControlConnection.maximumRequestDepth) levels and \(ControlConnection.maximumRequestMarkCount) values"
                )
            }
            if let request = try? ControlCoding.decode(ControlRequest.self, from: text) { return request }
        }
        throw ControlFailure(.generic, "expected an object that has 'execute'")
    }

    /// Whether a command may be decoded.
    static func isModest(_ shape: JSONShape) -> Bool {
        shape.depth <= ControlConnection.maximumRequestDepth
            && shape.markCount <= ControlConnection.maximumRequestMarkCount
    }

    /// Whether this command may be given by this connection now.
    private func admit(
        _ request: ControlRequest, of connection: ControlConnection
    ) throws(ControlFailure) -> ControlCommand {
        guard let command = ControlCommand(rawValue: request.execute) else {
            throw ControlFailure(.commandNotFound, "The command \(request.execute.escaped) has not been found")
        }
        guard connection.isNegotiated || command == .negotiate else {
            throw ControlFailure(
                .commandNotFound, "Expecting capabilities negotiation with 'qmp_capabilities'")
        }
        guard !(connection.isNegotiated && command == .negotiate) else {
            throw ControlFailure(
                .commandNotFound, "Capabilities negotiation is already complete, command ignored")
        }
        guard connection.mayChange || !command.changesSomething else {
            throw ControlFailure(
                .generic,
                "user \(connection.peer.userIdentifier) may only look: \(command.rawValue) is for user \(commands.context.owner)"
            )
        }
        return command
    }

    // MARK: The device thread's answers and events

    /// Hands on what the device thread has said.
    func deliver(_ reports: DeviceReports) {
        for (event, time) in reports.events { tell(ControlEvent(event, at: time)) }
        if reports.lostEventCount > 0 {
            tell(
                ControlEvent(
                    .eventsLost, data: ["count": .integer(Int64(reports.lostEventCount))], timestamp: .init(.now())))
        }
        for (ticket, answer) in reports.answers { finish(ticket, answer) }
    }

    /// Says that the daemon ends, as far as it goes without waiting.
    func tellShutdown() {
        tell(ControlEvent(.shutdown, data: [:], timestamp: .init(.now())))
    }

    func tell(_ event: ControlEvent) {
        guard connections.values.contains(where: \.isNegotiated) else { return }
        let line = encode(event)
        for number in connections.keys {
            // Whoever does not read is closed here, and others may be with it.
            guard let connection = connections[number], connection.isNegotiated else { continue }
            connection.send(line)
            settle(connection)
        }
    }

    private func finish(_ ticket: UInt64, _ deviceAnswer: DeviceAnswer) {
        // Nobody waits for those of others: the metrics' file, and captures that end by themselves.
        guard let command = pending.removeValue(forKey: ticket) else { return }
        let outcome = Result { () throws(ControlFailure) in try command.finish(deviceAnswer) }
        watchCaptures()
        // One that has gone meanwhile: what it asked for was done all the same.
        guard let connection = connections[command.connection] else { return }
        connection.isWaiting = false
        switch outcome {
        case .success(let content): answer(content, id: command.id, to: connection)
        case .failure(let error):
            connection.send(encode(ControlAnswer<ControlNothing>(error: error, id: command.id)))
        }
        // What came meanwhile is here and not in the socket: no event will tell of it.
        handleRequests(of: connection)
    }

    private func answer(
        _ content: some Codable & Sendable, id: JSONValue?, to connection: ControlConnection
    ) {
        connection.send(encode(ControlAnswer(return: content, id: id)))
    }

    func encode(_ value: some Encodable) -> [UInt8] {
        do {
            return try ControlCoding.encode(value)
        } catch {
            // Values of ours are made of text and whole numbers, and what came in as JSON goes out as JSON.
            log.error("an answer cannot be written as JSON: \(error)")
            return Array(#"{"error":{"class":"GenericError","desc":"the answer cannot be written as JSON"}}"#.utf8)
        }
    }
}
