/* The recorder's poll for the usual case: whole plain messages, nothing to redact, no descriptors.
 *
 * `Core.poll` stands in for `select.epoll.poll`.  Of each flow that it may pass on, it reads what is
 * there, writes the message that ends in it into the trace, and sends all of it on: four calls to the
 * system and no interpreter.  A client's bytes, with which descriptors may come, it only looks at
 * (MSG_PEEK), and takes them out of their source once they are sent.  Of a long message it reads as
 * much as its sink has room for; if that takes less, it goes on when there is room again.  Whatever is
 * unusual it gives to Python, which does it from the beginning: Python is the reference (relay.py,
 * flow.py, protocol/framing.py, trace/writer.py), and tests/record/test_core.py holds the two against
 * each other.
 *
 * Usual is one JSON object, with CR LF, LF or nothing behind it, and nothing else: in ASCII, without
 * \\u, exponents or line breaks in it, without any of the words that may announce a secret, and without
 * what was replaced before.  It may come in pieces; what is held of it is bounded.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "_scan.h"

enum {
    INTERFACE = 5,         /* as in core.py: another number with each change of what Python sees */
    ROOM = 8 << 10,        /* bytes that are read whether their sink has room or not, as in flow.py */
    PIECE = 120 << 10,     /* bytes that are read together: a sink that takes 128 KiB takes them */
    WIDE = 16 << 10,       /* bytes of a message from which on its sink takes more, as in flow.py */
    TCP_SENDS = 128 << 10, /* bytes that wait in a sink of TCP, as in flow.py */
    CHUNK = 256 << 10,     /* bytes that there is memory for at first */
    LONGEST = 1 << 20,     /* bytes of a message that is held here, */
    MOST_HELD = 8 << 20,   /* and of all messages that are (holding.py leaves room for it) */
    SEARCHED = 64 << 10,   /* bytes of a client's message in which words are looked for */
    MOST_NAMES = 1000,     /* names that are looked at in JSON within texts, as in redaction/names.py */
    PREFIX = 128,          /* bytes of a line before its message */
    EVENTS = 64,
    FLOWS = 1 << 16,       /* descriptors below that: others are Python's */
};

/* --- flows, and the traces that they are written to ---------------------------------------------- */

typedef struct {
    PyObject_HEAD
    int fd, on;
    double start;              /* on the monotonic clock */
    long long messages, size;  /* written since they were last asked for */
    PyObject *client, *server; /* words that announce secrets, the client's in lower case, */
    PyObject *names;           /* and how their names end, in JSON within a server's texts */
    PyObject *values;          /* what was replaced before, as it may stand in a message */
} Tape;

typedef struct {
    int fd, sink, conn, from_client, looks, usual, wide, allowed;
    Tape *tape;
    Scan scan;
    char *held; /* what there is of a message: recorded or held, and sent, but for its last bytes, */
    size_t size, room;
    size_t fresh, unsent; /* of which so many were only read, or could not be sent yet */
    int is_whole;         /* the message has ended, and is recorded */
    int blocked;          /* the source waits for the sink */
    int left, why; /* for Python: bytes not sent yet, in the source; an error of sending, or (negative) of reading */
} Flow;

typedef struct {
    PyObject_HEAD
    int poller;
    Flow **flows; /* by their descriptors */
    size_t held, spare_room;
    char *spare; /* what a message was held in, for the next one */
    char lower[SEARCHED];
} Core;

static Flow *flow_of(Core *self, int fd) { return fd >= 0 && fd < FLOWS ? self->flows[fd] : NULL; }

/* So many bytes of a message are there: the sink of a long one takes more (`Flow.hold` in flow.py). */
static void resize(Core *core, Flow *flow, size_t size) {
    int sends = size >= WIDE ? flow->wide : flow->usual;
    if ((flow->size >= WIDE) != (size >= WIDE) && sends)
        setsockopt(flow->sink, SOL_SOCKET, SO_SNDBUF, &sends, sizeof sends);
    core->held += size - flow->size;
    flow->size = size;
}

