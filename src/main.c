/* The program is its table of commands. */
#include "cmd/cmd.h"
#include "http/h2.h"

#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <jansson.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "pki/signer.h"
#include "tls/library.h"
#include "tls/priorities.h"
#include "tls/releases.h"
#include "tls/seal.h"
#include "tls/x25519.h"

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} COMMANDS[] = {
    {"serve", cmd_serve, "run in the foreground (the default command)"},
    {"setup", cmd_setup, "make the folder of a service, with your files or practice ones"},
    {"check", cmd_check, "check the configuration and every file it names"},
    {"reload", cmd_reload, "check the configuration, and have its server read it anew"},
    {"verify", cmd_verify, "judge a client certificate as the server would"},
    {"probe", cmd_probe, "check a server's certificate and health, for scripts and containers"},
    {"lab", cmd_lab, "make a practice PKI with a ready configuration"},
    {"routes", cmd_routes, "print the routes"},
    {"variables", cmd_variables, "print what may stand in set_header and redirect"},
    {"options", cmd_options, "print the options of the configuration file"},
};

static void usage(FILE *out)
{
    fputs("Usage: mtlsd [COMMAND] [OPTION...]\n"
          "An HTTPS server that asks for, checks and explains client certificates.\n\n",
          out);
    for (size_t i = 0; i < ARRAY_LEN(COMMANDS); i++)
        fprintf(out, "  %-9s %s\n", COMMANDS[i].name, COMMANDS[i].help);
    fputs("\n  --help     this text; `mtlsd COMMAND --help` tells about one command\n"
          "  --version  versions, and whether mtlsd's own TLS transport is in force\n",
          out);
}

/* What other servers, or a hope, call it. */
static const struct {
    const char *word, *ours;
} FOREIGN[] = {
    {"-t", "mtlsd check [FILE]"},
    {"-T", "mtlsd check [FILE]"},
    {"-s",
     "mtlsd reload [FILE] for reload; to end it, systemctl stop mtlsd, or SIGTERM to the process in its "
     "pid_file; SIGUSR1 reopens the logs"},
    {"-v", "mtlsd --version"},
    {"test", "mtlsd check [FILE]"},
    {"configtest", "mtlsd check [FILE]"},
    {"validate", "mtlsd check [FILE]"},
    {"adapt", "mtlsd check [FILE]"},
    {"run", "mtlsd serve [FILE]"},
    {"start", "mtlsd serve [FILE], in the foreground, or systemctl start mtlsd"},
    {"stop", "systemctl stop mtlsd, or SIGTERM to the process in its pid_file"},
    {"quit", "systemctl stop mtlsd, or SIGTERM to the process in its pid_file"},
    {"restart", "systemctl restart mtlsd; without losing a connection: mtlsd reload [FILE]"},
    {"status", "systemctl status mtlsd, or mtlsd probe URL/health"},
    {"version", "mtlsd --version"},
    {"init", "mtlsd setup, or mtlsd lab FOLDER for practice"},
};

static const char *foreign(const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(FOREIGN); i++) {
        if (strcmp(word, FOREIGN[i].word) == 0)
            return FOREIGN[i].ours;
    }
    return NULL;
}

/* `faster`: libcrypto does it, if it is there. */
static void print_whose(const char *work, bool faster)
{
    const char *library = faster ? signer_library() : NULL;
    printf("%s: %s%s\n", work, library ? "OpenSSL " : "GnuTLS", library ? library : "");
}

static void version(void)
{
    printf("mtlsd %s\n", PACKAGE_VERSION);
    printf("libmicrohttpd %s, GnuTLS %s, jansson %s\n", MHD_get_version(), gnutls_check_version(NULL),
           jansson_version_str());
    print_whose("signatures", true);
    printf("X25519: %s\n", tls_library_derives() ? x25519_library() : "GnuTLS");
    printf("AES-GCM of long answers: %s\n", seal_prepare() ? seal_library() : "GnuTLS");
    print_whose("ECDSA verification", tls_library_verifies());
    printf("HTTP/2: %s%s\n", h2_is_built() ? "nghttp2 " : "none (built without nghttp2)", h2_version());
    const char *hybrids = tls_hybrids();
    printf("post-quantum key exchange: %s\n", hybrids[0] ? hybrids : "none (this GnuTLS has no ML-KEM)");
    printf("transport: %s\n", tls_library_hidden() ? "own (the TLS functions of libmicrohttpd are preempted)"
                                                   : "libmicrohttpd's (not preempted)");
    char untried[RELEASES_BYTES];
    releases_untried(untried);
    if (untried[0])
        printf("not tried with: %s\n", untried);
}

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(COMMANDS); i++) {
        if (strcmp(COMMANDS[i].name, name) == 0)
            return &COMMANDS[i];
    }
    return NULL;
}

/* Called without one of the three standard descriptors, the next file or socket would have its number, and
 * get what is meant for whoever reads messages. */
static void fill_standard_descriptors(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
}

int main(int argc, char **argv)
{
    fill_standard_descriptors();
    if (argc > 1 &&
        (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)) {
        usage(stdout);
        return EXIT_SUCCESS;
    }
    if (argc > 1 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)) {
        version();
        return EXIT_SUCCESS;
    }
    const char *ours = argc > 1 ? foreign(argv[1]) : NULL;
    if (ours) {
        fprintf(stderr, "mtlsd: '%s' is none of its words: %s\n", argv[1], ours);
        return cmd_see_help("mtlsd");
    }
    /* `mtlsd`, `mtlsd -c FILE`: serve. getopt's messages begin with argv[0], as the commands' own do. */
    static char called[32];
    bool bare = argc < 2 || argv[1][0] == '-';
    const struct command *command = bare ? &COMMANDS[0] : find(argv[1]);
    if (command) {
        snprintf(called, sizeof called, "mtlsd %s", command->name);
        int skip = bare ? 0 : 1;
        argv[skip] = called;
        return command->run(argc - skip, argv + skip);
    }

    const char *names[ARRAY_LEN(COMMANDS)];
    for (size_t i = 0; i < ARRAY_LEN(COMMANDS); i++)
        names[i] = COMMANDS[i].name;
    const char *near = text_nearest(argv[1], names, ARRAY_LEN(names));
    fprintf(stderr, "mtlsd: there is no command '%s'%s%s%s\n", argv[1], near ? "; did you mean '" : "",
            near ? near : "", near ? "'?" : "");
    return cmd_see_help("mtlsd");
}
