/* The extension module, and how arrays get in and out. */
#include "kernels.h"

/* Bytes of an item of each kind, and the formats of Python's struct module that are it. */
static const struct {
    char kind;
    Py_ssize_t bytes;
    const char *formats;
} KINDS[] = {
    {'b', 1, "B?"}, {'h', 2, "h"}, {'i', 4, "il"}, {'u', 4, "IL"},
    {'q', 8, "lq"}, {'Q', 8, "LQ"}, {'f', 4, "f"}, {'d', 8, "d"},
};

static bool fits(const Py_buffer *buffer, char kind) {
    const char *format = buffer->format ? buffer->format : "B";
    int i = 0;
    while (KINDS[i].kind != kind) i++;
    if (*format == '<' || *format == '=' || *format == '@') format++; /* kernels are for little-endian machines alone */
    return buffer->itemsize == KINDS[i].bytes && *format && !format[1] && strchr(KINDS[i].formats, *format);
}

bool arrays_from(PyObject *tuple, Array *arrays, Py_ssize_t count, const char *kinds) {
    if (!PyTuple_Check(tuple) || PyTuple_Size(tuple) != count) {
        PyErr_Format(PyExc_TypeError, "expected a tuple of %zd arrays", count);
        return false;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        Py_buffer *buffer = &arrays[i].buffer;
        bool good = PyObject_GetBuffer(PyTuple_GetItem(tuple, i), buffer, PyBUF_ND | PyBUF_FORMAT) == 0;
        if (good && !fits(buffer, kinds[i])) {
            PyErr_Format(PyExc_TypeError, "array %zd is not of kind %c but of format %s", i, kinds[i], buffer->format);
            PyBuffer_Release(buffer);
            good = false;
        }
        if (!good) {
            arrays_release(arrays, i);
            return false;
        }
        arrays[i].data = buffer->buf;
        arrays[i].size = buffer->len / buffer->itemsize;
    }
    return true;
}

void arrays_release(Array *arrays, Py_ssize_t count) {
    for (Py_ssize_t i = 0; i < count; i++) { /* one that was never filled, or was released, has no owner */
        if (arrays[i].buffer.obj) PyBuffer_Release(&arrays[i].buffer);
    }
}

/* Memory that a kernel has filled, for Python to read and write as a buffer: handed over, not copied. */
typedef struct {
    PyObject_HEAD
    void *data;
    Py_ssize_t bytes;
} Memory;

static PyTypeObject *memory_type;

static int memory_get_buffer(PyObject *object, Py_buffer *view, int flags) {
    Memory *memory = (Memory *)object;
    return PyBuffer_FillInfo(view, object, memory->data, memory->bytes, 0, flags);
}

static void memory_free(PyObject *object) {
    PyTypeObject *type = Py_TYPE(object);
    free(((Memory *)object)->data);
    PyObject_Free(object);
    Py_DECREF(type);
}

static PyType_Slot memory_slots[] = {
    {Py_bf_getbuffer, memory_get_buffer},
    {Py_tp_dealloc, memory_free},
    {0, NULL},
};

static PyType_Spec memory_spec = {
    "moderate._kernels.Memory", sizeof(Memory), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, memory_slots,
};

/* The vector's memory as an object; NULL, with an exception, when there is none left for it. */
static PyObject *vector_to_memory(Vector *vector) {
    void *data = realloc(vector->data, vector->bytes ? vector->bytes : 1); /* what is too much goes back */
    if (data) vector->data = data;
    Memory *memory = data ? PyObject_New(Memory, memory_type) : (Memory *)PyErr_NoMemory();
    if (!memory) return NULL;
    memory->data = data;
    memory->bytes = (Py_ssize_t)vector->bytes;
    vector->data = NULL;
    return (PyObject *)memory;
}

PyObject *vectors_to_tuple(Vector *vectors, Py_ssize_t count) {
    PyObject *tuple = NULL;
    bool failed = false;
    for (Py_ssize_t i = 0; i < count; i++) failed |= vectors[i].failed;
    if (failed) PyErr_NoMemory();
    else tuple = PyTuple_New(count);
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *memory = tuple ? vector_to_memory(&vectors[i]) : NULL;
        if (memory) PyTuple_SetItem(tuple, i, memory);
        else Py_CLEAR(tuple);
        free(vectors[i].data);
        vectors[i].data = NULL;
    }
    return tuple;
}

static PyMethodDef methods[] = {
    {"tokenize", kernel_tokenize, METH_VARARGS, "text.tokenize"},
    {"extract", kernel_extract, METH_VARARGS, "features.Vocabulary.extract"},
    {"sum_features", kernel_sum_features, METH_VARARGS, "model.LinearModel.sums"},
    {"weigh", kernel_weigh, METH_VARARGS, "judgement.weigh"},
    {"find", kernel_find, METH_VARARGS, "rules.RuleBook.find"},
    {"severities", kernel_severities, METH_O, "rules.RuleBook.severities"},
    {"reject", kernel_reject, METH_VARARGS, "explanation.reject"},
    {"explain", kernel_explain, METH_VARARGS, "explanation.find_reasons"},
    {"construct", kernel_construct, METH_VARARGS, "decision.construct"},
    {"group", kernel_group, METH_VARARGS, "decision.group"},
    {"quote", kernel_quote, METH_VARARGS, "columns.describe_all"},
    {"name_rows", kernel_name_rows, METH_VARARGS, "decision.name_rows"},
    {NULL, NULL, 0, NULL},
};

static int prepare(PyObject *module) {
    if (!memory_type) memory_type = (PyTypeObject *)PyType_FromSpec(&memory_spec);
    return memory_type ? 0 : -1;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, prepare}, {0, NULL}};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "moderate._kernels", "The hot path, compiled: see moderate/kernels.", 0, methods, slots,
    NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__kernels(void) { return PyModuleDef_Init(&module); }
