import ControlProtocol
import Testing

@testable import ClientProtocols

@Suite struct AgentMessagesTests {
    private func content<Content: Decodable>(_ text: String, _: Content.Type) throws(GuestError) -> Content {
        try AgentAnswer<Content>.content(of: Array(text.utf8), to: "x")
    }

    @Test("an answer has what was asked for, or says why not")
    func answers() throws {
        #expect(try content(#"{"return": 5}"#, Int64.self) == 5)
        let refusal = GuestError.refused("x", reason: "no")
        #expect(throws: refusal) { try content(#"{"error": {"desc": "no"}}"#, Int64.self) }
        #expect(throws: GuestError.emptyAnswer(to: "x")) { try content("{}", Int64.self) }
        #expect(throws: GuestError.noAnswer(to: "x", Array("[]".utf8))) { try content("[]", Int64.self) }
    }

    @Test("a piece of a file is as long as the agent says, and no longer than was asked for")
    func pieces() throws {
        func bytes(_ count: Int, _ text: String, eof: Bool) throws -> [UInt8]? {
            let answer = #"{"return": {"count": \#(count), "buf-b64": "\#(text)", "eof": \#(eof)}}"#
            return try content(answer, AgentFilePiece.self).bytes(atMost: 2)
        }
        #expect(try bytes(2, "aGk=", eof: false) == Array("hi".utf8))
        #expect(try bytes(0, "", eof: true) == nil)
        #expect(throws: GuestError.noProgress) { try bytes(0, "", eof: false) }
        #expect(throws: GuestError.wrongPiece(said: 1, sent: 2)) { try bytes(1, "aGk=", eof: false) }
        #expect(throws: GuestError.wrongPiece(said: 3, sent: 3)) { try bytes(3, "aGkh", eof: false) }
        #expect(throws: GuestError.noBase64) { try bytes(2, "aGk", eof: false) }
    }

    @Test("what was written is some of what was sent")
    func written() throws {
        #expect(try AgentFileWritten(count: 3).count(of: 3) == 3)
        for count in [0, -1, 4] {
            let answer = AgentFileWritten(count: count)
            #expect(throws: GuestError.wrongWrite(said: count, of: 3)) { try answer.count(of: 3) }
        }
    }

    @Test(
        "a program's end is a shell's number",
        arguments: [
            (#""exitcode": 3"#, 3), (#""signal": 9"#, 137), (#""exitcode": 3, "signal": 9"#, 137), ("", 0),
            (#""exitcode": -1"#, 255), (#""signal": -1"#, 255), (#""exitcode": 9223372036854775807"#, 255),
        ])
    func exits(members: String, code: Int32) throws {
        let comma = members.isEmpty ? "" : ", "
        let status = try content(#"{"return": {"exited": true\#(comma)\#(members)}}"#, AgentProcessStatus.self)
        #expect(try status.result()?.exitCode == code)
    }
}
