/* GnuTLS takes a block of 16 KiB and a little more for each record that it reads, decrypts or writes, and
 * gives it back at once. That is beyond what malloc keeps at hand for a thread: a tenth of the processor time
 * of a short response went into it. */
#ifndef MTLSD_TLS_BLOCKS_H
#define MTLSD_TLS_BLOCKS_H

/* Lets GnuTLS use memory that keeps a few blocks of that size for each worker. Before the first worker
 * starts. */
void blocks_use(void);

#endif
