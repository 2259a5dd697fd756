import ClientProtocols
import ControlProtocol
import Glibc
import LinuxIO
import SystemPackage

/// Why a command could not do what it was asked to, in one sentence, with the exit code of sysexits.h that says whose
/// fault it is.
enum CommandFailure: Error, CustomStringConvertible {
    /// The command line asks for something that cannot be meant.
    case usage(String)
    /// No daemon answers at this address.
    case unreachable(String, SystemError)
    /// The port's socket cannot be connected to.
    case portUnreachable(String, SystemError)
    /// Nobody in the guest is there to answer.
    case notOpenInGuest(String)
    /// The daemon refuses.
    case refused(ControlFailure)
    /// The daemon has gone in the middle of it.
    case disconnected
    /// What came is not what a daemon of this kind says.
    case notUnderstood(String)
    /// A capture has ended before it was asked to.
    case captureStopped(String)
    /// The guest says something that it should not, or that it cannot do what it was asked to.
    case guestFailed(String)
    /// The port, or what was carried over it, ended too early or came out wrong.
    case incomplete(String)
    /// A limit of time has passed.
    case timedOut(String)
    /// The host.
    case system(SystemError)
    /// Nobody reads what is printed any more.
    case outputClosed
    /// A signal asked for the end.
    case interrupted(signal: Int32)

    var description: String {
        switch self {
        case .usage(let text): text
        case .unreachable(let path, let error): "no daemon at \(path): \(error.errno)"
        case .portUnreachable(let path, let error): Self.describe(path, error)
        case .notOpenInGuest(let text), .guestFailed(let text), .incomplete(let text): text
        case .refused(let failure): failure.desc
        case .disconnected: "the daemon has closed the connection"
        case .notUnderstood(let text): "this is no answer of a vhost-user-serial: \(text)"
        case .captureStopped(let text): "the capture has ended: \(text)"
        case .timedOut(let text): text
        case .system(let error): "\(error)"
        case .outputClosed: "nobody reads the output"
        case .interrupted(let signal): "ended by signal \(signal)"
        }
    }

    private static func describe(_ path: String, _ error: SystemError) -> String {
        let advice =
            switch error.errno {
            case .noSuchFileOrDirectory: "there is no such socket; is the daemon running?"
            case .connectionRefused: "nobody listens there; is the daemon running?"
            case .permissionDenied: "you may not connect; be the socket's owner or in its group"
            case .wouldBlock: "too many clients wait for this port already"
            default: "\(error)"
            }
        return "\(PrintableText.escaping(path)): \(advice)"
    }

    /// Whether there is nobody to tell, or nothing that he does not know: he sent the signal, or closed the pipe.
    var isSilent: Bool {
        switch self {
        case .outputClosed, .interrupted: true
        default: false
        }
    }

    var exitCode: Int32 {
        switch self {
        case .usage: 64
        case .unreachable, .portUnreachable, .notOpenInGuest, .disconnected, .captureStopped: 69
        case .refused, .guestFailed: 1
        case .incomplete: 65
        case .notUnderstood: 76
        case .timedOut: 75
        case .system: 71
        // As a shell says it of a program that the signal has ended.
        case .outputClosed: 128 + SIGPIPE
        case .interrupted(let signal): 128 + signal
        }
    }
}

extension CommandFailure {
    /// Makes a capture that cannot be read the command's failure.
    static func capture<Value>(_ read: () throws(PcapngError) -> Value) throws(CommandFailure) -> Value {
        do throws(PcapngError) {
            return try read()
        } catch {
            throw .notUnderstood("\(error)")
        }
    }

    /// What a guest does wrong, as the command's failure.
    init(_ error: GuestError) {
        self = error == .changed ? .incomplete("\(error)") : .guestFailed("\(error)")
    }

    /// Makes what a guest does wrong the command's failure.
    static func guest<Value>(_ read: () throws(GuestError) -> Value) throws(CommandFailure) -> Value {
        do throws(GuestError) {
            return try read()
        } catch {
            throw CommandFailure(error)
        }
    }

    /// Makes a failed system call the command's failure.
    static func host<Value: ~Copyable>(_ call: () throws(SystemError) -> Value) throws(CommandFailure) -> Value {
        do throws(SystemError) {
            return try call()
        } catch {
            throw .system(error)
        }
    }
}
