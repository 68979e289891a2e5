/* Fails the k-th call that writes below a folder: preloaded, so that it is seen by Python, HDF5, MPI-IO and
   TensorFlow alike. What is to fail stands in a file of four numbers that all processes map:
   calls so far, the first call that fails (0: none), its errno, and whether all later ones fail, too. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static struct { long calls, first, error, lasting; } *plan;
static const char *folder;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("FAULTS_PLAN");
    int file = path ? open(path, O_RDWR) : -1;
    folder = getenv("FAULTS_FOLDER");
    if (file >= 0 && folder) {
        plan = mmap(0, sizeof *plan, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (plan == MAP_FAILED)
            plan = 0;
    }
}

static int below(const char *path)
{
    return plan && path && !strncmp(path, folder, strlen(folder));
}

static int named(int at, const char *path)
{
    char text[PATH_MAX];
    if (!plan || !path)
        return 0;
    if (*path == '/')
        return below(path);
    if (at == AT_FDCWD)
        return getcwd(text, sizeof text) && below(text);
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", at);
    ssize_t n = readlink(link, text, sizeof text - 1);
    if (n < 0)
        return 0;
    text[n] = 0;
    return below(text);
}

static int opened(int number) { return named(number, "."); }

static int fails(void)
{
    int saved = errno;
    long call = __sync_add_and_fetch(&plan->calls, 1);
    if (!plan->first || call < plan->first || (call > plan->first && !plan->lasting)) {
        errno = saved;
        return 0;
    }
    errno = (int)plan->error;
    return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define WRAP(result, name, parameters, mine, arguments)                                                      \
    result name parameters                                                                                   \
    {                                                                                                        \
        static __typeof__(&name) real;                                                                       \
        if (!real)                                                                                           \
            real = REAL(name);                                                                               \
        if (mine) {                                                                                          \
            if (fails())                                                                                     \
                return (result)-1;                                                                           \
        }                                                                                                    \
        return real arguments;                                                                               \
    }

WRAP(ssize_t, write, (int f, const void *b, size_t n), opened(f), (f, b, n))
WRAP(ssize_t, pwrite, (int f, const void *b, size_t n, off_t o), opened(f), (f, b, n, o))
WRAP(ssize_t, pwrite64, (int f, const void *b, size_t n, off64_t o), opened(f), (f, b, n, o))
WRAP(int, fsync, (int f), opened(f), (f))
WRAP(int, fdatasync, (int f), opened(f), (f))
WRAP(int, ftruncate, (int f, off_t n), opened(f), (f, n))
WRAP(int, ftruncate64, (int f, off64_t n), opened(f), (f, n))
WRAP(int, rename, (const char *a, const char *b), named(AT_FDCWD, b), (a, b))
WRAP(int, link, (const char *a, const char *b), named(AT_FDCWD, b), (a, b))
WRAP(int, mkdir, (const char *a, mode_t m), named(AT_FDCWD, a), (a, m))
WRAP(int, linkat, (int p, const char *a, int q, const char *b, int g), named(q, b), (p, a, q, b, g))
WRAP(int, renameat, (int p, const char *a, int q, const char *b), named(q, b), (p, a, q, b))

/* these return the error in place of errno */
int posix_fallocate(int f, off_t o, off_t n)
{
    if (opened(f) && fails())
        return errno;
    return REAL(posix_fallocate)(f, o, n);
}

int posix_fallocate64(int f, off64_t o, off64_t n)
{
    if (opened(f) && fails())
        return errno;
    return REAL(posix_fallocate64)(f, o, n);
}

#define OPEN(name)                                                                                           \
    int name(const char *path, int flags, ...)                                                               \
    {                                                                                                        \
        va_list rest;                                                                                        \
        va_start(rest, flags);                                                                               \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;                              \
        va_end(rest);                                                                                        \
        if ((flags & O_ACCMODE) != O_RDONLY && named(AT_FDCWD, path) && fails())                             \
            return -1;                                                                                       \
        return REAL(name)(path, flags, mode);                                                                \
    }
OPEN(open)
OPEN(open64)

/* streams, of TensorFlow */
FILE *fopen64(const char *path, const char *mode)
{
    if (*mode != 'r' && named(AT_FDCWD, path) && fails())
        return 0;
    return REAL(fopen64)(path, mode);
}

FILE *fopen(const char *path, const char *mode)
{
    if (*mode != 'r' && named(AT_FDCWD, path) && fails())
        return 0;
    return REAL(fopen)(path, mode);
}

size_t fwrite(const void *data, size_t size, size_t n, FILE *stream)
{
    if (plan && opened(fileno(stream)) && fails())
        return 0;
    return REAL(fwrite)(data, size, n, stream);
}

int fflush(FILE *stream)
{
    if (plan && stream && opened(fileno(stream)) && fails())
        return EOF;
    return REAL(fflush)(stream);
}
