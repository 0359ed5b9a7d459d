/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What an error and a signal are called. The names are those that Linux's users know.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char *const errors[] = {
    [0] = "Success",
    [EPERM] = "Operation not permitted",
    [ENOENT] = "No such file or directory",
    [ESRCH] = "No such process",
    [EINTR] = "Interrupted system call",
    [EIO] = "Input/output error",
    [ENXIO] = "No such device or address",
    [E2BIG] = "Argument list too long",
    [ENOEXEC] = "Exec format error",
    [EBADF] = "Bad file descriptor",
    [ECHILD] = "No child processes",
    [EAGAIN] = "Resource temporarily unavailable",
    [ENOMEM] = "Cannot allocate memory",
    [EACCES] = "Permission denied",
    [EFAULT] = "Bad address",
    [ENOTBLK] = "Block device required",
    [EBUSY] = "Device or resource busy",
    [EEXIST] = "File exists",
    [EXDEV] = "Invalid cross-device link",
    [ENODEV] = "No such device",
    [ENOTDIR] = "Not a directory",
    [EISDIR] = "Is a directory",
    [EINVAL] = "Invalid argument",
    [ENFILE] = "Too many open files in system",
    [EMFILE] = "Too many open files",
    [ENOTTY] = "Inappropriate ioctl for device",
    [ETXTBSY] = "Text file busy",
    [EFBIG] = "File too large",
    [ENOSPC] = "No space left on device",
    [ESPIPE] = "Illegal seek",
    [EROFS] = "Read-only file system",
    [EMLINK] = "Too many links",
    [EPIPE] = "Broken pipe",
    [EDOM] = "Numerical argument out of domain",
    [ERANGE] = "Numerical result out of range",
    [EDEADLK] = "Resource deadlock avoided",
    [ENAMETOOLONG] = "File name too long",
    [ENOLCK] = "No locks available",
    [ENOSYS] = "Function not implemented",
    [ENOTEMPTY] = "Directory not empty",
    [ELOOP] = "Too many levels of symbolic links",
    [ENOMSG] = "No message of desired type",
    [EIDRM] = "Identifier removed",
    [ENODATA] = "No data available",
    [ETIME] = "Timer expired",
    [EPROTO] = "Protocol error",
    [EBADMSG] = "Bad message",
    [EOVERFLOW] = "Value too large for defined data type",
    [EILSEQ] = "Illegal byte sequence",
    [EUSERS] = "Too many users",
    [ENOTSOCK] = "Socket operation on non-socket",
    [EDESTADDRREQ] = "Destination address required",
    [EMSGSIZE] = "Message too long",
    [EPROTOTYPE] = "Protocol wrong type for socket",
    [ENOPROTOOPT] = "Protocol not available",
    [EPROTONOSUPPORT] = "Protocol not supported",
    [EOPNOTSUPP] = "Operation not supported",
    [EAFNOSUPPORT] = "Address family not supported",
    [EADDRINUSE] = "Address already in use",
    [EADDRNOTAVAIL] = "Address not available",
    [ENETDOWN] = "Network is down",
    [ENETUNREACH] = "Network is unreachable",
    [ENETRESET] = "Connection aborted by network",
    [ECONNABORTED] = "Connection aborted",
    [ECONNRESET] = "Connection reset",
    [ENOBUFS] = "No buffer space available",
    [EISCONN] = "Socket is connected",
    [ENOTCONN] = "Socket is not connected",
    [ETIMEDOUT] = "Timed out",
    [ECONNREFUSED] = "Connection refused",
    [EHOSTUNREACH] = "Host is unreachable",
    [EALREADY] = "Already in progress",
    [EINPROGRESS] = "Operation in progress",
    [ESTALE] = "Stale file handle",
    [EDQUOT] = "Quota exceeded",
    [ECANCELED] = "Operation canceled",
    [EOWNERDEAD] = "Previous owner died",
    [ENOTRECOVERABLE] = "State not recoverable",
};

static const char *const signals[] = {
    [SIGHUP] = "Hangup",
    [SIGINT] = "Interrupt",
    [SIGQUIT] = "Quit",
    [SIGILL] = "Illegal instruction",
    [SIGTRAP] = "Trace or breakpoint trap",
    [SIGABRT] = "Aborted",
    [SIGBUS] = "Bus error",
    [SIGFPE] = "Arithmetic exception",
    [SIGKILL] = "Killed",
    [SIGUSR1] = "User signal 1",
    [SIGSEGV] = "Segmentation fault",
    [SIGUSR2] = "User signal 2",
    [SIGPIPE] = "Broken pipe",
    [SIGALRM] = "Alarm clock",
    [SIGTERM] = "Terminated",
    [SIGSTKFLT] = "Stack fault",
    [SIGCHLD] = "Child exited",
    [SIGCONT] = "Continued",
    [SIGSTOP] = "Stopped",
    [SIGTSTP] = "Stopped from the terminal",
    [SIGTTIN] = "Stopped: read from the terminal",
    [SIGTTOU] = "Stopped: write to the terminal",
    [SIGURG] = "Urgent I/O",
    [SIGXCPU] = "CPU time limit exceeded",
    [SIGXFSZ] = "File size limit exceeded",
    [SIGVTALRM] = "Virtual timer expired",
    [SIGPROF] = "Profiling timer expired",
    [SIGWINCH] = "Window changed",
    [SIGIO] = "I/O possible",
    [SIGPWR] = "Power failure",
    [SIGSYS] = "Bad system call",
};

#define KNOWN(table, n) ((n) >= 0 && (size_t)(n) < sizeof table / sizeof *table && table[n])

/* Nobody may write to what these return: C gives it no const, but says so. */
static char *known(const char *text) {
    union {
        const char *given;
        char *taken;
    } u = {text};

    return u.taken;
}

char *strerror(int error) {
    static char text[40];

    if (KNOWN(errors, error)) return known(errors[error]);
    snprintf(text, sizeof text, "Unknown error %d", error);
    return text;
}

int strerror_r(int error, char *to, size_t size) {
    char text[40];

    if (KNOWN(errors, error)) return strlcpy(to, errors[error], size) < size ? 0 : ERANGE;
    snprintf(text, sizeof text, "Unknown error %d", error);
    return strlcpy(to, text, size) < size ? EINVAL : ERANGE;
}

char *strsignal(int signal) {
    static char text[40];

    if (KNOWN(signals, signal)) return known(signals[signal]);
    if (signal >= SIGRTMIN && signal <= SIGRTMAX)
        snprintf(text, sizeof text, "Real-time signal %d", signal - SIGRTMIN);
    else snprintf(text, sizeof text, "Unknown signal %d", signal);
    return text;
}
