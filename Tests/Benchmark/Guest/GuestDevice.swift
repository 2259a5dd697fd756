/// One device of the `guest` suite with its options.
struct GuestDevice: Equatable, CustomStringConvertible {
    enum Kind: String, CaseIterable {
        /// QEMU's own virtio-serial.
        case builtin
        /// vhost-user-serial.
        case ours
        /// vhost-device-vsock, which moves bytes between guest and host another way.
        case vsock
    }

    let kind: Kind
    /// As in ``Sample/variant``.
    var variant = ""
    /// As in ``Sample/queueSize``.
    var queueSize = 0
    var daemonArguments: [String] = []

    /// What README.md recommends and QEMU's own device has.
    static let usualQueueSize = 128

    /// Every device of the kinds: ours once for each size, and at the usual size once for each variant.
    ///
    /// - Parameters:
    ///   - kinds: in the order in which they are measured.
    ///   - queueSizes: of our rings.
    ///   - variants: `LABEL:ARGUMENTS`, the daemon's arguments with spaces between.
    /// - Returns: the devices, each of which gets a machine of its own.
    /// - Throws: ``BenchmarkError`` for a variant without a label.
    static func all(_ kinds: [Kind], queueSizes: [Int], variants: [String]) throws -> [GuestDevice] {
        try kinds.flatMap { kind -> [GuestDevice] in
            switch kind {
            case .builtin: return [GuestDevice(kind: kind, queueSize: usualQueueSize)]
            case .vsock: return [GuestDevice(kind: kind)]
            case .ours:
                let usual = queueSizes.map { GuestDevice(kind: kind, queueSize: $0) }
                return try usual
                    + variants.map { text in
                        let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
                        guard parts.count == 2 else { throw BenchmarkError("not LABEL:ARGUMENTS: \(text)") }
                        return GuestDevice(
                            kind: kind, variant: parts[0], queueSize: usualQueueSize,
                            daemonArguments: parts[1].split(separator: " ").map(String.init))
                    }
            }
        }
    }

    var description: String {
        ([kind.rawValue] + (kind == .ours ? ["\(queueSize)"] : []) + (variant.isEmpty ? [] : [variant]))
            .joined(separator: " ")
    }
}
