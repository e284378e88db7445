/* Which calls are of interest: the rows of the catalogue by architecture and number. */
#ifndef SECCAM_CALLS_H
#define SECCAM_CALLS_H

#include <stdbool.h>
#include <stdint.h>

#include "catalogue.h"
#include "die.h"

#define CALLS_NUMBERS 512

/* What the tracer itself must see of a call, beside what its events say. */
enum special {
	SPECIAL_NONE,
	SPECIAL_EXEC,
	SPECIAL_CLONE,      /* CLONE_UNTRACED is taken out */
	SPECIAL_CLONE3,
	SPECIAL_SIGNAL,     /* it may be sent to us */
	SPECIAL_THREAD_SIGNAL, /* the same, with the signal in the third word */
	SPECIAL_PIDFD,      /* the same, by descriptor: SIGKILL and SIGSTOP stop */
	SPECIAL_OWNER,      /* F_SETSIG: whom a descriptor signals can be killed by it */
	SPECIAL_TARGET,     /* its first word may be our number */
	SPECIAL_PTRACE,
	SPECIAL_TAKE,       /* descriptors of the process behind a descriptor, perhaps ours */
	SPECIAL_PRIORITY,   /* its second word may be our number */
	SPECIAL_WATCH,      /* the same, to look into it */
	SPECIAL_FAULTS,     /* memory that the program fills when it is read: it may be the one who waits for us */
	SPECIAL_COMMAND,    /* ioctl: commands that keep a file from being written, or type (calls_commands) */
	SPECIAL_SOCKETCALL, /* i386: one number for all of them */
	SPECIAL_ROOTS,      /* it changes a root, a mount or a namespace */
	SPECIAL_IDENTITY,   /* it changes credentials */
	SPECIAL_SESSION,
};

struct call_list {
	uint16_t first, count;
	uint8_t special;
};

struct selection {
	bool wanted[EVENT_COUNT];
	bool all_signals; /* also signal 0 and SIGURG, which are left out since some programs send thousands a second */
	struct call_list by_number[ARCH_COUNT][CALLS_NUMBERS];
	uint16_t order[4096]; /* indexes of rows: by architecture, then number */
};

/* Chooses events by names of events, categories and presets; none: the preset `default`. `signal:all` and the preset
   `all` take every signal. */
struct selection *calls_select(const char *const *names, unsigned count, struct failure *failure);

/*
 * Commands of ioctl() that stop: those that make a file immutable, freeze or shut down its file system; from
 * CALLS_TYPING on those that type into a terminal. Places in the list.
 */
#define CALLS_FREEZE 3
#define CALLS_SHUTDOWN 4
#define CALLS_TYPING 5
extern const struct catalogue_test calls_commands;
const struct catalogue_call *calls_at(const struct selection *selection, const struct call_list *list, unsigned n);
/* The calls of a number, or NULL when nothing wants it. */
const struct call_list *calls_find(const struct selection *selection, unsigned arch, int64_t nr);
/* How many tests of the row apply, from calls_tests() on. */
unsigned calls_test_count(const struct selection *selection, const struct catalogue_call *call);
/* All tests of the row hold for these arguments. `narrow`: the ABI has words of 32 bits. */
bool calls_hold(const struct selection *selection, const struct catalogue_call *call, const uint64_t *args, bool narrow);

const struct catalogue_event *calls_event(unsigned event);
const struct catalogue_column *calls_columns(const struct catalogue_event *event);
const struct catalogue_capture *calls_captures(const struct catalogue_call *call);
const struct catalogue_test *calls_tests(const struct catalogue_call *call);
const struct catalogue_arch *calls_arch(unsigned arch);
/* Index of an architecture by the kernel's AUDIT_ARCH number, or -1. */
int calls_arch_of(uint32_t audit);
/* The same by the number in the head of an event; x32 has the table of x86_64. */
int calls_arch_of_head(unsigned head);
const char *calls_name(unsigned arch, int64_t nr);
/* The call is newer than the table: nobody can say what it does. */
bool calls_is_newer(unsigned arch, int64_t nr);
const char *calls_json(void);

#endif
