// Greets the host, shows its answer, then sends as much as it is told: the same bytes over a port or a vsock.
//
// usage: talk ADDRESS MEBIBYTES
//   ADDRESS   /dev/virtio-ports/NAME, or vsock:CID:PORT (CID 2 is the host)
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// All that is different: a port is a file, a vsock an address to connect to.
static int open_address(const char *address) {
    struct sockaddr_vm peer = {.svm_family = AF_VSOCK};
    if (sscanf(address, "vsock:%u:%u", &peer.svm_cid, &peer.svm_port) != 2) return open(address, O_RDWR | O_CLOEXEC);
    int stream = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (stream >= 0 && connect(stream, (struct sockaddr *)&peer, sizeof peer) == 0) return stream;
    return -1;
}

static int send_all(int stream, const char *bytes, size_t count) {
    while (count > 0) {
        ssize_t written = write(stream, bytes, count);
        if (written < 0) return -1;
        bytes += written;
        count -= (size_t)written;
    }
    return 0;
}

int main(int argc, char **argv) {
    // vhost-device-vsock loses what is written with more than 32 KiB at once.
    static char block[16384];
    if (argc != 3) {
        fprintf(stderr, "usage: talk ADDRESS MEBIBYTES\n");
        return 64;
    }
    int stream = open_address(argv[1]);
    if (stream < 0 || send_all(stream, "Hello, host!\n", 13) != 0) {
        perror(argv[1]);
        return 1;
    }
    // One line of answer. End of file is the end of a vsock; on a port it says that no program of the host is there: before
    // the answer begins, that the one before has only now gone, and the next one has still to come for the greeting.
    int is_port = !strncmp(argv[1], "/dev/", 5);
    char answer[64];
    size_t length = 0;
    do {
        ssize_t count = read(stream, answer + length, sizeof answer - 1 - length);
        if (count == 0 && length == 0 && is_port) {
            usleep(20000);
            continue;
        }
        if (count <= 0) {
            fprintf(stderr, "%s: no answer\n", argv[1]);
            return 1;
        }
        length += (size_t)count;
    } while (!memchr(answer, '\n', length) && length < sizeof answer - 1);
    printf("%s says: %.*s", argv[1], (int)length, answer);
    for (long left = atol(argv[2]) * 64; left > 0; left--) {
        if (send_all(stream, block, sizeof block) != 0) {
            perror(argv[1]);
            return 1;
        }
    }
    return 0;
}
