import DriverTestSupport
import Glibc
import MachineTestSupport

/// A daemon in a process of its own, with a guest and clients in this one: one thread plays all of them, turn by turn.
final class Rig {
    let daemon: Daemon
    let directory: String
    private let layout: GuestDriver.Layout
    private var current: Guest?
    private(set) var traffic: [Traffic] = []

    /// Starts a daemon with ports `p1`, `p2`… and a guest that has all of them open.
    convenience init(
        _ setting: FaultSetting, portCount: Int, portOptions: (Int) -> [String] = { _ in [] }, arguments: [String] = [],
        log: String? = nil
    ) throws {
        let daemon = try setting.startDaemon(
            portCount: portCount, portOptions: portOptions, arguments: arguments, log: log)
        self.init(daemon, setting)
        try bootGuest(ports: 1...portCount)
    }

    /// Takes a daemon over that was started with this setting; there is no guest yet.
    init(_ daemon: Daemon, _ setting: FaultSetting) {
        self.daemon = daemon
        directory = setting.directory
        layout = setting.layout
    }

    /// The daemon's socket for front-ends.
    var socket: String { "\(directory)/vhost.sock" }

    /// The socket of a port's clients.
    func clientSocket(_ port: Int) -> String { "\(directory)/p\(port)" }

    // MARK: The guest

    var guest: Guest {
        get throws {
            guard let current else { throw Failure("there is no guest now") }
            return current
        }
    }

    /// Brings up a guest, in the place of one that is gone.
    func bootGuest(ports: some Sequence<Int>, queueSize: Int = 128) throws {
        current = try Guest(socket: socket, ports: Array(ports), layout: layout, queueSize: queueSize)
    }

    /// The guest's process is gone, with its memory and its front-end's socket; what was on its way is lost.
    func killGuest() {
        abandonTraffic()
        current = nil
    }

    /// Connects as the next front-end and goes again.
    ///
    /// - Returns: how long the daemon took to give the first answer.
    func timeToServeFrontend() throws -> Duration {
        let start = ContinuousClock.now
        try Guest.expectService(at: socket)
        return start.duration(to: .now)
    }

    // MARK: Traffic

    /// Puts a client to a port, which the guest is told of, and lets bytes move.
    @discardableResult
    func start(_ kind: Traffic.Kind = .verified, port: Int) throws -> Traffic {
        try start(kind, port: port, StreamClient(to: clientSocket(port)))
    }

    /// Lets bytes move between a port and a client that is there.
    @discardableResult
    func start(_ kind: Traffic.Kind = .verified, port: Int, _ client: StreamClient) throws -> Traffic {
        try guest.driver.control.waitForClients(of: [port])
        let new = try Traffic(guest.port(port), client, kind)
        traffic.append(new)
        return new
    }

    // MARK: Turns

    /// Does what there is to do for guest and clients; waits for a moment when that is nothing.
    func turn() throws {
        var didWork = try guest.pump()
        for one in traffic where try one.turn() { didWork = true }
        if !didWork { try waitForEvent() }
    }

    /// Waits for the device's call or a client's socket, and at most a millisecond: a call that was missed costs no
    /// more.
    private func waitForEvent() throws {
        let call = try guest.callDescriptor
        var entries = [pollfd(fd: call, events: Int16(POLLIN), revents: 0)]
        for one in traffic where one.kind.clientReads && !one.client.hasEnded {
            let events = POLLIN | (one.waitsForRoom ? POLLOUT : 0)
            entries.append(pollfd(fd: one.client.descriptor, events: Int16(events), revents: 0))
        }
        _ = unsafe poll(&entries, nfds_t(entries.count), 1)
        var count: UInt64 = 0
        _ = unsafe read(call, &count, 8)
    }

    /// Turns for so long, with `body` in between.
    func run(for duration: Duration, _ body: () throws -> Void = {}) throws {
        let end = Deadline(within: duration)
        while !end.hasPassed {
            try body()
            try turn()
        }
    }

    /// How many bytes a second a port moves, both ways, with `body` between its turns.
    ///
    /// That of the best slice: other work on the machine only ever makes a slice slower, and there are slices in which
    /// it does not.
    func bestSpeed(
        of one: Traffic, slices: Int, of duration: Duration = .milliseconds(5), _ body: () throws -> Void = {}
    ) throws -> Double {
        var best = 0.0
        for _ in 0..<slices {
            let (start, first) = (ContinuousClock.now, one.movedByteCount)
            try run(for: duration, body)
            best = max(best, Double(one.movedByteCount - first) / start.duration(to: .now).seconds)
        }
        return best
    }

    /// Turns until `condition` holds.
    func run(until what: String, within duration: Duration = .seconds(20), _ condition: () throws -> Bool) throws {
        let deadline = Deadline(within: duration)
        while try !condition() {
            try expect(!deadline.hasPassed, "\(what): not within \(duration)")
            try turn()
        }
    }

    /// Turns until each port has moved so many bytes more each way that is in use.
    func move(atLeast byteCount: UInt64) throws {
        for one in traffic {
            let (toHost, toGuest) = (one.client.receivedByteCount, one.port.receivedByteCount)
            try run(until: "port \(one.port.number) moves \(byteCount) bytes") {
                try one.check()
                return (!one.kind.guestSends || one.client.receivedByteCount >= toHost + byteCount)
                    && (!one.kind.clientSends || one.port.receivedByteCount >= toGuest + byteCount)
            }
        }
    }

    /// Stops all traffic and waits until every byte has arrived and was right.
    ///
    /// - Returns: how many bytes moved, both ways.
    @discardableResult
    func finishTraffic() throws -> UInt64 {
        for one in traffic { one.stop() }
        return try traffic.reduce(0) { try $0 + finish($1) }
    }

    /// Stops a port's traffic and waits until every byte has arrived and was right; other ports go on.
    ///
    /// - Returns: how many bytes moved, both ways.
    @discardableResult
    func finish(_ one: Traffic) throws -> UInt64 {
        one.stop()
        try run(until: "every byte of port \(one.port.number) arrives") { one.hasAllArrived }
        try one.check()
        traffic.removeAll { $0 === one }
        return one.movedByteCount
    }

    /// Lets all traffic be where it is.
    func abandonTraffic() { traffic = [] }

    /// Ends the daemon, which must go in time and without complaint.
    func finish() throws {
        let duration = try daemon.terminate()
        try expect(duration < .milliseconds(100), "the daemon took \(duration.milliseconds) ms to end")
    }
}
