// Takes one greeting from a guest, answers, counts what else comes. The same as receive.py, which says what the
// addresses are.
//
// usage: receive unix:PATH|listen:PATH|vsock:PORT
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void die(const char *what) {
    perror(what);
    exit(1);
}

static int accept_one(int listener, const void *address, socklen_t size) {
    int stream = -1;
    if (listener < 0 || bind(listener, address, size) != 0 || listen(listener, 1) != 0 ||
        (stream = accept(listener, NULL, NULL)) < 0) {
        die("listening");
    }
    close(listener);
    return stream;
}

static int open_address(const char *address) {
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    struct sockaddr_vm number = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY};
    if (sscanf(address, "vsock:%u", &number.svm_port) == 1)
        return accept_one(socket(AF_VSOCK, SOCK_STREAM, 0), &number, sizeof number);
    const char *rest = strchr(address, ':');
    if (!rest || strlen(++rest) >= sizeof path.sun_path) {
        fprintf(stderr, "usage: receive unix:PATH|listen:PATH|vsock:PORT\n");
        exit(64);
    }
    strcpy(path.sun_path, rest);
    int stream = socket(AF_UNIX, SOCK_STREAM, 0);
    if (strncmp(address, "listen:", 7) == 0) {
        unlink(rest);
        return accept_one(stream, &path, sizeof path);
    }
    if (stream < 0 || connect(stream, (struct sockaddr *)&path, sizeof path) != 0) die(address);
    return stream;
}

int main(int argc, char **argv) {
    int stream = open_address(argc == 2 ? argv[1] : "");
    static char buffer[65536];
    size_t length = 0;
    while (length == 0 || buffer[length - 1] != '\n') {
        ssize_t count = read(stream, buffer + length, 64 - length);
        if (count <= 0) die("no greeting");
        length += (size_t)count;
    }
    printf("Received: %.*s", (int)length, buffer);
    if (write(stream, "Hello, guest!\n", 14) != 14) die("the answer");
    long total = 0;
    for (ssize_t count; (count = read(stream, buffer, sizeof buffer)) != 0; total += count)
        if (count < 0) die("reading");
    printf("Received %ld bytes\n", total);
    return 0;
}
