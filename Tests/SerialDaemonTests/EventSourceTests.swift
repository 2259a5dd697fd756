import LinuxIO
import Testing

@testable import SerialDaemon

@Suite("EventSource")
struct EventSourceTests {
    private static let generations: [UInt32] = [0, 1, 0x7fff_ffff, 0x8000_0000, .max]

    /// Every source that can be, with the largest numbers there are.
    private static let sources: [EventSource] = {
        var sources: [EventSource] = [.mailbox, .frontendListener, .timer]
        sources += generations.map { .frontend(generation: $0) }
        sources += (0...255).map { .kick(queue: $0) }
        for port in 0...126 {
            sources.append(.arrival(port: port))
            for generation in generations {
                sources.append(.client(port: port, generation: generation))
                sources.append(.clientOutput(port: port, generation: generation))
            }
        }
        return sources
    }()

    @Test func everySourceComesBackFromItsToken() {
        for source in Self.sources {
            // Through the 64 bits that the kernel keeps.
            let found = EventSource(EventToken(rawValue: source.token.rawValue))
            guard let found, "\(found)" == "\(source)" else {
                Issue.record("\(source) comes back as \(String(describing: found))")
                continue
            }
        }
    }

    @Test func noTwoSourcesHaveOneToken() {
        #expect(Set(Self.sources.map(\.token.rawValue)).count == Self.sources.count)
    }

    @Test func anUnknownKindIsNoSource() {
        let kinds = Set(Self.sources.map(\.token.kind))
        #expect(kinds == Set(0...7))
        for kind in 8...UInt8.max {
            #expect(EventSource(EventToken(kind: kind, index: 1, generation: 1)) == nil)
        }
    }
}
