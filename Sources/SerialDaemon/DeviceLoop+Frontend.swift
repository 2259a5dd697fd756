import BasicContainers
import LinuxIO
import Logging
import VhostUser
import Virtio
import VirtioConsole

/// The front-end: one connection at a time, its messages, and their effects. The session decides, the loop performs.
extension DeviceLoop {
    /// How many messages are handled before the ports have their turn: a start of 256 rings takes some 1500.
    private static let messagesPerTurn = 64

    mutating func acceptFrontend() {
        let stream: UnixStream?
        do {
            stream = try frontendListener?.accept() ?? nil
        } catch {
            deviceLine(.warning, "cannot accept a front-end: \(error)")
            restFrontendListener()
            return
        }
        guard let stream else { return }
        // The one before may have gone without our having looked.
        frontendEvent(generation: frontendGeneration)
        guard channel == nil else {
            let peer =
                (try? stream.peerCredentials()).map { "process \($0.processIdentifier) of user \($0.userIdentifier)" }
                ?? "a process"
            deviceLine(.warning, "a second front-end (\(peer)) is refused: this device has one")
            return
        }
        connectFrontend(stream)
    }

    /// Leaves the front-end unserved as long as a port waits for its first client: a VM does not start before somebody
    /// listens, as with `wait=on` of QEMU's sockets.
    mutating func awaitClients(of ports: [PortConfiguration]) throws(SystemError) {
        for port in ports where port.waitsForClient && !endpoints[port.number].hasClient {
            awaitedPorts.insert(port.number)
            portInfo(port.number, "the front-end waits for the first client")
        }
        guard !awaitedPorts.isEmpty else { return }
        try watchFrontend(false)
    }

    /// A port has a client; with the last one that is waited for the front-end is served.
    mutating func noteFirstClient(port: Int) throws(SystemError) {
        guard awaitedPorts.contains(port) else { return }
        awaitedPorts.remove(port)
        guard awaitedPorts.isEmpty else { return }
        try watchFrontend(true)
    }

    /// Whatever is there of a front-end: where it connects, or its connection.
    private mutating func watchFrontend(_ isWatched: Bool) throws(SystemError) {
        try watchFrontendListener(isWatched)
        guard let descriptor = channel?.rawValue else { return }
        frontendInterest = isWatched ? .readable : []
        try epoll.modify(
            descriptor, interest: frontendInterest, token: EventSource.frontend(generation: frontendGeneration).token)
    }

    mutating func watchFrontendListener(_ isWatched: Bool) throws(SystemError) {
        guard let descriptor = frontendListenerDescriptor else { return }
        try epoll.modify(descriptor, interest: isWatched ? .readable : [], token: EventSource.frontendListener.token)
    }

    private var frontendListenerDescriptor: Int32? {
        switch frontendListener {
        case .none: nil
        case .some(let listener): listener.rawValue
        }
    }

    mutating func connectFrontend(_ stream: consuming UnixStream) {
        frontendGeneration &+= 1
        do {
            let token = EventSource.frontend(generation: frontendGeneration).token
            try epoll.add(stream.rawValue, interest: .readable, token: token)
        } catch {
            log.error("the front-end cannot be watched: \(error)")
            return
        }
        frontendPeer = try? stream.peerCredentials()
        channel = MessageChannel(stream)
        session = VhostUserSession(offer)
        frontendInterest = .readable
        hasReadConfig = false
        hasReportedNoMemory = false
        hasReportedGoneMemory = false
        log.info("front-end connected")
        mailbox.report(.frontendConnected(frontendPeer))
    }

    /// Reads and handles messages, as many as are there or as one turn may take.
    mutating func frontendEvent(generation: UInt32) {
        guard generation == frontendGeneration, channel != nil else { return }
        do {
            try channel?.flush()
            for _ in 0..<Self.messagesPerTurn {
                guard try receiveMessage() else { break }
            }
        } catch {
            log.error("\(error)")
            disconnectFrontend()
            return
        }
        updateFrontendInterest()
    }

    /// Handles the next message; false when there is none.
    private mutating func receiveMessage() throws(MessageChannelError) -> Bool {
        guard let outcome = try channel?.receive() else { return false }
        switch consume outcome {
        case .message(let message):
            try handle(message)
            return true
        case .needMore:
            return false
        case .closed:
            log.info("front-end disconnected")
            disconnectFrontend()
            return false
        }
    }