static void let_go(Core *core, Flow *flow) {
    char *worse = flow->held;
    if (flow->room > core->spare_room) {
        worse = core->spare;
        core->spare = flow->held; core->spare_room = flow->room;
    }
    free(worse);
    resize(core, flow, 0);
    flow->held = NULL; flow->room = flow->fresh = flow->unsent = 0;
    flow->is_whole = 0;
    flow->scan = (Scan){.state = VALUE};
}

/* Makes room for a piece and a zero byte; 0: that would be too much. */
static int make_room(Core *core, Flow *flow) {
    size_t wanted = flow->size + PIECE + 1, room;
    if (wanted > LONGEST || core->held + PIECE > MOST_HELD) return 0;
    if (flow->held == NULL) {
        flow->held = core->spare; flow->room = core->spare_room;
        core->spare = NULL; core->spare_room = 0;
    }
    for (room = flow->room ? flow->room : CHUNK; room < wanted;)
        room *= 2;
    if (room > flow->room) {
        char *held = realloc(flow->held, room);
        if (held == NULL) return 0;
        flow->held = held; flow->room = room;
    }
    return 1;
}

static int holds(const char *data, size_t size, const char *word, size_t length) {
    const char *last = data + length - 1, *end = data + size;
    for (; last < end && (last = memchr(last, word[length - 1], end - last)) != NULL; last++)
        if (memcmp(last - (length - 1), word, length) == 0) return 1;
    return 0;
}

/* Whether the name of a secret may stand in JSON that is the text of a string: before \": */
static int names_secret(PyObject *names, const char *data, size_t size) {
    const char *at = data, *last;
    for (int count = 1; (at = memmem(at, data + size - at, "\\\":", 3)) != NULL; at += 3, count++) {
        for (last = at; last > data && strchr("\"'\\", last[-1]) != NULL;)
            last--;
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); i++) {
            Py_ssize_t length = PyBytes_GET_SIZE(PyTuple_GET_ITEM(names, i));
            if (count == MOST_NAMES || (last - data >= length &&
                strncasecmp(last - length, PyBytes_AS_STRING(PyTuple_GET_ITEM(names, i)), length) == 0))
                return 1;
        }
    }
    return 0;
}

/* Whether a message may repeat what was replaced before: one with escapes may do so in many ways. */
static int repeats(PyObject *values, const char *data, size_t size, int escapes) {
    Py_ssize_t count = PyTuple_GET_SIZE(values);
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *value = PyTuple_GET_ITEM(values, i);
        if (escapes || memmem(data, size, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value)) != NULL) return 1;
    }
    return 0;
}

/* Whether there is surely no secret in a message.  A zero byte parts two words that both must be there. */
static int is_harmless(Core *core, Flow *flow, const char *data, size_t size) {
    const int escapes = memchr(data, '\\', size) != NULL;
    if (repeats(flow->tape->values, data, size, escapes)) return 0;
    PyObject *words = flow->from_client ? flow->tape->client : flow->tape->server;
    Py_ssize_t count = PyTuple_GET_SIZE(words);
    if (flow->from_client && count) {
        if (size > SEARCHED) return 0;
        for (size_t i = 0; i < size; i++)
            core->lower[i] = data[i] + (data[i] >= 'A' && data[i] <= 'Z' ? 'a' - 'A' : 0);
        data = core->lower;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        const char *word = PyBytes_AS_STRING(PyTuple_GET_ITEM(words, i));
        size_t length = PyBytes_GET_SIZE(PyTuple_GET_ITEM(words, i)), first = strlen(word);
        if (*word == '\\' && !escapes) continue;
        if (holds(data, size, word, first) &&
            (first == length || holds(data, size, word + first + 1, length - first - 1)))
            return 0;
    }
    return flow->from_client || !escapes || !names_secret(flow->tape->names, data, size);
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec * 1e-9;
}

