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

PyObject *vectors_to_tuple(Vector *vectors, Py_ssize_t count) {
    PyObject *tuple = NULL;
    bool failed = false;
    for (Py_ssize_t i = 0; i < count; i++) failed |= vectors[i].failed;
    if (failed) PyErr_NoMemory();
    else tuple = PyTuple_New(count);
    for (Py_ssize_t i = 0; i < count; i++) {
        if (tuple) {
            PyObject *bytes = PyByteArray_FromStringAndSize(vectors[i].data, vectors[i].bytes);
            if (!bytes) {
                Py_DECREF(tuple);
                tuple = NULL;
            } else {
                PyTuple_SetItem(tuple, i, bytes);
            }
        }
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

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "moderate._kernels", "The hot path, compiled: see moderate/kernels.", 0, methods,
    NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__kernels(void) { return PyModuleDef_Init(&module); }
