#include "report/metrics.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "http/route.h"
#include "pki/verdict.h"
#include "report/access.h"

/* --- the closed sets ----------------------------------------------------------------------------------- */

static const char *handshake_value(size_t i)
{
    static const char *const WORDS[] = {
        [HANDSHAKE_OK] = "ok",           [HANDSHAKE_REFUSED] = "refused",     [HANDSHAKE_LEFT] = "left",
        [HANDSHAKE_TIMEOUT] = "timeout", [HANDSHAKE_DISPLACED] = "displaced", [HANDSHAKE_MEMORY] = "memory"};
    return WORDS[i];
}

static const char *version_value(size_t i)
{
    return i == 0 ? "TLSv1.2" : "TLSv1.3";
}

static const char *resumed_value(size_t i)
{
    return i == 0 ? "false" : "true";
}

static const char *verify_value(size_t i)
{
    return verify_word((enum verify_state)i);
}

static const char *verdict_value(size_t i)
{
    return VERDICT_ROWS[i].code;
}

static const char *route_value(size_t i)
{
    static const char *const NONE[ROUTELESS_KINDS] = {[ROUTELESS] = "none", [ROUTELESS_BACKEND] = "backend"};
    return i < ROUTE_COUNT ? ROUTES[i].path : NONE[i - ROUTE_COUNT];
}

static const char *status_value(size_t i)
{
    static const char *const WORDS[] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
    return WORDS[i];
}

static const char *protocol_value(size_t i)
{
    static const char *const WORDS[] = {"HTTP/1.0", "HTTP/1.1", "HTTP/2.0"};
    return WORDS[i];
}

enum { STATUS_5XX = 5 };

static const char *reload_value(size_t i)
{
    return i == RELOAD_DONE ? "done" : "refused";
}

static const char *tcp_end_value(size_t i)
{
    return access_end_word((enum tcp_end)(i + 1));
}

static const char *direction_value(size_t i)
{
    return i == 0 ? "received" : "sent";
}

/* clang-format off */
#define LABEL_NONE           {NULL, 1, NULL}
#define LABEL_GIVEN_backend  {"backend", 0, NULL}
#define LABEL_GIVEN_server   {"server", 0, NULL}
#define LABEL_GIVEN_limit    {"limit", 0, NULL}
#define LABEL_GIVEN_listener {"listener", 0, NULL}
#define LABEL_GIVEN_version  {"version", 0, NULL}
#define LABEL_HANDSHAKE      {"result", 6, handshake_value}
#define LABEL_TLS_VERSION    {"version", 2, version_value}
#define LABEL_RESUMED        {"resumed", 2, resumed_value}
#define LABEL_VERIFY         {"verify", 3, verify_value}
#define LABEL_VERDICT        {"code", VERDICT_CODE_COUNT, verdict_value}
#define LABEL_ROUTE          {"route", ROUTE_MOST + ROUTELESS_KINDS, route_value}
#define LABEL_STATUS         {"status", 6, status_value}
#define LABEL_PROTOCOL       {"protocol", 3, protocol_value}
#define LABEL_RELOAD         {"result", 2, reload_value}
#define LABEL_TCP_END        {"ended", TCP_ENDS - 1, tcp_end_value}
#define LABEL_DIRECTION      {"direction", 2, direction_value}
/* clang-format on */

