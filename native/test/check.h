/* Counting assertions of the unit tests. */
#ifndef SECCAM_TEST_CHECK_H
#define SECCAM_TEST_CHECK_H

#include <stdio.h>

static unsigned passed, failed;

#define check(condition, ...)                                        \
	do {                                                         \
		if (condition) {                                     \
			passed++;                                    \
		} else if (++failed <= 20) {                         \
			printf("%s:%d: ", __FILE__, __LINE__);       \
			printf(__VA_ARGS__);                         \
			printf("\n");                                \
		}                                                    \
	} while (0)

#define checked(what) (printf("%s: %u passed, %u failed\n", what, passed, failed), failed != 0)

#endif
