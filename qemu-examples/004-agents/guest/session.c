// A session of one user without a screen, for spice-vdagentd: pastes what the host's user has copied, writes it in
// capitals, and copies that. On a desktop spice-vdagent does this with the X server's clipboard.
//
// usage: session SOCKET
//
// Each message on the daemon's socket is {type, argument 1, argument 2, size}, 32 bits each in this machine's order, and its data.
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { resolution = 0, clipboard_grab = 2, clipboard_request = 3, clipboard_data = 4 };
enum { utf8_text = 1, longest = 1 << 20 };

struct header {
    uint32_t type, argument1, argument2, size;
};

static int daemon_socket;

static void send_message(uint32_t type, uint32_t argument1, uint32_t argument2, const void *data, uint32_t size) {
    struct header header = {type, argument1, argument2, size};
    if (write(daemon_socket, &header, sizeof header) != sizeof header || write(daemon_socket, data, size) != size) {
        perror("session: sending");
        exit(1);
    }
}

static void receive(void *bytes, size_t size) {
    for (size_t done = 0; done < size;) {
        ssize_t count = read(daemon_socket, (char *)bytes + done, size - done);
        if (count <= 0) {
            fprintf(stderr, "session: spice-vdagentd has gone\n");
            exit(1);
        }
        done += (size_t)count;
    }
}

int main(int argc, char **argv) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (argc != 2 || strlen(argv[1]) >= sizeof address.sun_path) {
        fprintf(stderr, "usage: session SOCKET\n");
        return 64;
    }
    strcpy(address.sun_path, argv[1]);
    daemon_socket = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(daemon_socket, (struct sockaddr *)&address, sizeof address) != 0) {
        perror(argv[1]);
        return 1;
    }
    // The daemon opens the port when it knows of a screen: width, height, x, y and number.
    const uint32_t screen[] = {1024, 768, 0, 0, 0};
    send_message(resolution, 1024, 768, screen, sizeof screen);

    static char text[longest];
    uint32_t length = 0;
    const uint32_t text_type = utf8_text;
    for (;;) {
        static char data[longest];
        struct header header;
        receive(&header, sizeof header);
        if (header.size > sizeof data) {
            fprintf(stderr, "session: %u bytes at once\n", header.size);
            return 1;
        }
        receive(data, header.size);
        // Argument 1 is the selection: the clipboard, or what is marked.
        switch (header.type) {
        case clipboard_grab:
            send_message(clipboard_request, header.argument1, text_type, NULL, 0);
            break;
        case clipboard_data:
            length = header.size;
            for (uint32_t at = 0; at < length; at++) text[at] = (char)toupper((unsigned char)data[at]);
            send_message(clipboard_grab, header.argument1, 0, &text_type, sizeof text_type);
            break;
        case clipboard_request:
            send_message(clipboard_data, header.argument1, text_type, text, length);
            break;
        default:
            break;
        }
    }
}
