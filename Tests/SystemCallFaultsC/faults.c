#define _GNU_SOURCE
#include "CSystemCallFaults.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static _Thread_local struct {
    bool is_on;
    enum system_call_fault fault;
    unsigned number;
    unsigned count;
} plan;

void system_call_faults_begin(enum system_call_fault fault, unsigned number) {
    plan.fault = fault;
    plan.number = number;
    plan.count = 0;
    plan.is_on = false;
}

void system_call_faults_pause(int is_paused) {
    plan.is_on = !is_paused;
}

unsigned system_call_faults_end(void) {
    plan.is_on = false;
    return plan.count;
}

/// Which faults a kind of call can have.
enum {
    waits = 1 << system_call_fault_interrupted,
    moves = waits | 1 << system_call_fault_would_block | 1 << system_call_fault_short,
    needs_memory = 1 << system_call_fault_no_memory,
    makes_descriptor = 1 << system_call_fault_no_descriptor,
};

/// Whether this is the call.
static bool is_chosen(unsigned faults) {
    return plan.is_on && faults >> plan.fault & 1 && ++plan.count == plan.number;
}

/// Fails the call; false when it is only to be short.
static bool fails(unsigned faults, bool *is_short) {
    *is_short = false;
    if (!is_chosen(faults)) {
        return false;
    }
    static const int errors[] = {EINTR, EAGAIN, 0, ENOMEM, EMFILE};
    *is_short = plan.fault == system_call_fault_short;
    errno = errors[plan.fault];
    return !*is_short;
}

static size_t at_most_one(size_t byte_count, bool is_short) {
    return is_short && byte_count > 1 ? 1 : byte_count;
}

// MARK: Calls that move bytes

/// A message of which only the first byte that there is goes, with all descriptors.
static ssize_t move_message(long call, int socket, const struct msghdr *message, int flags, bool is_short) {
    if (!is_short) {
        return syscall(call, socket, message, flags);
    }
    for (size_t index = 0; index < message->msg_iovlen; index++) {
        if (message->msg_iov[index].iov_len > 0) {
            struct iovec first = {.iov_base = message->msg_iov[index].iov_base, .iov_len = 1};
            struct msghdr cut = *message;
            cut.msg_iov = &first;
            cut.msg_iovlen = 1;
            ssize_t moved = syscall(call, socket, &cut, flags);
            ((struct msghdr *)message)->msg_flags = cut.msg_flags;
            ((struct msghdr *)message)->msg_controllen = cut.msg_controllen;
            return moved;
        }
    }
    return syscall(call, socket, message, flags);
}

ssize_t sendmsg(int socket, const struct msghdr *message, int flags) {
    bool is_short;
    if (fails(moves | needs_memory, &is_short)) return -1;
    return move_message(SYS_sendmsg, socket, message, flags, is_short);
}

ssize_t recvmsg(int socket, struct msghdr *message, int flags) {
    bool is_short;
    if (fails(moves | needs_memory, &is_short)) return -1;
    return move_message(SYS_recvmsg, socket, message, flags, is_short);
}

ssize_t send(int socket, const void *bytes, size_t byte_count, int flags) {
    bool is_short;
    if (fails(moves | needs_memory, &is_short)) return -1;
    return syscall(SYS_sendto, socket, bytes, at_most_one(byte_count, is_short), flags, NULL, 0);
}

ssize_t recv(int socket, void *bytes, size_t byte_count, int flags) {
    bool is_short;
    if (fails(moves | needs_memory, &is_short)) return -1;
    return syscall(SYS_recvfrom, socket, bytes, at_most_one(byte_count, is_short), flags, NULL, NULL);
}

// Of an eventfd or a timer, which are read and written whole.

ssize_t read(int file, void *bytes, size_t byte_count) {
    bool is_short;
    if (fails(waits, &is_short)) return -1;
    return syscall(SYS_read, file, bytes, byte_count);
}

ssize_t write(int file, const void *bytes, size_t byte_count) {
    bool is_short;
    if (fails(waits, &is_short)) return -1;
    return syscall(SYS_write, file, bytes, byte_count);
}

// MARK: Calls that make, map or watch something

int accept4(int socket, struct sockaddr *address, socklen_t *length, int flags) {
    bool is_short;
    if (fails(waits | 1 << system_call_fault_would_block | needs_memory | makes_descriptor, &is_short)) return -1;
    return (int)syscall(SYS_accept4, socket, address, length, flags);
}

void *mmap(void *address, size_t byte_count, int protection, int flags, int file, off_t offset) {
    bool is_short;
    if (fails(needs_memory, &is_short)) return MAP_FAILED;
    return (void *)syscall(SYS_mmap, address, byte_count, protection, flags, file, offset);
}

int epoll_ctl(int set, int operation, int file, struct epoll_event *event) {
    bool is_short;
    // Only a new entry takes memory.
    if (fails(operation == EPOLL_CTL_ADD ? needs_memory : 0, &is_short)) return -1;
    return (int)syscall(SYS_epoll_ctl, set, operation, file, event);
}

int epoll_wait(int set, struct epoll_event *events, int capacity, int milliseconds) {
    bool is_short;
    if (fails(waits, &is_short)) return -1;
    return (int)syscall(SYS_epoll_pwait, set, events, capacity, milliseconds, NULL, 0);
}
