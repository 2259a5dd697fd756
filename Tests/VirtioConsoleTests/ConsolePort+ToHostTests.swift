import Testing
import Virtio
import VirtioTestSupport

@testable import VirtioConsole

@Suite("ConsolePort: guest to host")
struct ConsolePortToHostTests {
    private let fixture: DeviceFixture

    init() throws {
        fixture = try DeviceFixture()
        try fixture.start(.transmitq(port: 1))
    }

    @Test func wholeChainsAreTakenInOrderWithNothingWritten() throws {
        fixture.write([1, 2], [3], port: 1)
        fixture.write([4, 5], port: 1)
        #expect(try fixture.take(1) == [1, 2, 3, 4, 5])
        #expect(try fixture.look(1) == [])
        #expect(fixture.publishToHost(1))
        // spec §2.7.8: a buffer that was only read has a used length of 0.
        #expect(fixture.usedLengths(.transmitq(port: 1)) == [0, 0])
        #expect(fixture.counters(1) == PortCounters(toHostBytes: 5, toHostChains: 2))
    }

    @Test func lookingTakesNothing() throws {
        fixture.write([1, 2], port: 1)
        #expect(try fixture.look(1) == [1, 2])
        #expect(try fixture.look(1) == [1, 2])
        #expect(fixture.counters(1) == PortCounters())
        #expect(!fixture.publishToHost(1))
    }

    @Test func chainTakenInManyPartsIsUsedOnceAtItsEnd() throws {
        fixture.write([1, 2, 3], [4, 5, 6, 7], port: 1)
        fixture.write([8], port: 1)
        var received: [UInt8] = []
        for byteCount in [1, 0, 3, 0, 2] {
            received += try fixture.take(1, byteCount)
            _ = fixture.publishToHost(1)
            #expect(fixture.usedLengths(.transmitq(port: 1)) == [], "part of it is still in the ring")
        }
        received += try fixture.take(1, 1)
        _ = fixture.publishToHost(1)
        #expect(fixture.usedLengths(.transmitq(port: 1)) == [0])
        received += try fixture.take(1)
        #expect(received == [1, 2, 3, 4, 5, 6, 7, 8])
        #expect(fixture.counters(1) == PortCounters(toHostBytes: 8, toHostChains: 2))
    }

    @Test func chainsOfNoBytesAreTakenAndHoldNothingUp() throws {
        fixture.write([], port: 1)
        fixture.write([], [], port: 1)
        fixture.write([9], port: 1)
        #expect(try fixture.take(1) == [9])
        #expect(fixture.counters(1) == PortCounters(toHostBytes: 1, toHostChains: 3))
        fixture.write([], port: 1)
        #expect(try fixture.take(1) == [])
        _ = fixture.publishToHost(1)
        #expect(fixture.usedLengths(.transmitq(port: 1)) == [0, 0, 0, 0])
    }

    // MARK: The ring stops

    @Test func halfTakenChainGoesOnWhereItWasAfterAStop() throws {
        fixture.write([0], port: 1)
        fixture.write([1, 2, 3, 4], port: 1)
        #expect(try fixture.take(1, 3) == [0, 1, 2])
        // Not accepted, so it is offered again.
        let base = try #require(fixture.stop(.transmitq(port: 1)))
        #expect(base == TestRings.base(after: 1))
        #expect(!fixture.hasTransmitq(1))
        try fixture.resume(.transmitq(port: 1), at: base)
        #expect(try fixture.take(1) == [3, 4])
        #expect(fixture.counters(1) == PortCounters(toHostBytes: 5, toHostChains: 2))
    }

    @Test func severalStopsInOneChainAddUp() throws {
        fixture.write([1, 2, 3, 4, 5], port: 1)
        var received: [UInt8] = []
        for _ in 0..<5 {
            received += try fixture.take(1, 1)
            let base = try #require(fixture.stop(.transmitq(port: 1)))
            try fixture.resume(.transmitq(port: 1), at: base)
        }
        #expect(received == [1, 2, 3, 4, 5])
        #expect(try fixture.look(1) == [])
    }

