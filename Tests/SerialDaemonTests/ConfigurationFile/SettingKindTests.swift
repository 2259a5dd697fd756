import LinuxIO
import TOML
import Testing

@testable import SerialDaemon

@Suite("SettingKind")
struct SettingKindTests {
    /// A key that takes any text would take `true` for `on` and 5 for `5`, if it were not listed as a text.
    @Test(arguments: PortKey.allCases.filter { $0 != .name })
    func keyThatTakesAnyTextIsListed(key: PortKey) {
        var options = PortOptions(name: "a")
        let takesAnything = (try? options.set(key, to: "Any text?", accounts: .numbersOnly)) != nil
        // Accounts are names, whatever they are: fd takes one of systemd's.
        #expect(!takesAnything || key.kind == .text || key.kind == .account)
    }

    /// And one that takes no `:` takes no array.
    @Test(arguments: PortKey.allCases.filter { $0 != .name && $0.kind != .text })
    func keyThatTakesAListIsListed(key: PortKey) {
        var options = PortOptions(name: "a")
        let takesLists = (try? options.set(key, to: "1:2", accounts: .numbersOnly)) != nil
        #expect(takesLists == (key.kind == .accounts))
    }

    @Test(arguments: OptionKey.allCases) func optionThatTakesAnyTextIsListed(option: OptionKey) {
        var settings = OperatorSettings(ports: [])
        let takesAnything = (try? settings.set(option, to: "Any text?")) != nil
        #expect(takesAnything == (option.kind != .strict))
    }
}
