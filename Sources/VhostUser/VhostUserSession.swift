import BasicContainers
import LinuxIO
public import Virtio

/// One connection of one front-end: everything that it told us, and the rules of what it may tell us when.
///
/// A state machine without a socket. ``apply(_:)`` takes one message after the other and says what has to happen; the
/// caller does it. The life of a message:
///
///     let header = message.header
///     do {
///         perform(try session.apply(MessageDecoder.decode(message)))
///         send(session.acknowledgement(for: header, succeeded: true))
///     } catch {
///         send(session.acknowledgement(for: header, succeeded: false))
///     }
///
/// A refused message changes nothing. A stopped ring cannot be touched, because it does not exist: its `Virtqueue` is
/// made by ``activate(_:)`` and ends with ``ringStopped(_:base:)``.
///
/// ## Concurrency
/// One owner: the thread that serves the rings serves the session, so that memory never changes under a ring that is
/// being read.
///
/// ## Lifetime
/// An eventfd stays in an epoll set for as long as the front-end has its own copy open, whatever we close. Take the
/// kicks of all running rings out before the session ends.
public struct VhostUserSession: ~Copyable {
    /// How many rings the protocol can name.
    public static let ringCount = 256

    let offer: DeviceOffer
    var vrings: RigidArray<Vring>
    var backendChannel: BackendChannel?
    /// Whether the guest is still to be told of a change of the config space.
    var configChangeIsPending = false
    var replacedKick: EventFileDescriptor?
    private var configWasRead = false

    /// The guest's memory, empty at first. Lent to the device while it serves rings.
    public internal(set) var memory = GuestMemory()
    /// The device features that the guest's driver accepted; never with bit 30.
    public private(set) var acknowledgedFeatures: VirtioFeatures = []
    /// The parts of the protocol that the front-end wants to use.
    public private(set) var acknowledgedProtocolFeatures: ProtocolFeatures = []
    /// The virtio device status as SET_STATUS gave it. QEMU's generic device never reports more than FEATURES_OK: rely
    /// on nothing in it.
    public private(set) var deviceStatus: UInt8 = 0
    /// How many different rings had a SET_VRING_CALL before the first GET_CONFIG.
    ///
    /// QEMU sends one for each queue it has when it makes the device, and says nowhere else how many these are.
    public internal(set) var callIndexesSeen = 0

    /// Begins a session in which nothing was said yet.
    public init(_ offer: DeviceOffer) {
        self.offer = offer
        vrings = RigidArray(capacity: Self.ringCount)
        for index in 0..<Self.ringCount {
            vrings.append(Vring(isServed: index < offer.queueCount))
        }
    }

    /// What GET_FEATURES is answered: the device's features, and the bit that says that there are protocol features.
    public var offeredFeatures: VirtioFeatures {
        offer.features.union(.vhostUserProtocolFeatures)
    }

    /// Takes the next message of the front-end.
    ///
    /// - Parameter message: consumed; fds that the session does not keep are closed.
    /// - Returns: what the caller has to do.
    /// - Throws: ``ProtocolError``: the front-end is at fault, and nothing has changed but what the error's case says.
    public mutating func apply(_ message: consuming FrontendMessage) throws(ProtocolError) -> SessionEffect {
        // The caller has had its chance to take it out of the epoll set.
        replacedKick = nil

        switch consume message {
        case .getFeatures: return .reply(.value(.getFeatures, offeredFeatures.rawValue))
        case .setFeatures(let features): return try setFeatures(features)
        case .getProtocolFeatures: return .reply(.value(.getProtocolFeatures, ProtocolFeatures.offered.rawValue))
        case .setProtocolFeatures(let features): return try setProtocolFeatures(features)
        case .setOwner: return .none
        case .resetOwner: return disableAllRings()
        case .getQueueNum: return .reply(.value(.getQueueNum, UInt64(offer.queueCount)))
        case .resetDevice: return try resetDevice()
        case .setStatus(let status): return try setStatus(status)
        case .getStatus: return .reply(.value(.getStatus, UInt64(deviceStatus)))

        case .setMemTable(let regions, let descriptors): return try setMemoryTable(regions, descriptors)
        case .addMemReg(let region, let descriptor): return try addMemoryRegion(region, descriptor)
        case .remMemReg(let region): return try removeMemoryRegion(region)
        case .getMaxMemSlots: return .reply(.value(.getMaxMemSlots, UInt64(GuestMemory.maximumRegionCount)))

        case .setVringNum(let index, let size): return try setSize(of: index, size)
        case .setVringAddr(let index, let addresses): return try setAddresses(of: index, addresses)
        case .setVringBase(let index, let base): return try setBase(of: index, base)
        case .getVringBase(let index): return getBase(of: index)
        case .setVringKick(let index, let descriptor): return try setKick(of: index, descriptor)
        case .setVringCall(let index, let descriptor): return try setCall(of: index, descriptor)
        case .setVringErr(let index, let descriptor): return try setError(of: index, descriptor)
        case .setVringEnable(let index, let isEnabled): return setEnabled(of: index, isEnabled)

        case .getConfig(let offset, let byteCount): return getConfig(Int(offset), Int(byteCount))
        case .setConfig(let offset, let bytes, let isMigration): return try setConfig(Int(offset), bytes, isMigration)
        case .setBackendReqFd(let descriptor): return try setBackendChannel(descriptor)
        }
    }

