import Glibc

/// A descriptor that the process was started with, as an operator names it.
package enum InheritedDescriptor: Equatable, Sendable {
    case number(Int32)
    /// By the name that systemd passes it under (`FileDescriptorName=`, sd_listen_fds_with_names(3)).
    case name(String)

    /// Reads a number, or else a name; nil for nothing, or a number that no descriptor has.
    init?(_ text: String) {
        if let digit = text.utf8.first, (0x30...0x39).contains(digit) || digit == UInt8(ascii: "-") {
            guard let number: Int32 = OptionValue.number(text, in: 0...Int32.max) else { return nil }
            self = .number(number)
        } else {
            guard !text.isEmpty else { return nil }
            self = .name(text)
        }
    }
}

extension InheritedDescriptor: CustomStringConvertible {
    package var description: String {
        switch self {
        case .number(let number): "descriptor \(number)"
        case .name(let name): "descriptor '\(name)' of systemd"
        }
    }
}

/// What systemd has opened for this process: names in the order of the descriptors, which begin with 3.
package struct PassedDescriptors {
    private static let first: Int32 = 3

    private let names: [String]

    /// - Parameters:
    ///   - environment: looks up a variable.
    ///   - processIdentifier: who we are; what another process was passed (`LISTEN_PID`) is not for us.
    init(environment: (String) -> String?, processIdentifier: Int32) {
        guard environment("LISTEN_PID").flatMap(Int32.init) == processIdentifier,
            let count = environment("LISTEN_FDS").flatMap(Int.init), count > 0
        else {
            names = []
            return
        }
        let given = (environment("LISTEN_FDNAMES") ?? "").split(separator: ":", omittingEmptySubsequences: false)
        names = (0..<min(count, 1024)).map { $0 < given.count ? String(given[$0]) : "" }
    }

    /// The number of a descriptor; nil when systemd has passed none of this name.
    func number(of descriptor: InheritedDescriptor) -> Int32? {
        switch descriptor {
        case .number(let number): number
        case .name(let name): names.firstIndex(of: name).map { Self.first + Int32($0) }
        }
    }
}
