import Glibc
import LinuxIO
import Logging
import Testing

@testable import SerialDaemon

@Suite("LogLine")
struct LogLineTests {
    @Test func lineOnATerminalNamesProgramAndLevel() {
        let line = LogLine(level: .warning, text: "port vm.ctl: slow")
        #expect(
            String(decoding: line.bytes(isJournal: false), as: UTF8.self)
                == "vhost-user-serial: warning: port vm.ctl: slow\n")
    }

    @Test(arguments: [
        (Logger.Level.trace, "<7>"), (.debug, "<7>"), (.info, "<6>"), (.notice, "<5>"), (.warning, "<4>"),
        (.error, "<3>"),
        (.critical, "<2>"),
    ])
    func lineForTheJournalHasAPriority(level: Logger.Level, prefix: String) {
        let line = LogLine(level: level, text: "x")
        #expect(String(decoding: line.bytes(isJournal: true), as: UTF8.self) == prefix + "x\n")
    }

    @Test(arguments: ["a\nb", "a\rb", "\u{1B}[2J", "a\u{85}b", "a\u{2028}b", "a\r\nb", "a\0b"])
    func textCannotForgeALineOrMoveACursor(text: String) {
        let escaped = LogLine(level: .info, text: text).text
        #expect(escaped.contains(#"\"#))
        #expect(escaped.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control })
    }

    @Test(arguments: ["x", "ö", "🙂"])
    func longLineIsCut(character: String) {
        let text = LogLine(level: .info, text: String(repeating: character, count: 5000)).text
        #expect(text.utf8.count <= LogQueue.maximumLineByteCount)
        #expect(text.hasSuffix("..."))
        let exact = String(repeating: "x", count: LogQueue.maximumLineByteCount)
        #expect(LogLine(level: .info, text: exact).text == exact)
    }
}

@Suite("LogQueue")
struct LogQueueTests {
    @Test func linesComeOutInOrderAndWakeTheTakerOnce() throws {
        let queue = try LogQueue()
        #expect(!isReadable(queue.descriptor))
        for text in ["a", "b"] { queue.append(LogLine(level: .info, text: text)) }
        #expect(isReadable(queue.descriptor))
        #expect(queue.take().lines.map(\.text) == ["a", "b"])
        #expect(!isReadable(queue.descriptor))
        #expect(queue.take().isEmpty)
    }

    @Test func overflowIsCountedAndTheOldestStay() throws {
        let queue = try LogQueue()
        for index in 0..<LogQueue.capacity + 3 { queue.append(LogLine(level: .info, text: "\(index)")) }
        let batch = queue.take()
        #expect(batch.lines.count == LogQueue.capacity)
        #expect(batch.lines.first?.text == "0")
        #expect(batch.lostCount == 3)
        queue.append(LogLine(level: .info, text: "after"))
        #expect(queue.take() == LogQueue.Batch(lines: [LogLine(level: .info, text: "after")]))
    }
}

@Suite("DaemonLogHandler")
struct DaemonLogHandlerTests {
    private static func lines(level: Logger.Level = .info, _ body: (inout Logger) -> Void) throws -> [String] {
        let queue = try LogQueue()
        var logger = DaemonLogHandler.logger(queue: queue, logLevel: level)
        body(&logger)
        return queue.take().lines.map { "\($0.level): \($0.text)" }
    }

    @Test func levelBelowTheLimitIsNotFormatted() throws {
        let lines = try Self.lines(level: .warning) { log in
            log.info("no")
            log.warning("yes")
            log.critical("yes too")
        }
        #expect(lines == ["warning: yes", "critical: yes too"])
    }

    @Test func portComesFirstAndOtherMetadataLast() throws {
        let lines = try Self.lines { log in
            log[metadataKey: "port"] = "vm.ctl"
            log.info("client left", metadata: ["pid": "7", "bytes": "12"])
            log.info("another", metadata: ["port": "vm.data"])
        }
        #expect(lines == ["info: port vm.ctl: client left bytes=12 pid=7", "info: port vm.data: another"])
    }
}

@Suite("LogWriter and LogOutput")
struct LogWriterTests {
    /// Both ends of a pipe or a socket pair, closed by the test.
    private struct Ends {
        var reader: Int32
        var writer: Int32

        static func pipe() -> Ends {
            var ends: [Int32] = [0, 0]
            #expect(unsafe Glibc.pipe(&ends) == 0)
            return Ends(reader: ends[0], writer: ends[1])
        }

        static func socketPair() -> Ends {
            var ends: [Int32] = [0, 0]
            #expect(unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
            return Ends(reader: ends[0], writer: ends[1])
        }

        /// What is there now.
        func read() -> String {
            var text: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while isReadable(reader) {
                let count = unsafe Glibc.read(reader, &buffer, buffer.count)
                guard count > 0 else { break }
                text += buffer.prefix(count)
            }
            return String(decoding: text, as: UTF8.self)
        }

        func close() {
            Glibc.close(reader)
            Glibc.close(writer)
        }
    }

    @Test(arguments: [true, false])
    func stalledReaderIsNotWaitedFor(isPipe: Bool) throws {
        let ends = isPipe ? Ends.pipe() : Ends.socketPair()
        defer { ends.close() }
        let queue = try LogQueue()
        var writer = LogWriter(queue: queue, output: LogOutput(descriptor: ends.writer, journalStream: nil))
        // More than any pipe or socket buffer of a usual system (64 KiB and some 200 KiB) takes: 400 lines of 1 KiB.
        for index in 0..<400 {
            queue.append(LogLine(level: .info, text: "\(index) " + String(repeating: "x", count: 1024)))
        }
        let isDone = writer.flush()
        #expect(!isDone)
        for _ in 0..<LogQueue.capacity + 5 { queue.append(LogLine(level: .info, text: "later")) }
        var text = ends.read()
        while !writer.flush() { text += ends.read() }
        text += ends.read()
        let lines = text.split(separator: "\n")
        #expect(lines.count == 400 + LogQueue.capacity + 1)
        #expect(lines.last == "vhost-user-serial: warning: 5 log lines lost: nobody reads stderr fast enough")
        // The others' open file was left as it was.
        #expect(fcntl(ends.writer, F_GETFL) & O_NONBLOCK == 0)
    }

    @Test(arguments: [true, false])
    func readerThatIsGoneStallsNothing(isPipe: Bool) throws {
        signal(SIGPIPE, SIG_IGN)
        let ends = isPipe ? Ends.pipe() : Ends.socketPair()
        defer { Glibc.close(ends.writer) }
        let queue = try LogQueue()
        var writer = LogWriter(queue: queue, output: LogOutput(descriptor: ends.writer, journalStream: nil))
        Glibc.close(ends.reader)
        queue.append(LogLine(level: .info, text: "nobody"))
        let isDone = writer.flush()
        #expect(isDone)
    }

    @Test func journalIsRecognizedByDeviceAndInode() throws {
        let ends = Ends.socketPair()
        defer { ends.close() }
        var status = stat()
        #expect(unsafe fstat(ends.writer, &status) == 0)
        func isJournal(_ stream: String?) -> Bool {
            LogOutput(descriptor: ends.writer, journalStream: stream).isJournal
        }
        #expect(isJournal("\(status.st_dev):\(status.st_ino)"))
        #expect(!isJournal("\(status.st_dev):\(status.st_ino + 1)"))
        #expect(!isJournal(""))
        #expect(!isJournal(nil))
    }
}
