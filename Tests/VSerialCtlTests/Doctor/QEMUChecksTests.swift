import Testing

@testable import vserialctl

@Suite struct QEMUChecksTests {
    @Test(
        "the version decides",
        arguments: [
            (.text("QEMU emulator version 10.2.0\n"), .ok), (.text("QEMU emulator version 10.1.9\n"), .failed),
            (.text("hello\n"), .failed), (.notFound, .failed), (.failed("it ends with status 1"), .failed),
        ] as [(ProgramOutput, Check.Verdict)])
    func version(output: ProgramOutput, expected: Check.Verdict) {
        let check = QEMUChecks.version(of: "qemu", printed: output)
        #expect(check.verdict == expected)
        #expect((check.advice == nil) == (expected == .ok))
    }

    @Test("the list of devices decides")
    func device() {
        #expect(QEMUChecks.device(in: .text("name \"vhost-user-test-device-pci\", bus PCI\n")).verdict == .ok)
        #expect(QEMUChecks.device(in: .text("name \"vhost-user-gpu-pci\", bus PCI\n")).verdict == .failed)
        #expect(QEMUChecks.device(in: .failed("")).verdict == .notChecked)
    }

    @Test("programs are run")
    func programs() throws {
        let script = """
            #!/bin/sh
            case $1 in
            --version) echo QEMU emulator version 10.2.0 ;;
            *) echo 'name "vhost-user-test-device-pci"' ;;
            esac
            """
        let program = try TemporaryFile(script, mode: 0o700)
        #expect(QEMUChecks.checks(ofProgram: program.path).map(\.verdict) == [.ok, .ok])
        #expect(QEMUChecks.checks(ofProgram: "/nowhere/qemu").map(\.verdict) == [.failed, .notChecked])
    }
}
