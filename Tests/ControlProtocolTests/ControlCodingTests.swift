import Testing

@testable import ControlProtocol

@Suite struct ControlCodingTests {
    @Test("members are spelled with hyphens, and read back")
    func hyphens() throws {
        let status = SandboxStatus(confinement: "namespace", seccomp: "kill", user: 1, group: 2, threads: 2)
        let daemon = DaemonStatus(
            version: "1.2.3", pid: 7, uptimeSeconds: 9, logLevel: "info", maxPorts: 31, frontend: nil,
            guest: GuestStatus(driverReady: true), sandbox: status, captures: [])
        let text = String(decoding: try ControlCoding.encode(daemon), as: UTF8.self)
        #expect(text.contains(#""uptime-seconds":9"#))
        #expect(text.contains(#""driver-ready":true"#))
        #expect(!text.contains("frontend"))
        #expect(try ControlCoding.decode(DaemonStatus.self, from: text.utf8) == daemon)
    }

    @Test("what QMP spells with capitals and underscores stays so")
    func greeting() throws {
        let greeting = ControlGreeting(
            version: ControlVersion(qemu: .init(major: 0, minor: 1, micro: 0), package: "x"))
        let text = String(decoding: try ControlCoding.encode(greeting), as: UTF8.self)
        #expect(
            text == #"{"QMP":{"capabilities":[],"version":{"package":"x","qemu":{"major":0,"micro":0,"minor":1}}}}"#)
        #expect(try ControlCoding.decode(ControlGreeting.self, from: text.utf8) == greeting)
    }

    @Test("a request's arguments and id are kept as they came")
    func request() throws {
        let text =
            #"{"execute":"port-add","arguments":{"id":"a-b","cols":80,"linger":0.5,"console":true},"id":{"n":[1,null]}}"#
        let request = try ControlCoding.decode(ControlRequest.self, from: text.utf8)
        #expect(request.execute == "port-add")
        #expect(request.arguments == ["id": "a-b", "cols": 80, "linger": .number(0.5), "console": true])
        #expect(request.id == ["n": [1, .null]])
    }

    @Test("members of a free object keep their names both ways", arguments: ["a-b", "aB", "QMP", "x_y", "-", ""])
    func freeNames(name: String) throws {
        let value = JSONValue.object([name: 1])
        let text = try ControlCoding.encode(value)
        #expect(String(decoding: text, as: UTF8.self) == "{\"\(name)\":1}")
        #expect(try ControlCoding.decode(JSONValue.self, from: text) == value)
    }

    @Test(
        "a number that was read and written is read as the same again",
        arguments: [
            "0", "-0", "1.5", "1e3", "18888888888888888.888", "188888888888888888888", "-9223372036854775808", "1e300",
        ])
    func numbers(text: String) throws {
        let value = try ControlCoding.decode(JSONValue.self, from: text.utf8)
        #expect(try ControlCoding.decode(JSONValue.self, from: ControlCoding.encode(value)) == value)
    }

    @Test("an answer has either a return or an error, and its id only when it came with one")
    func answers() throws {
        let done = ControlAnswer(return: ControlNothing(), id: nil)
        #expect(String(decoding: try ControlCoding.encode(done), as: UTF8.self) == #"{"return":{}}"#)
        let refused = ControlAnswer<ControlNothing>(error: ControlFailure(.commandNotFound, "no"), id: "7")
        #expect(
            String(decoding: try ControlCoding.encode(refused), as: UTF8.self)
                == #"{"error":{"class":"CommandNotFound","desc":"no"},"id":"7"}"#)
    }

    @Test("nesting is bounded, and brackets in strings are none")
    func depth() {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(throws: Never.self) { try ControlCoding.decode(JSONValue.self, from: nested(32).utf8) }
        #expect(throws: (any Error).self) { try ControlCoding.decode(JSONValue.self, from: nested(33).utf8) }
        #expect(throws: (any Error).self) {
            try ControlCoding.decode(JSONValue.self, from: String(repeating: "{\"a\":", count: 9000).utf8)
        }
        let quoted = #"["\"[[", "\#(nested(40))"]"#
        #expect(throws: Never.self) { try ControlCoding.decode(JSONValue.self, from: quoted.utf8) }
    }
}
