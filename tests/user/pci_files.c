/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * /dev/pci and dma_pin under bad input: every wrong offset, length, right, descriptor and state has its errno, and leaves
 * the device and the process as they were.
 *
 * clauses: A4 B3
 * needs: holdfast
 * disks: 1M
 */
#include "tests/user/support.h"

#include <poll.h>
#include <sys/syscall.h>

#include "abi/pci.h"

#define DISK    "/dev/pci/00:03.0"
#define BRIDGE  "/dev/pci/00:1f.0" /* to ISA: no memory BAR, no MSI-X */
#define COMMAND 4
#define MASTER  4
#define TABLE_BAR 1 /* QEMU's virtio functions have the MSI-X table in BAR 1, and the registers in BAR 4 */
#define BAR     4
#define BAR_PAGES 4

static int fd;

static long dma_pin(int file, void *p, size_t len, void *addresses) {
    return syscall(SYS_dma_pin, file, p, len, addresses);
}

static uint16_t command(void) {
    uint16_t c = 0xffff;
    pread(fd, &c, sizeof c, COMMAND);
    return c;
}

static void as_nobody(void *answers) {
    int *a = answers;
    a[0] = errno_of(open(DISK, O_RDWR));
    uint64_t at;
    char *p = anon(1);
    mlock(p, PG);
    a[1] = errno_of(dma_pin(fd, p, PG, &at));
    _exit(0);
}

static void test_open(void) {
    int *a = shared(PG);
    is_int(errno_of(open("/dev/pci/00:1e.7", O_RDWR)), ENOENT, "a function that is not there");
    fd = open(DISK, O_RDWR);
    ok(fd >= 0, "a function can be opened");
    is_int(errno_of(open(DISK, O_RDWR)), EBUSY, "by one at a time");
    in_child(MEMLOCK_AS_IS, NOBODY, as_nobody, a);
    is_int(a[0], EACCES, "and by root alone");
    is_int(a[1], EPERM, "dma_pin is root's, whoever gave away the file");
}

static void test_config(void) {
    uint8_t c[300];
    uint16_t before = command(), all = 0xffff, none = 0;
    is_int(pread(fd, c, sizeof c, 0), 256, "configuration space has 256 bytes");
    is_int(pread(fd, c, 4, 254), 2, "a read at its end is short");
    is_int(pread(fd, c, 4, 256), 0, "past it there is nothing");
    is_int(pread(fd, c, 4, 1l << 40), 0, "far past it neither");
    is_int(errno_of(pread(fd, NULL, 4, 0)), EFAULT, "a bad buffer");
    unsigned refused = 0;
    for (int at = 0; at < 300; at++)
        for (unsigned n = 1; n <= 4; n *= 2) refused += (at != COMMAND || n != 2) && errno_of(pwrite(fd, &all, n, at)) == EPERM;
    is_int(refused, 899, "no byte can be written but the command");
    is_int(errno_of(pwrite(fd, NULL, 2, COMMAND)), EFAULT, "not from a bad buffer");
    is_int(command(), before, "and none was");
    is_int(pwrite(fd, &all, 2, COMMAND), 2, "a command of all ones");
    is_int(command(), before | MASTER, "turns bus mastering on and nothing else");
    is_int(pwrite(fd, &none, 2, COMMAND), 2, "a command of all zeroes");
    is_int(command(), before & ~MASTER, "turns it off and nothing else");
}

static int map_errno(size_t len, int prot, int flags, unsigned long offset) {
    return errno_of(mmap(NULL, len, prot, flags, fd, (off_t)offset));
}

