/// What a guest port may be called.
///
/// The name becomes a file name three times: the host's default socket, the guest's `/dev/virtio-ports/NAME` made by
/// udev, and the contents of the guest's sysfs attribute `name`.
package enum PortName {
    /// NAME_MAX: a longer name cannot be a file in the guest's `/dev/virtio-ports`.
    ///
    /// It is tighter than the other bound, a PORT_NAME message (8 bytes and the name) in one control buffer, which is
    /// 4096 bytes in Linux.
    package static let maximumByteCount = 255

    /// Why a name was refused.
    package enum Problem: Equatable, Sendable {
        case empty
        /// `.` or `..`.
        case directoryEntry
        case slash
        /// A control character, NUL included.
        case controlCharacter
        /// Bytes that are no UTF-8, which the specification asks of a name.
        case notUTF8
        case tooLong(byteCount: Int)
    }

    /// Looks for the first reason to refuse a name; `nil` when it is fine.
    package static func problem(with name: String) -> Problem? {
        if name.isEmpty { return .empty }
        if name == "." || name == ".." { return .directoryEntry }
        if name.utf8.contains(UInt8(ascii: "/")) { return .slash }
        if name.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) {
            return .controlCharacter
        }
        // Swift repairs the arguments of a process: U+FFFD is what became of bytes that are no UTF-8, and it is not the
        // name asked for.
        if name.unicodeScalars.contains("\u{FFFD}") { return .notUTF8 }
        if name.utf8.count > maximumByteCount { return .tooLong(byteCount: name.utf8.count) }
        return nil
    }
}

extension PortName.Problem: CustomStringConvertible {
    /// To stand behind the quoted name.
    package var description: String {
        switch self {
        case .empty: "is empty"
        case .directoryEntry: "stands for a directory"
        case .slash: "contains '/'"
        case .controlCharacter: "contains a control character"
        case .notUTF8: "is not valid UTF-8"
        case .tooLong(let byteCount): "has \(byteCount) bytes and may have \(PortName.maximumByteCount)"
        }
    }
}
