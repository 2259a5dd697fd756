/// A device on QEMU's command line.
enum QEMUArguments {
    /// Pairs of an option and its value. QEMU merges a second `-machine` with the first.
    static func pairs(_ device: DeviceSettings, memory: String) -> [(option: String, value: String)] {
        [
            ("-m", memory),
            ("-object", "memory-backend-memfd,id=mem,size=\(memory),share=on"),
            ("-machine", "memory-backend=mem"),
            ("-chardev", device.chardev),
            ("-device", device.device),
        ]
    }

    /// A word as a shell reads it back; as it is where the shell changes nothing.
    static func quoted(_ word: String) -> String {
        let isPlain = word.allSatisfy { character in
            character.isASCII && (character.isLetter || character.isNumber || "._-+=,:/@%".contains(character))
        }
        guard !isPlain || word.isEmpty else { return word }
        return "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#) + "'"
    }
}
