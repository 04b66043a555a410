/* A CUDA driver without a GPU, for tests: device memory is the machine's, and a stream is a list of things to do.
 *
 * Nothing in a stream is done before somebody waits for it, and then only what that wait needs: work runs as late as the
 * driver's contract allows, so a copy or a launch that nobody ordered by an event happens too late, and the pixels show
 * it. A stream that was made eager works as early as it may, which shows what is overwritten too soon. New memory is filled with junk. An address that is not allocated when its copy runs is an error that stays, as on
 * a GPU. Contexts are counted for each thread. A graph is a list that a launch copies into a stream.
 *
 * RTSR_CUDA_DOUBLE_GPUS    how many GPUs there are; none without it
 * RTSR_CUDA_DOUBLE_BYTES   memory of each; 1 GiB without it
 * RTSR_CUDA_DOUBLE_CC      compute capability times ten; 89 without it
 * double_live()            how many streams, events, buffers, graphs and contexts are not freed
 * double_eager(stream)     let it work as early as it may
 * double_peak()            the most device memory that was in use at once since the last time it was asked
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    OK = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NO_DEVICE = 100, INVALID_DEVICE = 101, INVALID_CONTEXT = 201,
    NOT_FOUND = 500, NOT_READY = 600, ILLEGAL_ADDRESS = 700, CAPTURE_UNSUPPORTED = 900, CAPTURE_INVALIDATED = 901,
    CAPTURE_ISOLATION = 905
};
enum { JUNK = 0xA5, GPUS = 4 };
typedef void (*HostFunction)(void *);
typedef struct Stream Stream;
typedef struct Event { unsigned long asked, done; double done_ms; Stream *stream; Stream *capture; } Event;
typedef struct Op {
    enum { COPY, ROWS, HOST, MARK, FOLLOW } kind;
    void *to, *from;
    size_t bytes, rows, to_pitch, from_pitch;
    int to_device, from_device;
    void *staged;
    HostFunction function;
    Event *event;
    Stream *other;
    unsigned long serial;
    struct Op *next;
} Op;
typedef struct List { Op *first, *last; } List;
struct Stream { List todo; List *recording; int broken, eager; };
typedef struct Block { char *begin; size_t bytes; int device; struct Block *next; } Block;

static pthread_mutex_t lock;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static Block *blocks;
static Stream *streams[256], ground; /* ground: stream 0 */
static size_t used[GPUS], peak;
static int live, retained[GPUS], failed;
static __thread int current, recording_here; /* current: 1 + device */

static void begin_lock(void) {
    pthread_mutexattr_t kind;
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&lock, &kind);
}
static int setting(const char *name, int otherwise) { return getenv(name) ? atoi(getenv(name)) : otherwise; }
static size_t memory(void) {
    const char *told = getenv("RTSR_CUDA_DOUBLE_BYTES");
    return told ? strtoull(told, NULL, 10) : (size_t)1 << 30;
}
static int gpus(void) { int n = setting("RTSR_CUDA_DOUBLE_GPUS", 0); return n > GPUS ? GPUS : n; }
static int gone(void) { if (!current) return INVALID_CONTEXT; return failed; }
#define NAMED(stream) ((stream) ? (stream) : &ground)
#define ENTER int bad = gone(); if (bad) return bad; pthread_mutex_lock(&lock)
#define LEAVE(status) do { int left = (status); pthread_mutex_unlock(&lock); return left; } while (0)

