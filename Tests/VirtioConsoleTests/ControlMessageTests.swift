import Testing

@testable import VirtioConsole

@Suite("ControlMessage")
struct ControlMessageTests {
    /// §5.3.6.2 and virtio_console.h.
    private static let events: [(ControlMessage.Event, UInt16)] = [
        (.deviceReady, 0), (.portAdd, 1), (.portRemove, 2), (.portReady, 3), (.consolePort, 4), (.resize, 5),
        (.portOpen, 6),
        (.portName, 7),
    ]

    /// The word as it lies in memory, whatever the host's byte order.
    private func word(_ bytes: [UInt8]) -> UInt64 {
        unsafe bytes.withUnsafeBytes { unsafe $0.loadUnaligned(as: UInt64.self) }
    }

    @Test func theFieldsAreLittleEndianInTheirPlaces() {
        let message = ControlMessage(.portOpen, port: 0x1234_5678, value: 0xabcd)
        #expect(message.encoded() == [0x78, 0x56, 0x34, 0x12, 6, 0, 0xcd, 0xab])
    }

    @Test func everyEventHasTheNumberOfTheSpecification() {
        for (event, number) in Self.events {
            #expect(ControlMessage(event, port: 0, value: 0).encoded()[4...5] == [UInt8(number), 0])
        }
        for number in 0...UInt16.max {
            let low = UInt8(truncatingIfNeeded: number)
            let high = UInt8(truncatingIfNeeded: number >> 8)
            let read = ControlMessage(littleEndianWord: word([0, 0, 0, 0, low, high, 0, 0]))
            guard read.event != Self.events.first(where: { $0.1 == number })?.0 || read.rawEvent != number else {
                continue
            }
            Issue.record("event \(number) is read as \(String(describing: read.event))")
        }
    }

    @Test(arguments: [0, 1, 30, 126, 127, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff])
    func whatIsWrittenIsReadAgain(port: Int) {
        for (event, _) in Self.events {
            for value in [0, 1, 0xff, 0x100, 0xffff] as [UInt16] {
                let message = ControlMessage(event, port: port, value: value)
                let read = ControlMessage(littleEndianWord: word(message.encoded()))
                #expect(read == message)
                #expect(read.portNumber == UInt32(port))
                #expect(read.value == value)
            }
        }
    }

    @Test func theTailFollowsAsItIs() {
        let message = ControlMessage(.portName, port: 1, value: 1)
        #expect(message.encoded(tail: Array("a.b".utf8)) == [1, 0, 0, 0, 7, 0, 1, 0, 0x61, 0x2e, 0x62])
        #expect(message.encoded(tail: [UInt8](repeating: 0, count: 4088)).count == 4096)
    }

    @Test func integersAreAppendedLowByteFirst() {
        var bytes: [UInt8] = [9]
        bytes.appendLittleEndian(UInt8(1))
        bytes.appendLittleEndian(UInt16(0x0203))
        bytes.appendLittleEndian(UInt32(0x0405_0607))
        #expect(bytes == [9, 1, 3, 2, 7, 6, 5, 4])
    }
}
