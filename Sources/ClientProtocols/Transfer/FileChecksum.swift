import Crypto

/// The SHA-256 of a file whose bytes go by.
package struct FileChecksum {
    private var hash = SHA256()

    package init() {}

    package mutating func add(_ bytes: [UInt8]) { hash.update(data: bytes) }

    /// Of what was added, as sha256sum(1) prints it.
    package var text: [UInt8] { Array(hash.finalize().map(HexDump.digits).joined().utf8) }
}
