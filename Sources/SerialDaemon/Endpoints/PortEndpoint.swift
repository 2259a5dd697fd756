import BasicContainers
import Glibc
import LinuxIO
import Virtio
import VirtioConsole

/// A port's side towards the host: how somebody comes to be there (``PortBinding``), whoever is there
/// (``ClientChannel``), and the policies for when nobody is.
///
/// It lives as long as the process: a guest's reset and a front-end's end leave the client where it is. It decides
/// where the guest's bytes go (``route``), and remembers what the client's socket was last seen to be able to do, so
/// that no call is made that can only say "not now". Every port number has one; that of a number without a port is bound
/// to nothing and gets no client.
///
/// ## Concurrency
/// Owned by the ``DeviceLoop``, on the device thread.
struct PortEndpoint: ~Copyable {
    /// Where bytes from the guest go now.
    enum Route {
        /// Into the client's socket.
        case client
        /// Into the replay buffer.
        case replay
        /// Nowhere, counted.
        case discard
        /// They stay in the ring: the guest's writer waits.
        case hold
    }

    /// Why a connected client gets no more bytes from the guest.
    enum ToHostEnd {
        /// It closed, or stopped reading: what the guest sends is thrown away as long as it counts as connected.
        case clientStoppedReading
        /// The guest's program closed the port, and the client was told: what comes next is for the next client.
        case guestClosed
    }

    /// What is known of a client, which is whoever is at the port's other side. Plain data; its channel is kept beside it.
    struct Client: Equatable {
        /// Tells its events from those of the client before it.
        let generation: UInt32
        /// Who called connect(2), or listen(2) where the daemon connects; nil when there is no socket to ask.
        let peer: PeerCredentials?
        /// What epoll watches its descriptors for; nil once they are out of epoll.
        var interest: Epoll.Interest? = []
        /// Whether its socket may hold bytes: as far as is known, reading does not say "not now".
        var isReadable = true
        /// Whether its socket may have room.
        var isWritable = true
        /// How many bytes the next read makes room for: as many as come at a time, so that few buffers are looked at for
        /// nothing.
        var readByteCount = PortEndpoint.largestRead
        /// Whether it is gone (EPOLLHUP). Nothing can be learnt from epoll any more, which would report it for ever;
        /// bytes that it sent may still be in the socket.
        var hasHungUp = false
        /// Whether everything it sent has been read.
        var hasEndedToGuest = false
        var toHostEnd: ToHostEnd?
        /// What a call on its socket failed with: it is to be ended.
        var failure: SystemError?
        /// Descriptors of two that are not in epoll: they never wait, or have told all that they ever will.
        var isInputUnwatched = false
        var isOutputUnwatched = false
        /// When a client that is gone is given up with bytes unread, in monotonic nanoseconds.
        var lingerDeadline: UInt64?
    }

    /// How much may be on its way to a client, in bytes; the kernel doubles it, and cuts it to net.core.wmem_max.
    ///
    /// One turn's bytes. With more, a bulk client has more to read in one go, and everyone else waits longer for the
    /// processor; with less, most turns end at a full socket, and busy ports do not share evenly any more. Both were
    /// measured, see docs/performance.md.
    static let sendBufferByteCount = Int32(DeviceLoop.bytesPerTurn / 2)

    /// The bounds of ``Client/readByteCount``.
    static let smallestRead = 16 * 1024
    static let largestRead = 256 * 1024

    /// What the operator wants of the port; nil when there is none of this number.
    private(set) var configuration: PortConfiguration?
    var client: Client?
    /// Whether the guest's program has closed the port and the client is to be told, after all data.
    var owesClientClose = false
    /// Whether chains that were there when a client left are still to be thrown away, because the ring stood still
    /// then.
    var owesDiscard = false
    /// Whether the number had a port before: until the guest says that it is ready for this one, what it writes is the
    /// former one's.
    var awaitsGuestReady = false

    /// Clients beside the first one, in the order of their coming.
    var watchers = UniqueArray<Watcher>()
    /// Whose bytes the guest gets next, counted from 0, which is the first client; taken modulo their number.
    var nextWriter = 0

    private let binding: PortBinding
    // What follows is for this type's own extensions.
    var channel = ClientChannel.none
    var replay: ReplayBuffer
    /// How many of the replay's oldest bytes the guest has seen delivered before: they are told once more.
    var repeatedByteCount = 0
    /// The newest bytes, whoever has had them: what a client that comes is shown first.
    var scrollback: ReplayBuffer
    var generation: UInt32

    /// Makes the endpoint of a port.
    ///
    /// - Parameters:
    ///   - configuration: what the operator wants.
    ///   - binding: takes ownership.
    ///   - generation: that of the last client that the port of this number had before: events of it may still come.
    init(_ configuration: PortConfiguration, binding: consuming PortBinding, after generation: UInt32 = 0) {
        self.configuration = configuration
        replay = ReplayBuffer(capacity: Self.replayCapacity(configuration))
        scrollback = ReplayBuffer(capacity: configuration.scrollbackByteCount)
        switch consume binding {
        case .permanent(let permanent):
            self.binding = .none
            self.generation = generation &+ 1
            channel = permanent.channel()
            client = Client(generation: generation &+ 1, peer: nil)
        case let other:
            self.binding = other
            self.generation = generation
        }
    }

    /// Makes that of a number without a port.
    init(after generation: UInt32 = 0) {
        self.generation = generation
        configuration = nil
        binding = .none
        replay = ReplayBuffer(capacity: 0)
        scrollback = ReplayBuffer(capacity: 0)
    }

