// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A client that connects as often as it can: unmodified, blocking, linked as programs are, so that
 * every tool that redirects programs works on it.
 *
 *     client ADDRESS PORT        of bench/server.c
 *
 * Says "ready", then reads commands, one a line, and answers each with a line:
 *
 *     check            one connection: the byte that the server sent
 *     threads N MS     N threads connect for so long, each one connection after the other
 *     processes N MS   the same by N processes
 *         how many connections there were, how many failed, the nanoseconds from the common start to the last one's
 *         end; then the 10th, 50th, 90th and 99th percentile of the nanoseconds that connect(2) took;
 *         then those of the time from before connect(2) until the first byte was read
 *
 * The two times tell tools apart that return from connect(2) before there is a connection.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	WORKERS_MAX = 256,
	SAMPLES_MAX = 16384, /* of one worker; what is more is only counted */
};

struct sample {
	uint64_t connected, heard;
};

/* Shared between processes; pages of samples that are never written take no memory. */
struct worker {
	uint64_t count, failed;
	uint64_t end;
	struct sample samples[SAMPLES_MAX];
};

struct run {
	pthread_barrier_t start;
	uint64_t duration;
	struct sockaddr_storage server;
	socklen_t server_size;
	struct worker workers[WORKERS_MAX];
};

struct job {
	struct run *run;
	struct worker *worker;
};

static uint64_t nsec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* One connection. Return: whether the server was heard. */
static int connect_once(const struct run *run, struct sample *ret, uint8_t *ret_byte)
{
	const struct linger reset = {.l_onoff = 1};
	int fd = socket(run->server.ss_family, SOCK_STREAM, 0);
	uint64_t began;
	int ok;

	if (fd < 0)
		err(1, "socket");
	began = nsec();
	ok = connect(fd, (const struct sockaddr *)&run->server, run->server_size) == 0;
	ret->connected = nsec() - began;
	ok = ok && recv(fd, ret_byte, 1, 0) == 1;
	ret->heard = nsec() - began;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
	return ok;
}

static void *work(void *argument)
{
	const struct job *job = argument;
	struct worker *worker = job->worker;
	uint64_t until;

	pthread_barrier_wait(&job->run->start);
	until = nsec() + job->run->duration;
	do {
		struct sample sample;
		uint8_t byte;

		if (!connect_once(job->run, &sample, &byte)) {
			worker->failed++;
		} else {
			if (worker->count < SAMPLES_MAX)
				worker->samples[worker->count] = sample;
			worker->count++;
		}
		worker->end = nsec();
	} while (worker->end < until);
	return NULL;
}

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void print_percentiles(uint64_t *values, size_t count)
{
	static const unsigned int percentiles[] = {10, 50, 90, 99};

	qsort(values, count, sizeof(*values), compare);
	for (size_t i = 0; i < sizeof(percentiles) / sizeof(percentiles[0]); i++)
		printf(" %ju", count ? (uintmax_t)values[(count - 1) * percentiles[i] / 100] : 0);
}

static void report(const struct run *run, size_t workers, uint64_t began)
{
	uint64_t count = 0, failed = 0, end = began;
	size_t samples = 0, used = 0;
	uint64_t *connected, *heard;

	for (size_t i = 0; i < workers; i++) {
		const struct worker *worker = &run->workers[i];

		count += worker->count;
		failed += worker->failed;
		samples += worker->count < SAMPLES_MAX ? worker->count : SAMPLES_MAX;
		if (worker->end > end)
			end = worker->end;
	}
	connected = calloc(samples + 1, sizeof(*connected));
	heard = calloc(samples + 1, sizeof(*heard));
	if (!connected || !heard)
		err(1, "samples");
	for (size_t i = 0; i < workers; i++) {
		const struct worker *worker = &run->workers[i];

		for (uint64_t j = 0; j < worker->count && j < SAMPLES_MAX; j++, used++) {
			connected[used] = worker->samples[j].connected;
			heard[used] = worker->samples[j].heard;
		}
	}
	printf("%ju %ju %ju", (uintmax_t)count, (uintmax_t)failed, (uintmax_t)(end - began));
	print_percentiles(connected, used);
	print_percentiles(heard, used);
	puts("");
	free(connected);
	free(heard);
}

static void run_many(struct run *run, size_t workers, uint64_t duration, int processes)
{
	pthread_barrierattr_t shared;
	pthread_barrier_t *const start = &run->start;
	struct job jobs[WORKERS_MAX];
	pthread_t threads[WORKERS_MAX];
	pid_t children[WORKERS_MAX];
	uint64_t began;

	run->duration = duration;
	pthread_barrierattr_init(&shared);
	pthread_barrierattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(start, &shared, (unsigned int)workers + 1);
	pthread_barrierattr_destroy(&shared);
	for (size_t i = 0; i < workers; i++) {
		struct worker *worker = &run->workers[i];

		worker->count = worker->failed = worker->end = 0;
		jobs[i] = (struct job){.run = run, .worker = worker};
		if (processes) {
			children[i] = fork();
			if (children[i] < 0)
				err(1, "fork");
			if (children[i] == 0) {
				work(&jobs[i]);
				_exit(0);
			}
		} else if (pthread_create(&threads[i], NULL, work, &jobs[i])) {
			errx(1, "cannot make a thread");
		}
	}
	pthread_barrier_wait(start);
	began = nsec();
	for (size_t i = 0; i < workers; i++) {
		int status;

		if (!processes)
			pthread_join(threads[i], NULL);
		else if (waitpid(children[i], &status, 0) != children[i] || status)
			errx(1, "a process of the client failed");
	}
	pthread_barrier_destroy(start);
	report(run, workers, began);
}

static void check(const struct run *run)
{
	struct sample sample;
	uint8_t byte;

	if (!connect_once(run, &sample, &byte))
		err(1, "no byte from the server");
	printf("%u\n", byte);
}

static void prepare(struct run *run, char **argv)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&run->server;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&run->server;
	const in_port_t port = htons((uint16_t)atoi(argv[2]));

	if (inet_pton(AF_INET, argv[1], &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = port;
		run->server_size = sizeof(*in);
	} else if (inet_pton(AF_INET6, argv[1], &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = port;
		run->server_size = sizeof(*in6);
	} else {
		errx(2, "%s: not an address", argv[1]);
	}
}

int main(int argc, char **argv)
{
	struct run *run;
	char *line = NULL;
	size_t room = 0;

	if (argc != 3)
		errx(2, "usage: client ADDRESS PORT");
	run = mmap(NULL, sizeof(*run), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (run == MAP_FAILED)
		err(1, "mmap");
	prepare(run, argv);
	puts("ready");
	fflush(stdout);
	while (getline(&line, &room, stdin) > 0) {
		char name[16] = "";
		unsigned int workers = 0, milliseconds = 0;

		sscanf(line, "%15s %u %u", name, &workers, &milliseconds);
		if (strcmp(name, "check") == 0)
			check(run);
		else if ((strcmp(name, "threads") == 0 || strcmp(name, "processes") == 0) &&
			 workers > 0 && workers <= WORKERS_MAX)
			run_many(run, workers, milliseconds * 1000000ULL, name[0] == 'p');
		else
			errx(2, "what is %s", line);
		fflush(stdout);
	}
	free(line);
	munmap(run, sizeof(*run));
	return 0;
}
