#define CATALOGUE_DATA
#include "catalogue.h"

#include "calls.h"

#include <stdlib.h>
#include <string.h>

static const char *const preset_names[] = {"lean", "default", "all"};

/* State that every other event needs is always traced: these calls are rare. */
static const uint16_t always[] = {EVENT_EXEC, EVENT_FORK, EVENT_EXIT, EVENT_SETUID, EVENT_SETGID, EVENT_SETGROUPS, EVENT_CAPSET,
				  EVENT_CHROOT, EVENT_PIVOT_ROOT, EVENT_UNSHARE, EVENT_SETNS, EVENT_MOUNT, EVENT_UMOUNT,
				  EVENT_IO_URING_SETUP, EVENT_SECCOMP, EVENT_SETSID, EVENT_SYSCALL};

static const struct {
	const char *name;
	enum special special;
} specials[] = {
	{"execve", SPECIAL_EXEC}, {"execveat", SPECIAL_EXEC},
	{"clone", SPECIAL_CLONE}, {"clone3", SPECIAL_CLONE3}, {"socketcall", SPECIAL_SOCKETCALL},
	{"kill", SPECIAL_SIGNAL}, {"tkill", SPECIAL_SIGNAL}, {"tgkill", SPECIAL_THREAD_SIGNAL}, {"rt_sigqueueinfo", SPECIAL_SIGNAL},
	{"rt_tgsigqueueinfo", SPECIAL_THREAD_SIGNAL}, {"pidfd_send_signal", SPECIAL_PIDFD},
	{"fcntl", SPECIAL_OWNER}, {"fcntl64", SPECIAL_OWNER}, {"prlimit64", SPECIAL_TARGET}, {"process_vm_writev", SPECIAL_TARGET}, {"process_vm_readv", SPECIAL_TARGET}, {"pidfd_open", SPECIAL_TARGET}, {"ptrace", SPECIAL_PTRACE},
	{"sched_setscheduler", SPECIAL_TARGET}, {"sched_setparam", SPECIAL_TARGET}, {"sched_setattr", SPECIAL_TARGET}, {"sched_setaffinity", SPECIAL_TARGET},
	{"pidfd_getfd", SPECIAL_TAKE}, {"perf_event_open", SPECIAL_WATCH}, {"userfaultfd", SPECIAL_FAULTS}, {"setpriority", SPECIAL_PRIORITY}, {"ioctl", SPECIAL_COMMAND},
	{"chroot", SPECIAL_ROOTS}, {"pivot_root", SPECIAL_ROOTS}, {"unshare", SPECIAL_ROOTS}, {"setns", SPECIAL_ROOTS},
	{"mount", SPECIAL_ROOTS}, {"umount2", SPECIAL_ROOTS}, {"umount", SPECIAL_ROOTS}, {"move_mount", SPECIAL_ROOTS},
	{"setuid", SPECIAL_IDENTITY}, {"setgid", SPECIAL_IDENTITY}, {"setreuid", SPECIAL_IDENTITY}, {"setregid", SPECIAL_IDENTITY},
	{"setresuid", SPECIAL_IDENTITY}, {"setresgid", SPECIAL_IDENTITY}, {"setfsuid", SPECIAL_IDENTITY}, {"setfsgid", SPECIAL_IDENTITY},
	{"setgroups", SPECIAL_IDENTITY}, {"capset", SPECIAL_IDENTITY}, {"prctl", SPECIAL_IDENTITY}, {"seccomp", SPECIAL_IDENTITY},
	{"setuid32", SPECIAL_IDENTITY}, {"setgid32", SPECIAL_IDENTITY}, {"setreuid32", SPECIAL_IDENTITY}, {"setregid32", SPECIAL_IDENTITY},
	{"setresuid32", SPECIAL_IDENTITY}, {"setresgid32", SPECIAL_IDENTITY}, {"setfsuid32", SPECIAL_IDENTITY},
	{"setfsgid32", SPECIAL_IDENTITY}, {"setgroups32", SPECIAL_IDENTITY}, {"setsid", SPECIAL_SESSION},
};

/*
 * FS_IOC_SETFLAGS of 64 and of 32 bits, FS_IOC_FSSETXATTR, FIFREEZE, EXT4_IOC_SHUTDOWN (XFS has the same number);
 * then what types into a terminal, for a shell that nobody records: TIOCSTI, TIOCLINUX.
 */
const struct catalogue_test calls_commands = {1, TEST_IS, 7, {0x40086602, 0x40046602, 0x401c5820, 0xc0045877, 0x8004587d, 0x5412, 0x541c}};

const struct catalogue_event *calls_event(unsigned event)
{
	must(event < EVENT_COUNT);
	return &catalogue_events[event];
}

const struct catalogue_column *calls_columns(const struct catalogue_event *event)
{
	return &catalogue_columns[event->first_column];
}

const struct catalogue_capture *calls_captures(const struct catalogue_call *call)
{
	return &catalogue_captures[call->first_capture];
}

const struct catalogue_test *calls_tests(const struct catalogue_call *call)
{
	return &catalogue_tests[call->first_test];
}

