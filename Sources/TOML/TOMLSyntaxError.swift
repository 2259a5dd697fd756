/// Why a text is no TOML, and where.
package struct TOMLSyntaxError: Error, Equatable, Sendable {
    /// The reader's words, without a full stop. They may quote the text.
    package var reason: String
    package var position: TOMLPosition

    package init(reason: String, position: TOMLPosition) {
        self.reason = reason
        self.position = position
    }
}
