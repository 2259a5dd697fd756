/// A script at a port: standard input and output, copied until there is an end.
struct PipeSession {
    let port: FoundPort
    let filters: [any RelayFilter]
    /// The one of the filters that waits for a text; nil when none does.
    let until: UntilFilter?
    let deadline: Deadline?

    func run() throws(CommandFailure) {
        let socket = SocketEnd(try port.connect())
        var relay = Relay(
            toPort: RelayFlow(from: try StandardStream.input(), to: socket),
            fromPort: RelayFlow(from: socket, to: try StandardStream.output(), filters: filters), endsWith: .port)
        switch try relay.run(until: deadline) {
        case .timedOut: throw .timedOut("the time is over")
        case .ended where relay.fromPort.end == .sinkGone: throw .outputClosed
        case .ended where until != nil: throw UntilFilter.missed
        case .ended, .stopped, .readable: return
        }
    }
}
