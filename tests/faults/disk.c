/*
 * A disk that fails: preloaded into the server by tests/faults.rs. It counts what a process does to
 * files below one directory and lets the n-th of it fail.
 *
 *   FAULT_DIR    the directory; what happens elsewhere is neither counted nor touched
 *   FAULT_COUNT  a file of 8 bytes that holds the count, shared by all processes of a run
 *   FAULT_AT     which act fails, from 1; 0 or none: no act fails
 *   FAULT_KIND   enospc, eio, or short (the act that fails writes half of its bytes, then ENOSPC)
 *   FAULT_MODE   once: that act alone; on: that act and all that follow
 *
 * Counted are acts that can fail on a full or broken disk: creating, writing, syncing, renaming.
 * Of writes that go on in one file with the same length, only the first two are counted, so that
 * filling a file with zeros is two acts and not thousands.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum outcome { GOES_ON, FAILS, IS_CUT };

static struct {
	char dir[PATH_MAX];
	size_t dir_length;
	_Atomic long *count;
	long at;
	int error;
	int cut;
	int on;
} plan;

static _Thread_local struct {
	int fd;
	size_t length;
	off_t end;
	int run;
} last = { .fd = -1 };

#define REAL(name) \
	static __typeof__(name) *real; \
	if (!real) \
		real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void read_plan(void)
{
	const char *dir = getenv("FAULT_DIR"), *count = getenv("FAULT_COUNT");
	const char *at = getenv("FAULT_AT"), *kind = getenv("FAULT_KIND"), *mode = getenv("FAULT_MODE");
	if (!dir || !count || !realpath(dir, plan.dir))
		return;
	int fd = open(count, O_RDWR);
	if (fd < 0)
		abort();
	void *shared = mmap(NULL, sizeof *plan.count, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (shared == MAP_FAILED)
		abort();
	plan.count = shared;
	plan.at = at ? atol(at) : 0;
	plan.error = kind && !strcmp(kind, "eio") ? EIO : ENOSPC;
	plan.cut = kind && !strcmp(kind, "short");
	plan.on = mode && !strcmp(mode, "on");
	plan.dir_length = strlen(plan.dir);
}

static int is_below(const char *path)
{
	char absolute[2 * PATH_MAX];
	if (!plan.dir_length || !path)
		return 0;
	if (path[0] != '/') {
		char here[PATH_MAX];
		if (!getcwd(here, sizeof here))
			return 0;
		snprintf(absolute, sizeof absolute, "%s/%s", here, path);
		path = absolute;
	}
	return !strncmp(path, plan.dir, plan.dir_length);
}

static int fd_is_below(int fd)
{
	char link[64], path[PATH_MAX];
	if (!plan.dir_length)
		return 0;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t length = readlink(link, path, sizeof path - 1);
	if (length <= 0)
		return 0;
	path[length] = 0;
	return is_below(path);
}

static enum outcome act(void)
{
	long number = atomic_fetch_add(plan.count, 1) + 1;
	if (!plan.at || number < plan.at || (number > plan.at && !plan.on && !plan.cut))
		return GOES_ON;
	if (plan.cut && number == plan.at)
		return IS_CUT;
	errno = plan.error;
	return FAILS;
}

/* A write of `length` bytes at `offset`, or at the file's own position if that is negative. */
static enum outcome act_of_write(int fd, size_t length, off_t offset)
{
	if (!fd_is_below(fd))
		return GOES_ON;
	int goes_on = fd == last.fd && length == last.length && offset >= 0 && offset == last.end;
	last.run = goes_on ? last.run + 1 : 0;
	last.fd = fd;
	last.length = length;
	last.end = offset + (off_t)length;
	/* A disk that is full stays full for those that are not counted. */
	if (last.run >= 2) {
		if (plan.at && (plan.on || plan.cut) && atomic_load(plan.count) >= plan.at) {
			errno = plan.error;
			return FAILS;
		}
		return GOES_ON;
	}
	return act();
}

ssize_t write(int fd, const void *bytes, size_t length)
{
	REAL(write);
	switch (act_of_write(fd, length, -1)) {
	case FAILS: return -1;
	case IS_CUT: return real(fd, bytes, length > 1 ? length / 2 : length);
	default: return real(fd, bytes, length);
	}
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset)
{
	REAL(pwrite64);
	switch (act_of_write(fd, length, offset)) {
	case FAILS: return -1;
	case IS_CUT: return real(fd, bytes, length > 1 ? length / 2 : length, offset);
	default: return real(fd, bytes, length, offset);
	}
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset)
{
	return pwrite64(fd, bytes, length, offset);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
	REAL(writev);
	switch (act_of_write(fd, count ? parts[0].iov_len : 0, -1)) {
	case FAILS: return -1;
	case IS_CUT: return real(fd, parts, count > 1 ? 1 : count);
	default: return real(fd, parts, count);
	}
}

#define ON_FD(name, parameters, arguments) \
	int name parameters \
	{ \
		REAL(name); \
		if (fd_is_below(fd) && act() != GOES_ON) { \
			errno = plan.error; \
			return -1; \
		} \
		return real arguments; \
	}

ON_FD(fsync, (int fd), (fd))
ON_FD(fdatasync, (int fd), (fd))
ON_FD(sync_file_range, (int fd, off64_t from, off64_t length, unsigned flags), (fd, from, length, flags))
ON_FD(fallocate, (int fd, int mode, off_t from, off_t length), (fd, mode, from, length))
ON_FD(ftruncate, (int fd, off_t length), (fd, length))
ON_FD(ftruncate64, (int fd, off64_t length), (fd, length))

int rename(const char *from, const char *to)
{
	REAL(rename);
	if (is_below(to) && act() != GOES_ON) {
		errno = plan.error;
		return -1;
	}
	return real(from, to);
}

int mkdir(const char *path, mode_t mode)
{
	REAL(mkdir);
	struct stat there;
	if (is_below(path) && stat(path, &there) && act() != GOES_ON) {
		errno = plan.error;
		return -1;
	}
	return real(path, mode);
}

/* Opening a file that is there takes no space. */
static int opens(const char *path, int flags)
{
	struct stat there;
	return (flags & O_CREAT) && is_below(path) && stat(path, &there) && act() != GOES_ON;
}

#define OPEN(name, parameters, arguments) \
	int name parameters \
	{ \
		REAL(name); \
		mode_t mode = 0; \
		if (flags & (O_CREAT | __O_TMPFILE)) { \
			va_list rest; \
			va_start(rest, flags); \
			mode = va_arg(rest, mode_t); \
			va_end(rest); \
		} \
		if (opens(path, flags)) { \
			errno = plan.error; \
			return -1; \
		} \
		return real arguments; \
	}

OPEN(open, (const char *path, int flags, ...), (path, flags, mode))
OPEN(open64, (const char *path, int flags, ...), (path, flags, mode))
OPEN(openat, (int at, const char *path, int flags, ...), (at, path, flags, mode))
OPEN(openat64, (int at, const char *path, int flags, ...), (at, path, flags, mode))
