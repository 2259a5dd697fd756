import BasicContainers
import Glibc
import LinuxIO
import Virtio

/// Where the guest's bytes go, and where those for it come from.
extension PortEndpoint {
    // MARK: Guest to host

    /// Where the guest's next bytes go: the one place that decides it.
    var route: Route {
        guard let client else { return routeWithoutClient }
        if let end = client.toHostEnd {
            return end == .clientStoppedReading && clientsAbsent == .block ? .discard : routeWithoutClient
        }
        if client.isWritable, replayByteCount == 0 { return .client }
        // The client is slow. A console never waits: Linux writes to it with interrupts off until the bytes are taken.
        return configuration?.isConsole == true ? routeWithoutClient : .hold
    }

    private var routeWithoutClient: Route {
        switch clientsAbsent {
        case .block: .hold
        case .buffer: .replay
        case .discard: .discard
        }
    }

    /// Sends a batch to the client; call it when ``route`` is `.client`.
    ///
    /// - Returns: how many bytes it took. Fewer than all mean that its socket is full, or that it reads no more.
    /// - Throws: the host's error; guest memory that went away is EFAULT.
    mutating func send(_ vectors: borrowing IOVectors) throws(SystemError) -> Int {
        let outcome = try channel.send(vectors)
        return note(outcome, of: vectors.byteCount)
    }

    /// Keeps a batch for the next client, or for this one when it has caught up; returns how many older bytes were lost
    /// for it.
    mutating func keep(_ vectors: borrowing IOVectors) -> Int {
        noteLost(replay.append(vectors))
    }

    /// Sends what was kept, as far as the client takes it.
    mutating func sendReplay() throws(SystemError) {
        while replayByteCount > 0, let client, client.isWritable, client.toHostEnd == nil {
            let outcome = try channel.send(replay)
            let taken = note(outcome, of: replayByteCount)
            replay.dropFirst(taken)
            repeatedByteCount = max(0, repeatedByteCount - taken)
        }
    }

    /// Takes one byte that came on no ring: the guest's emergency write.
    ///
    /// - Returns: how many bytes were lost for it, this one or the oldest one kept.
    mutating func takeEmergency(_ character: UInt8) throws(SystemError) -> Int {
        copyToHost(character)
        guard replay.capacity == 0 else {
            // Behind what waits already.
            let lost = noteLost(replay.append(character))
            try sendReplay()
            return lost
        }
        guard route == .client else { return 1 }
        let outcome = try send(character)
        return 1 - note(outcome, of: 1)
    }

    private func send(_ character: UInt8) throws(SystemError) -> IOOutcome {
        var character = character
        return try unsafe withUnsafeMutableBytes(of: &character) { (byte) throws(SystemError) in
            // SAFETY: the piece is good for the call, which only reads it.
            let pieces: [1 of iovec] = unsafe [iovec(iov_base: byte.baseAddress, iov_len: 1)]
            return try unsafe pieces.span.withUnsafeBufferPointer { (pieces) throws(SystemError) in
                try unsafe channel.send(pieces)
            }
        }
    }

    /// Ends what the client receives.
    func endSending() throws(SystemError) {
        try channel.endSending()
    }

    /// Remembers what a send of `byteCount` bytes tells about the client's socket; returns how many it took.
    private mutating func note(_ outcome: IOOutcome, of byteCount: Int) -> Int {
        switch outcome {
        case .bytes(let taken):
            // A socket that took less than it was given is full now.
            client?.isWritable = taken == byteCount
            return taken
        case .wouldBlock:
            client?.isWritable = false
        case .reset, .endOfFile:
            // EPIPE without EPOLLHUP: it reads no more, but may still send.
            client?.toHostEnd = .clientStoppedReading
        }
        return 0
    }

    // MARK: Host to guest

    /// Whether there may be bytes to read.
    var mayHaveBytes: Bool {
        guard let client else { return false }
        return client.isReadable && !client.hasEndedToGuest || watcherMayHaveBytes
    }

    /// Whether nothing can be read before the client sends more.
    var awaitsReadable: Bool {
        guard let client else { return false }
        return !client.isReadable && !client.hasEndedToGuest
    }

    /// Whether nothing can be sent before the client reads some.
    var awaitsWritable: Bool {
        guard let client else { return false }
        return !client.isWritable && client.toHostEnd == nil
    }

    /// How many bytes of the client are still in its socket.
    var unreadByteCount: Int {
        // One that cannot even be asked has nothing for the guest.
        (try? channel.unreadByteCount()) ?? 0
    }

    /// How many bytes of the client's records were refused as too large since the last time.
    func takeOversizedByteCount() -> Int {
        switch channel {
        case .records(let channel): channel.takeRefusedByteCount()
        default: 0
        }
    }

    /// Forgets what is left of a record that the guest has begun to read; returns how many bytes that was.
    func dropBegunRecord() -> Int {
        switch channel {
        case .records(let channel): channel.dropBegunRecord()
        default: 0
        }
    }

    /// Reads the client's bytes into the guest's buffers.
    ///
    /// - Returns: how many bytes were read; 0 when there are none now.
    /// - Throws: the host's error; guest memory that went away is EFAULT.
    mutating func receive(into vectors: borrowing IOVectors) throws(SystemError) -> Int {
        if !watchers.isEmpty, let index = watcherInTurn() {
            return try watchers[index].receive(into: vectors)
        }
        switch try channel.receive(into: vectors) {
        case .bytes(let count):
            noteRead(count, of: vectors.byteCount)
            return count
        case .wouldBlock:
            client?.isReadable = false
            // Of one that hung up nothing more comes; a terminal that somebody else has opened since does not say so.
            if client?.hasHungUp == true { client?.hasEndedToGuest = true }
        case .endOfFile, .reset:
            // ECONNRESET: the client closed with bytes of ours unread. What it had sent came before this.
            client?.hasEndedToGuest = true
        }
        return 0
    }

    /// Whether the first client may have sent something.
    private var firstMayHaveBytes: Bool {
        client?.isReadable == true && client?.hasEndedToGuest == false
    }

    /// Whether one of the other writers may have sent something.
    private var watcherMayHaveBytes: Bool {
        for index in 0..<watchers.count where watchers[index].mayHaveBytes { return true }
        return false
    }

    /// The watcher whose turn it is to be heard; nil when it is the first client's.
    ///
    /// One after the other: whoever has always something to say does not silence the others.
    private mutating func watcherInTurn() -> Int? {
        for step in 0...watchers.count {
            let place = (nextWriter + step) % (watchers.count + 1)
            guard place == 0 ? firstMayHaveBytes : watchers[place - 1].mayHaveBytes else { continue }
            nextWriter = place + 1
            return place == 0 ? nil : place - 1
        }
        return nil
    }

    /// Remembers what a read of `byteCount` bytes tells about the client's socket.
    ///
    /// One that filled all the room tells nothing, so the socket is asked: cheaper than to map buffers of the guest for a
    /// read that finds nothing.
    private mutating func noteRead(_ byteCount: Int, of room: Int) {
        guard let former = client?.readByteCount else { return }
        // A record ends a read, whatever waits behind it.
        if byteCount == room || keepsRecords {
            let left = unreadByteCount
            client?.isReadable = left > 0
            client?.readByteCount = min(max(left, former), Self.largestRead)
        } else {
            client?.isReadable = false
            if byteCount <= former / 2 {
                client?.readByteCount = max(former / 2, Self.smallestRead)
            }
        }
        // Of a client that hung up epoll says nothing more, so its socket is read to the end.
        if client?.hasHungUp == true {
            client?.isReadable = true
        }
    }
}
