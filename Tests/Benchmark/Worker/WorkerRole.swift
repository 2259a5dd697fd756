import DriverTestSupport
import Glibc
import LinuxIO

/// One thread's work in a worker. See ``run()`` for the kinds there are.
struct WorkerRole: Sendable {
    private let kind: String
    private let numbers: [Int]
    private let isVerifying: Bool
    private let socket: Int32
    private let kick: Int32
    private let index: Int
    private let counters: SharedCounters

    /// Ends a role.
    private struct Failure: Error {
        let errno: Int32
    }

    init(_ text: String, index: Int, sockets: [Int32], kick: Int32, counters: SharedCounters) throws {
        let words = text.split(separator: ":").map(String.init)
        let numbers = words.dropFirst().compactMap { Int($0) }
        guard let kind = words.first, let connection = numbers.first, sockets.indices.contains(connection) else {
            throw BenchmarkError("no such role: \(text)")
        }
        self.kind = kind
        self.numbers = Array(numbers.dropFirst())
        isVerifying = words.last == "verify"
        socket = sockets[connection]
        self.kick = kick
        self.index = index
        self.counters = counters
    }

    /// Does the work until it is told to end.
    func run() {
        do throws(Failure) {
            switch kind {
            case "sink": try sink()
            case "source": try source(byteCount: numbers[0])
            case "ping": try ping(byteCount: numbers[0])
            case "gather": try gather(areaByteCount: numbers[0], pieceByteCount: numbers[1])
            case "scatter": try scatter(areaByteCount: numbers[0], pieceByteCount: numbers[1])
            case "relay": try relay(byteCount: numbers[0])
            case "poll": try pollPorts(perSecond: numbers[0])
            default: throw Failure(errno: EINVAL)
            }
            counters[index, .finished] = 1
        } catch {
            counters[index, .finished] = 1 + UInt64(error.errno)
        }
    }

    private var mustStop: Bool { counters[index, .stop] != 0 }

    // MARK: The programs at a port's socket

