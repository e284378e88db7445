/*
 * Signals that would end the recorder are endured while it traces: one process of the traced tree could
 * send it SIGALRM as well as SIGKILL, which is refused. Only what nobody else here handles is touched.
 */
#ifndef SECCAM_ENDURE_H
#define SECCAM_ENDURE_H

struct endured;

struct endured *endure_begin(void);
/* Puts back what was there; frees. */
void endure_end(struct endured *endured);

#endif
