/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * blockd: a disk, served from ring 3.
 *
 *     blockd ADDRESS NAME         blockd 00:03.0 vda
 *
 *      kernel ── port's ring ──> server ── indirect table ──> virtio-blk device ── DMA ──> the asker's frames
 *             <── answers ────          <── interrupt ───────
 *
 * One call a round, port_serve: it gives the answers of the last round and waits for requests or the device.
 *
 * Two processes. The supervisor keeps the port and starts a server; one that a signal has killed is replaced, and
 * takes over what was not answered; so is one that finds no memory to start with, for a while. A server that ends for another
 * reason, there is no such device or it has gone, is not: the supervisor ends too, and the kernel gives up the disk.
 *
 * Both lock all of their memory before anything else: this may be what page-out goes through. The server allocates
 * nothing, and what it touches is three pages for the device, its stack, and this program.
 *
 *      page 0   the queue (1024 bytes) | headers and status bytes of the requests (1024) | 7 tables
 *      page 1   14 tables              page 2   11 tables
 *
 * MISSING  flush, discard, and whatever else a disk can do: the kernel does not ask for it. More than one queue.
 */
#include <errno.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi/pci.h"
#include "abi/port.h"
#include "user/driver/virtio.h"

#define PAGES       3
#define PAGE        4096u
#define TABLE       (PORT_SEGMENTS + 2)                /* descriptors: header, segments, status */
#define TABLE_BYTES (TABLE * sizeof(struct vring_desc))
#define FIRST       7u                                 /* tables in page 0; */
#define OTHERS      (PAGE / TABLE_BYTES)               /* and in each of the others */
#define STACK_SIZE  16384
#define NO_MEMORY   2                                  /* a server's exit status: it may be had later; */
#define TRIES       600                                /* so often it is tried again, */
#define PAUSE_MS    50                                 /* after this */
#define ROUNDS      64                                 /* after so many it is asked for its status in any case */
#define PATIENCE_MS 1000                               /* then a device that owes us something is asked for its status */

_Static_assert(PORT_SLOTS <= VIRTQUEUE_SIZE, "each request that the kernel can have out has a tag");
_Static_assert(FIRST + 2 * OTHERS >= VIRTQUEUE_SIZE && 2048 + FIRST * TABLE_BYTES <= PAGE, "so many tables fit");

/* A request's bytes that the device reads and writes, beside its segments. */
struct envelope {
    struct virtio_blk_outhdr header;
    volatile uint8_t status;
    uint8_t pad[15];
};

_Static_assert(VIRTQUEUE_BYTES == 1024 && VIRTQUEUE_SIZE * sizeof(struct envelope) == 1024, "page 0 is laid out so");

static union {
    uint8_t byte[PAGES][PAGE];
    struct {
        uint8_t queue[VIRTQUEUE_BYTES];
        struct envelope envelope[VIRTQUEUE_SIZE];
    };
} memory __attribute__((aligned(PAGE)));

static struct {
    const char *name;
    struct virtio device;
    struct virtqueue queue;
    unsigned long page[PAGES];        /* where the device finds ours */
    int port;
    const volatile struct port_ring *ring;
    uint32_t taken;                   /* of ring->head */
    uint32_t id[VIRTQUEUE_SIZE];      /* of the request under a tag */
    bool gone;                        /* the device */
    bool again;                       /* the last server had no memory, and said so */
} s;

/* ---- words for the console, without stdio's frames ---- */

static void say(const char *what, const char *why) {
    char line[128] = "blockd: ";
    const char *parts[] = {s.name, ": ", what, why ? ": " : "", why ? why : "", "\n"};
    size_t n = strlen(line);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        for (const char *p = parts[i]; *p && n < sizeof line; p++) line[n++] = *p;
    (void)!write(2, line, n);
}

static _Noreturn void fail(const char *what) {
    bool later = errno == ENOMEM || errno == EAGAIN;
    if (!later || !s.again) say(what, errno ? strerror(errno) : NULL);
    _exit(later ? NO_MEMORY : 1);
}

