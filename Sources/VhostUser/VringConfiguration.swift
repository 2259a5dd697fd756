public import Virtio

/// What a front-end said about one ring: plain data, and all of it that outlives a stop.
///
/// The eventfds that belong to it are kept beside it by the session; here is only whether there are any.
///
/// ## States
/// A ring is enabled or disabled (SET_VRING_ENABLE), and stopped or started; the two are independent. The specification
/// has a ring started by its first kick. Here the kick's fd starts it, because a kick may have been consumed while the
/// ring was disabled: a ring is looked at as soon as it may run, kicked or not.
/// - Source: vhost-user "Ring states".
public struct VringConfiguration: Equatable, Sendable {
    /// Where kicks come from.
    public enum Kick: Equatable, Sendable {
        /// None is known: the ring is stopped.
        case none
        /// An eventfd that the guest signals.
        case eventDescriptor
        /// Nowhere: the ring is to be looked at again and again.
        case polling
    }

    /// Whether the device has a queue for the ring. Others are kept and answered for, and never run.
    public let isServed: Bool
    /// The number of entries as SET_VRING_NUM gave it; 0 until then. Not necessarily one that a ring can have.
    public internal(set) var size: UInt32 = 0
    /// The last SET_VRING_ADDR; resolved whenever the ring is activated, because memory may have changed since.
    public internal(set) var addresses: RingAddresses?
    /// Where the ring goes on when it is activated: what SET_VRING_BASE gave, or where it stopped last.
    public internal(set) var base: UInt32 = 0
    /// Where the ring stopped last in this connection; nil before it ran. A start at another base is that of a ring
    /// made anew.
    public internal(set) var stoppedBase: UInt32?
    /// Whether the ring may be processed.
    public internal(set) var isEnabled = false
    /// Whether the ring is started, and by what it is woken.
    public internal(set) var kick = Kick.none
    /// Whether there is an eventfd to interrupt the guest by.
    public internal(set) var hasCall = false

    init(isServed: Bool) {
        self.isServed = isServed
    }

    /// Whether everything is there that the ring needs to run: size, addresses, kick, and leave to be processed.
    ///
    /// That its addresses and size make sense shows only in ``VhostUserSession/activate(_:)``.
    public var isRunnable: Bool {
        isServed && size > 0 && addresses != nil && kick != .none && isEnabled
    }
}
