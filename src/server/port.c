#include "server/port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "config/conf.h"

enum {
    BACKLOG = 1024,
    MOST_UNSENT = 256 * 1024,
    LOOK_NS = 1000000,   /* between two looks at the queue of a socket that closes */
    STILL = 3,           /* looks, one after another, that must find it empty */
    LAST_CALL_MS = 1000, /* when the workers cannot keep up */
    TURN_MS = 1000       /* when somebody keeps the lock */
};

static int bind_error(const char *address, int error, struct err *err)
{
    if (error == EADDRINUSE)
        return err_set(err, ERR_IO,
                       "address %s: the port is in use; stop the other program or choose another port",
                       address);
    if (error == EACCES)
        return err_set(
            err, ERR_DENIED,
            "address %s: a port below 1024 needs a right: start as root, give CAP_NET_BIND_SERVICE, or "
            "choose a higher port; a server that runs has given the right up: restart it",
            address);
    if (error == EADDRNOTAVAIL)
        return err_set(err, ERR_IO, "address %s: no interface of this machine has that address", address);
    if (error == EPERM)
        return err_set(err, ERR_DENIED,
                       "address %s: new listening sockets are forbidden since the start: restart, or start "
                       "with sandbox = off",
                       address);
    return err_set(err, ERR_IO, "address %s: %s", address, strerror(error));
}

static int bind_one(const struct addrinfo *info, bool listens)
{
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    int on = 1, off = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (info->ai_family == AF_INET6) /* [::] means both families, as people expect */
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, info->ai_addr, info->ai_addrlen) != 0 || (listens && listen(fd, BACKLOG) != 0)) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

/* The first of its addresses that can be had. A descriptor, or -1: *resolved is what the resolver says, and
 * where that is 0, errno tells. */
static int bind_first(const struct conf_address *at, bool listens, int *resolved)
{
    char port[8];
    snprintf(port, sizeof port, "%u", at->port);
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    *resolved = getaddrinfo(at->host, port, &hints, &found);
    if (*resolved != 0)
        return -1;
    int fd = -1, error = 0;
    for (const struct addrinfo *info = found; info && fd < 0; info = info->ai_next) {
        fd = bind_one(info, listens);
        error = fd < 0 ? errno : 0;
    }
    freeaddrinfo(found);
    if (fd < 0 && error == EAFNOSUPPORT && strcmp(at->host, "::") == 0) {
        /* A kernel without IPv6: "every address" is then every IPv4 address. */
        struct conf_address any = {.host = "0.0.0.0", .port = at->port};
        return bind_first(&any, listens, resolved);
    }
    errno = error;
    return fd;
}

static int bind_address(const struct conf_address *at, const char *address, struct err *err)
{
    int resolved, fd = bind_first(at, true, &resolved);
    if (resolved != 0)
        return err_set(err, ERR_NOTFOUND, "address %s: %s", address, gai_strerror(resolved));
    return fd >= 0 ? fd : bind_error(address, errno, err);
}

int port_try(const struct conf_address *at)
{
    int resolved = 0, fd = at->local ? -1 : bind_first(at, false, &resolved);
    if (fd < 0)
        return at->local || resolved != 0 ? 0 : errno;
    close(fd);
    return 0;
}

union socket_address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
};

/* --- UNIX sockets --------------------------------------------------------------------------------------- */

static int local_error(const char *address, int error, struct err *err)
{
    if (error == EADDRINUSE)
        return err_set(err, ERR_IO,
                       "address %s: another program listens there; stop it or choose another path", address);
    if (error == EEXIST)
        return err_set(err, ERR_IO,
                       "address %s: a file is there that is no socket; remove it or choose another path",
                       address);
    if (error == ENOENT || error == ENOTDIR)
        return err_set(err, ERR_NOTFOUND, "address %s: its folder is not there: make it", address);
    if (error == EPERM)
        return err_set(err, ERR_DENIED,
                       "address %s: new listening sockets are forbidden since the start: restart, or start "
                       "with sandbox = off",
                       address);
    if (error == EACCES || error == EROFS)
        return err_set(err, ERR_DENIED,
                       "address %s: there is no right to make a socket in its folder, or to replace the one "
                       "that is there",
                       address);
    return err_set(err, ERR_IO, "address %s: %s", address, strerror(error));
}

