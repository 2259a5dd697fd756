import Glibc

/// A client of one port's host socket.
package final class PortClient {
    package let port: String
    private let stream: SocketStream
    /// Received beyond the end of a line.
    private var pending: [UInt8] = []

    package init(of port: String, in directory: String, within duration: Duration = .seconds(10)) throws {
        self.port = port
        stream = try .connect(port, to: "\(directory)/\(port)", within: duration)
    }

    package func send(_ bytes: [UInt8], within duration: Duration = .seconds(60)) throws {
        try stream.send(bytes, by: Deadline(within: duration))
    }

    package func send(line: String) throws { try send(Array("\(line)\n".utf8)) }

    /// Sends as much as goes until the socket has been full for `duration`.
    ///
    /// - Returns: how many of the bytes went.
    package func sendUntilBlocked(_ bytes: [UInt8], for duration: Duration = .milliseconds(500)) throws -> Int {
        var rest = bytes[...]
        repeat {
            rest = try rest.dropFirst(stream.sendNow(rest))
        } while !rest.isEmpty && stream.poll(for: POLLOUT, by: Deadline(within: duration)) & POLLOUT != 0
        return bytes.count - rest.count
    }

    /// Exactly `count` bytes.
    package func receive(_ count: Int, within duration: Duration = .seconds(60)) throws -> [UInt8] {
        try exchange(sending: [], receiving: count, within: duration)
    }

    /// Sends and receives at the same time, until all of both is done.
    package func exchange(
        sending bytes: [UInt8], receiving count: Int, within duration: Duration = .seconds(60)
    ) throws -> [UInt8] {
        let deadline = Deadline(within: duration)
        var rest = bytes[...]
        var received = takePending(upTo: count)
        while !rest.isEmpty || received.count < count {
            if !rest.isEmpty { rest = try rest.dropFirst(stream.sendNow(rest)) }
            if received.count < count {
                switch try stream.receiveNow(upTo: min(1 << 16, count - received.count)) {
                case .bytes(let more): received += more
                case nil: break
                case let end?: throw Failure("\(port): \(end) after \(received.count) of \(count) bytes")
                }
            }
            try expect(
                !deadline.hasPassed,
                "\(port): after \(duration) \(rest.count) of \(bytes.count) bytes not sent, "
                    + "\(received.count) of \(count) received")
            let wanted = (rest.isEmpty ? 0 : POLLOUT) | (received.count < count ? POLLIN : 0)
            if wanted != 0 { _ = stream.poll(for: wanted, by: deadline) }
        }
        return received
    }

    /// The next line, without its end.
    package func receiveLine(within duration: Duration = .seconds(60)) throws -> String {
        let deadline = Deadline(within: duration)
        while true {
            if let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
                return String(decoding: takePending(upTo: end + 1).dropLast(), as: UTF8.self)
            }
            switch try stream.receive(upTo: 1 << 16, by: deadline) {
            case .bytes(let more): pending += more
            case let end: throw Failure("\(port): \(end) in the middle of a line")
            }
        }
    }

    /// Everything that is there now, without waiting.
    package func receiveNow() throws -> [UInt8] {
        var received = takePending(upTo: .max)
        while case .bytes(let more) = try stream.receiveNow(upTo: 1 << 16) { received += more }
        return received
    }

    /// Fails unless the peer ends the stream and sends nothing before.
    package func expectEndOfFile(within duration: Duration = .seconds(10)) throws {
        try expectEqual(try stream.receive(upTo: 1, by: Deadline(within: duration)), .endOfFile, port)
    }

    /// Fails when the peer has ended the stream.
    package func expectConnected() throws {
        try expect(!stream.hasEnded, "\(port): the connection has ended")
    }

    package func close() { stream.close() }

    package func shutdownSend() { stream.shutdownSend() }

    private func takePending(upTo count: Int) -> [UInt8] {
        defer { pending.removeFirst(min(count, pending.count)) }
        return Array(pending.prefix(count))
    }
}
