import Glibc

/// The names that this host has for users and groups.
enum HostNames {
    /// A user's name and number, or the number alone. The corresponding C function is getpwuid(3): there is one thread.
    static func user(_ number: uid_t) -> String {
        // SAFETY: the string is copied before the next call.
        guard let entry = unsafe getpwuid(number), let name = unsafe entry.pointee.pw_name else {
            return String(number)
        }
        return unsafe "\(String(cString: name)) (\(number))"
    }

    /// A group's name and number, or the number alone. The corresponding C function is getgrgid(3).
    static func group(_ number: gid_t) -> String {
        // SAFETY: as above.
        guard let entry = unsafe getgrgid(number), let name = unsafe entry.pointee.gr_name else {
            return String(number)
        }
        return unsafe "\(String(cString: name)) (\(number))"
    }
}
