/// What the guest has been told, and must be told, about the host's side of a port being open.
///
/// However often clients come and go before the guest has a buffer for a message, at most two are owed: a hang-up must
/// be seen, or a guest's program would not notice that it talks to somebody else; an opening that ended before it was
/// told need not be.
struct HostOpenSignal: Equatable {
    /// Whether the host's side is open.
    private(set) var isOpen = false
    /// What the guest was told last; nil when that cannot be known (a guest that woke from hibernation).
    private var told: Bool? = false
    /// Whether the guest believes in a client that has gone.
    private var owesHangUp = false

    /// The host's side has opened or closed.
    mutating func set(isOpen: Bool) {
        if !isOpen, told == true {
            owesHangUp = true
        }
        self.isOpen = isOpen
    }

    /// The guest has just set the port up, and takes the host's side for closed.
    mutating func guestStartsClosed() {
        told = false
        owesHangUp = false
    }

    /// The guest has set the port up again, with a belief of its own.
    mutating func guestBeliefIsUnknown() {
        told = nil
        owesHangUp = false
    }

    /// The next value to tell.
    var next: Bool? {
        if owesHangUp {
            return false
        }
        return told == isOpen ? nil : isOpen
    }

    /// ``next`` has been told.
    mutating func didTell() {
        told = next ?? told
        owesHangUp = false
    }
}
