/* dearly storm: many handshakes at once. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "dearly.h"

static pthread_barrier_t gate;
static atomic_uint ended;

static void *storm_one(void *chain)
{
    pthread_barrier_wait(&gate);
    one(chain, false);
    atomic_fetch_add(&ended, 1);
    return NULL;
}

void storm(unsigned n, unsigned bursts, long ms, char **names)
{
    static struct chain *chain[1024];
    unsigned n_chains = 0;
    for (; *names && n_chains < 1024; names++)
        chain[n_chains++] = read_chain(*names);
    pthread_t *thread = calloc(n, sizeof *thread);
    if (!thread || n_chains == 0)
        die("nothing to do");
    pthread_barrier_init(&gate, NULL, n);
    /* The attackers have machines of their own: what they compute is not to be the server's burden. */
    if (setpriority(PRIO_PROCESS, 0, 19) != 0)
        die("setpriority");
    puts("ready");
    fflush(stdout);
    struct timespec due;
    clock_gettime(CLOCK_MONOTONIC, &due);
    for (unsigned b = 0, k = 0; b < bursts; b++) {
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
        for (unsigned i = 0; i < n; i++)
            if (pthread_create(&thread[i], NULL, storm_one, chain[k++ % n_chains]) != 0)
                die("no more threads");
        for (unsigned i = 0; i < n; i++)
            pthread_join(thread[i], NULL);
        long long ns = due.tv_nsec + (long long)ms * 1000000;
        due.tv_sec += (time_t)(ns / 1000000000);
        due.tv_nsec = (long)(ns % 1000000000);
    }
    printf("storm %u\n", atomic_load(&ended));
    free(thread);
}
