import LinuxIO
import Virtio

/// Reads a message: the syntax of the protocol and nothing else.
///
/// Checked against the table in ``MessageShape``: flags, payload size, number of fds; then that every number is one
/// that the request defines. A message that is refused has its fds closed.
public enum MessageDecoder {
    /// Reads one message and takes its fds over.
    ///
    /// - Parameter message: consumed; the fds it has and the result does not are closed.
    /// - Returns: the typed request, which owns the fds that belong to it.
    /// - Throws: ``ProtocolError``: the front-end is at fault, and the message has no effect.
    public static func decode(_ message: consuming ReceivedMessage) throws(ProtocolError) -> FrontendMessage {
        let header = message.header
        let payload = message.payload
        let descriptors = message.descriptors

        guard let request = FrontendRequest(rawValue: header.request) else { throw .unknownRequest(header.request) }
        guard let shape = request.shape else { throw .unsupportedRequest(request) }
        guard header.flags.areThoseOfARequest else { throw .badFlags(request, header.flags) }
        guard shape.payload.admits(byteCount: payload.count) else {
            throw .badPayloadSize(request, byteCount: payload.count)
        }
        let fields = FieldReader(request: request, payload: payload)
        if let expected = try expectedDescriptorCount(shape.descriptors, fields), descriptors.count != expected {
            throw .badDescriptorCount(request, received: descriptors.count, expected: expected)
        }
        return try read(request, fields, descriptors)
    }

    /// How many fds the request must come with, or nil when any number will do.
    private static func expectedDescriptorCount(
        _ descriptors: MessageShape.Descriptors, _ fields: FieldReader
    ) throws(ProtocolError) -> Int? {
        // A copy of the reader: the message itself is read from its beginning later.
        var fields = fields
        switch descriptors {
        case .none: return 0
        case .one: return 1
        case .ignored: return nil
        case .unlessFlagged: return try fields.nextDescriptorIndex().hasDescriptor ? 1 : 0
        case .onePerRegion: return try fields.nextMemoryTable().count
        }
    }

    /// Reads the payload of a request whose flags, size and number of fds are right.
    private static func read(
        _ request: FrontendRequest, _ fields: FieldReader, _ descriptors: consuming DescriptorList
    ) throws(ProtocolError) -> FrontendMessage {
        var fields = fields
        switch request {
        case .getFeatures: return .getFeatures
        case .setFeatures: return .setFeatures(VirtioFeatures(rawValue: try fields.next()))
        case .setOwner: return .setOwner
        case .resetOwner: return .resetOwner
        case .setMemTable: return .setMemTable(try fields.nextMemoryTable(), descriptors)
        case .setVringNum: return .setVringNum(index: try fields.nextRingIndex(), size: try fields.next())
        case .setVringAddr: return .setVringAddr(index: try fields.nextRingIndex(), try fields.nextRingAddresses())
        case .setVringBase: return .setVringBase(index: try fields.nextRingIndex(), base: try fields.next())
        case .getVringBase: return .getVringBase(index: try fields.next())
        case .setVringKick:
            return .setVringKick(index: try fields.nextDescriptorIndex().index, descriptors.takeFirst())
        case .setVringCall:
            return .setVringCall(index: try fields.nextDescriptorIndex().index, descriptors.takeFirst())
        case .setVringErr:
            return .setVringErr(index: try fields.nextDescriptorIndex().index, descriptors.takeFirst())
        case .getProtocolFeatures: return .getProtocolFeatures
        case .setProtocolFeatures: return .setProtocolFeatures(ProtocolFeatures(rawValue: try fields.next()))
        case .getQueueNum: return .getQueueNum
        case .setVringEnable: return .setVringEnable(index: try fields.nextRingIndex(), try fields.nextBool())
        case .setBackendReqFd: return .setBackendReqFd(try theOnly(&descriptors, of: request))
        case .getConfig:
            let access = try fields.nextConfigAccess()
            return .getConfig(offset: access.offset, byteCount: UInt32(clamping: access.bytes.count))
        case .setConfig:
            let access = try fields.nextConfigAccess()
            // VHOST_SET_CONFIG_TYPE_FRONTEND and VHOST_SET_CONFIG_TYPE_MIGRATION
            guard access.flags <= 1 else { throw .badValue(request, UInt64(access.flags)) }
            return .setConfig(offset: access.offset, bytes: access.bytes, isMigration: access.flags == 1)
        case .resetDevice: return .resetDevice
        case .getMaxMemSlots: return .getMaxMemSlots
        case .addMemReg: return .addMemReg(try fields.nextSingleRegion(), try theOnly(&descriptors, of: request))
        case .remMemReg: return .remMemReg(try fields.nextSingleRegion())
        case .setStatus: return .setStatus(try fields.nextStatus())
        case .getStatus: return .getStatus
        case .setLogBase, .setLogFd, .sendRarp, .netSetMtu, .iotlbMsg, .setVringEndian, .createCryptoSession,
            .closeCryptoSession, .postcopyAdvise, .postcopyListen, .postcopyEnd, .getInflightFd, .setInflightFd,
            .gpuSetSocket, .vringKick, .getSharedObject, .setDeviceStateFd, .checkDeviceState, .getShmemConfig:
            throw .unsupportedRequest(request)
        }
    }

    /// The one fd of a request that has exactly one.
    private static func theOnly(
        _ descriptors: inout DescriptorList, of request: FrontendRequest
    ) throws(ProtocolError) -> OwnedFileDescriptor {
        guard let descriptor = descriptors.takeFirst() else {
            throw .badDescriptorCount(request, received: 0, expected: 1)
        }
        return descriptor
    }
}
