/* The options of the benchmark's client. */
#include "load.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CONNECTIONS = 60000, MOST_POSTED = 128 * 1024 * 1024, MOST_HEAD = 1024 };

static const char *const MODES[N_MODES] = {"requests", "handshakes", "idle", "get"};
static const char *const WAITS[N_WAITS] = {"end", "events", "websocket"};

struct options opt = {
    .host = "localhost", .path = "/livez", .groups = "X25519:P-256", .seconds = 2, .n_conns = 16};

static const char USAGE[] =
    "Usage: load [OPTION]... requests|handshakes|idle|get ADDRESS:PORT\n"
    "\n"
    "  -n N          so many operations, at most (default: until the time is over)\n"
    "  -t SECONDS    so long, at most (default 2)\n"
    "  -c N          connections (default 16), or handshakes at a time\n"
    "  -r N          requests a second (default: each as soon as the last one was answered)\n"
    "  -p PATH       what is asked for (default /livez)\n"
    "  -b N          a POST with a body of N bytes (default: a GET)\n"
    "  -l N          the length that the answer's body must have\n"
    "  -w WHAT       idle connections wait for more of their answer: events, or websocket, which is asked for;\n"
    "                -l is then the least that has to come\n"
    "  -H NAME       server name and Host (default localhost)\n"
    "  -C FILE       client certificate chain, PEM\n"
    "  -K FILE       its key\n"
    "  -D FOLDER:N   client certificates that take turns, 1.pem to N.pem of bench/certs\n"
    "  -F N          whose turn it is first (default 1)\n"
    "  -R            resume the session of the handshake before\n"
    "  -N            handshakes without a request\n"
    "  -2            TLS 1.2 instead of 1.3\n"
    "  -S CIPHERS    cipher suites (default AES-128-GCM with SHA-256)\n"
    "  -G GROUPS     key exchange groups (default X25519:P-256)\n";

_Noreturn static void usage(void)
{
    fputs(USAGE, stderr);
    exit(2);
}

static double number(const char *text, double least, double most)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= least && value <= most))
        usage();
    return value;
}

static void read_address(char *text)
{
    char *colon = strrchr(text, ':');
    if (!colon)
        usage();
    *colon = '\0';
    opt.address.sin_family = AF_INET;
    opt.address.sin_port = htons((uint16_t)number(colon + 1, 1, 65535));
    if (inet_pton(AF_INET, text, &opt.address.sin_addr) != 1)
        usage();
}

static void read_folder(char *text)
{
    char *colon = strrchr(text, ':');
    if (!colon)
        usage();
    *colon = '\0';
    opt.folder = text;
    opt.n_clients = (size_t)number(colon + 1, 1, MOST_CLIENTS);
}

static void read_waits(const char *text)
{
    while (opt.waits < N_WAITS && strcmp(text, WAITS[opt.waits]) != 0)
        opt.waits++;
    if (opt.waits == N_WAITS)
        usage();
}

static void write_request(void)
{
    const char *what = opt.posted ? "POST" : "GET";
    char length[48] = "";
    if (opt.posted)
        snprintf(length, sizeof length, "Content-Length: %zu\r\n", opt.posted);
    opt.request = malloc(MOST_HEAD + opt.posted);
    if (!opt.request)
        die("no memory");
    const char *upgrade = opt.waits == UPGRADES ? "Connection: Upgrade\r\nUpgrade: websocket\r\n" : "";
    int n = snprintf(opt.request, MOST_HEAD, "%s %s HTTP/1.1\r\nHost: %s\r\n%s%s\r\n", what, opt.path,
                     opt.host, upgrade, length);
    if (n < 0 || n >= MOST_HEAD)
        usage();
    memset(opt.request + n, 'x', opt.posted);
    opt.request_len = (size_t)n + opt.posted;
}

void read_options(int argc, char **argv)
{
    for (int c; (c = getopt(argc, argv, "n:t:c:r:p:b:l:w:H:C:K:D:F:RN2S:G:")) != -1;) {
        switch (c) {
        case 'n':
            opt.count = (uint64_t)number(optarg, 1, 1e9);
            break;
        case 't':
            opt.seconds = number(optarg, 0.01, MOST_SECONDS);
            break;
        case 'c':
            opt.n_conns = (size_t)number(optarg, 1, MOST_CONNECTIONS);
            break;
        case 'r':
            opt.rate = (unsigned)number(optarg, 1, 1e6);
            break;
        case 'p':
            opt.path = optarg;
            break;
        case 'b':
            opt.posted = (size_t)number(optarg, 1, MOST_POSTED);
            break;
        case 'l':
            opt.length = (uint64_t)number(optarg, 0, 1e12);
            opt.has_length = true;
            break;
        case 'w':
            read_waits(optarg);
            break;
        case 'H':
            opt.host = optarg;
            break;
        case 'C':
            opt.cert = optarg;
            break;
        case 'K':
            opt.key = optarg;
            break;
        case 'D':
            read_folder(optarg);
            break;
        case 'F':
            opt.first_client = (size_t)number(optarg, 1, MOST_CLIENTS) - 1;
            break;
        case 'R':
            opt.resume = true;
            break;
        case 'N':
            opt.no_request = true;
            break;
        case '2':
            opt.tls12 = true;
            break;
        case 'S':
            opt.ciphers = optarg;
            break;
        case 'G':
            opt.groups = optarg;
            break;
        default:
            usage();
        }
    }
    if (argc - optind != 2)
        usage();
    while (opt.mode < N_MODES && strcmp(argv[optind], MODES[opt.mode]) != 0)
        opt.mode++;
    if (opt.mode == N_MODES || (opt.waits != ENDS && opt.mode != IDLE))
        usage();
    if (opt.mode == GET)
        opt.n_conns = 1;
    read_address(argv[optind + 1]);
    write_request();
}
