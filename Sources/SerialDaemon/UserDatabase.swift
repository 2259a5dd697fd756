import Glibc
import Sandbox

/// Looks users up, for `--user` and `allow-uids=`.
enum UserDatabase {
    /// A user given by name, with its primary group, or by a number, which need not be in the database.
    ///
    /// The corresponding C functions are getpwnam_r(3) and getpwuid_r(3). A name of digits is looked up as a name first.
    ///
    /// - Returns: `nil` for a name that nobody has. The group of a number that nobody has is that number.
    static func identity(of text: String) -> Identity? {
        if let found = unsafe lookUp({ unsafe getpwnam_r(text, $0, $1, $2, $3) }) { return found }
        guard let number: UInt32 = OptionValue.number(text, in: 0...UInt32.max - 1) else { return nil }
        return unsafe lookUp { unsafe getpwuid_r(number, $0, $1, $2, $3) } ?? Identity(user: number, group: number)
    }

    private typealias Call = (
        UnsafeMutablePointer<passwd>, UnsafeMutablePointer<CChar>, Int,
        UnsafeMutablePointer<UnsafeMutablePointer<passwd>?>
    ) -> Int32

    private static func lookUp(_ call: Call) -> Identity? {
        var user = unsafe passwd()
        var found: UnsafeMutablePointer<passwd>?
        // A home directory's name of more than 64 KiB is nobody's.
        var strings = [CChar](repeating: 0, count: 64 << 10)
        // SAFETY: the out-parameters and the string buffer outlive the call; the strings are not looked at afterwards.
        let status = unsafe strings.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return ERANGE }
            return unsafe call(&user, base, buffer.count, &found)
        }
        guard unsafe status == 0 && found != nil else { return nil }
        return unsafe Identity(user: user.pw_uid, group: user.pw_gid)
    }
}
