import BasicContainers
import LinuxIO
import Virtio

/// Several clients at once, and what is told to those who come late.
extension PortEndpoint {
    /// The most clients that a port can have at once.
    static let largestClientLimit = 16

    /// Whether one more client may come.
    var hasRoomForClient: Bool {
        guard hasClient else { return true }
        return watchers.count + 1 < (configuration?.clientLimit ?? 1)
    }

    /// Whether what the guest writes is copied for somebody, or to be remembered.
    var copiesToHost: Bool {
        !watchers.isEmpty || scrollback.capacity > 0
    }

    /// Copies the first `byteCount` bytes of what the guest has written, for everybody but the first client.
    mutating func copyToHost(_ vectors: borrowing IOVectors, byteCount: Int) {
        if scrollback.capacity > 0 {
            _ = scrollback.append(vectors, first: byteCount)
        }
        for index in 0..<watchers.count {
            watchers[index].copy(vectors, byteCount: byteCount)
        }
    }

    /// The same of one byte that came on no ring.
    mutating func copyToHost(_ character: UInt8) {
        if scrollback.capacity > 0 {
            _ = scrollback.append(character)
        }
        for index in 0..<watchers.count {
            watchers[index].copy(character)
            watchers[index].flush()
        }
    }

    /// Whether one of the other writers has still to take what was written before.
    var awaitsOtherWriter: Bool {
        for index in 0..<watchers.count where watchers[index].holdsGuest { return true }
        return false
    }

    /// Sends the watchers what is kept for them, as far as it goes.
    mutating func flushWatchers() {
        for index in 0..<watchers.count {
            watchers[index].flush()
        }
    }

    /// The watcher of a generation.
    func watcherIndex(generation: UInt32) -> Int? {
        for index in 0..<watchers.count where watchers[index].generation == generation { return index }
        return nil
    }

    mutating func addWatcher(_ stream: consuming UnixStream, _ peer: PeerCredentials) {
        generation &+= 1
        var watcher = Watcher(
            stream, generation: generation, peer: peer, isWriter: isWriter(atPlace: watchers.count + 1))
        // What nobody has had yet, too: it may move up before the first has read that.
        if scrollback.count > replay.count { watcher.copy(scrollback) } else { watcher.copy(replay) }
        watchers.append(watcher)
    }

    /// Lets a watcher go; those behind it move up.
    mutating func removeWatcher(at index: Int) {
        _ = watchers.remove(at: index)
        promoteWriters()
    }

    /// Puts the one who waits longest in the first one's place.
    ///
    /// - Returns: whether there was anybody.
    mutating func promoteWatcher() -> Bool {
        guard !hasClient, !watchers.isEmpty else { return false }
        let watcher = watchers.remove(at: 0)
        var client = Client(generation: watcher.generation, peer: watcher.peer)
        if watcher.hasHungUp {
            client.hasHungUp = true
            client.toHostEnd = .clientStoppedReading
            client.interest = nil
        }
        // What came since is for the next one, whether this one is still there or not.
        if watcher.wasToldOfClose { client.toHostEnd = .guestClosed }
        self.client = client
        let wasToldOfClose = watcher.wasToldOfClose
        var backlog = ReplayBuffer(capacity: 0)
        channel = .stream(watcher.take(&backlog))
        // What the one before did not get is in this one's own copy; what is held since the guest's program closed the
        // port is for the next one.
        if !wasToldOfClose {
            let held = heldByteCount
            let capacity = configuration.map(Self.replayCapacity) ?? 0
            replay = backlog.resized(to: max(capacity, backlog.count))
            repeatedByteCount = max(0, replay.count - held)
        }
        promoteWriters()
        return true
    }

    // MARK: What was before a client came

    /// Has a client that just came be shown what it missed: whichever is longer, what nobody has had, or the newest bytes
    /// that others have had as well.
    mutating func showScrollback() {
        guard scrollback.count > replay.count else { return }
        repeatedByteCount = scrollback.count - replay.count
        replay = scrollback.resized(to: max(scrollback.count, replay.capacity))
    }

    /// A client has gone: what was to be told once more is not for the next one, which is shown what there is then.
    mutating func forgetRepeats() {
        guard repeatedByteCount > 0 else { return }
        replay.dropFirst(repeatedByteCount)
        repeatedByteCount = 0
        replay = replay.resized(to: max(replay.count, configuration.map(Self.replayCapacity) ?? 0))
    }

    /// Of bytes that were pushed out of the replay, how many nobody has had.
    mutating func noteLost(_ byteCount: Int) -> Int {
        let repeats = min(byteCount, repeatedByteCount)
        repeatedByteCount -= repeats
        return byteCount - repeats
    }

    mutating func promoteWriters() {
        for index in 0..<watchers.count where isWriter(atPlace: index + 1) {
            watchers[index].promote()
        }
    }

    /// Counted from 0, which is the first client's.
    private func isWriter(atPlace place: Int) -> Bool {
        place < (configuration?.writerLimit ?? 1)
    }
}
