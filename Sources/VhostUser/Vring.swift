import LinuxIO

/// One ring of the session: what is known about it, and the eventfds that belong to it.
///
/// The two are changed together only here, so that the plain data never speaks of an fd that is not there.
struct Vring: ~Copyable {
    var configuration: VringConfiguration
    /// Whether the caller has a running queue made from this ring.
    var isRunning = false
    /// Whether SET_VRING_CALL came at least once.
    var callWasSet = false

    private(set) var kick: EventFileDescriptor?
    private(set) var call: EventFileDescriptor?
    private(set) var error: EventFileDescriptor?

    init(isServed: Bool) {
        configuration = VringConfiguration(isServed: isServed)
    }

    /// Starts the ring: takes a new source of kicks, no eventfd meaning that the ring is polled.
    ///
    /// - Returns: the former kick, still open, because it may be in an epoll set.
    mutating func start(kick new: consuming EventFileDescriptor?) -> EventFileDescriptor? {
        configuration.kick = new == nil ? .polling : .eventDescriptor
        let former = kick.take()
        kick = new
        return former
    }

    /// Stops the ring as GET_VRING_BASE does: the kick is forgotten and closed, the position remembered as the one
    /// answered.
    mutating func stop() {
        isRunning = false
        kick = nil
        configuration.kick = .none
        configuration.stoppedBase = configuration.base
    }

    mutating func setCall(_ new: consuming EventFileDescriptor?) {
        configuration.hasCall = new != nil
        call = new
    }

    mutating func setError(_ new: consuming EventFileDescriptor?) {
        error = new
    }
}
