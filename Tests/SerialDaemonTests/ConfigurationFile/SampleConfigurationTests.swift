import Foundation
import TOML
import Testing

@testable import SerialDaemon

/// `share/vhost-user-serial.toml`, which people copy and change, and the file that docs/configuration.md shows.
@Suite("Sample configuration")
struct SampleConfigurationTests {
    private static func path(_ name: String) -> String {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        return root.appendingPathComponent(name).path
    }

    private static func lines(of name: String) -> [String] {
        let text = (try? String(contentsOfFile: path(name), encoding: .utf8)) ?? ""
        return text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    private static let lines = lines(of: "share/vhost-user-serial.toml")

    /// The lines that show a key which is not set.
    private static var examples: [Int] {
        lines.indices.filter { lines[$0].hasPrefix("#") && !lines[$0].hasPrefix("# ") && lines[$0].contains(" = ") }
    }

    @Test func sampleIsAConfiguration() throws {
        let layers = try LayeredConfiguration(
            flags: OperatorSettings(ports: []), ports: [],
            file: try ConfigurationFile(path: Self.path("share/vhost-user-serial.toml")))
        #expect(layers.configuration.ports.map(\.name) == ["vm.ctl", "vm.console"])
        #expect(layers.configuration.ports.map(\.isConsole) == [false, true])
    }

    /// Set, or shown in a comment.
    @Test func everyKeyIsThere() {
        let keys = Self.lines.filter { !$0.hasPrefix("# ") }.compactMap { line in
            line.split(separator: " = ").first.map { $0.drop { $0 == "#" } }.map(String.init)
        }
        for option in OptionKey.allCases { #expect(keys.contains(option.rawValue), "\(option.rawValue)") }
        for key in PortKey.allCases { #expect(keys.contains(key.rawValue), "\(key.rawValue) of a port") }
    }

    /// An option that the file cannot have would be on the command line only.
    @Test func everyFlagIsAKey() throws {
        let exit = try SpawnedDaemon(["--help"]).wait()
        let flags = exit.output.split(separator: "\n").compactMap { line -> String? in
            let words = line.split(separator: " ")
            guard line.hasPrefix("  -"), let word = words.first(where: { $0.hasPrefix("--") }) else { return nil }
            return String(word.dropFirst(2))
        }
        let onlyFlags = ["port", "config", "check-config", "print-capabilities", "version", "help"]
        #expect(Set(flags) == Set(OptionKey.allCases.map(\.rawValue) + onlyFlags))
    }

    @Test func everyExampleIsAccepted() throws {
        #expect(Self.examples.count > 20)
        for example in Self.examples {
            var lines = Self.lines
            lines[example].removeFirst()
            #expect(throws: Never.self, "\(lines[example])") {
                try ConfigurationFile(Array(lines.joined(separator: "\n").utf8), path: "line \(example + 1)")
            }
        }
    }

    /// What is shown with its default changes nothing when it is set.
    @Test(arguments: [
        "max-ports", "packed-rings", "poll-us", "seccomp", "log-level", "nr", "path", "clients-absent", "guest-close",
        "resize-order", "buffer-size",
    ])
    func defaultOfTheSampleIsTheDefault(key: String) throws {
        func configuration(_ lines: [String]) throws -> DaemonConfiguration {
            let file = try ConfigurationFile(Array(lines.joined(separator: "\n").utf8), path: "sample")
            return try LayeredConfiguration(flags: OperatorSettings(ports: []), ports: [], file: file).configuration
        }
        let example = try #require(Self.examples.first { Self.lines[$0].hasPrefix("#\(key) = ") })
        var lines = Self.lines
        lines[example].removeFirst()
        #expect(try configuration(lines) == configuration(Self.lines))
    }

    /// The lines of the first block of a kind in a page.
    private static func block(_ kind: String, of page: [String]) -> [String] {
        Array(page.drop { $0 != "```\(kind)" }.dropFirst().prefix { $0 != "```" })
    }

    @Test func pageShowsWhatIsPrinted() throws {
        let page = Self.lines(of: "docs/configuration.md")
        let text = Self.block("toml", of: page).joined(separator: "\n")
        let layers = try LayeredConfiguration(
            flags: OperatorSettings(maxPorts: 8, ports: []), ports: [],
            file: try ConfigurationFile(Array(text.utf8), path: "vm1.toml"))
        let shown = Self.block("console", of: page)
        #expect(shown.first == "$ vhost-user-serial --config vm1.toml --max-ports 8 --check-config")
        var printed = layers.text.split(separator: "\n")[...]
        // In this order; an ellipsis stands for some.
        for line in shown.dropFirst() where line != "…" {
            printed = printed.drop { $0 != line }
            #expect(!printed.isEmpty, "\(line)")
        }
    }
}
