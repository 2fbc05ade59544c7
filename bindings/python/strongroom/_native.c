/* _native.c: what has to be fast, or to own memory, of the Python package: Secret, and a session's reads.
 *
 * The rest of the C ABI is called by cffi (emit_ffi.py). This uses CPython's limited API of 3.11. The interpreter's lock
 * guards all fields; it is released in each call that may wait. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <string.h>

#include "strongroom.h"

/* ---- failures ---- */

/* error_of is strongroom.errors.error_of: it makes an exception of a status and a message. */
static PyObject* error_of = NULL;

static void raise_failure(strongroom_status status, const char* message) {
  PyObject* exception = NULL;
  if (error_of == NULL) {
    PyErr_SetString(PyExc_RuntimeError, message);
    return;
  }
  exception = PyObject_CallFunction(error_of, "is", (int)status, message);
  if (exception == NULL) return;
  PyErr_SetObject((PyObject*)Py_TYPE(exception), exception);
  Py_DECREF(exception);
}

static void raise_error(strongroom_status status, strongroom_error* error) {
  raise_failure(status, error == NULL ? "there was no memory" : strongroom_error_message(error));
  strongroom_error_free(error);
}

/* path_of returns the UTF-8 of a path, which lives as long as the object. */
static const char* path_of(PyObject* path) {
  Py_ssize_t len = 0;
  const char* text = NULL;
  if (!PyUnicode_Check(path)) {
    PyErr_Format(PyExc_TypeError, "a path is a str, not %R", Py_TYPE(path));
    return NULL;
  }
  text = PyUnicode_AsUTF8AndSize(path, &len);
  if (text == NULL) { /* a lone surrogate */
    PyErr_Clear();
    raise_failure(STRONGROOM_INVALID, "the path contains a lone surrogate");
    return NULL;
  }
  if (strlen(text) != (size_t)len) {
    raise_failure(STRONGROOM_INVALID, "the path contains a NUL");
    return NULL;
  }
  return text;
}

/* ---- Secret ---- */

typedef struct Secret {
  PyObject_HEAD strongroom_secret* secret; /* NULL: released */
  strongroom_secret_info info;
  Py_ssize_t num_views;
  struct Secret* next; /* of all secrets that are not released, so that a forked child finds them */
  struct Secret* previous;
} Secret;

static PyTypeObject* secret_type = NULL;
static PyObject* compare_digest = NULL;
static Secret* secrets = NULL;

/* adopt makes a Secret, which owns what it is given, also if it fails. */
static PyObject* adopt(strongroom_secret* secret, const strongroom_secret_info* info) {
  Secret* self = (Secret*)PyType_GenericAlloc(secret_type, 0);
  if (self == NULL) {
    strongroom_secret_free(secret);
    return NULL;
  }
  self->secret = secret;
  self->info = *info;
  self->num_views = 0;
  self->previous = NULL;
  self->next = secrets;
  if (secrets != NULL) secrets->previous = self;
  secrets = self;
  return (PyObject*)self;
}

static PyObject* adopt_described(strongroom_secret* secret) {
  strongroom_secret_info info = STRONGROOM_SECRET_INFO_INIT;
  strongroom_secret_describe(secret, &info, NULL);
  return adopt(secret, &info);
}

static void wipe(Secret* self) {
  if (self->secret == NULL) return;
  if (self->previous != NULL) self->previous->next = self->next;
  if (self->next != NULL) self->next->previous = self->previous;
  if (secrets == self) secrets = self->next;
  self->next = self->previous = NULL;
  strongroom_secret_free(self->secret);
  self->secret = NULL;
}

static void secret_dealloc(PyObject* object) {
  PyTypeObject* type = Py_TYPE(object);
  wipe((Secret*)object);
  PyObject_Free(object);
  Py_DECREF(type);
}

static int check_readable(const Secret* self) {
  if (self->secret != NULL) return 0;
  raise_failure(STRONGROOM_INVALID, "the secret was released");
  return -1;
}

static int secret_getbuffer(PyObject* object, Py_buffer* view, int flags) {
  static char empty[1] = {0};
  Secret* self = (Secret*)object;
  const void* data = NULL;
  view->obj = NULL;
  if (check_readable(self) != 0) return -1;
  data = strongroom_secret_data(self->secret);
  if (PyBuffer_FillInfo(view, object, data == NULL ? empty : (void*)(uintptr_t)data,
                        (Py_ssize_t)strongroom_secret_size(self->secret), 1, flags) != 0)
    return -1;
  ++self->num_views;
  return 0;
}

