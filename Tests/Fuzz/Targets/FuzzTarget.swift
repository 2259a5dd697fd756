/// Something that takes hostile bytes. Made once, and run on one input after the other: what is dear to make is kept,
/// and no input sees anything of the one before.
public protocol FuzzTarget: AnyObject {
    /// Runs one input.
    ///
    /// - Throws: ``OracleFailure``. The other ways to fail end the process.
    func run(_ input: ByteSource) throws(OracleFailure)
}

/// The targets by the names of their folders and of `scripts/fuzz`.
public enum FuzzTargetName: String, CaseIterable, Codable, Sendable {
    case messages
    case splitRing = "split-ring"
    case packedRing = "packed-ring"
    case controlQueue = "control-queue"
    case keyLists = "key-lists"
    case control
    case controlAnswers = "control-answers"
    case agentAnswers = "agent-answers"
    case fileTransfer = "file-transfer"
    case pcapng
    case configurationFile = "configuration-file"

    /// Makes the target ready to run.
    ///
    /// - Parameter hasProcessToItself: whether what the process has open is the target's alone, and is counted.
    public func makeTarget(hasProcessToItself: Bool) throws -> any FuzzTarget {
        switch self {
        case .messages: try MessagesTarget(countsDescriptors: hasProcessToItself)
        case .splitRing: try RingTarget<SplitRingModel>()
        case .packedRing: try RingTarget<PackedRingModel>()
        case .controlQueue: try ControlQueueTarget()
        case .keyLists: KeyListsTarget()
        case .control: ControlTarget()
        case .controlAnswers: ControlAnswersTarget()
        case .agentAnswers: AgentAnswersTarget()
        case .fileTransfer: FileTransferTarget()
        case .pcapng: PcapngTarget()
        case .configurationFile: ConfigurationFileTarget()
        }
    }
}
