/// Cuts a stream of bytes into JSON objects.
///
/// A client need not end a command with a line's end: Python's qemu.qmp does not, and waits for its answer. So an object
/// ends with its last bracket, as for QEMU's own monitor.
package struct RequestSplitter: Equatable, Sendable {
    package enum Piece: Equatable, Sendable {
        /// From bracket to bracket; brackets match in number and not in kind, which is for the decoder to see.
        case object([UInt8])
        /// Something else, up to the end of its line; told once.
        case nonsense
    }

    private var bytes: [UInt8] = []
    /// How many of ``bytes`` have been looked at.
    private var position = 0
    private var depth = 0
    private var isInString = false
    private var isEscaped = false
    private var isInNonsense = false

    package init() {}

    /// How many bytes wait for the rest of their object.
    package var byteCount: Int { bytes.count }

    package mutating func append(_ more: some Sequence<UInt8>) {
        bytes += more
    }

    /// The next piece; nil when it is not complete yet.
    package mutating func next() -> Piece? {
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if isInNonsense {
                skip(byte)
            } else if depth == 0 {
                if begin(byte) { return .nonsense }
            } else if end(byte) {
                defer { forget() }
                return .object(Array(bytes[..<position]))
            }
        }
        return nil
    }

    /// Between objects; returns whether nonsense begins here.
    private mutating func begin(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            bytes.removeFirst(position - 1)
            position = 1
            depth = 1
            return false
        case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), UInt8(ascii: "\n"):
            forget()
            return false
        default:
            forget()
            isInNonsense = true
            return true
        }
    }

    private mutating func skip(_ byte: UInt8) {
        forget()
        isInNonsense = byte != UInt8(ascii: "\n")
    }

    /// In an object; returns whether it ends here.
    private mutating func end(_ byte: UInt8) -> Bool {
        switch byte {
        case _ where isEscaped: isEscaped = false
        case UInt8(ascii: "\\") where isInString: isEscaped = true
        case UInt8(ascii: "\""): isInString.toggle()
        case UInt8(ascii: "{"), UInt8(ascii: "["): depth += isInString ? 0 : 1
        case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= isInString ? 0 : 1
        default: break
        }
        return depth == 0
    }

    private mutating func forget() {
        bytes.removeFirst(position)
        position = 0
    }
}
