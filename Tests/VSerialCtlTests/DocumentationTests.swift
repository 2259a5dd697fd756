import ArgumentParser
import ControlProtocol
import FoundationEssentials
import Testing

@testable import ClientProtocolsTests
@testable import vserialctl

/// Holds docs/vserialctl.md against the program: what is shown there is run against a daemon with canned answers, and
/// prints what the page says.
@Suite struct DocumentationTests {
    /// A command of the page, and the lines below it.
    struct Example: Sendable {
        var words: [String]
        var output: String
        /// Whether it takes a guest: then a scenario with a real one, or the command's own tests, run it.
        var needsGuest: Bool
    }

    static let examples: [Example] = {
        // Tests/VSerialCtlTests/DocumentationTests.swift is three below the checkout.
        let checkout = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()
        guard let data = try? Data(contentsOf: URL(filePath: checkout + "/docs/vserialctl.md")) else { return [] }
        var examples: [Example] = []
        var isInBlock = false
        var needsGuest = false
        for line in String(decoding: data, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("```") {
                isInBlock = line.hasPrefix("```console")
                needsGuest = line.hasSuffix(" guest")
            } else if isInBlock, line.hasPrefix("$ ") {
                // What comes before a pipe is for its input.
                let words = line.dropFirst(2).split(separator: " ").map(String.init)
                let start = words.firstIndex(of: "vserialctl") ?? 0
                examples.append(Example(words: Array(words[start...]), output: "", needsGuest: needsGuest))
            } else if isInBlock, !examples.isEmpty {
                examples[examples.count - 1].output += line + "\n"
            }
        }
        return examples.filter { $0.words.first == "vserialctl" }
    }()

    @Test("every command has an example")
    func complete() {
        let shown = Set(Self.examples.compactMap { $0.words.dropFirst().first })
        for command in VSerialCtl.configuration.subcommands {
            let name = command._commandName
            #expect(shown.contains(name), "docs/vserialctl.md does not show \(name)")
        }
    }

    @Test("every example does what the page says", arguments: examples.filter { !$0.needsGuest })
    func example(example: Example) throws {
        let daemon = try FakeDaemon(afterNegotiation: example.words.contains("events") ? Self.events : []) { request in
            ControlCommand(rawValue: request.execute).map(Self.answer) ?? [.hangUp]
        }
        defer { daemon.end() }
        let result = try SpawnedTool.run(
            Array(example.words.dropFirst()),
            environment: SpawnedTool.environment
                // Not for those that would ask how many ports there are.
                + (["qemu-args", "libvirt-xml"].contains(example.words[1])
                    ? [] : ["VSERIALCTL_CONTROL=\(daemon.path)"]))
        if !example.output.isEmpty { #expect(result.output == example.output) }
        // What the doctor finds is this machine's.
        if example.words[1] != "doctor" { #expect(result.code == 0, "\(result.errors)") }
        #expect(result.errors == "")
    }

    private static let events: [FakeDaemon.Reply] = [
        .event("GUEST_READY"), .event("CLIENT_CONNECTED", #"{"id":"vm.ctl","uid":1000,"gid":100,"pid":4242}"#),
    ]

    private static func answer(_ command: ControlCommand) -> [FakeDaemon.Reply] {
        switch command {
        case .queryPorts: [.content(portsJSON(ports))]
        case .queryStatus: [.content(statusJSON())]
        case .queryMetrics: [.content(#"{"text":"a 1\n"}"#)]
        case .portAdd: [.content(#"{"id":"vm.new","number":6,"path":"/run/vm1/vm.new"}"#)]
        case .captureStart:
            [
                .content(#"{"capture":3}"#),
                .event("CAPTURE_DATA", #"{"capture":3,"data":"\#(Data(capture).base64EncodedString())"}"#),
                .event("SHUTDOWN"),
            ]
        case .captureStop: [.content(#"{"packets":12,"bytes":3456,"lost":0}"#)]
        case .portRemove, .portSet, .clientDisconnect, .logLevel, .shutdown: [.content("{}")]
        case .negotiate, .queryVersion, .queryCommands: [.hangUp]
        }
    }

    private static var ports: [PortStatus] {
        let control = somePort("vm.ctl", number: 1) {
            $0.guestOpen = true
            $0.clients = [ClientStatus(uid: 1000, gid: 100, pid: 4242)]
            $0.toHost.delivered = 12_345
            $0.toGuest.delivered = 340
        }
        return [control, somePort("vm.data", number: 5)]
    }

    private static var capture: [UInt8] {
        var sample = PcapngSample()
        sample.section()
        sample.interface("vm.ctl")
        sample.packet("hello\n")
        sample.packet("ok\n", flags: 2)
        return sample.bytes
    }
}
