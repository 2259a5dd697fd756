import ControlProtocol
import FoundationEssentials
import LinuxIO
import Logging

/// Captures: their packets' way from the device thread to a file or a connection.
extension ControlServer {
    /// Watches captures that have begun.
    func watchCaptures() {
        for capture in commands.captures.running
        where capture.hasBegun && !watchedCaptures.contains(capture.tap.number) {
            do {
                try epoll.add(capture.tap.descriptor, interest: .readable, token: Self.token(of: capture))
                watchedCaptures.insert(capture.tap.number)
            } catch {
                stop(capture, because: "\(error)")
            }
        }
    }

    /// Packets wait.
    func captureHasData(_ number: Int) {
        guard let capture = commands.captures.capture(number) else { return }
        guard let connection = capture.connection else {
            do throws(CaptureFile.End) {
                try capture.write()
            } catch {
                stop(capture, because: "\(error)")
            }
            return
        }
        guard let connection = connections[connection], connection.unsentByteCount <= Self.streamByteCount else {
            // It waits in the tap, which is bounded, until the connection has read.
            return watch(capture, interest: [])
        }
        let piece = capture.takePiece()
        guard !piece.isEmpty else { return }
        send(piece, of: capture, to: connection)
        settle(connection)
    }

    private func send(_ piece: [UInt8], of capture: Capture, to connection: ControlConnection) {
        let data: [String: JSONValue] = [
            "capture": .integer(Int64(capture.tap.number)), "data": .string(Data(piece).base64EncodedString()),
        ]
        connection.send(encode(ControlEvent(.captureData, data: data, timestamp: .init(.now()))))
    }

    /// The connection has read: its streams go on.
    func resumeStreams(to connection: ControlConnection) {
        guard connection.unsentByteCount <= Self.streamByteCount else { return }
        for capture in commands.captures.running where capture.connection == connection.number {
            watch(capture, interest: .readable)
        }
    }

    private func watch(_ capture: Capture, interest: Epoll.Interest) {
        guard watchedCaptures.contains(capture.tap.number) else { return }
        do {
            try epoll.modify(capture.tap.descriptor, interest: interest, token: Self.token(of: capture))
        } catch {
            stop(capture, because: "\(error)")
        }
    }

    // MARK: Ending

    /// The device's answer to `capture-stop`: everything is in the tap that there will be.
    func finishStopping(_ capture: Capture, _ answer: DeviceAnswer) throws(ControlFailure) -> CaptureTotals {
        guard case .done = answer else { throw ControlCommands.failure(of: answer) }
        // Somebody else was quicker, or it has ended by itself meanwhile.
        guard commands.captures.capture(capture.tap.number) != nil else {
            throw ControlCommands.noCapture(capture.tap.number)
        }
        return end(capture, because: "by capture-stop")
    }

    /// The capture ends without having been asked to.
    private func stop(_ capture: Capture, because reason: String) {
        log.warning("capture \(capture.tap.number) ends: \(reason)")
        tellDevice(of: capture)
        end(capture, because: reason)
    }

    /// The daemon ends, and nothing more comes: what runs gets its last packets and its end.
    func endCaptures() {
        while let capture = commands.captures.running.first { end(capture, because: "the daemon ends") }
    }

    /// Their connection listens no more.
    func abandonStreams(to connection: ControlConnection) {
        for capture in commands.captures.running where capture.connection == connection.number {
            tellDevice(of: capture)
            letGo(capture)
        }
    }

    /// Nobody waits for its answer.
    private func tellDevice(of capture: Capture) {
        mailbox.send(.perform(.stopCapture(capture.tap.number), ticket: 0))
    }

    /// Sends a stream its last piece, writes a file's end, and tells everybody.
    @discardableResult
    private func end(_ capture: Capture, because reason: String) -> CaptureTotals {
        if let connection = capture.connection.flatMap({ connections[$0] }) {
            let hasRoom = connection.unsentByteCount <= Self.streamByteCount
            send(capture.takeLastPiece(keepingPackets: hasRoom), of: capture, to: connection)
        }
        letGo(capture)
        let totals = capture.totals
        tell(
            ControlEvent(
                .captureStopped,
                data: [
                    "capture": .integer(Int64(capture.tap.number)),
                    "packets": .integer(Int64(clamping: totals.packets)),
                    "bytes": .integer(Int64(clamping: totals.bytes)), "lost": .integer(Int64(clamping: totals.lost)),
                    "reason": .string(reason),
                ], timestamp: .init(.now())))
        return totals
    }

    private func letGo(_ capture: Capture) {
        if watchedCaptures.remove(capture.tap.number) != nil {
            // Closing an eventfd that the device thread still holds a reference of leaves it in epoll.
            try? epoll.remove(capture.tap.descriptor)
        }
        commands.captures.end(capture)
    }

    private static func token(of capture: Capture) -> EventToken {
        EventToken(kind: captureKind, index: 0, generation: UInt32(truncatingIfNeeded: capture.tap.number))
    }
}
