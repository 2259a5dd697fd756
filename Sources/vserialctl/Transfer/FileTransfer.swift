import ClientProtocols

/// A file over a port, in the language of `share/guest/vserial-file`: a header, the bytes, their SHA-256 as a line, and
/// the receiver's word, `ok` or `failed` and why.
struct FileTransfer {
    let stream: TimedStream
    /// How long the guest may do nothing.
    let timeoutSeconds: Double

    private static let pieceByteCount = 65536
    private static let maximumAnswerByteCount = 512
    /// How long a guest that no longer listens may take to have said why; what it said has come by then.
    private static let lastWordSeconds = 0.5

    /// Sends a file, and waits until the guest has checked it.
    func send(_ file: LocalFile, name: String, progress: ProgressLine) throws(CommandFailure) {
        try say(TransferHeader(byteCount: file.byteCount, name: name).line)
        var checksum = FileChecksum()
        var left = file.byteCount
        while left > 0 {
            let piece = try file.read(atMost: Int(min(UInt64(Self.pieceByteCount), left)))
            guard !piece.isEmpty else { throw .incomplete("\(name) has become shorter meanwhile") }
            checksum.add(piece)
            try say(piece)
            progress.advance(piece.count)
            left -= UInt64(piece.count)
        }
        progress.end()
        try say(checksum.text + [UInt8(ascii: "\n")])
        let answer = try answer(until: deadline)
        guard answer == Array("ok".utf8) else { throw Self.refusal(answer) }
    }

    /// Sends; when that fails because the guest has given up and told so, its word is the failure.
    private func say(_ bytes: [UInt8]) throws(CommandFailure) {
        do throws(CommandFailure) {
            try stream.send(bytes, until: deadline)
        } catch {
            guard let word = try? answer(until: Deadline(seconds: Self.lastWordSeconds)) else { throw error }
            throw Self.refusal(word)
        }
    }

    private func answer(until deadline: Deadline) throws(CommandFailure) -> [UInt8] {
        try stream.line(atMost: Self.maximumAnswerByteCount, until: deadline)
    }

    private static func refusal(_ answer: [UInt8]) -> CommandFailure {
        .incomplete("the guest says: \(PrintableText.escaping(answer))")
    }

    /// Receives a file, checks it, and tells the guest.
    ///
    /// - Parameters:
    ///   - file: kept when it is whole.
    ///   - maximum: bytes; the guest may not send more.
    ///   - progress: made when the size is known.
    /// - Throws: `incomplete` when what came is not what was sent.
    func receive(
        into file: ReceivedFile, atMost maximum: UInt64, progress: (TransferHeader) -> ProgressLine
    ) throws(CommandFailure) {
        do throws(CommandFailure) {
            try check(into: file, atMost: maximum, progress: progress)
            try file.keep()
        } catch {
            // The guest may have gone; then there is nobody to tell.
            try? stream.send(Array("failed \(error)\n".utf8), until: deadline)
            throw error
        }
        try stream.send(Array("ok\n".utf8), until: deadline)
    }

    private func check(
        into file: ReceivedFile, atMost maximum: UInt64, progress: (TransferHeader) -> ProgressLine
    ) throws(CommandFailure) {
        var reception = FileReception()
        var line: ProgressLine?
        while true {
            let step = try stream.read(until: deadline) { unread throws(GuestError) in
                try reception.next(from: &unread)
            }
            switch step {
            case .header(let header):
                guard header.byteCount <= maximum else {
                    throw .guestFailed("the file has \(header.byteCount) bytes; --max-size allows \(maximum)")
                }
                line = progress(header)
            case .bytes(let piece):
                try file.write(piece)
                line?.advance(piece.count)
            case .whole:
                line?.end()
                return
            }
        }
    }

    /// Of what comes next: a guest that goes on has as much time as it needs.
    private var deadline: Deadline { Deadline(seconds: timeoutSeconds) }
}
