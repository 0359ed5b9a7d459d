/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * sysconf: what is true of the system that runs, not of the one that libc was built on (POSIX).
 *
 * -1 without errno means no limit or no such feature; -1 with EINVAL a name that is not known.
 * Where a limit is a knob or a resource limit, it is asked for anew each time.
 */
#include "libc/internal/start.h"

#include <errno.h>
#include <limits.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/sysctl.h>
#include <sys/sysinfo.h>
#include <unistd.h>

int getpagesize(void) {
    return (int)__aux(AT_PAGESZ, PAGESIZE);
}

static long limit(int resource) {
    struct rlimit l;

    if (getrlimit(resource, &l)) return -1;
    return l.rlim_cur > LONG_MAX ? -1 : (long)l.rlim_cur;
}

/* A quarter of the stack, as Linux has it, and never less than 128 KiB. */
static long arg_max(void) {
    long stack = limit(RLIMIT_STACK);

    return stack > 4 * 131072 ? stack / 4 : 131072;
}

/* A kernel without the knob has no such requests, so no limit on them either. */
static long knob(const char *name) {
    long value;
    size_t size = sizeof value;
    int before = errno;

    if (sysctlbyname(name, &value, &size, NULL, 0) == 0 && size == sizeof value) return value;
    errno = before;
    return -1;
}

long sysconf(int name) {
    switch (name) {
    case _SC_ARG_MAX: return arg_max();
    case _SC_CHILD_MAX: return limit(RLIMIT_NPROC);
    case _SC_OPEN_MAX: return limit(RLIMIT_NOFILE);
    case _SC_CLK_TCK: return (long)__aux(AT_CLKTCK, 100);
    case _SC_NGROUPS_MAX: return 0;
    case _SC_VERSION:
    case _SC_MAPPED_FILES:
    case _SC_MEMLOCK:
    case _SC_MEMLOCK_RANGE:
    case _SC_MEMORY_PROTECTION:
    case _SC_MONOTONIC_CLOCK:
    case _SC_REALTIME_SIGNALS:
    case _SC_PRIORITY_SCHEDULING:
    case _SC_TIMERS:
    case _SC_THREADS:
    case _SC_THREAD_ATTR_STACKADDR:
    case _SC_THREAD_ATTR_STACKSIZE:
    case _SC_THREAD_PRIORITY_SCHEDULING:
    case _SC_THREAD_PRIO_INHERIT:
    case _SC_THREAD_PROCESS_SHARED:
    case _SC_BARRIERS:
    case _SC_CLOCK_SELECTION:
    case _SC_READER_WRITER_LOCKS:
    case _SC_SPIN_LOCKS: return _POSIX_VERSION;
    case _SC_SAVED_IDS: return 1;
    case _SC_JOB_CONTROL:
    case _SC_SEMAPHORES: /* unnamed ones are there, named ones not */
    case _SC_THREAD_PRIO_PROTECT:
    case _SC_THREAD_THREADS_MAX:
    case _SC_ASYNCHRONOUS_IO: /* requests on memory are there, those on files not */
    case _SC_PRIORITIZED_IO:
    case _SC_SYNCHRONIZED_IO:
    case _SC_FSYNC:
    case _SC_SHARED_MEMORY_OBJECTS: return -1;
    case _SC_THREAD_DESTRUCTOR_ITERATIONS: return PTHREAD_DESTRUCTOR_ITERATIONS;
    case _SC_THREAD_KEYS_MAX: return PTHREAD_KEYS_MAX;
    case _SC_THREAD_STACK_MIN: return PTHREAD_STACK_MIN;
    case _SC_DELAYTIMER_MAX: return DELAYTIMER_MAX;
    case _SC_RTSIG_MAX: return RTSIG_MAX;
    case _SC_SEM_VALUE_MAX: return SEM_VALUE_MAX;
    case _SC_SIGQUEUE_MAX: return limit(RLIMIT_SIGPENDING);
    case _SC_AIO_MAX: return knob("vfs.aio.max_aio_queue");
    case _SC_AIO_LISTIO_MAX: return knob("vfs.aio.max_aio_queue_per_proc");
    case _SC_AIO_PRIO_DELTA_MAX: return 0;
    case _SC_PAGESIZE: return getpagesize();
    case _SC_IOV_MAX: return IOV_MAX;
    case _SC_NPROCESSORS_CONF: return get_nprocs_conf();
    case _SC_NPROCESSORS_ONLN: return get_nprocs();
    case _SC_PHYS_PAGES: return get_phys_pages();
    case _SC_AVPHYS_PAGES: return get_avphys_pages();
    case _SC_ATEXIT_MAX: return 64;
    case _SC_HOST_NAME_MAX: return HOST_NAME_MAX;
    default: errno = EINVAL; return -1;
    }
}
