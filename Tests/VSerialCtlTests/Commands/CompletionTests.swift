import Glibc
import Testing

@testable import vserialctl

/// What `--generate-completion-script` prints, in the shells that it is for.
@Suite("completion scripts", .serialized)
struct CompletionTests {
    private static func isThere(_ shell: String) -> Bool { unsafe access("/usr/bin/\(shell)", X_OK) == 0 }

    /// A shell that reads the script of its kind and does something with it; `SCRIPT` stands for the path.
    private func run(_ shell: String, _ commands: String) throws -> SpawnedTool.Result {
        let script = try TemporaryFile(SpawnedTool.run(["--generate-completion-script", shell]).output)
        let program = try TemporaryFile(commands.replacing("SCRIPT", with: script.path))
        let arguments = shell == "zsh" ? ["-f", program.path] : [program.path]
        return try SpawnedTool.run(
            arguments, environment: SpawnedTool.environment + ["TERM=xterm", "HOME=/dev/null"],
            program: "/usr/bin/\(shell)")
    }

    @Test func bash() throws {
        let result = try run(
            "bash",
            """
            source SCRIPT
            COMP_WORDS=(vserialctl wat) COMP_CWORD=1 COMP_LINE="vserialctl wat" COMP_POINT=14 COMP_TYPE=9
            _vserialctl vserialctl wat vserialctl
            compgen -W "${COMPREPLY[*]}" -- wat
            """)
        #expect(result == SpawnedTool.Result(code: 0, output: "watch\n", errors: ""))
    }

    @Test(.enabled(if: isThere("fish"), "fish is not installed")) func fish() throws {
        let result = try run(
            "fish",
            """
            source SCRIPT
            complete -C 'vserialctl wat'
            complete -C 'vserialctl capture sta'
            """)
        #expect(result.code == 0)
        let words = result.output.split(separator: "\n").compactMap { $0.split(separator: "\t").first }
        #expect(words == ["watch", "start"])
    }

    /// It completes on a terminal only.
    @Test(.enabled(if: isThere("zsh"), "zsh is not installed")) func zsh() throws {
        let result = try run(
            "zsh",
            """
            zmodload zsh/zpty
            zpty -b shell zsh -f -i
            zpty -w shell "autoload -U compinit; compinit -D -u; source SCRIPT; print REA''DY"
            zpty -r shell line '*READY*'
            zpty -w -n shell $'vserialctl wat\\t'
            zpty -r shell line '*vserialctl watch*' && print completed
            """)
        #expect(result == SpawnedTool.Result(code: 0, output: "completed\n", errors: ""))
    }
}
