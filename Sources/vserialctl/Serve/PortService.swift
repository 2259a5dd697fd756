import Glibc

/// Puts something at a port for as long as a program in the guest has it open, again and again.
final class PortService {
    private enum End {
        case guest, near, port
    }

    private let port: FoundPort
    private let presence: GuestPresence
    private let side: any NearSide
    private let signals: ServiceSignals
    /// Kept from one opening to the next: what a guest has written for a client goes with him when he leaves.
    private var socket: SocketEnd?

    /// How long nothing must come from the port after the guest has closed it: the event overtakes the last bytes.
    private static let quietSeconds = 0.25
    /// How long a reader that stands still is waited for then, and how long the last bytes may take in all.
    private static let stalledSeconds = 2.0
    private static let drainSeconds = 30.0
    /// Between two starts: a guest can open and close a port as fast as it likes.
    private static let intervalSeconds = 0.1

    init(port: FoundPort, presence: GuestPresence, side: any NearSide) throws(CommandFailure) {
        self.port = port
        self.presence = presence
        self.side = side
        signals = try ServiceSignals()
    }

    /// Serves until a signal comes, or the daemon goes.
    func run() throws(CommandFailure) {
        // Events that are older than the daemon's answer must not pass for news later on.
        try presence.update()
        while true {
            try wait { self.presence.isOpen }
            let next = Deadline(seconds: Self.intervalSeconds)
            let closings = presence.closings
            // Not the guest's end: it must close the port before it can open it again.
            if try serveOnce(since: closings) != .guest {
                socket = nil
                try wait { self.presence.closings != closings }
            }
            try wait(until: next) { next.hasPassed }
        }
    }

    private func serveOnce(since closings: Int) throws(CommandFailure) -> End {
        let socket: SocketEnd
        if let kept = self.socket { socket = kept } else { socket = SocketEnd(try port.connect()) }
        self.socket = socket
        let near: SocketEnd
        do throws(CommandFailure) {
            near = try side.open()
        } catch .incomplete(let reason) {
            Command.printError(reason)
            return .near
        } catch {
            throw error
        }
        var relay = Relay(
            toPort: RelayFlow(from: near, to: socket), fromPort: RelayFlow(from: socket, to: near),
            endsWith: side.ending)
        let end: End
        do throws(CommandFailure) {
            end = try carry(&relay, since: closings)
        } catch {
            // A program is not left behind without anybody to talk to.
            try? side.close(near, signals: signals)
            throw error
        }
        try side.close(near, signals: signals)
        // A way that has ended does not begin again.
        if relay.toPort.end != nil || relay.fromPort.end != nil { self.socket = nil }
        return end
    }

    private func carry(_ relay: inout Relay, since closings: Int) throws(CommandFailure) -> End {
        while true {
            switch try relay.run(watching: [signals.descriptor, presence.descriptor]) {
            case .ended where relay.fromPort.end == .endOfFile && relay.toPort.end == nil: return .port
            case .ended, .stopped: return .near
            case .timedOut: break
            case .readable:
                try signals.check()
                try presence.update()
                if side.hasEnded() {
                    // Its last words are in the socket.
                    _ = try relay.run(until: Deadline(seconds: Self.quietSeconds))
                    return .near
                }
                if presence.closings != closings {
                    try drain(&relay)
                    return .guest
                }
            }
        }
    }

    /// Carries what the guest has written before it closed the port.
    private func drain(_ relay: inout Relay) throws(CommandFailure) {
        let last = Deadline(seconds: Self.drainSeconds)
        while !last.hasPassed {
            let written = relay.fromPort.writtenByteCount
            let isWaiting = relay.fromPort.waitingByteCount > 0
            let quiet = Deadline(seconds: isWaiting ? Self.stalledSeconds : Self.quietSeconds)
            switch try relay.run(watching: [signals.descriptor, presence.descriptor], until: quiet) {
            case .readable:
                try signals.check()
                try presence.update()
                // What comes now is the next opening's.
                if presence.isOpen { return }
            case .timedOut where relay.fromPort.writtenByteCount != written: break
            case .timedOut where !isWaiting && relay.fromPort.waitingByteCount > 0: break
            case .timedOut, .ended, .stopped: return
            }
        }
    }

    /// Waits for the guest.
    private func wait(until deadline: Deadline? = nil, for condition: () -> Bool) throws(CommandFailure) {
        while !condition() {
            var entries = [signals.descriptor, presence.descriptor]
                .map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            try Readiness.wait(for: &entries, until: deadline)
            try signals.check()
            try presence.update()
        }
    }
}
