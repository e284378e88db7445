/* Values as ids in the present epoch: files, credentials, namespaces, contexts, addresses. */
#include "emit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "content.h"
#include "hidden.h"
#include "mounts.h"
#include "process.h"
#include "tags.h"

void emit_account(struct tracer *tracer, bool group, uint32_t id)
{
	uint32_t words[RECORD_USER_WORDS] = {0};
	const char *name = process_account(tracer, group, id);

	if (!name)
		return;
	words[RECORD_USER_ID] = id;
	words[RECORD_USER_NAME] = frame_string(&tracer->frame, name);
	frame_record(&tracer->frame, group ? RECORD_GROUP : RECORD_USER, words, RECORD_USER_WORDS);
}

/* A mount is told once per epoch, before the first file that refers to it. */
static void told_mount(struct tracer *tracer, uint64_t id)
{
	struct frame *frame = &tracer->frame;
	uint32_t words[RECORD_MOUNT_WORDS] = {0};

	for (uint32_t n = tracer->mounts.count; n > 0; n--) {
		struct mount_facts *mount = &tracer->mounts.list[n - 1];
		if (mount->id != id)
			continue;
		if (mount->epoch == frame->epoch || !mount->point)
			return;
		mount->epoch = frame->epoch;
		put64(words + RECORD_MOUNT_MOUNT_ID, mount->id);
		put64(words + RECORD_MOUNT_PARENT_ID, mount->parent);
		put64(words + RECORD_MOUNT_DEVICE, mount->device);
		words[RECORD_MOUNT_ROOT] = frame_string(frame, mount->root);
		words[RECORD_MOUNT_MOUNTPOINT] = frame_string(frame, mount->point);
		words[RECORD_MOUNT_FILESYSTEM] = frame_string(frame, mount->filesystem);
		words[RECORD_MOUNT_SOURCE] = frame_string(frame, mount->source);
		words[RECORD_MOUNT_OPTIONS] = frame_string(frame, mount->options);
		frame_record(frame, RECORD_MOUNT, words, RECORD_MOUNT_WORDS);
		return;
	}
}

uint32_t emit_file(struct tracer *tracer, const struct arena *arena, const struct file_facts *facts)
{
	struct frame *frame = &tracer->frame;
	uint32_t words[FILE_TUPLE_WORDS] = {0};

	if (!facts->path.stored && !facts->flags)
		return 0;
	words[FILE_PATH] = frame_text(frame, arena, facts->path);
	/* Below a root of its own the pattern does not fit. */
	words[FILE_OWN_PATH] = frame->hidden && hidden_path(frame->hidden, arena_at(arena, facts->path.at), facts->path.stored) ? words[FILE_PATH] : frame_text(frame, arena, facts->own_path);
	words[FILE_FLAGS] = facts->flags;
	if (facts->flags & FACT_EXISTS) {
		words[FILE_MODE] = facts->mode;
		words[FILE_UID] = facts->uid;
		words[FILE_GID] = facts->gid;
		words[FILE_LINKS] = facts->links;
		put64(words + FILE_INODE, facts->inode);
		put64(words + FILE_DEVICE, facts->device);
		put64(words + FILE_SIZE, facts->size);
		put64(words + FILE_MODIFICATION_TIME, (uint64_t)facts->modified);
		put64(words + FILE_CHANGE_TIME, (uint64_t)facts->changed);
		put64(words + FILE_BIRTH_TIME, (uint64_t)facts->born);
		put64(words + FILE_MOUNT_ID, facts->mount_id);
		words[FILE_FILESYSTEM] = frame_string(frame, facts->filesystem);
		emit_account(tracer, false, facts->uid);
		emit_account(tracer, true, facts->gid);
		if (facts->mount_id)
			told_mount(tracer, facts->mount_id);
	}
	if (facts->content)
		words[FILE_CONTENT] = content_emit(tracer, facts->content);
	return frame_tuple(frame, TUPLE_FILE, words, FILE_TUPLE_WORDS);
}

