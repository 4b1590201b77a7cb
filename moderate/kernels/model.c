/* Features to sums of weights: `LinearModel.sums` of model.py. */
#include "model.h"

#define LEVEL_COUNT 4
#define MOST_ADDED 256 /* rows: 256 * 255 still fits 16 bits */
#define GRAM_SHIFT 16
#define EVEN_BYTES 0x00FF00FF00FF00FFull

/* Sums lie in lanes: those of heads with even numbers, then those with odd ones. */
#define LANES 16

static inline int lane_of(int head) { return head % 2 * 8 + head / 2; }

/* Sixteen bytes as one: a row, or eight sums. */
typedef uint64_t Halves __attribute__((vector_size(16)));
typedef uint16_t Eight __attribute__((vector_size(16)));

/* Rows added up, sixteen bits a head; row 0, which most features have, adds nothing but its offset. */
typedef struct {
    Halves even, odd;
} Added;

static inline void add_row(const Model *model, int32_t row, Added *added) {
    Halves bytes;
    memcpy(&bytes, model->rows + (size_t)row * ROW_BYTES, ROW_BYTES);
    added->even += bytes & EVEN_BYTES;
    added->odd += bytes >> 8 & EVEN_BYTES;
}

/* The sums of `count` rows that were added, at most `MOST_ADDED`; (LANES,). */
static inline void take_sums(const Added *added, Py_ssize_t count, int32_t *sums) {
    uint16_t offset = (uint16_t)(OFFSET * count);
    Eight halves[2] = {(Eight)added->even - offset, (Eight)added->odd - offset};
    int16_t totals[LANES];
    memcpy(totals, halves, sizeof totals);
    for (int lane = 0; lane < LANES; lane++) sums[lane] = totals[lane];
}

void add_unknown(const Model *model, int64_t *total, const int32_t *rows, Py_ssize_t count) {
    int32_t sums[LANES];
    int64_t whole[HEADS] = {0};
    Py_ssize_t hits = 0;
    for (Py_ssize_t begin = 0; begin < count; begin += MOST_ADDED) {
        Py_ssize_t end = begin + MOST_ADDED < count ? begin + MOST_ADDED : count;
        Added added = {{0}, {0}};
        for (Py_ssize_t i = begin; i < end; i++) {
            add_row(model, rows[i], &added);
            hits += rows[i] != 0;
        }
        take_sums(&added, end - begin, sums);
        for (int head = 0; head < HEADS; head++) whole[head] += sums[lane_of(head)];
    }
    if (!hits) return;
    int64_t factor = (int64_t)rint(model->gram_ratio * (1 << GRAM_SHIFT) / sqrt((double)hits));
    for (int head = 0; head < HEADS; head++) total[head] += (whole[head] * factor) >> GRAM_SHIFT;
}

#define BLOCKS 32     /* of a comment that are worked on at once */
#define AHEAD 16      /* words, and chains, whose rows are asked for before they are added: the table is larger than a
                         cache, and the next comment's words stand behind this one's */

/* Where reading has come to in the features of a batch. */
typedef struct {
    const int64_t *chain, *gram_words;
    const int32_t *rows, *chain_rows, *gram_rows;
    Py_ssize_t words, chains, grams, link, gram;
} Reader;

static inline void ask_for(const Model *model, const int32_t *rows, int count) {
    for (int i = 0; i < count; i++) __builtin_prefetch(model->rows + (size_t)rows[i] * ROW_BYTES);
}

/* Sum `count` blocks of a comment, of which the first begins at `begin` and the last ends at `end`; `first` is the
   comment's boundary. Returns them as (BLOCKS, LANES). */
static void sum_blocks(const Model *model, Reader *reader, int64_t first, int64_t begin, int64_t end, int64_t count,
                       int32_t (*sums)[LANES]) {
    Added added[BLOCKS];
    Py_ssize_t rows[BLOCKS];
    int64_t place = begin > first ? (begin - first - 1) / BLOCK : 0;
    Py_ssize_t last_word = reader->words - 1, last_link = reader->chains - 1;
    for (int64_t i = 0; i < count; i++) {
        int64_t next = i == count - 1 ? end : first + 1 + (place + i + 1) * BLOCK;
        Added block = {{0}, {0}};
        rows[i] = 4 * (next - begin);
        for (; begin < next; begin++) {
            ask_for(model, reader->rows + 4 * (begin + AHEAD < last_word ? begin + AHEAD : last_word), 4);
            for (int kind = 0; kind < 4; kind++) add_row(model, reader->rows[4 * begin + kind], &block);
        }
        added[i] = block;
    }
    for (; reader->link < reader->chains && reader->chain[reader->link] < end; reader->link++) {
        int64_t word = reader->chain[reader->link], i = word > first ? (word - first - 1) / BLOCK - place : 0;
        ask_for(model, reader->chain_rows + 2 * (reader->link + AHEAD < last_link ? reader->link + AHEAD : last_link), 2);
        for (int kind = 0; kind < 2; kind++) add_row(model, reader->chain_rows[2 * reader->link + kind], &added[i]);
        rows[i] += 2;
    }
    for (int64_t i = 0; i < count; i++) take_sums(&added[i], rows[i], sums[i]);
    while (reader->gram < reader->grams && reader->gram_words[reader->gram] < end) {
        int64_t word = reader->gram_words[reader->gram], i = word > first ? (word - first - 1) / BLOCK - place : 0;
        int64_t values[HEADS] = {0};
        Py_ssize_t gram = reader->gram;
        while (reader->gram < reader->grams && reader->gram_words[reader->gram] == word) reader->gram++;
        add_unknown(model, values, reader->gram_rows + gram, reader->gram - gram);
        for (int head = 0; head < HEADS; head++) sums[i][lane_of(head)] += (int32_t)values[head];
    }
}

/* Sum the comment [begin, end): all of it to `total`, and the largest of its passages to `peaks`. */
static void sum_comment(const Model *model, Reader *reader, int64_t begin, int64_t end, double full_factor,
                        int64_t *total, double *peaks) {
    int32_t sums[BLOCKS][LANES], before[LANES] = {0}, all[LANES] = {0}, full[LANES], passage[LANES] = {0};
    int64_t words = end - begin - 1, count = words > BLOCK ? (words + BLOCK - 1) / BLOCK : 1;
    for (int lane = 0; lane < LANES; lane++) full[lane] = INT32_MIN;
    for (int64_t i = 0; i < count; i += BLOCKS) {
        int64_t some = count - i < BLOCKS ? count - i : BLOCKS, from = i ? begin + 1 + i * BLOCK : begin;
        sum_blocks(model, reader, begin, from, i + some == count ? end : begin + 1 + (i + some) * BLOCK, some, sums);
        for (int64_t j = 0; j < some; j++) {
            for (int lane = 0; lane < LANES; lane++) {
                full[lane] = i + j > 1 && passage[lane] > full[lane] ? passage[lane] : full[lane];
                all[lane] += sums[j][lane];
                passage[lane] = before[lane] + sums[j][lane];
                before[lane] = sums[j][lane];
            }
        }
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
    Model model = {U8(m[0]), m[1].data, gram_ratio, lengths_of(prior_words, 0)};
    Reader reader = {
        .chain = I64(f[2]), .gram_words = I64(f[5]), .rows = I32(f[1]), .chain_rows = I32(f[3]), .gram_rows = I32(f[4]),
        .words = f[1].size / 4, .chains = f[2].size, .grams = f[4].size,
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