/* 0: what is at that path is a socket that nobody listens on, and gone now; else the error. */
static int remove_stale(const struct sockaddr_un *at)
{
    struct stat st;
    if (lstat(at->sun_path, &st) != 0)
        return errno == ENOENT ? 0 : errno;
    if (!S_ISSOCK(st.st_mode))
        return EEXIST;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return errno;
    int error = connect(fd, (const struct sockaddr *)(const void *)at, sizeof *at) == 0 ? 0 : errno;
    close(fd);
    if (error == 0 || error == EAGAIN)
        return EADDRINUSE;
    if (error != ECONNREFUSED)
        return error;
    return unlink(at->sun_path) == 0 || errno == ENOENT ? 0 : errno;
}

/* Whatever the mask says: the group is let in, and nobody else, from the first moment on. */
static int bind_0660(int fd, const struct sockaddr_un *at)
{
    if (fchmod(fd, 0660) != 0)
        return errno;
    const mode_t mask = umask(0);
    const int error = bind(fd, (const struct sockaddr *)(const void *)at, sizeof *at) == 0 ? 0 : errno;
    umask(mask);
    return error;
}

/* Of two that start at once, each could take the other's socket, which has no listener yet, for one that was
 * left behind. They take turns, by a lock on the folder. Others can hold that too: they make a start slower,
 * and do not stop it. Where the folder cannot be opened, there is no lock. */
static int take_turn(const struct sockaddr_un *at)
{
    char folder[sizeof at->sun_path];
    snprintf(folder, sizeof folder, "%s", at->sun_path);
    char *name = strrchr(folder, '/');
    *(name == folder ? name + 1 : name) = '\0';
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    uint64_t until_ms = clock_mono_ms() + TURN_MS;
    while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK && clock_mono_ms() < until_ms)
        nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
    return fd;
}

/* The socket is bound and has its listener. 0, or the error. */
static int take_path(int fd, const struct sockaddr_un *at)
{
    int error = bind_0660(fd, at);
    if (error == EADDRINUSE) {
        error = remove_stale(at);
        if (error == 0)
            error = bind_0660(fd, at);
    }
    if (error == 0 && listen(fd, BACKLOG) != 0) {
        error = errno;
        unlink(at->sun_path);
    }
    return error;
}

static int bind_local(struct port *port, const struct conf_address *where, const char *address,
                      struct err *err)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct stat st;
    memcpy(at.sun_path, where->host, strlen(where->host) + 1);
    port->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (port->fd < 0)
        return local_error(address, errno, err);
    int turn = take_turn(&at), error = take_path(port->fd, &at);
    if (error == 0 && lstat(at.sun_path, &st) == 0) {
        memcpy(port->path, at.sun_path, sizeof port->path);
        port->device = st.st_dev;
        port->inode = st.st_ino;
    }
    if (turn >= 0)
        close(turn);
    return error ? local_error(address, error, err) : 0;
}

/* Nobody finds it any more; who has connected is served. */
static void remove_path(struct port *port)
{
    struct stat st;
    if (port->path[0] && lstat(port->path, &st) == 0 && st.st_dev == port->device &&
        st.st_ino == port->inode && unlink(port->path) != 0)
        log_info("the socket %s stays: %s; the next start replaces it", port->path, strerror(errno));
    port->path[0] = '\0';
}