static int write_line(Flow *flow, const char *ending, const char *data, size_t size) {
    Tape *tape = flow->tape;
    char prefix[PREFIX];
    struct stat now;
    long long t = llround((seconds() - tape->start) * 1e6);
    int first = snprintf(prefix, PREFIX, "{\"t\":%lld.%06lld,\"conn\":%d,\"from\":\"%s\",%s\"msg\":", t / 1000000,
                         t % 1000000, flow->conn, flow->from_client ? "client" : "server", ending);
    ssize_t total = first + size + 2, done;
    done = writev(tape->fd, (struct iovec[]){{prefix, first}, {(void *)data, size}, {"}\n", 2}}, 3);
    if (done > 0 && done < total && fstat(tape->fd, &now) == 0 && ftruncate(tape->fd, now.st_size - done) == 0)
        return 0; /* Python will see that there is no room */
    tape->size += done > 0 ? done : 0;
    tape->messages += done == total;
    return done == total;
}

/* Looks at what a client has sent, at `at`: how many bytes, or 0 if that is for Python. */
static ssize_t look(Flow *flow, char *at) {
    union { struct cmsghdr header; char room[CMSG_SPACE(sizeof(int))]; } control;
    struct iovec part = {at, PIECE};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room,
                             .msg_controllen = sizeof control.room};
    ssize_t count = recvmsg(flow->fd, &message, MSG_PEEK | MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    struct cmsghdr *header = count < 0 ? NULL : CMSG_FIRSTHDR(&message);
    if (header == NULL) return count;
    for (size_t at = CMSG_LEN(0); header->cmsg_type == SCM_RIGHTS && at < header->cmsg_len; at += sizeof(int)) {
        int fd;
        memcpy(&fd, (char *)header + at, sizeof fd);
        close(fd);
    }
    return 0;
}

/* Reads what there is, at `at`; of a message that goes on, as much as the sink has room for beside what waits. */
static ssize_t read_on(Flow *flow, char *at, int waiting) {
    int queued = 0, most = flow->wide ? 2 * flow->wide : TCP_SENDS;
    if (!flow->size) return recv(flow->fd, at, ROOM, MSG_DONTWAIT);
    ioctl(flow->sink, TIOCOUTQ, &queued);
    most = (most - queued < PIECE ? most - queued : PIECE) - waiting;
    if (most < ROOM && !waiting) most = ROOM;
    return most > 0 ? recv(flow->fd, at, most, MSG_DONTWAIT) : 0;
}

/* Writes the message that ends with the last `count` bytes: 1.  0: it does not end yet.  -1, and nothing has
 * happened: anything is unusual. */
static int record(Core *core, Flow *flow, size_t count) {
    unsigned char *end = (unsigned char *)flow->held + flow->size, *at = end - count;
    const unsigned char *behind = end;
    Scan scan = flow->scan;
    *end = 0;
    int done = flow->size > count || *at == '{' ? scan_on(&scan, at, end, &behind) : -1;
    ssize_t left = end - behind;
    const char *ending = left == 0 ? "\"end\":\"\"," : *behind == '\n' ? "\"end\":\"\\n\"," : "";
    if (done < 0 || (left && memcmp("\r\n" + 2 - left, behind, left < 3 ? left : 0)) || left > 2) return -1;
    size_t length = (char *)behind - flow->held;
    if (done && !(is_harmless(core, flow, flow->held, length) && write_line(flow, ending, flow->held, length)))
        return -1;
    flow->scan = scan;
    return done;
}

/* Has the source wait for the sink, or no longer.  Both flows are ours then, so that nobody else does that. */
static void block(Core *core, Flow *flow, int on) {
    Flow *back = flow_of(core, flow->sink);
    if (flow->blocked == on || back == NULL) return;
    flow->blocked = on;
    for (int i = 0; i < 2; i++, back = flow, flow = flow_of(core, flow->sink)) {
        struct epoll_event wanted = {.data.fd = flow->fd};
        wanted.events = (flow->blocked ? 0 : EPOLLIN) | (back->blocked ? EPOLLOUT : 0);
        epoll_ctl(core->poller, EPOLL_CTL_MOD, flow->fd, &wanted);
    }
}

