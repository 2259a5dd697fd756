import Glibc
import LinuxIO
import SystemPackage
import Testing
import VirtioConsole
import VirtioTestSupport

@testable import SerialDaemon
@testable import Virtio

@Suite("PortEndpoint: route")
struct PortEndpointRouteTests {
    enum ClientState: CaseIterable {
        case absent, writable, full, behindReplay, stoppedReading, stoppedReadingFull, toldOfClose, toldOfCloseFull
    }

    /// Policy × console × client, all of it. A port of the policy `block` keeps no bytes and is no console; the rows
    /// say what would be.
    private static func expected(_ policy: ClientsAbsent, isConsole: Bool, _ state: ClientState) -> PortEndpoint.Route {
        switch (policy, isConsole, state) {
        case (.block, false, .absent): .hold
        case (.block, false, .writable): .client
        case (.block, false, .full): .hold
        case (.block, false, .behindReplay): .client
        case (.block, false, .stoppedReading): .discard
        case (.block, false, .stoppedReadingFull): .discard
        case (.block, false, .toldOfClose): .hold
        case (.block, false, .toldOfCloseFull): .hold

        case (.buffer, false, .absent): .replay
        case (.buffer, false, .writable): .client
        case (.buffer, false, .full): .hold
        case (.buffer, false, .behindReplay): .hold
        case (.buffer, false, .stoppedReading): .replay
        case (.buffer, false, .stoppedReadingFull): .replay
        case (.buffer, false, .toldOfClose): .replay
        case (.buffer, false, .toldOfCloseFull): .replay

        case (.discard, false, .absent): .discard
        case (.discard, false, .writable): .client
        case (.discard, false, .full): .hold
        case (.discard, false, .behindReplay): .client
        case (.discard, false, .stoppedReading): .discard
        case (.discard, false, .stoppedReadingFull): .discard
        case (.discard, false, .toldOfClose): .discard
        case (.discard, false, .toldOfCloseFull): .discard

        // A console never waits: never `hold`.
        case (.buffer, true, .absent): .replay
        case (.buffer, true, .writable): .client
        case (.buffer, true, .full): .replay
        case (.buffer, true, .behindReplay): .replay
        case (.buffer, true, .stoppedReading): .replay
        case (.buffer, true, .stoppedReadingFull): .replay
        case (.buffer, true, .toldOfClose): .replay
        case (.buffer, true, .toldOfCloseFull): .replay

        case (.discard, true, .absent): .discard
        case (.discard, true, .writable): .client
        case (.discard, true, .full): .discard
        case (.discard, true, .behindReplay): .client
        case (.discard, true, .stoppedReading): .discard
        case (.discard, true, .stoppedReadingFull): .discard
        case (.discard, true, .toldOfClose): .discard
        case (.discard, true, .toldOfCloseFull): .discard

        // No configuration has it.
        case (.block, true, _): .hold
        }
    }

    @Test("every policy, with and without a client in every state", arguments: ClientsAbsent.allCases, [false, true])
    func table(policy: ClientsAbsent, isConsole: Bool) throws {
        guard !(policy == .block && isConsole) else { return }
        for state in ClientState.allCases {
            let fixture = try EndpointFixture(policy, isConsole: isConsole)
            if state == .behindReplay { _ = fixture.keep([1]) }
            if state != .absent {
                let stream = try fixture.connect()
                fixture.client?.isWritable = ![.full, .stoppedReadingFull, .toldOfCloseFull].contains(state)
                switch state {
                case .stoppedReading, .stoppedReadingFull: fixture.client?.toHostEnd = .clientStoppedReading
                case .toldOfClose, .toldOfCloseFull: fixture.client?.toHostEnd = .guestClosed
                default: break
                }
                drop(stream)
            }
            #expect(fixture.route == Self.expected(policy, isConsole: isConsole, state), "\(state)")
        }
    }

    @Test func withoutAPortEverythingIsThrownAway() {
        let endpoint = PortEndpoint()
        let (route, isOpen, tells) = (endpoint.route, endpoint.isOpenForGuest, endpoint.tellsGuestOfClients)
        #expect(route == .discard)
        #expect(isOpen)
        #expect(!tells)
        let descriptors = [endpoint.arrivalDescriptor, endpoint.inputDescriptor, endpoint.outputDescriptor]
        #expect(descriptors == [nil, nil, nil])
        let (unread, mayHaveBytes) = (endpoint.unreadByteCount, endpoint.mayHaveBytes)
        #expect(unread == 0 && !mayHaveBytes)
    }

    @Test("the guest learns of clients only with the policy block", arguments: ClientsAbsent.allCases)
    func whatTheGuestIsTold(policy: ClientsAbsent) throws {
        let fixture = try EndpointFixture(policy)
        #expect(fixture.tellsGuestOfClients == (policy == .block))
        #expect(fixture.isOpenForGuest == (policy != .block))
        let stream = try fixture.connect()
        #expect(fixture.isOpenForGuest)
        fixture.disconnect()
        #expect(fixture.isOpenForGuest == (policy != .block))
        drop(stream)
    }
}
