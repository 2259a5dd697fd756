import FoundationEssentials
import FuzzTargets
import Testing

/// Runs the kept inputs of a target.
enum Replay {
    /// The paths of the inputs.
    static func inputs(of name: FuzzTargetName) throws -> [String] {
        let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        return try ["Corpus", "Crashes"].flatMap { kind -> [String] in
            let folder = tests.appending(path: "Fuzz/\(kind)/\(name.rawValue)").path
            // Where nothing ever crashed there is no folder.
            guard FileManager.default.fileExists(atPath: folder) else { return [] }
            return try FileManager.default.contentsOfDirectory(atPath: folder).map { "\(folder)/\($0)" }
        }
    }

    /// Runs inputs one after the other, as the fuzzer does, but for the descriptors: the test library opens some of its own meanwhile.
    static func run(_ inputs: [String], by name: FuzzTargetName) throws {
        let target = try name.makeTarget(hasProcessToItself: false)
        for input in inputs {
            let bytes = try Data(contentsOf: URL(filePath: input))
            do throws(OracleFailure) {
                try target.run(ByteSource(Array(bytes)))
            } catch {
                Issue.record("\(input): \(error)")
            }
        }
    }
}
