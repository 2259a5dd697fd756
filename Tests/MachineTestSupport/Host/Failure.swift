/// Why a scenario failed, in one line for a person.
package struct Failure: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// Throws a ``Failure`` with `message` unless `condition` holds.
package func expect(_ condition: Bool, _ message: @autoclosure () -> String) throws {
    if !condition { throw Failure(message()) }
}

/// Throws a ``Failure`` that shows both values unless they are equal.
package func expectEqual<Value: Equatable>(_ actual: Value, _ expected: Value, _ what: String) throws {
    if actual != expected { throw Failure("\(what): got \(actual), expected \(expected)") }
}
