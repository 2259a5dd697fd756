import ArgumentParser
import ControlProtocol

/// `vserialctl metrics`: numbers for Prometheus.
struct Metrics: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the metrics in Prometheus' text format.",
        discussion: """
            For node_exporter's textfile collector: write to a file beside, and rename it.
            """)

    @OptionGroup var control: ControlOptions

    func run() throws {
        try Command.run { () throws(CommandFailure) in
            let metrics = try control.connect().call(.queryMetrics, returning: MetricsText.self)
            // Ended by a newline even if the daemon's text is not: the format asks for it.
            try StandardOutput.write(metrics.text.hasSuffix("\n") ? metrics.text : metrics.text + "\n")
        }
    }
}
