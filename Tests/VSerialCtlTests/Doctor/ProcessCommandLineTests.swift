import Glibc
import SystemPackage
import Testing

@testable import vserialctl

@Suite struct ProcessCommandLineTests {
    @Test("a process's words, and why there are none")
    func words() throws {
        let words = try ProcessCommandLine.words(of: getpid()).get()
        #expect(String(decoding: words.prefix { $0 != 0 }, as: UTF8.self) == CommandLine.arguments[0])
        #expect(ProcessCommandLine.words(of: .max) == .failure(.noSuchFileOrDirectory))
    }
}
