package import LinuxIO
package import Sandbox
import Synchronization
import VirtioConsole

/// What the control thread asks of the device thread.
package enum DeviceCommand: Sendable {
    /// Take nothing new, say what stays undelivered, and end.
    case shutdown
    /// Take the connection that a port wanted.
    case admit(ClientArrival)
    /// Do what an operator wants, and answer to the ticket.
    case perform(DeviceOperation, ticket: UInt64)
}

/// How the device thread ended.
package enum DeviceResult: Equatable, Sendable {
    /// As asked, or because an inherited connection was closed and no other can come.
    case ended
    /// The host refused something that the loop cannot do without.
    case failed(SystemError)
}

/// The one place where the control thread and the device thread meet: commands one way, reports the other way.
///
/// Commands are few and small, an operator's and never a guest's; so the queue needs no bound of its own. Events can be a
/// guest's, and are bounded (``DeviceReports``).
///
/// ## Concurrency
/// Any thread may call anything. Each direction has an eventfd, so that both threads wait for it in the epoll set they
/// have anyway.
package final class DeviceMailbox: Sendable {
    private struct Contents {
        var commands: [DeviceCommand] = []
        var reports = DeviceReports()
        var confinement: Confinement?
        var mayServe = false
    }

    /// What the device thread says about its filter, before it does anything else.
    private enum Confinement {
        case done
        case failed(SandboxError)
    }

    private let contents = Mutex(Contents())
    private let commandEvent: EventFileDescriptor
    private let reportEvent: EventFileDescriptor
    private let confinementEvent: EventFileDescriptor
    private let permissionEvent: EventFileDescriptor

    /// Whether there is anybody who wants to know of events. Otherwise none is reported.
    package let reportsEvents: Bool

    /// An empty mailbox with its eventfds.
    package init(reportsEvents: Bool = false) throws(SystemError) {
        self.reportsEvents = reportsEvents
        commandEvent = try EventFileDescriptor()
        reportEvent = try EventFileDescriptor()
        confinementEvent = try EventFileDescriptor()
        permissionEvent = try EventFileDescriptor()
    }

    // MARK: The control thread's end

    /// Puts a command behind those that wait, and wakes the device thread.
    package func send(_ command: DeviceCommand) {
        contents.withLock { $0.commands.append(command) }
        commandEvent.signalOwn()
    }

    /// Waits until the device thread has its filter.
    ///
    /// - Returns: why it has none.
    package func awaitConfinement() -> SandboxError? {
        while true {
            switch contents.withLock({ $0.confinement }) {
            case .done?: return nil
            case .failed(let error)?: return error
            case nil: confinementEvent.waitOwn()
            }
        }
    }

    /// Lets the device thread go on.
    package func permitServing() {
        contents.withLock { $0.mayServe = true }
        permissionEvent.signalOwn()
    }

    /// Readable when there are reports. Borrowed: never close it.
    package var reportDescriptor: Int32 { reportEvent.rawValue }

    /// Everything that the device thread has said since the last time.
    package func takeReports() -> DeviceReports {
        reportEvent.drainOwn()
        return contents.withLock { contents in
            defer { contents.reports = DeviceReports() }
            return contents.reports
        }
    }

    // MARK: The device thread's end

    /// Readable when there are commands. Borrowed: never close it.
    package var commandDescriptor: Int32 { commandEvent.rawValue }

    /// All commands that wait, oldest first.
    package func takeCommands() -> [DeviceCommand] {
        // Drained before the queue is looked at: a command that comes in between makes one wake-up too many, and never
        // one too few.
        commandEvent.drainOwn()
        return contents.withLock { contents in
            defer { contents.commands = [] }
            return contents.commands
        }
    }

    /// Says that the device thread has its filter, or why not; its first call.
    package func reportConfinement(_ failure: SandboxError?) {
        contents.withLock { $0.confinement = failure.map { .failed($0) } ?? .done }
        confinementEvent.signalOwn()
    }

    /// Waits until the process was looked at. When it is not as asked it ends, and this never returns.
    package func awaitPermission() {
        while !contents.withLock({ $0.mayServe }) { permissionEvent.waitOwn() }
    }

    /// Says what came of a command.
    package func answer(_ answer: DeviceAnswer, to ticket: UInt64) {
        report { $0.append(answer, to: ticket) }
    }

    /// Tells of an event, when somebody wants to know.
    package func report(_ event: DeviceEvent) {
        guard reportsEvents else { return }
        report { $0.append(event, at: WallClock.now()) }
    }

    /// Asks for a connection to whom a port wants.
    package func wantConnection(port: Int) {
        report { $0.wantedConnections.insert(port) }
    }

    /// Says how the device thread ended; its last call.
    package func finish(_ result: DeviceResult) {
        report { $0.result = result }
    }

    private func report(_ add: (inout DeviceReports) -> Void) {
        let wasEmpty = contents.withLock { contents in
            defer { add(&contents.reports) }
            return contents.reports.isEmpty
        }
        // One signal for all that wait: the taker takes everything.
        if wasEmpty { reportEvent.signalOwn() }
    }
}