/* How many of these bytes the sink takes. */
static size_t send_on(Flow *flow, const char *data, size_t size) {
    ssize_t sent = send(flow->sink, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) flow->why = errno;
    return sent < 0 ? 0 : sent;
}

/* Passes on what is there; 0: Python has something to do, all of it if nothing was said of what. */
static int pass_on(Core *core, Flow *flow) {
    if (flow->unsent || flow->fresh || !make_room(core, flow)) return 0;
    const size_t start = flow->size;
    char *at = flow->held + start;
    ssize_t count = flow->looks ? look(flow, at) : read_on(flow, at, 0), taken;
    int done = -1, goes_on;
    do {
        if (count < 0 && errno != EAGAIN && errno != EINTR) flow->why = -errno;
        if (count <= 0) break;
        resize(core, flow, flow->size + count);
        done = record(core, flow, count);
        goes_on = start == 0 && flow->size == ROOM && done == 0 && !flow->looks;
    } while (goes_on && (count = read_on(flow, at + ROOM, ROOM)) != 0);
    const size_t new = flow->size - start;
    if (done < 0) {
        if (flow->looks) resize(core, flow, start);
        else flow->fresh = new;
        if (!flow->size) let_go(core, flow);
        return 0;
    }
    flow->is_whole = done;
    size_t sent = send_on(flow, at, new), left = new - sent;
    if (flow->looks) {
        for (flow->left = left; sent > 0 && (taken = recv(flow->fd, core->lower, sent < SEARCHED ? sent : SEARCHED,
                                                          MSG_DONTWAIT)) > 0;)
            sent -= taken;
    } else {
        flow->unsent = left;
    }
    if (done && !flow->unsent) let_go(core, flow);
    if (left == 0 || flow->looks || flow->why) return left == 0 && flow->why == 0;
    Flow *back = flow_of(core, flow->sink);
    if (back == NULL || !back->allowed) return 0;
    block(core, flow, 1);
    return 1;
}

/* Sends what the sink had no room for; 0: that is for Python. */
static int send_rest(Core *core, Flow *flow) {
    flow->unsent -= send_on(flow, flow->held + flow->size - flow->unsent, flow->unsent);
    if (flow->unsent || flow->why) return flow->why == 0;
    block(core, flow, 0);
    if (flow->is_whole) let_go(core, flow);
    return 1;
}

/* --- what Python sees ---------------------------------------------------------------------------- */

static int tape_init(Tape *self, PyObject *args, PyObject *Py_UNUSED(names)) {
    PyObject *client, *server, *names;
    if (!PyArg_ParseTuple(args, "idO!O!O!", &self->fd, &self->start, &PyTuple_Type, &client, &PyTuple_Type, &server,
                          &PyTuple_Type, &names))
        return -1;
    Py_XSETREF(self->client, Py_NewRef(client));
    Py_XSETREF(self->server, Py_NewRef(server));
    Py_XSETREF(self->names, Py_NewRef(names));
    Py_XSETREF(self->values, PyTuple_New(0));
    return self->values != NULL ? 0 : -1;
}

