import BasicContainers
import LinuxIO
import SystemPackage
import VhostUser
import Virtio
import VirtioConsole

/// Moving bytes: one port's turn.
///
/// The path of a byte, with no copy in user space:
///
///     guest → host   kick → serve → serveToHost → lookAheadToHost → sendmsg → didTakeToHost → publishToHost → call
///     host → guest   EPOLLIN → serve → serveToGuest → lookAheadToGuest → recvmsg → didFillToGuest → publishToGuest → call
extension DeviceLoop {
    /// How many bytes one port moves each way before the others have their turn: what fits into a client's socket, see
    /// ``PortEndpoint/sendBufferByteCount``.
    static let bytesPerTurn = 208 * 1024

    /// Gives ports their turn: all that have something to do now and moved little the last time, then one of those that
    /// moved all they may. A port of a few bytes waits for one turn of a busy one, however many of these there are.
    mutating func servePorts() {
        // Those that were ready when their turn began: one that still has work is for the next turn.
        var ports = readyPorts.subtracting(busyPorts)
        let busy = readyPorts.intersection(busyPorts).first(after: lastBusyPort)
        while let port = ports.popFirst() {
            readyPorts.remove(port)
            serve(port: port)
        }
        guard let busy, readyPorts.contains(busy) else { return }
        lastBusyPort = busy
        readyPorts.remove(busy)
        serve(port: busy)
    }

    /// Does what can be done for a port now. Whatever stops it is remembered where the event that ends it will look.
    mutating func serve(port: Int) {
        busyPorts.remove(port)
        let (toHost, toGuest) = (device.ports[port].counters.toHostBytes, device.ports[port].counters.toGuestBytes)
        serveToHost(port: port)
        serveToGuest(port: port)
        if !endpoints[port].watchers.isEmpty {
            settleWatchers(port: port)
        }
        settleClient(port: port)
        noteStalls(port: port, toHostBytes: toHost, toGuestBytes: toGuest)
    }

    // MARK: Guest to host

    /// Takes chains of the guest and hands their bytes to whoever gets them.
    mutating func serveToHost(port: Int) {
        guard device.ports[port].hasTransmitq else {
            sendReplay(port: port)
            // The ring may be gone for good, with its front-end.
            closeClientAfterData(port: port)
            return
        }
        device.ports[port].disableToHostKicks()
        var failure: VirtqueueError?
        do throws(VirtqueueError) {
            try takeChains(port: port)
        } catch {
            failure = error
        }
        // What was taken before a broken chain is the guest's again all the same.
        if device.ports[port].publishToHost(mayWait: busyPorts.contains(port)) {
            signalCall(QueueRole.transmitq(port: port).queueIndex)
        }
        if let failure {
            ringFailed(QueueRole.transmitq(port: port).queueIndex, failure)
        }
    }

    private mutating func takeChains(port: Int) throws(VirtqueueError) {
        var budget = Self.bytesPerTurn
        while budget > 0 {
            sendReplay(port: port)
            // What comes behind the end of the guest's program is for the next client.
            closeClientAfterData(port: port)
            let isForFormer = isForFormerPort(port)
            let route = device.ports[port].hasBacklog || isForFormer ? .discard : endpoints[port].route
            guard route != .hold, !isHeldByWriter(port: port) else { return }
            // What is for nobody any more need not keep the next client waiting.
            let isLimited = limitedPorts.contains(port) && !device.ports[port].hasBacklog
            let allowance = isLimited ? allowance(port: port, \.toHost) : budget
            guard allowance > 0 else { return }
            let chainLimit = endpoints[port].keepsRecords ? 1 : Int.max
            var byteLimit = min(budget, allowance)
            if !endpoints[port].watchers.isEmpty {
                // So little at a time that one who reads has room for all of it.
                endpoints[port].flushWatchers()
                byteLimit = min(byteLimit, Watcher.backlogByteCount / 2)
            }
            try device.ports[port].lookAheadToHost(
                into: &batch, memory: session.memory, byteLimit: byteLimit, chainLimit: chainLimit)
            budget -= cost
            guard !batch.isEmpty else {
                guard device.ports[port].enableToHostKicks() else { return noteDrained(port: port) }
                continue
            }
            let wasBacklog = device.ports[port].hasBacklog
            let taken = try takeBatch(port: port, route: route)
            if endpoints[port].copiesToHost, !wasBacklog, !isForFormer {
                endpoints[port].copyToHost(batch.vectors, byteCount: taken)
            }
            if capturedPorts.contains(port) {
                capture(port: port, .toHost, byteCount: taken)
            }
            if transcribedPorts.contains(port), !isForFormer {
                transcribe(port: port)
            }
            if isLimited {
                throttles[port].toHost.take(taken)
            }
            budget -= taken
        }
        goOnSoon(port: port)
    }

    /// Whether what the guest writes is for the port that had the number before.
    private mutating func isForFormerPort(_ port: Int) -> Bool {
        guard endpoints[port].awaitsGuestReady else { return false }
        endpoints[port].awaitsGuestReady = !device.ports[port].isGuestReady
        return endpoints[port].awaitsGuestReady
    }

    /// Whether another writer than the first client is to take what was written before; a console waits for nobody.
    private mutating func isHeldByWriter(port: Int) -> Bool {
        guard !endpoints[port].watchers.isEmpty, endpoints[port].awaitsOtherWriter else { return false }
        endpoints[port].flushWatchers()
        return endpoints[port].awaitsOtherWriter && endpoints[port].configuration?.isConsole != true
    }