static void secret_releasebuffer(PyObject* object, Py_buffer* view) {
  (void)view;
  --((Secret*)object)->num_views;
}

static PyObject* secret_release(PyObject* object, PyObject* unused) {
  Secret* self = (Secret*)object;
  (void)unused;
  if (self->num_views > 0) {
    PyErr_SetString(PyExc_BufferError, "a memoryview of the secret exists; release it first");
    return NULL;
  }
  wipe(self);
  Py_RETURN_NONE;
}

static PyObject* secret_reveal(PyObject* object, PyObject* unused) {
  Secret* self = (Secret*)object;
  const char* data = NULL;
  Py_ssize_t len = 0;
  (void)unused;
  if (check_readable(self) != 0) return NULL;
  data = (const char*)strongroom_secret_data(self->secret);
  len = (Py_ssize_t)strongroom_secret_size(self->secret);
  if (data == NULL) data = "";
  return self->info.content == STRONGROOM_CONTENT_TEXT ? PyUnicode_DecodeUTF8(data, len, "strict")
                                                       : PyBytes_FromStringAndSize(data, len);
}

static PyObject* secret_enter(PyObject* object, PyObject* unused) {
  (void)unused;
  if (check_readable((Secret*)object) != 0) return NULL;
  Py_INCREF(object);
  return object;
}

static PyObject* secret_exit(PyObject* object, PyObject* unused) {
  return secret_release(object, unused);
}

static PyObject* refuse_copy(PyObject* object, PyObject* unused) {
  (void)object;
  (void)unused;
  PyErr_SetString(PyExc_TypeError, "a Secret cannot be copied or pickled; use reveal()");
  return NULL;
}

static Py_ssize_t secret_length(PyObject* object) {
  Secret* self = (Secret*)object;
  return check_readable(self) != 0 ? -1 : (Py_ssize_t)strongroom_secret_size(self->secret);
}

static PyObject* secret_repr(PyObject* object) {
  return PyUnicode_FromString(((Secret*)object)->secret == NULL ? "<strongroom.Secret, released>"
                                                                : "<strongroom.Secret>");
}

/* view_of returns a memoryview of a Secret or of bytes, the UTF-8 of a str, or NULL without an exception for another
 * type. */
static PyObject* view_of(PyObject* object) {
  PyObject* bytes = NULL;
  PyObject* view = NULL;
  if (PyUnicode_Check(object)) {
    bytes = PyUnicode_AsUTF8String(object);
    if (bytes == NULL) PyErr_Clear(); /* a lone surrogate: no secret has one */
    return bytes;
  }
  view = PyMemoryView_FromObject(object);
  if (view == NULL && PyErr_ExceptionMatches(PyExc_TypeError)) PyErr_Clear();
  return view;
}

static PyObject* secret_compare(PyObject* object, PyObject* other, int operation) {
  PyObject* mine = NULL;
  PyObject* theirs = NULL;
  PyObject* equal = NULL;
  if (operation != Py_EQ && operation != Py_NE) Py_RETURN_NOTIMPLEMENTED;
  theirs = view_of(other);
  if (theirs == NULL) {
    if (PyErr_Occurred() != NULL) return NULL;
    if (PyUnicode_Check(other)) return PyBool_FromLong(operation == Py_NE);
    Py_RETURN_NOTIMPLEMENTED;
  }
  mine = PyMemoryView_FromObject(object);
  if (mine != NULL) equal = PyObject_CallFunctionObjArgs(compare_digest, mine, theirs, NULL);
  Py_XDECREF(mine);
  Py_DECREF(theirs);
  if (equal != NULL && operation == Py_NE) {
    const int is_equal = PyObject_IsTrue(equal);
    Py_DECREF(equal);
    return is_equal < 0 ? NULL : PyBool_FromLong(!is_equal);
  }
  return equal;
}

