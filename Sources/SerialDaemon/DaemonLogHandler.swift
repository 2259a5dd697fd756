package import Logging

/// The swift-log handler of the daemon: formats a line where it is logged and puts it in the ``LogQueue``; it never
/// waits.
///
/// Metadata `port` becomes the beginning of the line, `port vm.ctl: …`; other metadata follows the message as
/// `key=value`.
package struct DaemonLogHandler: LogHandler {
    /// One for all loggers that end in the same queue: it is the daemon's, and changes at run time.
    private let threshold: LogThreshold
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    private let queue: LogQueue

    package init(queue: LogQueue, threshold: LogThreshold) {
        self.queue = queue
        self.threshold = threshold
    }

    package var logLevel: Logger.Level {
        get { threshold.level }
        set { threshold.level = newValue }
    }

    /// A logger that ends in `queue`. Made directly and not through `LoggingSystem`: two daemons in one test process
    /// have two queues.
    package static func logger(queue: LogQueue, threshold: LogThreshold) -> Logger {
        Logger(label: "vhost-user-serial") { _ in DaemonLogHandler(queue: queue, threshold: threshold) }
    }

    /// The same with a threshold of its own.
    package static func logger(queue: LogQueue, logLevel: Logger.Level) -> Logger {
        logger(queue: queue, threshold: LogThreshold(logLevel))
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var all = metadata
        all.merge(metadataProvider?.get() ?? [:]) { _, provided in provided }
        all.merge(event.metadata ?? [:]) { _, explicit in explicit }
        var text = all.removeValue(forKey: "port").map { "port \($0): " } ?? ""
        text += event.message.description
        if let error = event.error { text += ": \(error)" }
        for (key, value) in all.sorted(by: { $0.key < $1.key }) { text += " \(key)=\(value)" }
        queue.append(LogLine(level: event.level, text: text))
    }
}
