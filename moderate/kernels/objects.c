/* Many small Python objects at once. */
#include "kernels.h"

/* construct(type, names, columns) -> a list of objects of a class with slots: attribute names[j] of object i is
   columns[j][i]. As `map(type, *columns)`, but four times as fast for a frozen dataclass, whose own constructor takes
   the long way round its __setattr__. The objects hold nothing that could lead back to them, so that the garbage
   collector need not look at them. */
PyObject *kernel_construct(PyObject *module, PyObject *arguments) {
    PyObject *type, *names, *columns;
    if (!PyArg_ParseTuple(arguments, "O!O!O!", &PyType_Type, &type, &PyTuple_Type, &names, &PyTuple_Type, &columns))
        return NULL;
    Py_ssize_t width = PyTuple_Size(names), count = -1;
    for (Py_ssize_t j = 0; j < width && j < PyTuple_Size(columns); j++) {
        PyObject *column = PyTuple_GetItem(columns, j);
        if (!PyList_Check(column) || (count >= 0 && PyList_Size(column) != count)) count = -2;
        if (count == -2) break;
        count = PyList_Size(column);
    }
    if (PyTuple_Size(columns) != width || count < 0) {
        PyErr_SetString(PyExc_ValueError, "expected a list of the same length for each name");
        return NULL;
    }
    PyObject *result = PyList_New(count);
    for (Py_ssize_t i = 0; result && i < count; i++) {
        PyObject *object = PyType_GenericAlloc((PyTypeObject *)type, 0);
        bool good = object != NULL;
        for (Py_ssize_t j = 0; good && j < width; j++) {
            PyObject *value = PyList_GetItem(PyTuple_GetItem(columns, j), i);
            good = PyObject_GenericSetAttr(object, PyTuple_GetItem(names, j), value) == 0;
        }
        if (!good) {
            Py_XDECREF(object);
            Py_DECREF(result);
            return NULL;
        }
        PyObject_GC_UnTrack(object);
        PyList_SetItem(result, i, object);
    }
    return result;
}

/* name_rows(template, names, rows) -> a copy of the dict `template` for each row of a float32 array (n, len(names)),
   with the row's values under `names`, which are its keys */
PyObject *kernel_name_rows(PyObject *module, PyObject *arguments) {
    PyObject *template, *names, *rows;
    Array array[1] = {0};
    if (!PyArg_ParseTuple(arguments, "O!O!O!", &PyDict_Type, &template, &PyTuple_Type, &names, &PyTuple_Type, &rows))
        return NULL;
    if (!arrays_from(rows, array, 1, "f")) return NULL;
    const float *values = array[0].data;
    Py_ssize_t width = PyTuple_Size(names), count = width ? array[0].size / width : 0;
    PyObject *result = PyList_New(count);
    for (Py_ssize_t i = 0; result && i < count; i++) {
        PyObject *named = PyDict_Copy(template);
        bool good = named != NULL;
        for (Py_ssize_t j = 0; good && j < width; j++) {
            PyObject *value = PyFloat_FromDouble((double)*values++);
            good = value && PyDict_SetItem(named, PyTuple_GetItem(names, j), value) == 0;
            Py_XDECREF(value);
        }
        if (!good) {
            Py_XDECREF(named);
            Py_DECREF(result);
            result = NULL;
        } else {
            PyList_SetItem(result, i, named);
        }
    }
    arrays_release(array, 1);
    return result;
}

/* group(items, bounds) -> a list of tuples: items[bounds[i]:bounds[i + 1]] for each i. The collector need not look at
   them either. */
PyObject *kernel_group(PyObject *module, PyObject *arguments) {
    PyObject *items, *tables;
    Array bounds[1] = {0};
    if (!PyArg_ParseTuple(arguments, "O!O!", &PyList_Type, &items, &PyTuple_Type, &tables)) return NULL;
    if (!arrays_from(tables, bounds, 1, "q")) return NULL;
    Py_ssize_t groups = bounds[0].size - 1;
    PyObject *result = PyList_New(groups);
    for (Py_ssize_t i = 0; result && i < groups; i++) {
        Py_ssize_t begin = I64(bounds[0])[i], end = I64(bounds[0])[i + 1];
        PyObject *tuple = PyTuple_New(end - begin);
        for (Py_ssize_t j = begin; tuple && j < end; j++) {
            PyObject *item = PyList_GetItem(items, j);
            if (item) {
                Py_INCREF(item);
                PyTuple_SetItem(tuple, j - begin, item);
            } else {
                Py_DECREF(tuple);
                tuple = NULL;
            }
        }
        if (!tuple) {
            Py_DECREF(result);
            result = NULL;
            break;
        }
        if (end > begin) PyObject_GC_UnTrack(tuple);
        PyList_SetItem(result, i, tuple);
    }
    arrays_release(bounds, 1);
    return result;
}

