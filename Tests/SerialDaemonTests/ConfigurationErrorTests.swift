import LinuxIO
import Testing

@testable import SerialDaemon

@Suite("ConfigurationError")
struct ConfigurationErrorTests {
    static let all: [ConfigurationError] = [
        .frontendMissing, .frontendTwice, .badDescriptor(-1), .maxPortsOutOfRange(128), .pollingOutOfRange(1001),
        .unknownLogLevel("loud"), .badOption(.seccomp, "loud", accepted: "kill or none"),
        .unknownGroup("--group", "vms"), .unknownUser("vms"), .groupWithoutUser, .noPorts,
        .tooManyPorts(count: 2, maxPorts: 1), .keyWithoutValue(key: "nr"),
        .duplicateKey("nr"),
        .unknownKey("colour"), .badValue(.number, "x"), .portWithoutName("nr=1"), .badPortName("a/b", .slash),
        .badAddress(option: "path=", text: "", .empty), .consoleKeyOnGenericPort(.rows, port: "a"),
        .halfASize(missing: .rows, port: "a"), .consoleThatBlocks(port: "a"), .bufferSizeWithoutBuffer(port: "a"),
        .consoleWithRate(port: "a"), .logKeyWithout(.logSize, .logFiles, port: "a"),
        .portNameTwice("a"), .portNumberTooHigh(number: 9, port: "a", maxPorts: 3),
        .portNumberTwice(number: 1, first: "a", second: "b"), .portWithoutPath("a"),
        .addressTwice(.path("/x"), first: "--port name=a", second: "--port name=b"),
    ]

    @Test(arguments: all)
    func descriptionIsOneSentence(error: ConfigurationError) {
        let text = error.description
        #expect(text.hasSuffix("."))
        #expect(!text.contains("\n"))
        // An option or a key to look for in the command line.
        #expect(text.contains("--") || text.contains("="))
    }

    @Test func controlCharactersOfAValueAreSpelled() {
        let text = ConfigurationError.badPortName("a\u{1B}[2J\nb", .controlCharacter).description
        #expect(text.contains(#"a\u{1B}[2J\nb"#))
    }

    @Test(arguments: all)
    func onlyWhatThisHostLacksIsNoUsageError(error: ConfigurationError) {
        let isLacking = error == .unknownGroup("--group", "vms") || error == .unknownUser("vms")
        #expect(error.exitCode == (isLacking ? .configuration : .usage))
    }
}
