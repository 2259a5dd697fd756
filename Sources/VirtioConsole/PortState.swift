/// The handshake of one port: what the guest has said, and what it must be told, in which order.
///
/// A pure value: no queue, no socket. What is owed is kept as facts and not as a list of messages, so it cannot grow:
/// at most one PORT_REMOVE, PORT_ADD, CONSOLE_PORT, RESIZE and PORT_NAME, and the two PORT_OPEN of ``HostOpenSignal``.
///
/// Source: virtio 1.3 §5.3.6; the order is that of QEMU's own device, which every driver has met.
struct PortState: Equatable {
    /// A message that is owed to the guest.
    enum Message: Equatable {
        case remove
        case add
        case console
        case resize(ConsoleSize)
        case name
        case open(Bool)
    }

    let isConsole: Bool
    private var initialSize: ConsoleSize?

    /// Whether the guest has set the port up (PORT_READY).
    private(set) var isReady = false
    /// Whether a program in the guest has the port open.
    private(set) var isGuestOpen = false
    private(set) var hostOpen = HostOpenSignal()

    /// Whether the guest knows a port of this number that is gone.
    private var owesRemove = false
    private var owesAdd = false
    /// Whether PORT_ADD has been sent and no PORT_READY has answered it yet.
    private var awaitsReady = false
    private var owesConsole = false
    private var owesName = false
    private var size: ConsoleSize?

    /// Makes the state of a port that no guest knows yet.
    init(isConsole: Bool, initialSize: ConsoleSize?) {
        self.isConsole = isConsole
        self.initialSize = initialSize
    }

    /// Makes the state of a port that is added while the guest runs.
    ///
    /// - Parameters:
    ///   - isConsole: as for any port.
    ///   - initialSize: as for any port.
    ///   - former: that of the number until now: a PORT_REMOVE that it owes goes first.
    ///   - driverIsReady: whether there is a driver to be told.
    init(isConsole: Bool, initialSize: ConsoleSize?, after former: PortState, driverIsReady: Bool) {
        self.init(isConsole: isConsole, initialSize: initialSize)
        owesRemove = former.owesRemove
        owesAdd = driverIsReady
    }

    /// Makes the state of a number whose port is removed while the guest runs.
    init(removing former: PortState) {
        self.init(isConsole: false, initialSize: nil)
        owesRemove = former.owesRemove || former.isKnown
    }

    /// Whether the guest has been told of the port.
    private var isKnown: Bool {
        isReady || awaitsReady
    }

    /// Whether the guest's messages are about a port that it is still to be told is gone.
    var concernsFormerPort: Bool {
        owesRemove
    }

    /// Forgets the guest, which was reset; the host's side is as it was.
    mutating func reset() {
        owesRemove = false
        isReady = false
        isGuestOpen = false
        owesAdd = false
        awaitsReady = false
        owesConsole = false
        owesName = false
        size = nil
        hostOpen.guestStartsClosed()
    }

    /// DEVICE_READY: the driver begins from nothing.
    mutating func driverBecameReady() {
        reset()
        owesAdd = true
    }

    /// PORT_READY 1.
    ///
    /// It answers PORT_ADD; but a guest that wakes from hibernation sends it for the ports it knows, with no
    /// DEVICE_READY before, and its belief about the host's side is as old as its image.
    mutating func portBecameReady() {
        if awaitsReady {
            hostOpen.guestStartsClosed()
        } else {
            hostOpen.guestBeliefIsUnknown()
        }
        isReady = true
        owesAdd = false
        awaitsReady = false
        owesConsole = isConsole
        owesName = true
        size = initialSize
    }

    /// PORT_READY 0: the guest could not set the port up.
    mutating func portFailed() {
        reset()
    }

    /// The console has another size from now on.
    mutating func resize(to newSize: ConsoleSize?) {
        initialSize = newSize
        size = isReady ? newSize : nil
    }

    /// PORT_OPEN of the guest.
    mutating func setGuestOpen(_ isOpen: Bool) {
        isGuestOpen = isOpen
    }

    /// A client has come, or has gone with everything it sent.
    mutating func setHostOpen(_ isOpen: Bool) {
        hostOpen.set(isOpen: isOpen)
    }

    /// The message that is owed first.
    var nextMessage: Message? {
        // Linux acknowledges no removal: it is done with one message before it looks at the next.
        if owesRemove { return .remove }
        if owesAdd { return .add }
        guard isReady else { return nil }
        if owesConsole { return .console }
        if let size { return .resize(size) }
        if owesName { return .name }
        return hostOpen.next.map(Message.open)
    }

    /// The guest has got `message`, which was ``nextMessage``.
    mutating func didSend(_ message: Message) {
        switch message {
        case .remove: owesRemove = false
        case .add:
            owesAdd = false
            awaitsReady = true
        case .console: owesConsole = false
        case .resize: size = nil
        case .name: owesName = false
        case .open: hostOpen.didTell()
        }
    }
}
