import BasicContainers
import LinuxIO
import Logging
import VirtioConsole

/// What is measured while bytes move, and what is told when they do not.
extension DeviceLoop {
    /// How long somebody waits before it is told.
    static let throttledNanoseconds: UInt64 = 1_000_000_000

    /// The end of a port's turn: what waits now for somebody else. With the counts that the turn began with.
    mutating func noteStalls(port: Int, toHostBytes: UInt64, toGuestBytes: UInt64) {
        let waitsForClient = endpoints[port].awaitsWritable
        // With the turn's budget used up it is we who go on.
        let waitsForGuest =
            endpoints[port].mayHaveBytes && device.ports[port].canReceive && !busyPorts.contains(port)
            && !waitsForRate(port: port)
        meters[port].toHost.note(
            isStalled: waitsForClient, hasMoved: device.ports[port].counters.toHostBytes != toHostBytes,
            now: MonotonicClock.nanoseconds())
        meters[port].toGuest.note(
            isStalled: waitsForGuest, hasMoved: device.ports[port].counters.toGuestBytes != toGuestBytes,
            now: MonotonicClock.nanoseconds())
        if waitsForClient || waitsForGuest {
            awaitThrottling(port: port)
        }
    }

    /// Everything that the guest had offered is with its receiver.
    mutating func noteDrained(port: Int) {
        guard let kickedAt = meters[port].kickedAt else { return }
        meters[port].kickedAt = nil
        meters[port].latency.record(nanoseconds: MonotonicClock.nanoseconds() &- kickedAt)
    }

    // MARK: Due later

    /// When the port's earliest deadline is.
    func meterDeadline(port: Int) -> UInt64? {
        var deadline = meters[port].openDeadline
        guard mailbox.reportsEvents else { return deadline }
        for since in [meters[port].toHost.unreportedSince, meters[port].toGuest.unreportedSince].compactMap(\.self) {
            deadline = min(deadline ?? .max, since &+ Self.throttledNanoseconds)
        }
        return deadline
    }

    /// Tells what is due.
    mutating func reportOverdue(port: Int, now: UInt64) {
        guard let configuration = endpoints[port].configuration else { return }
        reportThrottling(port: port, configuration.name, now: now)
        if let deadline = meters[port].openDeadline, deadline <= now {
            meters[port].openDeadline = nil
            let nanoseconds = configuration.expectOpenNanoseconds ?? 0
            portWarning(
                port,
                "the guest has not opened the port within \(Double(nanoseconds) / 1e9) seconds of its driver's start")
            mailbox.report(.portNotOpened(configuration.name, nanoseconds: nanoseconds))
        }
    }

    private mutating func reportThrottling(port: Int, _ name: String, now: UInt64) {
        if let since = meters[port].toHost.unreportedSince, now &- since >= Self.throttledNanoseconds {
            meters[port].toHost.isReported = true
            mailbox.report(.portThrottled(name, .toHost, nanoseconds: now &- since))
        }
        if let since = meters[port].toGuest.unreportedSince, now &- since >= Self.throttledNanoseconds {
            meters[port].toGuest.isReported = true
            mailbox.report(.portThrottled(name, .toGuest, nanoseconds: now &- since))
        }
    }

    /// The guest's driver has begun, or has been told of a new port.
    mutating func expectOpening(port: Int) {
        guard let nanoseconds = endpoints[port].configuration?.expectOpenNanoseconds else { return }
        let deadline = MonotonicClock.nanoseconds() &+ nanoseconds
        meters[port].openDeadline = deadline
        armTimer(for: deadline)
    }

    private mutating func awaitThrottling(port: Int) {
        guard mailbox.reportsEvents, let deadline = meterDeadline(port: port) else { return }
        armTimer(for: deadline)
    }
}

extension StallMeter {
    /// Since when bytes wait, when nobody was told yet.
    var unreportedSince: UInt64? {
        isReported ? nil : since
    }
}
