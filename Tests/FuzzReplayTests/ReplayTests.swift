import FoundationEssentials
import FuzzTargets
import Testing

/// The inputs that were kept, run once more: the corpus, which reaches most of what the fuzzer ever reached, and every
/// input that was a crash.
///
/// Each target in a process of its own: a trap is the failure of one test then, and descriptors can be counted.
@Suite("Replay of fuzzed inputs")
struct ReplayTests {
    @Test func messages() async {
        await #expect(processExitsWith: .success) { try Replay.run(.messages) }
    }

    @Test func splitRing() async {
        await #expect(processExitsWith: .success) { try Replay.run(.splitRing) }
    }

    @Test func packedRing() async {
        await #expect(processExitsWith: .success) { try Replay.run(.packedRing) }
    }

    @Test func controlQueue() async {
        await #expect(processExitsWith: .success) { try Replay.run(.controlQueue) }
    }

    @Test func keyLists() async {
        await #expect(processExitsWith: .success) { try Replay.run(.keyLists) }
    }

    /// A folder that is not found would pass for one without inputs.
    @Test(arguments: FuzzTargetName.allCases) func hasInputs(of name: FuzzTargetName) throws {
        #expect(try Replay.inputs(of: name).count > 0)
    }
}
