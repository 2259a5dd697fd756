import Glibc
import Testing

@testable import Sandbox

@Suite("SystemCallPolicy")
struct SystemCallPolicyTests {
    /// What opens a way to files, the network, other programs or other processes.
    private static let dangerous = [
        "execve", "execveat", "fork", "vfork", "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd",
        "connect", "socket", "bind", "listen", "mount", "umount2", "pivot_root", "chroot", "unshare", "setns", "bpf",
        "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "keyctl", "add_key", "kexec_load",
        "init_module", "finit_module", "setuid", "setresuid", "setgid", "setgroups", "capset", "kill", "tkill",
        "memfd_create", "splice", "sendfile", "personality", "open_by_handle_at", "name_to_handle_at",
    ]

    @Test(arguments: ThreadKind.allCases)
    func nothingDangerousIsAllowed(kind: ThreadKind) {
        let calls = Set(SystemCallPolicy(kind, duties: []).rules.map(\.call))
        #expect(calls.isDisjoint(with: Self.dangerous))
    }

    /// Ports that are added or that connect take sockets, of one family; the device thread takes none.
    @Test(arguments: ThreadKind.allCases, [ControlDuties.operators, .connectors, .all])
    func controlGetsUnixSocketsAndNothingElse(kind: ThreadKind, duties: ControlDuties) {
        let rules = SystemCallPolicy(kind, duties: duties).rules
        let more = Set(rules.map(\.call)).intersection(Self.dangerous)
        let made: Set<String> = duties.contains(.operators) ? ["bind", "listen"] : []
        #expect(more == (kind == .device ? [] : made.union(["connect", "socket"])))
        let sockets = rules.filter { $0.call == "socket" }
        #expect(sockets.allSatisfy { $0.condition == .init(argument: 0, mask: 0xffff_ffff, value: 1) })
    }

    /// The thread that the guest can reach opens no file and starts no thread, and lifts no filter.
    @Test func deviceThreadOpensNothing() {
        let rules = SystemCallPolicy(.device, duties: .all).rules
        let calls = Set(rules.filter { $0.outcome == .allow }.map(\.call))
        // glibc asks once when a heap shrinks, and must not die of it.
        #expect(rules.contains { $0.call == "openat" && $0.outcome == .fail(EACCES) })
        #expect(
            calls.isDisjoint(with: [
                "openat", "open", "unlink", "unlinkat", "rename", "clone", "clone3", "seccomp", "getdents64",
            ]))
    }

    @Test(arguments: [ControlDuties(), .operators, .connectors, .transcripts, .terminal, .all])
    func startingThreadMayDoWhatTheOthersMay(duties: ControlDuties) {
        let starting = SystemCallPolicy(.starting, duties: duties).rules
        for kind in [ThreadKind.control, .device] {
            let rules = SystemCallPolicy(kind, duties: duties).rules
            for rule in rules where rule.outcome == .allow { #expect(starting.contains(rule)) }
        }
    }

    /// A file begins anew and is put aside by two calls that nobody may make who writes none.
    @Test(arguments: ThreadKind.allCases)
    func transcriptsGetTheirCallsAndNothingElse(kind: ThreadKind) {
        func calls(_ duties: ControlDuties) -> Set<String> {
            Set(SystemCallPolicy(kind, duties: duties).rules.map(\.call))
        }
        #expect(calls(.transcripts).subtracting(calls([])) == (kind == .device ? [] : ["ftruncate", "rename"]))
    }

    /// Two requests, none of which types or redirects.
    @Test(arguments: ThreadKind.allCases)
    func terminalIsGivenBackAndNothingElse(kind: ThreadKind) {
        let before = SystemCallPolicy(kind, duties: []).rules
        let more = SystemCallPolicy(kind, duties: .terminal).rules.filter { !before.contains($0) }
        #expect(more.allSatisfy { $0.call == "ioctl" && $0.outcome == .allow })
        #expect(more.compactMap(\.condition?.value) == (kind == .device ? [] : [0x5402, 0x540F]), "TCSETS, TIOCGPGRP")
    }

    /// Only conditions on one argument: two rules for a call without one would make the second meaningless.
    @Test(arguments: ThreadKind.allCases)
    func unconditionalCallHasOneRule(kind: ThreadKind) {
        let rules = SystemCallPolicy(kind, duties: .all).rules
        for rule in rules where rule.condition == nil {
            let others = rules.filter { $0.call == rule.call && $0 != rule }
            #expect(others.isEmpty, "\(rule.call)")
        }
    }
}
