import MachineTestSupport

extension Fault {
    /// The file of the guest's memory is truncated in mid-traffic. The daemon lives, says that rings are broken,
    /// answers its front-end, and serves the next memory. The count is of truncations.
    static let memoryGone = Fault("memory-gone", quick: 20, soak: 1000) { setting in
        let rig = try Rig(setting, portCount: 2)
        let clients = try (1...2).map { try StreamClient(to: rig.clientSocket($0)) }
        let kind = Traffic.Kind(bufferByteCount: 32768, isVerified: false)
        var before: Daemon.Footprint?
        for cycle in 0..<setting.count {
            for (index, client) in clients.enumerated() { try rig.start(kind, port: index + 1, client) }
            try rig.move(atLeast: 1 << 17)
            if cycle == min(5, setting.count / 2) { before = try rig.daemon.footprint() }
            rig.abandonTraffic()
            try rig.guest.loseMemory()
            try rig.guest.waitForErrors(within: .seconds(5))
            try rig.guest.expectAnswer()
            try rig.guest.bootAgain()
        }
        // What was on its way when the last memory went is not this guest's.
        for (index, client) in clients.enumerated() { try rig.start(kind, port: index + 1, client) }
        try rig.move(atLeast: 1 << 17)
        if let before { try rig.daemon.expectNoGrowth(since: before) }
        for client in clients { try expect(!client.hasEnded, "a client was disconnected with the memory") }
        let after = try rig.daemon.footprint()
        try rig.finish()
        return [
            Figure("fds", after.descriptorCount),
            Figure("grown", after.anonymousKiB - (before?.anonymousKiB ?? 0), "KiB"),
        ]
    }
}
