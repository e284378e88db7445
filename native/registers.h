/* The only room that knows registers: system calls as seen at a stop, on each architecture. */
#ifndef SECCAM_REGISTERS_H
#define SECCAM_REGISTERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum call_place { CALL_ENTRY, CALL_EXIT, CALL_NEITHER };

struct call_view {
	enum call_place place;
	uint32_t audit; /* AUDIT_ARCH_* */
	int64_t nr;
	uint64_t args[6];
	uint64_t instruction, stack;
	int64_t result; /* at CALL_EXIT */
};

/* `modern`: use PTRACE_GET_SYSCALL_INFO; else registers, where `entering` says what the stop is. */
bool registers_view(pid_t tid, bool modern, bool entering, struct call_view *view);

/*
 * Number and words of the call that a task is in, also at ptrace events, as the ABI `audit` has them. 0: the one of
 * the code that runs, which is not always that of the call (int 0x80 in a 64-bit program).
 */
bool registers_call(pid_t tid, uint32_t audit, struct call_view *view);

/* At an entry stop: the call does not happen, and returns `result`. */
bool registers_refuse(pid_t tid, int64_t result);
/* At an exit stop (or after registers_refuse where the kernel asks for it): what the program gets. */
bool registers_set_result(pid_t tid, int64_t result);
/* At an entry stop: another word for argument n of a call of the ABI `audit`. */
bool registers_set_argument(pid_t tid, uint32_t audit, unsigned n, uint64_t value);
/* At an entry stop: another call, of two words, is made instead. */
bool registers_replace(pid_t tid, uint32_t audit, int64_t nr, uint64_t first, uint64_t second);
/* At the exit stop after that: the words of the call that was asked for are back. */
bool registers_restore(pid_t tid, uint32_t audit, uint64_t first, uint64_t second);

/* The kernel here knows PTRACE_GET_SYSCALL_INFO. */
bool registers_modern(void);

#endif
