#include "registers.h"

#include <elf.h>
#include <errno.h>
#include <linux/audit.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

#include "die.h"

#ifndef PTRACE_GET_SYSCALL_INFO
#define PTRACE_GET_SYSCALL_INFO 0x420e
#endif
#ifndef NT_ARM_SYSTEM_CALL
#define NT_ARM_SYSTEM_CALL 0x404
#endif

/* As the kernel's struct ptrace_syscall_info; older C libraries lack it. */
struct syscall_info {
	uint8_t op;
	uint8_t pad[3];
	uint32_t arch;
	uint64_t instruction_pointer, stack_pointer;
	union {
		struct {
			uint64_t nr, args[6];
		} entry;
		struct {
			int64_t rval;
			uint8_t is_error;
		} exit;
		struct {
			uint64_t nr, args[6];
			uint32_t ret_data;
		} seccomp;
	};
};

enum { INFO_NONE, INFO_ENTRY, INFO_EXIT, INFO_SECCOMP };

#if defined(__x86_64__)

typedef struct user_regs_struct registers;
#define I386_CODE_SEGMENT 0x23

static uint32_t audit_of(const registers *r)
{
	return r->cs == I386_CODE_SEGMENT ? AUDIT_ARCH_I386 : AUDIT_ARCH_X86_64;
}

static void take(const registers *r, uint32_t audit, struct call_view *view)
{
	view->audit = audit ? audit : audit_of(r);
	view->nr = (int64_t)(int32_t)r->orig_rax;
	if (view->audit == AUDIT_ARCH_I386) {
		const uint64_t args[6] = {(uint32_t)r->rbx, (uint32_t)r->rcx, (uint32_t)r->rdx, (uint32_t)r->rsi, (uint32_t)r->rdi, (uint32_t)r->rbp};
		memcpy(view->args, args, sizeof(args));
	} else {
		const uint64_t args[6] = {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9};
		memcpy(view->args, args, sizeof(args));
	}
	view->instruction = r->rip;
	view->stack = r->rsp;
	view->result = (int64_t)r->rax;
}

static void put_argument(registers *r, uint32_t audit, unsigned n, uint64_t value)
{
	if (audit == AUDIT_ARCH_I386) {
		unsigned long long *places[6] = {(void *)&r->rbx, (void *)&r->rcx, (void *)&r->rdx, (void *)&r->rsi, (void *)&r->rdi, (void *)&r->rbp};
		*places[n] = (uint32_t)value;
	} else {
		unsigned long long *places[6] = {(void *)&r->rdi, (void *)&r->rsi, (void *)&r->rdx, (void *)&r->r10, (void *)&r->r8, (void *)&r->r9};
		*places[n] = value;
	}
}

static void put_result(registers *r, int64_t result)
{
	r->rax = (unsigned long long)result;
}

static bool put_number(pid_t tid, registers *r, int64_t nr)
{
	(void)tid;
	r->orig_rax = (unsigned long long)nr;
	return true;
}

#elif defined(__aarch64__)

typedef struct user_regs_struct registers;

static void take(const registers *r, uint32_t audit, struct call_view *view)
{
	(void)audit;
	view->audit = AUDIT_ARCH_AARCH64;
	view->nr = (int64_t)(int32_t)r->regs[8];
	memcpy(view->args, r->regs, sizeof(view->args));
	view->instruction = r->pc;
	view->stack = r->sp;
	view->result = (int64_t)r->regs[0];
}

static void put_argument(registers *r, uint32_t audit, unsigned n, uint64_t value)
{
	(void)audit;
	r->regs[n] = value;
}

static void put_result(registers *r, int64_t result)
{
	r->regs[0] = (uint64_t)result;
}

/* The number lies outside the general registers. */
static bool put_number(pid_t tid, registers *r, int64_t nr)
{
	int value = (int)nr;
	struct iovec io = {&value, sizeof(value)};

	(void)r;
	return !ptrace(PTRACE_SETREGSET, tid, (void *)NT_ARM_SYSTEM_CALL, &io);
}

#else
#error "registers.c knows x86_64 and aarch64"
#endif