static uint32_t credentials_id(struct tracer *tracer, const struct credentials *c)
{
	struct frame *frame = &tracer->frame;
	uint32_t words[CREDENTIALS_TUPLE_WORDS] = {0};
	char groups[GROUPS_MAX * 11 + 1];
	size_t used = 0;

	words[CREDENTIALS_UID] = c->uid;
	words[CREDENTIALS_EUID] = c->euid;
	words[CREDENTIALS_SUID] = c->suid;
	words[CREDENTIALS_FSUID] = c->fsuid;
	words[CREDENTIALS_GID] = c->gid;
	words[CREDENTIALS_EGID] = c->egid;
	words[CREDENTIALS_SGID] = c->sgid;
	words[CREDENTIALS_FSGID] = c->fsgid;
	words[CREDENTIALS_AUID] = c->auid;
	words[CREDENTIALS_NO_NEW_PRIVS] = c->no_new_privs;
	words[CREDENTIALS_SECCOMP] = c->seccomp;
	words[CREDENTIALS_SECUREBITS] = c->securebits;
	put64(words + CREDENTIALS_CAP_EFFECTIVE, c->cap_effective);
	put64(words + CREDENTIALS_CAP_PERMITTED, c->cap_permitted);
	put64(words + CREDENTIALS_CAP_INHERITABLE, c->cap_inheritable);
	put64(words + CREDENTIALS_CAP_BOUNDING, c->cap_bounding);
	put64(words + CREDENTIALS_CAP_AMBIENT, c->cap_ambient);
	groups[0] = 0;
	for (uint32_t n = 0; n < c->group_count; n++)
		used += (size_t)snprintf(groups + used, sizeof(groups) - used, n ? " %u" : "%u", c->groups[n]);
	words[CREDENTIALS_GROUPS] = frame_bytes(frame, groups, (uint32_t)used, (uint32_t)used + (c->groups_total > c->group_count ? 1 : 0));
	emit_account(tracer, false, c->uid);
	emit_account(tracer, false, c->euid);
	emit_account(tracer, false, c->fsuid);
	emit_account(tracer, true, c->gid);
	emit_account(tracer, true, c->egid);
	emit_account(tracer, true, c->fsgid);
	return frame_tuple(frame, TUPLE_CREDENTIALS, words, CREDENTIALS_TUPLE_WORDS);
}

static uint32_t namespaces_id(struct tracer *tracer, const struct namespaces *n)
{
	return frame_tuple(&tracer->frame, TUPLE_NAMESPACES, n->inode, NS_COUNT);
}

/* What the path of the cgroup tells of a container, as `name:value`. */
static uint32_t container_tags(struct frame *frame, const struct context *c)
{
	struct arena arena = {0};
	struct text tags[2 + TAGS_MOST];
	struct text_list list = {0};
	char tag[128];
	uint32_t id;

	snprintf(tag, sizeof(tag), "container_id:%s", c->container_id);
	tags[list.stored++] = text_add(&arena, tag);
	if (c->container_runtime[0]) {
		snprintf(tag, sizeof(tag), "runtime:%s", c->container_runtime);
		tags[list.stored++] = text_add(&arena, tag);
	}
	for (unsigned n = 0; c->tags && n < c->tags->count; n++)
		tags[list.stored++] = text_add(&arena, c->tags->text[n]);
	list.original = list.stored;
	list.at = arena_add(&arena, tags, list.stored * (uint32_t)sizeof(*tags));
	id = frame_list(frame, &arena, list);
	arena_free(&arena);
	return id;
}

