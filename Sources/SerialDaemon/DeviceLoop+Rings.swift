import BasicContainers
import LinuxIO
import Logging
import VhostUser
import Virtio
import VirtioConsole

/// Rings starting and stopping: a ring that runs belongs to the device, one that does not to the session.
extension DeviceLoop {
    /// Makes what runs agree with what the front-end has asked for.
    mutating func synchronizeRing(_ index: Int) {
        guard index < device.queueCount else { return }
        guard hasJudgedReset else {
            // Nothing runs yet. When the rings are there that tell a guest that goes on from one that begins anew, all
            // can start.
            guard let isResumed = verdict() else { return }
            judge(isResumed: isResumed)
            synchronizeAllRings()
            return
        }
        let shouldRun = session.vring(index).isRunnable && brokenRings[index] == nil
        switch (shouldRun, device.isRunning(index)) {
        case (true, false): startRing(index)
        case (false, true): stopRing(index)
        case (true, true): kickReplaced(index)
        case (false, false): break
        }
    }

    mutating func synchronizeAllRings() {
        for index in 0..<device.queueCount {
            synchronizeRing(index)
        }
    }

    private mutating func startRing(_ index: Int) {
        guard activate(index) else { return }
        watchKick(index)
        // A kick may have come while the ring did not run: look at it in any case.
        noteWork(index)
        if case .transmitq(let port) = QueueRole(queueIndex: index), endpoints[port].owesDiscard {
            throwAwayBacklog(port: port)
        }
    }

    /// A ring that runs may have another kick than before, or none; one to the former may not have been seen.
    private mutating func kickReplaced(_ index: Int) {
        watchKick(index)
        findPolledRings()
        noteWork(index)
    }

    /// Makes the running queue; false when the guest chose what cannot be. The ring is tried again when the front-end
    /// says something new of it.
    @discardableResult
    private mutating func activate(_ index: Int) -> Bool {
        do throws(VirtqueueError) {
            let goesOn = session.vring(index).stoppedBase == session.vring(index).base
            device.startQueue(index, try session.activate(index), goesOn: goesOn)
            hasJudgedReset = true
            findPolledRings()
            return true
        } catch {
            unwatchKick(index)
            reportBroken(index, error)
            return false
        }
    }

    /// Ends a ring; the session keeps where it goes on.
    ///
    /// Chains that the guest offered before are still taken as far as it goes without waiting: a guest that writes its
    /// last words and powers off has kicked, and the kick may lie behind the front-end's message.
    mutating func stopRing(_ index: Int) {
        guard device.isRunning(index) else { return }
        switch QueueRole(queueIndex: index) {
        // Only towards the host: what went into a receiveq now would be lost with a guest that is being reset.
        case .transmitq(let port): serveToHost(port: port)
        case .receiveq: break
        case .controlReceiveq, .controlTransmitq: serveControl()
        }
        unwatchKick(index)
        endRing(index)
    }

    private mutating func endRing(_ index: Int) {
        // A call that was left for later: once the front-end has its answer it is too late. The ring may lie in memory
        // that is gone, so the driver is called without a look at whether it wants to be.
        if device.owesCall(index) {
            signalCall(index)
        }
        if let base = device.stopQueue(index) {
            session.ringStopped(index, base: base)
        }
        findPolledRings()
        forgetJudgement()
    }

    private mutating func findPolledRings() {
        hasPolledRings = (0..<device.queueCount).contains {
            device.isRunning($0) && session.vring($0).kick == .polling
        }
    }

    /// The memory table has changed: pointers into the old one are dead. Rings that run are found anew where they
    /// stand.
    mutating func restartRunningRings() {
        for index in 0..<device.queueCount where device.isRunning(index) {
            endRing(index)
            activate(index)
        }
    }

    /// A ring that runs is broken: it is stopped, and serves again only after the front-end has stopped and started it.
    /// Everything else goes on.
    mutating func ringFailed(_ index: Int, _ error: VirtqueueError) {
        // What the zeros say that stand where memory was is nobody's mistake but the front-end's.
        let error = session.memory.isGone ? .memoryGone : error
        unwatchKick(index)
        endRing(index)
        device.forgetChains(index)
        brokenRings[index] = error
        reportBroken(index, error)
    }

    private mutating func reportBroken(_ index: Int, _ error: VirtqueueError) {
        mailbox.report(.ringFault(queue: index, port: portName(ofQueue: index), reason: "\(error)"))
        do {
            try session.signalError(index)
        } catch {
            ringLine(.warning, "queue \(index): the front-end cannot be told of a broken ring: \(error)")
        }
        guard error != .memoryGone else { return reportGoneMemory(error) }
        guard session.memory.regionCount == 0 else {
            ringLine(.error, "queue \(index) is broken by the guest and stands still: \(error)")
            return
        }
        // It is so for every ring of the device: said once.
        guard !hasReportedNoMemory else { return }
        hasReportedNoMemory = true
        log.error(
            """
            the front-end has shared no memory: QEMU needs -object memory-backend-memfd,id=mem,size=...,share=on and \
            -machine memory-backend=mem
            """)
    }

    private func portName(ofQueue index: Int) -> String? {
        switch QueueRole(queueIndex: index) {
        case .controlReceiveq, .controlTransmitq: nil
        case .receiveq(let port), .transmitq(let port): endpoints[port].configuration?.name
        }
    }