#if !defined(__x86_64__)
static bool get(pid_t tid, registers *r)
{
	struct iovec io = {r, sizeof(*r)};

	return !ptrace(PTRACE_GETREGSET, tid, (void *)NT_PRSTATUS, &io);
}

static bool set(pid_t tid, registers *r)
{
	struct iovec io = {r, sizeof(*r)};

	return !ptrace(PTRACE_SETREGSET, tid, (void *)NT_PRSTATUS, &io);
}
#endif

/* A 32-bit task is told in the 32-bit layout by GETREGSET, so for those the old request is used. */
#if defined(__x86_64__)
#define GET(tid, r) (!ptrace(PTRACE_GETREGS, tid, 0, r))
#define SET(tid, r) (!ptrace(PTRACE_SETREGS, tid, 0, r))
#else
#define GET(tid, r) get(tid, r)
#define SET(tid, r) set(tid, r)
#endif

bool registers_modern(void)
{
	struct syscall_info info;

	/* No such process when the request exists, an I/O error when it does not. */
	return ptrace((enum __ptrace_request)PTRACE_GET_SYSCALL_INFO, 0, (void *)sizeof(info), &info) < 0 && errno == ESRCH;
}

bool registers_view(pid_t tid, bool modern, bool entering, struct call_view *view)
{
	struct syscall_info info;
	registers r;

	if (modern) {
		memset(&info, 0, sizeof(info));
		if (ptrace((enum __ptrace_request)PTRACE_GET_SYSCALL_INFO, tid, (void *)sizeof(info), &info) <= 0)
			return false;
		view->audit = info.arch;
		view->instruction = info.instruction_pointer;
		view->stack = info.stack_pointer;
		switch (info.op) {
		case INFO_ENTRY:
		case INFO_SECCOMP:
			view->place = CALL_ENTRY;
			view->nr = (int64_t)(int32_t)info.entry.nr;
			memcpy(view->args, info.entry.args, sizeof(view->args));
			break;
		case INFO_EXIT:
			view->place = CALL_EXIT;
			view->result = info.exit.rval;
			break;
		default:
			view->place = CALL_NEITHER;
		}
		return true;
	}
	if (!GET(tid, &r))
		return false;
	take(&r, 0, view);
	view->place = entering ? CALL_ENTRY : CALL_EXIT;
	if (!entering && view->audit == AUDIT_ARCH_I386)
		view->result = (int32_t)view->result;
	return true;
}

bool registers_call(pid_t tid, uint32_t audit, struct call_view *view)
{
	registers r;

	if (!GET(tid, &r))
		return false;
	take(&r, audit, view);
	view->place = CALL_NEITHER;
	return true;
}

bool registers_refuse(pid_t tid, int64_t result)
{
	registers r;

	if (!GET(tid, &r) || !put_number(tid, &r, -1))
		return false;
	put_result(&r, result);
	return SET(tid, &r);
}

bool registers_set_result(pid_t tid, int64_t result)
{
	registers r;

	if (!GET(tid, &r))
		return false;
	put_result(&r, result);
	return SET(tid, &r);
}

bool registers_set_argument(pid_t tid, uint32_t audit, unsigned n, uint64_t value)
{
	registers r;

	must(n < 6);
	if (!GET(tid, &r))
		return false;
	put_argument(&r, audit, n, value);
	return SET(tid, &r);
}

bool registers_replace(pid_t tid, uint32_t audit, int64_t nr, uint64_t first, uint64_t second)
{
	registers r;

	if (!GET(tid, &r) || !put_number(tid, &r, nr))
		return false;
	put_argument(&r, audit, 0, first);
	put_argument(&r, audit, 1, second);
	return SET(tid, &r);
}

bool registers_restore(pid_t tid, uint32_t audit, uint64_t first, uint64_t second)
{
	registers r;

	if (!GET(tid, &r))
		return false;
#if defined(__x86_64__)
	put_argument(&r, audit, 0, first);
#else
	/* Where the first word was, the result is. */
	(void)first;
#endif
	put_argument(&r, audit, 1, second);
	return SET(tid, &r);
}
