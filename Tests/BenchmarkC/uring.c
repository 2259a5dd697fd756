#define _GNU_SOURCE
#include "CBenchmark.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

// One thread fills the submission queue and empties the completion queue; the kernel moves the other ends.

struct benchmark_uring {
    int descriptor;
    unsigned pending;
    char *rings;
    size_t ring_size, entries_size;
    unsigned submission_mask, completion_mask;
    _Atomic unsigned *submission_tail, *completion_head, *completion_tail;
    struct io_uring_sqe *entries;
    struct io_uring_cqe *completions;
};

static struct benchmark_uring uring;

int benchmark_uring_open(void) {
    struct io_uring_params parameters = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN};
    int descriptor = (int)syscall(SYS_io_uring_setup, 64, &parameters);
    if (descriptor < 0) {
        return -1;
    }
    // The array of indexes is the last thing in the one mapping that both queues share.
    size_t ring_size = parameters.sq_off.array + parameters.sq_entries * sizeof(unsigned);
    size_t entries_size = parameters.sq_entries * sizeof(struct io_uring_sqe);
    char *rings = mmap(NULL, ring_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, descriptor,
                       IORING_OFF_SQ_RING);
    void *entries = mmap(NULL, entries_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, descriptor,
                         IORING_OFF_SQES);
    if (!(parameters.features & IORING_FEAT_SINGLE_MMAP) || rings == MAP_FAILED || entries == MAP_FAILED) {
        close(descriptor);
        errno = ENOMEM;
        return -1;
    }
    unsigned *indexes = (unsigned *)(rings + parameters.sq_off.array);
    for (unsigned i = 0; i < parameters.sq_entries; i++) {
        indexes[i] = i;
    }
    uring = (struct benchmark_uring){
        .descriptor = descriptor,
        .rings = rings,
        .ring_size = ring_size,
        .entries_size = entries_size,
        .submission_mask = parameters.sq_entries - 1,
        .completion_mask = parameters.cq_entries - 1,
        .submission_tail = (_Atomic unsigned *)(rings + parameters.sq_off.tail),
        .completion_head = (_Atomic unsigned *)(rings + parameters.cq_off.head),
        .completion_tail = (_Atomic unsigned *)(rings + parameters.cq_off.tail),
        .entries = entries,
        .completions = (struct io_uring_cqe *)(rings + parameters.cq_off.cqes),
    };
    return 0;
}

void benchmark_uring_close(void) {
    munmap(uring.entries, uring.entries_size);
    munmap(uring.rings, uring.ring_size);
    close(uring.descriptor);
}

static void push(unsigned char operation, int descriptor, const void *address, unsigned length, unsigned flags,
                 uint64_t mark) {
    unsigned tail = atomic_load_explicit(uring.submission_tail, memory_order_relaxed);
    struct io_uring_sqe *entry = &uring.entries[tail & uring.submission_mask];
    memset(entry, 0, sizeof *entry);
    entry->opcode = operation;
    entry->fd = descriptor;
    entry->addr = (uintptr_t)address;
    entry->len = length;
    entry->msg_flags = flags;
    entry->user_data = mark;
    atomic_store_explicit(uring.submission_tail, tail + 1, memory_order_release);
    uring.pending++;
}

void benchmark_uring_send_message(int socket, const struct msghdr *message, uint64_t mark) {
    push(IORING_OP_SENDMSG, socket, message, 1, MSG_NOSIGNAL, mark);
}

void benchmark_uring_receive_message(int socket, struct msghdr *message, uint64_t mark) {
    push(IORING_OP_RECVMSG, socket, message, 1, 0, mark);
}

void benchmark_uring_read(int descriptor, void *bytes, unsigned count, uint64_t mark) {
    push(IORING_OP_READ, descriptor, bytes, count, 0, mark);
}

void benchmark_uring_write(int descriptor, const void *bytes, unsigned count, uint64_t mark) {
    push(IORING_OP_WRITE, descriptor, bytes, count, 0, mark);
}

void benchmark_uring_cancel_all(uint64_t mark) {
    push(IORING_OP_ASYNC_CANCEL, -1, NULL, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL, mark);
}

int benchmark_uring_turn(void) {
    struct __kernel_timespec time = {.tv_nsec = 100000000};
    struct io_uring_getevents_arg argument = {.ts = (uintptr_t)&time};
    long submitted = syscall(SYS_io_uring_enter, uring.descriptor, uring.pending, 1,
                             IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &argument, sizeof argument);
    if (submitted >= 0) {
        uring.pending -= (unsigned)submitted;
        return 0;
    }
    if (errno == ETIME || errno == EINTR) {
        // The entries were taken before the wait began.
        uring.pending = 0;
        return 0;
    }
    return -1;
}

int benchmark_uring_next(uint64_t *mark, int *result) {
    unsigned head = atomic_load_explicit(uring.completion_head, memory_order_relaxed);
    if (head == atomic_load_explicit(uring.completion_tail, memory_order_acquire)) {
        return 0;
    }
    struct io_uring_cqe *completion = &uring.completions[head & uring.completion_mask];
    *mark = completion->user_data;
    *result = completion->res;
    atomic_store_explicit(uring.completion_head, head + 1, memory_order_release);
    return 1;
}
