/// What the daemon says first.
package struct ControlGreeting: Codable, Equatable, Sendable {
    package var QMP: Content

    package struct Content: Codable, Equatable, Sendable {
        package var version: ControlVersion
        package var capabilities: [String]
    }

    package init(version: ControlVersion) {
        QMP = Content(version: version, capabilities: [])
    }
}

/// The version of the daemon in QMP's form, whose member is called `qemu` for the tools that show it.
package struct ControlVersion: Codable, Equatable, Sendable {
    package var qemu: Numbers
    package var package: String

    package struct Numbers: Codable, Equatable, Sendable {
        package var major: Int
        package var minor: Int
        package var micro: Int

        package init(major: Int, minor: Int, micro: Int) {
            self.major = major
            self.minor = minor
            self.micro = micro
        }
    }

    package init(qemu: Numbers, package: String) {
        self.qemu = qemu
        self.package = package
    }
}

/// A command as it comes.
package struct ControlRequest: Codable, Equatable, Sendable {
    package var execute: String
    package var arguments: [String: JSONValue]?
    package var id: JSONValue?

    package init(execute: String, arguments: [String: JSONValue]? = nil, id: JSONValue? = nil) {
        self.execute = execute
        self.arguments = arguments
        self.id = id
    }
}

/// Why a command was not done.
package struct ControlFailure: Error, Codable, Equatable, Sendable {
    package enum Class: String, Codable, Sendable {
        case commandNotFound = "CommandNotFound"
        case generic = "GenericError"
    }

    package var `class`: Class
    /// One sentence for whoever sent the command.
    package var desc: String

    package init(_ class: Class = .generic, _ desc: String) {
        self.class = `class`
        self.desc = desc
    }
}

/// A command's answer.
package struct ControlAnswer<Content: Codable & Sendable>: Codable, Sendable {
    package var `return`: Content?
    package var error: ControlFailure?
    package var id: JSONValue?

    package init(return content: Content, id: JSONValue?) {
        self.return = content
        self.id = id
    }

    package init(error: ControlFailure, id: JSONValue?) {
        self.error = error
        self.id = id
    }
}

/// The answer of a command that has nothing to say: `{}`.
package struct ControlNothing: Codable, Equatable, Sendable {
    package init() {}
}
