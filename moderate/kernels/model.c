/* Features to sums of weights: `LinearModel.sums` of model.py. */
#include "model.h"

#define SIGNALS 9
#define LEVEL_COUNT 4
#define MOST_ADDED 256 /* rows: 256 * 255 still fits 16 bits */
#define GRAM_SHIFT 16
#define EVEN_BYTES 0x00FF00FF00FF00FFull

/* Add rows to `total`, (HEADS,), sixteen bits at a time. Most are row 0, whose weights are 0: they are left out first,
   without a branch, which could not be foretold; and the others asked for, since the table is larger than a cache. */
static void add_rows(const Model *model, int64_t *total, const int32_t *rows, Py_ssize_t count) {
    int32_t present[MOST_ADDED];
    for (Py_ssize_t begin = 0; begin < count; begin += MOST_ADDED) {
        Py_ssize_t end = begin + MOST_ADDED < count ? begin + MOST_ADDED : count, kept = 0;
        for (Py_ssize_t i = begin; i < end; i++) {
            present[kept] = rows[i];
            kept += rows[i] != 0;
            __builtin_prefetch(model->rows + (size_t)rows[i] * ROW_BYTES);
        }
        uint64_t sums[4] = {0}; /* of even and odd bytes, four to a word */
        for (Py_ssize_t i = 0; i < kept; i++) {
            uint64_t row[2];
            memcpy(row, model->rows + (size_t)present[i] * ROW_BYTES, ROW_BYTES);
            sums[0] += row[0] & EVEN_BYTES;
            sums[1] += row[0] >> 8 & EVEN_BYTES;
            sums[2] += row[1] & EVEN_BYTES;
            sums[3] += row[1] >> 8 & EVEN_BYTES;
        }
        for (int head = 0; head < HEADS; head++) {
            uint64_t lanes = sums[head / 8 * 2 + head % 2];
            total[head] += (int64_t)(lanes >> (head % 8 / 2 * 16) & 0xFFFF) - OFFSET * kept;
        }
    }
}

void add_unknown(const Model *model, int64_t *total, const int32_t *rows, Py_ssize_t count) {
    int64_t values[HEADS] = {0};
    Py_ssize_t hits = 0;
    for (Py_ssize_t i = 0; i < count; i++) hits += rows[i] != 0;
    if (!hits) return;
    add_rows(model, values, rows, count);
    int64_t factor = (int64_t)rint(model->gram_ratio * (1 << GRAM_SHIFT) / sqrt((double)hits));
    for (int head = 0; head < HEADS; head++) total[head] += (values[head] * factor) >> GRAM_SHIFT;
}

/* sum_features((rows, signals), gram_ratio, (first, rows, chain, chain_rows, gram_rows, gram_words, signals))
   -> sums of weights and of signals, int64 (n, HEADS) each */
PyObject *kernel_sum_features(PyObject *module, PyObject *arguments) {
    PyObject *tables, *features;
    double gram_ratio;
    Array m[2] = {0}, f[7] = {0};
    if (!PyArg_ParseTuple(arguments, "OdO", &tables, &gram_ratio, &features)) return NULL;
    if (!arrays_from(tables, m, 2, "bh")) return NULL;
    if (!arrays_from(features, f, 7, "qiqiiqq")) {
        arrays_release(m, 2);
        return NULL;
    }
    Model model = {U8(m[0]), m[1].data, gram_ratio};
    const int64_t *first = I64(f[0]), *chain = I64(f[2]), *gram_words = I64(f[5]), *levels = I64(f[6]);
    const int32_t *rows = I32(f[1]), *chain_rows = I32(f[3]), *gram_rows = I32(f[4]);
    Py_ssize_t comments = f[0].size - 1, chains = f[2].size, grams = f[4].size, link = 0, gram = 0;
    Vector out[2] = {0};
    for (int i = 0; i < 2; i++) vector_extend(&out[i], comments * HEADS * sizeof(int64_t));
    if (!out[0].failed && !out[1].failed && comments) {
        Py_BEGIN_ALLOW_THREADS
        memset(out[0].data, 0, out[0].bytes);
        memset(out[1].data, 0, out[1].bytes);
        for (Py_ssize_t comment = 0; comment < comments; comment++) {
            int64_t end = first[comment + 1];
            int64_t *total = ITEMS(out[0], int64_t) + comment * HEADS;
            add_rows(&model, total, rows + 4 * first[comment], 4 * (end - first[comment]));
            Py_ssize_t link_begin = link;
            while (link < chains && chain[link] < end) link++;
            add_rows(&model, total, chain_rows + 2 * link_begin, 2 * (link - link_begin));
            while (gram < grams && gram_words[gram] < end) {
                Py_ssize_t begin = gram;
                while (gram < grams && gram_words[gram] == gram_words[begin]) gram++;
                add_unknown(&model, total, gram_rows + begin, gram - begin);
            }
            int64_t *signals = ITEMS(out[1], int64_t) + comment * HEADS;
            for (int signal = 0; signal < SIGNALS; signal++) {
                int64_t level = levels[comment * SIGNALS + signal];
                const int16_t *weights = model.signals + (signal * LEVEL_COUNT + level) * HEADS;
                for (int head = 0; head < HEADS; head++) signals[head] += weights[head];
            }
        }
        Py_END_ALLOW_THREADS
    }
    arrays_release(m, 2);
    arrays_release(f, 7);
    return vectors_to_tuple(out, 2);
}
