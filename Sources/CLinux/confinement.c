#define _GNU_SOURCE
#include "CLinux.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PR_SET_MDWE // Linux 6.3
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

_Static_assert(CLINUX_O_PATH == O_PATH && CLINUX_CLONE_THREAD == CLONE_THREAD && CLINUX_F_GET_SEALS == F_GET_SEALS &&
                   CLINUX_PR_SET_NAME == PR_SET_NAME && CLINUX_PR_GET_NAME == PR_GET_NAME &&
                   CLINUX_PR_GET_SECCOMP == PR_GET_SECCOMP &&
                   CLINUX_PR_SET_SECCOMP == PR_SET_SECCOMP && CLINUX_PR_SET_NO_NEW_PRIVS == PR_SET_NO_NEW_PRIVS &&
                   CLINUX_PR_GET_NO_NEW_PRIVS == PR_GET_NO_NEW_PRIVS,
               "the kernel's numbers");

int clinux_unshare(bool with_user_namespace) {
    int namespaces = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
    return unshare(namespaces | (with_user_namespace ? CLONE_NEWUSER : 0));
}

int clinux_pivot_root(const char *new_root, const char *put_old) {
    return (int)syscall(SYS_pivot_root, new_root, put_old);
}

int clinux_forbid_new_privileges(void) {
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

int clinux_forbid_dumping(void) {
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

int clinux_forbid_executable_memory(void) {
    return prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0);
}

// Decimal digits of `number` into `text`; returns how many. No printf(3): it takes locks.
static size_t write_number(char *text, unsigned number) {
    char reversed[12];
    size_t count = 0;
    do {
        reversed[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    for (size_t i = 0; i < count; i++) {
        text[i] = reversed[count - 1 - i];
    }
    return count;
}

static void append(char *line, size_t *length, const char *text) {
    size_t count = strlen(text);
    memcpy(line + *length, text, count);
    *length += count;
}

// Runs in place of the denied call, on the thread that made it. Only prctl(2), write(2) and _exit(2) are called.
static void report_denied_call(int signal_number, siginfo_t *information, void *context) {
    (void)signal_number;
    (void)context;
    char name[17] = "";
    prctl(PR_GET_NAME, name);
    char line[128];
    size_t length = 0;
    append(line, &length, "vhost-user-serial: critical: the seccomp filter denied system call ");
    length += write_number(line + length, (unsigned)information->si_syscall);
    append(line, &length, " of thread ");
    append(line, &length, name);
    append(line, &length, "\n");
    ssize_t ignored = write(STDERR_FILENO, line, length);
    (void)ignored;
    _exit(128 + SIGSYS);
}

int clinux_report_denied_calls(void) {
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_NODEFER, .sa_sigaction = report_denied_call};
    sigemptyset(&action.sa_mask);
    return sigaction(SIGSYS, &action, NULL);
}
