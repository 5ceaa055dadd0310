#include "os/signals.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
    int number;
    enum signal_act act;
} ACTS[] = {
    {SIGHUP, SIGNAL_RELOAD},
    {SIGUSR1, SIGNAL_REOPEN},
    {SIGTERM, SIGNAL_DRAIN},
    {SIGINT, SIGNAL_DRAIN},
    {SIGQUIT, SIGNAL_DRAIN},
    {SIGXCPU, SIGNAL_DRAIN}, /* the soft limit of processor time: the hard one ends it at once */
    {SIGUSR2, SIGNAL_OVERLOOK},
    {SIGALRM, SIGNAL_OVERLOOK},
    {SIGVTALRM, SIGNAL_OVERLOOK},
    {SIGPROF, SIGNAL_OVERLOOK},
    {SIGIO, SIGNAL_OVERLOOK},
    {SIGPWR, SIGNAL_OVERLOOK},
    {SIGSTKFLT, SIGNAL_OVERLOOK},
    {SIGPIPE, SIGNAL_IGNORE}, /* a write says EPIPE */
    {SIGXFSZ, SIGNAL_IGNORE}, /* a write says EFBIG: a log's line is lost, not the service */
    {SIGTTIN, SIGNAL_IGNORE}, /* a terminal in front of which something else runs now */
    {SIGTTOU, SIGNAL_IGNORE},
    {SIGURG, SIGNAL_IGNORE},
    {SIGWINCH, SIGNAL_IGNORE},
    {SIGTSTP, SIGNAL_LEAVE}, /* Ctrl-Z, and on again */
    {SIGCONT, SIGNAL_LEAVE},
    {SIGCHLD, SIGNAL_LEAVE}, /* there are no children, but see bury_orphans */
    {SIGSEGV, SIGNAL_LEAVE},
    {SIGBUS, SIGNAL_LEAVE}, /* base/mapping.c */
    {SIGFPE, SIGNAL_LEAVE},
    {SIGILL, SIGNAL_LEAVE},
    {SIGABRT, SIGNAL_LEAVE},
    {SIGTRAP, SIGNAL_LEAVE},
    {SIGSYS, SIGNAL_LEAVE},
    {SIGKILL, SIGNAL_LEAVE}, /* nobody can take these two */
    {SIGSTOP, SIGNAL_LEAVE},
};

enum signal_act signals_act(int number)
{
    for (size_t i = 0; i < ARRAY_LEN(ACTS); i++) {
        if (ACTS[i].number == number)
            return ACTS[i].act;
    }
    /* Realtime signals; those below SIGRTMIN are the C library's own. */
    return number >= SIGRTMIN && number <= SIGRTMAX ? SIGNAL_OVERLOOK : SIGNAL_LEAVE;
}

/* Ignored, it has the kernel bury those that end from now on. */
static void bury_orphans(void)
{
    if (getpid() != 1)
        return;
    signal(SIGCHLD, SIG_IGN);
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
}

int signals_open(struct err *err)
{
    sigset_t taken;
    sigemptyset(&taken);
    for (int number = 1; number <= SIGRTMAX; number++) {
        switch (signals_act(number)) {
        case SIGNAL_IGNORE:
            signal(number, SIG_IGN);
            break;
        case SIGNAL_LEAVE:
            break;
        default:
            sigaddset(&taken, number);
        }
    }
    bury_orphans();
    int fd = -1, error = pthread_sigmask(SIG_BLOCK, &taken, NULL);
    if (error == 0 && (fd = signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK)) < 0)
        error = errno;
    return fd >= 0 ? fd : err_set(err, ERR_IO, "signalfd: %s", strerror(error));
}

int signals_read(int fd)
{
    struct signalfd_siginfo info;
    return read(fd, &info, sizeof info) == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}
