/// What decoding a JSON text can cost, seen without decoding it: brackets and commas, strings left out. Of a text that is
/// no JSON any numbers will do.
package struct JSONShape: Equatable, Sendable {
    /// How deeply brackets are nested.
    package private(set) var depth = 0
    /// How many brackets open, and how many commas there are: no text has more values than these and one.
    package private(set) var markCount = 0

    package init(of text: some Sequence<UInt8>) {
        var openCount = 0
        var isInString = false
        var isEscaped = false
        for byte in text {
            switch byte {
            case _ where isEscaped: isEscaped = false
            case UInt8(ascii: "\\") where isInString: isEscaped = true
            case UInt8(ascii: "\""): isInString.toggle()
            case _ where isInString: break
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                openCount += 1
                depth = max(depth, openCount)
                markCount += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"): openCount -= 1
            case UInt8(ascii: ","): markCount += 1
            default: break
            }
        }
    }
}
