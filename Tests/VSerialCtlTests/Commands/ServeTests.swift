import Glibc
import Testing

@testable import vserialctl

@Suite("serve")
struct ServeTests {
    @Test func runsTheProgramForEachOpening() throws {
        let port = try ServedPort(isOpen: true)
        let tool = try port.start("serve", "--", "sh", "-c", "read line; echo $VSERIAL_PORT:$line; cat >/dev/null")
        // It is the port's client for both openings: what a guest writes in between is not lost.
        let guest = try port.socket.accept()
        var ends = ""
        for word in ["one", "two"] {
            if word == "two" { port.guest(opens: true) }
            try guest.say("\(word)\n")
            #expect(try guest.hearLine() == "svc:\(word)")
            port.guest(opens: false)
            ends += "vserialctl: sh ended with exit code 0\n"
            try tool.waitForErrors(ends)
        }
        let result = try port.end(tool)
        #expect(result.code == 128 + SIGTERM)
    }

    @Test func aPortThatDisconnectsSeparatesTheOpenings() throws {
        let port = try ServedPort(isOpen: true)
        let tool = try port.start("serve", "--", "sh", "-c", "cat >&2")
        for word in ["one", "two"] {
            let guest = try port.socket.accept()
            try guest.say("\(word)\n")
            // As fast as a guest can: the next opening's bytes come over the next connection.
            try guest.hangUp()
            port.guest(opens: false)
            port.guest(opens: true)
        }
        _ = try port.socket.accept()
        try tool.waitForErrors(
            "one\nvserialctl: sh ended with exit code 0\ntwo\nvserialctl: sh ended with exit code 0\n")
        _ = try port.end(tool)
    }

    @Test func nothingThatTheGuestWroteBeforeItClosedIsLost() throws {
        let folder = try ScratchDirectory()
        let port = try ServedPort()
        let tool = try port.start("serve", "--", "dd", "bs=65536", "status=none", "of=\(folder.path)/f")
        port.guest(opens: true)
        let guest = try port.socket.accept()
        let content = randomBytes(seed: 6, count: 500_000)
        let speaker = try spawn { try? guest.say(content) }
        speaker.join()
        port.guest(opens: false)
        try tool.waitForErrors("dd ended with exit code 0\n")
        #expect(try bytes(of: "\(folder.path)/f") == content)
        _ = try port.end(tool)
    }

    @Test func aProgramThatEndsClosesTheHostsEnd() throws {
        let port = try ServedPort(isOpen: true)
        let tool = try port.start("serve", "--", "sh", "-c", "echo bye; exit 3")
        let guest = try port.socket.accept()
        #expect(try guest.hearRest() == Array("bye\n".utf8))
        try tool.waitForErrors("sh ended with exit code 3\n")
        port.guest(opens: false)
        port.guest(opens: true)
        // Another connection, for the next opening.
        #expect(try port.socket.accept().hearRest() == Array("bye\n".utf8))
        _ = try port.end(tool)
    }

    @Test(arguments: [
        ("exec sleep 1000", "was ended by signal 15"), ("trap '' TERM; while :; do sleep 1000; done", "signal 9"),
    ])
    func aProgramThatStaysIsEnded(script: String, end: String) throws {
        let port = try ServedPort(isOpen: true)
        let tool = try port.start("serve", options: ["--grace", "0.2"], "--", "sh", "-c", "echo up; " + script)
        let guest = try port.socket.accept()
        #expect(try guest.hearLine() == "up")
        port.guest(opens: false)
        try tool.waitForErrors(end)
        _ = try port.end(tool)
    }

    @Test func itsOwnEndIsTheProgramsToo() throws {
        let port = try ServedPort(isOpen: true)
        let tool = try port.start("serve", options: ["--grace", "0.2"], "--", "sh", "-c", "echo $$; exec sleep 1000")
        let guest = try port.socket.accept()
        let line = try guest.hearLine() ?? ""
        let process = try #require(pid_t(line))
        let result = try port.end(tool)
        #expect(result.code == 128 + SIGTERM)
        #expect(result.errors == "vserialctl: sh was ended by signal 15\n")
        #expect(kill(process, 0) == -1)
    }

    @Test func saysThatThereIsNoSuchProgram() throws {
        let port = try ServedPort(isOpen: true)
        let result = try port.start("serve", "--", "/nonexistent").wait()
        #expect(result.code == 64)
        #expect(result.errors == "vserialctl: cannot run /nonexistent: No such file or directory\n")
    }
}