static Block *block_of(const void *at, size_t bytes, int device) {
    for (Block *one = blocks; one; one = one->next)
        if (one->device == device && (char *)at >= one->begin && (char *)at + bytes <= one->begin + one->bytes) return one;
    return NULL;
}
static int reaches(const Op *op) {
    size_t to = op->kind == ROWS ? (op->rows - 1) * op->to_pitch + op->bytes : op->bytes;
    size_t from = op->kind == ROWS ? (op->rows - 1) * op->from_pitch + op->bytes : op->bytes;
    return (!op->to_device || block_of(op->to, to, 1)) && (!op->from_device || block_of(op->from, from, 1)) &&
           (op->to_device || block_of(op->to, to, 0)) && (op->from_device || op->staged || block_of(op->from, from, 0));
}
static void append(List *list, Op op) {
    Op *kept = malloc(sizeof op);
    *kept = op;
    kept->next = NULL;
    if (list->last) list->last->next = kept; else list->first = kept;
    list->last = kept;
}
static int step(Stream *stream);
static double now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}
static int reach_mark(Stream *stream, Event *event, unsigned long serial) {
    while (event->done < serial)
        if (step(stream)) return failed ? failed : 1;
    return OK;
}
static int step(Stream *stream) { /* do the first thing of a stream; 1 where nothing is left, or an error */
    Op *op = stream->todo.first;
    if (failed) return failed;
    if (!op) return 1;
    stream->todo.first = op->next;
    if (!op->next) stream->todo.last = NULL;
    if (op->kind == HOST) op->function(op->to);
    else if (op->kind == MARK) { if (op->serial > op->event->done) op->event->done = op->serial, op->event->done_ms = now_ms(); }
    else if (op->kind == FOLLOW) reach_mark(op->other, op->event, op->serial);
    else if (!reaches(op)) failed = ILLEGAL_ADDRESS;
    else if (op->kind == COPY) memcpy(op->to, op->staged ? op->staged : op->from, op->bytes);
    else for (size_t row = 0; row < op->rows; row++)
        memcpy((char *)op->to + row * op->to_pitch, (char *)op->from + row * op->from_pitch, op->bytes);
    free(op->staged);
    free(op);
    return failed;
}
static int drain(Stream *stream) { while (stream->todo.first) if (step(stream)) return failed; return failed; }
static int drain_all(void) {
    if (drain(&ground)) return failed;
    for (int i = 0; i < 256; i++) if (streams[i] && !streams[i]->recording && drain(streams[i])) return failed;
    return failed;
}
static int put(Stream *stream, Op op) {
    stream = NAMED(stream);
    append(stream->recording ? stream->recording : &stream->todo, op);
    if (!stream->eager || stream->recording) return OK;
    for (Op *next; (next = stream->todo.first) && !(next->kind == FOLLOW && next->event->done < next->serial);)
        if (step(stream)) return failed;
    return OK;
}

int double_live(void) { return live; }
size_t double_peak(void) { size_t most = peak; peak = 0; return most; }
void double_mend(void) { failed = 0; }
void double_eager(Stream *stream) { stream->eager = 1; }

