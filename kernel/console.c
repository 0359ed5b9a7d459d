/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The console: a terminal on the serial line, for /dev/console, /dev/tty and the first three descriptors.
 *
 *      line --irq--> edit[]  --newline, ^D-->  ready[]  --read-->  program
 *        \<--echo--/   ^H ^U                   whole lines, or, without ICANON, every byte
 *      program --write--> \n becomes \r\n --> serial ring --irq--> line
 *
 * POSIX chapter 11 in small: ICANON with erase, kill and end of file; ECHO, ICRNL, OPOST and ONLCR; the
 * settings can be read and changed (TCGETS, TCSETS).
 *
 * LOCKING  tty.in.lock and tty.out.lock, wait queues whose locks the serial interrupt takes too. The writer
 * mutex keeps the bytes of one write together, CHUNK at a time. It is not held while they are taken from
 * ring 3: they may have to come from swap, whose servers write here, too.
 * MISSING  signals from the keyboard (^C and its kin are data) and job control; VMIN and VTIME (a read
 * without ICANON waits for one byte); input beyond the buffers is dropped, as on any terminal.
 */
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/ioctls.h>
#include <asm/poll.h>
#include <asm/termbits.h>
#include <asm/termios.h>
#include <linux/stat.h>

#include "arch/serial.h"
#include "arch/uaccess.h"
#include "kernel/file_impl.h"
#include "kernel/waitq.h"
#include "libc/core/string.h"

#define EDIT_SIZE  1024
#define READY_SIZE 4096
#define CHUNK      1024
#define END_OF_FILE 0x100u /* in ready[]: a ^D that a read shall see */

static struct {
    struct waitq in;             /* guards all up to out */
    struct termios settings;
    uint8_t edit[EDIT_SIZE];     /* the line that is being typed */
    unsigned edit_len;
    uint16_t ready[READY_SIZE];  /* what may be read: bytes and END_OF_FILE, from head on, count of them */
    unsigned head, count;
    struct waitq out;
    struct mutex writer;
    char cooked[2 * CHUNK];      /* writer: what it sends */
} tty;

/* ---- input: from the serial interrupt ---- */

static void make_ready(unsigned what) {
    if (tty.count == READY_SIZE) return;
    tty.ready[(tty.head + tty.count++) % READY_SIZE] = (uint16_t)what;
}

static void echo(const char *text, size_t len) {
    if (tty.settings.c_lflag & ECHO) serial_write_all(text, len);
}

static void echo_byte(uint8_t c) {
    char shown[2] = {'^', (char)(c + '@')};
    if (c == '\n') echo("\r\n", 2);
    else if (c >= ' ' || c == '\t') echo((const char *)&c, 1);
    else echo(shown, 2);
}

static void erase(unsigned n) {
    while (n-- && tty.edit_len) {
        uint8_t c = tty.edit[--tty.edit_len];
        if (c < ' ' && c != '\t') echo("\b \b", 3); /* it was shown as two */
        echo("\b \b", 3);
    }
}

static void line_done(void) {
    for (unsigned i = 0; i < tty.edit_len; i++) make_ready(tty.edit[i]);
    tty.edit_len = 0;
}

/* One byte of a line that can still be edited: true if there is now something to read. */
static bool edit_byte(uint8_t c) {
    const cc_t *cc = tty.settings.c_cc;
    if (c == cc[VERASE] || c == '\b') {
        erase(1);
        return false;
    }
    if (c == cc[VKILL]) {
        erase(EDIT_SIZE);
        return false;
    }
    if (c == cc[VEOF]) {
        if (!tty.edit_len) make_ready(END_OF_FILE);
        line_done();
        return true;
    }
    if (tty.edit_len == EDIT_SIZE - 1 && c != '\n') return false;
    echo_byte(c);
    tty.edit[tty.edit_len++] = c;
    if (c == '\n') line_done();
    return c == '\n';
}

void serial_rx(uint8_t c) {
    uint64_t saved = waitq_lock(&tty.in);
    bool ready = true;
    if (c == '\r' && (tty.settings.c_iflag & ICRNL)) c = '\n';
    if (tty.settings.c_lflag & ICANON) {
        ready = edit_byte(c);
    } else {
        echo_byte(c);
        make_ready(c);
    }
    if (ready) waitq_wake_all(&tty.in);
    waitq_unlock(&tty.in, saved);
    if (ready) poll_notify();
}

/* One line, or the part of it that fits; without ICANON whatever is there. Lock held. */
static size_t take_ready(uint8_t *to, size_t size) {
    size_t n = 0;
    while (n < size && tty.count) {
        unsigned what = tty.ready[tty.head];
        if (what == END_OF_FILE && n) break; /* the next read sees it */
        tty.head = (tty.head + 1) % READY_SIZE;
        tty.count--;
        if (what == END_OF_FILE) break;
        to[n++] = (uint8_t)what;
        if (what == '\n' && (tty.settings.c_lflag & ICANON)) break;
    }
    return n;
}