    /// Takes all bytes with large reads, as a program does that wants them fast; the same for every device.
    private func sink() throws(Failure) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 4096)
        defer { unsafe buffer.deallocate() }
        var count: UInt64 = 0
        while count < counters[index, .expected] {
            let received = try unsafe receive(buffer)
            if isVerifying, counters[index, .mismatch] == 0, received > 0, let base = buffer.baseAddress,
                let place = unsafe StreamPattern.firstMismatch(base, received, at: count)
            {
                counters[index, .mismatch] = place + 1
            }
            count += UInt64(received)
            counters[index, .count] = count
        }
        guard count == counters[index, .expected] else { throw Failure(errno: EOVERFLOW) }
    }

    /// Writes blocks of a fixed size; when verifying, of all sizes up to that.
    private func source(byteCount: Int) throws(Failure) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 4096)
        defer { unsafe buffer.deallocate() }
        unsafe buffer.initializeMemory(as: UInt8.self, repeating: 0xaa)
        var count: UInt64 = 0
        while !mustStop {
            var length = byteCount
            if isVerifying, let base = buffer.baseAddress {
                length = 1 + Int((count &* 2_654_435_761) % UInt64(byteCount))
                unsafe StreamPattern.fill(base, length, at: count)
            }
            try unsafe sendAll(UnsafeMutableRawBufferPointer(rebasing: buffer[..<length]))
            count += UInt64(length)
            counters[index, .count] = count
        }
    }

    /// Sends a message, waits for its echo, and measures the time between.
    private func ping(byteCount: Int) throws(Failure) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 64)
        let echo = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 64)
        defer {
            unsafe buffer.deallocate()
            unsafe echo.deallocate()
        }
        var latencies = Latencies()
        var trips: UInt64 = 0
        while !mustStop {
            unsafe buffer.initializeMemory(as: UInt8.self, repeating: UInt8(truncatingIfNeeded: trips))
            let isRecorded = counters[index, .recording] != 0
            let start = MonotonicClock.nanoseconds()
            try unsafe sendAll(buffer)
            try unsafe receiveAll(echo)
            let time = MonotonicClock.nanoseconds() - start
            guard unsafe buffer.elementsEqual(echo) else { throw Failure(errno: EILSEQ) }
            if isRecorded { latencies.add(time) }
            trips += 1
            counters[index, .count] = trips
        }
        latencies.sort()
        counters[index, .p50] = latencies.percentile(0.5)
        counters[index, .p90] = latencies.percentile(0.9)
        counters[index, .p99] = latencies.percentile(0.99)
        counters[index, .p999] = latencies.percentile(0.999)
    }

    // MARK: The program at the control socket

    /// Asks for the daemon's ports so many times a second, as a monitor does, and takes the answer.
    private func pollPorts(perSecond: Int) throws(Failure) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)
        defer { unsafe buffer.deallocate() }
        try unsafe receiveLine(buffer)
        try unsafe ask("qmp_capabilities", buffer)
        while !mustStop {
            try unsafe ask("query-ports", buffer)
            counters[index, .count] += 1
            usleep(UInt32(1_000_000 / perSecond))
        }
    }

    private func ask(_ command: String, _ buffer: UnsafeMutableRawBufferPointer) throws(Failure) {
        let line = Array("{\"execute\":\"\(command)\"}\n".utf8)
        unsafe buffer.copyBytes(from: line)
        try unsafe sendAll(UnsafeMutableRawBufferPointer(rebasing: buffer[..<line.count]))
        try unsafe receiveLine(buffer)
    }

    /// Takes what comes up to a line's end. There is one line for each question: nobody comes or goes meanwhile, so
    /// there are no events.
    private func receiveLine(_ buffer: UnsafeMutableRawBufferPointer) throws(Failure) {
        var patience = 50
        while patience > 0 {
            let received = try unsafe receive(buffer)
            if received > 0, unsafe buffer[received - 1] == UInt8(ascii: "\n") { return }
            if received == 0 { patience -= 1 }
        }
        throw Failure(errno: ETIMEDOUT)
    }

    // MARK: The limit's process in the place of the device

    /// Sends from a shared memory file, many pieces with one call.
    private func gather(areaByteCount: Int, pieceByteCount: Int) throws(Failure) {
        var batches = PieceBatches(areaByteCount: areaByteCount, pieceByteCount: pieceByteCount)
        var count: UInt64 = 0
        while !mustStop {
            var message = unsafe batches.next()
            let total = batches.batchByteCount
            let sent = unsafe sendmsg(socket, &message, Int32(MSG_NOSIGNAL))
            guard sent == total else { throw Failure(errno: sent < 0 ? errno : EPIPE) }
            count += UInt64(total)
            counters[index, .count] = count
        }
    }

    /// Receives into a shared memory file, into many pieces with one call.
    private func scatter(areaByteCount: Int, pieceByteCount: Int) throws(Failure) {
        var batches = PieceBatches(areaByteCount: areaByteCount, pieceByteCount: pieceByteCount)
        var count: UInt64 = 0
        while count < counters[index, .expected] {
            var message = unsafe batches.next()
            let received = unsafe recvmsg(socket, &message, 0)
            if received < 0, errno == EAGAIN || errno == EINTR { continue }
            guard received > 0 else { throw Failure(errno: received < 0 ? errno : EPIPE) }
            count += UInt64(received)
            counters[index, .count] = count
        }
    }

    /// Takes a message, tells the driver by a word in shared memory, waits for its eventfd, and answers.
    private func relay(byteCount: Int) throws(Failure) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 64)
        defer { unsafe buffer.deallocate() }
        var trips: UInt64 = 0
        while !mustStop {
            let first = try unsafe receive(buffer)
            guard first > 0 else { continue }
            try unsafe receiveAll(UnsafeMutableRawBufferPointer(rebasing: buffer[first...]))
            trips += 1
            counters[index, .count] = trips
            var value: UInt64 = 0
            guard unsafe read(kick, &value, 8) == 8 else { throw Failure(errno: errno) }
            try unsafe sendAll(buffer)
        }
    }

    // MARK: The socket

    /// One read; 0 when nothing came for a tenth of a second.
    private func receive(_ buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        let received = unsafe recv(socket, buffer.baseAddress, buffer.count, 0)
        if received > 0 { return received }
        guard received < 0 else { throw Failure(errno: EPIPE) }
        guard errno == EAGAIN || errno == EINTR else { throw Failure(errno: errno) }
        return 0
    }

    private func receiveAll(_ buffer: UnsafeMutableRawBufferPointer) throws(Failure) {
        var done = 0
        var patience = 50
        while done < buffer.count {
            let received = try unsafe receive(UnsafeMutableRawBufferPointer(rebasing: buffer[done...]))
            done += received
            if received == 0 { patience -= 1 }
            guard patience > 0 else { throw Failure(errno: ETIMEDOUT) }
        }
    }

    private func sendAll(_ buffer: UnsafeMutableRawBufferPointer) throws(Failure) {
        var done = 0
        while done < buffer.count {
            let sent = unsafe send(
                socket, buffer.baseAddress?.advanced(by: done), buffer.count - done, Int32(MSG_NOSIGNAL))
            if sent > 0 { done += sent }
            guard sent > 0 || errno == EINTR else { throw Failure(errno: errno) }
        }
    }
}
