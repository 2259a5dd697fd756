import Glibc

/// What is written to stderr without a line's form.
enum StandardErrorText {
    static func write(_ text: String) { write(Array(text.utf8)) }

    static func write(_ bytes: [UInt8]) {
        // SAFETY: write(2) reads as many bytes as the array has. Nothing is left to do when nobody looks at them.
        _ = unsafe Glibc.write(STDERR_FILENO, bytes, bytes.count)
    }
}
