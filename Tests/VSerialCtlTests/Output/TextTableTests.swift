import Testing

@testable import vserialctl

@Suite struct TextTableTests {
    private func table() -> TextTable {
        var table = TextTable([("A", .left), ("BB", .right), ("C", .left)])
        table.append([TextTable.Cell("long", .bad), "1", "x"])
        table.append(["é", "222", ""])
        return table
    }

    @Test("columns are as wide as their widest text, and no line ends in blanks")
    func widths() {
        #expect(table().lines(isStyled: false) == ["A      BB  C", "long    1  x", "é     222"])
    }

    @Test("styles surround the text and not the blanks")
    func styles() {
        #expect(table().lines(isStyled: true)[1] == "\u{1B}[1;31mlong\u{1B}[0m    1  x")
    }

    @Test("lines are cut at the width, sequences not counted", arguments: [0, 1, 3, 4, 5, 9, 10, 12, 40])
    func cut(width: Int) {
        let table = table()
        let whole = table.lines(isStyled: false)
        #expect(
            table.lines(isStyled: false, width: width)
                == whole.map { line in
                    var line = String(line.prefix(width))
                    while line.last == " " { line.removeLast() }
                    return line
                })
        #expect(table.lines(isStyled: true, width: width).map(plain) == table.lines(isStyled: false, width: width))
    }

    private func plain(_ line: String) -> String { line.replacing(/\u{1B}\[[0-9;]*m/, with: "") }
}