int cuInit(unsigned flags) { (void)flags; pthread_once(&once, begin_lock); return gpus() ? OK : NO_DEVICE; }
int cuDriverGetVersion(int *version) { *version = 13000; return OK; }
int cuGetErrorString(int status, const char **words) {
    switch (status) {
    case OK: *words = "no error"; break;
    case OUT_OF_MEMORY: *words = "out of memory"; break;
    case NO_DEVICE: *words = "no CUDA-capable device is detected"; break;
    case INVALID_CONTEXT: *words = "invalid device context"; break;
    case ILLEGAL_ADDRESS: *words = "an illegal memory access was encountered"; break;
    case CAPTURE_UNSUPPORTED: *words = "operation not permitted when stream is capturing"; break;
    default: *words = "some other error";
    }
    return OK;
}
int cuDeviceGetCount(int *count) { *count = gpus(); return OK; }
int cuDeviceGet(int *device, int ordinal) {
    if (ordinal < 0 || ordinal >= gpus()) return INVALID_DEVICE;
    *device = ordinal;
    return OK;
}
int cuDeviceGetName(char *name, int size, int device) { snprintf(name, size, "rtsr test double %d", device); return OK; }
int cuDeviceGetUuid(char *uuid, int device) { memset(uuid, 0x11 * (device + 1), 16); return OK; }
int cuDeviceTotalMem(size_t *bytes, int device) { (void)device; *bytes = memory(); return OK; }
int cuDeviceGetAttribute(int *value, int attribute, int device) {
    (void)device;
    int capability = setting("RTSR_CUDA_DOUBLE_CC", 89);
    *value = attribute == 75 ? capability / 10 : attribute == 76 ? capability % 10 : 0;
    return OK;
}
int cuDevicePrimaryCtxRetain(void **context, int device) {
    retained[device]++, live++;
    *context = (void *)(intptr_t)(device + 1);
    return OK;
}
int cuDevicePrimaryCtxRelease(int device) {
    if (!retained[device]) return INVALID_CONTEXT;
    retained[device]--, live--;
    return OK;
}
int cuCtxSetCurrent(void *context) {
    int device = (int)(intptr_t)context;
    if (device && !retained[device - 1]) return INVALID_CONTEXT;
    current = device;
    return OK;
}
int cuCtxGetCurrent(void **context) { *context = (void *)(intptr_t)current; return OK; }
int cuCtxSynchronize(void) { ENTER; LEAVE(drain_all()); }
int cuMemGetInfo(size_t *unused, size_t *total) {
    ENTER;
    *total = memory(), *unused = memory() > used[current - 1] ? memory() - used[current - 1] : 0;
    LEAVE(OK);
}
static int allocate(void **at, size_t bytes, int device) {
    if (recording_here) return CAPTURE_UNSUPPORTED;
    if (!bytes) return INVALID_VALUE;
    if (device && used[current - 1] + bytes > memory()) return OUT_OF_MEMORY;
    Block *block = malloc(sizeof *block);
    if (posix_memalign((void **)&block->begin, 512, bytes)) return OUT_OF_MEMORY;
    memset(block->begin, JUNK, bytes);
    block->bytes = bytes, block->device = device, block->next = blocks, blocks = block;
    if (device && (used[current - 1] += bytes) > peak) peak = used[current - 1];
    live++;
    *at = block->begin;
    return OK;
}
static int release(void *at, int device) {
    for (Block **link = &blocks; *link; link = &(*link)->next) {
        Block *block = *link;
        if (block->begin != at || block->device != device) continue;
        *link = block->next;
        if (device) used[current - 1] -= block->bytes;
        memset(block->begin, JUNK, block->bytes);
        free(block->begin);
        free(block);
        live--;
        return OK;
    }
    return INVALID_VALUE;
}
int cuMemAlloc(void **at, size_t bytes) { ENTER; LEAVE(allocate(at, bytes, 1)); }
int cuMemHostAlloc(void **at, size_t bytes, unsigned flags) { (void)flags; ENTER; LEAVE(allocate(at, bytes, 0)); }
int cuMemFree(void *at) { if (!current) return INVALID_CONTEXT; pthread_mutex_lock(&lock); LEAVE(release(at, 1)); }
int cuMemFreeHost(void *at) { if (!current) return INVALID_CONTEXT; pthread_mutex_lock(&lock); LEAVE(release(at, 0)); }
int cuStreamCreate(Stream **stream, unsigned flags) {
    (void)flags;
    ENTER;
    *stream = calloc(1, sizeof **stream), live++;
    for (int i = 0; i < 256; i++) if (!streams[i]) { streams[i] = *stream; break; }
    LEAVE(OK);
}
int cuStreamDestroy(Stream *stream) {
    ENTER;
    drain(stream); /* its struct ends here, so its work cannot run later */
    for (int i = 0; i < 256; i++) if (streams[i] == stream) streams[i] = NULL;
    free(stream), live--;
    LEAVE(OK);
}
int cuStreamSynchronize(Stream *stream) {
    ENTER;
    stream = NAMED(stream);
    if (stream->recording) { stream->broken = 1; LEAVE(CAPTURE_UNSUPPORTED); }
    LEAVE(drain(stream));
}
int cuStreamQuery(Stream *stream) { ENTER; stream = NAMED(stream); step(stream); LEAVE(failed ? failed : stream->todo.first ? NOT_READY : OK); }
int cuStreamIsCapturing(Stream *stream, int *status) { *status = stream->recording ? 1 + stream->broken : 0; return OK; }
int cuEventCreate(Event **event, unsigned flags) { (void)flags; ENTER; *event = calloc(1, sizeof **event), live++; LEAVE(OK); }
int cuEventDestroy(Event *event) { (void)event; ENTER; live--; LEAVE(OK); } /* kept: a list may still name it */
int cuEventRecord(Event *event, Stream *stream) {
    ENTER;
    stream = NAMED(stream);
    event->capture = stream->recording ? stream : NULL;
    if (!stream->recording) event->stream = stream;
    Op op = {.kind = MARK, .event = event, .serial = stream->recording ? 0 : ++event->asked};
    LEAVE(put(stream, op));
}
int cuEventSynchronize(Event *event) {
    ENTER;
    int status = event->stream ? reach_mark(event->stream, event, event->asked) : OK;
    LEAVE(failed ? failed : status);
}
int cuEventQuery(Event *event) {
    ENTER;
    if (event->stream && event->done < event->asked) step(event->stream);
    LEAVE(failed ? failed : event->done < event->asked ? NOT_READY : OK);
}
int cuEventElapsedTime(float *ms, Event *first, Event *last) {
    ENTER;
    if (first->done < first->asked || last->done < last->asked) LEAVE(NOT_READY);
    *ms = (float)(last->done_ms - first->done_ms);
    LEAVE(OK);
}
int cuStreamWaitEvent(Stream *stream, Event *event, unsigned flags) {
    (void)flags;
    ENTER;
    stream = NAMED(stream);
    if (stream->recording && event->capture != stream) { stream->broken = 1; LEAVE(CAPTURE_ISOLATION); }
    if (stream->recording || !event->stream || event->done >= event->asked) LEAVE(OK);
    Op op = {.kind = FOLLOW, .event = event, .other = event->stream, .serial = event->asked};
    LEAVE(put(stream, op));
}
int cuMemcpyHtoDAsync(void *to, const void *from, size_t bytes, Stream *stream) {
    ENTER;
    Op op = {.kind = COPY, .to = to, .from = (void *)from, .bytes = bytes, .to_device = 1};
    if (!block_of(from, bytes, 0)) { /* pageable memory is taken at once */
        op.staged = malloc(bytes);
        memcpy(op.staged, from, bytes);
    }
    LEAVE(put(stream, op));
}
int cuMemcpyDtoHAsync(void *to, void *from, size_t bytes, Stream *stream) {
    ENTER;
    Op op = {.kind = COPY, .to = to, .from = from, .bytes = bytes, .from_device = 1};
    LEAVE(put(stream, op));
}
int cuMemcpyDtoDAsync(void *to, void *from, size_t bytes, Stream *stream) {
    ENTER;
    Op op = {.kind = COPY, .to = to, .from = from, .bytes = bytes, .to_device = 1, .from_device = 1};
    LEAVE(put(stream, op));
}
typedef struct { size_t x, y; int kind; void *host; void *device; void *array; size_t pitch; } Side;
typedef struct { Side from, to; size_t width, height; } Copy2D;
int cuMemcpy2DAsync(const Copy2D *copy, Stream *stream) {
    ENTER;
    Op op = {.kind = ROWS, .bytes = copy->width, .rows = copy->height,
             .to_device = copy->to.kind == 2, .from_device = copy->from.kind == 2,
             .to_pitch = copy->to.pitch, .from_pitch = copy->from.pitch};
    op.to = op.to_device ? copy->to.device : copy->to.host;
    op.from = op.from_device ? copy->from.device : copy->from.host;
    LEAVE(put(stream, op));
}
int cuLaunchHostFunc(Stream *stream, HostFunction function, void *data) {
    ENTER;
    Op op = {.kind = HOST, .function = function, .to = data};
    LEAVE(put(stream, op));
}
int cuStreamBeginCapture(Stream *stream, int mode) {
    (void)mode;
    ENTER;
    if (stream->recording) LEAVE(INVALID_VALUE);
    stream->recording = calloc(1, sizeof(List)), stream->broken = 0, recording_here++, live++;
    LEAVE(OK);
}
int cuStreamEndCapture(Stream *stream, List **graph) {
    ENTER;
    *graph = stream->recording, stream->recording = NULL, recording_here--;
    if (stream->broken) { *graph = NULL, live--; LEAVE(CAPTURE_INVALIDATED); }
    LEAVE(OK);
}
int cuGraphInstantiateWithFlags(List **ready, List *graph, unsigned long long flags) {
    (void)flags;
    ENTER;
    *ready = calloc(1, sizeof **ready), live++;
    for (Op *op = graph->first; op; op = op->next) append(*ready, *op);
    LEAVE(OK);
}
int cuGraphLaunch(List *ready, Stream *stream) {
    ENTER;
    for (Op *op = ready->first; op; op = op->next) put(stream, *op);
    LEAVE(OK);
}
static int forget(List *list) {
    if (!current) return INVALID_CONTEXT;
    for (Op *op = list ? list->first : NULL, *next; op; op = next) { next = op->next; free(op); }
    if (list) free(list), live--;
    return OK;
}
int cuGraphDestroy(List *graph) { return forget(graph); }
int cuGraphExecDestroy(List *ready) { return forget(ready); }

