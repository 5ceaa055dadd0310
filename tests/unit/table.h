/* Tables of cases: tests/data/NAME below $srcdir, one case a line, columns separated by one tab, # begins a
 * comment line, empty lines are skipped. Whatever is wrong with the file itself fails the test that reads it.
 */
#ifndef MTLSD_TESTS_UNIT_TABLE_H
#define MTLSD_TESTS_UNIT_TABLE_H

#include <stdio.h>

#include "base/buf.h"

enum { TABLE_COLUMNS = 12 };

struct table {
    FILE *file;
    char *line;
    size_t room;
    unsigned number; /* of the line, for messages */
    unsigned rows;
    char *column[TABLE_COLUMNS]; /* of the row that was read; columns that are missing are "" */
};

void table_open(struct table *table, const char *name);
/* False at the end. A row with more than TABLE_COLUMNS fails the test. */
bool table_next(struct table *table);
void table_close(struct table *table);

/* The bytes that a column spells: \r \n \t \\ \xHH, and \{N,text} for N times text, which may hold escapes
 * but no brace. The caller calls buf_done. */
void table_unescape(struct buf *out, const char *text);

#endif
