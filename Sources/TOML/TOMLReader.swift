import CTOML

/// Reads TOML 1.0 with toml++.
package enum TOMLReader {
    /// The most dots in a line of a text. A key `a.a.a…` makes a table for each dot, and toml++ takes such tables apart one
    /// inside the other: at some hundred thousand the stack is used up.
    package static let maximumDotsInLine = 400

    /// Reads a document.
    ///
    /// - Parameter bytes: UTF-8, with or without a byte order mark.
    /// - Returns: the keys of the document.
    /// - Throws: ``TOMLSyntaxError``: the first thing that is no TOML.
    package static func read(_ bytes: [UInt8]) throws(TOMLSyntaxError) -> [TOMLMember] {
        try refuseManyDots(bytes)
        let document = unsafe bytes.withUnsafeBytes { buffer in
            // SAFETY: the buffer is valid during the call, and nothing of it is kept.
            unsafe ctoml_parse(buffer.baseAddress, buffer.count)
        }
        guard let document = unsafe document else { return [] }
        // SAFETY: freed once, and all texts are copied before.
        defer { unsafe ctoml_free(document) }
        var byteCount = 0
        var position = ctoml_position()
        if let text = unsafe ctoml_error(document, &byteCount, &position) {
            // SAFETY: the text has so many bytes, as long as the document lives.
            throw unsafe TOMLSyntaxError(reason: String(text, byteCount: byteCount), position: TOMLPosition(position))
        }
        var count = 0
        let first = unsafe ctoml_nodes(document, &count)
        // SAFETY: so many nodes, as long as the document lives.
        let nodes = unsafe UnsafeBufferPointer(start: first, count: count)
        var index = 0
        guard case .table(let members) = unsafe member(in: nodes, at: &index).value.content else { return [] }
        return members
    }

    private static func refuseManyDots(_ bytes: [UInt8]) throws(TOMLSyntaxError) {
        var line = 1
        var dots = 0
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                line += 1
                dots = 0
            } else if byte == UInt8(ascii: ".") {
                dots += 1
                guard dots <= maximumDotsInLine else {
                    throw TOMLSyntaxError(
                        reason: "the line has more than \(maximumDotsInLine) dots",
                        position: TOMLPosition(line: line, column: 1))
                }
            }
        }
    }

    /// Takes a value and what is in it from the list of all values.
    ///
    /// - Parameters:
    ///   - nodes: valid, and their texts too.
    ///   - index: of the value; afterwards of the one behind it.
    /// - Returns: the value, with its key if it is in a table.
    private static func member(in nodes: UnsafeBufferPointer<ctoml_node>, at index: inout Int) -> TOMLMember {
        let node = unsafe nodes[index]
        index += 1
        // SAFETY: the texts of a node have the lengths that stand beside them.
        let text = unsafe String(node.text, byteCount: node.text_byte_count)
        let content: TOMLValue.Content
        switch unsafe node.kind {
        case .CTOML_TABLE:
            content = unsafe .table(
                members(node.element_count, in: nodes, at: &index).sorted { $0.keyPosition < $1.keyPosition })
        case .CTOML_ARRAY: content = unsafe .array(members(node.element_count, in: nodes, at: &index).map(\.value))
        case .CTOML_STRING: content = .string(text)
        case .CTOML_INTEGER: content = .integer(text)
        case .CTOML_FLOAT: content = .float(text)
        case .CTOML_BOOLEAN: content = .boolean(text == "true")
        case .CTOML_DATE_OR_TIME: content = .dateOrTime
        }
        return unsafe TOMLMember(
            key: String(node.key, byteCount: node.key_byte_count), at: TOMLPosition(node.key_position),
            value: TOMLValue(content, at: TOMLPosition(node.position)))
    }

    private static func members(
        _ count: Int, in nodes: UnsafeBufferPointer<ctoml_node>, at index: inout Int
    ) -> [TOMLMember] {
        var members: [TOMLMember] = []
        for _ in 0..<count { unsafe members.append(member(in: nodes, at: &index)) }
        return members
    }
}

extension TOMLPosition {
    fileprivate init(_ position: ctoml_position) {
        self.init(line: Int(position.line), column: Int(position.column))
    }
}

extension String {
    /// A copy of a text of C; the empty one for no text.
    fileprivate init(_ start: UnsafePointer<CChar>?, byteCount: Int) {
        // SAFETY: the caller knows the length.
        let bytes = unsafe UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : byteCount)
        self = unsafe String(decoding: bytes, as: UTF8.self)
    }
}