static uint32_t context_id(struct tracer *tracer, const struct context *c)
{
	struct frame *frame = &tracer->frame;
	uint32_t words[CONTEXT_TUPLE_WORDS] = {0};

	words[CONTEXT_CGROUP] = frame_string(frame, c->cgroup);
	words[CONTEXT_CGROUP_VERSION] = c->cgroup_version;
	put64(words + CONTEXT_CGROUP_INODE, c->cgroup_inode);
	put64(words + CONTEXT_CGROUP_MOUNT_ID, c->cgroup_mount_id);
	put64(words + CONTEXT_CGROUP_CREATED, (uint64_t)c->cgroup_created);
	words[CONTEXT_CONTAINER_ID] = frame_string(frame, c->container_id);
	words[CONTEXT_CONTAINER_RUNTIME] = frame_string(frame, c->container_runtime);
	if (c->container_id[0]) {
		put64(words + CONTEXT_CONTAINER_CREATED, (uint64_t)c->container_created);
		words[CONTEXT_CONTAINER_TAGS] = container_tags(frame, c);
	}
	words[CONTEXT_UNIT] = frame_string(frame, c->unit);
	return frame_tuple(frame, TUPLE_CONTEXT, words, CONTEXT_TUPLE_WORDS);
}

/* Ids of what a process has, made once per epoch and change. */
void emit_identify(struct tracer *tracer, struct process *p)
{
	if (p->epoch != tracer->frame.epoch) {
		p->epoch = tracer->frame.epoch;
		p->credentials_id = p->namespaces_id = p->context_id = 0;
	}
	process_know(tracer, p);
	if (!p->credentials_id && p->credentials_known)
		p->credentials_id = credentials_id(tracer, &p->credentials);
	if (!p->namespaces_id && p->namespaces_known)
		p->namespaces_id = namespaces_id(tracer, &p->namespaces);
	if (!p->context_id && p->context)
		p->context_id = context_id(tracer, p->context);
}

/* The path of a socket, whose name may be relative. */
static uint32_t socket_path(struct tracer *tracer, const struct process *process, const struct arena *arena, struct text path)
{
	const char *given = arena_at(arena, path.at);

	if (tracer->frame.hidden && path.stored && *given != '@' && !process->past) {
		struct path_task place = {process->tgid, process->tgid, NULL, NULL};
		char base[PATH_BYTES], joined[PATH_BYTES + 128];

		path_base(&place, *given == '/', AT_FDCWD, base, sizeof(base));
		snprintf(joined, sizeof(joined), "%s/%.*s", base, (int)path.stored, given);
		if (hidden_path(tracer->frame.hidden, joined, (uint32_t)strlen(joined)))
			return frame_string(&tracer->frame, joined);
	}
	return frame_text(&tracer->frame, arena, path);
}

static uint32_t address_id(struct tracer *tracer, const struct process *process, const struct arena *arena, const struct address_facts *facts)
{
	struct frame *frame = &tracer->frame;
	uint32_t words[ADDRESS_TUPLE_WORDS] = {0};
	char text[INET6_ADDRSTRLEN] = "";

	words[ADDRESS_FAMILY] = facts->family;
	words[ADDRESS_PORT] = facts->port;
	if (facts->family == 2 || facts->family == 10)
		inet_ntop((int)facts->family, facts->ip, text, sizeof(text));
	words[ADDRESS_IP] = frame_string(frame, text);
	words[ADDRESS_NUMBER] = facts->number;
	words[ADDRESS_PATH] = socket_path(tracer, process, arena, facts->path);
	words[ADDRESS_RAW] = frame_text(frame, arena, facts->raw);
	return frame_tuple(frame, TUPLE_ADDRESS, words, ADDRESS_TUPLE_WORDS);
}

uint32_t emit_value(struct tracer *tracer, struct process *process, const struct arena *arena, const struct value *value)
{
	switch (value->type) {
	case VALUE_TEXT:
		return frame_text(&tracer->frame, arena, value->text);
	case VALUE_LIST:
		return frame_list(&tracer->frame, arena, value->list);
	case VALUE_FILE:
		return emit_file(tracer, arena, arena_at(arena, value->at));
	case VALUE_ADDRESS:
		return address_id(tracer, process, arena, arena_at(arena, value->at));
	case VALUE_CREDENTIALS:
		return credentials_id(tracer, arena_at(arena, value->at));
	case VALUE_NAMESPACES:
		return namespaces_id(tracer, arena_at(arena, value->at));
	case VALUE_CONTEXT:
		emit_identify(tracer, process);
		return process->context_id;
	default:
		return 0;
	}
}
