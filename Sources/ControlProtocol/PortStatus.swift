/// One port, as `query-ports` answers.
package struct PortStatus: Codable, Equatable, Sendable {
    /// The port's name.
    package var id: String
    package var number: Int
    package var console: Bool
    /// What kind of endpoint it is bound to, as `kind=` has it.
    package var kind: String
    /// Of a socket: whether clients connect to `path`, and not the daemon, as `server=` has it. nil of other kinds, and
    /// of a socket that the daemon was started with: its path is not known.
    package var server: Bool?
    /// What a socket carries, as `type=` has it; nil of other kinds.
    package var type: String?
    /// The host's socket, an abstract one with `@` before its name; of other kinds where they are.
    package var path: String
    /// Whether the guest has set the port up.
    package var guestReady: Bool
    /// Whether a program in the guest has it open.
    package var guestOpen: Bool
    package var clients: [ClientStatus]
    package var toHost: DirectionStatus
    package var toGuest: DirectionStatus
    /// Bytes of the guest that are missing in the transcript; nil without one.
    package var transcriptLost: UInt64?
    /// How often its file was full and could not be put aside; nil without one.
    package var transcriptRotationsFailed: UInt64?
    package var settings: PortSettings

    package init(
        id: String, number: Int, console: Bool, kind: String, server: Bool? = nil, type: String? = nil, path: String,
        guestReady: Bool, guestOpen: Bool, clients: [ClientStatus], toHost: DirectionStatus, toGuest: DirectionStatus,
        transcriptLost: UInt64? = nil, transcriptRotationsFailed: UInt64? = nil, settings: PortSettings
    ) {
        self.id = id
        self.number = number
        self.console = console
        self.kind = kind
        self.server = server
        self.type = type
        self.path = path
        self.guestReady = guestReady
        self.guestOpen = guestOpen
        self.clients = clients
        self.toHost = toHost
        self.toGuest = toGuest
        self.transcriptLost = transcriptLost
        self.transcriptRotationsFailed = transcriptRotationsFailed
        self.settings = settings
    }
}

/// Who is connected: what the kernel said of the process that called connect(2); nothing where there is no socket that
/// could be asked.
package struct ClientStatus: Codable, Equatable, Sendable {
    package var uid: UInt32?
    package var gid: UInt32?
    package var pid: Int32?
    /// Whether what it sends is for the guest, and not only what it is sent for it.
    package var writes: Bool
    /// Bytes that it was too slow for, which a writer never is.
    package var lost: UInt64

    package init(
        uid: UInt32? = nil, gid: UInt32? = nil, pid: Int32? = nil, writes: Bool = true, lost: UInt64 = 0
    ) {
        self.writes = writes
        self.lost = lost
        self.uid = uid
        self.gid = gid
        self.pid = pid
    }
}

/// What became of a port's bytes in one direction.
package struct DirectionStatus: Codable, Equatable, Sendable {
    /// Bytes taken from the sender.
    package var accepted: UInt64
    /// Bytes that the receiver has.
    package var delivered: UInt64
    /// Bytes kept for a client to come.
    package var held: UInt64
    /// Chains of the guest that were used for them.
    package var chains: UInt64
    /// Bytes that nobody got, by cause.
    package var discarded: [String: UInt64]
    /// How often bytes had to wait for the receiver.
    package var stalls: UInt64
    /// How long in all, with the wait of now.
    package var stalledNanoseconds: UInt64
    /// Whether they wait now.
    package var stalled: Bool
    /// How long they waited for the port's rate in all, with the wait of now.
    package var throttledNanoseconds: UInt64
    /// The virtqueue; nil while it does not run.
    package var ring: RingStatus?

    package init(
        accepted: UInt64, delivered: UInt64, held: UInt64, chains: UInt64, discarded: [String: UInt64], stalls: UInt64,
        stalledNanoseconds: UInt64, stalled: Bool, throttledNanoseconds: UInt64, ring: RingStatus?
    ) {
        self.accepted = accepted
        self.delivered = delivered
        self.held = held
        self.chains = chains
        self.discarded = discarded
        self.stalls = stalls
        self.stalledNanoseconds = stalledNanoseconds
        self.stalled = stalled
        self.throttledNanoseconds = throttledNanoseconds
        self.ring = ring
    }
}

/// A virtqueue that runs, or that would if it were not broken.
package struct RingStatus: Codable, Equatable, Sendable {
    package enum Layout: String, Codable, Sendable {
        case split, packed
    }

    /// Entries.
    package var size: Int
    package var layout: Layout
    /// Of the next chain: the free-running index of a split ring, the slot of a packed one.
    package var position: Int
    /// Chains that the guest has offered and that were not taken yet.
    package var waiting: Int
    /// Why it stands still; nil when it does not.
    package var broken: String?

    package init(size: Int, layout: Layout, position: Int, waiting: Int, broken: String?) {
        self.size = size
        self.layout = layout
        self.position = position
        self.waiting = waiting
        self.broken = broken
    }
}

/// What the operator wants of a port; the values of the keys of the same names.
package struct PortSettings: Codable, Equatable, Sendable {
    package var clientsAbsent: String
    package var bufferSize: Int
    package var guestClose: String
    /// Seconds; nil for no end.
    package var linger: Double?
    package var columns: Int?
    package var rows: Int?
    /// Bytes per second; nil for no bound.
    package var rate: Int?
    /// The transcript's; nil without one.
    package var logfile: String?
    package var logappend: Bool?
    package var logSize: Int?
    package var logFiles: Int?

    package init(
        clientsAbsent: String, bufferSize: Int, guestClose: String, linger: Double?, columns: Int?, rows: Int?,
        rate: Int? = nil, logfile: String? = nil, logappend: Bool? = nil, logSize: Int? = nil, logFiles: Int? = nil
    ) {
        self.clientsAbsent = clientsAbsent
        self.bufferSize = bufferSize
        self.guestClose = guestClose
        self.linger = linger
        self.columns = columns
        self.rows = rows
        self.rate = rate
        self.logfile = logfile
        self.logappend = logappend
        self.logSize = logSize
        self.logFiles = logFiles
    }
}
