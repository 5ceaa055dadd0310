/* What /metrics tells, in Prometheus' text format 0.0.4. The one table of metrics is metrics.def. Each worker
 * counts for itself, in memory that no other thread writes; the counts are added up when they are read. */
#ifndef MTLSD_REPORT_METRICS_H
#define MTLSD_REPORT_METRICS_H

#include <stdatomic.h>

#include "base/buf.h"

enum metric {
#define METRIC(id, kind, name, label1, label2, help) METRIC_##id,
#include "report/metrics.def"
#undef METRIC
    METRIC_COUNT
};

enum metric_kind { METRIC_COUNTER, METRIC_SAMPLED, METRIC_GAUGE, METRIC_HISTOGRAM };

/* What the values of a label are called. */
struct metric_label {
    const char *name; /* NULL: no label */
    size_t n;         /* values; 0 of a label that the samples give */
    const char *(*value)(size_t index);
};

struct metric_row {
    const char *name, *help;
    enum metric_kind kind;
    struct metric_label label[2];
};

/* For tests. */
const struct metric_row *metrics_row(enum metric metric);

/* Values of the closed sets that have no table elsewhere. */
enum {
    HANDSHAKE_OK,
    HANDSHAKE_REFUSED,
    HANDSHAKE_LEFT,
    HANDSHAKE_TIMEOUT,
    HANDSHAKE_DISPLACED,
    HANDSHAKE_MEMORY
};
enum { RELOAD_DONE, RELOAD_REFUSED };
/* Of what no route has answered, behind a value for each route (http/route.h). */
enum { ROUTELESS, ROUTELESS_BACKEND, ROUTELESS_KINDS };

enum { METRICS_CELLS = 1024 };

/* A worker's counts; embedded there, private to metrics.c. */
struct metrics_shard {
    struct metrics_shard *next, *prev;
    _Atomic uint64_t cell[METRICS_CELLS];
};

/* From here to metrics_leave, what the calling thread counts goes there; what it has counted by then stays.
 * Threads that have none count together, at the price of locked instructions. */
void metrics_enter(struct metrics_shard *shard);
void metrics_leave(void);

/* Adds to the counter with the labels' values of these indices; 0 where it has no label. An index beyond the
 * set is counted as its last. */
void metrics_add(enum metric metric, size_t first, size_t second, uint64_t n);
/* An observation of a histogram, in microseconds. */
void metrics_observe(enum metric metric, size_t first, uint64_t us);

/* A value that is known when the metrics are read. */
struct metrics_sample {
    enum metric metric;
    const char *label; /* the value of its label; NULL: it has none */
    double value;
    const char *second, *result; /* those of its second label, and of a third; NULL: none */
};

/* Writes all: the counts, and the samples where their metric's row is. Any thread. */
void metrics_write(const struct metrics_sample *samples, size_t n, struct buf *out);

#endif
