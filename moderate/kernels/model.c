/* Features to sums of weights: `LinearModel.sums` of model.py. */
#include "model.h"

#define SIGNALS 9
#define LEVEL_COUNT 4
#define MOST_ADDED 256 /* rows: 256 * 255 still fits 16 bits */
#define GRAM_SHIFT 16
#define EVEN_BYTES 0x00FF00FF00FF00FFull

#define BLOCKS_AHEAD 16 /* whose rows are asked for before they are summed */
#define MOST_GATHERED (BLOCKS_AHEAD * (BLOCK + 1) * 6) /* at least `MOST_ADDED` */

/* Rows to be added. Most that features have are row 0, whose weights are 0: those are left out, without a branch, which
   could not be foretold; and the others asked for, since the table is larger than a cache. */
typedef struct {
    int32_t rows[MOST_GATHERED];
    Py_ssize_t count;
} Gathered;

static inline void gather_rows(const Model *model, Gathered *gathered, const int32_t *rows, Py_ssize_t count) {
    Py_ssize_t kept = gathered->count;
    for (Py_ssize_t i = 0; i < count; i++) {
        gathered->rows[kept] = rows[i];
        kept += rows[i] != 0;
        __builtin_prefetch(model->rows + (size_t)rows[i] * ROW_BYTES);
    }
    gathered->count = kept;
}

/* Sums lie in lanes: those of heads with even numbers, then those with odd ones. */
#define LANES 16

static inline int lane_of(int head) { return head % 2 * 8 + head / 2; }

/* Sixteen bytes as one; the halves of a row, or eight sums. */
typedef uint64_t Halves __attribute__((vector_size(16)));
typedef uint16_t Eight __attribute__((vector_size(16)));

/* Sum at most `MOST_ADDED` rows, (LANES,), sixteen bits at a time. */
static inline void sum_rows(const Model *model, const int32_t *rows, Py_ssize_t count, int32_t *sums) {
    Halves even = {0}, odd = {0};
    for (Py_ssize_t i = 0; i < count; i++) {
        Halves row;
        memcpy(&row, model->rows + (size_t)rows[i] * ROW_BYTES, ROW_BYTES);
        even += row & EVEN_BYTES;
        odd += row >> 8 & EVEN_BYTES;
    }
    Eight added[2] = {(Eight)even - (uint16_t)(OFFSET * count), (Eight)odd - (uint16_t)(OFFSET * count)};
    int16_t totals[LANES];
    memcpy(totals, added, sizeof totals);
    for (int lane = 0; lane < LANES; lane++) sums[lane] = totals[lane];
}

void add_unknown(const Model *model, int64_t *total, const int32_t *rows, Py_ssize_t count) {
    int32_t sums[LANES];
    Py_ssize_t hits = 0;
    int64_t whole[HEADS] = {0};
    for (Py_ssize_t begin = 0; begin < count; begin += MOST_ADDED) {
        Gathered gathered;
        gathered.count = 0;
        gather_rows(model, &gathered, rows + begin, count - begin < MOST_ADDED ? count - begin : MOST_ADDED);
        sum_rows(model, gathered.rows, gathered.count, sums);
        for (int head = 0; head < HEADS; head++) whole[head] += sums[lane_of(head)];
        hits += gathered.count;
    }
    if (!hits) return;
    int64_t factor = (int64_t)rint(model->gram_ratio * (1 << GRAM_SHIFT) / sqrt((double)hits));
    for (int head = 0; head < HEADS; head++) total[head] += (whole[head] * factor) >> GRAM_SHIFT;
}

/* Where reading has come to in the features of a batch. */
typedef struct {
    const int64_t *chain, *gram_words;
    const int32_t *rows, *chain_rows, *gram_rows;
    Py_ssize_t chains, grams, link, gram;
} Reader;

/* Gather the rows of the block of words [begin, end), and of the chains that begin at them. */
static void gather_block(const Model *model, Reader *reader, int64_t begin, int64_t end, Gathered *gathered) {
    Py_ssize_t link = reader->link;
    while (reader->link < reader->chains && reader->chain[reader->link] < end) reader->link++;
    gather_rows(model, gathered, reader->rows + 4 * begin, 4 * (end - begin));
    gather_rows(model, gathered, reader->chain_rows + 2 * link, 2 * (reader->link - link));
}

