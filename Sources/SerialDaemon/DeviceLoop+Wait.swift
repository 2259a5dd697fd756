import LinuxIO
import VirtioConsole

/// Waiting: asleep, or awake for a short while where that is quicker.
extension DeviceLoop {
    /// Waits until something happens, for as long as there is nothing to do.
    ///
    /// - Parameter timeoutMilliseconds: how long at most; −1 is for ever.
    /// - Throws: the host's error, when waiting itself fails.
    mutating func wait(timeoutMilliseconds: Int32) throws(SystemError) {
        let timeout = waitingTime(timeoutMilliseconds)
        guard polling.isOn, timeout != 0 else {
            return try epoll.wait(into: &events, timeoutMilliseconds: timeout)
        }
        if polling.window > 0, try pollAwake() {
            return
        }
        let start = MonotonicClock.nanoseconds()
        try epoll.wait(into: &events, timeoutMilliseconds: timeout)
        let end = MonotonicClock.nanoseconds()
        polling.slept(end &- start, now: end)
    }

    /// Asks again and again as long as the window is open; returns whether something happened.
    private mutating func pollAwake() throws(SystemError) -> Bool {
        let preemptions = ThreadUsage.preemptionCount()
        let start = MonotonicClock.nanoseconds()
        var now = start
        repeat {
            try epoll.wait(into: &events, timeoutMilliseconds: 0)
            now = MonotonicClock.nanoseconds()
        } while events.count == 0 && now &- start < polling.window
        if ThreadUsage.preemptionCount() != preemptions {
            // What happened, if anything did, was perhaps the work of the thread that we kept waiting.
            polling.wasPreempted(now: now)
        } else if events.count > 0 {
            polling.foundWork()
        } else {
            polling.foundNothing()
        }
        return events.count > 0
    }

    /// Not at all while work is left; a short while for rings that are polled because they have no kick.
    private func waitingTime(_ milliseconds: Int32) -> Int32 {
        if !readyPorts.isEmpty || controlIsReady {
            return 0
        }
        guard hasPolledRings else { return milliseconds }
        return milliseconds < 0 ? Self.pollingMilliseconds : min(milliseconds, Self.pollingMilliseconds)
    }

    /// How often rings without a kick are looked at.
    private static var pollingMilliseconds: Int32 { 1 }
}
