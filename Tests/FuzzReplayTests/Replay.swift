import FoundationEssentials
import FuzzTargets
import Glibc

/// Runs the kept inputs of a target.
enum Replay {
    /// The inputs' files, in an order that stays.
    static func inputs(of name: FuzzTargetName) throws -> [URL] {
        let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        return try ["Corpus", "Crashes"].flatMap { kind -> [URL] in
            let folder = tests.appending(path: "Fuzz/\(kind)/\(name.rawValue)")
            // Where nothing ever crashed there is no folder.
            guard FileManager.default.fileExists(atPath: folder.path) else { return [] }
            let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
            return names.map { folder.appending(path: $0) }
        }
    }

    /// Runs them all; the last one that standard error names is the one at fault.
    static func run(_ name: FuzzTargetName) throws {
        let target = try name.makeTarget()
        for input in try inputs(of: name) {
            var line = "\(input.path)\n"
            // SAFETY: the text's own bytes.
            _ = line.withUTF8 { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
            try target.run(ByteSource(Array(Data(contentsOf: input))))
        }
    }
}