#define ENTRY(name) {#name, (void *)name}
int cuGetProcAddress_v2(const char *name, void **function, int version, uint64_t flags, void *status) {
    static const struct { const char *name; void *function; } table[] = {
        ENTRY(cuInit), ENTRY(cuDriverGetVersion), ENTRY(cuGetErrorString), ENTRY(cuDeviceGetCount), ENTRY(cuDeviceGet),
        ENTRY(cuDeviceGetName), ENTRY(cuDeviceGetUuid), ENTRY(cuDeviceTotalMem), ENTRY(cuDeviceGetAttribute),
        ENTRY(cuDevicePrimaryCtxRetain), ENTRY(cuDevicePrimaryCtxRelease), ENTRY(cuCtxSetCurrent),
        ENTRY(cuCtxGetCurrent), ENTRY(cuCtxSynchronize), ENTRY(cuMemGetInfo), ENTRY(cuMemAlloc), ENTRY(cuMemFree),
        ENTRY(cuMemHostAlloc), ENTRY(cuMemFreeHost), ENTRY(cuStreamCreate), ENTRY(cuStreamDestroy),
        ENTRY(cuStreamSynchronize), ENTRY(cuStreamQuery), ENTRY(cuStreamIsCapturing), ENTRY(cuEventCreate),
        ENTRY(cuEventDestroy), ENTRY(cuEventRecord), ENTRY(cuEventSynchronize), ENTRY(cuEventElapsedTime), ENTRY(cuEventQuery),
        ENTRY(cuStreamWaitEvent), ENTRY(cuMemcpyHtoDAsync), ENTRY(cuMemcpyDtoHAsync), ENTRY(cuMemcpyDtoDAsync),
        ENTRY(cuMemcpy2DAsync), ENTRY(cuLaunchHostFunc), ENTRY(cuStreamBeginCapture), ENTRY(cuStreamEndCapture),
        ENTRY(cuGraphInstantiateWithFlags), ENTRY(cuGraphLaunch), ENTRY(cuGraphDestroy), ENTRY(cuGraphExecDestroy),
    };
    (void)version, (void)flags, (void)status;
    *function = NULL;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (!strcmp(table[i].name, name)) *function = table[i].function;
    return *function ? OK : NOT_FOUND;
}