    @Test func chainThatCameBackShorterIsTheGuestsFault() throws {
        fixture.write([1, 2, 3, 4], port: 1)
        #expect(try fixture.take(1, 3) == [1, 2, 3])
        let base = try #require(fixture.stop(.transmitq(port: 1)))
        let driver = try #require(fixture.drivers[.transmitq(port: 1)])
        // The length of its only descriptor, behind the address.
        driver.memory.store(UInt32(2), at: driver.descriptorBase + 8)
        try fixture.resume(.transmitq(port: 1), at: base)
        #expect(throws: VirtqueueError.chainShorterThanTaken(byteCount: 2, taken: 3)) { try fixture.look(1) }
    }

    @Test func ringThatDoesNotGoOnWhereItWasBeginsWithAWholeChain() throws {
        fixture.write([1, 2, 3], port: 1)
        #expect(try fixture.take(1, 2) == [1, 2])
        _ = fixture.stop(.transmitq(port: 1))
        try fixture.start(.transmitq(port: 1), after: 7)
        fixture.write([7, 8, 9], port: 1)
        #expect(try fixture.take(1) == [7, 8, 9])
    }

    @Test func ofABrokenRingNothingIsKnownAnyMore() throws {
        try close()
        fixture.write([1, 2, 3], port: 1)
        try close()
        #expect(try fixture.take(1, 2) == [1, 2])
        try fixture.noteGoneClient(1)
        fixture.forgetChains(.receiveq(port: 1))
        fixture.forgetChains(.controlReceiveq)
        #expect(fixture.hasBacklog(1), "of other rings everything")
        fixture.forgetChains(.transmitq(port: 1))
        #expect(!fixture.hasBacklog(1))
        #expect(fixture.hasTakenAllBeforeClose(1))
        #expect(try fixture.look(1) == [1, 2, 3])
    }

    @Test func resetForgetsAHalfTakenChain() throws {
        fixture.write([1, 2, 3], port: 1)
        #expect(try fixture.take(1, 2) == [1, 2])
        _ = fixture.stop(.transmitq(port: 1))
        _ = fixture.reset()
        try fixture.start(.transmitq(port: 1))
        fixture.write([7, 8, 9], port: 1)
        #expect(try fixture.take(1) == [7, 8, 9])
    }

    @Test func driverThatBeginsAnewIsNotTakenForTheOneBefore() throws {
        // Nothing else tells this guest from the one before: its control rings stand where they stood.
        fixture.write([1, 2, 3], port: 1)
        #expect(try fixture.take(1, 2) == [1, 2])
        _ = fixture.stop(.transmitq(port: 1))
        try fixture.start(.transmitq(port: 1), goesOn: true)
        try fixture.startControl()
        fixture.sayDriverIsReady()
        _ = try fixture.receive()
        fixture.write([7, 8, 9], port: 1)
        #expect(try fixture.take(1) == [7, 8, 9])
    }

    // MARK: Throwing away

    @Test func aBatchThatIsThrownAwayIsUsedAndCounted() throws {
        fixture.write([1, 2], port: 1)
        fixture.write([3], port: 1)
        #expect(try fixture.take(1, 1) == [1])
        #expect(try fixture.look(1) == [2, 3])
        fixture.discardBatch(1)
        _ = fixture.publishToHost(1)
        #expect(fixture.usedLengths(.transmitq(port: 1)) == [0, 0])
        #expect(fixture.counters(1) == PortCounters(toHostBytes: 1, toHostChains: 0, unwantedBytes: 2))
        fixture.write([4], port: 1)
        #expect(try fixture.take(1) == [4])
    }

    @Test func theRestOfAChainAndAllBehindItAreThrownAwayWhenTheClientLeaves() throws {
        for first in [10, 20, 30] as [UInt8] { fixture.write([first, first + 1], port: 1) }
        #expect(try fixture.take(1, 3) == [10, 11, 20])
        #expect(try fixture.clientLeaves(1) == 3)
        _ = fixture.publishToHost(1)
        #expect(fixture.usedLengths(.transmitq(port: 1)) == [0, 0, 0])
        fixture.write([40], port: 1)
        #expect(try fixture.take(1) == [40], "what comes later is for the next client")
        #expect(fixture.counters(1).discardedBytes == 3)
    }

    @Test func onlyWhatWasInTheRingWhenTheClientLeftIsThrownAway() throws {
        fixture.write([1, 2], port: 1)
        fixture.write([3], port: 1)
        try fixture.noteGoneClient(1)
        #expect(fixture.hasBacklog(1))
        fixture.write([4], port: 1)
        #expect(try fixture.look(1) == [1, 2, 3])
        #expect(fixture.discardBatch(1) == 3)
        #expect(!fixture.hasBacklog(1))
        #expect(try fixture.take(1) == [4])
    }

