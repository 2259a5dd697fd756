public import LinuxIO
public import Virtio

/// A request of a front-end, read and found well-formed: typed numbers, and the fds that belong to it.
///
/// Only the syntax was checked. Whether the numbers make sense at this point of the conversation, ``VhostUserSession``
/// decides. Whoever drops a message closes its fds.
public enum FrontendMessage: ~Copyable {
    /// GET_FEATURES
    case getFeatures
    /// SET_FEATURES, bit 30 included
    case setFeatures(VirtioFeatures)
    /// SET_OWNER
    case setOwner
    /// RESET_OWNER
    case resetOwner
    /// SET_MEM_TABLE: the whole new table, and as many fds in the same order
    case setMemTable([MemoryRegionDescription], DescriptorList)
    /// SET_VRING_NUM
    case setVringNum(index: UInt8, size: UInt32)
    /// SET_VRING_ADDR
    case setVringAddr(index: UInt8, RingAddresses)
    /// SET_VRING_BASE
    case setVringBase(index: UInt8, base: UInt32)
    /// GET_VRING_BASE; any index, because any is answered
    case getVringBase(index: UInt32)
    /// SET_VRING_KICK; without an fd the ring is to be polled
    case setVringKick(index: UInt8, OwnedFileDescriptor?)
    /// SET_VRING_CALL; without an fd the guest polls
    case setVringCall(index: UInt8, OwnedFileDescriptor?)
    /// SET_VRING_ERR; without an fd nobody wants to know
    case setVringErr(index: UInt8, OwnedFileDescriptor?)
    /// GET_PROTOCOL_FEATURES
    case getProtocolFeatures
    /// SET_PROTOCOL_FEATURES
    case setProtocolFeatures(ProtocolFeatures)
    /// GET_QUEUE_NUM
    case getQueueNum
    /// SET_VRING_ENABLE
    case setVringEnable(index: UInt8, Bool)
    /// SET_BACKEND_REQ_FD
    case setBackendReqFd(OwnedFileDescriptor)
    /// GET_CONFIG
    case getConfig(offset: UInt32, byteCount: UInt32)
    /// SET_CONFIG; written by the guest, or by the front-end when a migration ends
    case setConfig(offset: UInt32, bytes: [UInt8], isMigration: Bool)
    /// RESET_DEVICE
    case resetDevice
    /// GET_MAX_MEM_SLOTS
    case getMaxMemSlots
    /// ADD_MEM_REG
    case addMemReg(MemoryRegionDescription, OwnedFileDescriptor)
    /// REM_MEM_REG
    case remMemReg(MemoryRegionDescription)
    /// SET_STATUS
    case setStatus(UInt8)
    /// GET_STATUS
    case getStatus
}

/// One memory region as a message names it; nothing about it is checked yet.
///
/// - Source: vhost-user "Single memory region description", "Memory regions description".
public struct MemoryRegionDescription: Equatable, Sendable {
    /// Where it begins for the guest.
    public let guestBase: GuestAddress
    /// Its size in bytes.
    public let byteCount: UInt64
    /// Where it begins for the front-end; 0 once GPA_ADDRESSES is acknowledged.
    public let userBase: UserAddress
    /// Where it begins in the file that comes with it, in bytes.
    public let fileOffset: UInt64

    /// Makes a description.
    public init(guestBase: GuestAddress, byteCount: UInt64, userBase: UserAddress, fileOffset: UInt64) {
        self.guestBase = guestBase
        self.byteCount = byteCount
        self.userBase = userBase
        self.fileOffset = fileOffset
    }
}
