import Testing

@testable import vserialctl

@Suite struct QEMUCommandLineTests {
    @Test("values in QEMU's form and in JSON")
    func values() throws {
        let plain = try #require(QEMUCommandLine.value("q35,memory-backend=mem,path=/a,,b=c,usb", head: "type"))
        #expect(plain.head == "q35")
        #expect(plain.keys == ["memory-backend": "mem", "path": "/a,b=c", "usb": "on"])
        let json = try #require(
            QEMUCommandLine.value(
                #"{"qom-type":"memory-backend-file","id":"pc.ram","share":true,"size":5,"x":[1]}"#, head: "qom-type"))
        #expect(json.head == "memory-backend-file")
        #expect(json.keys == ["id": "pc.ram", "share": "on", "size": "5"])
        #expect(QEMUCommandLine.value("{", head: "driver") == nil)
        #expect(QEMUCommandLine.value("type=pc,x=y", head: "type")?.head == "pc")
    }

    @Test("numbers and switches")
    func numbers() {
        let value = QEMUCommandLine.Value(head: "", keys: ["a": "12", "b": "0x10", "c": "x", "d": "off", "e": "yes"])
        #expect(value.number("a", default: 0) == 12)
        #expect(value.number("b", default: 0) == 16)
        #expect(value.number("c", default: 0) == nil)
        #expect(value.number("none", default: 7) == 7)
        #expect(!value.isOn("d", default: true))
        #expect(value.isOn("e", default: false))
        #expect(value.isOn("none", default: true))
    }

    @Test("devices, as /proc has the words")
    func devices() {
        let words = [
            "-device", "-name", "vm1", "--device", "vhost-user-test-device-pci,num_vqs=4", "-device", "e1000", "-S",
            "-device",
        ]
        let line = QEMUCommandLine(procText: Array((words.joined(separator: "\0") + "\0").utf8))
        // The first word is the program, whatever it is called; the last option has no value.
        #expect(line.devices.map(\.keys) == [["num_vqs": "4"]])
    }

    @Test(
        "memory that the machine uses must be shared",
        arguments: [
            (["-object", "memory-backend-memfd,id=m,share=on", "-machine", "q35,memory-backend=m"], true),
            (["-object", "memory-backend-memfd,id=m", "-M", "memory-backend=m"], true),
            (["-object", "memory-backend-memfd,id=m,share=off", "-M", "memory-backend=m"], false),
            (["-object", "memory-backend-file,id=m,mem-path=/x", "-machine", "memory-backend=m"], false),
            (["-object", "memory-backend-file,id=m,share=on", "-numa", "node,memdev=m"], true),
            (["-object", "memory-backend-memfd,id=m,share=on", "-machine", "q35"], nil),
            (
                [
                    "-object", "memory-backend-memfd,id=a", "-object", "memory-backend-ram,id=b", "-numa",
                    "node,memdev=a", "-numa", "node,memdev=b",
                ], false
            ),
            (["-m", "512"], nil),
        ] as [([String], Bool?)])
    func memory(words: [String], expected: Bool?) {
        #expect(QEMUCommandLine(["qemu"] + words).sharedMemory == expected)
    }
}
