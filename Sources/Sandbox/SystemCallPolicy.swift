import CLinux
import Glibc

/// Which system calls one kind of thread makes: the list, as data.
///
/// Found by running all tests under `--seccomp=trap`. What is missing here and needed by a library one day shows there.
struct SystemCallPolicy {
    /// One call, with a condition on one argument when only some uses are allowed. Several rules for one call are
    /// alternatives.
    struct Rule: Equatable {
        var call: String
        var condition: Condition?
        var outcome = Outcome.allow
    }

    struct Condition: Equatable {
        /// Counted from 0.
        var argument: UInt32
        /// The bits that are compared, and what they must be.
        var mask: UInt64
        var value: UInt64
    }

    enum Outcome: Equatable {
        case allow
        /// The call is not made, and fails with this errno.
        case fail(Int32)
    }

    let rules: [Rule]

    /// - Parameters:
    ///   - kind: which thread.
    ///   - duties: what the control thread does.
    init(_ kind: ThreadKind, duties: ControlDuties) {
        var control = Self.control
        if duties.contains(.operators) { control += Self.operators }
        if duties.connects { control += Self.connectors }
        if duties.contains(.transcripts), !duties.contains(.operators) { control += Self.transcripts }
        if duties.contains(.terminal) { control += Self.terminal }
        rules =
            switch kind {
            case .starting: Self.common + control + Self.device + Self.startingThreads
            case .control: Self.common + control
            case .device: Self.common + Self.device + [Self.heapTrimming]
            }
    }

    /// Memory, time, waiting, logging through the queue, and the end: what every thread does.
    private static let common =
        anyway([
            "brk", "clock_gettime", "clock_nanosleep", "close", "epoll_ctl", "epoll_pwait", "epoll_wait", "exit",
            "exit_group", "fstat", "futex", "getpid", "getrandom", "gettid", "gettimeofday", "madvise", "mremap",
            "munmap", "newfstatat", "poll", "ppoll", "read", "restart_syscall", "rseq", "rt_sigaction",
            "rt_sigprocmask", "rt_sigreturn", "sched_getaffinity", "sched_yield", "set_robust_list", "sigaltstack",
            "write",
        ]) + [
            // No memory that can be executed.
            Rule(call: "mmap", condition: .withoutBits(argument: 2, UInt64(PROT_EXEC))),
            Rule(call: "mprotect", condition: .withoutBits(argument: 2, UInt64(PROT_EXEC))),
            // abort(3) and a failed check of Swift's: a signal to oneself, or to anybody that nobody can be.
            Rule(call: "tgkill", condition: .equal(argument: 2, UInt64(SIGABRT))),
            // Who a thread is, for the report of a denied call.
            Rule(call: "prctl", condition: .equal(argument: 0, UInt64(CLINUX_PR_GET_NAME))),
            // readdir(3)'s stream looks at how its descriptor was opened, and sees to it that nobody inherits it.
            Rule(call: "fcntl", condition: .equal(argument: 1, UInt64(F_GETFL))),
            Rule(call: "fcntl", condition: .equal(argument: 1, UInt64(F_SETFD))),
            // isatty(3) asks, and is content with no.
            Rule(call: "ioctl", condition: .equal(argument: 1, UInt64(TCGETS)), outcome: .fail(ENOTTY)),
        ]

    /// Sockets' files at the end, the threads' entries in /proc at the start, the log.
    private static let control = anyway([
        "getdents64", "lseek", "lstat", "openat", "sendto", "timerfd_settime", "unlink", "unlinkat",
    ])

    /// The control socket's connections, sockets of ports that are added at run time, and captures. By realpath(3) of
    /// what an operator may write: `getcwd`, `readlink` and the two of `faccessat`.
    private static let operators =
        anyway([
            "accept4", "bind", "eventfd2", "faccessat", "faccessat2", "fchmod", "flock", "ftruncate", "getcwd",
            "getsockopt", "lchown", "listen", "readlink", "recvfrom", "rename",
        ]) + [unixSocket]

