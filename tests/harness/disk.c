/* Preloaded into a program, it keeps beside each database file what the disk surely holds: the file as it was flushed last. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int ends(const char *text, const char *end)
{
    size_t length = strlen(text), wanted = strlen(end);
    return length >= wanted && strcmp(text + length - wanted, end) == 0;
}

/* Copies through the descriptor that is flushed: closing another one would end the locks on the file. */
static void keep(int file)
{
    char link[64], path[4096], next[4200], kept[4200], block[65536];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1), count;
    if (length <= 0) return;
    path[length] = 0;
    if (!ends(path, ".db") && !ends(path, ".db-wal")) return;
    snprintf(kept, sizeof kept, "%s.disk", path);
    snprintf(next, sizeof next, "%s.disk-%d", path, gettid());
    int copy = open(next, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (copy < 0) abort();
    for (off_t at = 0; (count = pread(file, block, sizeof block, at)) > 0; at += count)
        if (write(copy, block, count) != count) abort();
    close(copy);
    if (count < 0 || rename(next, kept) != 0) abort();
}

static int flushed(const char *name, int file)
{
    int (*sync)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    /* A disk that fails, as long as this file is there. */
    const char *failing = getenv("DISK_FAILS");
    if (failing && access(failing, F_OK) == 0) {
        errno = EIO;
        return -1;
    }
    /* A disk that lies says that it flushed, and did not. */
    if (!getenv("DISK_LIES")) keep(file);
    return sync(file);
}

/* What is removed is gone from the disk too. */
int unlink(const char *path)
{
    int (*remove)(const char *) = (int (*)(const char *))dlsym(RTLD_NEXT, "unlink");
    char kept[4200];
    snprintf(kept, sizeof kept, "%s.disk", path);
    if (ends(path, ".db-wal")) remove(kept);
    return remove(path);
}

int fsync(int file) { return flushed("fsync", file); }

int fdatasync(int file) { return flushed("fdatasync", file); }
