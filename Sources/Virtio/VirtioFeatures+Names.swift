extension VirtioFeatures {
    /// The names of the bits, as the specification has them in small letters; a bit that has none here is `bit-N`.
    ///
    /// - Parameter deviceNames: of the device's own bits, by bit.
    /// - Returns: one for each bit that is set, lowest first.
    public func names(deviceNames: [Int: String]) -> [String] {
        (0..<UInt64.bitWidth).filter { rawValue & (1 << UInt64($0)) != 0 }.map { bit in
            deviceNames[bit] ?? Self.ringNames[bit] ?? "bit-\(bit)"
        }
    }

    private static let ringNames = [
        28: "indirect-desc", 29: "event-idx", 32: "version-1", 34: "ring-packed", 35: "in-order",
    ]
}
