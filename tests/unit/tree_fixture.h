/* A folder that a suite makes for itself, and how names in it are opened. */
#ifndef MTLSD_TESTS_UNIT_TREE_FIXTURE_H
#define MTLSD_TESTS_UNIT_TREE_FIXTURE_H

#include <stdbool.h>

/* The folder's name, and the descriptor from which the files are found: the folder's, or of one in it. */
extern char base[256];
extern int root;

/* An empty folder, open as root. */
void tree_open(const char *name);
void tree_remove(void);

/* Old kernels, some sandboxes and valgrind do not have it: the program then walks, with or without being told
 * to. */
bool has_openat2(void);

#endif
