/// What one kind of request looks like on the wire, and what it is answered with.
///
/// The table of the protocol's syntax, in one place: the decoder checks against it, the session takes from it which
/// answer is due.
/// - Source: vhost-user "Front-end message types", "Communication" and "Reply acknowledgement".
struct MessageShape {
    /// What the payload is, which decides its size.
    enum Payload {
        case none
        case u64
        /// `{u32 index, u32 number}`
        case vringState
        /// `{u32 index, u32 flags, u64 descriptors, u64 used, u64 available, u64 log}`
        case vringAddresses
        /// `{u32 count, u32 padding}` and `count` regions
        case memoryTable
        /// `{u64 padding}` and one region
        case memoryRegion
        /// `{u32 offset, u32 size, u32 flags}` and `size` bytes
        case config
    }

    /// How many fds come along.
    enum Descriptors {
        case none
        case one
        /// One unless bit 8 of the payload says that there is none.
        case unlessFlagged
        /// One per region of the memory table.
        case onePerRegion
        /// None, or any number that means nothing and is closed.
        case ignored
    }

    /// What comes back.
    enum Answer {
        /// Nothing, or a u64 that tells success under REPLY_ACK.
        case acknowledgement
        /// Always a u64.
        case u64
        /// Always a ring state.
        case vringState
        /// Always a config space access, or an empty message for an error.
        case config
    }

    let payload: Payload
    let descriptors: Descriptors
    let answer: Answer
    /// What must have been negotiated before the request may change anything.
    let required: ProtocolFeatures

    init(
        _ payload: Payload, _ descriptors: Descriptors = .none, answer: Answer = .acknowledgement,
        requires required: ProtocolFeatures = []
    ) {
        self.payload = payload
        self.descriptors = descriptors
        self.answer = answer
        self.required = required
    }
}

extension MessageShape {
    /// The most regions that one SET_MEM_TABLE may bring.
    ///
    /// The protocol's own limit is 8. More are taken up to the number of fds that are received with one message,
    /// because nothing is gained by refusing a front-end that has them.
    static let maximumRegionCount = 32

    /// The bytes of one region: `{u64 guest address, u64 size, u64 user address, u64 file offset}`.
    static let regionByteCount = 32
}

extension MessageShape.Payload {
    /// Whether a payload of this kind can have this size. That a count inside agrees with the size, the decoder checks.
    func admits(byteCount: Int) -> Bool {
        switch self {
        case .none: byteCount == 0
        case .u64, .vringState: byteCount == 8
        case .vringAddresses: byteCount == 40
        case .memoryTable:
            byteCount >= 8 && (byteCount - 8) % MessageShape.regionByteCount == 0
                && (byteCount - 8) / MessageShape.regionByteCount <= MessageShape.maximumRegionCount
        case .memoryRegion: byteCount == 8 + MessageShape.regionByteCount
        case .config: byteCount >= 12
        }
    }
}

extension FrontendRequest {
    /// The request's place in the table, or nil when it belongs to a feature that is not offered.
    ///
    /// Questions change nothing and must be answered, or the front-end waits for ever: they are served whatever was
    /// negotiated, and fds that come with them are closed. Everything else must be exactly as the table says.
    var shape: MessageShape? {
        switch self {
        case .getFeatures: MessageShape(.none, .ignored, answer: .u64)
        case .setFeatures: MessageShape(.u64)
        case .setOwner: MessageShape(.none)
        case .resetOwner: MessageShape(.none)
        case .setMemTable: MessageShape(.memoryTable, .onePerRegion)
        case .setVringNum: MessageShape(.vringState)
        case .setVringAddr: MessageShape(.vringAddresses)
        case .setVringBase: MessageShape(.vringState)
        case .getVringBase: MessageShape(.vringState, .ignored, answer: .vringState)
        case .setVringKick: MessageShape(.u64, .unlessFlagged)
        case .setVringCall: MessageShape(.u64, .unlessFlagged)
        case .setVringErr: MessageShape(.u64, .unlessFlagged)
        case .getProtocolFeatures: MessageShape(.none, .ignored, answer: .u64)
        case .setProtocolFeatures: MessageShape(.u64)
        case .getQueueNum: MessageShape(.none, .ignored, answer: .u64)
        case .setVringEnable: MessageShape(.vringState)
        case .setBackendReqFd: MessageShape(.none, .one, requires: .backendRequests)
        case .getConfig: MessageShape(.config, .ignored, answer: .config)
        case .setConfig: MessageShape(.config, requires: .configuration)
        case .resetDevice: MessageShape(.none, requires: .resetDevice)
        case .getMaxMemSlots: MessageShape(.none, .ignored, answer: .u64)
        case .addMemReg: MessageShape(.memoryRegion, .one, requires: .memorySlots)
        case .remMemReg: MessageShape(.memoryRegion, .ignored, requires: .memorySlots)
        case .setStatus: MessageShape(.u64, requires: .status)
        case .getStatus: MessageShape(.none, .ignored, answer: .u64)
        case .setLogBase, .setLogFd, .sendRarp, .netSetMtu, .iotlbMsg, .setVringEndian, .createCryptoSession,
            .closeCryptoSession, .postcopyAdvise, .postcopyListen, .postcopyEnd, .getInflightFd, .setInflightFd,
            .gpuSetSocket, .vringKick, .getSharedObject, .setDeviceStateFd, .checkDeviceState, .getShmemConfig:
            nil
        }
    }
}
