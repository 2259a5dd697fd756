import Testing

@testable import VirtioConsole

@Suite("PortState")
struct PortStateTests {
    typealias Message = PortState.Message

    private static let size = ConsoleSize(columns: 80, rows: 25)

    /// Sends everything that is owed; returns it.
    private func sendAll(_ state: inout PortState) -> [Message] {
        var messages: [Message] = []
        while let message = state.nextMessage, messages.count < 10 {
            messages.append(message)
            state.didSend(message)
        }
        return messages
    }

    /// A port that the guest has set up and been told everything about.
    private func settled(isConsole: Bool = false, isHostOpen: Bool = false) -> PortState {
        var state = PortState(isConsole: isConsole, initialSize: nil)
        state.setHostOpen(isHostOpen)
        state.driverBecameReady()
        _ = sendAll(&state)
        state.portBecameReady()
        _ = sendAll(&state)
        return state
    }

    @Test func nothingIsSaidToAGuestThatSaidNothing() {
        var state = PortState(isConsole: true, initialSize: Self.size)
        state.setHostOpen(true)
        #expect(state.nextMessage == nil)
        #expect(!state.isReady)
        #expect(!state.isGuestOpen)
    }

    @Test func aPortIsAddedAndNothingMoreUntilItIsReady() {
        var state = PortState(isConsole: true, initialSize: Self.size)
        state.setHostOpen(true)
        state.driverBecameReady()
        #expect(sendAll(&state) == [.add])
        #expect(!state.isReady)
    }

    @Test(
        "the order is CONSOLE, RESIZE, NAME, OPEN",
        arguments: [
            (false, nil, false, [.name]), (false, nil, true, [.name, .open(true)]),
            (true, nil, true, [.console, .name, .open(true)]),
            (true, Self.size, false, [.console, .resize(Self.size), .name]),
            (true, Self.size, true, [.console, .resize(Self.size), .name, .open(true)]),
        ] as [(Bool, ConsoleSize?, Bool, [Message])])
    func order(isConsole: Bool, size: ConsoleSize?, isHostOpen: Bool, expected: [Message]) {
        var state = PortState(isConsole: isConsole, initialSize: size)
        state.setHostOpen(isHostOpen)
        state.driverBecameReady()
        _ = sendAll(&state)
        state.portBecameReady()
        #expect(state.isReady)
        #expect(sendAll(&state) == expected)
        #expect(state.nextMessage == nil)
    }

    @Test func aClientThatCameAndWentBetweenAddAndReadyIsNoNews() {
        var state = PortState(isConsole: false, initialSize: nil)
        state.driverBecameReady()
        _ = sendAll(&state)
        state.setHostOpen(true)
        state.setHostOpen(false)
        state.portBecameReady()
        #expect(sendAll(&state) == [.name])
    }

    @Test func aClientThatComesBetweenTwoMessagesIsToldLast() {
        var state = PortState(isConsole: true, initialSize: nil)
        state.driverBecameReady()
        _ = sendAll(&state)
        state.portBecameReady()
        state.didSend(.console)
        state.setHostOpen(true)
        #expect(sendAll(&state) == [.name, .open(true)])
    }

    // MARK: A guest that begins anew

    @Test func driverThatBeginsAnewIsToldEverythingAgain() {
        var state = settled(isConsole: true, isHostOpen: true)
        state.setGuestOpen(true)
        state.driverBecameReady()
        #expect(!state.isGuestOpen)
        #expect(!state.isReady)
        #expect(sendAll(&state) == [.add])
        state.portBecameReady()
        #expect(sendAll(&state) == [.console, .name, .open(true)])
    }

    @Test func anOldHangUpIsNoNewsToADriverThatBeginsAnew() {
        var state = settled(isHostOpen: true)
        state.setHostOpen(false)
        state.driverBecameReady()
        _ = sendAll(&state)
        state.portBecameReady()
        #expect(sendAll(&state) == [.name])
    }

    @Test func resetForgetsTheGuestAndKeepsTheHostsSide() {
        var state = settled(isHostOpen: true)
        state.setGuestOpen(true)
        state.reset()
        #expect(state.nextMessage == nil)
        #expect(!state.isGuestOpen)
        #expect(!state.isReady)
        #expect(state.hostOpen.isOpen)
    }

    // MARK: Hibernation: PORT_READY and no DEVICE_READY before it

    @Test(arguments: [false, true])
    func guestThatWakesIsToldTheStateWhateverItIs(isHostOpen: Bool) {
        var state = settled(isHostOpen: isHostOpen)
        state.portBecameReady()
        #expect(sendAll(&state) == [.name, .open(isHostOpen)])
    }

