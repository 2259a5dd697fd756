import BasicContainers
import LinuxIO
import Logging
import VirtioConsole

/// Clients of a port beside the first one.
extension DeviceLoop {
    /// The last of the port's watchers has just come.
    mutating func watcherCame(port: Int) {
        let index = endpoints[port].watchers.count - 1
        let (descriptor, generation) = (
            endpoints[port].watchers[index].descriptor, endpoints[port].watchers[index].generation
        )
        do throws(SystemError) {
            // Told of changes only: what a watcher is looked at for depends on nobody's waiting.
            try epoll.add(
                descriptor, interest: [.readable, .writable, .onlyChanges],
                token: EventSource.client(port: port, generation: generation).token)
            try watchArrivals(port: port, endpoints[port].hasRoomForClient)
        } catch {
            portWarning(port, "one more client cannot be watched: \(error)")
            endpoints[port].removeWatcher(at: index)
            return
        }
        portInfo(port, "one more client connected, \(index + 2) in all")
        reportWatcher(port: port, at: index) { .clientConnected($0, $1) }
        readyPorts.insert(port)
    }

    /// Something happened at a watcher's socket.
    mutating func watcherEvent(port: Int, generation: UInt32, _ readiness: Epoll.Readiness) {
        guard let index = endpoints[port].watcherIndex(generation: generation) else { return }
        if readiness.contains(.readable) { endpoints[port].watchers[index].isReadable = true }
        if readiness.contains(.writable) { endpoints[port].watchers[index].isWritable = true }
        if readiness.contains(.hungUp) {
            endpoints[port].watchers[index].hasHungUp = true
            endpoints[port].watchers[index].isReadable = true
        }
        readyPorts.insert(port)
    }

    /// The end of a port's turn: sends what is kept for the watchers, and lets those go who are done.
    mutating func settleWatchers(port: Int) {
        endpoints[port].flushWatchers()
        var index = 0
        while index < endpoints[port].watchers.count {
            if endpoints[port].watchers[index].isDone {
                watcherLeft(port: port, at: index)
            } else {
                startLingering(port: port, watcher: index)
                index += 1
            }
        }
    }

    /// Gives up watchers whose time is over: they are gone, and the guest does not take what they left.
    mutating func endLingeringWatchers(port: Int, now: UInt64) {
        for index in (0..<endpoints[port].watchers.count).reversed() {
            guard let deadline = endpoints[port].watchers[index].lingerDeadline, deadline <= now else { continue }
            watcherLeft(port: port, at: index)
        }
    }

    private mutating func watcherLeft(port: Int, at index: Int) {
        if let failure = endpoints[port].watchers[index].failure {
            portWarning(port, "the socket of one more client failed: \(failure)")
        }
        let unread = endpoints[port].watchers[index].unreadByteCount
        if unread > 0 {
            device.ports[port].noteUnread(unread)
            portWarning(port, "\(unread) bytes of a client were not read by the guest, and are thrown away")
        }
        let lost = endpoints[port].watchers[index].lostWhenItLeaves
        if lost > 0 {
            portWarning(port, "a client that watched was too slow for \(lost) bytes")
        }
        reportWatcher(port: port, at: index) { .clientDisconnected($0, $1) }
        unwatchDescriptor(endpoints[port].watchers[index].descriptor, port: port)
        endpoints[port].removeWatcher(at: index)
        let left = endpoints[port].watchers.count + 1
        portInfo(port, "one client disconnected, \(left) left")
        do {
            // There may be none yet: the operator has lowered their number.
            try watchArrivals(port: port, endpoints[port].hasRoomForClient)
        } catch {
            portWarning(port, "cannot listen for clients any more: \(error)")
        }
        readyPorts.insert(port)
    }

    /// The first client has gone: the one who waits longest comes in its place, and the guest sees no change.
    ///
    /// - Returns: whether there was anybody.
    mutating func promoteWatcher(port: Int) -> Bool {
        guard endpoints[port].promoteWatcher() else { return false }
        do throws(SystemError) {
            if endpoints[port].client?.interest == nil {
                // Gone as well: what it sent is still to be read.
                unwatchDescriptor(endpoints[port].inputDescriptor, port: port)
            } else if let descriptor = endpoints[port].inputDescriptor,
                let generation = endpoints[port].client?.generation
            {
                try epoll.modify(
                    descriptor, interest: [], token: EventSource.client(port: port, generation: generation).token)
            }
            try watchArrivals(port: port, endpoints[port].hasRoomForClient)
        } catch {
            dropClient(port: port, because: error)
        }
        let left = endpoints[port].watchers.count + 1
        portInfo(port, "the first client disconnected, \(left) left")
        readyPorts.insert(port)
        return true
    }

    /// Ends all of a port's watchers.
    mutating func endWatchers(port: Int) {
        while !endpoints[port].watchers.isEmpty {
            watcherLeft(port: port, at: endpoints[port].watchers.count - 1)
        }
    }

    private func reportWatcher(port: Int, at index: Int, _ event: (String, PeerCredentials?) -> DeviceEvent) {
        guard let name = endpoints[port].configuration?.name else { return }
        mailbox.report(event(name, endpoints[port].watchers[index].peer))
    }
}
