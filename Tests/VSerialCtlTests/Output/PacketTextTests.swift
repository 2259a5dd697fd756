import ClientProtocols
import Testing

@testable import ClientProtocolsTests
@testable import vserialctl

@Suite struct PacketTextTests {
    private func lines(_ change: (inout PcapngPacket) -> Void, isHexadecimal: Bool = false) throws -> [String] {
        var packet = PcapngPacket(
            interface: "vm.ctl", linkType: 147, seconds: 0, microseconds: 5, direction: .inbound, comments: [],
            bytes: Array("hi\n".utf8), originalByteCount: 3)
        change(&packet)
        // Without the hour, which is the time zone's.
        return try PacketText.lines(packet, isHexadecimal: isHexadecimal).map {
            String($0.replacing(/^\d\d:/, with: ""))
        }
    }

    @Test("direction and bytes")
    func text() throws {
        #expect(try lines { _ in } == [#"00:00.000005  vm.ctl  to-host   hi\n"#])
        #expect(try lines { $0.direction = .outbound } == [#"00:00.000005  vm.ctl  to-guest  hi\n"#])
        #expect(try lines { $0.direction = .unknown } == [#"00:00.000005  vm.ctl  ?         hi\n"#])
    }

    @Test("tags are not shown")
    func tags() throws {
        let carried = try lines {
            $0.linkType = 252
            $0.bytes = PcapngSample.tags + $0.bytes
        }
        #expect(carried == [#"00:00.000005  vm.ctl  to-host   hi\n"#])
        #expect(throws: PcapngError.self) { try lines { $0.linkType = 252 } }
    }

    @Test("what was cut off is counted; what is no bytes is told")
    func notes() throws {
        let cutOff = try lines { $0.originalByteCount = 10 }
        #expect(cutOff == [#"00:00.000005  vm.ctl  to-host   hi\n  (and 7 bytes more)"#])
        let opened = try lines {
            $0.bytes = []
            $0.comments = ["PORT_OPEN\u{1B}"]
        }
        #expect(opened == [#"00:00.000005  vm.ctl  -- PORT_OPEN\x1b"#])
    }

    @Test("--hex")
    func hexadecimal() throws {
        #expect(
            try lines({ _ in }, isHexadecimal: true) == [
                "00:00.000005  vm.ctl  to-host   3 bytes",
                "00000000  68 69 0a                                          |hi.|",
            ])
    }
}