    /// Is like this from now on.
    ///
    /// - Returns: how many bytes that were kept for a client find no room any more, the oldest ones.
    mutating func reconfigure(_ new: PortConfiguration) -> Int {
        configuration = new
        promoteWriters()
        if scrollback.capacity != new.scrollbackByteCount {
            scrollback = scrollback.resized(to: new.scrollbackByteCount)
        }
        let capacity = Self.replayCapacity(new)
        // As long as the client has still to get what it missed, that is left alone; its end sees to the capacity.
        guard capacity != replay.capacity, repeatedByteCount == 0 else { return 0 }
        let lost = max(0, replay.count - capacity)
        replay = replay.resized(to: capacity)
        return lost
    }

    static func replayCapacity(_ configuration: PortConfiguration) -> Int {
        configuration.clientsAbsent == .buffer ? configuration.bufferByteCount : 0
    }

    var hasClient: Bool {
        client != nil
    }

    /// Without a port, what a guest sends all the same is thrown away, as QEMU does.
    var clientsAbsent: ClientsAbsent {
        configuration?.clientsAbsent ?? .discard
    }

    /// Whether the guest learns of clients coming and going. Otherwise it is told once that the host's side is open.
    var tellsGuestOfClients: Bool {
        clientsAbsent == .block
    }

    /// Whether the endpoint counts as open for the guest.
    var isOpenForGuest: Bool {
        tellsGuestOfClients ? hasClient : true
    }

    /// How many bytes are kept for a client.
    var replayByteCount: Int {
        replay.count
    }

    /// How many of them no client has had yet.
    var heldByteCount: Int {
        replay.count - repeatedByteCount
    }

    // MARK: The client's coming and going

    /// Readable when somebody may have come; nil when there is nothing to wait for.
    var arrivalDescriptor: Int32? {
        binding.descriptor
    }

    /// Whether the control thread is to connect to somebody.
    var wantsConnection: Bool {
        binding.isConnector && !hasClient
    }

    /// Readable when the client has sent something; nil when there is nothing to wait for.
    var inputDescriptor: Int32? {
        client?.isInputUnwatched == true ? nil : channel.inputDescriptor
    }

    /// Writable when the client takes something; the same number as ``inputDescriptor`` for a socket.
    var outputDescriptor: Int32? {
        client?.isOutputUnwatched == true ? nil : channel.outputDescriptor
    }

    /// Whether a chain of the guest is a record of the client's.
    var keepsRecords: Bool {
        channel.keepsRecords
    }

    /// What came of looking for somebody.
    enum Arrival: Equatable {
        /// Nobody is there, or there are as many clients as may be.
        case nobody
        case client
        /// One more, the last of ``watchers``.
        case watcher
        /// Somebody whom the port's policy does not admit; its connection is closed.
        case denied(PeerCredentials)
    }

    /// Takes whoever waits, when there is room for one more.
    mutating func accept() throws(SystemError) -> Arrival {
        guard hasRoomForClient else { return .nobody }
        if let terminal = try Self.openTerminal(binding) {
            meet(.terminal(TerminalChannel(terminal)), peer: nil)
            return .client
        }
        guard let stream = try Self.accept(binding) else { return .nobody }
        return try admit(stream)
    }

    /// Takes a connected socket, when its peer may stay.
    mutating func admit(_ stream: consuming UnixStream) throws(SystemError) -> Arrival {
        guard hasRoomForClient else { return .nobody }
        let peer = try stream.peerCredentials()
        if let policy = configuration?.peerPolicy, !policy.isEmpty {
            let isAdmitted = try policy.admits(peer) { () throws(SystemError) in try stream.peerSupplementaryGroups() }
            guard isAdmitted else { return .denied(peer) }
        }
        try stream.setSendBuffer(byteCount: Self.sendBufferByteCount)
        guard !hasClient else {
            addWatcher(stream, peer)
            return .watcher
        }
        if configuration?.endpoint.keepsRecords == true {
            meet(.records(RecordChannel(stream)), peer: peer)
        } else {
            meet(.stream(stream), peer: peer)
        }
        return .client
    }

    private mutating func meet(_ new: consuming ClientChannel, peer: PeerCredentials?) {
        generation &+= 1
        client = Client(generation: generation, peer: peer)
        channel = new
        showScrollback()
    }

    private static func accept(_ binding: borrowing PortBinding) throws(SystemError) -> UnixStream? {
        switch binding {
        case .listener(let listener): try listener.accept()
        default: nil
        }
    }

    private static func openTerminal(_ binding: borrowing PortBinding) throws(SystemError) -> OpenFile? {
        switch binding {
        case .terminal(let terminal):
            terminal.drain()
            // One that has written and gone already is there as long as its bytes are.
            return terminal.isOpen || terminal.hasUnreadBytes ? try terminal.connect() : nil
        default: return nil
        }
    }

    /// Closes the client's channel.
    mutating func disconnect() {
        client = nil
        discardUnread()
        channel = .none
        // The others are still to be told.
        owesClientClose = owesClientClose && !watchers.isEmpty
        forgetRepeats()
    }

    /// What is left unread goes with the client. Of a socket that is its own end; a terminal would keep it for the next.
    private func discardUnread() {
        switch channel {
        case .terminal(let terminal): terminal.discardUnread()
        default: break
        }
    }

    /// The client's socket does not work: nothing more is sent to it or read from it.
    mutating func fail(_ error: SystemError) {
        client?.failure = error
        client?.toHostEnd = .clientStoppedReading
        client?.hasEndedToGuest = true
    }

    /// Whether a client that is to learn of the end of the guest's program's data has got all that came before it.
    var hasSentAll: Bool {
        replayByteCount == 0 || client?.toHostEnd != nil
    }
}
