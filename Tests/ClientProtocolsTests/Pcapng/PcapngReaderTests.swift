import Testing

@testable import ClientProtocols

@Suite struct PcapngReaderTests {
    private func sample(isBigEndian: Bool = false) -> PcapngSample {
        var sample = PcapngSample(isBigEndian: isBigEndian)
        sample.section()
        sample.interface("vm.ctl")
        sample.interface("other", linkType: 147, resolution: nil)
        sample.packet("hello", comment: "a note", cutOff: 3)
        sample.block(5, [1, 2, 3, 4])
        sample.packet("x", interface: 1, ticks: 1_795_255_200_654_321, flags: 2, tags: [])
        return sample
    }

    /// The packets in some bytes that come in pieces, and what ended them.
    private func read(_ bytes: [UInt8], pieceByteCount: Int = .max) -> (packets: [PcapngPacket], error: PcapngError?) {
        var reader = PcapngReader()
        var packets: [PcapngPacket] = []
        var rest = bytes[...]
        do throws(PcapngError) {
            while !rest.isEmpty {
                reader.append(rest.prefix(pieceByteCount))
                rest = rest.dropFirst(pieceByteCount)
                while let packet = try reader.next() { packets.append(packet) }
            }
            return (packets, nil)
        } catch {
            return (packets, error)
        }
    }

    private let expected = [
        PcapngPacket(
            interface: "vm.ctl", linkType: 252, seconds: 1_795_255_200, microseconds: 123_456, direction: .inbound,
            comments: ["a note"], bytes: PcapngSample.tags + Array("hello".utf8),
            originalByteCount: PcapngSample.tags.count + 8),
        PcapngPacket(
            interface: "other", linkType: 147, seconds: 1_795_255_200, microseconds: 654_321, direction: .outbound,
            comments: [], bytes: [0x78], originalByteCount: 1),
    ]

    @Test("packets of both byte orders", arguments: [false, true])
    func packets(isBigEndian: Bool) {
        #expect(read(sample(isBigEndian: isBigEndian).bytes) == (expected, nil))
    }

    @Test("pieces of any length", arguments: [1, 2, 3, 5, 7, 11, 12, 13, 64, 100])
    func pieces(length: Int) {
        #expect(read(sample().bytes, pieceByteCount: length) == (expected, nil))
    }

    @Test("packets before a mistake are not lost with it", arguments: [1, .max])
    func mistake(length: Int) {
        var sample = sample()
        sample.packet("y", interface: 2)
        #expect(read(sample.bytes, pieceByteCount: length) == (expected, .unknownInterface(2)))
    }

    @Test("what waits is counted, and goes")
    func waiting() throws {
        var reader = PcapngReader()
        for byte in sample().bytes {
            reader.append([byte])
            while try reader.next() != nil {}
            #expect(reader.byteCount < 100)
        }
        #expect(reader.byteCount == 0)
    }

    @Test("a new section forgets the interfaces, and may have another byte order")
    func sections() {
        var second = PcapngSample(isBigEndian: true)
        second.section()
        let alone = second.bytes
        second.interface("again")
        second.packet("x")
        #expect(read(sample().bytes + second.bytes).packets.map(\.interface) == ["vm.ctl", "other", "again"])
        var stray = PcapngSample(isBigEndian: true)
        stray.packet("x")
        #expect(read(sample().bytes + alone + stray.bytes).error == .unknownInterface(0))
    }

    @Test("powers of two as resolution")
    func resolution() throws {
        var sample = PcapngSample()
        sample.section()
        sample.interface("a", resolution: 0x80 | 4)
        sample.packet("x", ticks: 5 << 4 | 8)
        let packet = try #require(read(sample.bytes).packets.first)
        #expect(packet.seconds == 5)
        #expect(packet.microseconds == 500_000)
    }

    @Test("every bit that is wrong is refused or changes nothing but what it says; nothing traps")
    func flips() {
        let bytes = sample().bytes
        for bit in 0..<bytes.count * 8 {
            var broken = bytes
            broken[bit / 8] ^= 1 << (bit % 8)
            #expect(read(broken).packets.count <= 2)
        }
    }

    @Test("what is no capture is refused")
    func refused() {
        func error(_ change: (inout PcapngSample) -> Void, isSection: Bool = true) -> PcapngError? {
            var sample = PcapngSample()
            if isSection { sample.section() }
            change(&sample)
            return read(sample.bytes).error
        }
        #expect(error({ $0.interface("a") }, isSection: false) == .noSection)
        #expect(error({ $0.section(major: 2) }) == .unknownVersion)
        #expect(error({ $0.packet("x") }) == .unknownInterface(0))
        #expect(error({ $0.block(1, [0, 0]) }) == .badBlockLength(14))
        #expect(error({ $0.block(7, [UInt8](repeating: 0, count: 1 << 20)) }) == .badBlockLength(12 + 1 << 20))
        #expect(error({ $0.block(1, []) }) == .cutOff)
        #expect(error({ $0.interface("a", resolution: 20) }) == .badOption)
        #expect(error({ $0.interface("a", resolution: 0x80 | 64) }) == .badOption)
        #expect(error({ sample in for _ in 0...1024 { sample.interface("a") } }) == .tooManyInterfaces)
        // 100 bytes are said to have been captured, and 4 are there.
        #expect(
            error({ sample in
                sample.interface("a")
                sample.block(6, [UInt8](repeating: 0, count: 12) + [100, 0, 0, 0, 100, 0, 0, 0, 1, 2, 3, 4])
            }) == .cutOff)
        // An option of 400 bytes.
        #expect(error({ $0.block(1, [252, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0x90, 1]) }) == .cutOff)
    }

    @Test("both lengths of a block must be the same")
    func lengths() {
        var bytes = sample().bytes
        bytes[bytes.count - 4] ^= 4
        #expect(read(bytes).error == .badBlockLength(48))
    }
}
