import Testing

@testable import ControlProtocol

@Suite struct RequestSplitterTests {
    /// Pieces as text, with `!` for nonsense, when the bytes come in parts of a size.
    private func split(_ text: String, partSize: Int) -> [String] {
        var splitter = RequestSplitter()
        var pieces: [String] = []
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            splitter.append(rest.prefix(partSize))
            rest = rest.dropFirst(partSize)
            while let piece = splitter.next() {
                switch piece {
                case .object(let bytes): pieces.append(String(decoding: bytes, as: UTF8.self))
                case .nonsense: pieces.append("!")
                }
            }
        }
        return pieces
    }

    @Test(
        "an object ends with its last bracket, however the bytes come",
        arguments: [
            ("{}", ["{}"]), ("{}{}", ["{}", "{}"]), (" \r\n\t{} ", ["{}"]),
            (#"{"a":{"b":[1]}}"#, [#"{"a":{"b":[1]}}"#]),
            (#"{"a":"}"}"#, [#"{"a":"}"}"#]), (#"{"a":"\"}"}"#, [#"{"a":"\"}"}"#]), (#"{"a":"\\"}{"#, [#"{"a":"\\"}"#]),
            ("{\n\"a\":\n1}\n", ["{\n\"a\":\n1}"]), ("x\n{}", ["!", "{}"]), ("xyz {} \n{}", ["!", "{}"]),
            ("[]", ["[]"]),
            ("}\n{}", ["!", "{}"]), ("{", []), ("", []), ("{]", ["{]"]), ("1\n2\n", ["!", "!"]),
            ("\u{ff}\n{}", ["!", "{}"]),
        ], 1...3)
    func pieces(example: (String, [String]), partSize: Int) {
        #expect(split(example.0, partSize: partSize) == example.1)
        #expect(split(example.0, partSize: 1000) == example.1)
    }

    @Test func whatWaitsIsCounted() {
        var splitter = RequestSplitter()
        splitter.append(Array(#"{}   {"a""#.utf8))
        #expect(splitter.next() == .object(Array("{}".utf8)))
        #expect(splitter.next() == nil)
        #expect(splitter.byteCount == 4)
    }

    @Test func nonsenseIsNotKept() {
        var splitter = RequestSplitter()
        for _ in 0..<1000 {
            splitter.append(Array(repeating: UInt8(ascii: "x"), count: 1000))
            _ = splitter.next()
        }
        #expect(splitter.byteCount == 0)
    }
}
