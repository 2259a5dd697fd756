/// The version of a QEMU.
struct QEMUVersion: Comparable, CustomStringConvertible {
    var major: Int
    var minor: Int

    init(major: Int, minor: Int) {
        self.major = major
        self.minor = minor
    }

    /// Reads what `--version` prints: `QEMU emulator version 11.1.3 (Debian …)`.
    ///
    /// - Parameter text: nil comes of anything else.
    init?(printed text: String) {
        let words = text.prefix { $0 != "\n" }.split(separator: " ")
        guard words.first == "QEMU", let index = words.firstIndex(of: "version"), index + 1 < words.endIndex else {
            return nil
        }
        let numbers = words[index + 1].split(separator: ".").prefix(2).map { Int($0) }
        guard numbers.count == 2, let major = numbers[0], let minor = numbers[1] else { return nil }
        self.init(major: major, minor: minor)
    }

    static func < (first: QEMUVersion, second: QEMUVersion) -> Bool {
        (first.major, first.minor) < (second.major, second.minor)
    }

    var description: String { "\(major).\(minor)" }
}
