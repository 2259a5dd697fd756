import Glibc

/// Copies bytes between a near end (a terminal, a program, another socket) and a port, both ways at once, and lets each
/// way end by itself.
struct Relay {
    /// When it is over.
    enum Ending {
        /// Both ways have ended.
        case bothWays
        /// Nothing comes from the port any more.
        case port
        /// Nothing comes from the port any more, or the near end has gone.
        case portOrNear
    }

    /// Why ``run(watching:until:)`` came back. It can be called again after `readable`.
    enum Outcome: Equatable {
        case ended
        /// A filter has said so.
        case stopped
        /// One of the watched descriptors has something to read, or an end.
        case readable(Int32)
        case timedOut
    }

    /// From the near end to the port.
    private(set) var toPort: RelayFlow
    /// From the port to the near end.
    private(set) var fromPort: RelayFlow
    private let ending: Ending

    init(toPort: RelayFlow, fromPort: RelayFlow, endsWith ending: Ending) {
        self.toPort = toPort
        self.fromPort = fromPort
        self.ending = ending
    }

    /// Copies until there is something else to do.
    ///
    /// - Parameters:
    ///   - watched: descriptors that the caller reads from.
    ///   - deadline: nil is for ever.
    /// - Returns: what there is to do.
    /// - Throws: what an end or a filter fails with.
    mutating func run(watching watched: [Int32] = [], until deadline: Deadline? = nil) throws(CommandFailure) -> Outcome
    {
        while true {
            if toPort.isStopped || fromPort.isStopped { return .stopped }
            if hasEnded { return .ended }
            if deadline?.hasPassed == true { return .timedOut }
            // A negative number is left out by poll(2).
            let numbers = [
                toPort.descriptorToRead ?? -1, fromPort.descriptorToRead ?? -1, toPort.descriptorToWrite ?? -1,
                fromPort.descriptorToWrite ?? -1,
            ]
            var entries = zip(numbers, [POLLIN, POLLIN, POLLOUT, POLLOUT])
                .map { pollfd(fd: $0, events: Int16($1), revents: 0) }
            entries += watched.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            try Readiness.wait(for: &entries, until: deadline)
            if entries[2].revents != 0 { try toPort.write() }
            if entries[3].revents != 0 { try fromPort.write() }
            if entries[0].revents != 0 { try toPort.read() }
            if entries[1].revents != 0 { try fromPort.read() }
            if let ready = entries[numbers.count...].first(where: { $0.revents != 0 }) { return .readable(ready.fd) }
        }
    }

    private var hasEnded: Bool {
        switch ending {
        case .bothWays: toPort.end != nil && fromPort.end != nil
        case .port: fromPort.end != nil
        // A port that takes nothing any more may still have something to say.
        case .portOrNear: fromPort.end != nil || toPort.end == .endOfFile
        }
    }
}
