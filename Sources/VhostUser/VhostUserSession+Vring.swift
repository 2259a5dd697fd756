import BasicContainers
import LinuxIO
import Virtio

// The messages about one ring. An index is one of 256, the decoder saw to that; those that the device has no queue for
// are kept like any other, because a single refused SET_VRING_CALL makes QEMU give up at its start.

extension VhostUserSession {
    /// SET_VRING_NUM
    mutating func setSize(of index: UInt8, _ size: UInt32) throws(ProtocolError) -> SessionEffect {
        try requireStopped(index, .setVringNum)
        // Virtio's own limits are the front-end's to keep; anything between is what the guest wrote into its queue size
        // register.
        guard (1...32768).contains(size) else {
            // QEMU asks for no acknowledgement here, and would go on with the size of another time.
            vrings[Int(index)].configuration.size = 0
            throw .badRingSize(index: index, size: size)
        }
        vrings[Int(index)].configuration.size = size
        return .ringChanged(Int(index))
    }

    /// SET_VRING_ADDR
    mutating func setAddresses(of index: UInt8, _ addresses: RingAddresses) throws(ProtocolError) -> SessionEffect {
        // While the ring runs it comes again only to have the used ring's writes logged or not, at the same addresses.
        guard addresses != vrings[Int(index)].configuration.addresses else { return .none }
        try requireStopped(index, .setVringAddr)
        vrings[Int(index)].configuration.addresses = addresses
        return .ringChanged(Int(index))
    }

    /// SET_VRING_BASE
    mutating func setBase(of index: UInt8, _ base: UInt32) throws(ProtocolError) -> SessionEffect {
        try requireStopped(index, .setVringBase)
        // A split ring's position has 16 bits. Whether a packed one can go on there shows when its size is known, too.
        guard base <= UInt16.max || acknowledgedFeatures.contains(.packedRing) else {
            throw .badValue(.setVringBase, UInt64(base))
        }
        vrings[Int(index)].configuration.base = base
        return .none
    }

    /// GET_VRING_BASE
    func getBase(of index: UInt32) -> SessionEffect {
        // A front-end that asks for a ring there cannot be waits for an answer all the same.
        guard let index = UInt8(exactly: index) else { return .reply(.vringBase(index: index, base: 0)) }
        return .stopRing(Int(index))
    }

    /// SET_VRING_KICK
    mutating func setKick(
        of index: UInt8, _ descriptor: consuming OwnedFileDescriptor?
    ) throws(ProtocolError) -> SessionEffect {
        let kick = try Self.eventDescriptor(descriptor, .setVringKick)
        replacedKick = vrings[Int(index)].start(kick: kick)
        return .ringChanged(Int(index))
    }

    /// SET_VRING_CALL: at any time, because the front-end masks and unmasks the guest's interrupt by it.
    mutating func setCall(
        of index: UInt8, _ descriptor: consuming OwnedFileDescriptor?
    ) throws(ProtocolError) -> SessionEffect {
        let call = try Self.eventDescriptor(descriptor, .setVringCall)
        noteCall(of: index)
        vrings[Int(index)].setCall(call)
        guard vrings[Int(index)].isRunning else { return .none }
        // A call to the former one may have gone unheard (a masked interrupt): one too many does no harm, one too few
        // stalls the guest.
        do {
            try vrings[Int(index)].call?.signal()
        } catch {
            throw .badDescriptor(.setVringCall, error)
        }
        return .none
    }

    /// SET_VRING_ERR
    mutating func setError(
        of index: UInt8, _ descriptor: consuming OwnedFileDescriptor?
    ) throws(ProtocolError) -> SessionEffect {
        let error = try Self.eventDescriptor(descriptor, .setVringErr)
        vrings[Int(index)].setError(error)
        return .none
    }

    /// SET_VRING_ENABLE. vhost-user "Ring states": a disabled ring is not processed, but it stays started.
    mutating func setEnabled(of index: UInt8, _ isEnabled: Bool) -> SessionEffect {
        vrings[Int(index)].configuration.isEnabled = isEnabled
        return .ringChanged(Int(index))
    }

    mutating func setAllRings(enabled isEnabled: Bool) -> SessionEffect {
        for index in 0..<Self.ringCount {
            vrings[index].configuration.isEnabled = isEnabled
        }
        return .allRingsChanged
    }

    /// A queue was made for one size at one place: to change these under it is how back-ends wrote out of bounds.
    private func requireStopped(_ index: UInt8, _ request: FrontendRequest) throws(ProtocolError) {
        guard !vrings[Int(index)].isRunning else { throw .ringIsRunning(request, index: index) }
    }

    private static func eventDescriptor(
        _ descriptor: consuming OwnedFileDescriptor?, _ request: FrontendRequest
    ) throws(ProtocolError) -> EventFileDescriptor? {
        guard let descriptor else { return nil }
        do {
            return try EventFileDescriptor(adopting: descriptor)
        } catch {
            throw .badDescriptor(request, error)
        }
    }
}