static long console_read(struct file *f, struct io *io, uint64_t *pos) {
    uint8_t line[EDIT_SIZE];
    int err = 0;
    size_t n = 0;
    (void)pos;
    uint64_t saved = waitq_lock(&tty.in);
    while (!err && !tty.count) err = f->flags & O_NONBLOCK ? -EAGAIN : waitq_sleep(&tty.in, NO_DEADLINE, true);
    if (!err) n = take_ready(line, io->left < sizeof line ? io->left : sizeof line);
    waitq_unlock(&tty.in, saved);
    if (!err && n) err = io_put(io, line, n);
    return io_result(io, err);
}

/* ---- output ---- */

void serial_tx_ready(void) {
    uint64_t saved = waitq_lock(&tty.out);
    waitq_wake_all(&tty.out);
    waitq_unlock(&tty.out, saved);
}

/* All of it into the serial ring, waiting for room: 0 or -EINTR. The ring cannot drain between a refusal and
 * the sleep, because its hook wants the lock that is held here. */
static int send(const char *text, size_t len) {
    int err = 0;
    uint64_t saved = waitq_lock(&tty.out);
    for (;;) {
        size_t n = serial_write(text, len);
        text += n, len -= n;
        if (!len || err) break;
        err = waitq_sleep(&tty.out, NO_DEADLINE, true);
    }
    waitq_unlock(&tty.out, saved);
    return err;
}

static size_t cook(char *to, const char *from, size_t n) {
    char *start = to;
    bool crlf = (tty.settings.c_oflag & (OPOST | ONLCR)) == (OPOST | ONLCR);
    for (size_t i = 0; i < n; i++) {
        if (from[i] == '\n' && crlf) *to++ = '\r';
        *to++ = from[i];
    }
    return (size_t)(to - start);
}

static int send_cooked(const char *text, size_t len) {
    mutex_lock(&tty.writer);
    int err = send(tty.cooked, cook(tty.cooked, text, len));
    mutex_unlock(&tty.writer);
    return err;
}

static long console_write(struct file *f, struct io *io, uint64_t *pos) {
    char text[CHUNK];
    int err = 0;
    (void)f, (void)pos;
    while (!err && io->left) {
        size_t n = io->left < CHUNK ? io->left : CHUNK, before = io_done(io);
        err = io_take(io, text, n);
        int sent = send_cooked(text, io_done(io) - before);
        if (!err) err = sent;
    }
    return io_result(io, err);
}

/* ---- settings ---- */

static void set_termios(const struct termios *t, bool discard) {
    uint64_t saved = waitq_lock(&tty.in);
    tty.settings = *t;
    if (discard) tty.count = tty.edit_len = 0;
    if (!(t->c_lflag & ICANON)) line_done();
    waitq_wake_all(&tty.in);
    waitq_unlock(&tty.in, saved);
}

static int ready_bytes(void) {
    uint64_t saved = waitq_lock(&tty.in);
    int n = (int)tty.count;
    waitq_unlock(&tty.in, saved);
    return n;
}

static long console_ioctl(struct file *f, unsigned cmd, uint64_t arg) {
    struct termios t;
    const struct winsize size = {.ws_row = 24, .ws_col = 80};
    int n;
    (void)f;
    switch (cmd) {
    case TCGETS: t = tty.settings; return copyout(arg, &t, sizeof t);
    case TCSETS:
    case TCSETSW:
    case TCSETSF:
        if (copyin(&t, arg, sizeof t) < 0) return -EFAULT;
        set_termios(&t, cmd == TCSETSF);
        return 0;
    case TIOCGWINSZ: return copyout(arg, &size, sizeof size);
    case FIONREAD: n = ready_bytes(); return copyout(arg, &n, sizeof n);
    default: return -ENOTTY;
    }
}

static int console_poll(struct file *f) {
    (void)f;
    return (ready_bytes() ? POLLIN | POLLRDNORM : 0) | POLLOUT | POLLWRNORM;
}

static void console_stat(struct file *f, struct stat *st) {
    tree_stat(f->node, st);
}

const struct file_ops console_ops = {
    .name = "console", .stream = true, .read = console_read, .write = console_write, .ioctl = console_ioctl,
    .poll = console_poll, .stat = console_stat,
};

void console_init(void) {
    waitq_init(&tty.in, "console input");
    waitq_init(&tty.out, "console output");
    mutex_init(&tty.writer, "console writer");
    tty.settings = (struct termios){
        .c_iflag = ICRNL, .c_oflag = OPOST | ONLCR, .c_cflag = B115200 | CS8 | CREAD | CLOCAL,
        .c_lflag = ICANON | ECHO | ECHOE | ECHOK,
    };
    tty.settings.c_cc[VERASE] = 0x7f;
    tty.settings.c_cc[VKILL] = 'U' - '@';
    tty.settings.c_cc[VEOF] = 'D' - '@';
}
