/// Turns what a back-end says into the bytes of one message.
public enum MessageEncoder {
    /// The bytes of an answer on the main socket.
    public static func encode(_ reply: Reply) -> [UInt8] {
        var payload: [UInt8] = []
        let request: UInt32
        switch reply {
        case .acknowledgement(let number, let succeeded):
            request = number
            payload.append(native: succeeded ? 0 : 1 as UInt64)
        case .value(let asked, let value):
            request = asked.rawValue
            payload.append(native: value)
        case .vringBase(let index, let base):
            request = FrontendRequest.getVringBase.rawValue
            payload.append(native: index)
            payload.append(native: base)
        case .config(let offset, let bytes):
            request = FrontendRequest.getConfig.rawValue
            payload.append(native: offset)
            payload.append(native: UInt32(clamping: bytes.count))
            // The flags say who writes a config space; nobody does here.
            payload.append(native: 0 as UInt32)
            payload += bytes
        case .configError:
            request = FrontendRequest.getConfig.rawValue
        }
        // QEMU compares the flags of a reply for equality: anything else than these two is fatal to it.
        return message(request: request, flags: [.version1, .reply], payload: payload)
    }

    /// The bytes of a request on the back-end's own socket.
    ///
    /// Never with NEED_REPLY: the front-end may be waiting for our answer on the main socket at that moment, and if we
    /// waited for its answer too, neither would come.
    public static func encode(_ request: BackendRequest) -> [UInt8] {
        message(request: request.rawValue, flags: .version1, payload: [])
    }

    private static func message(request: UInt32, flags: MessageFlags, payload: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(MessageHeader.byteCount + payload.count)
        bytes.append(native: request)
        bytes.append(native: flags.rawValue)
        bytes.append(native: UInt32(clamping: payload.count))
        bytes += payload
        return bytes
    }
}