    @Test func aBacklogIsThrownAwayInSeveralTurnsAndOverAStop() throws {
        for byte in 1...3 as ClosedRange<UInt8> { fixture.write([byte, byte], port: 1) }
        try fixture.noteGoneClient(1)
        #expect(try fixture.look(1, byteLimit: 1) == [1, 1])
        #expect(fixture.discardBatch(1) == nil)
        _ = fixture.publishToHost(1)
        let base = try #require(fixture.stop(.transmitq(port: 1)))
        try fixture.resume(.transmitq(port: 1), at: base)
        fixture.write([9], port: 1)
        #expect(try fixture.look(1) == [2, 2, 3, 3])
        #expect(fixture.discardBatch(1) == 6)
        #expect(try fixture.take(1) == [9])
    }

    @Test func aClientThatLeavesAnEmptyRingLeavesNoBacklog() throws {
        try fixture.noteGoneClient(1)
        #expect(!fixture.hasBacklog(1))
        fixture.write([1], port: 1)
        #expect(try fixture.look(1) == [1])
        #expect(fixture.discardBatch(1) == nil)
    }

    @Test func moreChainsThanOneBatchHasAreThrownAway() throws {
        // The ring has 64 entries and a batch 64 chains; with small batches it takes many.
        let fixture = try DeviceFixture(pieceCapacity: 3)
        try fixture.start(.transmitq(port: 1))
        for byte in 0..<20 as Range<UInt8> { fixture.write([byte, byte], [byte], port: 1) }
        #expect(try fixture.clientLeaves(1) == 60)
        _ = fixture.publishToHost(1)
        #expect(fixture.usedLengths(.transmitq(port: 1)).count == 20)
    }

    @Test(arguments: 1...6) func everyByteThrownAwayIsCountedHoweverTheChainsAreCut(pieceCapacity: Int) throws {
        let fixture = try DeviceFixture(pieceCapacity: pieceCapacity)
        try fixture.start(.transmitq(port: 1))
        fixture.write([1], [2, 2], [3], [4], [5, 5], port: 1)
        fixture.write([6], [7, 7], port: 1)
        #expect(try fixture.clientLeaves(1) == 10)
        _ = fixture.publishToHost(1)
        #expect(fixture.usedLengths(.transmitq(port: 1)) == [0, 0])

        fixture.write([1], [2, 2], [3], port: 1)
        var chains = 0
        while try !fixture.look(1).isEmpty {
            fixture.discardBatch(1)
            _ = fixture.publishToHost(1)
            chains += fixture.usedLengths(.transmitq(port: 1)).count
        }
        #expect(chains == 1)
        #expect(fixture.counters(1).discardedBytes == 14)
    }

    @Test func lossOnTheHostsSideIsCounted() throws {
        fixture.noteLoss(1, 5)
        fixture.noteLoss(1, 0)
        #expect(fixture.counters(1).discardedBytes == 5)
    }

    // MARK: The guest's program closes the port

    /// The guest's program opens, writes and closes; the messages are handled before the data, as in every turn.
    private func close() throws {
        if !fixture.isRunning(.controlTransmitq) { try fixture.shakeHands() }
        fixture.say(.portOpen, port: 1, 0)
        _ = try fixture.receive()
    }

    @Test func closeWithNothingWrittenIsDoneAtOnce() throws {
        try close()
        #expect(fixture.hasTakenAllBeforeClose(1))
    }

    @Test func whatWasWrittenBeforeTheCloseIsTakenBeforeIt() throws {
        fixture.write([1, 2], port: 1)
        fixture.write([3], port: 1)
        try close()
        #expect(!fixture.hasTakenAllBeforeClose(1))
        #expect(try fixture.take(1, 2) == [1, 2])
        #expect(!fixture.hasTakenAllBeforeClose(1))
        #expect(try fixture.take(1) == [3])
        #expect(fixture.hasTakenAllBeforeClose(1))
    }

    @Test func whatIsWrittenBehindTheCloseWaitsForItsTurn() throws {
        fixture.write([1, 2], port: 1)
        try close()
        fixture.write([3], port: 1)
        #expect(try fixture.take(1, 1) == [1])
        #expect(try fixture.look(1) == [2])
        #expect(!fixture.hasTakenAllBeforeClose(1))
        #expect(try fixture.take(1) == [2])
        #expect(fixture.hasTakenAllBeforeClose(1))
        #expect(try fixture.take(1) == [3])
    }

