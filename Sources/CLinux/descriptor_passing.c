#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// A control buffer must be aligned as a header; the union is how cmsg(3) says it.
#define CONTROL_BUFFER(name, count)             \
    union {                                     \
        char bytes[CMSG_SPACE((count) * sizeof(int))]; \
        struct cmsghdr header;                  \
    } name

ssize_t clinux_receive_with_descriptors(int socket, void *bytes, size_t byte_count, int *descriptors, size_t capacity,
                                        size_t *descriptor_count, bool *truncated) {
    *descriptor_count = 0;
    *truncated = false;
    if (capacity > CLINUX_RECEIVE_DESCRIPTORS_MAX) {
        errno = EINVAL;
        return -1;
    }

    CONTROL_BUFFER(control, CLINUX_RECEIVE_DESCRIPTORS_MAX);
    struct iovec vector = {.iov_base = bytes, .iov_len = byte_count};
    struct msghdr message = {
        .msg_iov = &vector,
        .msg_iovlen = 1,
        .msg_control = capacity > 0 ? control.bytes : NULL,
        // CMSG_LEN and not CMSG_SPACE: for an odd capacity the padding would hold one descriptor more than asked for.
        .msg_controllen = capacity > 0 ? CMSG_LEN(capacity * sizeof(int)) : 0,
    };
    ssize_t received = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (received < 0) {
        return received;
    }

    *truncated = (message.msg_flags & MSG_CTRUNC) != 0;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t index = 0; index < count; index++) {
            int descriptor;
            memcpy(&descriptor, CMSG_DATA(header) + index * sizeof(int), sizeof(int));
            if (*descriptor_count < capacity) {
                descriptors[(*descriptor_count)++] = descriptor;
            } else {
                // The buffer has no room for this many; should a kernel ever disagree, nothing leaks.
                close(descriptor);
                *truncated = true;
            }
        }
    }
    return received;
}

ssize_t clinux_send_with_descriptors(int socket, const void *bytes, size_t byte_count, const int *descriptors,
                                     size_t descriptor_count) {
    // A stream carries ancillary data with a byte: sent with none, the descriptors would vanish without an error.
    if (descriptor_count > CLINUX_SEND_DESCRIPTORS_MAX || (descriptor_count > 0 && byte_count == 0)) {
        errno = EINVAL;
        return -1;
    }

    CONTROL_BUFFER(control, CLINUX_SEND_DESCRIPTORS_MAX);
    struct iovec vector = {.iov_base = (void *)bytes, .iov_len = byte_count};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    if (descriptor_count > 0) {
        size_t descriptor_bytes = descriptor_count * sizeof(int);
        // Zeroed, because the padding after an odd number of descriptors goes to the kernel too.
        memset(control.bytes, 0, CMSG_SPACE(descriptor_bytes));
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(descriptor_bytes);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(descriptor_bytes);
        memcpy(CMSG_DATA(header), descriptors, descriptor_bytes);
    }
    return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}
