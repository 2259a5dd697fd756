import CBenchmark
import Glibc

/// Many flows by one thread, with io_uring(7): one system call hands over and takes back what all of them do.
@safe
struct UringLoop: Sendable {
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

    /// Marks what nobody waits for: the request that ends all others, and a relay's answer.
    private static let noMark = UInt64.max

    func run() {
        guard let flows = try? PlainFlow.list(text, sockets: sockets, counters: counters), benchmark_uring_open() == 0
        else {
            counters[0, .finished] = 1 + UInt64(max(1, errno))
            return
        }
        defer { benchmark_uring_close() }
        for (index, flow) in flows.enumerated() { request(flow, UInt64(index)) }
        var underWay = flows.count
        var isEnding = false
        while underWay > 0 {
            guard benchmark_uring_turn() == 0 else { return fail(flows, errno) }
            if !isEnding, flows.allSatisfy(\.mustEnd) {
                isEnding = true
                benchmark_uring_cancel_all(Self.noMark)
                underWay += 1
            }
            var mark: UInt64 = 0
            var result: Int32 = 0
            while unsafe benchmark_uring_next(&mark, &result) != 0 {
                underWay -= 1
                guard mark != Self.noMark else { continue }
                let flow = flows[Int(mark)]
                guard result >= 0 || result == -ECANCELED || result == -EAGAIN || result == -EINTR else {
                    return fail(flows, -result)
                }
                if result > 0, complete(flow, Int(result)) { underWay += 1 }
                guard !isEnding, flow.kind == .relay || !flow.mustEnd else { continue }
                request(flow, mark)
                underWay += 1
            }
        }
        for flow in flows { flow.finish() }
    }

    private func fail(_ flows: [PlainFlow], _ reason: Int32) {
        for flow in flows { flow.finish(errno: reason) }
    }

    /// What a completed request means.
    ///
    /// - Returns: whether it led to a request that nobody waits for.
    private func complete(_ flow: PlainFlow, _ count: Int) -> Bool {
        guard flow.kind == .relay else {
            flow.add(count)
            return false
        }
        defer { flow.isWithDriver.toggle() }
        guard flow.isWithDriver else {
            flow.add(1)
            return false
        }
        // The call that hands this over hands over the request for the next message, too.
        unsafe benchmark_uring_write(flow.socket, flow.message.baseAddress, UInt32(flow.message.count), Self.noMark)
        return true
    }

    /// Asks for the next step.
    private func request(_ flow: PlainFlow, _ mark: UInt64) {
        switch flow.kind {
        case .gather:
            flow.advance()
            unsafe benchmark_uring_send_message(flow.socket, flow.header, mark)
        case .scatter:
            flow.advance()
            unsafe benchmark_uring_receive_message(flow.socket, flow.header, mark)
        case .relay where flow.isWithDriver:
            unsafe benchmark_uring_read(kick, flow.kickValue, 8, mark)
        case .relay:
            unsafe benchmark_uring_read(flow.socket, flow.message.baseAddress, UInt32(flow.message.count), mark)
        }
    }
}
