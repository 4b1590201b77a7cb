/* Compiled kernels: what the numpy code of text, links, spelling, joined, features, model, quotations and rules does,
   in one pass.

   The numpy code is the definition and the fallback where nothing was compiled; the tests compare the two, array by
   array. Knowledge (tables of letters, domains, tags) stays in Python and comes in as arrays; only constants of the
   arithmetic stand here, under the names that they have there.

   No function here trusts a comment: every index into a comment's characters is checked against their number. The
   tables of a model are checked when it is loaded. */
#ifndef MODERATE_KERNELS_H
#define MODERATE_KERNELS_H

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* --- Arrays in ------------------------------------------------------------------------------------------------ */

typedef struct {
    Py_buffer buffer;
    const void *data;
    Py_ssize_t size; /* number of items */
} Array;

/* Fill `arrays` with the contiguous buffers of a tuple, one for each letter of `kinds`: b (uint8 or bool), h (int16),
   i (int32), u (uint32), q (int64), Q (uint64), f (float32), d (float64). False, with an exception, when one does not
   fit. */
bool arrays_from(PyObject *tuple, Array *arrays, Py_ssize_t count, const char *kinds);
void arrays_release(Array *arrays, Py_ssize_t count);

#define U8(array) ((const uint8_t *)(array).data)
#define U32(array) ((const uint32_t *)(array).data)
#define I32(array) ((const int32_t *)(array).data)
#define U64(array) ((const uint64_t *)(array).data)
#define I64(array) ((const int64_t *)(array).data)

/* --- Arrays out ----------------------------------------------------------------------------------------------- */

typedef struct {
    char *data;
    size_t bytes, room;
    bool failed; /* no memory: what was appended is lost */
} Vector;

static inline void *vector_extend(Vector *vector, size_t bytes) {
    if (vector->bytes + bytes > vector->room) {
        size_t room = 2 * (vector->bytes + bytes) + 256;
        char *data = realloc(vector->data, room);
        if (!data) {
            vector->failed = true;
            return NULL;
        }
        vector->data = data;
        vector->room = room;
    }
    void *place = vector->data + vector->bytes;
    vector->bytes += bytes;
    return place;
}

#define APPEND(vector, type, value)                                                                                    \
    do {                                                                                                               \
        type *place_ = vector_extend(vector, sizeof(type));                                                            \
        if (place_) *place_ = (value);                                                                                 \
    } while (0)
#define ITEMS(vector, type) ((type *)(vector).data)
#define COUNT(vector, type) ((Py_ssize_t)((vector).bytes / sizeof(type)))

/* The vectors as a tuple of writable buffers, and the vectors emptied; NULL, with an exception, when one has failed. */
PyObject *vectors_to_tuple(Vector *vectors, Py_ssize_t count);

/* --- Hashes (text.py, features.py, feature_table.py) ---------------------------------------------------------- */

#define BASE 0x1FFFFFFFFFFFFFE7ull
#define MIX 0x9E3779B97F4A7C15ull
#define SPREAD 0xBF58476D1CE4E5B9ull

static inline uint64_t mix(uint64_t hash) {
    hash *= MIX;
    return hash ^ (hash >> 32);
}

static inline uint64_t combine(uint64_t left, uint64_t right, uint64_t salt) {
    return mix((left * SPREAD + right) ^ salt);
}

static inline uint64_t hash_stretch(const uint32_t *codes, Py_ssize_t length) {
    uint64_t hash = 0, power = 1;
    for (Py_ssize_t i = 0; i < length; i++) {
        hash += (uint64_t)(uint32_t)(codes[i] + 1) * power;
        power *= BASE;
    }
    return mix(hash);
}

/* A feature table: in each entry the four fingerprints of a bucket, and the row of the first; side by side, since a
   look-up waits for the memory it reads. */
typedef struct {
    const uint64_t (*entries)[2];
    int shift; /* 64 - bits; 64 for a table of one bucket */
} Table;

static inline Table table_of(const Array *entries) {
    int bits = 0;
    while (((Py_ssize_t)1 << (bits + 1)) <= entries->size / 2) bits++;
    return (Table){(const uint64_t(*)[2])entries->data, 64 - bits};
}

static inline const uint64_t *table_entry(const Table *table, uint64_t hash) {
    return table->entries[table->shift < 64 ? hash >> table->shift : 0];
}

