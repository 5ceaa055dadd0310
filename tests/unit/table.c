#include "table.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

void table_open(struct table *table, const char *name)
{
    const char *srcdir = getenv("srcdir");
    char path[4096];
    memset(table, 0, sizeof *table);
    snprintf(path, sizeof path, "%s/tests/data/%s", srcdir ? srcdir : ".", name);
    table->file = fopen(path, "r");
    ck_assert_msg(table->file != NULL, "%s cannot be opened", path);
}

bool table_next(struct table *table)
{
    for (;;) {
        ssize_t n = getline(&table->line, &table->room, table->file);
        if (n < 0)
            return false;
        table->number++;
        if (n > 0 && table->line[n - 1] == '\n')
            table->line[--n] = '\0';
        if (n > 0 && table->line[0] != '#')
            break;
    }
    static char none[] = "";
    size_t i = 0;
    char *rest = table->line;
    for (char *text; (text = strsep(&rest, "\t")) != NULL;) {
        ck_assert_msg(i < TABLE_COLUMNS, "line %u has too many columns", table->number);
        table->column[i++] = text;
    }
    while (i < TABLE_COLUMNS)
        table->column[i++] = none;
    table->rows++;
    return true;
}

void table_close(struct table *table)
{
    free(table->line);
    fclose(table->file);
}

static void unescape(struct buf *out, const char *p, const char *end)
{
    while (p < end) {
        if (*p != '\\') {
            buf_putc(out, *p++);
            continue;
        }
        ck_assert(end - p >= 2);
        char kind = p[1];
        p += 2;
        if (kind == 'x') {
            char hex[3] = {p[0], p[1], '\0'};
            buf_putc(out, (char)strtoul(hex, NULL, 16));
            p += 2;
        } else if (kind == '{') {
            char *text;
            unsigned long times = strtoul(p, &text, 10);
            const char *close = strchr(text, '}');
            ck_assert(*text == ',' && close && close < end);
            for (; times > 0; times--)
                unescape(out, text + 1, close);
            p = close + 1;
        } else {
            static const char from[] = "rnt\\", to[] = "\r\n\t\\";
            const char *found = strchr(from, kind);
            ck_assert_msg(found != NULL, "no escape \\%c", kind);
            buf_putc(out, to[found - from]);
        }
    }
}

void table_unescape(struct buf *out, const char *text)
{
    unescape(out, text, text + strlen(text));
    ck_assert(!buf_failed(out));
}
