/// One message of a ``FakeFrontend``: exactly what goes on the wire.
public struct FakeMessage: Equatable, Sendable {
    /// The number of the request.
    public var request: UInt32
    /// The flags: 1 is version 1, 8 is NEED_REPLY.
    public var flags: UInt32 = 0x1
    /// The bytes behind the header.
    public var payload: [UInt8] = []
    /// The fds that go along; borrowed, and still the test's.
    public var descriptors: [Int32] = []
    /// The payload size that the header tells, when it is not that of the payload.
    public var announcedByteCount: UInt32?

    /// Makes any message.
    public init(_ request: UInt32, _ payload: [UInt8] = [], descriptors: [Int32] = []) {
        self.request = request
        self.payload = payload
        self.descriptors = descriptors
    }

    /// Header and payload.
    public var bytes: [UInt8] {
        pack(request) + pack(flags) + pack(announcedByteCount ?? UInt32(payload.count)) + payload
    }

    /// The same message, with NEED_REPLY.
    public var needingReply: FakeMessage {
        var message = self
        message.flags |= 0x8
        return message
    }

    /// Whether a front-end waits for an answer to it once REPLY_ACK is negotiated.
    public var expectsAnswer: Bool {
        // The GET_… that this device serves.
        flags & 0x8 != 0 || [1, 11, 15, 17, 24, 36, 40].contains(request)
    }
}

extension FakeMessage {
    /// GET_FEATURES
    public static let getFeatures = FakeMessage(1)
    /// SET_FEATURES
    public static func setFeatures(_ bits: UInt64) -> FakeMessage { FakeMessage(2, pack(bits)) }
    /// SET_OWNER
    public static let setOwner = FakeMessage(3)
    /// RESET_OWNER
    public static let resetOwner = FakeMessage(4)
    /// SET_MEM_TABLE
    public static func setMemTable(_ regions: [FakeRegion], descriptors: [Int32]) -> FakeMessage {
        FakeMessage(
            5, pack(UInt32(regions.count)) + pack(UInt32(0)) + regions.flatMap(\.bytes), descriptors: descriptors)
    }
    /// SET_VRING_NUM
    public static func setVringNum(_ index: UInt32, _ size: UInt32) -> FakeMessage { state(8, index, size) }
    /// SET_VRING_ADDR
    public static func setVringAddr(
        _ index: UInt32, descriptors: UInt64, used: UInt64, available: UInt64, flags: UInt32 = 0, log: UInt64 = 0
    ) -> FakeMessage {
        FakeMessage(9, pack(index) + pack(flags) + pack(descriptors) + pack(used) + pack(available) + pack(log))
    }
    /// SET_VRING_BASE
    public static func setVringBase(_ index: UInt32, _ base: UInt32) -> FakeMessage { state(10, index, base) }
    /// GET_VRING_BASE
    public static func getVringBase(_ index: UInt32) -> FakeMessage { state(11, index, 0) }
    /// SET_VRING_KICK; NOFD without a descriptor
    public static func setVringKick(_ index: UInt64, _ descriptor: Int32?) -> FakeMessage {
        event(12, index, descriptor)
    }
    /// SET_VRING_CALL; NOFD without a descriptor
    public static func setVringCall(_ index: UInt64, _ descriptor: Int32?) -> FakeMessage {
        event(13, index, descriptor)
    }
    /// SET_VRING_ERR; NOFD without a descriptor
    public static func setVringErr(_ index: UInt64, _ descriptor: Int32?) -> FakeMessage {
        event(14, index, descriptor)
    }
    /// GET_PROTOCOL_FEATURES
    public static let getProtocolFeatures = FakeMessage(15)
    /// SET_PROTOCOL_FEATURES
    public static func setProtocolFeatures(_ bits: UInt64) -> FakeMessage { FakeMessage(16, pack(bits)) }
    /// GET_QUEUE_NUM
    public static let getQueueNum = FakeMessage(17)
    /// SET_VRING_ENABLE
    public static func setVringEnable(_ index: UInt32, _ number: UInt32) -> FakeMessage { state(18, index, number) }
    /// SET_BACKEND_REQ_FD
    public static func setBackendReqFd(_ descriptor: Int32) -> FakeMessage {
        FakeMessage(21, descriptors: [descriptor])
    }
    /// GET_CONFIG
    public static func getConfig(offset: UInt32, byteCount: UInt32) -> FakeMessage {
        FakeMessage(24, pack(offset) + pack(byteCount) + pack(UInt32(0)) + [UInt8](repeating: 0, count: Int(byteCount)))
    }
    /// SET_CONFIG
    public static func setConfig(offset: UInt32, _ bytes: [UInt8], flags: UInt32 = 0) -> FakeMessage {
        FakeMessage(25, pack(offset) + pack(UInt32(bytes.count)) + pack(flags) + bytes)
    }
    /// RESET_DEVICE
    public static let resetDevice = FakeMessage(34)
    /// GET_MAX_MEM_SLOTS
    public static let getMaxMemSlots = FakeMessage(36)
    /// ADD_MEM_REG
    public static func addMemReg(_ region: FakeRegion, _ descriptor: Int32) -> FakeMessage {
        FakeMessage(37, pack(UInt64(0)) + region.bytes, descriptors: [descriptor])
    }
    /// REM_MEM_REG
    public static func remMemReg(_ region: FakeRegion) -> FakeMessage {
        FakeMessage(38, pack(UInt64(0)) + region.bytes)
    }
    /// SET_STATUS
    public static func setStatus(_ status: UInt64) -> FakeMessage { FakeMessage(39, pack(status)) }
    /// GET_STATUS
    public static let getStatus = FakeMessage(40)

    private static func state(_ request: UInt32, _ index: UInt32, _ number: UInt32) -> FakeMessage {
        FakeMessage(request, pack(index) + pack(number))
    }

    private static func event(_ request: UInt32, _ index: UInt64, _ descriptor: Int32?) -> FakeMessage {
        guard let descriptor else { return FakeMessage(request, pack(index | 0x100)) }
        return FakeMessage(request, pack(index), descriptors: [descriptor])
    }
}

/// A memory region as SET_MEM_TABLE, ADD_MEM_REG and REM_MEM_REG carry it.
public struct FakeRegion: Equatable, Sendable {
    /// Where it begins for the guest.
    public var guestBase: UInt64
    /// Its size in bytes.
    public var byteCount: UInt64
    /// Where it begins for the front-end.
    public var userBase: UInt64
    /// Where it begins in its file.
    public var fileOffset: UInt64

    /// Makes a region.
    public init(guestBase: UInt64, byteCount: UInt64, userBase: UInt64 = 0, fileOffset: UInt64 = 0) {
        self.guestBase = guestBase
        self.byteCount = byteCount
        self.userBase = userBase
        self.fileOffset = fileOffset
    }

    var bytes: [UInt8] {
        pack(guestBase) + pack(byteCount) + pack(userBase) + pack(fileOffset)
    }
}
