/* Turns values into tuples, columns, events and records of the stream. */
#ifndef SECCAM_EMIT_H
#define SECCAM_EMIT_H

#include "calls.h"
#include "tracer.h"

/* Flags of an event: docs/recording-format.md. */
enum {
	EVENT_RESULT_UNKNOWN = 1,
	EVENT_ARGUMENT_CHANGED = 2,
	EVENT_CUT = 4,
	EVENT_SNAPSHOT = 8,
	EVENT_REFUSED = 16,
	EVENT_ENTRY_ONLY = 32,
};

/* Writes the event of one act of the pending call. */
void emit_act(struct tracer *tracer, struct task *task, const struct act *act, int64_t result, uint64_t time, uint32_t flags);

/* A call of a foreign ABI without a row: number and words. */
void emit_syscall(struct tracer *tracer, struct task *task, int64_t result, uint64_t time, uint32_t flags);

/* exec: `process` has its new image (or, when the call failed, that which it asked for is `image`). */
void emit_exec(struct tracer *tracer, struct task *task, const struct image *image, pid_t caller, int64_t result, uint64_t time, uint32_t flags, uint32_t missing);

struct fork_facts {
	struct process *child;
	pid_t child_tid;
	uint64_t clone_flags;
	bool in_registers; /* the flags are surely those that the kernel took */
	uint32_t exit_signal;
	uint32_t nr;
	uint8_t arch;
};
void emit_fork(struct tracer *tracer, struct task *parent, const struct fork_facts *facts, uint64_t time);
void emit_exit(struct tracer *tracer, struct task *task, const struct stop *stop, uint64_t time, uint64_t user_ns, uint64_t system_ns, uint64_t max_memory);

/* An untraced process that the scanner found; `fresh`: it was there when we came. And one that is there no more. */
void emit_found(struct tracer *tracer, struct process *process, bool fresh);
void emit_vanished(struct tracer *tracer, struct process *process);

/* Records. */
void emit_clock(struct tracer *tracer, uint32_t reason);
void emit_process(struct tracer *tracer, struct process *process, pid_t tid, uint32_t flags, const struct standing *standing);
void emit_gap(struct frame *frame, uint32_t reason, uint32_t pid, uint64_t lost, uint64_t begin, uint64_t end);
/* An open descriptor of a process that was attached to. Values are absent where they do not apply. */
struct descriptor_facts {
	int32_t fd;
	uint32_t flags;
	struct value file, socket, local, peer;
};
void emit_descriptor(struct tracer *tracer, struct process *process, const struct arena *arena, const struct descriptor_facts *facts);
void emit_blind_spot(struct tracer *tracer, struct task *task, uint32_t reason, const char *detail);
/* So many processes and threads lived and died between two looks of the scanner. */
void emit_missed(struct tracer *tracer, uint64_t number);
void emit_counters(struct tracer *tracer);
void emit_end(struct frame *frame, uint32_t reason, uint32_t status);

/* Facts of the process that may have changed since, as updates. Comes before each event of a process that has `unsettled` ones. */
void emit_settle(struct tracer *tracer, struct process *process);

/* Ids in the present epoch. */
uint32_t emit_value(struct tracer *tracer, struct process *process, const struct arena *arena, const struct value *value);
uint32_t emit_file(struct tracer *tracer, const struct arena *arena, const struct file_facts *facts);

/* The name of a user or a group, once in an epoch. */
void emit_account(struct tracer *tracer, bool group, uint32_t id);

/* Ids of credentials, namespaces and context of the process. */
void emit_identify(struct tracer *tracer, struct process *process);
/* The program as it was named, from the root. */
uint32_t emit_name(struct frame *frame, const struct image *image);
/* The command name, unless it shows what is to be hidden. */
uint32_t emit_comm(struct tracer *tracer, const struct image *image, const char *comm);
/* Its working directory as it was last told. */
void emit_remember_place(struct process *process, const struct arena *arena, struct text cwd);

#endif
