import ControlProtocol
import Testing

@testable import vserialctl

@Suite struct QEMUArgsTests {
    @Test("the README's line")
    func lines() throws {
        let result = try SpawnedTool.run(["qemu-args", "--socket-path", "/run/vm1/vhost.sock"])
        #expect(
            result.output == """
                -m 512M
                -object memory-backend-memfd,id=mem,size=512M,share=on
                -machine memory-backend=mem
                -chardev socket,id=vus,path=/run/vm1/vhost.sock
                -device vhost-user-test-device-pci,chardev=vus,virtio-id=3,num_vqs=64,vq_size=128,config_size=12

                """)
        #expect(result.code == 0)
    }

    @Test("what is asked for, as words")
    func words() throws {
        let result = try SpawnedTool.run(
            ["qemu-args", "-s", "/a b", "--max-ports=3", "--vq-size=64", "--memory=2048", "--json"])
        let words = try ControlCoding.decode([String].self, from: result.output.utf8)
        #expect(words.count == 10)
        #expect(words[1] == "2048M")
        #expect(words[3].contains("size=2048M,"))
        #expect(words[7] == "socket,id=vus,path=/a b")
        #expect(words[9].contains(",num_vqs=8,vq_size=64,"))
    }

    @Test("the running daemon knows how many ports")
    func daemon() throws {
        let daemon = try FakeDaemon { _ in [.content(statusJSON { $0.maxPorts = 7 })] }
        defer { daemon.end() }
        let asked = try SpawnedTool.run(["qemu-args", "-s", "/a", "-c", daemon.path])
        #expect(asked.output.contains("num_vqs=16,"))
        #expect(daemon.requests.map(\.execute) == ["query-status"])
        // Who says it himself need not have it run.
        let said = try SpawnedTool.run(["qemu-args", "-s", "/a", "-c", "@nobody", "--max-ports", "1"])
        #expect(said.output.contains("num_vqs=4,"))
        #expect(try SpawnedTool.run(["qemu-args", "-s", "/a", "-c", "@nobody"]).code == 69)
    }

    @Test(
        "what cannot be meant is refused",
        arguments: [
            ["-s", "relative"], ["-s", "/a\n"], [], ["-s", "/a", "--max-ports=128"], ["-s", "/a", "--max-ports=0"],
            ["-s", "/a", "--vq-size=2048"], ["-s", "/a", "--vq-size=100"], ["-s", "/a", "--memory=1,share=off"],
            ["-s", "/a", "--memory=0"],
        ])
    func usage(words: [String]) throws {
        #expect(try SpawnedTool.run(["qemu-args"] + words).code == 64)
    }
}
