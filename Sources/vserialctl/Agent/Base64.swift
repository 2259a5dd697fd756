import FoundationEssentials

/// Bytes in JSON, RFC 4648.
enum Base64 {
    static func encode(_ bytes: some Sequence<UInt8>) -> String { Data(bytes).base64EncodedString() }

    /// - Throws: `guestFailed` for what is no base64.
    static func decode(_ text: String) throws(CommandFailure) -> [UInt8] {
        guard let data = Data(base64Encoded: text) else { throw .guestFailed("the guest sends what is no base64") }
        return Array(data)
    }
}
