/// The requests of a back-end, on the socket of SET_BACKEND_REQ_FD; their numbers are a space of their own.
///
/// - Source: vhost-user "Back-end message types".
public enum BackendRequest: UInt32, Sendable {
    /// CONFIG_CHANGE_MSG: the config space changed; the guest is interrupted and reads it again.
    case configChange = 2
}
