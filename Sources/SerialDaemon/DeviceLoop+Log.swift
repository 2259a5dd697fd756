import BasicContainers
import LinuxIO
import Logging
import Virtio
import VirtioConsole

/// What the operator gets to read. Lines that a guest or a client can cause at will are limited for each port.
extension DeviceLoop {
    mutating func portInfo(_ port: Int, _ text: @autoclosure () -> String) {
        guard log.logLevel <= .info, let heldBack = portLimits[port].admit(now: MonotonicClock.nanoseconds()) else {
            return
        }
        portLine(port, .info, text(), heldBack)
    }

    mutating func portWarning(_ port: Int, _ text: @autoclosure () -> String) {
        guard let heldBack = portWarningLimits[port].admit(now: MonotonicClock.nanoseconds()) else { return }
        portLine(port, .warning, text(), heldBack)
    }

    mutating func ringLine(_ level: Logger.Level, _ text: @autoclosure () -> String) {
        guard let heldBack = ringLimit.admit(now: MonotonicClock.nanoseconds()) else { return }
        log.log(level: level, "\(text())\(Self.suffix(heldBack))")
    }

    mutating func deviceLine(_ level: Logger.Level, _ text: @autoclosure () -> String) {
        guard log.logLevel <= level, let heldBack = deviceLimit.admit(now: MonotonicClock.nanoseconds()) else { return }
        log.log(level: level, "\(text())\(Self.suffix(heldBack))")
    }

    private func portLine(_ port: Int, _ level: Logger.Level, _ text: String, _ heldBack: Int) {
        let name = endpoints[port].configuration?.name ?? "number \(port)"
        log.log(level: level, "\(text)\(Self.suffix(heldBack))", metadata: ["port": "\(name)"])
    }

    private static func suffix(_ heldBack: Int) -> String {
        heldBack > 0 ? " (\(heldBack) lines like it were held back)" : ""
    }

    /// Says at the end what nobody will get any more.
    mutating func logUndelivered() {
        for port in 0..<endpoints.count {
            guard let name = endpoints[port].configuration?.name else { continue }
            let kept = endpoints[port].replayByteCount
            if kept > 0 {
                log.warning("\(kept) bytes of the guest were kept for a client and go", metadata: ["port": "\(name)"])
            }
            let unread = endpoints[port].unreadByteCount
            if unread > 0 {
                log.warning("\(unread) bytes of the client have not been read and go", metadata: ["port": "\(name)"])
            }
            let discarded = device.ports[port].counters.discardedBytes
            if discarded > 0 {
                log.info("\(discarded) bytes of the guest were thrown away in all", metadata: ["port": "\(name)"])
            }
            let neverRead = device.ports[port].counters.unreadBytes
            if neverRead > 0 {
                log.info("\(neverRead) bytes of clients did not reach the guest in all", metadata: ["port": "\(name)"])
            }
        }
    }
}
