import Glibc
import LinuxIO

/// The machine's side of QEMU's qtest protocol: ports and memory are read and written by lines of text.
///
/// Only for setting up: each access is a turn of QEMU's main loop.
final class QTest {
    private let stream: UnixStream
    private var rest: [UInt8] = []

    init(path: String) throws {
        stream = try UnixStream.connect(to: UnixAddress(path))
        _ = fcntl(stream.rawValue, F_SETFL, 0)
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        unsafe setsockopt(stream.rawValue, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    /// Sizes of an access, by the letter that the protocol has for them.
    enum Width: String {
        case byte = "b"
        case word = "w"
        case long = "l"
    }

    func read(_ width: Width, at address: UInt64) throws -> UInt64 {
        try value(of: "read\(width.rawValue) \(Self.hex(address))")
    }

    func write(_ width: Width, at address: UInt64, _ value: UInt64) throws {
        _ = try send("write\(width.rawValue) \(Self.hex(address)) \(Self.hex(value))")
    }

    func input(_ port: UInt16) throws -> UInt32 {
        UInt32(truncatingIfNeeded: try value(of: "inl \(Self.hex(UInt64(port)))"))
    }

    func output(_ port: UInt16, _ value: UInt32) throws {
        _ = try send("outl \(Self.hex(UInt64(port))) \(Self.hex(UInt64(value)))")
    }

    private static func hex(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }

    private func value(of command: String) throws -> UInt64 {
        let words = try send(command).split(separator: " ")
        guard words.count == 2, let value = UInt64(words[1].dropFirst(2), radix: 16) else {
            throw BenchmarkError("qtest: \(command): no value")
        }
        return value
    }

    /// Sends one line, and returns the answer.
    private func send(_ command: String) throws -> String {
        let line = Array((command + "\n").utf8)
        guard unsafe Glibc.write(stream.rawValue, line, line.count) == line.count else {
            throw BenchmarkError("qtest: QEMU does not listen")
        }
        while true {
            let answer = try receive()
            // Interrupts of other devices are told at any time.
            if answer.hasPrefix("IRQ ") { continue }
            guard answer.hasPrefix("OK") else { throw BenchmarkError("qtest: \(command): \(answer)") }
            return answer
        }
    }

    private func receive() throws -> String {
        while true {
            if let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: rest[..<end], as: UTF8.self)
                rest.removeSubrange(...end)
                return line
            }
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = unsafe recv(stream.rawValue, &buffer, buffer.count, 0)
            guard count > 0 else { throw BenchmarkError("qtest: QEMU does not answer") }
            rest += buffer[..<count]
        }
    }
}
