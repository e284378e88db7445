/*
 * What the runtime's own files say of a container, as tags `name:value`: container_name, image_name, image_tag,
 * short_image, and of Kubernetes kube_container_name, pod_name, kube_namespace. Files of Docker, containerd,
 * CRI-O and podman on the machine where the tracer runs; a tracer inside of the container does not see them.
 */
#ifndef SECCAM_TAGS_H
#define SECCAM_TAGS_H

#include <sys/types.h>

#include "facts.h"

#define TAGS_MOST 8

struct tag_list {
	unsigned count;
	char text[TAGS_MOST][320];
};

/* `tid`: a process of the container. */
void tags_of_container(pid_t tid, const struct context *context, struct tag_list *out);

#endif
