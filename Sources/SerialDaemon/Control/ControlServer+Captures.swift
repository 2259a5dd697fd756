import ControlProtocol
import LinuxIO
import Logging

/// Captures: their packets' way from the device thread to a file or a connection.
extension ControlServer {
    /// Watches captures that have begun.
    func watchCaptures() {
        for capture in commands.captures.running where !watchedCaptures.contains(capture.tap.number) {
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
        guard let data = Captures.streamData(capture) else { return }
        connection.send(encode(ControlEvent(.captureData, data: data, timestamp: .init(.now()))))
        settle(connection)
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

    /// The capture ends without having been asked to.
    private func stop(_ capture: Capture, because reason: String) {
        log.warning("capture \(capture.tap.number) ends: \(reason)")
        endCapture(capture, because: reason)
    }

    /// The daemon ends, and nothing more comes: what runs gets its last packets and its end.
    func endCaptures() {
        while let capture = commands.captures.running.first { endCapture(capture, because: "the daemon ends") }
    }

    private func endCapture(_ capture: Capture, because reason: String) {
        let totals = endCapture(capture)
        tell(
            ControlEvent(
                .captureStopped,
                data: [
                    "capture": .integer(Int64(capture.tap.number)),
                    "packets": .integer(Int64(clamping: totals.packets)),
                    "bytes": .integer(Int64(clamping: totals.bytes)), "lost": .integer(Int64(clamping: totals.lost)),
                    "reason": .string(reason),
                ], timestamp: .init(.now())))
    }

    /// Lets a capture go, and tells the device thread, whose answer nobody waits for.
    @discardableResult
    func endCapture(_ capture: Capture) -> CaptureTotals {
        mailbox.send(.perform(.stopCapture(capture.tap.number), ticket: 0))
        watchedCaptures.remove(capture.tap.number)
        // Closing an eventfd that the device thread still holds a reference of leaves it in epoll.
        try? epoll.remove(capture.tap.descriptor)
        return commands.captures.end(capture)
    }

    private static func token(of capture: Capture) -> EventToken {
        EventToken(kind: captureKind, index: 0, generation: UInt32(truncatingIfNeeded: capture.tap.number))
    }
}