/* Others wait for us, and we never for long: a program that computes must not hold up one that waits for its page. */
static void go_first(void) {
    (void)!sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 1});
}

static void lock_everything(void) {
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) fail("cannot be locked into memory");
}

/* A stack is mapped larger than it need be, and all of it would be locked. Its limit is one from the start: again, then. */
static void use_little_stack(char **argv) {
    struct rlimit r;
    if (getrlimit(RLIMIT_STACK, &r) != 0 || r.rlim_cur <= STACK_SIZE) return;
    r.rlim_cur = STACK_SIZE;
    if (setrlimit(RLIMIT_STACK, &r) == 0) execv(argv[0][0] == '/' ? argv[0] : "/proc/self/exe", argv);
}

/* ---- requests to the device ---- */

static struct vring_desc *table_of(unsigned tag, uint64_t *at) {
    unsigned page = tag < FIRST ? 0 : 1 + (tag - FIRST) / OTHERS;
    unsigned offset = tag < FIRST ? 2048 + tag * TABLE_BYTES : (tag - FIRST) % OTHERS * TABLE_BYTES;
    *at = s.page[page] + offset;
    return (struct vring_desc *)(memory.byte[page] + offset);
}

static unsigned free_tag(void) {
    return (unsigned)__builtin_ctz(~s.queue.out);
}

static void put_request(const volatile struct port_request *r) {
    unsigned tag = free_tag(), n = r->segments;
    uint64_t at, envelope = s.page[0] + VIRTQUEUE_BYTES + tag * sizeof(struct envelope);
    struct vring_desc *d = table_of(tag, &at);
    struct envelope *e = &memory.envelope[tag];
    bool write = r->write;
    e->header = (struct virtio_blk_outhdr){.type = write ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN, .sector = r->sector};
    e->status = VIRTIO_BLK_S_IOERR; /* until the device says otherwise */
    d[0] = (struct vring_desc){.addr = envelope, .len = sizeof e->header, .flags = VRING_DESC_F_NEXT, .next = 1};
    for (unsigned i = 0; i < n; i++)
        d[i + 1] = (struct vring_desc){
            .addr = r->segment[i].addr, .len = r->segment[i].len, .next = (uint16_t)(i + 2),
            .flags = (uint16_t)(VRING_DESC_F_NEXT | (write ? 0 : VRING_DESC_F_WRITE)),
        };
    d[n + 1] = (struct vring_desc){.addr = envelope + offsetof(struct envelope, status), .len = 1, .flags = VRING_DESC_F_WRITE};
    s.id[tag] = r->id;
    virtqueue_put(&s.queue, tag, at, (uint32_t)((n + 2) * sizeof *d));
}

static void take_requests(uint32_t head) {
    if (head == s.taken) return;
    for (; s.taken != head; s.taken++) put_request(&s.ring->slot[s.taken % PORT_SLOTS]);
    virtqueue_kick(&s.queue);
}

/* ---- answers to the kernel ---- */

/* Gives n answers, and waits: how many requests there have been. */
static uint32_t answer(const struct port_answer *answers, size_t n, int milliseconds) {
    long head = syscall(SYS_port_serve, s.port, answers, n, milliseconds);
    if (head < 0) fail("the port");
    return (uint32_t)head;
}

/* How many there are. */
static size_t take_results(struct port_answer *answers) {
    size_t n = 0;
    int tag;
    while (n < VIRTQUEUE_SIZE && (tag = virtqueue_take(&s.queue)) != VIRTQUEUE_NONE) {
        if (tag == VIRTQUEUE_BROKEN) {
            s.gone = true;
            break;
        }
        bool good = memory.envelope[tag].status == VIRTIO_BLK_S_OK;
        answers[n++] = (struct port_answer){.id = s.id[tag], .error = good ? 0 : EIO};
    }
    return n;
}

