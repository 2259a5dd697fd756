import Glibc

/// The longer texts of the command line.
enum CommandText {
    /// The answer to `--print-capabilities`: QEMU's vhost-user.json has no "features" for a console.
    static let capabilities = #"{"type":"console"}"#

    /// No line is longer than 78 columns: ArgumentParser would break it in two.
    static let discussion = """
        The VM's memory is shared with this program, which serves the guest's ports \
        itself. Each port is /dev/virtio-ports/NAME in the guest and one UNIX socket \
        on the host.

        KEYS OF --port, separated by commas (',,' is a comma in a value):
          name=NAME              what the guest sees in /dev/virtio-ports (required)
          nr=N                   port number below --max-ports (default: the next
                                 free one; 0 is kept for a console)
          path=PATH              host socket (default SOCKET_DIR/NAME; @NAME is an
                                 abstract socket), or the path of another kind
          kind=KIND              what the port is bound to: socket (default), pty,
                                 file, pipe (PATH.in, PATH.out), stdio or null
          server=on|off          wait for clients (default), or connect to PATH
          reconnect-ms=MS        with server=off: the longest pause before the next
                                 attempt (default 1000)
          wait=on|off            start the VM only with the first client there
          type=TYPE              what the socket carries: stream (default) or
                                 seqpacket
          fd=N|NAME              a socket that the process was started with, by
                                 number or by its name in systemd
          append=on|off          with kind=file: keep what the file has
          clients=N,writers=N    how many clients may be there at once, up to 16,
                                 and how many of them, the first ones, may write
                                 (default 1 and 1); the others watch
          scrollback=SIZE        show a client that comes the newest bytes, 1 to 64M
          owner=,group=,mode=    who may open the socket, terminal or file
          console=on|off         a console, /dev/hvcN in the guest (default off)
          cols=N,rows=N          the console's size
          resize-order=ORDER     how the guest reads a size: cols-rows (default),
                                 rows-cols, or off
          clients-absent=POLICY  without a client: block the guest's writers
                                 (default), buffer the newest bytes for the next
                                 client (default for a console), or discard
          buffer-size=SIZE       for clients-absent=buffer: 1 to 64M (default 64K)
          guest-close=ACTION     when the guest closes the port: keep the client
                                 (default), send it eof, or disconnect it
          linger=SECONDS         how long the bytes of a client that left wait for
                                 the guest, 0.5 for example (default: no end)
          expect-open=SECONDS    warn when the guest has not opened the port so long
                                 after its driver's start
          rate=BYTES             at most so many bytes a second each way, 1K to 1G
          logfile=PATH           keep what the guest writes in this file
          logappend=on|off       behind what it holds (default off)
          log-size=SIZE          put it aside as PATH.1 at this size, from 64K on
          log-files=N            how many old ones are kept (default 1)
          allow-uids=USER:...    only these users may connect, or these groups
          allow-gids=GROUP:...   (default: whom the socket's mode lets in)

        EXAMPLE:
          vhost-user-serial --socket-path /run/vm1/vhost.sock \\
            --socket-dir /run/vm1 --port name=vm.ctl --port name=vm.data,nr=5

          qemu-system-x86_64 ... -machine memory-backend=mem \\
            -object memory-backend-memfd,id=mem,size=512M,share=on \\
            -chardev socket,id=vus,path=/run/vm1/vhost.sock \\
            -device \\
          vhost-user-test-device-pci,chardev=vus,virtio-id=3,num_vqs=64,vq_size=128,config_size=12

        EXIT STATUS:
          0   ended by a signal, or by the front-end of an inherited socket
          64  wrong usage                  73  a socket cannot be made there
          69  an address is in use         77  not permitted
          71  a system call failed         78  no such user, group or Landlock,
                                               or a wrong configuration file
        """

    /// One line on stderr, in the form of the log.
    static func printError(_ text: String) {
        let line = Array("vhost-user-serial: error: \(text)\n".utf8)
        // SAFETY: the buffer is valid during the call. Nothing is left to do when nobody reads it.
        _ = unsafe line.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
