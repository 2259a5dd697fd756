import Glibc
import MachineTestSupport

extension GuestMachine {
    /// Moves bytes both ways through that many ports at once and compares checksums.
    ///
    /// - Throws: ``BenchmarkError`` when a byte is missing or is not what was sent.
    func verify(ports: Int, byteCount: Int) throws {
        let (host, lines) = try run("verify", byteCount: byteCount, seconds: 0, ports: ports) { streams in
            try GuestVerification.exchange(streams, byteCount: byteCount)
        }
        let guest = GuestReport(lines)
        guard guest.sent == ports * byteCount, guest.received == ports * byteCount else {
            throw BenchmarkError("the guest sent \(guest.sent) bytes and received \(guest.received)")
        }
        let received = guest.checksums.filter { $0.key.hasSuffix("received") }.values.map { String($0) }.sorted()
        let sent = guest.checksums.filter { $0.key.hasSuffix("sent") }.values.map { String($0) }.sorted()
        guard received == host.sent.sorted() else { throw BenchmarkError("wrong bytes arrived in the guest") }
        guard sent == host.received.sorted() else { throw BenchmarkError("wrong bytes arrived on the host") }
    }
}

/// The host's half of a verification.
enum GuestVerification {
    /// FNV-1a, as in guest/src/bench.c.
    private struct Checksum: CustomStringConvertible {
        private var value: UInt64 = 0xcbf2_9ce4_8422_2325

        mutating func add(_ bytes: some Sequence<UInt8>) {
            for byte in bytes { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
        }

        var description: String { String(value, radix: 16) }
    }

    /// Sends pseudo-random bytes to all and receives as many from each.
    ///
    /// - Returns: the checksums, of each stream.
    static func exchange(
        _ streams: [SocketStream], byteCount: Int
    ) throws -> (sent: [String], received: [String]) {
        let pattern = (0..<(1 << 20)).map { _ in UInt8.random(in: 0...255) }
        let deadline = MachineTestSupport.Deadline(within: .seconds(60))
        var sent = streams.map { _ in (count: 0, checksum: Checksum()) }
        var received = sent
        while !(sent + received).allSatisfy({ $0.count == byteCount }) {
            var didMove = false
            for (index, stream) in streams.enumerated() {
                if sent[index].count < byteCount {
                    // Another place of the pattern for each stream: bytes that change places are seen.
                    let from = (sent[index].count + index * 4099) % pattern.count
                    let piece = pattern[from..<min(pattern.count, from + min(50_000, byteCount - sent[index].count))]
                    let count = try stream.sendNow(piece)
                    sent[index].checksum.add(piece.prefix(count))
                    sent[index].count += count
                    didMove = didMove || count > 0
                }
                if received[index].count < byteCount,
                    case .bytes(let bytes)? = try stream.receiveNow(
                        upTo: min(65536, byteCount - received[index].count))
                {
                    received[index].checksum.add(bytes)
                    received[index].count += bytes.count
                    didMove = true
                }
            }
            if didMove { continue }
            guard !deadline.hasPassed else {
                throw BenchmarkError(
                    "nothing moves: sent \(sent.map(\.count)), received \(received.map(\.count)) of \(byteCount)")
            }
            var entries = zip(sent, zip(received, streams)).map { sent, other in
                pollfd(
                    fd: other.1.descriptor,
                    events: Int16(
                        (sent.count < byteCount ? POLLOUT : 0) | (other.0.count < byteCount ? POLLIN : 0)),
                    revents: 0)
            }
            _ = unsafe poll(&entries, nfds_t(entries.count), deadline.milliseconds)
        }
        return (sent.map { "\($0.checksum)" }, received.map { "\($0.checksum)" })
    }
}
