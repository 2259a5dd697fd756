import FoundationEssentials

/// Bytes in JSON, RFC 4648.
package enum Base64 {
    package static func encode(_ bytes: some Sequence<UInt8>) -> String { Data(bytes).base64EncodedString() }

    package static func decode(_ text: String) throws(GuestError) -> [UInt8] {
        guard let data = Data(base64Encoded: text) else { throw .noBase64 }
        return Array(data)
    }
}
