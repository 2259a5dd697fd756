import BasicContainers
import LinuxIO
import Logging
import VirtioConsole

/// What has to happen later: one timer for all of it.
extension DeviceLoop {
    /// How long a listener rests that could not be accepted from, for want of descriptors or memory. Level-triggered,
    /// it would be reported without end.
    private static let listenerRestNanoseconds: UInt64 = 1_000_000_000

    /// A client that is gone has bytes left that the guest does not take now.
    mutating func startLingering(port: Int) {
        guard endpoints[port].client?.lingerDeadline == nil,
            let nanoseconds = endpoints[port].configuration?.lingerNanoseconds
        else { return }
        endpoints[port].client?.lingerDeadline = MonotonicClock.nanoseconds() &+ nanoseconds
        armTimer()
    }

    /// The same for one of the other clients.
    mutating func startLingering(port: Int, watcher index: Int) {
        guard endpoints[port].watchers[index].hasHungUp, endpoints[port].watchers[index].lingerDeadline == nil,
            let nanoseconds = endpoints[port].configuration?.lingerNanoseconds
        else { return }
        let deadline = MonotonicClock.nanoseconds() &+ nanoseconds
        endpoints[port].watchers[index].lingerDeadline = deadline
        armTimer(for: deadline)
    }

    // MARK: Buffers that the guest gives back

    /// The guest is to kick for many buffers at once.
    mutating func waitForRefill(port: Int) {
        guard device.ports[port].isAwaitingRefill else { return }
        refillEnds[port] = MonotonicClock.nanoseconds() &+ refillNanoseconds
        refillPorts.insert(port)
        armTimer(for: refillEnds[port])
    }

    /// Waits no longer for those that do not come.
    private mutating func endRefills(now: UInt64) {
        var ports = refillPorts
        while let port = ports.popFirst() {
            guard refillEnds[port] <= now else { continue }
            refillPorts.remove(port)
            if device.ports[port].endRefill() {
                readyPorts.insert(port)
            }
        }
    }

    // MARK: Listeners that cannot accept

    /// Leaves the clients that wait at a port's listener alone for a while.
    mutating func restListener(port: Int) {
        restingListeners.insert(port)
        rest { (loop) throws(SystemError) in try loop.watchArrivals(port: port, false) }
    }

    /// The file that a port is bound to finds no room on its disk: it is tried again after a while.
    mutating func waitForRoom(port: Int) {
        guard !portsWithoutRoom.contains(port) else { return }
        portWarning(port, "there is no room on the disk: the guest waits")
        portsWithoutRoom.insert(port)
        restEnd = MonotonicClock.nanoseconds() &+ Self.listenerRestNanoseconds
        armTimer()
    }

    /// The same for front-ends.
    mutating func restFrontendListener() {
        frontendListenerRests = true
        rest { (loop) throws(SystemError) in try loop.watchFrontendListener(false) }
    }

    private mutating func rest(_ unwatch: (inout DeviceLoop) throws(SystemError) -> Void) {
        do throws(SystemError) {
            try unwatch(&self)
        } catch {
            deviceLine(.warning, "a listener cannot be left alone: \(error)")
        }
        restEnd = MonotonicClock.nanoseconds() &+ Self.listenerRestNanoseconds
        armTimer()
    }

    // MARK: The timer

    /// Has the timer fire no later than `deadline`, in monotonic nanoseconds.
    ///
    /// It may fire earlier, for something that is not waited for any more: a timer that is set anew for each short wait
    /// would cost a system call each.
    mutating func armTimer(for deadline: UInt64) {
        guard deadline < timerEnd else { return }
        let now = MonotonicClock.nanoseconds()
        do {
            // 0 would disarm it.
            try timer.arm(afterNanoseconds: deadline > now ? deadline - now : 1)
            timerEnd = deadline
        } catch {
            deviceLine(.warning, "cannot set a timer: \(error)")
        }
    }

    /// Sets the timer for all that is still to come.
    private mutating func armTimer() {
        if let restEnd {
            armTimer(for: restEnd)
        }
        for port in 0..<endpoints.count {
            if let deadline = endpoints[port].client?.lingerDeadline {
                armTimer(for: deadline)
            }
            for index in 0..<endpoints[port].watchers.count {
                if let deadline = endpoints[port].watchers[index].lingerDeadline {
                    armTimer(for: deadline)
                }
            }
            if refillPorts.contains(port) {
                armTimer(for: refillEnds[port])
            }
            if throttledPorts.contains(port), let deadline = throttles[port].resumption(after: turnStart) {
                armTimer(for: deadline)
            }
            if let deadline = meterDeadline(port: port) {
                armTimer(for: deadline)
            }
        }
    }

    /// Does what is due.
    mutating func timerFired() {
        do {
            _ = try timer.drain()
        } catch {
            deviceLine(.warning, "cannot read a timer: \(error)")
        }
        timerEnd = .max
        let now = MonotonicClock.nanoseconds()
        endRefills(now: now)
        endThrottles(now: now)
        if let end = restEnd, end <= now {
            endRest()
        }
        for port in 0..<endpoints.count {
            reportOverdue(port: port, now: now)
            endLingeringWatchers(port: port, now: now)
            guard let deadline = endpoints[port].client?.lingerDeadline, deadline <= now else { continue }
            clientLeft(port: port)
        }
        armTimer()
    }

    private mutating func endRest() {
        restEnd = nil
        while let port = portsWithoutRoom.popFirst() {
            endpoints[port].client?.isWritable = true
            readyPorts.insert(port)
        }
        do throws(SystemError) {
            if frontendListenerRests {
                frontendListenerRests = false
                try watchFrontendListener(true)
            }
            // One that cannot be accepted from this time either rests once more.
            var ports = restingListeners
            restingListeners = PortSet()
            while let port = ports.popFirst() {
                guard endpoints[port].hasRoomForClient else { continue }
                try watchArrivals(port: port, true)
                // Of a terminal nothing tells a second time that somebody has opened it.
                acceptClient(port: port)
            }
        } catch {
            deviceLine(.warning, "a listener cannot be watched any more: \(error)")
        }
    }
}
