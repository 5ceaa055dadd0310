#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/metrics.h"
#include "suites.h"

static void *count_some(void *cls)
{
    (void)cls;
    for (int i = 0; i < 1000; i++)
        metrics_add(METRIC_reloads, RELOAD_REFUSED, 0, 1);
    return NULL;
}

static char *written(const struct metrics_sample *samples, size_t n)
{
    struct buf out;
    buf_init(&out, 0);
    metrics_write(samples, n, &out);
    char *text = buf_take(&out, NULL);
    ck_assert_ptr_nonnull(text);
    return text;
}

static void has(const struct metrics_sample *samples, size_t n, const char *line)
{
    char *text = written(samples, n);
    ck_assert_msg(strstr(text, line) != NULL, "%s is not in:\n%s", line, text);
    free(text);
}

/* Threads that ended have counted too, and their memory goes on to others. */
START_TEST(adds_up_threads)
{
    for (int round = 0; round < 3; round++) {
        pthread_t thread[4];
        for (size_t i = 0; i < ARRAY_LEN(thread); i++)
            ck_assert_int_eq(pthread_create(&thread[i], NULL, count_some, NULL), 0);
        for (size_t i = 0; i < ARRAY_LEN(thread); i++)
            pthread_join(thread[i], NULL);
    }
    has(NULL, 0, "\nmtlsd_reloads_total{result=\"refused\"} 12000\n");
    has(NULL, 0, "\nmtlsd_reloads_total{result=\"done\"} 0\n");
}
END_TEST

START_TEST(histograms_are_cumulative)
{
    metrics_observe(METRIC_request_seconds, 0, 0);
    metrics_observe(METRIC_request_seconds, 0, 100);
    metrics_observe(METRIC_request_seconds, 0, 101);
    metrics_observe(METRIC_request_seconds, 0, 60000000);
    has(NULL, 0, "\nmtlsd_request_duration_seconds_bucket{le=\"0.0001\"} 2\n");
    has(NULL, 0, "\nmtlsd_request_duration_seconds_bucket{le=\"0.00025\"} 3\n");
    has(NULL, 0, "\nmtlsd_request_duration_seconds_bucket{le=\"10\"} 3\n");
    has(NULL, 0, "\nmtlsd_request_duration_seconds_bucket{le=\"+Inf\"} 4\n");
    has(NULL, 0, "\nmtlsd_request_duration_seconds_sum 60.000201\n");
    has(NULL, 0, "\nmtlsd_request_duration_seconds_count 4\n");
}
END_TEST

/* Whatever comes in, the sets stay closed. */
START_TEST(indices_beyond_a_set)
{
    metrics_add(METRIC_requests, SIZE_MAX, SIZE_MAX, 1);
    metrics_add(METRIC_errors, 100000, 0, 1);
    metrics_observe(METRIC_handshake_seconds, 77, 5);
    has(NULL, 0, "\nmtlsd_handshake_duration_seconds_count{resumed=\"true\"} 1\n");
}
END_TEST

/* Each way in which a handshake ends has its word. */
START_TEST(handshakes_by_result)
{
    static const char *const WORDS[] = {"ok", "refused", "left", "timeout", "displaced", "memory"};
    for (size_t i = 0; i < ARRAY_LEN(WORDS); i++)
        metrics_add(METRIC_handshakes, HANDSHAKE_OK + i, 0, i + 1);
    for (size_t i = 0; i < ARRAY_LEN(WORDS); i++) {
        char line[80];
        snprintf(line, sizeof line, "\nmtlsd_handshakes_total{result=\"%s\"} %zu\n", WORDS[i], i + 1);
        has(NULL, 0, line);
    }
}
END_TEST

START_TEST(samples_and_their_labels)
{
    const struct metrics_sample samples[] = {
        {.metric = METRIC_connections_open, .value = 7},
        {.metric = METRIC_certificate_not_after, .label = "a\"b\\c\nd", .value = 1795471819},
        {METRIC_backend_checks, "app", 3, "unix:\"", "ok"},
    };
    has(samples, ARRAY_LEN(samples),
        "\nmtlsd_backend_checks_total{backend=\"app\",server=\"unix:\\\"\",result=\"ok\"} 3\n");
    has(samples, ARRAY_LEN(samples), "\n# TYPE mtlsd_connections_open gauge\nmtlsd_connections_open 7\n");
    has(samples, ARRAY_LEN(samples),
        "\nmtlsd_certificate_not_after_timestamp_seconds{listener=\"a\\\"b\\\\c\\nd\"} 1795471819\n");
}
END_TEST

/* The rules for names: https://prometheus.io/docs/practices/naming/ */
START_TEST(rows_keep_the_conventions)
{
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        const struct metric_row *row = metrics_row((enum metric)i);
        bool counter = row->kind == METRIC_COUNTER || row->kind == METRIC_SAMPLED;
        size_t len = strlen(row->name);
        bool is_total = len > 6 && strcmp(row->name + len - 6, "_total") == 0;
        ck_assert_msg(strncmp(row->name, "mtlsd_", 6) == 0, "%s", row->name);
        ck_assert_msg(counter == is_total, "%s: counters end in _total, and nothing else does", row->name);
        ck_assert_msg(strspn(row->name, "abcdefghijklmnopqrstuvwxyz0123456789_") == len, "%s", row->name);
        ck_assert_msg(row->help[0] && row->help[strlen(row->help) - 1] == '.', "%s", row->help);
        ck_assert_msg(!strpbrk(row->help, "\\\n"), "%s", row->help);
        for (size_t k = 0; k < i; k++)
            ck_assert_str_ne(row->name, metrics_row((enum metric)k)->name);
    }
}
END_TEST

Suite *suite_metrics(void)
{
    Suite *suite = suite_create("metrics");
    TCase *tcase = tcase_create("metrics");
    tcase_add_test(tcase, adds_up_threads);
    tcase_add_test(tcase, histograms_are_cumulative);
    tcase_add_test(tcase, indices_beyond_a_set);
    tcase_add_test(tcase, handshakes_by_result);
    tcase_add_test(tcase, samples_and_their_labels);
    tcase_add_test(tcase, rows_keep_the_conventions);
    suite_add_tcase(suite, tcase);
    return suite;
}
