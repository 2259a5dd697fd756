import Testing

@testable import VhostUser

// The bytes are spelled out as they are on a little-endian host, which is what every machine of the tests is.

@Suite("MessageEncoder and MessageHeader: bytes")
struct MessageEncoderTests {
    @Test(
        arguments: [
            (.acknowledgement(of: 12, succeeded: true), [12, 0, 0, 0, 5, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            (
                .acknowledgement(of: 0x0102_0304, succeeded: false),
                [4, 3, 2, 1, 5, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]
            ),
            (
                .value(.getFeatures, 0x0102_0304_0506_0708),
                [1, 0, 0, 0, 5, 0, 0, 0, 8, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1]
            ),
            (
                .vringBase(index: 0x0a0b_0c0d, base: 0x8000_8001),
                [11, 0, 0, 0, 5, 0, 0, 0, 8, 0, 0, 0, 0x0d, 0x0c, 0x0b, 0x0a, 1, 0x80, 0, 0x80]
            ),
            (
                .config(offset: 4, bytes: [0xaa, 0xbb, 0xcc]),
                [24, 0, 0, 0, 5, 0, 0, 0, 15, 0, 0, 0, 4, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0xaa, 0xbb, 0xcc]
            ),
            (.configError, [24, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0]),
        ] as [(Reply, [UInt8])])
    func replyIsTheseBytes(_ reply: Reply, bytes: [UInt8]) {
        #expect(MessageEncoder.encode(reply) == bytes)
    }

    @Test func configChangeAsksForNoReply() {
        #expect(MessageEncoder.encode(.configChange) == [2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0])
    }

    @Test func headerIsRead() {
        let header = MessageHeader(parsing: [1, 2, 3, 4, 9, 0, 0, 0x80, 0xff, 0xff, 0, 0, 77])
        #expect(header?.request == 0x0403_0201)
        #expect(header?.flags.rawValue == 0x8000_0009)
        #expect(header?.payloadByteCount == 0xffff)
    }

    @Test(arguments: 0..<12)
    func headerCutShortIsNone(byteCount: Int) {
        #expect(MessageHeader(parsing: [UInt8](repeating: 1, count: byteCount)) == nil)
    }

    @Test("a config answer has the size asked for", arguments: [0, 1, 11, 12, 13, 256, 4084])
    func configAnswerIsPaddedAndCut(byteCount: Int) {
        let reply = Reply.config(offset: 0, byteCount: byteCount, bytes: [UInt8](1...12))
        guard case .config(_, let bytes) = reply else {
            Issue.record("no config answer")
            return
        }
        #expect(bytes.count == byteCount)
        #expect(bytes.prefix(12) == [UInt8](1...12).prefix(byteCount))
        #expect(bytes.dropFirst(12).allSatisfy { $0 == 0 })
    }

    @Test func everyRequestIsNamedAsInTheSpecification() {
        #expect(FrontendRequest.allCases.map(\.rawValue) == Array(1...44))
        #expect("\(FrontendRequest.setVringKick)" == "SET_VRING_KICK")
        #expect("\(FrontendRequest.setStatus)" == "SET_STATUS")
        #expect("\(FrontendRequest.getShmemConfig)" == "GET_SHMEM_CONFIG")
        #expect(Set(FrontendRequest.allCases.map(\.description)).count == 44)
    }
}
