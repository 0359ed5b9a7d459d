/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The first program when bench/swap.py measures Linux: it loads the modules in /modules, in the order of their names,
 * makes /dev/vda swap, runs its arguments as a program, and turns the machine off.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(int ok, const char *what) {
    if (ok) return;
    perror(what);
    sync();
    reboot(RB_POWER_OFF);
}

static void load_modules(void) {
    struct dirent **entry;
    int n = scandir("/modules", &entry, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char path[300];
        snprintf(path, sizeof path, "/modules/%s", entry[i]->d_name);
        if (entry[i]->d_name[0] == '.') continue;
        int fd = open(path, O_RDONLY);
        must(fd >= 0 && syscall(SYS_finit_module, fd, "", 0) == 0, path);
        close(fd);
    }
}

/* The header that mkswap writes. */
static void make_swap(const char *path) {
    static struct {
        char boot[1024];
        unsigned version, last_page, bad_pages;
        char rest[4096 - 1024 - 12 - 10], magic[10];
    } header = {.version = 1};
    int fd = open(path, O_RDWR);
    must(fd >= 0, path);
    header.last_page = (unsigned)(lseek(fd, 0, SEEK_END) / 4096) - 1;
    memcpy(header.magic, "SWAPSPACE2", 10);
    must(pwrite(fd, &header, sizeof header, 0) == sizeof header, "swap header");
    close(fd);
    must(swapon(path, 0) == 0, "swapon");
}

int main(int argc, char **argv) {
    (void)argc;
    mkdir("/dev", 0755);
    mkdir("/proc", 0755);
    must(mount("dev", "/dev", "devtmpfs", 0, NULL) == 0 && mount("proc", "/proc", "proc", 0, NULL) == 0, "mount");
    load_modules();
    for (int i = 0; i < 100 && access("/dev/vda", F_OK); i++) usleep(20000);
    make_swap("/dev/vda");
    sleep(5); /* until what the kernel does after its start is done */
    pid_t pid = fork();
    if (pid == 0) {
        execv(argv[1], argv + 1);
        _exit(127);
    }
    waitpid(pid, NULL, 0);
    sync();
    reboot(RB_POWER_OFF);
    return 1;
}
