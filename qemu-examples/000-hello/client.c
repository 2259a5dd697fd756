// Shows the strings that a guest writes to a port, one for each Enter.
//
// usage: client SOCKET
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (argc != 2 || strlen(argv[1]) >= sizeof address.sun_path) {
        fprintf(stderr, "usage: client SOCKET\n");
        return 64;
    }
    strcpy(address.sun_path, argv[1]);
    int port = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (port < 0 || connect(port, (struct sockaddr *)&address, sizeof address) != 0) {
        perror(argv[1]);
        return 69;
    }

    // A port is a stream: one read can bring half a string, or five. Their ends are the NULs that the guest sends.
    char buffer[512];
    size_t length = 0;
    for (;;) {
        char *end = memchr(buffer, '\0', length);
        if (end) {
            printf("data: %s", buffer);
            fflush(stdout);
            length -= (size_t)(end + 1 - buffer);
            memmove(buffer, end + 1, length);
            if (getchar() == EOF) return 0;
            continue;
        }
        ssize_t count = length < sizeof buffer ? read(port, buffer + length, sizeof buffer - length) : -1;
        if (count <= 0) {
            fprintf(stderr, count == 0 ? "the daemon has closed the port\n" : "no string\n");
            return 1;
        }
        length += (size_t)count;
    }
}