/* Add to `sums` the unknown words before `end`. */
static void add_spelt(const Model *model, Reader *reader, int64_t end, int32_t *sums) {
    while (reader->gram < reader->grams && reader->gram_words[reader->gram] < end) {
        int64_t values[HEADS] = {0};
        Py_ssize_t gram = reader->gram;
        while (reader->gram < reader->grams && reader->gram_words[reader->gram] == reader->gram_words[gram])
            reader->gram++;
        add_unknown(model, values, reader->gram_rows + gram, reader->gram - gram);
        for (int head = 0; head < HEADS; head++) sums[lane_of(head)] += (int32_t)values[head];
    }
}

/* Sum the comment [begin, end): all of it to `total`, and the largest of its passages to `peaks`. */
static void sum_comment(const Model *model, Reader *reader, int64_t begin, int64_t end, double full_factor,
                        int64_t *total, double *peaks) {
    int32_t sums[2][LANES] = {0}, all[LANES] = {0}, full[LANES], passage[LANES] = {0};
    int64_t words = end - begin - 1, count = words > BLOCK ? (words + BLOCK - 1) / BLOCK : 1, ends[BLOCKS_AHEAD];
    Py_ssize_t bounds[BLOCKS_AHEAD + 1] = {0};
    Gathered gathered;
    for (int lane = 0; lane < LANES; lane++) full[lane] = INT32_MIN;
    for (int64_t i = 0; i < count; i++) {
        int64_t place = i % BLOCKS_AHEAD;
        if (place == 0) {
            gathered.count = 0;
            for (int64_t j = 0; j < BLOCKS_AHEAD && i + j < count; j++) {
                ends[j] = i + j == count - 1 ? end : begin + BLOCK + (i + j == 0); /* the boundary is no word */
                gather_block(model, reader, begin, ends[j], &gathered);
                bounds[j + 1] = gathered.count;
                begin = ends[j];
            }
        }
        int32_t *block = sums[i % 2];
        const int32_t *before = sums[1 - i % 2];
        sum_rows(model, gathered.rows + bounds[place], bounds[place + 1] - bounds[place], block);
        add_spelt(model, reader, ends[place], block);
        for (int lane = 0; lane < LANES; lane++) {
            all[lane] += block[lane];
            passage[lane] = before[lane] + block[lane];
        }
        if (i > 0 && i < count - 1)
            for (int lane = 0; lane < LANES; lane++) full[lane] = passage[lane] > full[lane] ? passage[lane] : full[lane];
    }
    double last_factor = 1 / divisor(model->lengths, count > 1 ? words - (count - 2) * BLOCK : words);
    for (int head = 0; head < HEADS; head++) {
        int lane = lane_of(head);
        double last = passage[lane] * last_factor, other = full[lane] * full_factor;
        total[head] = all[lane];
        peaks[head] = last > other ? last : other;
    }
}

/* sum_features((rows, signals), gram_ratio, prior_words, (first, rows, chain, chain_rows, gram_rows, gram_words,
   signals)) -> fields of Sums */
PyObject *kernel_sum_features(PyObject *module, PyObject *arguments) {
    PyObject *tables, *features;
    double gram_ratio, prior_words;
    Array m[2] = {0}, f[7] = {0};
    if (!PyArg_ParseTuple(arguments, "OddO", &tables, &gram_ratio, &prior_words, &features)) return NULL;
    if (!arrays_from(tables, m, 2, "bh")) return NULL;
    if (!arrays_from(features, f, 7, "qiqiiqq")) {
        arrays_release(m, 2);
        return NULL;
    }
    Model model = {U8(m[0]), m[1].data, gram_ratio, {prior_words, 0}};
    Reader reader = {
        .chain = I64(f[2]), .gram_words = I64(f[5]), .rows = I32(f[1]), .chain_rows = I32(f[3]), .gram_rows = I32(f[4]),
        .chains = f[2].size, .grams = f[4].size,
    };
    const int64_t *first = I64(f[0]), *levels = I64(f[6]);
    Py_ssize_t comments = f[0].size - 1;
    double full_factor = 1 / divisor(model.lengths, 2 * BLOCK); /* of a passage that is not the last */
    Vector out[3] = {0};
    for (int i = 0; i < 3; i++) vector_extend(&out[i], comments * HEADS * sizeof(int64_t));
    if (!out[0].failed && !out[1].failed && !out[2].failed && comments) {
        Py_BEGIN_ALLOW_THREADS
        memset(out[1].data, 0, out[1].bytes);
        for (Py_ssize_t comment = 0; comment < comments; comment++) {
            Py_ssize_t place = comment * HEADS;
            sum_comment(&model, &reader, first[comment], first[comment + 1], full_factor,
                        ITEMS(out[0], int64_t) + place, ITEMS(out[2], double) + place);
            int64_t *signals = ITEMS(out[1], int64_t) + place;
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
    return vectors_to_tuple(out, 3);
}
