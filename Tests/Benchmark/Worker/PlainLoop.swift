import Glibc

/// Many flows by one thread, with poll(2): what a device's event loop does, without a device.
@safe
struct PlainLoop: Sendable {
    private let text: String
    private let sockets: [Int32]
    private let kick: Int32
    private let counters: SharedCounters

    /// `FLOW:FLOW…`; flow `i` has part `i` of the counters.
    init(_ text: String, sockets: [Int32], kick: Int32, counters: SharedCounters) {
        self.text = text
        self.sockets = sockets
        self.kick = kick
        self.counters = counters
    }

    func run() {
        do {
            var flows = try PlainFlow.list(text, sockets: sockets, counters: counters)
            while !flows.isEmpty {
                flows.removeAll { flow in
                    guard flow.mustEnd else { return false }
                    flow.finish()
                    return true
                }
                turn(flows)
            }
        } catch {
            counters[0, .finished] = 1 + UInt64(EINVAL)
        }
    }

    private func turn(_ flows: [PlainFlow]) {
        var waits = flows.map { flow in
            pollfd(
                fd: flow.isWithDriver ? kick : flow.socket, events: Int16(flow.kind == .gather ? POLLOUT : POLLIN),
                revents: 0)
        }
        guard unsafe poll(&waits, nfds_t(waits.count), 100) > 0 else { return }
        for (flow, wait) in zip(flows, waits) where wait.revents != 0 {
            serve(flow)
        }
    }

    /// One batch, or one step of a relay.
    private func serve(_ flow: PlainFlow) {
        let result: Int
        switch flow.kind {
        case .gather:
            flow.advance()
            result = unsafe sendmsg(flow.socket, flow.header, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            flow.add(max(0, result))
        case .scatter:
            flow.advance()
            result = unsafe recvmsg(flow.socket, flow.header, Int32(MSG_DONTWAIT))
            flow.add(max(0, result))
        case .relay where flow.isWithDriver:
            _ = unsafe read(kick, flow.kickValue, 8)
            flow.isWithDriver = false
            result = unsafe send(flow.socket, flow.message.baseAddress, flow.message.count, Int32(MSG_NOSIGNAL))
        case .relay:
            result = unsafe recv(flow.socket, flow.message.baseAddress, flow.message.count, Int32(MSG_WAITALL))
            flow.isWithDriver = true
            flow.add(1)
        }
        if result < 0, errno != EAGAIN, errno != EINTR { flow.finish(errno: errno) }
    }
}

extension PlainFlow {
    /// `FLOW:FLOW…`
    static func list(_ text: String, sockets: [Int32], counters: SharedCounters) throws -> [PlainFlow] {
        try text.split(separator: ":").enumerated().map { index, word in
            try PlainFlow(word, index: index, sockets: sockets, counters: counters)
        }
    }
}
