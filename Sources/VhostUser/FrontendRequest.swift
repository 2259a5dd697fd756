/// The requests of a front-end, by their numbers on the wire.
///
/// All that the protocol defines are here, so that a log can name them; which of them are served says ``MessageShape``.
/// In the lines below, a state is `{u32 index, u32 number}` and an fd index is a u64 with the ring in bits 0–7 and "no
/// fd" in bit 8.
///
/// - Source: vhost-user "Front-end message types".
public enum FrontendRequest: UInt32, CaseIterable, Sendable {
    /// GET_FEATURES: no payload; answered with a u64.
    case getFeatures = 1
    /// SET_FEATURES: a u64.
    case setFeatures = 2
    /// SET_OWNER: no payload.
    case setOwner = 3
    /// RESET_OWNER: no payload; deprecated.
    case resetOwner = 4
    /// SET_MEM_TABLE: a region count and the regions, with one fd for each.
    case setMemTable = 5
    /// SET_LOG_BASE: size and offset of the dirty log, with its fd.
    case setLogBase = 6
    /// SET_LOG_FD: an eventfd to signal when the dirty log changed.
    case setLogFd = 7
    /// SET_VRING_NUM: a state, the number being the ring's size.
    case setVringNum = 8
    /// SET_VRING_ADDR: where the three parts of a ring are.
    case setVringAddr = 9
    /// SET_VRING_BASE: a state, the number being the position to go on at.
    case setVringBase = 10
    /// GET_VRING_BASE: a state; stops the ring and is answered with a state, the number being the position it stopped
    /// at.
    case getVringBase = 11
    /// SET_VRING_KICK: an fd index, with the eventfd that the guest signals.
    case setVringKick = 12
    /// SET_VRING_CALL: an fd index, with the eventfd to interrupt the guest by.
    case setVringCall = 13
    /// SET_VRING_ERR: an fd index, with the eventfd to signal when the ring is broken.
    case setVringErr = 14
    /// GET_PROTOCOL_FEATURES: no payload; answered with a u64.
    case getProtocolFeatures = 15
    /// SET_PROTOCOL_FEATURES: a u64.
    case setProtocolFeatures = 16
    /// GET_QUEUE_NUM: no payload; answered with a u64.
    case getQueueNum = 17
    /// SET_VRING_ENABLE: a state, the number being 1 to enable the ring and 0 to disable it.
    case setVringEnable = 18
    /// SEND_RARP: network devices only.
    case sendRarp = 19
    /// NET_SET_MTU: network devices only.
    case netSetMtu = 20
    /// SET_BACKEND_REQ_FD: no payload, with the socket for messages that the back-end begins.
    case setBackendReqFd = 21
    /// IOTLB_MSG: needs VIRTIO_F_ACCESS_PLATFORM.
    case iotlbMsg = 22
    /// SET_VRING_ENDIAN: legacy devices on hosts of the other byte order.
    case setVringEndian = 23
    /// GET_CONFIG: offset, size and as many bytes; answered in kind.
    case getConfig = 24
    /// SET_CONFIG: offset, size, flags and the bytes.
    case setConfig = 25
    /// CREATE_CRYPTO_SESSION: crypto devices only.
    case createCryptoSession = 26
    /// CLOSE_CRYPTO_SESSION: crypto devices only.
    case closeCryptoSession = 27
    /// POSTCOPY_ADVISE: post-copy migration.
    case postcopyAdvise = 28
    /// POSTCOPY_LISTEN: post-copy migration.
    case postcopyListen = 29
    /// POSTCOPY_END: post-copy migration.
    case postcopyEnd = 30
    /// GET_INFLIGHT_FD: shared memory that tracks requests in flight.
    case getInflightFd = 31
    /// SET_INFLIGHT_FD: the same, given back after a reconnect.
    case setInflightFd = 32
    /// GPU_SET_SOCKET: display devices only.
    case gpuSetSocket = 33
    /// RESET_DEVICE: no payload.
    case resetDevice = 34
    /// VRING_KICK: kicks as messages instead of by eventfd.
    case vringKick = 35
    /// GET_MAX_MEM_SLOTS: no payload; answered with a u64.
    case getMaxMemSlots = 36
    /// ADD_MEM_REG: one region, with its fd.
    case addMemReg = 37
    /// REM_MEM_REG: one region; an fd may come along and means nothing.
    case remMemReg = 38
    /// SET_STATUS: a u64, the virtio device status in its low byte.
    case setStatus = 39
    /// GET_STATUS: no payload; answered with a u64.
    case getStatus = 40
    /// GET_SHARED_OBJECT: dma-buf sharing.
    case getSharedObject = 41
    /// SET_DEVICE_STATE_FD: migration of the back-end's state.
    case setDeviceStateFd = 42
    /// CHECK_DEVICE_STATE: migration of the back-end's state.
    case checkDeviceState = 43
    /// GET_SHMEM_CONFIG: shared memory regions of the device.
    case getShmemConfig = 44
}

extension FrontendRequest: CustomStringConvertible {
    /// The name in the specification, without its prefix VHOST_USER_.
    public var description: String {
        // The numbers are 1 to 44 without a gap.
        Self.names[Int(rawValue) - 1]
    }

    private static let names = [
        "GET_FEATURES", "SET_FEATURES", "SET_OWNER", "RESET_OWNER", "SET_MEM_TABLE", "SET_LOG_BASE",
        "SET_LOG_FD", "SET_VRING_NUM", "SET_VRING_ADDR", "SET_VRING_BASE", "GET_VRING_BASE", "SET_VRING_KICK",
        "SET_VRING_CALL", "SET_VRING_ERR", "GET_PROTOCOL_FEATURES", "SET_PROTOCOL_FEATURES", "GET_QUEUE_NUM",
        "SET_VRING_ENABLE", "SEND_RARP", "NET_SET_MTU", "SET_BACKEND_REQ_FD", "IOTLB_MSG", "SET_VRING_ENDIAN",
        "GET_CONFIG", "SET_CONFIG", "CREATE_CRYPTO_SESSION", "CLOSE_CRYPTO_SESSION", "POSTCOPY_ADVISE",
        "POSTCOPY_LISTEN", "POSTCOPY_END", "GET_INFLIGHT_FD", "SET_INFLIGHT_FD", "GPU_SET_SOCKET",
        "RESET_DEVICE", "VRING_KICK", "GET_MAX_MEM_SLOTS", "ADD_MEM_REG", "REM_MEM_REG", "SET_STATUS",
        "GET_STATUS", "GET_SHARED_OBJECT", "SET_DEVICE_STATE_FD", "CHECK_DEVICE_STATE", "GET_SHMEM_CONFIG",
    ]
}
