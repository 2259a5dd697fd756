import Testing
import VirtioTestSupport

/// One request as the specification has it: the second reading of the table, by a test.
struct WireRow: Sendable, CustomTestStringConvertible {
    /// What comes back.
    enum Answer: Sendable {
        case acknowledgement
        /// The size of the body, and of the body that says that something was wrong.
        case body(Int, whenRefused: Int)
    }

    let name: String
    /// A message that a back-end obeys once everything is negotiated, fds aside.
    let message: FakeMessage
    let descriptorCount: Int
    let answer: Answer

    init(_ name: String, _ message: FakeMessage, descriptorCount: Int = 0, _ answer: Answer = .acknowledgement) {
        self.name = name
        self.message = message
        self.descriptorCount = descriptorCount
        self.answer = answer
    }

    var testDescription: String { name }

    /// A file of the kind that the message brings.
    func makeProbe() throws -> LeakProbe {
        let isEvent = [12, 13, 14].contains(message.request)
        return try LeakProbe(isEvent ? .eventDescriptor : .memory)
    }

    private static let region = FakeRegion(guestBase: 0x10_0000, byteCount: 0x1000, userBase: 0x7000_0000_0000)
    private static let value = Answer.body(8, whenRefused: 8)

    /// Every request that is served.
    static let served: [WireRow] = [
        WireRow("GET_FEATURES", FakeMessage(1), value),
        WireRow("SET_FEATURES", FakeMessage(2, pack(UInt64(1 << 32 | 1 << 30)))),
        WireRow("SET_OWNER", FakeMessage(3)),
        WireRow("RESET_OWNER", FakeMessage(4)),
        WireRow("SET_MEM_TABLE", .setMemTable([region], descriptors: []), descriptorCount: 1),
        WireRow("SET_VRING_NUM", FakeMessage(8, pack(UInt32(1)) + pack(UInt32(64)))),
        WireRow("SET_VRING_ADDR", .setVringAddr(1, descriptors: 0x1000, used: 0x3000, available: 0x2000)),
        WireRow("SET_VRING_BASE", FakeMessage(10, pack(UInt32(1)) + pack(UInt32(5)))),
        WireRow("GET_VRING_BASE", FakeMessage(11, pack(UInt32(1)) + pack(UInt32(0))), value),
        WireRow("SET_VRING_KICK", FakeMessage(12, pack(UInt64(1))), descriptorCount: 1),
        WireRow("SET_VRING_CALL", FakeMessage(13, pack(UInt64(1))), descriptorCount: 1),
        WireRow("SET_VRING_ERR", FakeMessage(14, pack(UInt64(1))), descriptorCount: 1),
        WireRow("SET_VRING_KICK, NOFD", FakeMessage(12, pack(UInt64(0x101)))),
        WireRow("SET_VRING_CALL, NOFD", FakeMessage(13, pack(UInt64(0x101)))),
        WireRow("SET_VRING_ERR, NOFD", FakeMessage(14, pack(UInt64(0x101)))),
        WireRow("GET_PROTOCOL_FEATURES", FakeMessage(15), value),
        WireRow("SET_PROTOCOL_FEATURES", FakeMessage(16, pack(Conversation.allProtocolFeatures))),
        WireRow("GET_QUEUE_NUM", FakeMessage(17), value),
        WireRow("SET_VRING_ENABLE", FakeMessage(18, pack(UInt32(1)) + pack(UInt32(1)))),
        WireRow("GET_CONFIG", .getConfig(offset: 0, byteCount: 12), .body(24, whenRefused: 0)),
        WireRow("SET_CONFIG", .setConfig(offset: 0, [UInt8](repeating: 0, count: 12))),
        WireRow("RESET_DEVICE", FakeMessage(34)),
        WireRow("GET_MAX_MEM_SLOTS", FakeMessage(36), value),
        WireRow("ADD_MEM_REG", .addMemReg(region, -1).withoutDescriptors, descriptorCount: 1),
        WireRow("SET_STATUS", FakeMessage(39, pack(UInt64(15)))),
        WireRow("GET_STATUS", FakeMessage(40), value),
    ]

    /// Every other number from 0 on, and the last one.
    static let unserved: [UInt32] =
        [0, 6, 7, 19, 20, 22, 23] + Array(26...33) + [35] + Array(41...64) + [0x7fff_ffff, 0xffff_ffff]
}

extension FakeMessage {
    var withoutDescriptors: FakeMessage {
        with(descriptors: [])
    }

    func with(descriptors: [Int32]) -> FakeMessage {
        var message = self
        message.descriptors = descriptors
        return message
    }

    func with(flags: UInt32) -> FakeMessage {
        var message = self
        message.flags = flags
        return message
    }

    func with(payloadByteCount: Int) -> FakeMessage {
        var message = self
        message.payload = Array((payload + [UInt8](repeating: 0, count: payloadByteCount)).prefix(payloadByteCount))
        return message
    }
}
