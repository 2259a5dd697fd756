import BasicContainers
import LinuxIO
import Logging
import SystemPackage
import VhostUser
import Virtio
import VirtioConsole

/// Clients of the ports: coming, staying, and the several ways of going.
extension DeviceLoop {
    /// Takes whoever waits at a port's other side, when there is room. One more waits in the backlog, as with QEMU.
    mutating func acceptClient(port: Int) {
        do {
            try meetClient(port: port, try endpoints[port].accept())
        } catch {
            portWarning(port, "cannot accept a client: \(error)")
            restListener(port: port)
        }
    }

    /// The control thread has connected to whom the port wants.
    mutating func admitClient(_ arrival: ClientArrival) {
        let port = arrival.port
        // Another port may have the number by now: then the connection is closed.
        guard endpoints[port].configuration?.name == arrival.name, endpoints[port].wantsConnection,
            let stream = arrival.takeStream()
        else { return }
        do {
            try meetClient(port: port, try endpoints[port].admit(stream))
        } catch {
            portWarning(port, "cannot use the connection that was made: \(error)")
        }
        // One that may not stay, or cannot be used, is tried again.
        askForConnection(port: port)
    }

    private mutating func meetClient(port: Int, _ arrival: PortEndpoint.Arrival) throws(SystemError) {
        switch arrival {
        case .nobody: return
        case .denied(let peer):
            if let name = endpoints[port].configuration?.name {
                mailbox.report(.clientRefused(name, peer))
            }
            portWarning(port, "a client of user \(peer.userIdentifier), group \(peer.groupIdentifier) is refused")
        case .watcher: watcherCame(port: port)
        case .client:
            do {
                try watchClient(port: port)
                try watchArrivals(port: port, endpoints[port].hasRoomForClient)
                try noteFirstClient(port: port)
            } catch {
                dropClient(port: port, because: error)
                return
            }
            portInfo(port, "client connected")
            reportClient(port: port) { .clientConnected($0, $1) }
            tellGuestOfClients(port: port)
            readyPorts.insert(port)
        }
    }

    /// Has the control thread connect to whom the port wants, when it wants somebody.
    private func askForConnection(port: Int) {
        guard endpoints[port].wantsConnection else { return }
        mailbox.wantConnection(port: port)
    }

    private func clientToken(port: Int) -> EventToken? {
        guard let generation = endpoints[port].client?.generation else { return nil }
        return EventSource.client(port: port, generation: generation).token
    }

    private func clientOutputToken(port: Int) -> EventToken? {
        guard let generation = endpoints[port].client?.generation else { return nil }
        return EventSource.clientOutput(port: port, generation: generation).token
    }

    /// Something happened at a client's socket.
    mutating func clientEvent(port: Int, generation: UInt32, _ readiness: Epoll.Readiness) {
        guard endpoints[port].client?.generation == generation else {
            watcherEvent(port: port, generation: generation, readiness)
            return
        }
        // Reported although it was known: nobody can do anything about it now. Only then it leaves the interest, so that
        // a socket that fills and empties all the time costs no epoll_ctl each time.
        var inVain: Epoll.Interest = []
        if readiness.contains(.readable) {
            if !endpoints[port].awaitsReadable {
                inVain.insert(.readable)
            }
            endpoints[port].client?.isReadable = true
        }
        if readiness.contains(.writable) {
            if !endpoints[port].awaitsWritable {
                inVain.insert(.writable)
            }
            endpoints[port].client?.isWritable = true
        }
        if !inVain.isEmpty {
            changeInterest(port: port, adding: [], removing: inVain)
        }
        if readiness.contains(.hungUp) {
            clientHungUp(port: port)
        }
        readyPorts.insert(port)
    }

    /// Something happened at what a client of two descriptors is written to. That its reader has gone is for the next call
    /// to find out.
    mutating func clientOutputEvent(port: Int, generation: UInt32, _ readiness: Epoll.Readiness) {
        guard endpoints[port].client?.generation == generation else { return }
        if readiness.contains(.error) {
            unwatchDescriptor(endpoints[port].outputDescriptor, port: port)
            endpoints[port].client?.isOutputUnwatched = true
        } else if !endpoints[port].awaitsWritable {
            changeInterest(port: port, adding: [], removing: .writable)
        }
        endpoints[port].client?.isWritable = true
        readyPorts.insert(port)
    }

