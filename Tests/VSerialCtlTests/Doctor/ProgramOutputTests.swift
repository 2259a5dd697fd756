import Testing

@testable import vserialctl

@Suite struct ProgramOutputTests {
    @Test("what it prints, and how it ends")
    func runs() {
        #expect(ProgramOutput.run("echo", ["a b", "c"]) == .text("a b c\n"))
        #expect(ProgramOutput.run("sh", ["-c", "echo no >&2; exit 3"]) == .failed("it ends with status 3"))
        #expect(ProgramOutput.run("/nowhere/program", []) == .notFound)
        #expect(ProgramOutput.run("/etc/passwd", []) == .failed("Permission denied"))
    }

    @Test("a program that does not end is killed, one that prints without end too")
    func endless() {
        #expect(ProgramOutput.run("sleep", ["1000"], limit: 0.1) == .failed("it does not come to an end"))
        #expect(ProgramOutput.run("yes", []) == .failed("it does not come to an end"))
    }
}
