import Glibc
import MachineTestSupport

/// Round trips that the host starts: it writes a message and waits for all of it to come back.
struct GuestTrips {
    private static let warmUp = 0.3
    private static let timeLimit = 10

    /// Makes trips for so long.
    ///
    /// - Returns: the measures, as in ``Sample/measures``.
    static func measure(
        _ stream: SocketStream, byteCount: Int, seconds: Double, processes: [String: pid_t]
    ) throws -> [String: Double] {
        // No poll(2) before each read, which would be measured too.
        let flags = fcntl(stream.descriptor, F_GETFL)
        _ = fcntl(stream.descriptor, F_SETFL, flags & ~O_NONBLOCK)
        defer { _ = fcntl(stream.descriptor, F_SETFL, flags) }
        var limit = timeval(tv_sec: timeLimit, tv_usec: 0)
        unsafe setsockopt(stream.descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))

        var message = [UInt8](repeating: 0, count: byteCount)
        var times: [Double] = []
        times.reserveCapacity(1 << 20)
        let start = ProcessorTime.now()
        while ProcessorTime.now() < start + warmUp { try trip(stream, &message) }
        let before = try ProcessorTime(of: processes)
        var moment = ProcessorTime.now()
        let end = moment + seconds
        while moment < end {
            try trip(stream, &message)
            let next = ProcessorTime.now()
            times.append(next - moment)
            moment = next
        }
        let after = try ProcessorTime(of: processes)
        var last: [UInt8] = [1]
        try trip(stream, &last)

        var measures = percentiles(&times)
        measures["trips"] = Double(times.count)
        measures["others_load"] = after.othersLoad(since: before)
        for (name, time) in after.since(before) {
            measures["cpu_us_per_trip.\(name)"] = time / Double(times.count) * 1e6
        }
        return measures
    }

    private static func trip(_ stream: SocketStream, _ message: inout [UInt8]) throws {
        try unsafe message.withUnsafeMutableBytes { bytes in
            let sent = unsafe send(stream.descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
            guard sent == bytes.count else { throw BenchmarkError("\(stream.name): cannot send: errno \(errno)") }
            var received = 0
            while received < bytes.count {
                let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[received...])
                let count = unsafe recv(stream.descriptor, rest.baseAddress, rest.count, 0)
                guard count > 0 else {
                    throw BenchmarkError("\(stream.name): no answer: \(count == 0 ? "the end" : "errno \(errno)")")
                }
                received += count
            }
        }
    }

    private static func percentiles(_ times: inout [Double]) -> [String: Double] {
        times.sort()
        var measures: [String: Double] = [:]
        for (name, fraction) in [("p50_us", 0.5), ("p90_us", 0.9), ("p99_us", 0.99), ("p999_us", 0.999)] {
            measures[name] = times[min(times.count - 1, Int(Double(times.count) * fraction))] * 1e6
        }
        return measures
    }
}
