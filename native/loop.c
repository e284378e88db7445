/*
 * The tracer thread: it forks or seizes, waits for stops, acts, and ends when the traced tree is empty.
 *
 * It waits with waitpid(__WALL | __WNOTHREAD) and not through a signalfd: inside Node other threads
 * leave SIGCHLD unblocked and take it away, and with a filter most stops are answered within a few
 * microseconds, so that one system call per stop is what counts. A timer signal of its own, directed to
 * this thread, interrupts the wait for what is due now and then: writing what waits, requests to stop.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "act.h"
#include "attach.h"
#include "calls.h"
#include "content.h"
#include "doors.h"
#include "emit.h"
#include "endure.h"
#include "errand.h"
#include "filter.h"
#include "guardian.h"
#include "hashing.h"
#include "header.h"
#include "holding.h"
#include "lineage.h"
#include "process.h"
#include "registers.h"
#include "respond.h"
#include "scan.h"
#include "spawn.h"
#include "walk.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif
#define TICK_SIGNAL (SIGRTMIN + 9)
#define TICK_NS 100000000L
#define LIVE_EPOCH_NS 60000000000u

/*
 * The signal may come while the thread does not wait: then the next wait is preceded by the tick.
 * Set by a signal handler, so its address must not need memory: in a library that was loaded late the
 * first use of a thread's variable calls malloc, which the interrupted fork or malloc holds locked.
 */
static _Thread_local volatile sig_atomic_t tick_due __attribute__((tls_model("initial-exec")));

static void on_tick_signal(int signal)
{
	(void)signal;
	tick_due = 1;
}

static timer_t start_ticking(struct tracer *tracer)
{
	struct sigaction action = {.sa_handler = on_tick_signal};
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = TICK_SIGNAL};
	struct itimerspec period = {.it_interval = {0, TICK_NS}, .it_value = {0, TICK_NS}};
	sigset_t mask;
	timer_t timer;

	sigaction(TICK_SIGNAL, &action, NULL);
	event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
	must(!timer_create(CLOCK_MONOTONIC, &event, &timer));
	timer_settime(timer, 0, &period, NULL);
	/* All else belongs to the other threads; SIGXFSZ of a full disk quota is told by write(). */
	sigfillset(&mask);
	sigdelset(&mask, TICK_SIGNAL);
	/*
	 * Each stop would send SIGCHLD. Where it is blocked it is not ignored but wakes another thread, at
	 * the price of a second context switch; with SA_NOCLDSTOP it is not even sent. Whoever handles it
	 * here (libuv) asks for deaths only.
	 */
	sigaction(SIGCHLD, NULL, &tracer->child_action);
	action = tracer->child_action;
	action.sa_flags |= SA_NOCLDSTOP;
	sigaction(SIGCHLD, &action, NULL);
	if (action.sa_handler == SIG_DFL)
		sigdelset(&mask, SIGCHLD);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	return timer;
}

static void disk_full_words(struct frame *frame, void *context)
{
	struct tracer *tracer = context;
	uint64_t now = boot_time();

	emit_clock(tracer, 0);
	emit_gap(frame, GAP_DISK_FULL, 0, UINT64_MAX, now, now);
	emit_end(frame, END_DISK_FULL, 0xffffffff);
}

/* The sink failed while the program runs: the recording is closed in good order, the program goes on. */
static void close_recording(struct tracer *tracer)
{
	int error = tracer->sink.error;
	uint64_t whole = tracer->frame.kept;

	if (error == EPIPE || error == 0 || tracer->sink.plain) {
		fail(&tracer->failure, 125, "sink-failed", error, "the reader of the stream went away; the program goes on unrecorded");
		return;
	}
	if (frame_last_words(&tracer->frame, disk_full_words, tracer) && sink_finish(&tracer->sink, &tracer->failure))
		fail(&tracer->failure, 125, "disk-full", error, "the recording ends early, after %llu events; the program goes on unrecorded", (unsigned long long)whole);
	else
		fail(&tracer->failure, 125, "disk-full", error, "the recording could not be finished; the program goes on unrecorded");
	sink_close(&tracer->sink);
}

static void checkpoint_when_due(struct tracer *tracer)
{
	if (frame_wants_checkpoint(&tracer->frame))
		snapshot_write(tracer);
}

