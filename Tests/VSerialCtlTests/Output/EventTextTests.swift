import ControlProtocol
import Testing

@testable import vserialctl

@Suite struct EventTextTests {
    private func line(_ name: String, _ data: [String: JSONValue], isStyled: Bool = false) throws -> String {
        var event = ControlEvent(.guestReady, data: data, timestamp: .init(seconds: 1, microseconds: 5999))
        event.event = name
        let line = EventText.line(event, isStyled: isStyled)
        return try #require(line.firstMatch(of: /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.005  (.*)$/)).output.1.description
    }

    @Test("the port first, words without quotation marks")
    func order() throws {
        #expect(
            try line("RING_FAULT", ["queue": 3, "id": "a b", "reason": "gone", "zero": ""])
                == #"RING_FAULT            id="a b" queue=3 reason=gone zero="""#)
    }

    @Test("an event of a newer daemon is shown as it is")
    func unknown() throws {
        let data: [String: JSONValue] = ["list": [1, true, .null, .number(0.5)], "object": ["b": 2, "a": "x"]]
        #expect(
            try line("A_NAME_THAT_IS_LONGER_THAN_OTHERS", data)
                == "A_NAME_THAT_IS_LONGER_THAN_OTHERS list=[1,true,null,0.5] object={a=x,b=2}")
    }

    @Test("nothing in it moves the cursor")
    func escapes() throws {
        #expect(try line("X\u{1B}", ["\n": "\u{1B}[2J"]) == #"X\x1b                 \n=\x1b[2J"#)
    }

    @Test("faults stand out")
    func styles() throws {
        #expect(try line("RING_FAULT", [:], isStyled: true) == TextStyle.bad.applied(to: "RING_FAULT"))
        #expect(try line("EVENTS_LOST", [:], isStyled: true) == TextStyle.warning.applied(to: "EVENTS_LOST"))
        #expect(try line("SHUTDOWN", [:], isStyled: true) == TextStyle.bold.applied(to: "SHUTDOWN"))
    }
}
