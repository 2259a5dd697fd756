import Glibc
import LinuxIO
import Testing

/// A daemon that has no descriptor left. The real program, because a limit of descriptors is a process's.
@Suite("Shortage of descriptors: regressions", .serialized)
struct DescriptorShortageRegressionTests {
    private let directory: TemporaryDirectory
    private let daemon: SpawnedDaemon

    init() throws {
        directory = try TemporaryDirectory()
        daemon = try SpawnedDaemon([
            "--socket-path", "\(directory.path)/vhost.sock", "--socket-dir", directory.path, "--port=name=vm.ctl",
            "--control", "\(directory.path)/control",
        ])
        try #require(daemon.waitForOutput("waiting for a front-end"))
    }

    /// Level-triggered, the listener would be reported without end: one whole processor, until somebody gives a descriptor back.
    @Test(arguments: [
        ("vm.ctl", "a client", "client connected"), ("vhost.sock", "a front-end", "front-end connected"),
        ("control", "at the control socket", nil),
    ])
    func whoCannotBeAcceptedCostsNoTimeAndIsServedLater(socket: String, who: String, news: String?) throws {
        let limit = try daemon.limitDescriptors(to: daemon.lowestFreeDescriptor)
        let (start, cpuTime) = (MonotonicClock.nanoseconds(), daemon.cpuTime)
        let peer = try HostClient(connectingTo: .path("\(directory.path)/\(socket)"))
        // Said again after each rest, and a rest is a second: time enough to tell a loop at rest from one that turns.
        #expect(daemon.waitForOutput("cannot accept \(who)", times: 3))
        #expect(MonotonicClock.nanoseconds() - start > 1_900_000_000)
        #expect(daemon.cpuTime - cpuTime < 0.5)

        _ = try daemon.limitDescriptors(to: limit)
        if let news {
            #expect(daemon.waitForOutput(news))
        } else {
            // Operators are greeted, and nobody is told of them.
            var entry = pollfd(fd: peer.descriptor, events: Int16(POLLIN), revents: 0)
            #expect(unsafe poll(&entry, 1, 10_000) == 1)
        }
        #expect(!peer.isAtEnd)
        daemon.send(SIGTERM)
        #expect(daemon.wait().code == 0)
    }
}

extension SpawnedDaemon {
    /// The number that the program's next descriptor would have.
    var lowestFreeDescriptor: Int {
        var number: Int32 = 0
        while target(of: number) != "" { number += 1 }
        return Int(number)
    }

    /// Sets the program's soft RLIMIT_NOFILE; returns what it was.
    func limitDescriptors(to count: Int) throws -> Int {
        // Glibc's module leaves it out: only C code with _GNU_SOURCE sees it.
        typealias Call = @convention(c) (pid_t, Int32, UnsafeRawPointer?, UnsafeMutableRawPointer?) -> Int32
        let symbol = try unsafe #require(unsafe dlsym(nil, "prlimit"))
        let prlimit = unsafe unsafeBitCast(symbol, to: Call.self)
        let resource = Int32(RLIMIT_NOFILE.rawValue)
        var former = rlimit()
        try #require(unsafe prlimit(process, resource, nil, &former) == 0)
        var new = former
        new.rlim_cur = rlim_t(count)
        try #require(unsafe prlimit(process, resource, &new, nil) == 0)
        return Int(clamping: former.rlim_cur)
    }

    /// The processor time that the program has used, in seconds.
    var cpuTime: Double {
        var clock = clockid_t()
        var time = timespec()
        guard unsafe clock_getcpuclockid(process, &clock) == 0, unsafe clock_gettime(clock, &time) == 0 else {
            Issue.record("the program's time cannot be read")
            return 0
        }
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
