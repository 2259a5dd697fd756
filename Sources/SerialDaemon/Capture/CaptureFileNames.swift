import LinuxIO

/// What the files of one capture are called.
struct CaptureFileNames {
    /// Of the file that is written now.
    let path: String
    /// How many files there are at most, 1 or more.
    let count: Int

    /// 0 is the file that is written now, 1 the youngest of those that were put aside.
    subscript(index: Int) -> String { index == 0 ? path : "\(path).\(index)" }

    /// The name of one of these that the other capture has as well.
    func firstShared(with other: CaptureFileNames) -> String? {
        let others = Set((0..<other.count).map { other[$0] })
        return (0..<count).lazy.map { self[$0] }.first { others.contains($0) }
    }

    /// Sees to it that a file can be put aside without replacing another one.
    ///
    /// - Throws: ``CaptureFile/End/nameTaken(_:)``, and the host's error.
    func requireFree(_ index: Int) throws(CaptureFile.End) {
        let status: FileStatus?
        do throws(SystemError) { status = try FileStatus(at: self[index]) } catch { throw .failed(error) }
        guard status == nil else { throw .nameTaken(OperatorSettings.fileName(of: self[index])) }
    }
}