static void tape_dealloc(Tape *self) {
    Py_XDECREF(self->client); Py_XDECREF(self->server); Py_XDECREF(self->names); Py_XDECREF(self->values);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyObject *tape_allow(Tape *self, PyObject *on) {
    self->on = self->fd >= 0 && PyObject_IsTrue(on);
    Py_RETURN_NONE;
}

static PyObject *tape_look_for(Tape *self, PyObject *values) {
    for (Py_ssize_t i = 0; PyTuple_Check(values) && i < PyTuple_GET_SIZE(values); i++)
        if (!PyBytes_Check(PyTuple_GET_ITEM(values, i))) values = Py_None;
    if (!PyTuple_Check(values)) return PyErr_Format(PyExc_TypeError, "a tuple of bytes is wanted");
    Py_XSETREF(self->values, Py_NewRef(values));
    Py_RETURN_NONE;
}

static PyObject *tape_written(Tape *self, PyObject *Py_UNUSED(none)) {
    PyObject *result = Py_BuildValue("LL", self->messages, self->size);
    self->messages = self->size = 0;
    return result;
}

static PyObject *tape_close(Tape *self, PyObject *Py_UNUSED(none)) {
    self->fd = -1; self->on = 0;
    Py_RETURN_NONE;
}

static PyMethodDef tape_methods[] = {
    {"allow", (PyCFunction)tape_allow, METH_O, "Whether messages may be written here."},
    {"look_for", (PyCFunction)tape_look_for, METH_O, "What was replaced, and may be repeated: a tuple of bytes."},
    {"written", (PyCFunction)tape_written, METH_NOARGS, "Messages and bytes since the last call."},
    {"close", (PyCFunction)tape_close, METH_NOARGS, "Write nothing more here."},
    {0},
};

static PyTypeObject TapeType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "qmpconf.record._core.Tape", .tp_basicsize = sizeof(Tape),
    .tp_doc = "Tape(fd, start, client, server, names): a trace, and what announces secrets.",
    .tp_flags = Py_TPFLAGS_DEFAULT, .tp_new = PyType_GenericNew, .tp_init = (initproc)tape_init,
    .tp_dealloc = (destructor)tape_dealloc, .tp_methods = tape_methods,
};

static int core_init(Core *self, PyObject *args, PyObject *Py_UNUSED(names)) {
    if (!PyArg_ParseTuple(args, "i", &self->poller)) return -1;
    if (self->flows == NULL && (self->flows = calloc(FLOWS, sizeof *self->flows)) == NULL) PyErr_NoMemory();
    return self->flows != NULL ? 0 : -1;
}

static void drop(Core *self, int fd) {
    Flow *flow = flow_of(self, fd);
    if (flow == NULL) return;
    flow->usual = flow->wide = 0; /* the sink may be another one by now */
    let_go(self, flow);
    Py_DECREF(flow->tape);
    free(flow);
    self->flows[fd] = NULL;
}