static PyObject* secret_revision(PyObject* object, void* unused) {
  (void)unused;
  return PyLong_FromUnsignedLongLong(((Secret*)object)->info.revision);
}
static PyObject* secret_created(PyObject* object, void* unused) {
  (void)unused;
  return PyFloat_FromDouble((double)((Secret*)object)->info.created_ms / 1000.0);
}
static PyObject* secret_changed(PyObject* object, void* unused) {
  (void)unused;
  return PyFloat_FromDouble((double)((Secret*)object)->info.changed_ms / 1000.0);
}
static PyObject* secret_stale(PyObject* object, void* unused) {
  (void)unused;
  return PyFloat_FromDouble((double)((Secret*)object)->info.stale_ms / 1000.0);
}
static PyObject* secret_is_text(PyObject* object, void* unused) {
  (void)unused;
  return PyBool_FromLong(((Secret*)object)->info.content == STRONGROOM_CONTENT_TEXT);
}
static PyObject* secret_released(PyObject* object, void* unused) {
  (void)unused;
  return PyBool_FromLong(((Secret*)object)->secret == NULL);
}

static PyMethodDef secret_methods[] = {
    {"reveal", secret_reveal, METH_NOARGS,
     "Return a copy of the secret in ordinary memory: str for text, bytes for binary content."},
    {"release", secret_release, METH_NOARGS,
     "Wipe the secret now. BufferError while a memoryview of it exists."},
    {"__enter__", secret_enter, METH_NOARGS, NULL},
    {"__exit__", secret_exit, METH_VARARGS, NULL},
    {"__reduce__", refuse_copy, METH_NOARGS, NULL},
    {"__reduce_ex__", refuse_copy, METH_O, NULL},
    {"__copy__", refuse_copy, METH_NOARGS, NULL},
    {"__deepcopy__", refuse_copy, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef secret_getset[] = {
    {"revision", secret_revision, NULL,
     "Counts the writes to its path, from 1; 0 if it was not read by its path.", NULL},
    {"created", secret_created, NULL, "When the secret was created, in seconds since 1970, UTC.",
     NULL},
    {"changed", secret_changed, NULL, "When this revision was written, in seconds since 1970, UTC.",
     NULL},
    {"stale", secret_stale, NULL, "Over 0: the storage is away, and held this so many seconds ago.",
     NULL},
    {"is_text", secret_is_text, NULL, "Whether it was stored as text.", NULL},
    {"released", secret_released, NULL, "Whether it was wiped.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot secret_slots[] = {
    {Py_tp_dealloc, (void*)(uintptr_t)secret_dealloc},
    {Py_tp_repr, (void*)(uintptr_t)secret_repr},
    {Py_tp_richcompare, (void*)(uintptr_t)secret_compare},
    {Py_tp_hash, (void*)(uintptr_t)PyObject_HashNotImplemented},
    {Py_tp_methods, secret_methods},
    {Py_tp_getset, secret_getset},
    {Py_sq_length, (void*)(uintptr_t)secret_length},
    {Py_bf_getbuffer, (void*)(uintptr_t)secret_getbuffer},
    {Py_bf_releasebuffer, (void*)(uintptr_t)secret_releasebuffer},
    {Py_tp_doc, (void*)(uintptr_t) "A secret in locked memory, which is wiped when it is released, "
                                   "collected, or the process forks.\n\n"
                                   "Use it as a context manager, and look at its bytes through "
                                   "memoryview(secret), which copies nothing.\n"
                                   "reveal() and bytes() copy it into ordinary memory. == takes "
                                   "the same time wherever it differs."},
    {0, NULL},
};

static PyType_Spec secret_spec = {
    .name = "strongroom.Secret",
    .basicsize = sizeof(Secret),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = secret_slots,
};

/* ---- Session ---- */

/* Session owns a session of the C ABI. A call that is under way keeps it open: the ABI does not allow to free it. */
typedef struct Session {
  PyObject_HEAD strongroom_session* session; /* NULL: closed, and freed */
  Py_ssize_t num_calls;
  int is_closed;
} Session;

static PyTypeObject* session_type = NULL;

static int begin_call(Session* self) {
  if (self->is_closed) {
    raise_failure(STRONGROOM_INVALID, "the store is closed");
    return -1;
  }
  ++self->num_calls;
  return 0;
}

static void end_call(Session* self) {
  if (--self->num_calls > 0 || !self->is_closed) return;
  strongroom_session_free(self->session);
  self->session = NULL;
}

static PyObject* session_get(PyObject* object, PyObject* path) {
  Session* self = (Session*)object;
  strongroom_secret* secret = NULL;
  strongroom_error* error = NULL;
  strongroom_status status = STRONGROOM_OK;
  const char* text = path_of(path);
  if (text == NULL || begin_call(self) != 0) return NULL;
  Py_BEGIN_ALLOW_THREADS status = strongroom_get(self->session, text, NULL, &secret, &error);
  Py_END_ALLOW_THREADS end_call(self);
  if (status == STRONGROOM_OK) return adopt_described(secret);
  raise_error(status, error);
  return NULL;
}

/* own_copy returns a Secret with a copy of a secret that a batch owns. */
static PyObject* own_copy(const strongroom_secret* borrowed) {
  strongroom_secret_info info = STRONGROOM_SECRET_INFO_INIT;
  strongroom_secret* copy = NULL;
  strongroom_error* error = NULL;
  const size_t size = strongroom_secret_size(borrowed);
  const strongroom_status status = strongroom_secret_new(size, &copy, &error);
  if (status != STRONGROOM_OK) {
    raise_error(status, error);
    return NULL;
  }
  strongroom_secret_describe(borrowed, &info, NULL);
  if (size > 0) memcpy(strongroom_secret_writable(copy), strongroom_secret_data(borrowed), size);
  return adopt(copy, &info);
}

static PyObject* item_of(const strongroom_batch* batch, size_t index) {
  strongroom_batch_item item = STRONGROOM_BATCH_ITEM_INIT;
  const strongroom_status status = strongroom_batch_at(batch, index, &item, NULL);
  if (status != STRONGROOM_OK) {
    raise_failure(status, "the batch has no such item");
    return NULL;
  }
  if (item.secret != NULL) return own_copy(item.secret);
  return PyObject_CallFunction(error_of, "is", (int)item.status, item.message);
}

/* session_get_many returns a list with a Secret or an exception for each path of a tuple of str. */
static PyObject* session_get_many(PyObject* object, PyObject* paths) {
  Session* self = (Session*)object;
  strongroom_batch* batch = NULL;
  strongroom_error* error = NULL;
  strongroom_status status = STRONGROOM_OK;
  PyObject* found = NULL;
  const char** texts = NULL;
  Py_ssize_t i = 0;
  const Py_ssize_t len = PyTuple_Size(paths);
  if (len < 0) return NULL;
  texts = PyMem_Calloc((size_t)len + 1, sizeof *texts);
  if (texts == NULL) return PyErr_NoMemory();
  for (i = 0; i < len; ++i) {
    texts[i] = path_of(PyTuple_GetItem(paths, i));
    if (texts[i] == NULL) goto done;
  }
  if (begin_call(self) != 0) goto done;
  Py_BEGIN_ALLOW_THREADS status =
      strongroom_get_many(self->session, texts, (size_t)len, NULL, &batch, &error);
  Py_END_ALLOW_THREADS end_call(self);
  if (status != STRONGROOM_OK) {
    raise_error(status, error);
    goto done;
  }
  found = PyList_New(len);
  for (i = 0; found != NULL && i < len; ++i) {
    PyObject* item = item_of(batch, (size_t)i);
    if (item == NULL || PyList_SetItem(found, i, item) != 0) Py_CLEAR(found);
  }
done:
  strongroom_batch_free(batch);
  PyMem_Free(texts);
  return found;
}

static PyObject* session_enter(PyObject* object, PyObject* unused) {
  Session* self = (Session*)object;
  (void)unused;
  if (begin_call(self) != 0) return NULL;
  return PyLong_FromVoidPtr(self->session);
}

static PyObject* session_exit(PyObject* object, PyObject* unused) {
  (void)unused;
  end_call((Session*)object);
  Py_RETURN_NONE;
}

static PyObject* session_close(PyObject* object, PyObject* unused) {
  Session* self = (Session*)object;
  (void)unused;
  if (self->is_closed) Py_RETURN_NONE;
  ++self->num_calls;
  self->is_closed = 1;
  end_call(self);
  Py_RETURN_NONE;
}

static PyObject* session_is_closed(PyObject* object, void* unused) {
  (void)unused;
  return PyBool_FromLong(((Session*)object)->is_closed);
}

static void session_dealloc(PyObject* object) {
  PyTypeObject* type = Py_TYPE(object);
  strongroom_session_free(((Session*)object)->session);
  PyObject_Free(object);
  Py_DECREF(type);
}

static PyMethodDef session_methods[] = {
    {"get", session_get, METH_O, "Read the secret at a path."},
    {"get_many", session_get_many, METH_O,
     "Read the secrets at a tuple of paths: a Secret or an exception for each."},
    {"close", session_close, METH_NOARGS, "Free it, once no call uses it."},
    {"__enter__", session_enter, METH_NOARGS,
     "Begin a call: returns the address of the strongroom_session."},
    {"__exit__", session_exit, METH_VARARGS, "End a call."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef session_getset[] = {
    {"is_closed", session_is_closed, NULL, "Whether close was called.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot session_slots[] = {
    {Py_tp_dealloc, (void*)(uintptr_t)session_dealloc},
    {Py_tp_methods, session_methods},
    {Py_tp_getset, session_getset},
    {0, NULL},
};

static PyType_Spec session_spec = {
    .name = "strongroom._native.Session",
    .basicsize = sizeof(Session),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = session_slots,
};

/* ---- the module ---- */

/* make_session owns the strongroom_session at an address, also if it fails. */
static PyObject* make_session(PyObject* module, PyObject* address) {
  Session* self = NULL;
  void* session = PyLong_AsVoidPtr(address);
  (void)module;
  if (session == NULL) {
    if (PyErr_Occurred() == NULL) PyErr_SetString(PyExc_ValueError, "there is no session");
    return NULL;
  }
  self = (Session*)PyType_GenericAlloc(session_type, 0);
  if (self == NULL) {
    strongroom_session_free(session);
    return NULL;
  }
  self->session = session;
  return (PyObject*)self;
}

static PyObject* make_secret(PyObject* module, PyObject* address) {
  void* secret = PyLong_AsVoidPtr(address);
  (void)module;
  if (secret == NULL) {
    if (PyErr_Occurred() == NULL) PyErr_SetString(PyExc_ValueError, "there is no secret");
    return NULL;
  }
  return adopt_described(secret);
}

/* wipe_all is for a forked child. A secret that a memoryview shows stays until that is gone. */
static PyObject* wipe_all(PyObject* module, PyObject* unused) {
  Secret* each = secrets;
  (void)module;
  (void)unused;
  while (each != NULL) {
    Secret* next = each->next;
    if (each->num_views == 0) wipe(each);
    each = next;
  }
  Py_RETURN_NONE;
}

static PyObject* set_error_of(PyObject* module, PyObject* function) {
  (void)module;
  Py_XDECREF(error_of);
  Py_INCREF(function);
  error_of = function;
  Py_RETURN_NONE;
}

static PyMethodDef module_methods[] = {
    {"make_session", make_session, METH_O, "Own the strongroom_session at an address."},
    {"make_secret", make_secret, METH_O, "Own the strongroom_secret at an address."},
    {"wipe_all", wipe_all, METH_NOARGS, "Wipe every Secret."},
    {"set_error_of", set_error_of, METH_O, "Set the function that makes exceptions."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    "_native",
    "Secrets and sessions of the C ABI.",
    -1,
    module_methods,
    NULL,
    NULL,
    NULL,
    NULL,
};

static int add_types(PyObject* module) {
  PyObject* hmac = PyImport_ImportModule("_operator");
  if (hmac == NULL) return -1;
  compare_digest = PyObject_GetAttrString(hmac, "_compare_digest");
  Py_DECREF(hmac);
  if (compare_digest == NULL) return -1;
  secret_type = (PyTypeObject*)PyType_FromSpec(&secret_spec);
  session_type = (PyTypeObject*)PyType_FromSpec(&session_spec);
  if (secret_type == NULL || session_type == NULL) return -1;
  return PyModule_AddObjectRef(module, "Secret", (PyObject*)secret_type);
}

PyMODINIT_FUNC PyInit__native(void);
PyMODINIT_FUNC PyInit__native(void) {
  PyObject* module = PyModule_Create(&module_def);
  if (module != NULL && add_types(module) != 0) Py_CLEAR(module);
  return module;
}