    /// Refuses what belongs to a feature that the front-end did not acknowledge.
    func requireNegotiated(_ request: FrontendRequest) throws(ProtocolError) {
        guard let shape = request.shape, acknowledgedProtocolFeatures.isSuperset(of: shape.required) else {
            throw .notNegotiated(request)
        }
    }
}

// MARK: - Features and status

extension VhostUserSession {
    private mutating func setFeatures(_ features: VirtioFeatures) throws(ProtocolError) -> SessionEffect {
        let notOffered = features.subtracting(offeredFeatures)
        guard notOffered.isEmpty else { throw .featuresNotOffered(notOffered) }

        let acknowledged = features.subtracting(.vhostUserProtocolFeatures)
        let changed = acknowledged.symmetricDifference(acknowledgedFeatures)
        // It may come again at any time, but a running queue was made for the features it has.
        guard changed.isEmpty || !isAnyRingRunning else { throw .featuresChangedWhileRunning(changed) }
        acknowledgedFeatures = acknowledged

        guard !features.contains(.vhostUserProtocolFeatures) else { return .none }
        // vhost-user "Ring states": without VHOST_USER_F_PROTOCOL_FEATURES rings are enabled from the start.
        return setAllRings(enabled: true)
    }

    private mutating func setProtocolFeatures(_ features: ProtocolFeatures) throws(ProtocolError) -> SessionEffect {
        // Legal before SET_FEATURES: to have been offered bit 30 is enough.
        let notOffered = features.subtracting(.offered)
        guard notOffered.isEmpty else { throw .protocolFeaturesNotOffered(notOffered) }
        acknowledgedProtocolFeatures = features
        return .none
    }

    private mutating func resetDevice() throws(ProtocolError) -> SessionEffect {
        try requireNegotiated(.resetDevice)
        // "Disable all rings and reset all internal device state"; connection, memory and eventfds stay.
        _ = setAllRings(enabled: false)
        return .reset
    }

    private mutating func setStatus(_ status: UInt8) throws(ProtocolError) -> SessionEffect {
        try requireNegotiated(.setStatus)
        deviceStatus = status
        return status == 0 ? .reset : .none
    }

    /// RESET_OWNER: deprecated, because some back-ends let go of everything on it. The specification asks to ignore it
    /// or to disable the rings.
    private mutating func disableAllRings() -> SessionEffect {
        setAllRings(enabled: false)
    }
}

// MARK: - Config space

extension VhostUserSession {
    private mutating func getConfig(_ offset: Int, _ byteCount: Int) -> SessionEffect {
        configWasRead = true
        guard offset < offer.configByteCount else {
            return .reply(.config(offset: offset, byteCount: byteCount, bytes: []))
        }
        return .readConfig(offset: offset, byteCount: byteCount)
    }

    private func setConfig(_ offset: Int, _ bytes: [UInt8], _ isMigration: Bool) throws(ProtocolError) -> SessionEffect
    {
        try requireNegotiated(.setConfig)
        // QEMU writes its whole copy, as large as its command line says; what we have not cannot be written.
        let room = offer.configByteCount - offset
        guard room > 0, !bytes.isEmpty else { return .none }
        return .writeConfig(offset: offset, bytes: Array(bytes.prefix(room)), isMigration: isMigration)
    }

    /// Counts the rings for ``callIndexesSeen``.
    mutating func noteCall(of index: UInt8) {
        guard !configWasRead, !vrings[Int(index)].callWasSet else { return }
        vrings[Int(index)].callWasSet = true
        callIndexesSeen += 1
    }
}
