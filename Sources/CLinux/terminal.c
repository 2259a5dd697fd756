#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int clinux_open_terminal(char *path, size_t capacity) {
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (master == -1) {
        return -1;
    }
    // ptsname_r(3) says what is wrong by its result.
    int error = unlockpt(master) == -1 ? errno : ptsname_r(master, path, capacity);
    if (error == 0) {
        return master;
    }
    close(master);
    errno = error;
    return -1;
}
