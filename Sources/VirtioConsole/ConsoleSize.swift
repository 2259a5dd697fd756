/// The size of a console, in characters.
public struct ConsoleSize: Hashable, Sendable {
    /// Characters in a row, 1 to 65535.
    public var columns: UInt16
    /// Rows, 1 to 65535.
    public var rows: UInt16

    /// Groups the two.
    public init(columns: UInt16, rows: UInt16) {
        self.columns = columns
        self.rows = rows
    }
}

/// In which order a RESIZE message carries its two numbers.
///
/// The specification (§5.3.6.2) says columns first. Linux read rows first from 2010 on; 6.16 switched to the
/// specification's order, stable kernels took that over, and 6.17 switched back because hosts with the old order exist.
/// Nothing in the handshake tells a guest's choice.
public enum ResizeOrder: String, CaseIterable, Sendable {
    /// As the specification says.
    case columnsFirst = "cols-rows"
    /// As Linux before 6.16 and from 6.17 on reads it.
    case rowsFirst = "rows-cols"
    /// No RESIZE is sent.
    case off
}
