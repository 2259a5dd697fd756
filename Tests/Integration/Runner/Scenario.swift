import MachineTestSupport

/// One thing that must hold with a real QEMU and a real guest.
struct Scenario: Sendable {
    let name: String
    /// Why QEMU's own device cannot pass it; `nil` when it can.
    var oursOnly: String?
    /// Only this kernel; `nil` for the one chosen on the command line.
    var kernel: Kernel?
    let body: @Sendable (Setting) throws -> Void

    /// Each scenario is killed after this long. The longest takes a third of it on two slow cores.
    static let timeLimit: Duration = .seconds(180)

    init(
        _ name: String, oursOnly: String? = nil, kernel: Kernel? = nil,
        _ body: @escaping @Sendable (Setting) throws -> Void
    ) {
        self.name = name
        self.oursOnly = oursOnly
        self.kernel = kernel
        self.body = body
    }

    /// The long ones first, so that two at a time end together.
    static let all: [Scenario] =
        data + backPressure + flood + connections + lifecycle + memory + consoles + operation + control + transcripts
        + rates + endpoints + tools + examples

    static func named(_ name: String) -> Scenario? { (all + boots).first { $0.name == name } }
}