int port_give(const struct port *port, uid_t uid, gid_t gid, struct err *err)
{
    if (!port->path[0])
        return 0;
    /* Only what was made here: its folder is the user's that the server becomes, who could put something else
     * in its place. */
    struct stat st, folder;
    char *at = strdup(port->path), *slash = at ? strrchr(at, '/') : NULL;
    int fd = open(port->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    bool good = slash && fd >= 0 && fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_uid == geteuid() &&
                st.st_nlink == 1;
    if (good) {
        slash[slash == at] = '\0';
        /* A folder that hands its group on says who the clients are. */
        if (stat(at, &folder) == 0 && (folder.st_mode & S_ISGID))
            gid = (gid_t)-1;
        good = fchownat(fd, "", uid, gid, AT_EMPTY_PATH) == 0;
    }
    int error = errno;
    if (fd >= 0)
        close(fd);
    free(at);
    return good ? 0
                : err_set(err, ERR_IO, "address %s: cannot give it to the server's user: %s", port->bound,
                          error ? strerror(error) : "something else is at that path");
}

/* -------------------------------------------------------------------------------------------------------- */

static unsigned bound_port(int fd)
{
    union socket_address bound;
    socklen_t len = sizeof bound;
    memset(&bound, 0, sizeof bound);
    if (getsockname(fd, &bound.any, &len) != 0)
        return 0;
    return ntohs(bound.any.sa_family == AF_INET6 ? bound.in6.sin6_port : bound.in.sin_port);
}

/* Makes a socket that somebody else has bound like one of bind_one's; `at` becomes where it really is. */
static int take_over(int fd, struct conf_address *at, const char *address, struct err *err)
{
    union socket_address bound;
    socklen_t len = sizeof bound;
    memset(&bound, 0, sizeof bound);
    int on = 1;
    bool good = getsockname(fd, &bound.any, &len) == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 &&
                fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) == 0 &&
                (at->local || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
    if (!good)
        return err_set(err, ERR_IO, "address %s: its inherited socket cannot be used: %s", address,
                       strerror(errno));
    if (at->local) /* where it is was compared */
        return 0;
    at->ipv6 = bound.any.sa_family == AF_INET6;
    inet_ntop(bound.any.sa_family, at->ipv6 ? (void *)&bound.in6.sin6_addr : (void *)&bound.in.sin_addr,
              at->host, sizeof at->host);
    return 0;
}

static void make_url(struct port *port, const struct conf_address *at)
{
    if (at->local) {
        snprintf(port->url, sizeof port->url, CONF_ADDRESS_LOCAL "%s", at->host);
        snprintf(port->bound, sizeof port->bound, "%s", port->url);
        return;
    }
    unsigned number = bound_port(port->fd);
    bool any = strcmp(at->host, "::") == 0 || strcmp(at->host, "0.0.0.0") == 0;
    const char *host = any ? "localhost" : at->host;
    const char *open = !any && at->ipv6 ? "[" : "", *close = !any && at->ipv6 ? "]" : "";
    snprintf(port->url, sizeof port->url, "https://%s%s%s:%u/", open, host, close, number);
    snprintf(port->bound, sizeof port->bound, at->ipv6 ? "[%s]:%u" : "%s:%u", at->host, number);
}

int port_open(const char *address, int inherited, struct port **out, struct err *err)
{
    struct conf_address at = {0};
    struct port *port = calloc(1, sizeof *port);
    if (!port)
        return err_nomem(err);
    port->fd = inherited;
    port->inherited = inherited >= 0;
    int rc = conf_address(address, &at, err);
    if (rc == 0 && port->inherited) {
        rc = take_over(inherited, &at, address, err);
    } else if (rc == 0 && at.local) {
        rc = bind_local(port, &at, address, err);
    } else if (rc == 0) {
        port->fd = bind_address(&at, address, err);
        rc = port->fd < 0 ? port->fd : 0;
    }
    if (rc != 0) {
        port_free(port);
        return rc;
    }
    /* Connections inherit it: of what a client does not read, the kernel holds so much and no more. Without
     * it a few hundred slow readers take gigabytes, and the time to encrypt them. */
    int unsent = MOST_UNSENT;
    setsockopt(port->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
    make_url(port, &at);
    *out = port;
    return 0;
}

/* An address that a listener has, with its port, as the kernel compares them: IPv4 is mapped. */
struct taken {
    struct in6_addr address;
    unsigned short port;
};

static struct taken taken_of(const struct sockaddr *any)
{
    union socket_address at;
    memset(&at, 0, sizeof at);
    memcpy(&at, any, any->sa_family == AF_INET6 ? sizeof at.in6 : sizeof at.in);
    struct taken taken = {.port = ntohs(at.in.sin_port)}; /* both families have it at the same place */
    if (at.any.sa_family == AF_INET6) {
        taken.address = at.in6.sin6_addr;
    } else {
        taken.address.s6_addr[10] = taken.address.s6_addr[11] = 0xff;
        memcpy(&taken.address.s6_addr[12], &at.in.sin_addr, sizeof at.in.sin_addr);
    }
    return taken;
}

static bool takes(const struct taken *a, const struct taken *b)
{
    static const unsigned char ANY4[16] = {[10] = 0xff, [11] = 0xff};
    const unsigned char *x = a->address.s6_addr, *y = b->address.s6_addr;
    return a->port == b->port && (IN6_IS_ADDR_UNSPECIFIED(&a->address) || memcmp(x, y, 16) == 0 ||
                                  (memcmp(x, ANY4, 16) == 0 && memcmp(y, ANY4, 12) == 0));
}

/* The listener above that has one of these already; its number, or `n`. */
static size_t find_taken(const struct taken *taken, size_t n, const struct taken *wanted)
{
    size_t i = 0;
    while (i < n && !takes(&taken[i], wanted) && !takes(wanted, &taken[i]))
        i++;
    return i;
}

static bool is_address(const struct conf_address *at)
{
    struct in_addr ignored;
    return at->ipv6 || inet_pton(AF_INET, at->host, &ignored) == 1;
}

static void lint_local(const struct conf_address *at, const struct conf_text *address, struct diag *diag)
{
    char folder[sizeof at->host];
    struct stat st;
    snprintf(folder, sizeof folder, "%s", at->host);
    char *name = strrchr(folder, '/');
    *(name == folder ? name + 1 : name) = '\0';
    if (stat(folder, &st) != 0 || !S_ISDIR(st.st_mode))
        diag_warning(diag, address->src,
                     "address %s: there is no folder %s: a start would fail now; make it, as "
                     "RuntimeDirectory= does in a unit",
                     address->text, folder);
    else if (lstat(at->host, &st) == 0 && !S_ISSOCK(st.st_mode))
        diag_error(diag, address->src,
                   "address %s: a file is there that is no socket; remove it or choose another path",
                   address->text);
}

/* Takes the first address that is free, as bind_address does. */
static void lint_one(const struct conf *conf, size_t i, bool *named, struct taken *taken, struct diag *diag)
{
    const struct conf_text *address = &conf->listener[i].address;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    struct conf_address at;
    size_t other = i;
    if (conf_address(address->text, &at, NULL) != 0)
        return;
    if (at.local)
        lint_local(&at, address, diag);
    if (at.port == 0)
        return;
    named[i] = !is_address(&at);
    int rc = getaddrinfo(at.host, NULL, &hints, &found);
    if (rc != 0) {
        if (named[i])
            diag_warning(diag, address->src,
                         "address %s: %s: a start would fail now; write the address of an interface, or [::] "
                         "for all",
                         address->text, gai_strerror(rc));
        return;
    }
    for (const struct addrinfo *info = found; info; info = info->ai_next) {
        struct taken wanted = taken_of(info->ai_addr);
        wanted.port = at.port;
        other = find_taken(taken, i, &wanted);
        if (other == i) {
            taken[i] = wanted;
            break;
        }
    }
    if (other < i && (named[i] || named[other]))
        diag_error(
            diag, address->src,
            "address %s means what listen \"%s\" has (%s, line %u of %s): give one of them another port",
            address->text, conf->listener[other].name, conf->listener[other].address.text,
            conf->listener[other].address.src.line, conf->listener[other].address.src.file);
    freeaddrinfo(found);
}

void port_lint(const struct conf *conf, struct diag *diag)
{
    struct taken *taken = calloc(conf->n_listeners + 1, sizeof *taken);
    bool *named = calloc(conf->n_listeners + 1, sizeof *named);
    for (size_t i = 0; taken && named && i < conf->n_listeners; i++)
        lint_one(conf, i, named, taken, diag);
    free(taken);
    free(named);
}

void port_free(struct port *port)
{
    if (!port)
        return;
    remove_path(port);
    if (port->fd >= 0)
        close(port->fd);
    free(port);
}

/* From now on the kernel overlooks who asks for a connection, and goes on with those whom it has answered
 * already. Connections inherit the filter, and never get a segment that it drops. */
static void turn_deaf(int fd)
{
    enum { FLAGS_AT = 13, SYN = 0x02, ACK = 0x10 };
    static struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, FLAGS_AT),   BPF_STMT(BPF_ALU | BPF_AND | BPF_K, SYN | ACK),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYN, 0, 1), BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    const struct sock_fprog program = {.len = ARRAY_LEN(code), .filter = code};
    /* Otherwise new ones come as long as they do, for LAST_CALL_MS. */
    (void)setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

static bool is_empty(const struct port *port)
{
    struct pollfd queue = {.fd = port->fd, .events = POLLIN};
    return port->inherited || poll(&queue, 1, 0) <= 0;
}

/* A client whose connect(2) has succeeded is no longer refused by a close, but reset, and nobody asks again
 * for it. So the workers take all that wait, and those whose last segment is on its way, while no new ones
 * come. Who asks meanwhile asks again after a second, hence the short time. */
void port_last_call(struct port *const *port, size_t n)
{
    unsigned still = 0, enough = 0;
    for (size_t i = 0; i < n; i++) {
        if (port[i]->inherited)
            continue;
        if (port[i]->path[0])
            remove_path(port[i]);
        else
            turn_deaf(port[i]->fd);
        enough = STILL;
    }
    uint64_t until = clock_mono_ms() + LAST_CALL_MS;
    while (still < enough && clock_mono_ms() < until) {
        size_t empty = 0;
        while (empty < n && is_empty(port[empty]))
            empty++;
        still = empty < n ? 0 : still + 1;
        struct timespec look = {.tv_nsec = LOOK_NS};
        if (still < enough)
            nanosleep(&look, NULL);
    }
}