static void on_tick(struct tracer *tracer)
{
	uint64_t now = boot_time();

	act_adopt(tracer);
	errand_look(0);
	holding_tick(now);
	scan_tick(tracer, now);
	frame_flush(&tracer->frame);
	if (tracer->channel) {
		respond(tracer);
		checkpoint_when_due(tracer);
	}
	if (tracer->channel || tracer->sink.plain) {
		if (now > tracer->next_checkpoint) {
			snapshot_write(tracer);
			tracer->next_checkpoint = now + LIVE_EPOCH_NS;
		}
	}
	if (tracer->deadline && now >= tracer->deadline)
		atomic_store(&tracer->stop_wanted, 1);
	atomic_store_explicit(&tracer->counters.bytes, tracer->frame.bytes, memory_order_relaxed);
	atomic_store_explicit(&tracer->counters.cut, tracer->frame.cut, memory_order_relaxed);
}

/* So many tasks make it dearer to add up the times of all threads of a process at each stop of one than to look first. */
#define CROWD 32

/* wait4() for any of ours. In a crowd, *usage is filled only at a death, which is where it is wanted. */
static pid_t take_stop(const struct tracer *tracer, int *status, int options, struct rusage *usage)
{
	siginfo_t found = {0};
	pid_t tid;

	options |= __WALL | __WNOTHREAD;
	if (tracer->task_count < CROWD)
		return wait4(-1, status, options, usage);
	if (waitid(P_ALL, 0, &found, options | WEXITED | WSTOPPED | WNOWAIT))
		return -1;
	tid = found.si_pid;
	if (!tid)
		return 0;
	if (found.si_code == CLD_EXITED || found.si_code == CLD_KILLED || found.si_code == CLD_DUMPED) {
		tid = wait4(tid, status, __WALL | __WNOTHREAD | WNOHANG, usage);
	} else {
		found.si_pid = 0;
		tid = waitid(P_PID, (id_t)tid, &found, WSTOPPED | __WALL | __WNOTHREAD | WNOHANG) ? -1 : found.si_pid;
		*status = found.si_status << 8 | 0x7f;
	}
	/* Killed, or renumbered by an exec, since we looked: we look again. */
	if (!tid || (tid < 0 && errno == ECHILD)) {
		errno = EINTR;
		return -1;
	}
	return tid;
}

/* Waits for the next stop. False: nothing is traced any more, or we were told to end. */
static bool next_stop(struct tracer *tracer, struct stop *stop, struct rusage *usage)
{
	/* Live: what is written is handed on as soon as there is nothing else to do. */
	bool eager = tracer->channel || tracer->sink.plain;

	for (;;) {
		int status;
		pid_t tid = -1;

		if (tick_due) {
			tick_due = 0;
			on_tick(tracer);
			if (atomic_load(&tracer->stop_wanted) && !tracer->detaching) {
				if (!tracer->attached)
					return false;
				attach_end(tracer);
			}
		}
		if (eager && tracer->frame.used) {
			tid = take_stop(tracer, &status, WNOHANG, usage);
			if (tid == 0)
				frame_flush(&tracer->frame);
		}
		if (tid <= 0)
			tid = take_stop(tracer, &status, 0, usage);
		if (tid > 0) {
			*stop = stop_classify(tid, status);
			return true;
		}
		if (errno == ECHILD)
			return false;
		if (errno != EINTR) {
			fail(&tracer->failure, 125, "internal-error", errno, "cannot wait for the program");
			return false;
		}
	}
}

/*
 * One line on standard error (or --message-fd), once in the life of a tracer: whoever believes that a program
 * is watched should know that it is not. `how`: "yet" at the start, "at all" at the end.
 */
static void tell_unobserved(struct tracer *tracer, const char *how)
{
	const struct options *o = &tracer->options;
	char text[1024];
	int length;

	tracer->told_unobserved = true;
	length = snprintf(text, sizeof(text), "not-observed\n%s is not observed %s: no agent took the stream at \"%s\"", o->pid_count ? "what is traced" : "the program", how, o->channel);
	if (!strcmp(how, "yet") && length < (int)sizeof(text))
		length += snprintf(text + length, sizeof(text) - (size_t)length, " within %d ms (%s), and it is tried again", o->wait_ms, *channel_problem(tracer->channel) ? channel_problem(tracer->channel) : "it does not answer");
	if (length < (int)sizeof(text))
		snprintf(text + length, sizeof(text) - (size_t)length, "; start one (seccam agent start), name another (--socket, --probe-addr), or do not run without (--on-no-agent refuse)");
	say(o->message_fd, text);
}

