/*
 * Each architecture that the kernel may run here has a section: a binary search over the numbers that
 * stop, then the tests of the arguments. What belongs to no section stops always, so that no foreign
 * ABI runs unseen.
 */
#include "filter.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>

#define ARG_LOW(n) ((uint32_t)(offsetof(struct seccomp_data, args) + 8u * (n)))
#define CLONE_UNTRACED_BIT 0x00800000u

static unsigned emit(struct filter *f, uint16_t code, uint8_t yes, uint8_t no, uint32_t k)
{
	must(f->length < FILTER_ROOM);
	f->code[f->length] = (struct sock_filter){code, yes, no, k};
	return f->length++;
}

static void load(struct filter *f, uint32_t offset)
{
	emit(f, BPF_LD | BPF_W | BPF_ABS, 0, 0, offset);
}

static void give(struct filter *f, uint32_t action)
{
	emit(f, BPF_RET | BPF_K, 0, 0, action);
}

/* A jump whose distance is known later; unconditional ones reach as far as the program is long. */
static unsigned jump(struct filter *f)
{
	return emit(f, BPF_JMP | BPF_JA, 0, 0, 0);
}

static void land(struct filter *f, unsigned from)
{
	f->code[from].k = f->length - from - 1;
}

/* Code that falls through when the test holds; else it jumps by the instruction whose place it returns. */
static unsigned test_code(struct filter *f, const struct catalogue_test *test)
{
	unsigned failed;

	load(f, ARG_LOW(test->arg));
	switch (test->test) {
	case TEST_ANY_BIT:
		emit(f, BPF_JMP | BPF_JSET | BPF_K, 1, 0, test->values[0]);
		return jump(f);
	case TEST_NO_BIT:
		emit(f, BPF_JMP | BPF_JSET | BPF_K, 0, 1, test->values[0]);
		return jump(f);
	case TEST_IS:
		for (unsigned n = 0; n < test->count; n++)
			emit(f, BPF_JMP | BPF_JEQ | BPF_K, (uint8_t)(test->count - n), 0, test->values[n]);
		return jump(f);
	case TEST_IS_NOT:
		for (unsigned n = 0; n < test->count; n++)
			emit(f, BPF_JMP | BPF_JEQ | BPF_K, (uint8_t)(test->count - n - 1), n + 1 == test->count ? 1 : 0, test->values[n]);
		return jump(f);
	case TEST_NULL:
		emit(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 2, 0);
		load(f, ARG_LOW(test->arg) + 4);
		emit(f, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 0);
		return jump(f);
	default: /* TEST_NOT_NULL */
		emit(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 3, 0);
		load(f, ARG_LOW(test->arg) + 4);
		emit(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
		failed = jump(f);
		return failed;
	}
}

static void stop_when(struct filter *f, const struct catalogue_test *test)
{
	unsigned failed = test_code(f, test);

	give(f, SECCOMP_RET_TRACE);
	land(f, failed);
}

static void number_code(struct filter *f, const struct selection *selection, const struct call_list *list)
{
	bool always = list->special == SPECIAL_CLONE3 || list->special == SPECIAL_SOCKETCALL || list->special == SPECIAL_EXEC || list->special == SPECIAL_ROOTS || list->special == SPECIAL_TAKE || list->special == SPECIAL_FAULTS;

	for (unsigned n = 0; n < list->count; n++)
		always |= !calls_test_count(selection, calls_at(selection, list, n));
	if (always) {
		give(f, SECCOMP_RET_TRACE);
		return;
	}
	if (list->special == SPECIAL_CLONE) {
		const struct catalogue_test untraced = {0, TEST_ANY_BIT, 1, {CLONE_UNTRACED_BIT}};
		stop_when(f, &untraced);
	} else if (list->special == SPECIAL_SIGNAL || list->special == SPECIAL_THREAD_SIGNAL) {
		const struct catalogue_test hard = {list->special == SPECIAL_SIGNAL ? 1 : 2, TEST_IS, 5, {SIGKILL, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU}};
		stop_when(f, &hard);
	} else if (list->special == SPECIAL_PIDFD) {
		const struct catalogue_test hard = {1, TEST_IS, 5, {SIGKILL, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU}};
		stop_when(f, &hard);
	} else if (list->special == SPECIAL_OWNER) {
		static const struct catalogue_test deadly[] = {{1, TEST_IS, 1, {F_SETSIG}}, {2, TEST_IS, 2, {SIGKILL, SIGSTOP}}};
		unsigned other = test_code(f, &deadly[0]);
		stop_when(f, &deadly[1]);
		land(f, other);
	} else if (list->special == SPECIAL_COMMAND) {
		stop_when(f, &calls_commands);
	} else if (list->special == SPECIAL_TARGET || list->special == SPECIAL_PTRACE || list->special == SPECIAL_PRIORITY || list->special == SPECIAL_WATCH) {
		/* Any of our threads, and the guardian, which may be another one by now. */
		const struct catalogue_test at_another = {list->special != SPECIAL_TARGET, TEST_IS_NOT, 1, {0}};
		stop_when(f, &at_another);
	}
	for (unsigned n = 0; n < list->count; n++) {
		const struct catalogue_call *call = calls_at(selection, list, n);
		const struct catalogue_test *tests = calls_tests(call);
		unsigned failed[8], count = 0;

		must(call->test_count <= 8);
		for (unsigned k = 0; k < calls_test_count(selection, call); k++)
			failed[count++] = test_code(f, &tests[k]);
		give(f, SECCOMP_RET_TRACE);
		while (count)
			land(f, failed[--count]);
	}
	give(f, SECCOMP_RET_ALLOW);
}

bool filter_selects(const struct selection *selection, const struct call_list *list, const uint64_t *args, bool narrow)
{
	uint32_t low = (uint32_t)args[list->special == SPECIAL_PTRACE || list->special == SPECIAL_PRIORITY || list->special == SPECIAL_WATCH];

	switch (list->special) {
	case SPECIAL_EXEC:
	case SPECIAL_CLONE3:
	case SPECIAL_SOCKETCALL:
	case SPECIAL_ROOTS:
	case SPECIAL_TAKE:
	case SPECIAL_FAULTS:
		return true;
	case SPECIAL_COMMAND:
		for (unsigned n = 0; n < calls_commands.count; n++)
			if ((uint32_t)args[1] == calls_commands.values[n])
				return true;
		break;
	case SPECIAL_CLONE:
		if (low & CLONE_UNTRACED_BIT)
			return true;
		break;
	case SPECIAL_SIGNAL:
	case SPECIAL_PIDFD:
	case SPECIAL_THREAD_SIGNAL:
		low = (uint32_t)args[list->special == SPECIAL_THREAD_SIGNAL ? 2 : 1];
		if (low == SIGKILL || low == SIGSTOP || low == SIGTSTP || low == SIGTTIN || low == SIGTTOU)
			return true;
		break;
	case SPECIAL_OWNER:
		if ((uint32_t)args[1] == F_SETSIG && ((uint32_t)args[2] == SIGKILL || (uint32_t)args[2] == SIGSTOP))
			return true;
		break;
	case SPECIAL_TARGET:
	case SPECIAL_PTRACE:
	case SPECIAL_PRIORITY:
	case SPECIAL_WATCH:
		if (low)
			return true;
		break;
	default:
		break;
	}
	for (unsigned n = 0; n < list->count; n++)
		if (calls_hold(selection, calls_at(selection, list, n), args, narrow))
			return true;
	return false;
}

static bool stops(const struct call_list *list)
{
	return list->count || (list->special != SPECIAL_NONE && list->special <= SPECIAL_ROOTS);
}

static void search(struct filter *f, const struct selection *selection, unsigned arch, const uint16_t *numbers, unsigned count)
{
	unsigned middle = count / 2, right;

	if (count == 1) {
		emit(f, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, numbers[0]);
		give(f, SECCOMP_RET_ALLOW);
		number_code(f, selection, &selection->by_number[arch][numbers[0]]);
		return;
	}
	emit(f, BPF_JMP | BPF_JGE | BPF_K, 0, 1, numbers[middle]);
	right = jump(f);
	search(f, selection, arch, numbers, middle);
	land(f, right);
	search(f, selection, arch, numbers + middle, count - middle);
}

static void section(struct filter *f, const struct selection *selection, unsigned arch)
{
	uint16_t numbers[CALLS_NUMBERS];
	unsigned count = 0;
	unsigned other;

	emit(f, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, calls_arch(arch)->audit);
	other = jump(f);
	load(f, offsetof(struct seccomp_data, nr));
	/* -1 is what a tracer sets to skip a call. Calls newer than the table stop, and x32, which shares the number of the architecture. */
	emit(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0xffffffffu);
	give(f, SECCOMP_RET_ALLOW);
	emit(f, BPF_JMP | BPF_JGE | BPF_K, 0, 1, calls_arch(arch)->last + 1u);
	give(f, SECCOMP_RET_TRACE);
	for (unsigned nr = 0; nr < CALLS_NUMBERS; nr++)
		if (stops(&selection->by_number[arch][nr]))
			numbers[count++] = (uint16_t)nr;
	must(count);
	search(f, selection, arch, numbers, count);
	land(f, other);
	load(f, offsetof(struct seccomp_data, arch));
}

void filter_build(struct filter *f, const struct selection *selection)
{
	f->length = 0;
	load(f, offsetof(struct seccomp_data, arch));
	/* Native first. All sections are in every build: the others cost nothing and are tested everywhere. */
#if defined(__aarch64__)
	section(f, selection, ARCH_AARCH64);
	section(f, selection, ARCH_X86_64);
#else
	section(f, selection, ARCH_X86_64);
	section(f, selection, ARCH_AARCH64);
#endif
	section(f, selection, ARCH_I386);
	give(f, SECCOMP_RET_TRACE);
}
