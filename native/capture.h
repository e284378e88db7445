/* Fills the columns of an event from a call: one function per kind of src/catalogue/row.ts. */
#ifndef SECCAM_CAPTURE_H
#define SECCAM_CAPTURE_H

#include "calls.h"
#include "emit.h"
#include "tracer.h"

/* What a capture works on. */
struct capture_site {
	struct tracer *tracer;
	struct task *task;
	const struct catalogue_capture *row;
	uint8_t column_type;
	bool at_exit;
	int64_t result; /* at exit */
	struct arena *arena;
};

/* All captures of an act that belong to this moment; at exit also what was read at entry is read again.
   *changed is set when that differs. */
void capture_act(struct tracer *tracer, struct task *task, struct act *act, bool at_exit, int64_t result, bool *changed);

/* After a call that succeeded, where descriptors are shared: one that it names was another one meanwhile. */
bool capture_turned(struct tracer *tracer, struct task *task, const struct act *act);

/* The gate of the row holds: the event is to be written. */
bool capture_gate(struct tracer *tracer, struct task *task, const struct act *act);

struct path_task capture_place(struct tracer *tracer, struct task *task);
/* The call names a folder as the root of the name: openat2 with RESOLVE_IN_ROOT. */
bool capture_in_root(const struct task *task, const struct catalogue_capture *row);
uint64_t capture_argument(const struct task *task, unsigned place);

/* capture_native.c */
struct value capture_native(const struct capture_site *site, const struct catalogue_call *call, const struct act *act);

/* capture_socket.c */
struct value capture_socket(const struct capture_site *site, int fd);
struct value capture_address(const struct capture_site *site, uint64_t address, uint64_t length);
struct value capture_socket_address(const struct capture_site *site, int fd, bool peer);
struct value capture_result_address(const struct capture_site *site, uint64_t address, uint64_t length);
struct value capture_message(const struct capture_site *site, bool address, int64_t written);
/* The interface by which `server` is reached from a socket of the tracee. */
struct value capture_interface(const struct capture_site *site, int fd, const struct value *server);
struct value capture_vector(const struct capture_site *site, uint64_t vector, uint64_t count, int64_t limit);
/* What a descriptor of a task leads to, when it is not an argument of a call. */
bool capture_descriptor_facts(struct tracer *tracer, struct task *task, int fd, struct arena *arena, struct descriptor_facts *facts);
/* A copy of a descriptor of the tracee in our own table, or -1. */
int capture_take_descriptor(struct tracer *tracer, struct task *task, int fd);

#endif
