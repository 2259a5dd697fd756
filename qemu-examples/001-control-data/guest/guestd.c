// The guest's half: takes requests from the control port, files from the data port, and runs what it was sent.
// README.md has the protocol.
//
// usage: guestd CONTROL-PORT DATA-PORT FOLDER
//
// One thread, one poll(2). Nothing here grows with what the host sends, no wait is without an end but the one for a host,
// and nothing that was begun for a host goes on when it has gone.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    max_line = 1024,           // bytes of a request
    max_words = 64,            // words of a request
    max_file = 64 << 20,       // bytes of a file
    output_piece = 3072,       // bytes of a program's output in one answer
    patience_ms = 10 * 1000,   // for a host that neither sends nor reads
    run_limit_ms = 60 * 1000,  // for a program
};

static int control = -1;
static const char *data_port;

// Signals are let in only while we wait: what comes between a look and the wait ends the wait at once.
static sigset_t while_waiting;

// The one program that runs; `pid` is 0 when none does.
static struct {
    pid_t pid;
    int output;  // -1 after its end
    long long deadline;
    char id[33];
} program = {.output = -1};

static void die(const char *what) {
    perror(what);
    exit(1);
}

static long long now_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

// Waits for events, a signal or the deadline; a negative deadline is none.
static void wait_for(struct pollfd *waits, nfds_t count, long long deadline) {
    long long left = deadline < 0 ? 0 : deadline - now_ms();
    if (left < 0) left = 0;
    struct timespec timeout = {.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000};
    if (ppoll(waits, count, deadline < 0 ? NULL : &timeout, &while_waiting) < 0 && errno != EINTR) die("ppoll");
}

// A port without a host hangs up: reads give end of file, writes would wait.
static bool host_is_there(int port) {
    struct pollfd look = {.fd = port};
    return poll(&look, 1, 0) >= 0 && !(look.revents & POLLHUP);
}

// A port tells of its host's coming and going by SIGIO; poll(2) would report a missing host again and again.
static int open_port(const char *path) {
    int port = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (port >= 0 && (fcntl(port, F_SETOWN, getpid()) != 0 || fcntl(port, F_SETFL, O_NONBLOCK | O_ASYNC) != 0)) die(path);
    return port;
}

// MARK: Answers

// Whole, or not at all when the host has gone or does not read: the answer was for it and nobody else.
static void send_line(const char *line, size_t length) {
    long long deadline = now_ms() + patience_ms;
    while (length > 0 && host_is_there(control) && now_ms() < deadline) {
        ssize_t count = write(control, line, length);
        if (count > 0) {
            line += count;
            length -= (size_t)count;
        } else if (count < 0 && errno != EAGAIN && errno != EINTR) {
            die("control port");
        } else {
            wait_for(&(struct pollfd){.fd = control, .events = POLLOUT}, 1, deadline);
        }
    }
}

__attribute__((format(printf, 2, 3))) static void answer(const char *id, const char *format, ...) {
    char line[max_line + 64];
    int length = snprintf(line, sizeof line, "%s ", id);
    va_list arguments;
    va_start(arguments, format);
    length += vsnprintf(line + length, sizeof line - (size_t)length, format, arguments);
    va_end(arguments);
    if (length > (int)sizeof line - 2) length = sizeof line - 2;
    line[length++] = '\n';
    send_line(line, (size_t)length);
}

static void answer_output(const char *id, const unsigned char *bytes, size_t count) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char line[sizeof program.id + sizeof " output \n" + (output_piece + 2) / 3 * 4];
    size_t length = (size_t)sprintf(line, "%s output ", id);
    for (size_t at = 0; at < count; at += 3) {
        size_t left = count - at;
        unsigned group = (unsigned)bytes[at] << 16;
        if (left > 1) group |= (unsigned)bytes[at + 1] << 8;
        if (left > 2) group |= bytes[at + 2];
        line[length++] = digits[group >> 18];
        line[length++] = digits[group >> 12 & 63];
        line[length++] = left > 1 ? digits[group >> 6 & 63] : '=';
        line[length++] = left > 2 ? digits[group & 63] : '=';
    }
    line[length++] = '\n';
    send_line(line, length);
}

// MARK: Words

static bool consists_of(const char *word, const char *letters, size_t longest) {
    size_t length = strlen(word);
    return length > 0 && length <= longest && strspn(word, letters) == length;
}

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// A file of our folder, and no other.
static bool is_name(const char *word) { return word[0] != '.' && consists_of(word, LETTERS ".", 64); }

// MARK: put