static void test_map(void) {
    const int rw = PROT_READ | PROT_WRITE;
    unsigned char in[BAR_PAGES];
    char *p = mmap(NULL, BAR_PAGES * PG, rw, MAP_SHARED, fd, (off_t)PCI_BAR(BAR));
    if (p == MAP_FAILED) bail_out("the registers cannot be mapped: %s", strerror(errno));
    is_int(map_errno(PG, rw, MAP_SHARED, PCI_BAR(TABLE_BAR)), EPERM, "the MSI-X table is the kernel's");
    is_int(map_errno(PG, PROT_READ, MAP_SHARED, PCI_BAR(TABLE_BAR)), EPERM, "for reading too");
    is_int(map_errno(PG, rw, MAP_SHARED, 0), EINVAL, "configuration space cannot be mapped");
    is_int(map_errno(PG, rw, MAP_SHARED, PCI_BAR(0)), EINVAL, "nor a BAR that is not there");
    is_int(map_errno(PG, rw, MAP_SHARED, PCI_BAR(BAR + 1)), EINVAL, "nor the upper half of one");
    is_int(map_errno(PG, rw, MAP_SHARED, PCI_BAR(6)), EINVAL, "nor one too many");
    is_int(map_errno(PG, rw, MAP_SHARED, 1ul << 62), EINVAL, "nor one far off");
    is_int(map_errno(PG, rw, MAP_SHARED, PCI_BAR(BAR) + BAR_PAGES * PG), EINVAL, "nor what follows one");
    is_int(map_errno((BAR_PAGES + 1) * PG, rw, MAP_SHARED, PCI_BAR(BAR)), EINVAL, "nor more than there is");
    is_int(map_errno(SIZE_MAX / 4, rw, MAP_SHARED, PCI_BAR(BAR)), EINVAL, "nor much more");
    is_int(map_errno(PG, rw, MAP_PRIVATE, PCI_BAR(BAR)), EACCES, "registers are not private");
    is_int(map_errno(PG, PROT_READ | PROT_EXEC, MAP_SHARED, PCI_BAR(BAR)), EACCES, "nor code");
    is_int(map_errno(PG, rw, MAP_SHARED | MAP_LOCKED, PCI_BAR(BAR)), EAGAIN, "nor lockable");
    is_int(errno_of(mlock(p, PG)), ENOMEM, "by mlock either");
    is_int(errno_of(mprotect(p, PG, PROT_READ)), EACCES, "mprotect keeps off");
    is_int(errno_of(mremap(p, PG, 2 * PG, MREMAP_MAYMOVE)), EFAULT, "so does mremap");
    is_int(mincore(p, BAR_PAGES * PG, in), 0, "mincore");
    ok(in[0] & in[BAR_PAGES - 1] & 1, "says that registers are there");
    long before = vmlck();
    is_int(mlockall(MCL_CURRENT | MCL_FUTURE), 0, "mlockall passes over them");
    char *q = mmap(NULL, PG, rw, MAP_SHARED, fd, (off_t)PCI_BAR(BAR));
    ok(q != MAP_FAILED, "under MCL_FUTURE too");
    munlockall();
    is_int(vmlck(), before, "A4: and nothing is left of it");
    is_int(munmap(p + PG, PG) | munmap(p, BAR_PAGES * PG) | munmap(q, PG), 0, "they can be unmapped");
}

static void *const nowhere[] = {NULL, (void *)PG, (void *)USER_END, (void *)KERNEL, (void *)0x0000800000000000ul};