    /// The client is gone. What it sent may still be in the socket; the port counts as connected until that is with the
    /// guest.
    ///
    /// EPOLLHUP is reported for ever, with no interest too: out of epoll with it. From here on the ring's kick, the
    /// guest's PORT_OPEN, the start of the ring and the linger timer bring the port's turn.
    private mutating func clientHungUp(port: Int) {
        guard endpoints[port].inputDescriptor == endpoints[port].outputDescriptor else {
            // Of two descriptors: nobody writes to this one any more. What it held is read to its end.
            unwatchDescriptor(endpoints[port].inputDescriptor, port: port)
            endpoints[port].client?.isInputUnwatched = true
            endpoints[port].client?.isReadable = true
            return
        }
        unwatchClient(port: port)
        endpoints[port].client?.hasHungUp = true
        endpoints[port].client?.isReadable = true
        endpoints[port].client?.isWritable = true
        if endpoints[port].client?.toHostEnd == nil {
            endpoints[port].client?.toHostEnd = .clientStoppedReading
        }
    }

    /// The end of a port's turn: lets a client that is done go, and asks epoll for what the port waits for now.
    mutating func settleClient(port: Int) {
        guard let client = endpoints[port].client else { return }
        if let failure = client.failure {
            dropClient(port: port, because: failure)
            return
        }
        guard client.hasHungUp else {
            widenInterest(port: port)
            return
        }
        guard !client.hasEndedToGuest, endpoints[port].unreadByteCount > 0 else {
            clientLeft(port: port)
            return
        }
        startLingering(port: port)
    }

    /// Asks epoll for what the port's turn could not go on without.
    private mutating func widenInterest(port: Int) {
        var interest: Epoll.Interest = []
        if endpoints[port].awaitsReadable, device.ports[port].canReceive {
            interest.insert(.readable)
        }
        if endpoints[port].awaitsWritable {
            interest.insert(.writable)
        }
        changeInterest(port: port, adding: interest, removing: [])
        if endpoints[port].awaitsWritable, endpoints[port].outputDescriptor == nil {
            waitForRoom(port: port)
        }
    }

    /// A system call is made only for a change.
    private mutating func changeInterest(port: Int, adding: Epoll.Interest, removing: Epoll.Interest) {
        guard let former = endpoints[port].client?.interest else { return }
        let interest = former.union(adding).subtracting(removing)
        guard interest != former else { return }
        do {
            try watchInterest(interest, former: former, port: port)
            endpoints[port].client?.interest = interest
        } catch {
            dropClient(port: port, because: error)
        }
    }

    /// One call for a socket; one for each of two descriptors that is concerned.
    private mutating func watchInterest(
        _ interest: Epoll.Interest, former: Epoll.Interest, port: Int
    ) throws(SystemError) {
        guard let token = clientToken(port: port), let outputToken = clientOutputToken(port: port) else { return }
        let (input, output) = (endpoints[port].inputDescriptor, endpoints[port].outputDescriptor)
        if let input, input == output { return try epoll.modify(input, interest: interest, token: token) }
        let changed = interest.symmetricDifference(former)
        if let input, changed.contains(.readable) {
            try epoll.modify(input, interest: interest.intersection(.readable), token: token)
        }
        if let output, changed.contains(.writable) {
            try epoll.modify(output, interest: interest.intersection(.writable), token: outputToken)
        }
    }

    // MARK: In epoll

    /// Puts the port's descriptors into epoll, and asks for whom it wants; its first step.
    mutating func watchEndpoint(port: Int) throws(SystemError) {
        if let descriptor = endpoints[port].arrivalDescriptor {
            try epoll.add(descriptor, interest: .readable, token: EventSource.arrival(port: port).token)
        }
        // Somebody who is there from the start.
        try watchClient(port: port)
        if endpoints[port].hasClient { readyPorts.insert(port) }
        askForConnection(port: port)
    }

    private mutating func watchClient(port: Int) throws(SystemError) {
        guard let token = clientToken(port: port), let outputToken = clientOutputToken(port: port) else { return }
        let (input, output) = (endpoints[port].inputDescriptor, endpoints[port].outputDescriptor)
        if let input, try !canWait(for: input, token: token) {
            endpoints[port].client?.isInputUnwatched = true
        }
        if let output, output != input, try !canWait(for: output, token: outputToken) {
            endpoints[port].client?.isOutputUnwatched = true
        }
    }

    /// Puts a client's descriptor into epoll; false for one that never waits, such as a regular file or /dev/null.
    private func canWait(for descriptor: Int32, token: EventToken) throws(SystemError) -> Bool {
        do {
            try epoll.add(descriptor, interest: [], token: token)
            return true
        } catch  where error.errno == .notPermitted {
            return false
        }
    }

    private mutating func unwatchClient(port: Int) {
        guard endpoints[port].client?.interest != nil else { return }
        endpoints[port].client?.interest = nil
        let (input, output) = (endpoints[port].inputDescriptor, endpoints[port].outputDescriptor)
        unwatchDescriptor(input, port: port)
        if output != input { unwatchDescriptor(output, port: port) }
    }