    @Test(arguments: [false, true])
    func guestThatWakesAtAFreshDaemonIsToldTheState(isHostOpen: Bool) {
        var state = PortState(isConsole: true, initialSize: Self.size)
        state.setHostOpen(isHostOpen)
        state.portBecameReady()
        state.setGuestOpen(true)
        #expect(sendAll(&state) == [.console, .resize(Self.size), .name, .open(isHostOpen)])
        #expect(state.isGuestOpen)
    }

    @Test func aChangeBeforeTheGuestThatWokeWasToldIsOneMessage() {
        var state = settled(isHostOpen: true)
        state.portBecameReady()
        state.setHostOpen(false)
        #expect(sendAll(&state) == [.name, .open(false)])
        state.portBecameReady()
        state.setHostOpen(true)
        #expect(sendAll(&state) == [.name, .open(true)])
    }

    @Test func readyThatCrossesTheAddIsTheAnswerToIt() {
        // The guest woke, and is set up already: nothing to add.
        var state = PortState(isConsole: false, initialSize: nil)
        state.driverBecameReady()
        state.portBecameReady()
        #expect(sendAll(&state) == [.name, .open(false)])
    }

    // MARK: PORT_READY 0

    @Test func aPortThatTheGuestCannotSetUpIsToldNothing() {
        var state = PortState(isConsole: true, initialSize: Self.size)
        state.driverBecameReady()
        _ = sendAll(&state)
        state.portFailed()
        #expect(!state.isReady)
        state.setHostOpen(true)
        #expect(state.nextMessage == nil)
    }

    @Test func aPortThatFailedAndWorksLaterIsToldEverything() {
        var state = settled(isHostOpen: true)
        state.setGuestOpen(true)
        state.portFailed()
        #expect(!state.isGuestOpen)
        state.portBecameReady()
        #expect(sendAll(&state) == [.name, .open(true)])
    }

    // MARK: Ports that come and go

    @Test func aPortThatTheGuestKnowsIsRemovedOnce() {
        var removed = PortState(removing: settled())
        #expect(sendAll(&removed) == [.remove])
    }

    @Test func aPortThatTheGuestWasOnlyToldOfIsRemovedToo() {
        var state = PortState(isConsole: false, initialSize: nil)
        state.driverBecameReady()
        _ = sendAll(&state)
        var removed = PortState(removing: state)
        #expect(sendAll(&removed) == [.remove])
    }

    @Test("a port that the guest has not heard of yet goes without a word", arguments: [false, true])
    func unknownPortIsRemoved(isDriverReady: Bool) {
        var state = PortState(isConsole: false, initialSize: nil)
        if isDriverReady { state.driverBecameReady() }
        let removed = PortState(removing: state)
        #expect(removed.nextMessage == nil)
    }

    @Test func aPortThatComesBackWaitsForTheRemoval() {
        let removed = PortState(removing: settled())
        var state = PortState(isConsole: true, initialSize: Self.size, after: removed, driverIsReady: true)
        state.setHostOpen(true)
        #expect(state.concernsFormerPort)
        #expect(sendAll(&state) == [.remove, .add])
        #expect(!state.concernsFormerPort)
        state.portBecameReady()
        #expect(sendAll(&state) == [.console, .resize(Self.size), .name, .open(true)])
    }

    @Test func aPortThatComesAndGoesManyTimesIsRemovedOnce() {
        var state = settled()
        for _ in 0..<5 {
            state = PortState(removing: state)
            state = PortState(isConsole: false, initialSize: nil, after: state, driverIsReady: true)
        }
        #expect(sendAll(&state) == [.remove, .add])
    }

    @Test func withoutADriverNobodyIsTold() {
        let removed = PortState(removing: PortState(isConsole: false, initialSize: nil))
        var state = PortState(isConsole: false, initialSize: nil, after: removed, driverIsReady: false)
        #expect(state.nextMessage == nil)
        state.driverBecameReady()
        #expect(sendAll(&state) == [.add])
    }

    @Test func aResetForgetsTheRemoval() {
        var removed = PortState(removing: settled())
        removed.reset()
        #expect(removed.nextMessage == nil)
    }

    @Test("another size is told at once, the latest only, and to a guest that comes later")
    func resize() {
        var state = settled(isConsole: true)
        state.resize(to: ConsoleSize(columns: 1, rows: 1))
        state.resize(to: Self.size)
        #expect(sendAll(&state) == [.resize(Self.size)])
        state.driverBecameReady()
        _ = sendAll(&state)
        state.portBecameReady()
        #expect(sendAll(&state) == [.console, .resize(Self.size), .name])
    }

    @Test func aSizeForAPortThatIsNotReadyWaits() {
        var state = PortState(isConsole: true, initialSize: nil)
        state.resize(to: Self.size)
        #expect(state.nextMessage == nil)
    }
}