/* --- Reasons in words ------------------------------------------------------------------------------------------ */

/* The first `most` different stretches of a text at spans (begin, end), as a list. */
static PyObject *cut_words(PyObject *text, PyObject *spans, Py_ssize_t most) {
    PyObject *words = PyList_New(0);
    Py_ssize_t count = PyTuple_Size(spans);
    for (Py_ssize_t i = 0; words && i < count && i < most; i++) {
        PyObject *span = PyTuple_GetItem(spans, i);
        Py_ssize_t begin = PyLong_AsSsize_t(PyTuple_GetItem(span, 0)), end = PyLong_AsSsize_t(PyTuple_GetItem(span, 1));
        PyObject *word = PyUnicode_Substring(text, begin, end);
        int known = word ? PySequence_Contains(words, word) : -1;
        if (known < 0 || (!known && PyList_Append(words, word) < 0)) {
            Py_DECREF(words);
            words = NULL;
        }
        Py_XDECREF(word);
    }
    return words;
}

/* A string with every stretch of white space as one space. */
static PyObject *normalize(PyObject *text, PyObject *space) {
    PyObject *parts = PyUnicode_Split(text, NULL, -1);
    PyObject *joined = parts ? PyUnicode_Join(space, parts) : NULL;
    Py_XDECREF(parts);
    return joined;
}

/* quote(described, texts, (rejected, strongest), categories, spans, most_words, most_chars): put into the list
   `described`, at the places `rejected`, the category and the words at its spans */
PyObject *kernel_quote(PyObject *module, PyObject *arguments) {
    PyObject *described, *texts, *tables, *categories, *all_spans;
    Py_ssize_t most_words, most_chars;
    Array a[2] = {0};
    if (!PyArg_ParseTuple(arguments, "O!O!O!O!O!nn", &PyList_Type, &described, &PyList_Type, &texts, &PyTuple_Type,
                          &tables, &PyTuple_Type, &categories, &PyList_Type, &all_spans, &most_words, &most_chars))
        return NULL;
    if (!arrays_from(tables, a, 2, "qq")) return NULL;
    PyObject *space = PyUnicode_FromString(" "), *between = PyUnicode_FromString("\", \"");
    PyObject *ellipsis = PyUnicode_FromString("\xe2\x80\xa6");
    bool good = space && between && ellipsis;
    for (Py_ssize_t i = 0; good && i < a[0].size; i++) {
        int64_t comment = I64(a[0])[i];
        PyObject *category = PyTuple_GetItem(categories, I64(a[1])[i]), *spans = PyList_GetItem(all_spans, i);
        PyObject *text = PyList_GetItem(texts, comment), *result = NULL;
        if (!category || !spans || !text || !PyTuple_Check(spans)) {
            good = false;
        } else if (!PyTuple_Size(spans)) {
            Py_INCREF(category);
            result = category;
        } else {
            PyObject *words = cut_words(text, spans, most_words);
            PyObject *joined = words ? PyUnicode_Join(between, words) : NULL;
            PyObject *marked = joined ? PyUnicode_FromFormat("\"%U\"", joined) : NULL;
            PyObject *quoted = marked ? normalize(marked, space) : NULL;
            if (quoted && PyUnicode_GetLength(quoted) > most_chars) {
                PyObject *begun = PyUnicode_Substring(quoted, 0, most_chars - 1);
                Py_DECREF(quoted);
                quoted = begun ? PyUnicode_Concat(begun, ellipsis) : NULL;
                Py_XDECREF(begun);
            }
            result = quoted ? PyUnicode_FromFormat("%U: %U", category, quoted) : NULL;
            Py_XDECREF(words);
            Py_XDECREF(joined);
            Py_XDECREF(marked);
            Py_XDECREF(quoted);
        }
        good = good && result && PyList_SetItem(described, comment, result) == 0;
    }
    Py_XDECREF(space);
    Py_XDECREF(between);
    Py_XDECREF(ellipsis);
    arrays_release(a, 2);
    if (!good) return NULL;
    Py_RETURN_NONE;
}
