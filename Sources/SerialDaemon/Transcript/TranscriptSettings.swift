/// Where what the guest writes is kept, and how much of it: the keys `logfile=` and `log…`.
package struct TranscriptSettings: Equatable, Sendable {
    /// The smallest file that is put aside: smaller ones would be more work than bytes.
    package static let smallestMaximum = 64 << 10
    /// The largest: what a file system that is common takes.
    package static let largestMaximum = 1 << 40
    /// How many old files there can be.
    package static let oldFileCounts = 1...1000

    /// As the operator wrote it.
    package var path: String
    /// Whether what the file holds at the start stays in it.
    package var appends = false
    /// At how many bytes the file is put aside for a new one; nil is never.
    package var maximumByteCount: Int?
    /// How many are kept of those that were put aside.
    package var oldFileCount = 1

    package init(path: String, appends: Bool = false, maximumByteCount: Int? = nil, oldFileCount: Int = 1) {
        self.path = path
        self.appends = appends
        self.maximumByteCount = maximumByteCount
        self.oldFileCount = oldFileCount
    }
}