/* Row of a hash, 0 when it has none; without a branch, since that could not be foretold. */
static inline int32_t table_row(const Table *table, uint64_t hash) {
    const uint64_t *entry = table_entry(table, hash);
    uint64_t difference = entry[0] ^ (((hash & 0x7FFF) | 0x8000) * 0x0001000100010001ull);
    uint64_t zero = (difference - 0x0001000100010001ull) & ~difference & 0x8000800080008000ull;
    int32_t row = (int32_t)entry[1] + (__builtin_ctzll(zero | 1ull << 63) >> 4);
    return row & -(int32_t)(zero != 0);
}

/* Ask for what `table_row` will read: the tables are larger than a core's cache. */
static inline void table_prefetch(const Table *table, uint64_t hash) { __builtin_prefetch(table_entry(table, hash)); }

/* A filter of hashes: a bit for each beginning, set where a hash with that beginning occurs. */
typedef struct {
    const uint8_t *bits;
    int shift; /* 64 - bits of a beginning */
} Filter;

static inline Filter filter_of(const Array *array) {
    int bits = 3;
    while (((Py_ssize_t)1 << (bits - 2)) <= array->size) bits++;
    return (Filter){U8(*array), 64 - bits};
}

/* Whether a hash may occur. */
static inline bool filter_passes(Filter filter, uint64_t hash) {
    uint64_t place = hash >> filter.shift;
    return filter.bits[place >> 3] >> (place & 7) & 1;
}

/* --- Spelling (spelling.c) ------------------------------------------------------------------------------------ */

/* Character classes, as in folding.py. */
enum { SPACE, PUNCTUATION, SYMBOL, SINGLE, LETTER, DIGIT, BOUNDARY, IGNORED };
#define CODE_MASK 0x1FFFFFu
#define CLASS_SHIFT 24
#define UPPER (1u << 27)
#define BOUNDARY_CODE 0x110000u

#define LINK_COUNTS 6 /* all links of a comment, and those of each kind (sites.py) */
#define OWN_LINKS 3   /* the first of the kinds that lead to what is one's own */
#define SIGNALS (9 + LINK_COUNTS) /* features.py */

/* What stands between two tokens, as in text.py. */
enum { ADJACENT, ONE_BLANK, ONE_MARK, APART };

/* Sorted keys, and where those of each beginning stand: one or none for most. */
typedef struct {
    const uint64_t *keys;
    Py_ssize_t size;
    const int32_t *bounds;
    int shift; /* 64 - bits of a beginning */
    Filter filter;
} Keys;

static inline Keys keys_of(const Array *keys, const Array *bounds, const Array *filter) {
    int bits = 0;
    while (((Py_ssize_t)1 << (bits + 1)) < bounds->size) bits++;
    return (Keys){U64(*keys), keys->size, I32(*bounds), 64 - bits, filter_of(filter)};
}

typedef struct {
    Keys keys;
    const uint64_t *words;
    Keys parts;
    const int64_t *part_values;
    const uint32_t *letters, *either, *starred; /* letter read for a code point, in the three tables */
    Py_ssize_t letters_size;
} Spelling;

/* The tokens of a batch, as in text.py. */
typedef struct {
    const uint32_t *codes;
    const int64_t *starts;
    const uint8_t *gaps;
    const int64_t *first;
    const uint64_t *hashes;
    const uint8_t *capitals;
    Py_ssize_t count;    /* tokens */
    Py_ssize_t comments;
} Tokens;

/* A token, or a row of them, read as another word; -1 for `last` drops the token. */
typedef struct {
    int64_t index, last;
    uint64_t word;
} Reading;

/* Append to `readings`, in order of token, what the tokens without a row stand for; count the handles of comments. */
void spelling_resolve(const Spelling *spelling, const Tokens *tokens, const int32_t *rows, Vector *readings,
                      int64_t *handles);

/* --- The functions that Python sees --------------------------------------------------------------------------- */

PyObject *kernel_tokenize(PyObject *module, PyObject *arguments);
PyObject *kernel_extract(PyObject *module, PyObject *arguments);
PyObject *kernel_sum_features(PyObject *module, PyObject *arguments);
PyObject *kernel_weigh(PyObject *module, PyObject *arguments);
PyObject *kernel_find(PyObject *module, PyObject *arguments);
PyObject *kernel_severities(PyObject *module, PyObject *tables);
PyObject *kernel_reject(PyObject *module, PyObject *arguments);
PyObject *kernel_explain(PyObject *module, PyObject *arguments);
PyObject *kernel_construct(PyObject *module, PyObject *arguments);
PyObject *kernel_group(PyObject *module, PyObject *arguments);
PyObject *kernel_name_rows(PyObject *module, PyObject *arguments);
PyObject *kernel_quote(PyObject *module, PyObject *arguments);

#endif
