/// What somebody may have meant who wrote a name that nobody knows.
enum NearestName {
    /// The name that is the fewest slips away; `nil` when all are too far to be meant.
    ///
    /// A slip is a character too many, too few, or wrong, or two that changed places. One in three characters at most, so
    /// that no short word stands for every other.
    static func find(_ text: String, among names: [String]) -> String? {
        // No name is half as long, and the distance of a very long text takes time.
        guard text.utf8.count <= 64 else { return nil }
        let found = names.map { (name: $0, slips: slips(Array(text.utf8), Array($0.utf8))) }
            .min { $0.slips < $1.slips }
        guard let found, found.slips <= max(1, found.name.utf8.count / 3) else { return nil }
        return found.name
    }

    /// The distance of Damerau and Levenshtein, where no part is changed twice.
    private static func slips(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var rows = [Array(0...right.count)]
        for (row, letter) in left.enumerated() {
            var current = [row + 1]
            for (column, other) in right.enumerated() {
                var least = rows[row][column] + (letter == other ? 0 : 1)
                least = min(least, current[column] + 1, rows[row][column + 1] + 1)
                if row > 0, column > 0, letter == right[column - 1], left[row - 1] == other {
                    least = min(least, rows[row - 1][column - 1] + 1)
                }
                current.append(least)
            }
            rows.append(current)
        }
        return rows[left.count][right.count]
    }
}
