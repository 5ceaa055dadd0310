/* Runs one fuzz target over files instead of under libFuzzer: `fuzz_NAME FILE|FOLDER...` gives it each file
 * once, in the order of the names. Arguments that start with '-' are libFuzzer's and are passed over, so that
 * a command line works with both. Exits 1 when there was nothing to replay: an empty corpus proves nothing.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

enum { LARGEST = 16 << 20 };

static unsigned long replayed;

static void fail(const char *path)
{
    fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
    exit(EXIT_FAILURE);
}

/* The target gets an allocation of exactly the input's size, so that a read past its end is seen by ASan. */
static void replay_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "rb");

    if (!file) {
        fail(path);
    }
    if (size > LARGEST) {
        errno = EFBIG;
        fail(path);
    }
    uint8_t *data = malloc(size ? size : 1);
    if (!data) {
        fail(path);
    }
    if (fread(data, 1, size, file) != size) {
        errno = EIO;
        fail(path);
    }
    fclose(file);
    (void)LLVMFuzzerTestOneInput(data, size);
    free(data);
    replayed++;
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void replay_path(const char *path)
{
    struct stat st;

    if (stat(path, &st) < 0) {
        fail(path);
    }
    if (!S_ISDIR(st.st_mode)) {
        replay_file(path, (size_t)st.st_size);
        return;
    }

    struct dirent **entries;
    int n = scandir(path, &entries, visible, alphasort);
    if (n < 0) {
        fail(path);
    }
    for (int i = 0; i < n; i++) {
        char child[PATH_MAX];
        int length = snprintf(child, sizeof(child), "%s/%s", path, entries[i]->d_name);
        if (length < 0 || (size_t)length >= sizeof(child)) {
            errno = ENAMETOOLONG;
            fail(path);
        }
        replay_path(child);
        free(entries[i]);
    }
    free(entries);
}

int main(int argc, char **argv)
{
    if (LLVMFuzzerInitialize) {
        (void)LLVMFuzzerInitialize(&argc, &argv);
    }
    (void)LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-') {
            replay_path(argv[i]);
        }
    }
    printf("replayed %lu inputs\n", replayed);
    return replayed > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
