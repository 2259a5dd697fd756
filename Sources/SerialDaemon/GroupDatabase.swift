import Glibc

/// Looks groups up, for `--socket-group`.
enum GroupDatabase {
    /// The number of a group given by name, or by a number, which need not be in the database (a container has numbers
    /// only).
    ///
    /// The corresponding C function is getgrnam_r(3). A name of digits is looked up as a name first, as chgrp(1) does.
    static func identifier(of text: String) -> UInt32? {
        // Without the last number: (gid_t)-1 means "leave as it is" to chown(2).
        lookUp(text) ?? OptionValue.number(text, in: 0...UInt32.max - 1)
    }

    private static func lookUp(_ name: String) -> UInt32? {
        var group = unsafe Glibc.group()
        var found: UnsafeMutablePointer<group>?
        // A group with thousands of members needs more than the usual kilobyte; 1 MiB is where a database stops being
        // believable.
        var capacity = 1024
        while capacity <= 1 << 20 {
            var strings = [CChar](repeating: 0, count: capacity)
            // SAFETY: both out-parameters and the string buffer outlive the call; the strings are not looked at
            // afterwards.
            let status = unsafe strings.withUnsafeMutableBufferPointer { buffer in
                unsafe getgrnam_r(name, &group, buffer.baseAddress, buffer.count, &found)
            }
            guard status == ERANGE else { return unsafe status == 0 && found != nil ? group.gr_gid : nil }
            capacity *= 2
        }
        return nil
    }
}