static bool open_sink(struct tracer *tracer)
{
	struct options *o = &tracer->options;

	if (o->output)
		return sink_open_file(&tracer->sink, o->output, o->force, &tracer->failure);
	if (o->channel) {
		struct channel_options wanted = {.address = o->channel, .hello_json = o->hello, .ring_bytes = o->buffer, .wait_ms = o->wait_ms};
		char token[4096], *hello;
		int error;

		if (o->token_file) {
			ssize_t length = facts_file(o->token_file, token, sizeof(token));
			if (length <= 0) {
				fail(&tracer->failure, 125, "bad-option", errno, "cannot read \"%s\"", o->token_file);
				return false;
			}
			token[strcspn(token, "\r\n")] = 0;
			wanted.token = token;
		}
		hello = o->hello ? NULL : respond_hello(o);
		if (hello)
			wanted.hello_json = hello;
		error = channel_open(&tracer->channel, &wanted);
		free(hello);
		if (!tracer->channel && (error == -ENOKEY || error == -ENOTSUP)) {
			fail(&tracer->failure, 125, "bad-option", 0, error == -ENOKEY ? "\"%s\" is not a loopback address, so the link is encrypted: give the agent's secret with --token-file" :
			     "\"%s\" wants an encrypted link, which this executable was built without: share the agent's Unix socket, or build it where libmbedtls-dev is installed", o->channel);
			return false;
		}
		if (error == -EINVAL && !tracer->channel) {
			fail(&tracer->failure, 125, "bad-option", 0, "\"%s\" is no address of an agent: want unix:PATH, a path, HOST:PORT with a number for the host, or tls:HOST:PORT", o->channel);
			return false;
		}
		if (!tracer->channel || (error && o->require_agent)) {
			fail(&tracer->failure, 125, "no-agent", 0, "no agent at \"%s\" (%s)", o->channel, tracer->channel ? channel_problem(tracer->channel) : "");
			return false;
		}
		if (error && o->wait_ms > 0)
			tell_unobserved(tracer, "yet");
		else if (o->verbose)
			dprintf(2, "seccam-trace: %s \"%s\"\n", error ? "no agent yet at" : "an agent listens at", o->channel);
		channel_wake_thread(tracer->channel, pthread_self(), TICK_SIGNAL);
		sink_open_channel(&tracer->sink, tracer->channel);
		return true;
	}
	sink_open_descriptor(&tracer->sink, o->fd);
	fcntl(o->fd, F_SETFD, FD_CLOEXEC);
	return true;
}

static bool begin_wrap(struct tracer *tracer)
{
	struct filter *filter = grab(sizeof(*filter));
	struct process *process;
	struct task *task;
	struct standing standing;
	bool spawned;

	filter_build(filter, tracer->selection);
	spawned = spawn_program(tracer, filter);
	free(filter);
	if (!spawned)
		return false;
	process = process_new(tracer, tracer->main_pid, NULL);
	process->first = true;
	process->ppid = tracer->own_pid;
	if (facts_standing(tracer->main_pid, &standing))
		process->start_time = standing.start_time;
	process->image = image_of_running(tracer, process, tracer->main_pid);
	process_standing(tracer, process);
	task = task_add(tracer, tracer->main_pid);
	task->starting = task->seen_stop = true;
	task_join(tracer, task, process);
	return true;
}

static void prepare(struct tracer *tracer)
{
	struct namespaces own;

	tracer->own_pid = getpid();
	tracer->thread_id = (pid_t)syscall(SYS_gettid);
	tracer->main_status = -1;
	errand_begin();
	doors_begin();
	tracer->report = -1;
	tracer->attached = tracer->options.pid_count > 0;
	tracer->use_filter = !tracer->options.disable_seccomp && !tracer->attached;
	tracer->has_syscall_info = !(tracer->options.without & FEATURE_SYSCALL_INFO) && registers_modern();
	if (tracer->options.without & FEATURE_OPENAT2)
		walk_without_openat2();
	if (facts_namespaces(tracer->own_pid, &own))
		tracer->own_pid_namespace = own.inode[NS_PID];
	if (tracer->options.duration_ms)
		tracer->deadline = boot_time() + tracer->options.duration_ms * 1000000u;
}

