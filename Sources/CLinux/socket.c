#define _GNU_SOURCE
#include "CLinux.h"

#include <sys/socket.h>

int clinux_accept(int socket) {
    return accept4(socket, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

int clinux_peer_groups(int socket, gid_t *groups, size_t capacity, size_t *count) {
    socklen_t length = (socklen_t)(capacity * sizeof(gid_t));
    int result = getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups, &length);
    // ERANGE: that many are needed.
    *count = length / sizeof(gid_t);
    return result;
}

int clinux_peer_credentials(int socket, pid_t *process, uid_t *user, gid_t *group) {
    struct ucred credentials;
    socklen_t length = sizeof(credentials);
    int result = getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length);
    if (result == 0) {
        *process = credentials.pid;
        *user = credentials.uid;
        *group = credentials.gid;
    }
    return result;
}