/* One answer of ENODEV ends every request, and the disk. */
static _Noreturn void give_up(void) {
    uint32_t out = s.queue.out;
    struct port_answer last = {.id = s.id[out ? __builtin_ctz(out) : 0], .error = ENODEV};
    if (out) (void)!syscall(SYS_port_serve, s.port, &last, 1ul, 0);
    say("the device has gone", NULL);
    _exit(1);
}

/* ---- the server ---- */

static void start_device(const char *address) {
    uint64_t agreed;
    if (virtio_open(&s.device, address, VIRTIO_ID_BLOCK, 0, 1ul << VIRTIO_BLK_F_FLUSH | 1ul << VIRTIO_BLK_F_SEG_MAX, &agreed) != 0)
        fail(address);
    const volatile struct virtio_blk_config *c = (const volatile void *)s.device.device;
    errno = ENOTSUP;
    if (agreed >> VIRTIO_BLK_F_SEG_MAX & 1 && c->seg_max < PORT_SEGMENTS) fail("it takes too few segments");
    if (syscall(SYS_dma_pin, s.device.file, &memory, sizeof memory, s.page) != 0) fail("no memory for the device");
    if (virtio_queue(&s.device, 0, memory.queue, s.page[0], &s.queue) != 0) fail("no queue");
    if (virtio_go(&s.device) != 0) fail("it cannot start");
}

static void open_port(void) {
    const volatile struct virtio_blk_config *c = (const volatile void *)s.device.device;
    s.port = (int)syscall(SYS_port_open, s.name, c->capacity, s.device.file);
    if (s.port < 0) fail("port");
    s.ring = mmap(NULL, PORT_RING_SIZE, PROT_READ, MAP_SHARED, s.port, 0);
    if (s.ring == MAP_FAILED) fail("ring");
}

/* A wake-up for no reason costs a look at both rings. If neither has anything, the device may have gone; one that goes on may
 * say all the same that it has to be reset, so it is asked now and then. */
static _Noreturn void serve(const char *address) {
    struct port_answer answers[VIRTQUEUE_SIZE];
    size_t n = 0;
    unsigned rounds = 0;
    lock_everything(); /* a child of fork has no locks */
    start_device(address);
    open_port();
    for (;;) {
        uint32_t head = answer(answers, n, s.queue.out ? PATIENCE_MS : -1);
        n = take_results(answers);
        bool ask = (n == 0 && head == s.taken) || ++rounds % ROUNDS == 0;
        if (s.gone || (ask && virtio_failed(&s.device))) break;
        take_requests(head);
    }
    if (n) answer(answers, n, 0);
    give_up();
}

/* ---- the supervisor ---- */

/* A server's life, and how it ended. What there is to say (NULL: nothing) can wait until it lives: others do for a page. */
static int run_server(const char *address, const char *news) {
    int status;
    pid_t server = fork();
    if (server == 0) serve(address);
    if (news) say(news, NULL);
    if (server < 0) return NO_MEMORY << 8;
    while (waitpid(server, &status, 0) < 0)
        if (errno != EINTR) fail("wait");
    return status;
}

int main(int argc, char **argv) {
    s.name = "usage";
    if (argc != 3) fail("blockd ADDRESS NAME, as in blockd 00:03.0 vda");
    s.name = argv[2];
    use_little_stack(argv);
    lock_everything();
    go_first();
    int keep = (int)syscall(SYS_port_open, s.name, 0ul, -1);
    if (keep < 0) fail("port");
    const char *news = NULL;
    for (int tries = 0; tries < TRIES;) {
        int status = run_server(argv[1], news);
        news = NULL;
        if (WIFEXITED(status) && WEXITSTATUS(status) != NO_MEMORY) return WEXITSTATUS(status);
        if (WIFSIGNALED(status)) {
            news = "the server was killed, another one takes over";
            tries = 0;
            s.again = false;
        } else { /* memory is short at this moment, and it is we who make room */
            poll(NULL, 0, PAUSE_MS);
            tries++;
            s.again = true;
        }
    }
    say("there is no memory for a server", NULL);
    return NO_MEMORY;
}
