import CLinux
import CSeccomp
import Glibc
import LinuxIO

/// A seccomp filter for the calling thread and those it starts. Filters add up: what one of them denies stays denied.
enum SystemCallFilter {
    /// Loads the list of one kind of thread.
    ///
    /// - Throws: ``SandboxError/library(_:_:)``.
    static func load(_ kind: ThreadKind, duties: ControlDuties, action: FilterAction) throws(SandboxError) {
        guard let denied = action.code else { return }
        if action == .trap {
            guard clinux_report_denied_calls() == 0 else {
                throw .step("reporting denied calls", SystemError(call: "sigaction", errno: .last))
            }
        }
        guard let filter = unsafe seccomp_init(denied) else { throw .library("seccomp_init", -ENOMEM) }
        // SAFETY: the filter is ours alone, and released once, after its last use.
        defer { unsafe seccomp_release(filter) }
        // A program of another architecture than ours cannot be: its calls have other numbers.
        try check("seccomp_attr_set", unsafe seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS))
        // Each thread has a list of its own, so none is forced upon the others.
        try check("seccomp_attr_set", unsafe seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 0))
        for rule in SystemCallPolicy(kind, duties: duties).rules {
            let number = unsafe seccomp_syscall_resolve_name(rule.call)
            // A call that this architecture does not have: nobody can make it.
            guard number >= 0 else { continue }
            let arguments = rule.condition.map { [$0.comparison] } ?? []
            try check(
                "seccomp_rule_add(\(rule.call))",
                unsafe seccomp_rule_add_array(
                    filter, rule.outcome.code, number, UInt32(arguments.count), arguments))
        }
        try check("seccomp_load", unsafe seccomp_load(filter))
    }

    private static func check(_ function: String, _ result: Int32) throws(SandboxError) {
        guard result == 0 else { throw .library(function, result) }
    }
}

extension FilterAction {
    fileprivate var code: UInt32? {
        switch self {
        case .kill: SCMP_ACT_KILL_PROCESS
        case .trap: UInt32(SCMP_ACT_TRAP)
        case .log: UInt32(SCMP_ACT_LOG)
        case .none: nil
        }
    }
}

extension SystemCallPolicy.Outcome {
    fileprivate var code: UInt32 {
        switch self {
        case .allow: UInt32(SCMP_ACT_ALLOW)
        // SCMP_ACT_ERRNO(x), a macro with an argument.
        case .fail(let errno): 0x0005_0000 | UInt32(errno) & 0xffff
        }
    }
}

extension SystemCallPolicy.Condition {
    fileprivate var comparison: scmp_arg_cmp {
        scmp_arg_cmp(arg: argument, op: SCMP_CMP_MASKED_EQ, datum_a: mask, datum_b: value)
    }
}