    /// Sockets of others, where they were seen from outside the sandbox too.
    private static let connectors = anyway(["connect"]) + [unixSocket]

    /// Of no other family: there is nothing to be reached but what is in the sockets' directories.
    private static let unixSocket = Rule(call: "socket", condition: .equal(argument: 0, UInt64(AF_UNIX)))

    /// Files that begin anew and are put aside; an operator's captures do the same.
    private static let transcripts = anyway(["ftruncate", "rename"])

    /// How keys are treated and whose job has the terminal, at the end. To type for somebody (TIOCSTI) is another request.
    private static let terminal = [TCSETS, TIOCGPGRP].map { request in
        Rule(call: "ioctl", condition: .equal(argument: 1, UInt64(request)))
    }

    /// Clients, the front-end and guest memory.
    private static let device =
        anyway([
            "accept4", "dup", "eventfd2", "fstatfs", "getrusage", "getsockopt", "readv", "recvfrom", "recvmsg",
            "sendmsg",
            "sendto", "setsockopt", "shutdown", "timerfd_settime", "writev",
        ]) + [
            Rule(call: "ioctl", condition: .equal(argument: 1, UInt64(FIONREAD))),
            Rule(call: "fcntl", condition: .equal(argument: 1, UInt64(F_SETFL))),
            Rule(call: "fcntl", condition: .equal(argument: 1, UInt64(F_GETFD))),
            Rule(call: "fcntl", condition: .equal(argument: 1, UInt64(F_DUPFD_CLOEXEC))),
            Rule(call: "fcntl", condition: .equal(argument: 1, UInt64(CLINUX_F_GET_SEALS))),
            Rule(call: "prctl", condition: .equal(argument: 0, UInt64(CLINUX_PR_SET_NAME))),
        ]

    /// When a thread's heap shrinks for the first time, glibc looks into /proc/sys/vm/overcommit_memory, and is content with
    /// not being allowed to. A capture's buffer is the first thing on this thread that is large enough.
    private static let heapTrimming = Rule(call: "openat", outcome: .fail(EACCES))

    /// Threads and their own, narrower lists. clone3(2) has its flags in memory, where no filter looks: glibc goes on
    /// with clone(2) when it is told that there is no such call.
    private static let startingThreads: [Rule] = [
        Rule(call: "clone3", outcome: .fail(ENOSYS)),
        Rule(call: "clone", condition: .withBits(argument: 0, UInt64(CLINUX_CLONE_THREAD))),
        Rule(call: "prctl", condition: .equal(argument: 0, UInt64(CLINUX_PR_SET_NO_NEW_PRIVS))),
        Rule(call: "prctl", condition: .equal(argument: 0, UInt64(CLINUX_PR_GET_NO_NEW_PRIVS))),
        Rule(call: "prctl", condition: .equal(argument: 0, UInt64(CLINUX_PR_GET_SECCOMP))),
        Rule(call: "prctl", condition: .equal(argument: 0, UInt64(CLINUX_PR_SET_SECCOMP))),
        Rule(call: "seccomp"),
        Rule(call: "uname"),
    ]

    private static func anyway(_ names: [String]) -> [Rule] { names.map { Rule(call: $0) } }
}

extension SystemCallPolicy.Condition {
    fileprivate static func equal(argument: UInt32, _ value: UInt64) -> Self {
        // Integers are 32 bits in most calls, and the upper half of the register is not theirs.
        Self(argument: argument, mask: 0xffff_ffff, value: value)
    }

    fileprivate static func withBits(argument: UInt32, _ bits: UInt64) -> Self {
        Self(argument: argument, mask: bits, value: bits)
    }

    fileprivate static func withoutBits(argument: UInt32, _ bits: UInt64) -> Self {
        Self(argument: argument, mask: bits, value: 0)
    }
}
