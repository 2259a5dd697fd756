/// Captures, written from the format's specification.
struct PcapngSample {
    var isBigEndian = false
    private(set) var bytes: [UInt8] = []

    init(isBigEndian: Bool = false) { self.isBigEndian = isBigEndian }

    func number<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
        let bytes = (0..<Value.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
        return isBigEndian ? bytes.reversed() : bytes
    }

    func option(_ code: UInt16, _ value: [UInt8]) -> [UInt8] {
        number(code) + number(UInt16(value.count)) + padded(value)
    }

    func padded(_ value: [UInt8]) -> [UInt8] { value + [UInt8](repeating: 0, count: (4 - value.count % 4) % 4) }

    mutating func block(_ type: UInt32, _ body: [UInt8]) {
        let length = number(UInt32(body.count + 12))
        bytes += number(type) + length + body + length
    }

    mutating func section(major: UInt16 = 1) {
        block(0x0A0D_0D0A, number(UInt32(0x1A2B_3C4D)) + number(major) + number(UInt16(0)) + number(UInt64.max))
    }

    mutating func interface(_ name: String, linkType: UInt16 = 252, resolution: UInt8? = 9) {
        let resolution = resolution.map { option(9, [$0]) } ?? []
        block(
            1,
            number(linkType) + number(UInt16(0)) + number(UInt32(0)) + option(2, Array(name.utf8)) + resolution
                + option(0, []))
    }

    /// A packet whose time stamp is in nanoseconds.
    mutating func packet(
        _ payload: String, interface: UInt32 = 0, ticks: UInt64 = 1_795_255_200_123_456_789, flags: UInt32 = 1,
        comment: String? = nil, cutOff: Int = 0, tags: [UInt8] = PcapngSample.tags
    ) {
        let data = tags + Array(payload.utf8)
        block(
            6,
            number(interface) + number(UInt32(ticks >> 32)) + number(UInt32(truncatingIfNeeded: ticks))
                + number(UInt32(data.count)) + number(UInt32(data.count + cutOff)) + padded(data)
                + (comment.map { option(1, Array($0.utf8)) } ?? []) + option(2, number(flags)) + option(0, []))
    }

    /// The dissector "data", and the end.
    static let tags: [UInt8] = [0, 12, 0, 4] + Array("data".utf8) + [0, 0, 0, 0]
}