const struct catalogue_arch *calls_arch(unsigned arch)
{
	must(arch < ARCH_COUNT);
	return &catalogue_arches[arch];
}

int calls_arch_of(uint32_t audit)
{
	for (int n = 0; n < ARCH_COUNT; n++)
		if (catalogue_arches[n].audit == audit)
			return n;
	return -1;
}

int calls_arch_of_head(unsigned head)
{
	for (int n = 0; n < ARCH_COUNT; n++)
		if (catalogue_arches[n].head == head)
			return n;
	return head == HEAD_ARCH_X32 ? ARCH_X86_64 : -1;
}

const char *calls_name(unsigned arch, int64_t nr)
{
	return arch < ARCH_COUNT && nr >= 0 && nr < CALLS_NUMBERS ? catalogue_names[arch][nr] : NULL;
}

bool calls_is_newer(unsigned arch, int64_t nr)
{
	return nr > calls_arch(arch)->last;
}

const char *calls_json(void)
{
	return catalogue_json;
}

static void choose(bool *wanted, const char *name, unsigned *matched)
{
	for (unsigned n = 0; n < EVENT_COUNT; n++) {
		const struct catalogue_event *event = &catalogue_events[n];
		bool take = !strcmp(event->name, name) || !strcmp(event->category, name);

		for (unsigned preset = 0; preset < 3; preset++)
			take |= !strcmp(preset_names[preset], name) && event->preset <= preset;
		if (take) {
			wanted[n] = true;
			(*matched)++;
		}
	}
}

struct selection *calls_select(const char *const *names, unsigned count, struct failure *failure)
{
	struct selection *selection = grab_zero(sizeof(*selection));
	unsigned used = 0;

	for (unsigned n = 0; n < (count ? count : 1); n++) {
		unsigned matched = 0;
		if (count && !strcmp(names[n], "signal:all")) {
			selection->all_signals = selection->wanted[EVENT_SIGNAL] = true;
			continue;
		}
		selection->all_signals |= count && !strcmp(names[n], "all");
		choose(selection->wanted, count ? names[n] : "default", &matched);
		if (!matched) {
			fail(failure, 125, "unknown-event", 0, "there is no event, category or preset \"%s\"", names[n]);
			free(selection);
			return NULL;
		}
	}
	for (unsigned n = 0; n < sizeof(always) / sizeof(*always); n++)
		selection->wanted[always[n]] = true;
	for (unsigned arch = 0; arch < ARCH_COUNT; arch++)
		for (unsigned nr = 0; nr < CALLS_NUMBERS; nr++) {
			struct call_list *list = &selection->by_number[arch][nr];
			const char *name = catalogue_names[arch][nr];

			list->first = (uint16_t)used;
			for (unsigned n = 0; n < CATALOGUE_CALLS; n++)
				if (catalogue_calls[n].nr[arch] == (int)nr && selection->wanted[catalogue_calls[n].event]) {
					must(used < sizeof(selection->order) / sizeof(*selection->order));
					selection->order[used++] = (uint16_t)n;
				}
			list->count = (uint16_t)(used - list->first);
			for (unsigned n = 0; name && n < sizeof(specials) / sizeof(*specials); n++)
				if (!strcmp(specials[n].name, name))
					list->special = (uint8_t)specials[n].special;
		}
	return selection;
}

const struct catalogue_call *calls_at(const struct selection *selection, const struct call_list *list, unsigned n)
{
	return &catalogue_calls[selection->order[list->first + n]];
}

const struct call_list *calls_find(const struct selection *selection, unsigned arch, int64_t nr)
{
	if (arch >= ARCH_COUNT || nr < 0 || nr >= CALLS_NUMBERS)
		return NULL;
	return &selection->by_number[arch][nr];
}

static bool test_holds(const struct catalogue_test *test, uint64_t argument, bool narrow)
{
	uint32_t low = (uint32_t)argument;
	bool among = false;

	for (unsigned n = 0; n < test->count; n++)
		among |= test->values[n] == low;
	switch (test->test) {
	case TEST_ANY_BIT:
		return (low & test->values[0]) != 0;
	case TEST_NO_BIT:
		return (low & test->values[0]) == 0;
	case TEST_IS:
		return among;
	case TEST_IS_NOT:
		return !among;
	case TEST_NULL:
		return narrow ? !low : !argument;
	case TEST_NOT_NULL:
		return narrow ? low != 0 : argument != 0;
	default:
		return true;
	}
}

unsigned calls_test_count(const struct selection *selection, const struct catalogue_call *call)
{
	return call->event == EVENT_SIGNAL && selection->all_signals ? 0 : call->test_count;
}

bool calls_hold(const struct selection *selection, const struct catalogue_call *call, const uint64_t *args, bool narrow)
{
	const struct catalogue_test *tests = calls_tests(call);

	for (unsigned n = 0; n < calls_test_count(selection, call); n++)
		if (!test_holds(&tests[n], args[tests[n].arg], narrow))
			return false;
	return true;
}
