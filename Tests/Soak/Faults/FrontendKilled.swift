import MachineTestSupport

extension Fault {
    /// The front-end goes without a word in mid-traffic, both ways. Clients stay connected, the next front-end is
    /// served at once, and nothing is left behind. The count is of front-ends.
    static let frontendKilled = Fault("frontend-killed", quick: 100, soak: 1000) { setting in
        let rig = try Rig(setting, portCount: 2)
        let clients = try (1...2).map { try StreamClient(to: rig.clientSocket($0)) }
        let kind = Traffic.Kind(bufferByteCount: 32768, isVerified: false)
        var worst = Duration.zero
        var before: Daemon.Footprint?
        for cycle in 0..<setting.count {
            for (index, client) in clients.enumerated() { try rig.start(kind, port: index + 1, client) }
            try rig.move(atLeast: 1 << 17)
            // Memory and stacks reach their size in the first cycles.
            if cycle == min(20, setting.count / 2) { before = try rig.daemon.footprint() }
            rig.killGuest()
            worst = max(worst, try rig.timeToServeFrontend())
            try rig.bootGuest(ports: 1...2)
            for client in clients {
                try expect(!client.hasEnded, "a client was disconnected with the front-end")
            }
        }
        for (index, client) in clients.enumerated() { try rig.start(kind, port: index + 1, client) }
        try rig.move(atLeast: 1 << 17)
        try expect(worst < .milliseconds(100), "a front-end waited \(worst.milliseconds) ms to be served")
        if let before { try rig.daemon.expectNoGrowth(since: before) }
        let after = try rig.daemon.footprint()
        try rig.finish()
        return [
            Figure("worst_wait", worst.milliseconds, "ms"), Figure("fds", after.descriptorCount),
            Figure("anon", after.anonymousKiB, "KiB"),
            Figure("grown", after.anonymousKiB - (before?.anonymousKiB ?? 0), "KiB"),
        ]
    }
}
