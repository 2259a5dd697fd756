/// How bytes come out of a socket: a first part, and then others of one size. What is read of them must not depend on it.
struct Cut {
    private let first: Int
    private let size: Int

    /// All at once.
    static let none = Cut(first: 0, size: .max)

    private init(first: Int, size: Int) {
        self.first = first
        self.size = size
    }

    init(_ source: inout ByteSource) {
        first = Int(source.next())
        let size = source.choose(17)
        self.size = size == 0 ? .max : size
    }

    func parts(of bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        var parts = [bytes.prefix(first)]
        var rest = bytes.dropFirst(first)
        while !rest.isEmpty {
            parts.append(rest.prefix(size))
            rest = rest.dropFirst(size)
        }
        return parts
    }
}