static void core_dealloc(Core *self) {
    for (int fd = 0; self->flows != NULL && fd < FLOWS; fd++)
        drop(self, fd);
    free(self->flows);
    free(self->spare);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyObject *core_register(Core *self, PyObject *args) {
    Flow new = {.scan.state = VALUE}, *flow = malloc(sizeof *flow);
    if (flow == NULL || !PyArg_ParseTuple(args, "iiipp(ii)O!", &new.fd, &new.sink, &new.conn, &new.from_client,
                                          &new.looks, &new.usual, &new.wide, &TapeType, &new.tape) ||
        new.fd < 0 || new.fd >= FLOWS) {
        free(flow);
        return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
    }
    drop(self, new.fd);
    Py_INCREF(new.tape);
    *flow = new;
    self->flows[new.fd] = flow;
    Py_RETURN_NONE;
}

static PyObject *core_forget(Core *self, PyObject *fd) {
    drop(self, (int)PyLong_AsLong(fd));
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

static PyObject *core_allow(Core *self, PyObject *args) {
    int fd, on;
    if (!PyArg_ParseTuple(args, "ip", &fd, &on)) return NULL;
    if (flow_of(self, fd) != NULL)
        flow_of(self, fd)->allowed = on;
    Py_RETURN_NONE;
}

static PyObject *core_take(Core *self, PyObject *args) {
    int fd, whole;
    Flow *flow;
    if (!PyArg_ParseTuple(args, "ip", &fd, &whole)) return NULL;
    if ((flow = flow_of(self, fd)) == NULL) Py_RETURN_NONE;
    block(self, flow, 0);
    whole = whole || flow->fresh || flow->is_whole;
    size_t rest = flow->fresh + flow->unsent, held = whole && !flow->is_whole ? flow->size - flow->fresh : 0;
    PyObject *result = Py_BuildValue("y#y#iii", held ? flow->held : "", (Py_ssize_t)held,
                                     rest ? flow->held + flow->size - rest : "", (Py_ssize_t)rest,
                                     flow->fresh > 0, flow->left, flow->why);
    flow->left = flow->why = flow->allowed = 0;
    flow->fresh = flow->unsent = 0;
    if (whole) let_go(self, flow);
    return result;
}

static PyObject *core_poll(Core *self, PyObject *number) {
    struct epoll_event events[EVENTS];
    double timeout = PyFloat_AsDouble(number), deadline = timeout > 0 ? seconds() + timeout : 0, rest;
    int count, given = 0;
    if (PyErr_Occurred()) return NULL;
    do {
        Py_BEGIN_ALLOW_THREADS
        do {
            rest = timeout > 0 ? fmax(deadline - seconds(), 0) : timeout;
            count = epoll_wait(self->poller, events, EVENTS, (int)fmin(ceil(rest * 1e3), 1e9));
            for (int i = 0; i < count; i++) {
                Flow *flow = flow_of(self, events[i].data.fd);
                Flow *back = flow != NULL ? flow_of(self, flow->sink) : NULL;
                if (back != NULL && back->blocked && (events[i].events & ~EPOLLIN) == EPOLLOUT) {
                    if (!send_rest(self, back)) {
                        events[given] = events[i];
                        events[given++].events = 0;
                        continue;
                    }
                    events[i].events &= EPOLLIN;
                    if (events[i].events == 0) continue;
                }
                if (flow != NULL && events[i].events == EPOLLIN && flow->allowed && flow->tape->on) {
                    if (pass_on(self, flow)) continue;
                    if (flow->left || flow->unsent || flow->fresh || flow->why)
                        events[i].events = 0;
                }
                events[given++] = events[i];
            }
        } while (count > 0 && given == 0 && rest != 0);
        Py_END_ALLOW_THREADS
        if (count < 0 && errno != EINTR) return PyErr_SetFromErrno(PyExc_OSError);
        if (count < 0 && PyErr_CheckSignals() != 0) return NULL;
    } while (count < 0);
    PyObject *result = PyTuple_New(given);
    for (int i = 0; result != NULL && i < given; i++) {
        PyObject *pair = Py_BuildValue("iI", events[i].data.fd, (unsigned int)events[i].events);
        if (pair == NULL) Py_CLEAR(result);
        else PyTuple_SET_ITEM(result, i, pair);
    }
    return result;
}

static PyMethodDef core_methods[] = {
    {"register", (PyCFunction)core_register, METH_VARARGS, "Know a flow, which may not pass yet."},
    {"forget", (PyCFunction)core_forget, METH_O, "Take back `register`."},
    {"allow", (PyCFunction)core_allow, METH_VARARGS, "Whether a flow may pass."},
    {"take", (PyCFunction)core_take, METH_VARARGS, "Stop a flow: held, rest, whether that is new, left, why."},
    {"poll", (PyCFunction)core_poll, METH_O, "As select.epoll.poll, for what was not passed on."},
    {0},
};

static PyTypeObject CoreType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "qmpconf.record._core.Core", .tp_basicsize = sizeof(Core),
    .tp_doc = "Core(poller): passes usual messages on.", .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = PyType_GenericNew, .tp_init = (initproc)core_init, .tp_dealloc = (destructor)core_dealloc,
    .tp_methods = core_methods,
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, .m_name = "_core", .m_doc = "The recorder's compiled core.", .m_size = -1,
};

PyMODINIT_FUNC PyInit__core(void) {
    init_scan();
    PyObject *made = PyModule_Create(&module);
    if (made == NULL || PyModule_AddType(made, &TapeType) < 0 || PyModule_AddType(made, &CoreType) < 0 ||
        PyModule_AddIntConstant(made, "INTERFACE", INTERFACE) < 0)
        return NULL;
    return made;
}