    /// The turn's budget is used up: the port goes on when the others have had their turn.
    private mutating func goOnSoon(port: Int) {
        readyPorts.insert(port)
        busyPorts.insert(port)
    }

    /// What looking at the batch takes of a turn's budget, beside the bytes that are moved: a guest may make chains of
    /// many descriptors and few bytes.
    private var cost: Int {
        64 + 64 * batch.chainCount + 16 * batch.descriptorCount
    }

    /// Hands the batch to whoever gets it; returns how many bytes that was.
    private mutating func takeBatch(port: Int, route: PortEndpoint.Route) throws(VirtqueueError) -> Int {
        switch route {
        case .client:
            guard !endpoints[port].keepsRecords || isRecord else {
                let byteCount = batch.byteCount
                _ = device.ports[port].didDiscard(batch, .oversized)
                portWarning(port, "\(byteCount) bytes of the guest are too many for one record, and are thrown away")
                break
            }
            let taken = batch.byteCount == 0 ? 0 : try sendBatch(port: port)
            device.ports[port].didTakeToHost(batch, byteCount: taken)
            return taken
        case .replay:
            let lost = endpoints[port].keep(batch.vectors)
            device.ports[port].didTakeToHost(batch, byteCount: batch.byteCount)
            device.ports[port].noteLoss(lost)
        case .discard:
            let wasForClient = device.ports[port].hasBacklog || endpoints[port].hasClient
            let reason: ConsolePort.DiscardReason = wasForClient ? .clientGone : .unwanted
            if let byteCount = device.ports[port].didDiscard(batch, reason), byteCount > 0 {
                portWarning(
                    port, "\(byteCount) bytes of the guest were for a client that has gone, and are thrown away")
            }
        case .hold:
            return 0
        }
        return batch.byteCount
    }

    /// Whether the one chain of the batch fits into a record.
    private var isRecord: Bool {
        !batch.isCut && batch.byteCount <= RecordChannel.maximumByteCount
    }

    private mutating func sendBatch(port: Int) throws(VirtqueueError) -> Int {
        do {
            return try endpoints[port].send(batch.vectors)
        } catch {
            try clientFailed(port: port, error)
            return 0
        }
    }

    private mutating func sendReplay(port: Int) {
        do {
            try endpoints[port].sendReplay()
        } catch {
            endpoints[port].fail(error)
        }
    }

    // MARK: Host to guest

    /// Fills the guest's buffers with what the client has sent.
    private mutating func serveToGuest(port: Int) {
        var failure: VirtqueueError?
        do throws(VirtqueueError) {
            try fillChains(port: port)
        } catch {
            failure = error
        }
        // With nothing new either: a call may have been left for this turn.
        if device.ports[port].publishToGuest(mayWait: busyPorts.contains(port)) {
            signalCall(QueueRole.receiveq(port: port).queueIndex)
        }
        if let failure {
            ringFailed(QueueRole.receiveq(port: port).queueIndex, failure)
        }
    }

    private mutating func fillChains(port: Int) throws(VirtqueueError) {
        guard device.ports[port].canReceive, endpoints[port].mayHaveBytes, device.ports[port].hasRefill() else {
            return
        }
        refillPorts.remove(port)
        device.ports[port].disableToGuestKicks()
        var budget = Self.bytesPerTurn
        let isLimited = limitedPorts.contains(port)
        while budget > 0 {
            guard endpoints[port].mayHaveBytes, let byteLimit = endpoints[port].client?.readByteCount else { return }
            let allowance = isLimited ? allowance(port: port, \.toGuest) : budget
            guard allowance > 0 else { return }
            try device.ports[port].lookAheadToGuest(
                into: &batch, memory: session.memory, byteLimit: min(byteLimit, budget, allowance))
            budget -= cost
            guard !batch.isEmpty else {
                // Short of buffers: the bytes stay in the socket, and the guest's kick brings us back.
                guard device.ports[port].awaitRefill() else { return waitForRefill(port: port) }
                continue
            }
            let filled = batch.byteCount == 0 ? 0 : try receiveBatch(port: port)
            device.ports[port].didFillToGuest(batch, byteCount: filled)
            if capturedPorts.contains(port) {
                capture(port: port, .toGuest, byteCount: filled)
            }
            if isLimited {
                throttles[port].toGuest.take(filled)
            }
            budget -= filled
        }
        goOnSoon(port: port)
    }

    private mutating func receiveBatch(port: Int) throws(VirtqueueError) -> Int {
        do {
            let byteCount = try endpoints[port].receive(into: batch.vectors)
            if endpoints[port].keepsRecords {
                noteOversized(port: port)
            }
            return byteCount
        } catch {
            try clientFailed(port: port, error)
            return 0
        }
    }

    private mutating func noteOversized(port: Int) {
        let byteCount = endpoints[port].takeOversizedByteCount()
        guard byteCount > 0 else { return }
        device.ports[port].noteOversized(byteCount)
        portWarning(port, "a record of the client of \(byteCount) bytes is too large, and is thrown away")
    }

    /// A call on the client's socket failed. EFAULT says that guest memory is gone, and breaks the ring; anything else
    /// ends the client, at the end of the port's turn: the batch in hand is still to be accounted for.
    private mutating func clientFailed(port: Int, _ error: SystemError) throws(VirtqueueError) {
        guard error.errno != .badAddress else { throw .memoryGone }
        endpoints[port].fail(error)
    }
}