// Receives the file from the data port, which is open. Returns what went wrong, or NULL.
static const char *receive(int data, int file, size_t size) {
    static char block[65536];
    size_t done = 0;
    long long deadline = now_ms() + patience_ms;
    while (done < size) {
        ssize_t count = read(data, block, size - done < sizeof block ? size - done : sizeof block);
        if (count > 0) {
            for (ssize_t written = 0, more; written < count; written += more)
                if ((more = write(file, block + written, (size_t)(count - written))) < 0) return strerror(errno);
            done += (size_t)count;
            deadline = now_ms() + patience_ms;
            continue;
        }
        if (count < 0 && errno != EAGAIN && errno != EINTR) return strerror(errno);
        // Before the first byte, an end of file means that the host has not connected yet.
        if (count == 0 && done > 0) return "the host has left in the middle";
        if (now_ms() >= deadline) return "the host sends nothing";
        wait_for(&(struct pollfd){.fd = count == 0 ? -1 : data, .events = POLLIN}, 1, deadline);
    }
    return NULL;
}

// Whether the file has this checksum. Every Linux has sha256sum; `name` has been looked at and needs no quotes.
static bool has_checksum(const char *name, const char *expected) {
    char command[128], found[65] = "";
    snprintf(command, sizeof command, "sha256sum <%s", name);
    FILE *sum = popen(command, "re");
    if (!sum) return false;
    size_t count = fread(found, 1, 64, sum);
    return pclose(sum) == 0 && count == 64 && strcmp(found, expected) == 0;
}

// put NAME SIZE SHA256: the data port is open only while a file comes.
static void put(const char *id, char **words, size_t count) {
    char *end = NULL;
    unsigned long size = count == 4 ? strtoul(words[2], &end, 10) : 0;
    if (count != 4 || *end || !is_name(words[1]) || !consists_of(words[2], "0123456789", 10) ||
        !consists_of(words[3], "0123456789abcdef", 64)) {
        answer(id, "error syntax put NAME SIZE SHA256");
        return;
    }
    if (size > max_file) {
        answer(id, "error too-big at most %d bytes", max_file);
        return;
    }

    char part[80];
    snprintf(part, sizeof part, "%s.part", words[1]);
    int file = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
    int data = file < 0 ? -1 : open_port(data_port);
    if (file < 0) {
        answer(id, "error file %s", strerror(errno));
    } else if (data < 0) {
        answer(id, "error data-port %s", strerror(errno));
    } else {
        answer(id, "ready");
        const char *problem = receive(data, file, size);
        close(data);
        if (problem) answer(id, "error transfer %s", problem);
        else if (!has_checksum(part, words[3])) answer(id, "error checksum what arrived has another one");
        else if (rename(part, words[1]) != 0) answer(id, "error file %s", strerror(errno));
        else answer(id, "ok %lu %s", size, words[3]);
    }
    if (file >= 0) close(file);
    unlink(part);
}

// MARK: run

// The program's own half after fork(2).
static _Noreturn void become(char **words, int output) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);
    dup2(open("/dev/null", O_RDONLY), 0);
    dup2(output, 1);
    dup2(output, 2);
    char path[80];
    snprintf(path, sizeof path, "./%s", words[0]);
    execv(path, words);
    int status = errno == ENOENT ? 127 : 126;
    dprintf(2, "%s: %s\n", words[0], strerror(errno));
    _exit(status);
}

static bool start_program(const char *id, char **words) {
    int output[2];
    if (pipe2(output, O_CLOEXEC) != 0) return false;
    pid_t pid = fork();
    if (pid == 0) become(words, output[1]);
    close(output[1]);
    if (pid < 0) {
        close(output[0]);
        return false;
    }
    // Here too: whoever comes first, it is done before it is needed.
    setpgid(pid, pid);
    fcntl(output[0], F_SETFL, O_NONBLOCK);
    program.pid = pid;
    program.output = output[0];
    program.deadline = now_ms() + run_limit_ms;
    snprintf(program.id, sizeof program.id, "%s", id);
    return true;
}

// run NAME [WORD…]: standard output and errors come back while it runs.
static void run(const char *id, char **words, size_t count) {
    if (count < 2 || !is_name(words[1])) answer(id, "error syntax run NAME [WORD...]");
    else if (program.pid) answer(id, "error busy a program runs");
    else if (!start_program(id, &words[1])) answer(id, "error run %s", strerror(errno));
}

