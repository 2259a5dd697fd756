import MachineTestSupport

extension GuestMachine {
    /// Does one work for so long.
    ///
    /// - Returns: the measures, as in ``Sample/measures``; `nil` when the device has no such work.
    func measure(_ work: GuestWork, seconds: Double) throws -> [String: Double]? {
        switch work.kind {
        case .console where device.kind == .vsock: nil
        case .roundTrip: try trips(work, seconds: seconds)
        default: try throughput(work, seconds: seconds)
        }
    }

    private func trips(_ work: GuestWork, seconds: Double) throws -> [String: Double] {
        let processes = try processes
        return try run(work.program, byteCount: max(4096, work.byteCount), seconds: 0, ports: 1) { streams in
            try GuestTrips.measure(
                streams[0], byteCount: work.byteCount, seconds: seconds, processes: processes)
        }.0
    }

    private func throughput(_ work: GuestWork, seconds: Double) throws -> [String: Double] {
        let processes = try processes
        let writeSize = [.toGuest, .both].contains(work.kind) ? work.byteCount : 0
        let ((count, received, sent), lines) = try run(
            work.program, byteCount: work.byteCount, seconds: seconds, ports: work.portCount,
            console: work.kind == .console
        ) { streams in
            var transfer = GuestTransfer(streams, writeSize: writeSize, processes: processes)
            let count = try transfer.run(seconds: seconds, receivesToEnd: work.kind != .toGuest)
            return (count, transfer.received.reduce(0, +), transfer.sent)
        }
        let report = GuestReport(lines)
        // The byte with which a reader says that it is ready is in no report.
        let arrived = received - (work.kind == .toGuest ? 1 : 0)
        // A console never lets the guest wait: ours (docs/ports.md) and QEMU's drop what a slow client does not take.
        let mayLose = work.kind == .console
        if !mayLose { try check(report.sent, arrived, "to the host") }
        try check(sent, report.received, "to the guest")

        // Each direction by the clock of its receiver.
        let toHost = count.received.map { Double($0) / count.seconds / Double(1 << 20) }
        let toGuest = report.mibPerSecond
        let total = toHost.reduce(0, +)
        var measures = ["mib_per_s": writeSize > 0 ? toGuest : total, "others_load": count.othersLoad]
        if work.kind == .both {
            measures["mib_per_s"] = total + toGuest
            measures["to_host_mib_per_s"] = total
            measures["to_guest_mib_per_s"] = toGuest
        }
        if work.kind == .eightPorts { measures["slowest_to_mean"] = (toHost.min() ?? 0) / total * Double(toHost.count) }
        if mayLose { measures["lost_share"] = 1 - Double(arrived) / Double(max(1, report.sent)) }
        let gib = Double(count.received.reduce(0, +) + count.sent) / Double(1 << 30)
        for (name, time) in count.processors { measures["cpu_s_per_gib.\(name)"] = time / gib }
        return measures
    }

    private func check(_ sent: Int, _ received: Int, _ direction: String) throws {
        guard sent == received else {
            throw BenchmarkError("\(direction): \(sent) bytes were sent, \(received) arrived")
        }
    }
}

/// What guest/src/bench.c says when it ends.
struct GuestReport {
    private(set) var sent = 0
    private(set) var received = 0
    /// What arrived in the guest, by its own clock.
    private(set) var mibPerSecond = 0.0
    /// By port and direction.
    private(set) var checksums: [String: Substring] = [:]

    /// From lines such as `port0 sent 12345` and `port0 received 12345 counted 1234 us 1000000`.
    init(_ lines: [[Substring]]) {
        for words in lines where words.count >= 3 {
            let count = Int(words[2]) ?? 0
            switch words[1] {
            case "sent": sent += count
            case "received": received += count
            default: continue
            }
            if words.count == 5 { checksums["\(words[0]) \(words[1])"] = words[4] }
            if words.count == 7, let counted = Double(words[4]), let time = Double(words[6]), time > 0 {
                mibPerSecond += counted / time * 1e6 / Double(1 << 20)
            }
        }
    }
}
