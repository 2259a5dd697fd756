import LinuxIO
import VirtioConsole

/// Ports that may move only so many bytes a second. Those without a rate are asked for with one bit.
extension DeviceLoop {
    /// The port's rate is that of its configuration from now on.
    mutating func throttle(port: Int, _ configuration: PortConfiguration) {
        let now = MonotonicClock.nanoseconds()
        throttles[port].setRate(configuration.bytesPerSecond, now: now)
        if configuration.bytesPerSecond == nil {
            limitedPorts.remove(port)
        } else {
            limitedPorts.insert(port)
        }
    }

    /// The port goes, and what was measured of it.
    mutating func stopThrottling(port: Int) {
        throttles[port] = PortThrottle()
        limitedPorts.remove(port)
        throttledPorts.remove(port)
    }

    /// How many bytes may move in a direction now. With 0 the port's turn ends, and the timer brings the next.
    mutating func allowance(port: Int, _ direction: WritableKeyPath<PortThrottle, ByteThrottle>) -> Int {
        let allowance = throttles[port][keyPath: direction].allowance(now: turnStart)
        if allowance == 0 {
            throttledPorts.insert(port)
            armTimer(for: throttles[port][keyPath: direction].startWait(now: turnStart))
        }
        return allowance
    }

    /// Gives their turn to those whose wait is over.
    mutating func endThrottles(now: UInt64) {
        var ports = throttledPorts
        while let port = ports.popFirst() {
            if throttles[port].endWaits(now: now) {
                readyPorts.insert(port)
            }
            if throttles[port].resumption(after: now) == nil {
                throttledPorts.remove(port)
            }
        }
    }

    /// Whether it is the rate that the client's bytes wait for, and not the guest.
    func waitsForRate(port: Int) -> Bool {
        limitedPorts.contains(port) && throttles[port].toGuest.resumption(after: turnStart) != nil
    }
}
