/* What the two threads of a channel share: channel.c is the tracer's side, courier.c the link's. */
#ifndef SECCAM_COURIER_H
#define SECCAM_COURIER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "channel.h"
#include "link.h"
#include "queue.h"

#define CHANNEL_COMMANDS_MAX 256
#define CHANNEL_PROLOGUES_MAX 256

/* All but `address`, `token`, `hello`, `stream` and the descriptors is under `lock`, held for copies of pointers only. */
struct channel {
	struct address address;
	char *token, *hello;
	char stream[33];
	pthread_t thread;
	int wake_link;   /* eventfd: blocks wait, or close */
	int wake_tracer; /* eventfd: commands wait */

	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct queue queue;
	bool underway;    /* a block is on its way over the link */
	bool link_sleeps; /* it must be rung when something waits */
	uint8_t *prologue, *prologues[CHANNEL_PROLOGUES_MAX]; /* the present one, and all: the link's thread may still send an older one */
	unsigned int prologue_count;
	size_t prologue_length;
	bool welcomed, trusted, finished;
	int closing; /* 1: send what waits, then end; 2: end at once */
	int problem_errno;
	char problem[160];
	struct channel_wish wish;
	struct channel_command *commands;
	unsigned int command_first, command_count;
	struct channel_counters counters;
	pthread_t waiter;
	int waiter_signal; /* 0: nobody is to be woken */
};

/* Makes an eventfd readable; takes back that it is. */
void courier_ring(int fd);
void courier_quiet(int fd);

/* The link's thread: connects, greets, serves, and again, until `closing`. Takes the channel. */
void *courier_main(void *channel);

#endif
