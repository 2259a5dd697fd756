import LinuxIO
import Testing
import VirtioTestSupport

@testable import VhostUser

@Suite("VhostUserSession: messages that the back-end begins")
struct VhostUserSessionBackendChannelTests {
    /// CONFIG_CHANGE_MSG, without NEED_REPLY.
    private static let configChange = FakeFrontend.Answer(to: 2, flags: 0x1, payload: [])

    /// The front-end's end of the socket; the back-end was sent the other.
    private static func giveSocket(to conversation: inout Conversation) throws -> FakeFrontend {
        let sockets = makeSocketPair()
        #expect(try conversation.say(.setBackendReqFd(sockets.second).needingReply)?.value == 0)
        _ = OwnedFileDescriptor(adopting: sockets.second)
        return FakeFrontend(UnixStream(adopting: OwnedFileDescriptor(adopting: sockets.first)))
    }

    @Test func configChangeIsSentWhileARingRuns() throws {
        var conversation = try Conversation.negotiated()
        let frontend = try Self.giveSocket(to: &conversation)
        try conversation.startRing(0)
        try conversation.session.sendConfigChange()
        #expect(try frontend.receive() == Self.configChange)
        try conversation.session.flushBackendChannel()
        #expect(frontend.isQuiet == true)
    }

    @Test func suspendedDeviceTellsWhenItGoesOn() throws {
        var conversation = try Conversation.negotiated()
        let frontend = try Self.giveSocket(to: &conversation)
        try conversation.session.sendConfigChange()
        try conversation.session.sendConfigChange()
        #expect(frontend.isQuiet == true)
        try conversation.startRing(0)
        try conversation.session.flushBackendChannel()
        #expect(try frontend.receive() == Self.configChange)
        try conversation.session.flushBackendChannel()
        #expect(frontend.isQuiet == true, "changes in between are one")
    }

    @Test func newestSocketCounts() throws {
        var conversation = try Conversation.negotiated()
        let first = try Self.giveSocket(to: &conversation)
        let second = try Self.giveSocket(to: &conversation)
        try conversation.startRing(0)
        #expect(throws: FakeFrontend.Failure.closed) { try first.receive() }
        try conversation.session.sendConfigChange()
        #expect(try second.receive() == Self.configChange)
    }

    @Test func nothingIsSentWithoutTheConfigFeature() throws {
        var conversation = try Conversation.negotiated(protocolFeatures: Conversation.usualProtocolFeatures & ~(1 << 9))
        let frontend = try Self.giveSocket(to: &conversation)
        try conversation.startRing(0)
        try conversation.session.sendConfigChange()
        #expect(frontend.isQuiet == true)
    }

    @Test func noSocketIsNoError() throws {
        var conversation = try Conversation.negotiated()
        try conversation.startRing(0)
        try conversation.session.sendConfigChange()
    }

    @Test func fullSocketNeverBlocksAndGetsTheChangeLater() throws {
        var conversation = try Conversation.negotiated()
        let frontend = try Self.giveSocket(to: &conversation)
        try conversation.startRing(0)
        // Far more than any socket buffer takes of 12 bytes each.
        for _ in 0..<20_000 {
            try conversation.session.sendConfigChange()
        }
        var received = 0
        while !frontend.isQuiet {
            #expect(try frontend.receive() == Self.configChange)
            received += 1
        }
        #expect(received < 20_000)
        try conversation.session.flushBackendChannel()
        #expect(try frontend.receive() == Self.configChange)
        #expect(frontend.isQuiet == true)
    }

    @Test func socketWhoseFrontendIsGoneIsForgotten() throws {
        var conversation = try Conversation.negotiated()
        try conversation.startRing(0)
        do {
            let frontend = try Self.giveSocket(to: &conversation)
            _ = consume frontend
        }
        try conversation.session.sendConfigChange()
        let isForgotten = conversation.session.backendChannel == nil
        #expect(isForgotten)
        let next = try Self.giveSocket(to: &conversation)
        try conversation.session.flushBackendChannel()
        #expect(try next.receive() == Self.configChange)
    }

    @Test func onlyAConnectedStreamSocketIsTaken() throws {
        let probe = try LeakProbe()
        var conversation = try Conversation.negotiated()
        let event = try EventFileDescriptor()
        let name = "vhost-user-tests-" + String(UInt64.random(in: 0 ... .max), radix: 16)
        let listener = try UnixListener.bind(to: UnixAddress("@" + name), mode: 0o600, group: nil)
        for number in [probe.file.rawValue, event.rawValue, listener.rawValue] {
            #expect(
                try conversation.say(.setBackendReqFd(number).needingReply) == .acknowledgement(21, succeeded: false))
        }
        #expect(conversation.refusals == [.notAConnectedSocket, .notAConnectedSocket, .notAConnectedSocket])
        #expect(probe.leakedCount == 0)
    }
}
