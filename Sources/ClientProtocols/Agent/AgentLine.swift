/// A line of the guest agent.
package enum AgentLine {
    /// The agent keeps 16 MiB of each of a program's two outputs, which base64 makes a third longer.
    package static let maximumByteCount = 48 << 20
}
