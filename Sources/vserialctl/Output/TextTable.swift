/// Columns of text, as wide as what is in them.
struct TextTable {
    /// On which side a column's texts stand.
    enum Alignment {
        case left
        /// Numbers.
        case right
    }

    /// A cell, and how it is set off on a terminal.
    struct Cell: ExpressibleByStringLiteral {
        var text: String
        var style: TextStyle

        init(_ text: String, _ style: TextStyle = .plain) {
            self.text = text
            self.style = style
        }

        init(stringLiteral value: String) { self.init(value) }
    }

    private let columns: [(title: String, alignment: Alignment)]
    private(set) var rows: [[Cell]] = []

    init(_ columns: [(title: String, alignment: Alignment)]) {
        self.columns = columns
    }

    /// Adds a row, of one cell for each column.
    mutating func append(_ row: [Cell]) {
        precondition(row.count == columns.count, "a row has a cell for each column")
        rows.append(row)
    }

    /// The lines, titles first.
    ///
    /// - Parameters:
    ///   - isStyled: whether colours are wanted.
    ///   - width: what is wider is cut off; nil for no end.
    /// - Returns: none ends in a blank.
    func lines(isStyled: Bool, width: Int? = nil) -> [String] {
        let titles = columns.map { Cell($0.title, .bold) }
        let widths = columns.indices.map { column in
            ([titles] + rows).reduce(0) { max($0, $1[column].text.count) }
        }
        return ([titles] + rows).map { line($0, widths: widths, isStyled: isStyled, limit: width ?? .max) }
    }

    private func line(_ row: [Cell], widths: [Int], isStyled: Bool, limit: Int) -> String {
        var result = ""
        // Blanks and cells are counted before they are styled: an escape sequence takes no room.
        var room = limit
        var blanks = 0
        for (column, cell) in row.enumerated() {
            let padding = widths[column] - cell.text.count
            let isRight = columns[column].alignment == .right
            blanks += (column == 0 ? 0 : 2) + (isRight ? padding : 0)
            if !cell.text.isEmpty {
                guard room > blanks else { break }
                let text = String(cell.text.prefix(room - blanks))
                result += String(repeating: " ", count: blanks) + (isStyled ? cell.style.applied(to: text) : text)
                room -= blanks + text.count
                blanks = 0
            }
            blanks += isRight ? 0 : padding
        }
        return result
    }
}