    mutating func unwatchDescriptor(_ descriptor: Int32?, port: Int) {
        guard let descriptor else { return }
        do {
            try epoll.remove(descriptor)
        } catch {
            portWarning(port, "cannot take the client out of epoll: \(error)")
        }
    }

    /// The port goes, and whatever tells of arrivals with it.
    mutating func unwatchEndpoint(port: Int) {
        restingListeners.remove(port)
        guard let descriptor = endpoints[port].arrivalDescriptor else { return }
        do {
            try epoll.remove(descriptor)
        } catch {
            portWarning(port, "cannot take the listener out of epoll: \(error)")
        }
    }

    mutating func watchArrivals(port: Int, _ isWatched: Bool) throws(SystemError) {
        guard let descriptor = endpoints[port].arrivalDescriptor else { return }
        try epoll.modify(
            descriptor, interest: isWatched ? .readable : [], token: EventSource.arrival(port: port).token)
    }

    // MARK: Going

    /// The client has gone, and everything it sent is with the guest or given up.
    mutating func clientLeft(port: Int) {
        let wasToldOfClose = endpoints[port].client?.toHostEnd == .guestClosed
        reportClient(port: port) { .clientDisconnected($0, $1) }
        countUnread(port: port)
        endClient(port: port)
        if promoteWatcher(port: port) { return }
        // What was in the ring when it left was for it; what comes later is for the next client. A client that saw the
        // end of the guest's program's data before has no part in what came behind.
        if !wasToldOfClose, endpoints[port].tellsGuestOfClients {
            throwAwayBacklog(port: port)
        }
        portInfo(port, "client disconnected")
        tellGuestOfClients(port: port)
        readyPorts.insert(port)
    }

    func reportClient(port: Int, _ event: (String, PeerCredentials?) -> DeviceEvent) {
        guard let name = endpoints[port].configuration?.name, let client = endpoints[port].client else { return }
        mailbox.report(event(name, client.peer))
    }

    private mutating func countUnread(port: Int) {
        let byteCount = endpoints[port].unreadByteCount
        guard byteCount > 0 else { return }
        device.ports[port].noteUnread(byteCount)
        portWarning(port, "\(byteCount) bytes of the client were not read by the guest, and are thrown away")
    }

    /// Ends a client whose socket does not work.
    mutating func dropClient(port: Int, because error: SystemError) {
        guard endpoints[port].hasClient else { return }
        portWarning(port, "the client's socket failed: \(error)")
        unwatchClient(port: port)
        clientLeft(port: port)
    }

    /// Closes the client's socket and listens for the next one.
    private mutating func endClient(port: Int) {
        unwatchClient(port: port)
        endpoints[port].disconnect()
        do {
            try watchArrivals(port: port, true)
        } catch {
            portWarning(port, "cannot listen for clients any more: \(error)")
        }
        askForConnection(port: port)
    }

    /// Lets the port's turn throw away what was for a client that has gone; when the ring stands still, once it goes on
    /// where it stood.
    mutating func throwAwayBacklog(port: Int) {
        guard device.ports[port].hasTransmitq else {
            endpoints[port].owesDiscard = true
            return
        }
        endpoints[port].owesDiscard = false
        do throws(VirtqueueError) {
            try device.ports[port].noteGoneClient()
        } catch {
            ringFailed(QueueRole.transmitq(port: port).queueIndex, error)
        }
    }

    /// Owes the guest the news about the host's side of a port, if it gets to know of clients at all.
    mutating func tellGuestOfClients(port: Int) {
        device.setHostOpen(endpoints[port].isOpenForGuest, port: port)
        controlIsReady = true
    }

    // MARK: The guest's program has closed the port

    /// Tells the client, if that is the port's policy, once it has got everything from before.
    mutating func closeClientAfterData(port: Int) {
        guard endpoints[port].owesClientClose else { return }
        guard endpoints[port].hasClient else {
            endpoints[port].owesClientClose = false
            return
        }
        guard device.ports[port].hasTakenAllBeforeClose, endpoints[port].hasSentAll else { return }
        endpoints[port].flushWatchers()
        guard !endpoints[port].awaitsOtherWriter else { return }
        endpoints[port].owesClientClose = false
        switch endpoints[port].configuration?.guestClose {
        case .eof?:
            endpoints[port].client?.toHostEnd = .guestClosed
            for index in 0..<endpoints[port].watchers.count { endpoints[port].watchers[index].endSending() }
            do {
                try endpoints[port].endSending()
            } catch {
                dropClient(port: port, because: error)
            }
        case .disconnect?:
            endpoints[port].client?.toHostEnd = .guestClosed
            endWatchers(port: port)
            unwatchClient(port: port)
            clientLeft(port: port)
        case .keep?, nil:
            break
        }
    }
}
