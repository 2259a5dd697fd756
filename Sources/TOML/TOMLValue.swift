/// A value of a TOML document, with the place where it begins.
package struct TOMLValue: Equatable, Sendable {
    package enum Content: Equatable, Sendable {
        case string(String)
        /// Its decimal digits, with a sign only for less than zero.
        case integer(String)
        /// Decimal digits with a point and without an exponent, or `nan`, `inf`, `-inf`.
        case float(String)
        case boolean(Bool)
        /// Any of TOML's four kinds of dates and times.
        case dateOrTime
        case array([TOMLValue])
        /// In the order of the text.
        case table([TOMLMember])
    }

    package var content: Content
    package var position: TOMLPosition

    package init(_ content: Content, at position: TOMLPosition) {
        self.content = content
        self.position = position
    }
}
