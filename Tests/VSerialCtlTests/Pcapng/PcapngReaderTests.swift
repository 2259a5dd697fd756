import Testing

@testable import vserialctl

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
    func packets(isBigEndian: Bool) throws {
        var reader = PcapngReader()
        #expect(try reader.read(sample(isBigEndian: isBigEndian).bytes) == expected)
    }

    @Test("pieces of any length", arguments: [1, 2, 3, 5, 7, 11, 12, 13, 64, 100])
    func pieces(length: Int) throws {
        let bytes = sample().bytes
        var reader = PcapngReader()
        var packets: [PcapngPacket] = []
        for start in stride(from: 0, to: bytes.count, by: length) {
            packets += try reader.read(bytes[start..<min(start + length, bytes.count)])
        }
        #expect(packets == expected)
    }

    @Test("a new section forgets the interfaces, and may have another byte order")
    func sections() throws {
        var second = PcapngSample(isBigEndian: true)
        second.section()
        let alone = second.bytes
        second.interface("again")
        second.packet("x")
        var reader = PcapngReader()
        #expect(try reader.read(sample().bytes + second.bytes).map(\.interface) == ["vm.ctl", "other", "again"])
        var stray = PcapngSample(isBigEndian: true)
        stray.packet("x")
        var other = PcapngReader()
        #expect(throws: PcapngError.unknownInterface(0)) { try other.read(sample().bytes + alone + stray.bytes) }
    }

    @Test("powers of two as resolution")
    func resolution() throws {
        var sample = PcapngSample()
        sample.section()
        sample.interface("a", resolution: 0x80 | 4)
        sample.packet("x", ticks: 5 << 4 | 8)
        var reader = PcapngReader()
        let packet = try #require(try reader.read(sample.bytes).first)
        #expect(packet.seconds == 5)
        #expect(packet.microseconds == 500_000)
    }

    @Test("every bit that is wrong is refused or changes nothing but what it says; nothing traps")
    func flips() {
        let bytes = sample().bytes
        for bit in 0..<bytes.count * 8 {
            var broken = bytes
            broken[bit / 8] ^= 1 << (bit % 8)
            var reader = PcapngReader()
            let count = (try? reader.read(broken).count) ?? 0
            #expect(count <= 2)
        }
    }

    @Test("what is no capture is refused")
    func refused() {
        func error(_ change: (inout PcapngSample) -> Void, isSection: Bool = true) -> PcapngError? {
            var sample = PcapngSample()
            if isSection { sample.section() }
            change(&sample)
            var reader = PcapngReader()
            do throws(PcapngError) {
                _ = try reader.read(sample.bytes)
                return nil
            } catch {
                return error
            }
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
        var reader = PcapngReader()
        #expect(throws: PcapngError.badBlockLength(48)) { try reader.read(bytes) }
    }
}
