// What the benchmark needs of Linux behind _GNU_SOURCE. Result and errno are those of the system call.

#ifndef CBENCHMARK_H
#define CBENCHMARK_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/// sched_setaffinity(2): the calling thread, and those it starts, run on this processor only.
int benchmark_pin_thread(int processor);

/// pidfd_getfd(2): our own duplicate of a descriptor of another process.
int benchmark_duplicate_descriptor(pid_t process, int descriptor);

/// The processor time of a whole process, ended threads included, in nanoseconds; 0 when there is no such process.
uint64_t benchmark_process_nanoseconds(pid_t process);

// io_uring, for what a device would gain from it. One ring at a time, used by the thread that opened it. A mark comes
// back with the completion; messages and bytes must live until then.

/// Makes the ring. 0, or -1 with errno.
int benchmark_uring_open(void);
/// Ends it; nothing may be under way.
void benchmark_uring_close(void);
void benchmark_uring_send_message(int socket, const struct msghdr *message, uint64_t mark);
void benchmark_uring_receive_message(int socket, struct msghdr *message, uint64_t mark);
void benchmark_uring_read(int descriptor, void *bytes, unsigned count, uint64_t mark);
void benchmark_uring_write(int descriptor, const void *bytes, unsigned count, uint64_t mark);
void benchmark_uring_cancel_all(uint64_t mark);

/// Hands over what was asked for and waits for one completion, a tenth of a second at most. 0, or -1 with errno.
int benchmark_uring_turn(void);

/// Takes one completion. 1, or 0 when there is none; the result is negative for an errno.
int benchmark_uring_next(uint64_t *mark, int *result);

#endif
