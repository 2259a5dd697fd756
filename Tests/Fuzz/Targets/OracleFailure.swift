/// What a target found: the code under test lives, and has done what it must not.
public struct OracleFailure: Error, CustomStringConvertible {
    /// What was expected and what happened.
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}

func expect(_ condition: Bool, _ description: @autoclosure () -> String) throws(OracleFailure) {
    guard condition else { throw OracleFailure(description()) }
}
