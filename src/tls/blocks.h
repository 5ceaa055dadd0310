/* GnuTLS takes a block of 16 KiB and a little more for each record that it reads, decrypts or writes, and
 * gives it back at once. That is beyond what malloc keeps at hand for a thread: a tenth of the processor time
 * of a short response went into it. */
#ifndef MTLSD_TLS_BLOCKS_H
#define MTLSD_TLS_BLOCKS_H

enum { BLOCKS_MOST = 4 };

/* A worker's; embedded there, {0} is empty. */
struct blocks {
    void *block[BLOCKS_MOST]; /* owned */
    unsigned n;
};

/* Lets GnuTLS use memory that keeps a few blocks of that size for each worker. Before the first worker
 * starts. */
void blocks_use(void);

/* From here to blocks_leave, GnuTLS's calls on this thread use them. */
void blocks_enter(struct blocks *blocks);
void blocks_leave(void);

#endif