    /// A front-end that does not read its answers is not read from either.
    private mutating func updateFrontendInterest() {
        guard let hasUnsentBytes = channel?.hasUnsentBytes, let descriptor = channel?.rawValue else { return }
        let interest: Epoll.Interest = hasUnsentBytes ? .writable : .readable
        guard interest != frontendInterest else { return }
        do {
            try epoll.modify(
                descriptor, interest: interest, token: EventSource.frontend(generation: frontendGeneration).token)
            frontendInterest = interest
        } catch {
            log.error("the front-end cannot be watched any more: \(error)")
        }
    }

    // MARK: Messages

    private mutating func handle(_ message: consuming ReceivedMessage) throws(MessageChannelError) {
        let header = message.header
        if capturesFrontend {
            captureMessage(message.wireBytes, .toHost)
        }
        var effect: SessionEffect?
        do throws(ProtocolError) {
            effect = try session.apply(MessageDecoder.decode(message))
        } catch {
            deviceLine(.warning, "the front-end is at fault: \(error)")
        }
        if let effect {
            try perform(effect)
        }
        if let reply = session.acknowledgement(for: header, succeeded: effect != nil) {
            try send(reply)
        }
    }

    private mutating func send(_ reply: Reply) throws(MessageChannelError) {
        if capturesFrontend {
            captureMessage(MessageEncoder.encode(reply), .toGuest)
        }
        try channel?.send(reply)
    }

    private mutating func perform(_ effect: SessionEffect) throws(MessageChannelError) {
        switch effect {
        case .none:
            break
        case .reply(let reply):
            try send(reply)
        case .ringChanged(let index):
            unwatchReplacedKick(index)
            synchronizeRing(index)
        case .allRingsChanged:
            synchronizeAllRings()
        case .memoryChanged:
            healRings()
            restartRunningRings()
            synchronizeAllRings()
        case .stopRing(let index):
            stopRing(index)
            unwatchKick(index)
            if index < device.queueCount {
                brokenRings[index] = nil
            }
            forgetJudgement()
            try send(session.answerVringBase(index))
        case .readConfig(let offset, let byteCount):
            checkQueueCount()
            let bytes = device.configSpace.read(offset: offset, byteCount: byteCount)
            try send(.config(offset: offset, byteCount: byteCount, bytes: bytes))
        case .writeConfig(let offset, let bytes, _):
            if let character = ConsoleConfigSpace.emergencyCharacter(writing: bytes, at: offset) {
                emergencyWrite(character)
            }
        case .reset:
            synchronizeAllRings()
            resetDevice()
        }
    }

    /// QEMU says how many queues it has only by sending a call for each. A guest that finds too few refuses the device
    /// and says no more than "Error -22", so say it here, once, when the guest looks at the device first.
    private mutating func checkQueueCount() {
        guard !hasReadConfig else { return }
        hasReadConfig = true
        let count = session.callIndexesSeen
        guard count > 0, count < device.queueCount else { return }
        log.error(
            "QEMU has num_vqs=\(count); --max-ports \(device.configSpace.maxPorts) needs \(device.queueCount): the guest will find no port"
        )
    }

    /// A character written to the config space: for a guest that has no queues yet, or no more.
    private mutating func emergencyWrite(_ character: UInt8) {
        guard let port = device.firstConsole else {
            deviceLine(.debug, "an emergency write, and no console for it")
            return
        }
        do {
            device.ports[port].noteEmergencyByte()
            transcribe(port: port, character)
            device.ports[port].noteLoss(try endpoints[port].takeEmergency(character))
        } catch {
            dropClient(port: port, because: error)
        }
    }

    /// The front-end has gone, and its guest with it. Clients stay and wait for the next one.
    mutating func disconnectFrontend() {
        for index in 0..<device.queueCount {
            stopRing(index)
            brokenRings[index] = nil
        }
        resetDevice()
        if let descriptor = channel?.rawValue {
            do {
                try epoll.remove(descriptor)
            } catch {
                log.error("the front-end cannot be taken out of epoll: \(error)")
            }
        }
        channel = nil
        session = VhostUserSession(offer)
        mailbox.report(.frontendDisconnected(frontendPeer))
        frontendPeer = nil
        // Without a listener nobody can come any more.
        if frontendListener == nil {
            isRunning = false
        }
    }
}
