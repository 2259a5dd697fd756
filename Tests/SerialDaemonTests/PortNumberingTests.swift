import Testing

@testable import SerialDaemon

@Suite("PortNumbering")
struct PortNumberingTests {
    /// `a` is a generic port, `c` a console; a digit behind it asks for that number.
    private static func ports(_ text: String) -> [PortOptions] {
        text.split(separator: " ").enumerated().map { index, word in
            var port = PortOptions(name: "\(index)")
            port.isConsole = word.first == "c"
            port.number = Int(word.dropFirst())
            return port
        }
    }

    @Test(arguments: [
        ("a", 31, [1]),
        ("a a a", 31, [1, 2, 3]),
        ("c", 31, [0]),
        ("c c", 31, [0, 1]),
        ("a c", 31, [1, 0]),
        ("c a c", 31, [0, 1, 2]),
        // Explicit first, wherever it stands.
        ("a a1", 31, [2, 1]),
        ("c c0", 31, [1, 0]),
        ("a a5 a", 31, [1, 5, 2]),
        ("a0 c", 31, [0, 1]),
        // 0 for a generic port only when nothing else is left.
        ("a a", 2, [1, 0]),
        ("a a1 a2", 3, [0, 1, 2]),
        ("a", 1, [0]),
        ("a30", 31, [30]),
    ])
    func numbersFollowTheRules(text: String, maxPorts: Int, expected: [Int]) throws {
        #expect(try PortNumbering.assign(Self.ports(text), maxPorts: maxPorts) == expected)
    }

    @Test(arguments: [
        ("a a", 1, ConfigurationError.tooManyPorts(count: 2, maxPorts: 1)),
        ("a31", 31, .portNumberTooHigh(number: 31, port: "0", maxPorts: 31)),
        ("a3 a c3", 31, .portNumberTwice(number: 3, first: "0", second: "2")),
    ])
    func impossibleNumbersAreRefused(text: String, maxPorts: Int, error: ConfigurationError) {
        #expect(throws: error) { try PortNumbering.assign(Self.ports(text), maxPorts: maxPorts) }
    }

    @Test func allNumbersOfTheLargestDeviceAreUsed() throws {
        let ports = (0..<127).map { PortOptions(name: "\($0)") }
        #expect(try PortNumbering.assign(ports, maxPorts: 127).sorted() == Array(0..<127))
    }
}