static const struct metric_row ROWS[METRIC_COUNT] = {
#define METRIC(id, kind, name, label1, label2, help)                                                         \
    [METRIC_##id] = {name, help, METRIC_##kind, {LABEL_##label1, LABEL_##label2}},
#include "report/metrics.def"
#undef METRIC
};

const struct metric_row *metrics_row(enum metric metric)
{
    return &ROWS[metric];
}

/* --- counting ------------------------------------------------------------------------------------------ */

/* Upper bounds of a histogram's buckets in microseconds, after which comes +Inf. */
static const uint64_t BOUNDS[] = {100,   250,    500,    1000,   2500,    5000,    10000,   25000,
                                  50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000};

enum {
    BUCKETS = ARRAY_LEN(BOUNDS) + 1,
    HISTOGRAM_CELLS = BUCKETS + 1, /* and the sum */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of the ring of shards */
/* Those of no worker, and of workers that have ended. */
static struct metrics_shard common = {.next = &common, .prev = &common};
/* Whatever counts is told nothing of workers. */
static _Thread_local struct metrics_shard *own;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static size_t first_cell[METRIC_COUNT + 1];

static size_t cells_of(const struct metric_row *row)
{
    if (row->kind == METRIC_SAMPLED || row->kind == METRIC_GAUGE)
        return 0;
    return row->label[0].n * row->label[1].n * (row->kind == METRIC_HISTOGRAM ? (size_t)HISTOGRAM_CELLS : 1);
}

static void set_up(void)
{
    for (size_t i = 0; i < METRIC_COUNT; i++)
        first_cell[i + 1] = first_cell[i] + cells_of(&ROWS[i]);
    if (first_cell[METRIC_COUNT] > METRICS_CELLS)
        abort(); /* a row too many: the unit test sees it first */
}

void metrics_enter(struct metrics_shard *shard)
{
    pthread_mutex_lock(&lock);
    shard->next = common.next;
    shard->prev = &common;
    shard->next->prev = shard;
    common.next = shard;
    pthread_mutex_unlock(&lock);
    own = shard;
}

void metrics_leave(void)
{
    struct metrics_shard *shard = own;
    own = NULL;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < METRICS_CELLS; i++)
        atomic_fetch_add(&common.cell[i], atomic_load_explicit(&shard->cell[i], memory_order_relaxed));
    shard->next->prev = shard->prev;
    shard->prev->next = shard->next;
    pthread_mutex_unlock(&lock);
}

static size_t index_of(const struct metric_row *row, size_t first, size_t second)
{
    const struct metric_label *label = row->label;
    first = first < label[0].n ? first : label[0].n - 1;
    second = second < label[1].n ? second : label[1].n - 1;
    return first * label[1].n + second;
}

static void count(size_t cell, uint64_t n)
{
    if (!own) {
        atomic_fetch_add_explicit(&common.cell[cell], n, memory_order_relaxed);
        return;
    }
    /* The only writer: no locked instruction is needed. */
    _Atomic uint64_t *at = &own->cell[cell];
    atomic_store_explicit(at, atomic_load_explicit(at, memory_order_relaxed) + n, memory_order_relaxed);
}

void metrics_add(enum metric metric, size_t first, size_t second, uint64_t n)
{
    pthread_once(&once, set_up);
    count(first_cell[metric] + index_of(&ROWS[metric], first, second), n);
}

void metrics_observe(enum metric metric, size_t first, uint64_t us)
{
    pthread_once(&once, set_up);
    size_t bucket = 0;
    while (bucket < ARRAY_LEN(BOUNDS) && us > BOUNDS[bucket])
        bucket++;
    size_t cell = first_cell[metric] + index_of(&ROWS[metric], first, 0) * HISTOGRAM_CELLS;
    count(cell + bucket, 1);
    count(cell + BUCKETS, us);
}

/* --- reading ------------------------------------------------------------------------------------------- */

/* Under the lock. */
static uint64_t total(size_t cell)
{
    uint64_t sum = atomic_load_explicit(&common.cell[cell], memory_order_relaxed);
    for (const struct metrics_shard *shard = common.next; shard != &common; shard = shard->next)
        sum += atomic_load_explicit(&shard->cell[cell], memory_order_relaxed);
    return sum;
}

static void put_value(struct buf *out, const char *name, const char *value, const char *before)
{
    buf_printf(out, "%s%s=\"", before, name);
    for (const char *p = value; *p; p++) {
        if (*p == '\\' || *p == '"')
            buf_putc(out, '\\');
        if (*p == '\n')
            buf_puts(out, "\\n");
        else
            buf_putc(out, *p);
    }
    buf_putc(out, '"');
}

/* "name" or "name{a="x",b="y"": the closing brace is the caller's, who may have one more label. */
static bool put_series(struct buf *out, const struct metric_row *row, const char *suffix, size_t i, size_t j)
{
    buf_printf(out, "%s%s", row->name, suffix);
    bool any = false;
    const size_t index[] = {i, j};
    for (size_t k = 0; k < 2; k++) {
        if (row->label[k].value) {
            put_value(out, row->label[k].name, row->label[k].value(index[k]), any ? "," : "{");
            any = true;
        }
    }
    return any;
}

static void write_histogram(const struct metric_row *row, size_t i, size_t cell, struct buf *out)
{
    uint64_t sum = 0;
    for (size_t b = 0; b < BUCKETS; b++) {
        sum += total(cell + b);
        bool any = put_series(out, row, "_bucket", i, 0);
        if (b < ARRAY_LEN(BOUNDS))
            buf_printf(out, "%sle=\"%g\"} %" PRIu64 "\n", any ? "," : "{", (double)BOUNDS[b] / 1e6, sum);
        else
            buf_printf(out, "%sle=\"+Inf\"} %" PRIu64 "\n", any ? "," : "{", sum);
    }
    bool any = put_series(out, row, "_sum", i, 0);
    buf_printf(out, "%s %.6f\n", any ? "}" : "", (double)total(cell + BUCKETS) / 1e6);
    any = put_series(out, row, "_count", i, 0);
    buf_printf(out, "%s %" PRIu64 "\n", any ? "}" : "", sum);
}

static void write_counts(enum metric metric, struct buf *out)
{
    const struct metric_row *row = &ROWS[metric];
    size_t cell = first_cell[metric];
    for (size_t i = 0; i < row->label[0].n; i++) {
        if (row->label[0].value == route_value && i >= ROUTE_COUNT + ROUTELESS_KINDS)
            break;
        if (row->kind == METRIC_HISTOGRAM) {
            write_histogram(row, i, cell + i * HISTOGRAM_CELLS, out);
            continue;
        }
        for (size_t j = 0; j < row->label[1].n; j++) {
            uint64_t n = total(cell + i * row->label[1].n + j);
            /* Of a table with two labels only what happened, to keep it readable; but the server's own errors
             * from the start, for the first one is no increase of a series that was not there. */
            if (n == 0 && row->label[1].value && !(row->label[1].value == status_value && j == STATUS_5XX))
                continue;
            bool any = put_series(out, row, "", i, j);
            buf_printf(out, "%s %" PRIu64 "\n", any ? "}" : "", n);
        }
    }
}

void metrics_write(const struct metrics_sample *samples, size_t n, struct buf *out)
{
    static const char *const KINDS[] = {[METRIC_COUNTER] = "counter",
                                        [METRIC_SAMPLED] = "counter",
                                        [METRIC_GAUGE] = "gauge",
                                        [METRIC_HISTOGRAM] = "histogram"};
    pthread_once(&once, set_up);
    pthread_mutex_lock(&lock);
    for (size_t m = 0; m < METRIC_COUNT; m++) {
        const struct metric_row *row = &ROWS[m];
        buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", row->name, row->help, row->name, KINDS[row->kind]);
        if (row->kind == METRIC_COUNTER || row->kind == METRIC_HISTOGRAM)
            write_counts((enum metric)m, out);
        for (size_t i = 0; i < n; i++) {
            if (samples[i].metric != m)
                continue;
            buf_puts(out, row->name);
            if (samples[i].label) {
                put_value(out, row->label[0].name, samples[i].label, "{");
                if (samples[i].second)
                    put_value(out, row->label[1].name, samples[i].second, ",");
                if (samples[i].result)
                    put_value(out, "result", samples[i].result, ",");
                buf_putc(out, '}');
            }
            buf_printf(out, " %.17g\n", samples[i].value);
        }
    }
    pthread_mutex_unlock(&lock);
}