// One piece of output. Returns false when there is none now, or will be none any more.
static bool pass_output(void) {
    unsigned char bytes[output_piece];
    ssize_t count = program.output < 0 ? 0 : read(program.output, bytes, sizeof bytes);
    if (count > 0) answer_output(program.id, bytes, (size_t)count);
    if (count == 0 && program.output >= 0) {
        close(program.output);
        program.output = -1;
    }
    return count > 0;
}

// Ends the program and what is left of its group. Returns how it has ended.
static int end_program(void) {
    int status = 0;
    kill(-program.pid, SIGKILL);
    waitpid(program.pid, &status, 0);
    program.pid = 0;
    if (program.output >= 0) close(program.output);
    program.output = -1;
    return status;
}

// What the program has written, and how it has ended.
static void serve_program(void) {
    if (!program.pid) return;
    if (!host_is_there(control)) {
        end_program();
        return;
    }
    siginfo_t ended = {0};
    bool late = now_ms() >= program.deadline;
    if (!late) waitid(P_PID, (id_t)program.pid, &ended, WEXITED | WNOHANG | WNOWAIT);
    if (!late && ended.si_pid == 0) {
        pass_output();
        return;
    }
    while (!late && pass_output()) continue;
    int status = end_program();
    if (late) answer(program.id, "error timeout it ran for %d seconds", run_limit_ms / 1000);
    else if (WIFEXITED(status)) answer(program.id, "ok exit %d", WEXITSTATUS(status));
    else answer(program.id, "ok signal %d", WTERMSIG(status));
}

// MARK: Requests

// Two hosts can follow each other before we look, and then the port has never been without one: so each says hello.
static void hello(const char *id) {
    if (program.pid) end_program();
    answer(id, "ok");
}

static void stop(const char *id) {
    if (program.pid) kill(-program.pid, SIGKILL);
    answer(id, program.pid ? "ok" : "error idle no program runs");
}

static void serve(char *line) {
    char *words[max_words + 1], *rest = line, *word;
    size_t count = 0;
    while ((word = strsep(&rest, " ")) && count < max_words)
        if (*word) words[count++] = word;
    words[count] = NULL;
    // A host begins with an empty line, which ends what one before it may have left.
    if (count == 0) return;
    const char *id = words[0], *verb = count > 1 ? words[1] : "";
    if (word || !consists_of(id, LETTERS, sizeof program.id - 1)) answer("-", "error syntax ID VERB [WORD...]");
    else if (strcmp(verb, "hello") == 0) hello(id);
    else if (strcmp(verb, "put") == 0) put(id, &words[1], count - 1);
    else if (strcmp(verb, "run") == 0) run(id, &words[1], count - 1);
    else if (strcmp(verb, "stop") == 0) stop(id);
    else answer(id, "error verb hello, put, run or stop");
}

// One request, if a whole line is there; the rest of one is kept for the next time.
static void read_request(void) {
    static char line[max_line];
    static size_t length;
    static bool too_long;
    char byte;
    ssize_t count;
    while ((count = read(control, &byte, 1)) > 0 && byte != '\n') {
        if (length + 1 < sizeof line) line[length++] = byte ? byte : '?';
        else too_long = true;
    }
    if (count < 0) {
        if (errno != EAGAIN && errno != EINTR) die("control port");
        return;
    }
    line[length] = '\0';
    if (count > 0 && too_long) answer("-", "error too-long at most %d bytes", max_line - 1);
    else if (count > 0) serve(line);
    // At the end of a line, and when the host has gone.
    length = 0;
    too_long = false;
}

static void woken(int signal) { (void)signal; }

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: guestd CONTROL-PORT DATA-PORT FOLDER\n");
        return 64;
    }
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGIO);
    sigaddset(&blocked, SIGCHLD);
    sigprocmask(SIG_BLOCK, &blocked, &while_waiting);
    struct sigaction action = {.sa_handler = woken};
    sigaction(SIGIO, &action, NULL);
    sigaction(SIGCHLD, &action, NULL);

    data_port = argv[2];
    control = open_port(argv[1]);
    if (control < 0) die(argv[1]);
    if ((mkdir(argv[3], 0700) != 0 && errno != EEXIST) || chdir(argv[3]) != 0) die(argv[3]);

    for (;;) {
        struct pollfd waits[] = {
            {.fd = host_is_there(control) ? control : -1, .events = POLLIN},
            {.fd = program.output, .events = POLLIN},
        };
        wait_for(waits, 2, program.pid ? program.deadline : -1);
        // A host's first words can be there before the kernel says that it is; the answer to them would be lost.
        if (host_is_there(control)) read_request();
        serve_program();
    }
}
