import Testing

@testable import VirtioConsole

@Suite("ConsoleConfigSpace")
struct ConsoleConfigSpaceTests {
    private static let space = ConsoleConfigSpace(maxPorts: 0x7f, size: ConsoleSize(columns: 0x1234, rows: 0xabcd))
    private static let bytes: [UInt8] = [0x34, 0x12, 0xcd, 0xab, 0x7f, 0, 0, 0, 0, 0, 0, 0]

    @Test func theFieldsAreLittleEndianInTheirPlaces() {
        #expect(Self.space.read(offset: 0, byteCount: 12) == Self.bytes)
        #expect(
            ConsoleConfigSpace(maxPorts: 31).read(offset: 0, byteCount: 12) == [0, 0, 0, 0, 31, 0, 0, 0, 0, 0, 0, 0])
        #expect(ConsoleConfigSpace.byteCount == 12)
    }

    @Test func everyOffsetAndSizeIsAnsweredAndZeroBeyondTheEnd() {
        let endless = Self.bytes + [UInt8](repeating: 0, count: 600)
        for offset in 0...300 {
            for byteCount in 0...300 {
                let answer = Self.space.read(offset: offset, byteCount: byteCount)
                guard answer != Array(endless[offset..<offset + byteCount]) else { continue }
                Issue.record("offset \(offset), \(byteCount) bytes: \(answer)")
            }
        }
    }

    @Test func anOffsetFarAwayIsZeros() {
        for offset in [Int(UInt32.max), .max] {
            #expect(Self.space.read(offset: offset, byteCount: 4) == [0, 0, 0, 0])
        }
    }

    // MARK: Emergency write

    @Test func everyCharacterButNULIsShown() {
        for character in 0...UInt8.max {
            // As QEMU sends it: the whole space, and only the low byte of the field counts.
            let written = Self.bytes.dropLast(4) + [character, 0xee, 0xff, 0x11]
            let expected = character == 0 ? nil : character
            #expect(ConsoleConfigSpace.emergencyCharacter(writing: written, at: 0) == expected)
        }
    }

    @Test func theCharacterIsWhatIsWrittenToByte8() {
        for offset in 0...300 {
            for byteCount in 0...300 {
                // Every byte says where it goes.
                let written = (0..<byteCount).map { UInt8(truncatingIfNeeded: offset + $0 + 1) }
                let expected: UInt8? = (offset..<offset + byteCount).contains(8) ? 9 : nil
                guard ConsoleConfigSpace.emergencyCharacter(writing: written, at: offset) != expected else { continue }
                Issue.record("offset \(offset), \(byteCount) bytes")
            }
        }
    }
}