    /// It is so for every ring that meets it: said once for each table.
    private mutating func reportGoneMemory(_ error: VirtqueueError) {
        guard !hasReportedGoneMemory else { return }
        hasReportedGoneMemory = true
        deviceLine(
            .error, "the front-end is at fault: \(error); rings in it stand still until it shares its memory anew")
    }

    /// The front-end has put another table in the place of one that was gone in part: rings that stood still for it go
    /// on where they stood.
    mutating func healRings() {
        guard !session.memory.isGone else { return }
        hasReportedGoneMemory = false
        for index in 0..<device.queueCount where brokenRings[index] == .memoryGone {
            brokenRings[index] = nil
        }
    }

    /// Guest memory went away under us: no ring can be trusted to be where it was.
    mutating func breakRunningRings() {
        for index in 0..<device.queueCount where device.isRunning(index) {
            ringFailed(index, .memoryGone)
        }
    }

    // MARK: Pause or reset

    /// Whether the guest goes on where it was, judged before any ring of a stopped device starts; nil as long as it
    /// cannot be judged.
    ///
    /// A pause and a reset look the same when the rings stop, and QEMU tells neither. After a pause the rings come back
    /// at the positions that we answered; after a reset the control rings begin where a ring begins. If both should be the
    /// same, nothing had happened yet, or, once in a while, a packed ring had just come round: then the driver's
    /// DEVICE_READY tells.
    private func verdict() -> Bool? {
        let judged: [QueueRole] =
            session.acknowledgedFeatures.contains(.multiport)
            ? [.controlReceiveq, .controlTransmitq] : [.receiveq(port: 0), .transmitq(port: 0)]
        var isResumed = true
        for role in judged {
            let vring = session.vring(role.queueIndex)
            guard vring.isRunnable else { return nil }
            isResumed = isResumed && vring.stoppedBase == vring.base
        }
        return isResumed
    }

    private mutating func judge(isResumed: Bool) {
        hasJudgedReset = true
        device.setFeatures(session.acknowledgedFeatures)
        if isResumed {
            log.debug("the guest goes on where it was")
        } else {
            resetDevice()
        }
    }

    /// With the last ring that stops, what comes next is for the next start to judge.
    mutating func forgetJudgement() {
        hasJudgedReset = (0..<device.queueCount).contains { device.isRunning($0) }
    }

    /// The guest begins from nothing. Clients stay, but for those that are to be told when the guest closes: it has.
    mutating func resetDevice() {
        log.debug("the guest's driver starts anew")
        if device.isDriverReady {
            mailbox.report(.guestReset)
        }
        let wereOpen = device.reset()
        for port in 0..<endpoints.count {
            endpoints[port].owesDiscard = false
            meters[port].openDeadline = nil
            meters[port].kickedAt = nil
            if wereOpen.contains(port) {
                guestClosed(port: port)
            }
            tellGuestOfClients(port: port)
            // What a client left behind, or is owed, need not wait for the guest any more.
            readyPorts.insert(port)
        }
    }

    // MARK: Kicks and calls

    private mutating func watchKick(_ index: Int) {
        guard !watchedKicks[index], let descriptor = session.kickDescriptor(index) else { return }
        do {
            try epoll.add(descriptor, interest: [.readable, .onlyChanges], token: EventSource.kick(queue: index).token)
            watchedKicks[index] = true
        } catch {
            ringLine(.error, "queue \(index): the kick cannot be watched: \(error)")
        }
    }

    /// Called before the session lets go of a kick: an eventfd that others hold too stays in epoll for ever when it is
    /// only closed.
    mutating func unwatchKick(_ index: Int) {
        guard index < watchedKicks.count, watchedKicks[index], let descriptor = session.kickDescriptor(index) else {
            return
        }
        watchedKicks[index] = false
        do {
            try epoll.remove(descriptor)
        } catch {
            ringLine(.error, "queue \(index): the kick cannot be taken out of epoll: \(error)")
        }
    }

    /// The kick that the last message took the place of.
    mutating func unwatchReplacedKick(_ index: Int) {
        guard index < watchedKicks.count, watchedKicks[index], let descriptor = session.replacedKickDescriptor else {
            return
        }
        watchedKicks[index] = false
        do {
            try epoll.remove(descriptor)
        } catch {
            ringLine(.error, "queue \(index): the former kick cannot be taken out of epoll: \(error)")
        }
    }

    /// The driver has kicked. The counter is not read: epoll reports each addition to it once (EPOLLET), which is a
    /// system call less per kick.
    mutating func kicked(_ index: Int) {
        guard watchedKicks[index] else { return }
        if case .transmitq(let port) = QueueRole(queueIndex: index), meters[port].kickedAt == nil {
            meters[port].kickedAt = turnStart
        }
        noteWork(index)
    }

    /// There may be something new in a ring.
    mutating func noteWork(_ index: Int) {
        switch QueueRole(queueIndex: index) {
        case .controlReceiveq, .controlTransmitq: controlIsReady = true
        case .receiveq(let port), .transmitq(let port): readyPorts.insert(port)
        }
    }

    mutating func signalCall(_ index: Int) {
        do {
            try session.signalCall(index)
        } catch {
            ringLine(.error, "queue \(index): the call failed: \(error)")
        }
    }
}