    @Test func aPortThatTheGuestGaveUpIsClosedBehindItsLastBytes() throws {
        try fixture.shakeHands()
        fixture.say(.portOpen, port: 1, 1)
        fixture.write([1], port: 1)
        fixture.say(.portReady, port: 1, 0)
        _ = try fixture.receive()
        #expect(!fixture.isGuestOpen(1))
        #expect(!fixture.hasTakenAllBeforeClose(1))
        #expect(try fixture.take(1) == [1])
        #expect(fixture.hasTakenAllBeforeClose(1))
    }

    @Test func aSecondCloseDoesNotMoveTheFirst() throws {
        fixture.write([1], port: 1)
        try close()
        fixture.write([2], port: 1)
        try close()
        #expect(try fixture.take(1) == [1])
        #expect(fixture.hasTakenAllBeforeClose(1))
    }

    @Test func theCloseKeepsItsPlaceOverAStop() throws {
        fixture.write([1], port: 1)
        try close()
        fixture.write([2], port: 1)
        let base = try #require(fixture.stop(.transmitq(port: 1)))
        try fixture.resume(.transmitq(port: 1), at: base)
        #expect(try fixture.take(1) == [1])
        #expect(fixture.hasTakenAllBeforeClose(1))
    }

    @Test func throwingTheBytesAwayEndsTheWaitingToo() throws {
        fixture.write([1], port: 1)
        try close()
        #expect(try fixture.look(1) == [1])
        fixture.discardBatch(1)
        #expect(fixture.hasTakenAllBeforeClose(1))
    }

    @Test func throwingAwayWhatLiesOnBothSidesOfTheCloseEndsTheWaiting() throws {
        fixture.write([1], port: 1)
        try close()
        fixture.write([2], port: 1)
        fixture.write([3], port: 1)
        #expect(try fixture.clientLeaves(1) == 3)
        #expect(fixture.hasTakenAllBeforeClose(1))
        // And the next close is not lost.
        fixture.write([4], port: 1)
        try close()
        fixture.write([5], port: 1)
        #expect(try fixture.take(1) == [4])
        #expect(fixture.hasTakenAllBeforeClose(1))
    }

    @Test func resetForgetsTheClose() throws {
        fixture.write([1], port: 1)
        try close()
        _ = fixture.stop(.transmitq(port: 1))
        _ = fixture.reset()
        #expect(fixture.hasTakenAllBeforeClose(1))
        try fixture.start(.transmitq(port: 1))
        fixture.write([2], port: 1)
        fixture.write([3], port: 1)
        #expect(try fixture.take(1) == [2, 3])
    }

    @Test func theCloseIsFoundWhereThePositionWraps() throws {
        let fixture = try DeviceFixture()
        try fixture.shakeHands()
        try fixture.start(.transmitq(port: 1), after: 0xfffe)
        for byte in 1...4 as ClosedRange<UInt8> { fixture.write([byte], port: 1) }
        fixture.say(.portOpen, port: 1, 0)
        _ = try fixture.receive()
        fixture.write([5], port: 1)
        #expect(try fixture.take(1, 3) == [1, 2, 3])
        #expect(!fixture.hasTakenAllBeforeClose(1))
        #expect(try fixture.take(1) == [4])
        #expect(fixture.hasTakenAllBeforeClose(1))
    }

    // MARK: Kicks and calls

    @Test func kicksAreAskedForOnlyWhenNothingIsLeft() throws {
        let driver = try #require(fixture.drivers[.transmitq(port: 1)])
        fixture.disableToHostKicks(1)
        #expect(driver.deviceWantsNoKick)
        fixture.write([1], port: 1)
        #expect(fixture.enableToHostKicks(1), "one came meanwhile")
        #expect(try fixture.take(1) == [1])
        #expect(!fixture.enableToHostKicks(1))
        #expect(!driver.deviceWantsNoKick)
    }

    @Test func oneCallForAllThatWasPublished() throws {
        for _ in 0..<8 { fixture.write([1], port: 1) }
        _ = try fixture.take(1)
        #expect(fixture.publishToHost(1))
        #expect(!fixture.publishToHost(1))
    }
}
