// What Swift's Glibc module does not import: Linux headers, calls behind _GNU_SOURCE, macros with arguments, and the
// one signal handler of the process. Everything of ours starts with clinux_; one .c file per kernel facility.
//
// Convention, unless a comment says otherwise: the result is that of the system call, -1 with errno set on failure.

#ifndef CLINUX_H
#define CLINUX_H

// No more than that: what is included here belongs to this module as well, and a type that Glibc has too, such as iovec
// in <sys/socket.h>, would then have to be imported from here by everybody.
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/types.h>

// descriptor_passing.c: SCM_RIGHTS on UNIX stream sockets -------------------------------------------------------------

/// The most descriptors that one call receives: four times what the largest vhost-user message carries (8).
#define CLINUX_RECEIVE_DESCRIPTORS_MAX 32

/// The most descriptors that one call sends: the kernel's SCM_MAX_FD, which it exports to nobody.
#define CLINUX_SEND_DESCRIPTORS_MAX 253

/// One recvmsg(2) with MSG_DONTWAIT and MSG_CMSG_CLOEXEC. Writes the descriptors that came along, in order, to
/// `descriptors`; the caller owns them. `*truncated` tells that the sender passed more than arrived here: more than
/// `capacity`, or more than the process may have open. The kernel has closed those.
/// EINVAL when `capacity` is above CLINUX_RECEIVE_DESCRIPTORS_MAX.
ssize_t clinux_receive_with_descriptors(int socket, void *bytes, size_t byte_count, int *descriptors, size_t capacity,
                                        size_t *descriptor_count, bool *truncated);

/// One sendmsg(2) with MSG_DONTWAIT and MSG_NOSIGNAL. The descriptors are borrowed and travel with the first byte.
/// EINVAL when there is no byte for them to travel with, or more than CLINUX_SEND_DESCRIPTORS_MAX of them.
ssize_t clinux_send_with_descriptors(int socket, const void *bytes, size_t byte_count, const int *descriptors,
                                     size_t descriptor_count);

// fault_guard.c: a mapping whose memory goes away does not end the process --------------------------------------------

/// The most ranges guarded at once: 509 regions of a memory table, twice over while a table is replaced.
#define CLINUX_FAULT_GUARD_RANGES_MAX 1024

/// Installs the SIGBUS handler. Further calls do nothing.
void clinux_fault_guard_install(void);

/// Guards [base, base + byte_count); base is a multiple of page_size, a power of two. Returns the number of the guard,
/// or -1 with ENOSPC. Any thread may call.
int clinux_fault_guard_add(const void *base, size_t byte_count, size_t page_size);

/// Ends a guard. Call before munmap(2), so that a later mapping at this address is not taken for this one.
void clinux_fault_guard_remove(int guard);

/// Whether a page of zeros had to be put under an access to the range.
bool clinux_fault_guard_was_hit(int guard);

// memory_file.c: what mmap(2) maps ------------------------------------------------------------------------------------

/// memfd_create(2) with MFD_CLOEXEC and MFD_ALLOW_SEALING.
int clinux_memory_file(const char *name);

/// The page size by which mappings of the file are aligned: that of hugetlbfs, else the machine's. 0 with errno set
/// when fstatfs(2) fails.
size_t clinux_mapping_page_size(int file);

// shared_memory.c: loads that another party may race with -------------------------------------------------------------

/// Copies `length` bytes, reading each byte of the source exactly once, whatever the alignment of the two. Not atomic: the
/// other party can change the source half-way; what it cannot do is make two uses of the copy differ.
void clinux_copy_from_shared(void *destination, const volatile void *source, size_t length);

// socket.c: socket calls behind _GNU_SOURCE ---------------------------------------------------------------------------

/// accept4(2) with SOCK_CLOEXEC and SOCK_NONBLOCK, without the peer's address.
int clinux_accept(int socket);

/// getsockopt(2) with SO_PEERGROUPS: the supplementary groups of who called connect(2). Room for `capacity`; with too
/// little the errno is ERANGE, and `*count` says how many there are.
int clinux_peer_groups(int socket, gid_t *groups, size_t capacity, size_t *count);

/// getsockopt(2) with SO_PEERCRED: who called connect(2), as the kernel saw it at that moment.
int clinux_peer_credentials(int socket, pid_t *process, uid_t *user, gid_t *group);

// terminal.c: pseudo-terminals, behind _GNU_SOURCE --------------------------------------------------------------------

/// posix_openpt(3) with O_CLOEXEC and O_NONBLOCK, unlockpt(3), and ptsname_r(3) into `path`. Returns the master's
/// descriptor, which the caller owns.
int clinux_open_terminal(char *path, size_t capacity);

// thread.c: names of threads ------------------------------------------------------------------------------------------

/// Names the calling thread, as ps(1) and /proc show it; the kernel keeps the first 15 bytes.
void clinux_name_current_thread(const char *name);

/// getrusage(2) with RUSAGE_THREAD: how often the calling thread lost its processor against its will.
long clinux_thread_preemption_count(void);

// landlock.c: what a process may do with files, by itself and without privileges --------------------------------------

/// The kernel's Landlock ABI, 1 and up; -1 with ENOSYS or EOPNOTSUPP when it has none or has it turned off.
int clinux_landlock_abi(void);

/// Makes a ruleset that handles every right the kernel knows: whatever no rule allows is denied, TCP too from ABI 4 on,
/// and from ABI 6 on signals to other processes and connecting to their abstract sockets. Returns its descriptor, which
/// the caller owns.
int clinux_landlock_create(void);

/// Lets everything below `directory` be read.
int clinux_landlock_allow_reading(int ruleset, int directory);

/// Lets sockets and regular files below `directory` be made, read, written and removed.
int clinux_landlock_allow_files(int ruleset, int directory);

/// From here on the ruleset binds the calling thread, and those it starts. Needs no_new_privs.
int clinux_landlock_enforce(int ruleset);

// confinement.c: namespaces and prctl(2) -----------------------------------------------------------------------------

/// Numbers that Swift's Glibc does not import: a flag of open(2), and what a filter of system calls compares with.
enum {
    CLINUX_O_PATH = 0x200000,
    CLINUX_CLONE_THREAD = 0x10000,
    CLINUX_F_GET_SEALS = 1034,
    CLINUX_PR_SET_NAME = 15,
    CLINUX_PR_GET_NAME = 16,
    CLINUX_PR_GET_SECCOMP = 21,
    CLINUX_PR_SET_SECCOMP = 22,
    CLINUX_PR_SET_NO_NEW_PRIVS = 38,
    CLINUX_PR_GET_NO_NEW_PRIVS = 39,
};

/// unshare(2): mounts, network, IPC, host name and cgroups of our own, and a user namespace first when asked for.
int clinux_unshare(bool with_user_namespace);

int clinux_pivot_root(const char *new_root, const char *put_old);

/// prctl(2) with PR_SET_NO_NEW_PRIVS: no program that this one would execute gains rights.
int clinux_forbid_new_privileges(void);

/// prctl(2) with PR_SET_DUMPABLE 0: no core dump, and no debugger but root's.
int clinux_forbid_dumping(void);

/// prctl(2) with PR_SET_MDWE (Linux 6.3): no memory becomes executable.
int clinux_forbid_executable_memory(void);

/// Says on descriptor 2 which call a seccomp filter denied to which thread (SCMP_ACT_TRAP), and ends the process with
/// status 159.
int clinux_report_denied_calls(void);

#endif
