/* dearly batch: what a chain costs `mtlsd verify --batch`. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dearly.h"

enum { LINES = 8, STARTS = 9, FILLING = 64 * 1024 };

static char *program, *ca_text;

static char *read_text(const char *name, const char *ending)
{
    char path[4096];
    gnutls_datum_t file;
    snprintf(path, sizeof path, "%s%s", name, ending);
    must(gnutls_load_file(path, &file), path);
    char *text = strndup((char *)file.data, file.size);
    gnutls_free(file.data);
    if (!text)
        die("memory");
    return text;
}

void batch_of(char *mtlsd, const char *ca)
{
    program = mtlsd;
    ca_text = read_text(ca, "");
}

static void put_text(FILE *to, const char *text)
{
    for (; *text; text++) {
        if (*text == '\n')
            fputs("\\n", to);
        else
            putc(*text, to);
    }
}

/* Processor time of the program for so many lines with the chain. */
/* filling: that many bytes of text that is no certificate come before each. */
static double run_batch(const struct chain *chain, unsigned lines, size_t filling, int *end)
{
    int in[2], status;
    if (pipe(in) != 0)
        die("pipe");
    pid_t pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0) {
        struct rlimit most = {TIMEOUT_MS / 1000, TIMEOUT_MS / 1000};
        setrlimit(RLIMIT_CPU, &most);
        dup2(in[0], 0);
        dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), 1);
        close(in[0]);
        close(in[1]);
        execl(program, program, "verify", "--batch", (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    FILE *to = fdopen(in[1], "w");
    char *text = read_text(chain->name, ".pem");
    if (!to)
        die("memory");
    while (lines-- > 0) {
        fputs("{\"chain\":\"", to);
        for (size_t i = 0; i < filling; i++)
            putc('x', to);
        if (filling > 0)
            fputs("\\n", to);
        put_text(to, text);
        fputs("\",\"ca\":\"", to);
        put_text(to, ca_text);
        fputs("\"}\n", to);
    }
    fclose(to);
    free(text);
    struct rusage used;
    if (wait4(pid, &status, 0, &used) < 0)
        die("wait4");
    if (WIFSIGNALED(status)) {
        printf("%s no answer\n", chain->name);
        fflush(stdout);
        _exit(3);
    }
    *end = WEXITSTATUS(status) == 2 ? -1 : 0;
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

static double median_run(const struct chain *chain, unsigned lines, size_t filling, int *end)
{
    double runs[STARTS];
    for (size_t i = 0; i < STARTS; i++)
        runs[i] = run_batch(chain, lines, filling, end);
    return median(runs, STARTS);
}

double batch_line(struct chain *chain, bool dear, int *end)
{
    /* Of the program, which takes as long as many lines; and of each byte of a line as text. Neither is
     * counted: who asks writes the lines himself, as long as he likes. */
    static double start, byte;
    static size_t usual;
    if (start == 0 && !dear) {
        char *text = read_text(chain->name, ".pem");
        usual = strlen(text);
        free(text);
        start = median_run(chain, 0, 0, end);
        byte = (median_run(chain, LINES, FILLING, end) - median_run(chain, LINES, 0, end)) / LINES / FILLING;
        if (byte < 0)
            byte = 0;
    }
    char *text = read_text(chain->name, ".pem");
    double longer = (double)strlen(text) - (double)usual;
    free(text);
    return (run_batch(chain, LINES, 0, end) - start) / LINES - longer * byte;
}
