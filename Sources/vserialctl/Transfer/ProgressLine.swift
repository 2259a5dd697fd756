import ClientProtocols
import Glibc
import LinuxIO

/// How far a transfer has come, on one line of stderr that is written over; nothing when no person looks at it.
final class ProgressLine {
    private let name: String
    private let total: UInt64?
    private let isShown: Bool
    private let began = MonotonicClock.nanoseconds()
    private var shownAt: UInt64 = 0
    private var done: UInt64 = 0

    private static let intervalNanoseconds: UInt64 = 100_000_000
    private static let barWidth = 20

    /// - Parameters:
    ///   - name: the file's, as it is shown.
    ///   - total: bytes; nil when nobody knows.
    ///   - isShown: whether a person looks at it.
    init(_ name: String, total: UInt64?, isShown: Bool = isatty(STDERR_FILENO) == 1) {
        self.name = PrintableText.escaping(name)
        self.total = total
        self.isShown = isShown
    }

    /// So many bytes more are there.
    func advance(_ count: Int) {
        done += UInt64(count)
        let now = MonotonicClock.nanoseconds()
        guard isShown, now - shownAt >= Self.intervalNanoseconds else { return }
        shownAt = now
        show(now)
    }

    /// Leaves the line as it is.
    func end() {
        guard isShown else { return }
        show(MonotonicClock.nanoseconds())
        StandardErrorText.write("\n")
    }

    private func show(_ now: UInt64) {
        let text = Self.text(name, done: done, total: total, seconds: Double(now - began) / 1e9)
        // Behind the text the line is made empty: a shorter one may follow a longer one.
        StandardErrorText.write("\r\(text)\u{1B}[K")
    }

    /// For instance `disk.img  [##########----------]  50%  5.0M of 10.0M  2.5M/s  0:02 left`.
    static func text(_ name: String, done: UInt64, total: UInt64?, seconds: Double) -> String {
        let rate = seconds > 0 ? Double(done) / seconds : 0
        let speed = "\(ByteCount.text(UInt64(min(rate, 1e18))))/s"
        guard let total else { return "\(name)  \(ByteCount.text(done))  \(speed)" }
        let share = total == 0 ? 1 : min(1, Double(done) / Double(total))
        let filled = Int(share * Double(barWidth))
        let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: barWidth - filled)
        let percent = String(Int(share * 100))
        let padding = String(repeating: " ", count: 3 - percent.count)
        let amounts = "\(ByteCount.text(done)) of \(ByteCount.text(total))"
        let left = total > done && rate > 0 ? "  \(clock(Double(total - done) / rate)) left" : ""
        return "\(name)  [\(bar)]  \(padding)\(percent)%  \(amounts)  \(speed)\(left)"
    }

    /// `0:07`, `12:34`, `1:02:03`.
    private static func clock(_ seconds: Double) -> String {
        let all = Int(min(seconds.rounded(.up), 359_999))
        let twoDigits = { (value: Int) in value < 10 ? "0\(value)" : "\(value)" }
        return all < 3600
            ? "\(all / 60):\(twoDigits(all % 60))"
            : "\(all / 3600):\(twoDigits(all / 60 % 60)):\(twoDigits(all % 60))"
    }
}
