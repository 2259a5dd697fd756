/* The guest's half of the benchmark. The host's half is in Tests/Benchmark/Guest.
 *
 * bench write BYTES SECONDS PORT...  writes BYTES at a time to all PORTs at once for SECONDS
 * bench read BYTES SECONDS PORT      reads up to BYTES at a time and counts for SECONDS, after WARM_UP
 * bench both BYTES SECONDS PORT      both at once
 * bench echo BYTES 0 PORT            sends back what it reads
 * bench verify BYTES 0 PORT          sends and receives BYTES in irregular pieces, both at once, with checksums
 *
 * A PORT is a device file, or vsock:NUMBER. In what is timed every byte is 0 but the last one of a stream, which is 1.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* What is not counted: until caches are warm and both sides run. The same as on the host. */
static const double WARM_UP = 0.3;
/* How long a writer goes on after the host has stopped to count. */
static const double AFTER = 0.3;

static const char *name;
static size_t size;
static double seconds;
static char *buffer;

/* Set by the timer, so that the loops make no system call to see the time. */
static volatile sig_atomic_t rings;

static void ring(int signal)
{
	(void)signal;
	rings++;
}

/* Lets the timer ring after `first` seconds and then every `period` seconds. */
static void set_timer(double first, double period)
{
	struct sigaction action = { .sa_handler = ring, .sa_flags = SA_RESTART };
	struct itimerval timer = {
		.it_value = { (time_t)first, (suseconds_t)((first - (time_t)first) * 1e6) },
		.it_interval = { (time_t)period, (suseconds_t)((period - (time_t)period) * 1e6) },
	};
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static int open_port(void)
{
	struct sockaddr_vm host = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST };
	struct termios terminal;
	int port;

	if (sscanf(name, "vsock:%u", &host.svm_port) == 1) {
		port = socket(AF_VSOCK, SOCK_STREAM, 0);
		if (port < 0 || connect(port, (struct sockaddr *)&host, sizeof(host)))
			err(1, "%s", name);
		return port;
	}
	port = open(name, O_RDWR | O_NOCTTY);
	if (port < 0)
		err(1, "%s", name);
	if (isatty(port)) {
		tcgetattr(port, &terminal);
		cfmakeraw(&terminal);
		tcsetattr(port, TCSANOW, &terminal);
	}
	return port;
}

/* Writes all of it: a write may take less. */
static void put(int port, const char *bytes, size_t count)
{
	while (count) {
		ssize_t n = write(port, bytes, count);
		if (n <= 0)
			err(1, "write");
		bytes += n;
		count -= n;
	}
}

/* At least one byte. */
static size_t get(int port, char *bytes, size_t count)
{
	ssize_t n = read(port, bytes, count);
	if (n <= 0)
		err(1, "read: %zd", n);
	return n;
}

static void write_for_seconds(int port)
{
	uint64_t total = 1;

	set_timer(WARM_UP + seconds + AFTER, 0);
	for (; !rings; total += size)
		put(port, buffer, size);
	put(port, "\1", 1);
	printf("%s sent %llu\n", name, (unsigned long long)total);
}

/* The host starts when it gets a byte. */
static void say_ready(int port)
{
	put(port, "", 1);
}

static void read_to_end(int port)
{
	uint64_t total, counted_from = 0, counted = 0;
	double start = 0, end = 0;
	int rung = 0;
	size_t n;

	for (total = 0;; total += n) {
		n = get(port, buffer, size);
		if (total == 0)
			set_timer(WARM_UP, seconds);
		if (rung != rings) {
			rung = rings;
			if (!start) {
				start = now();
				counted_from = total;
			} else if (!end) {
				end = now();
				counted = total - counted_from;
			}
		}
		if (buffer[n - 1])
			break;
	}
	printf("%s received %llu counted %llu us %.0f\n", name, (unsigned long long)(total + n),
	       (unsigned long long)counted, (end - start) * 1e6);
}

static void echo(int port)
{
	size_t n;

	do {
		n = get(port, buffer, size);
		put(port, buffer, n);
	} while (!buffer[n - 1]);
}

/* FNV-1a: the next checksum after `count` more bytes. */
static uint64_t add(uint64_t checksum, const char *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		checksum = (checksum ^ (unsigned char)bytes[i]) * 0x100000001b3;
	return checksum;
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static const uint64_t FNV_START = 0xcbf29ce484222325;
enum { PIECE = 32768 };

static void write_pattern(int port)
{
	static uint64_t piece[PIECE / 8];
	uint64_t state = 0x9e3779b97f4a7c15, checksum = FNV_START;

	for (size_t left = size; left;) {
		size_t count = 1 + next_random(&state) % PIECE;
		if (count > left)
			count = left;
		for (size_t i = 0; i < (count + 7) / 8; i++)
			piece[i] = next_random(&state);
		checksum = add(checksum, (char *)piece, count);
		put(port, (char *)piece, count);
		left -= count;
	}
	printf("%s sent %zu checksum %llx\n", name, size, (unsigned long long)checksum);
}

static void read_pattern(int port)
{
	static char piece[PIECE];
	uint64_t checksum = FNV_START;

	for (size_t left = size, n; left; left -= n) {
		n = get(port, piece, left < PIECE ? left : PIECE);
		checksum = add(checksum, piece, n);
	}
	printf("%s received %zu checksum %llx\n", name, size, (unsigned long long)checksum);
}

/* Runs `work` in a process of its own. */
static void spawn(void (*work)(int), int port)
{
	pid_t child = fork();
	if (child < 0)
		err(1, "fork");
	if (child)
		return;
	work(port);
	exit(0);
}

static int wait_for_all(void)
{
	int status, failures = 0;

	while (wait(&status) > 0)
		failures += status != 0;
	return failures != 0;
}

int main(int count, char **arguments)
{
	if (count < 5)
		errx(2, "usage: bench write|read|both|echo|verify BYTES SECONDS PORT...");
	const char *work = arguments[1];
	size = strtoul(arguments[2], NULL, 10);
	seconds = strtod(arguments[3], NULL);
	buffer = calloc(1, size);
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);

	for (int i = 4; i < count; i++) {
		name = arguments[i];
		int port = open_port();
		if (!strcmp(work, "write") || !strcmp(work, "both"))
			spawn(write_for_seconds, port);
		if (!strcmp(work, "read"))
			say_ready(port);
		if (!strcmp(work, "read") || !strcmp(work, "both"))
			spawn(read_to_end, port);
		if (!strcmp(work, "echo"))
			spawn(echo, port);
		if (!strcmp(work, "verify")) {
			spawn(write_pattern, port);
			spawn(read_pattern, port);
		}
	}
	return wait_for_all();
}
