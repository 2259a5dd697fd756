import FuzzTargets
import Testing

/// The inputs that were kept, run once more: the corpus, which reaches most of what the fuzzer ever reached, and every
/// input that was a crash.
///
/// In processes of their own: a trap is the failure of a test then.
@Suite("Replay of fuzzed inputs")
struct ReplayTests {
    @Test(arguments: FuzzTargetName.allCases) func nothingIsFound(by name: FuzzTargetName) async throws {
        let result = await #expect(processExitsWith: .success) { [name = name as FuzzTargetName] in
            try Replay.run(Replay.inputs(of: name), by: name)
        }
        guard result == nil else { return }
        // A process that has trapped cannot say over which input.
        for input in try Replay.inputs(of: name) {
            await #expect(processExitsWith: .success, "\(input)") {
                [name = name as FuzzTargetName, input = input as String] in
                try Replay.run([input], by: name)
            }
        }
    }

    /// A folder that is not found would pass for one without inputs.
    @Test(arguments: FuzzTargetName.allCases) func thereAreInputs(of name: FuzzTargetName) throws {
        #expect(try Replay.inputs(of: name).count > 0)
    }
}
