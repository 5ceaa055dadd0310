/* A record with a clock of its own, the messages that it is told of, and how it is shown. */
#ifndef MTLSD_TESTS_UNIT_RECORD_FIXTURE_H
#define MTLSD_TESTS_UNIT_RECORD_FIXTURE_H

#include "http_fixture.h"
#include "tls/record.h"

#define AT(json, path, expected) ck_assert_str_eq(fixture_at(json, path), expected)

enum { BEGUN = 1000, STEP = 100 };

/* In microseconds, STEP more each time. */
uint64_t now(void);

struct record *new_record(bool asks);
void send_message(struct record *record, enum record_side from, unsigned type, const void *body, size_t len);
void send_ccs(struct record *record, enum record_side from);
/* A ServerHello of either version, with what `psk` asks for. */
void server_hello(struct record *record, bool tls13, bool psk);
void client_hello(struct record *record);
void empty(struct record *record, enum record_side from, unsigned type);

json_t *view(const struct record *record);

#endif
