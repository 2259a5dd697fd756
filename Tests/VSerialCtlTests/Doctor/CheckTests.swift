import ControlProtocol
import Testing

@testable import vserialctl

@Suite struct CheckTests {
    @Test("a line, and one for the advice")
    func lines() {
        #expect(Check.ok("a", "fine").lines(isStyled: false) == ["ok       a: fine"])
        #expect(
            Check.failed("b", "bad", advice: "do it").lines(isStyled: false) == ["FAILED   b: bad", "         → do it"])
        #expect(Check.warning("c", "x", advice: "y").lines(isStyled: true)[0] == "\u{1B}[33mwarning\u{1B}[0m  c: x")
        #expect(Check.notChecked("d", because: "z").lines(isStyled: false) == ["-        d: z"])
    }

    @Test("for scripts")
    func json() throws {
        let text = String(decoding: try ControlCoding.encode(Check.notChecked("d", because: "z")), as: UTF8.self)
        #expect(text == #"{"finding":"z","name":"d","verdict":"not-checked"}"#)
    }
}
