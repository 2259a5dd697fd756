import Testing

@testable import TOML

@Suite("TOMLReader")
struct TOMLReaderTests {
    private static func read(_ text: String) throws -> [TOMLMember] { try TOMLReader.read(Array(text.utf8)) }

    private static func position(_ line: Int, _ column: Int) -> TOMLPosition {
        TOMLPosition(line: line, column: column)
    }

    @Test func everyKindOfValueArrivesWithItsPlace() throws {
        let members = try Self.read(
            """
            text = "a"
            number = -0x5
              real = 0.5
            truth = true
            day = 2026-11-21
            list = [ "é", 2 ]
            """.replacing("-0x5", with: "-5"))
        #expect(
            members == [
                TOMLMember(
                    key: "text", at: Self.position(1, 1), value: TOMLValue(.string("a"), at: Self.position(1, 8))),
                TOMLMember(
                    key: "number", at: Self.position(2, 1), value: TOMLValue(.integer("-5"), at: Self.position(2, 10))),
                TOMLMember(
                    key: "real", at: Self.position(3, 3), value: TOMLValue(.float("0.5"), at: Self.position(3, 10))),
                TOMLMember(
                    key: "truth", at: Self.position(4, 1), value: TOMLValue(.boolean(true), at: Self.position(4, 9))),
                TOMLMember(
                    key: "day", at: Self.position(5, 1), value: TOMLValue(.dateOrTime, at: Self.position(5, 7))),
                TOMLMember(
                    key: "list", at: Self.position(6, 1),
                    value: TOMLValue(
                        .array([
                            TOMLValue(.string("é"), at: Self.position(6, 10)),
                            // Characters are counted: é is two bytes.
                            TOMLValue(.integer("2"), at: Self.position(6, 15)),
                        ]), at: Self.position(6, 8))),
            ])
    }

    @Test func keysKeepTheOrderOfTheText() throws {
        let members = try Self.read("z = 1\na = 2\nm = 3\n")
        #expect(members.map(\.key) == ["z", "a", "m"])
    }

    @Test func tablesOfAnArrayBeginAtTheirHeaders() throws {
        let members = try Self.read("[[port]]\nname = \"a\"\n\n  [[port]]\nname = \"b\"\nnr = 1\n")
        guard case .array(let ports) = try #require(members.first).value.content else {
            Issue.record("no array")
            return
        }
        #expect(ports.map(\.position) == [Self.position(1, 1), Self.position(4, 3)])
        guard case .table(let keys) = ports[1].content else {
            Issue.record("no table")
            return
        }
        #expect(keys.map(\.key) == ["name", "nr"])
        #expect(keys.map(\.keyPosition) == [Self.position(5, 1), Self.position(6, 1)])
    }

    /// A C string would end there.
    @Test func nulInAKeyOrAStringIsPartOfIt() throws {
        let member = try #require(try Self.read(#""a\u0000b" = "x\u0000y""#).first)
        #expect(member.key == "a\0b")
        #expect(member.value.content == .string("x\0y"))
    }

    @Test(arguments: [
        ("0.1", "0.1"), ("1.0", "1.0"), ("1e-9", "0.000000001"), ("1e9", "1000000000.0"), ("-2.5", "-2.5"),
        ("nan", "nan"), ("inf", "inf"), ("-inf", "-inf"),
    ])
    func floatsAreDigitsWithoutExponent(written: String, text: String) throws {
        #expect(try Self.read("a = \(written)").first?.value.content == .float(text))
    }

    @Test(arguments: [
        ("0x1F", "31"), ("0o17", "15"), ("0b11", "3"), ("1_000", "1000"), ("+7", "7"), ("-7", "-7"),
    ])
    func integersAreDecimal(written: String, text: String) throws {
        #expect(try Self.read("a = \(written)").first?.value.content == .integer(text))
    }

    @Test func emptyTextHasNoKeys() throws {
        #expect(try Self.read("") == [])
        #expect(try Self.read("\u{FEFF}# only a comment") == [])
    }

    @Test(arguments: [
        ("a = \n", 1, 5, "expected value"), ("a = 1\n a = 2", 2, 6, "redefine"), ("a = 1\n[a]\n", 2, 1, "redefine"),
        ("a = 1\nb = \"x", 2, 7, "end-of-file"), ("a = 99999999999999999999", 1, 25, "64 bits"),
        ("\n\n= 3", 3, 1, "expected keys"),
        // An assertion of toml++ 3.3.0.
        ("[=]", 1, 2, "expected bare key"), ("[[\u{0}]]", 1, 3, "expected bare key"),
    ])
    func whatIsNoTOMLIsRefusedWithItsPlace(text: String, line: Int, column: Int, reason: String) throws {
        let error = try #require(throws: TOMLSyntaxError.self) { try Self.read(text) }
        #expect(error.position == Self.position(line, column))
        #expect(error.reason.contains(reason))
    }

    @Test func bytesThatAreNoUTF8AreRefused() throws {
        let error = try #require(throws: TOMLSyntaxError.self) {
            try TOMLReader.read(Array("a = 1\nb = \"".utf8) + [0xFF, UInt8(ascii: "\"")])
        }
        #expect(error.position.line == 2)
        #expect(error.reason.contains("utf-8"))
    }

    @Test func valuesStandAtMostSixteenDeepInEachOther() throws {
        func nested(_ depth: Int) -> String {
            "a = " + String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(throws: Never.self) { try Self.read(nested(16)) }
        let error = try #require(throws: TOMLSyntaxError.self) { try Self.read(nested(17)) }
        #expect(error.reason.contains("too deep"))
        #expect(error.position == Self.position(1, 21))
    }

    /// toml++ would take a million of tables apart one inside the other, which no stack is large enough for.
    @Test func keyOfAMillionPartsIsRefused() throws {
        let text = "b = 1\n" + String(repeating: "a.", count: 500_000) + "a = 1"
        let error = try #require(throws: TOMLSyntaxError.self) { try Self.read(text) }
        #expect(error.reason.contains("dots"))
        #expect(error.position.line == 2)
        #expect(throws: Never.self) { try Self.read("a = \"" + String(repeating: ".", count: 400) + "\"") }
    }
}