static void test_pin(void) {
    char *p = anon(8);
    uint64_t at[8];
    mlock(p, 6 * PG);
    mprotect(p + PG, PG, PROT_READ);
    cut(p, 5, 1);
    mlock2(p + 6 * PG, PG, MLOCK_ONFAULT);
    p[6 * PG] = 1;
    is_int(errno_of(dma_pin(-1, p, PG, at)), EBADF, "no file");
    is_int(errno_of(dma_pin(1, p, PG, at)), EINVAL, "another kind of file");
    is_int(errno_of(dma_pin(fd, p, 0, at)), EINVAL, "no bytes");
    is_int(errno_of(dma_pin(fd, p + 1, PG, at)), EINVAL, "not a page's address");
    is_int(errno_of(dma_pin(fd, p, PG - 1, at)), EINVAL, "not a page's length");
    is_int(errno_of(dma_pin(fd, p, 2 * PG, at)), EINVAL, "a read-only page among them");
    is_int(errno_of(dma_pin(fd, p + 4 * PG, 2 * PG, at)), EINVAL, "a hole among them");
    is_int(errno_of(dma_pin(fd, p + 6 * PG, PG, at)), EINVAL, "locked on fault is not locked");
    is_int(errno_of(dma_pin(fd, p + 7 * PG, PG, at)), EINVAL, "resident is not locked");
    is_int(errno_of(dma_pin(fd, p, SIZE_MAX - PG + 1, at)), EINVAL, "more than an address space");
    for (size_t i = 0; i < sizeof nowhere / sizeof nowhere[0]; i++) {
        is_int(errno_of(dma_pin(fd, nowhere[i], PG, at)), EINVAL, "memory at %p", nowhere[i]);
        is_int(errno_of(dma_pin(fd, p, PG, nowhere[i])), EFAULT, "addresses to %p", nowhere[i]);
    }
    is_int(errno_of(dma_pin(fd, p + 2 * PG, 2 * PG, p + PG - 8)), EFAULT, "addresses across the end of what can be written");
    is_int(proc_pages("/proc/self/status", "VmPin"), 0, "nothing has been pinned by all that");
    is_int(dma_pin(fd, p + 2 * PG, 3 * PG, at), 0, "what is locked can be");
    ok(at[0] && at[1] != at[0] && !((at[0] | at[1] | at[2]) % PG), "and has addresses");
    is_int(dma_pin(fd, p + 2 * PG, PG, at + 4), 0, "twice if need be");
    is_int(at[4], (long)at[0], "at the same address");
    is_int(proc_pages("/proc/self/status", "VmPin"), 4, "B3: counted each time");
    char *big = anon(PCI_DMA_PAGES + 1);
    uint64_t *where = calloc(PCI_DMA_PAGES + 1, sizeof *where);
    mlock(big, (PCI_DMA_PAGES + 1) * PG);
    is_int(errno_of(dma_pin(fd, big, (PCI_DMA_PAGES + 1) * PG, where)), ENOMEM, "more than a file may have");
    is_int(errno_of(dma_pin(fd, big, (PCI_DMA_PAGES - 3) * PG, where)), ENOMEM, "by one page");
    is_int(dma_pin(fd, big, (PCI_DMA_PAGES - 4) * PG, where), 0, "exactly as much");
    is_int(errno_of(dma_pin(fd, p + 2 * PG, PG, at)), ENOMEM, "and no more");
    munmap(big, (PCI_DMA_PAGES + 1) * PG);
    munmap(p, 8 * PG);
    free(where);
}

static void test_interrupts(void) {
    uint32_t n;
    struct pollfd p = {fd, POLLIN, 0};
    fcntl(fd, F_SETFL, O_NONBLOCK);
    is_int(errno_of(read(fd, &n, 4)), EAGAIN, "no interrupt has come");
    is_int(errno_of(lseek(fd, 0, SEEK_SET)), ESPIPE, "there is no position to move");
    is_int(errno_of(read(fd, &n, 3)), EINVAL, "a count has 4 bytes");
    is_int(errno_of(write(fd, &n, 4)), EPERM, "and is not written");
    is_int(poll(&p, 1, 0), 0, "poll agrees");
    is_int(errno_of(ftruncate(fd, 0)), EINVAL, "a function has no length");
    int isa = open(BRIDGE, O_RDWR);
    ok(isa >= 0, "a function without MSI-X");
    is_int(errno_of(read(isa, &n, 4)), EINVAL, "never interrupts");
    is_int(errno_of(mmap(NULL, PG, PROT_READ, MAP_SHARED, isa, (off_t)PCI_BAR(0))), EINVAL, "and has nothing to map");
    close(isa);
}

int main(void) {
    needs_holdfast();
    test_open();
    test_config();
    test_map();
    test_interrupts();
    test_pin();
    close(fd);
    is_int(proc_pages("/proc/self/status", "VmPin"), 0, "closed, and nothing is pinned");
    fd = open(DISK, O_RDWR);
    ok(fd >= 0 && !(command() & MASTER), "and the next one finds bus mastering off");
    return done_testing();
}
