/// A key of a table, and what it has.
package struct TOMLMember: Equatable, Sendable {
    package var key: String
    package var keyPosition: TOMLPosition
    package var value: TOMLValue

    package init(key: String, at keyPosition: TOMLPosition, value: TOMLValue) {
        self.key = key
        self.keyPosition = keyPosition
        self.value = value
    }
}
