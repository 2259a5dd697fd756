import ControlProtocol
import Synchronization
import Testing

@testable import vserialctl

@Suite("GuestPresence")
struct GuestPresenceTests {
    /// What a client makes of events that came with the connection.
    private func presence(_ events: [FakeDaemon.Reply], isOpen: Bool) throws -> GuestPresence {
        let unsaid = Mutex(events)
        let daemon = try FakeDaemon { _ in
            unsaid.withLock { exchange(&$0, with: []) } + [
                .content(portsJSON([somePort("svc", number: 1) { $0.guestOpen = true }]))
            ]
        }
        defer { daemon.end() }
        let client = try ControlClient(path: daemon.path)
        let presence = GuestPresence(name: "svc", client: client, isOpen: isOpen)
        // The answer comes behind the events, which are kept.
        _ = try client.call(.queryPorts, returning: [PortStatus].self)
        try presence.update()
        return presence
    }

    private static func change(_ id: String, _ open: Bool) -> FakeDaemon.Reply {
        .event("VSERPORT_CHANGE", #"{"id":"\#(id)","open":\#(open)}"#)
    }

    @Test func countsClosingsThatAreOverAlready() throws {
        let presence = try presence([Self.change("svc", false), Self.change("svc", true)], isOpen: true)
        #expect(presence.isOpen)
        #expect(presence.closings == 1)
    }

    @Test func otherPortsAreNoConcern() throws {
        let presence = try presence([Self.change("other", false)], isOpen: true)
        #expect(presence.isOpen)
        #expect(presence.closings == 0)
    }

    @Test func aResetGuestHasClosedEverything() throws {
        let presence = try presence([.event("GUEST_RESET")], isOpen: true)
        #expect(!presence.isOpen)
        #expect(presence.closings == 1)
    }

    @Test func aRemovedPortIsTheEnd() throws {
        #expect(throws: CommandFailure.self) {
            try presence([.event("PORT_REMOVED", #"{"id":"svc","number":1}"#)], isOpen: true)
        }
    }

    @Test func asksAgainWhenEventsWereLost() throws {
        let presence = try presence([.event("EVENTS_LOST", #"{"count":3}"#)], isOpen: true)
        #expect(presence.isOpen)
        #expect(presence.closings == 1)
    }
}