static void finish(struct tracer *tracer)
{
	if (!tracer->frame.closed) {
		uint32_t reason = atomic_load(&tracer->stop_wanted) ? (tracer->deadline ? END_DURATION_OVER : END_DETACHED) : END_TREE_EMPTY;

		emit_counters(tracer);
		emit_end(&tracer->frame, reason, (uint32_t)tracer->main_status);
		frame_footer(&tracer->frame);
	}
	if (tracer->frame.closed && tracer->sink.fd >= 0 && !tracer->failure.status)
		close_recording(tracer);
	else if (!tracer->frame.closed)
		sink_finish(&tracer->sink, &tracer->failure);
	atomic_store(&tracer->counters.bytes, tracer->frame.bytes);
	atomic_store(&tracer->counters.events, tracer->frame.events);
	atomic_store(&tracer->counters.cut, tracer->frame.cut);
}

static void release(struct tracer *tracer)
{
	guardian_end(tracer);
	for (unsigned n = 0; n < TASK_BUCKETS; n++)
		while (tracer->buckets[n])
			task_remove(tracer, tracer->buckets[n]);
	scan_free(tracer);
	lineage_free(tracer);
	for (unsigned n = 0; n < tracer->context_count; n++)
		free(tracer->contexts[n]);
	free(tracer->contexts);
	free(tracer->scratch);
	free(tracer->selection);
	mounts_forget(&tracer->mounts);
	process_accounts_free();
	content_free();
	frame_close(&tracer->frame);
	sink_close(&tracer->sink);
	if (tracer->channel)
		respond_to_the_last(tracer);
	hashing_end(tracer->hashing);
	holding_drop();
	if (tracer->channel) {
		uint64_t links, left = channel_close(tracer->channel, 2000, &links);

		tracer->channel = NULL;
		if (!links && !tracer->told_unobserved && !tracer->failure.status)
			tell_unobserved(tracer, "at all");
		if (left)
			dprintf(2, "seccam-trace: the agent was too slow: %llu bytes at the end were not taken\n", (unsigned long long)left);
	}
	if (tracer->report >= 0)
		close(tracer->report);
}

static void discard_output(struct tracer *tracer)
{
	if (tracer->sink.fd >= 0 && !tracer->sink.plain)
		unlinkat(tracer->sink.folder, tracer->sink.partial, 0);
}

void tracer_run(struct tracer *tracer)
{
	struct rusage usage;
	struct stop stop;
	struct endured *endured;
	timer_t timer;
	char *header;
	bool begun;

	prepare(tracer);
	tracer->selection = calls_select(tracer->options.events, tracer->options.event_count, &tracer->failure);
	if (!tracer->selection)
		return;
	if (!open_sink(tracer)) {
		release(tracer);
		return;
	}
	if (tracer->channel && respond_wanted(tracer)) {
		free(tracer->selection);
		tracer->selection = calls_select(tracer->options.events, tracer->options.event_count, &tracer->failure);
		if (!tracer->selection) {
			release(tracer);
			return;
		}
	}
	frame_open(&tracer->frame, &tracer->sink);
	if (tracer->options.hide_path_count)
		tracer->frame.hidden = &tracer->options;
	tracer->frame.epoch_limit = tracer->options.epoch_bytes;
	timer = start_ticking(tracer);
	endured = tracer->attached ? NULL : endure_begin();
	begun = (!guardian_wanted(tracer) || guardian_start(tracer)) && (tracer->attached ? attach_begin(tracer) : begin_wrap(tracer));
	if (begun) {
		header = header_text(tracer);
		frame_header(&tracer->frame, header);
		free(header);
		snapshot_write(tracer);
		tracer->next_checkpoint = boot_time() + LIVE_EPOCH_NS;
		while (next_stop(tracer, &stop, &usage)) {
			act_on(tracer, &stop, &usage);
			checkpoint_when_due(tracer);
			if (tracer->frame.closed && tracer->sink.fd >= 0 && tracer->sink.error && !tracer->failure.status)
				close_recording(tracer);
		}
		if (!tracer->started && !tracer->attached)
			spawn_problem(tracer);
	}
	/* An agent is told the end also of what never began. */
	if (tracer->started || (begun && (tracer->attached || tracer->channel)))
		finish(tracer);
	else
		discard_output(tracer);
	timer_delete(timer);
	sigaction(SIGCHLD, &tracer->child_action, NULL);
	if (endured)
		endure_end(endured);
	release(tracer);
}
