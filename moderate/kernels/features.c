/* Tokens to features: `Vocabulary.extract` of features.py. */
#include "kernels.h"

#define BOUNDARY_CLASS 1
#define IDENTITY_CLASS 2
#define IGNORED_CLASS 255
#define GRAM_LETTERS 32
#define LONG_NUMBER 7
#define ALONE_WORDS 7
#define CAPITAL_WORD 3
#define LEVELS 3
#define MARK_KINDS 5

enum { BIGRAM, FRAME, CHAIN2, CHAIN3, GRAM, CLASS, PHRASE, TOPIC, SALTS };
enum { INDEX, LAST, FIRST, WORDS, ROWS, CHAIN, CHAIN_ROWS, GRAM_ROWS, GRAM_WORDS, LEVEL, COUNTS, KNOWN, OUTPUTS };

typedef struct {
    Table table;
    const uint8_t *classes;
    const uint64_t *salts, *class_hashes;
    const int64_t *levels; /* (SIGNALS, LEVELS): counts from which the next level begins */
    Spelling spelling;
} Vocabulary;

/* --- Words ----------------------------------------------------------------------------------------------------- */

#define AHEAD 16 /* look-ups that are asked for before they are made */

static void look_up_tokens(const Vocabulary *vocabulary, const Tokens *tokens, int32_t *rows) {
    const Table *table = &vocabulary->table;
    for (Py_ssize_t i = 0; i < tokens->count; i++) {
        if (i + AHEAD < tokens->count) table_prefetch(table, tokens->hashes[i + AHEAD]);
        rows[i] = table_row(table, tokens->hashes[i]);
        __builtin_prefetch(vocabulary->classes + rows[i]);
    }
}

/* The words of a batch while they are collected: the room suffices for every token and every reading. */
typedef struct {
    int64_t *index, *last;
    uint64_t *words;
    int32_t (*rows)[4];
    uint8_t *classes;
    Py_ssize_t count;
} Words;

static inline void add_word(const Vocabulary *vocabulary, Words *words, int64_t index, int64_t last, uint64_t word,
                            int32_t row) {
    uint8_t class = vocabulary->classes[row];
    Py_ssize_t place = words->count;
    words->index[place] = index;
    words->last[place] = last;
    words->words[place] = word;
    words->rows[place][0] = row;
    words->rows[place][1] = words->rows[place][2] = words->rows[place][3] = 0;
    words->classes[place] = class;
    words->count += class != IGNORED_CLASS;
}

/* The words of the batch: tokens as they are, or as they are read. */
static void add_words(const Vocabulary *vocabulary, const Tokens *tokens, const int32_t *rows, const Vector *readings,
                      Words *words, int64_t *first) {
    const Reading *reading = ITEMS(*readings, Reading), *end = reading + COUNT(*readings, Reading);
    Py_ssize_t token = 0;
    for (Py_ssize_t comment = 0; comment < tokens->comments; comment++) {
        first[comment] = words->count;
        while (token < tokens->first[comment + 1]) {
            if (reading == end || reading->index != token) {
                add_word(vocabulary, words, token, token, tokens->hashes[token], rows[token]);
                token++;
                continue;
            }
            Py_ssize_t next = token + 1;
            for (; reading < end && reading->index == token; reading++) {
                if (reading->last < 0) continue;
                int32_t row = table_row(&vocabulary->table, reading->word);
                add_word(vocabulary, words, token, reading->last, reading->word, row);
                next = reading->last + 1;
            }
            token = next;
        }
    }
    first[tokens->comments] = words->count;
}

static bool collect_words(const Vocabulary *vocabulary, const Tokens *tokens, const int32_t *rows,
                          const Vector *readings, Vector *out, Vector *classes) {
    Py_ssize_t room = tokens->count + COUNT(*readings, Reading) + 1;
    Words words = {
        .index = vector_extend(&out[INDEX], room * sizeof(int64_t)),
        .last = vector_extend(&out[LAST], room * sizeof(int64_t)),
        .words = vector_extend(&out[WORDS], room * sizeof(uint64_t)),
        .rows = vector_extend(&out[ROWS], room * 4 * sizeof(int32_t)),
        .classes = vector_extend(classes, room),
    };
    int64_t *first = vector_extend(&out[FIRST], (tokens->comments + 1) * sizeof(int64_t));
    if (readings->failed || !words.index || !words.last || !words.words || !words.rows || !words.classes || !first)
        return false;
    add_words(vocabulary, tokens, rows, readings, &words, first);
    out[INDEX].bytes = out[LAST].bytes = words.count * sizeof(int64_t);
    out[WORDS].bytes = words.count * sizeof(uint64_t);
    out[ROWS].bytes = words.count * 4 * sizeof(int32_t);
    return true;
}

/* --- Neighbours, chains, topics -------------------------------------------------------------------------------- */

#define STEP 32 /* words whose neighbours are hashed, and asked for, before those of as many others are looked up */

/* The words around one place; behind the last comment stands a copy of the first boundary. */
typedef struct {
    const uint64_t *words;
    const uint8_t *classes;
    Py_ssize_t begin, end, last; /* the comment, and the end of all */
    bool named;                  /* whether the comment names a group */
} Context;

/* Hash bigram, frame and topic that begin at word i, and ask for their rows; 0 where there is none. */
static inline void hash_neighbours(const Vocabulary *vocabulary, const Context *context, Py_ssize_t i,
                                   uint64_t hashes[3]) {
    const uint64_t *words = context->words, *class_hashes = vocabulary->class_hashes, *salts = vocabulary->salts;
    const uint8_t *classes = context->classes;
    Py_ssize_t next = i + 1 < context->last ? i + 1 : 0, third = i + 2 < context->last ? i + 2 : 0;
    uint8_t a = classes[i], b = classes[next], c = classes[third];
    hashes[0] = combine(words[i], words[next], salts[BIGRAM]);
    hashes[1] = hashes[2] = 0;
    table_prefetch(&vocabulary->table, hashes[0]);
    if (i + 1 < context->end && (a > BOUNDARY_CLASS || b > BOUNDARY_CLASS || c > BOUNDARY_CLASS)) {
        uint64_t left = a > BOUNDARY_CLASS ? class_hashes[a] : words[i];
        uint64_t middle = b > BOUNDARY_CLASS ? class_hashes[b] : words[next];
        uint64_t right = c > BOUNDARY_CLASS ? class_hashes[c] : words[third];
        hashes[1] = combine(combine(left, middle, salts[FRAME]), right, salts[FRAME]);
        table_prefetch(&vocabulary->table, hashes[1]);
    }
    if (context->named && i > context->begin) {
        hashes[2] = combine(words[i], class_hashes[IDENTITY_CLASS], salts[TOPIC]);
        table_prefetch(&vocabulary->table, hashes[2]);
    }
}

static void look_up_neighbours(const Table *table, uint64_t (*hashes)[3], Py_ssize_t count, int32_t (*rows)[4]) {
    for (Py_ssize_t i = 0; i < count; i++)
        for (int kind = 0; kind < 3; kind++)
            rows[i][1 + kind] = table_row(table, hashes[i][kind]) & -(int32_t)(hashes[i][kind] != 0);
}

static void add_neighbours(const Vocabulary *vocabulary, Vector *out, const uint8_t *classes, Py_ssize_t comments) {
    const int64_t *first = ITEMS(out[FIRST], int64_t);
    int32_t(*rows)[4] = (int32_t(*)[4])out[ROWS].data;
    Context context = {.words = ITEMS(out[WORDS], uint64_t), .classes = classes, .last = first[comments]};
    uint64_t hashes[2][STEP][3];
    Py_ssize_t hashed = 0, found = 0;
    for (Py_ssize_t comment = 0; comment < comments; comment++) {
        context.begin = first[comment];
        context.end = first[comment + 1];
        context.named = memchr(classes + context.begin, IDENTITY_CLASS, context.end - context.begin) != NULL;
        for (; hashed < context.end; hashed++) {
            if (hashed % STEP == 0 && hashed > STEP) {
                look_up_neighbours(&vocabulary->table, hashes[found / STEP % 2], STEP, rows + found);
                found += STEP;
            }
            hash_neighbours(vocabulary, &context, hashed, hashes[hashed / STEP % 2][hashed % STEP]);
        }
    }
    for (; found < hashed; found += STEP) {
        Py_ssize_t count = hashed - found < STEP ? hashed - found : STEP;
        look_up_neighbours(&vocabulary->table, hashes[found / STEP % 2], count, rows + found);
    }
}

static bool add_chains(const Vocabulary *vocabulary, Vector *out, const uint8_t *classes) {
    const uint64_t *hashes = vocabulary->class_hashes, *salts = vocabulary->salts;
    Py_ssize_t words = COUNT(out[WORDS], uint64_t), count = 0;
    int64_t *chain = vector_extend(&out[CHAIN], (words + 1) * sizeof(int64_t));
    int32_t(*rows)[2] = vector_extend(&out[CHAIN_ROWS], (words + 1) * 2 * sizeof(int32_t));
    if (!chain || !rows) return false;
    for (Py_ssize_t i = 0; i < words; i++) {
        chain[count] = i;
        count += classes[i] != 0;
    }
    for (Py_ssize_t begin = 0; begin < count; begin += STEP) {
        uint64_t pairs[STEP], triples[STEP];
        Py_ssize_t end = begin + STEP < count ? begin + STEP : count;
        for (Py_ssize_t i = begin; i < end; i++) {
            uint8_t next = i + 1 < count ? classes[chain[i + 1]] : BOUNDARY_CLASS;
            uint8_t third = i + 2 < count ? classes[chain[i + 2]] : BOUNDARY_CLASS;
            pairs[i - begin] = combine(hashes[classes[chain[i]]], hashes[next], salts[CHAIN2]);
            triples[i - begin] = next == BOUNDARY_CLASS ? 0 : combine(pairs[i - begin], hashes[third], salts[CHAIN3]);
            table_prefetch(&vocabulary->table, pairs[i - begin]);
            table_prefetch(&vocabulary->table, triples[i - begin]);
        }
        for (Py_ssize_t i = begin; i < end; i++) {
            rows[i][0] = table_row(&vocabulary->table, pairs[i - begin]);
            rows[i][1] = triples[i - begin] ? table_row(&vocabulary->table, triples[i - begin]) : 0;
        }
    }
    out[CHAIN].bytes = count * sizeof(int64_t);
    out[CHAIN_ROWS].bytes = count * 2 * sizeof(int32_t);
    return true;
}

/* --- Unknown words --------------------------------------------------------------------------------------------- */

static void add_grams(const Vocabulary *vocabulary, const Tokens *tokens, Py_ssize_t token, int64_t word, Vector *out) {
    uint32_t letters[GRAM_LETTERS + 2] = {0}; /* a mark at both ends */
    Py_ssize_t length = tokens->starts[token + 1] - tokens->starts[token];
    if (length > GRAM_LETTERS) length = GRAM_LETTERS;
    memcpy(letters + 1, tokens->codes + tokens->starts[token], length * sizeof(uint32_t));
    length += 2;
    uint64_t hashes[3 * (GRAM_LETTERS + 2)];
    Py_ssize_t count = 0;
    for (Py_ssize_t begin = 0; begin < length; begin++) {
        uint64_t sum = 0;
        for (Py_ssize_t size = 1; size <= 5 && begin + size <= length; size++) {
            sum = (sum + letters[begin + size - 1] + 1) * SPREAD;
            if (size < 3) continue;
            hashes[count] = mix(sum ^ vocabulary->salts[GRAM]);
            table_prefetch(&vocabulary->table, hashes[count++]);
        }
    }
    int32_t *rows = vector_extend(&out[GRAM_ROWS], count * sizeof(int32_t));
    int64_t *words = vector_extend(&out[GRAM_WORDS], count * sizeof(int64_t));
    for (Py_ssize_t i = 0; rows && words && i < count; i++) {
        rows[i] = table_row(&vocabulary->table, hashes[i]);
        words[i] = word;
    }
}

/* Count the words of each comment, and those that are known; add the n-grams of the others. */
static void count_words(const Vocabulary *vocabulary, const Tokens *tokens, Vector *out) {
    const int64_t *first = ITEMS(out[FIRST], int64_t), *index = ITEMS(out[INDEX], int64_t);
    const int32_t(*rows)[4] = (const int32_t(*)[4])out[ROWS].data;
    for (Py_ssize_t comment = 0; comment < tokens->comments; comment++) {
        int64_t count = first[comment + 1] - first[comment] - 1, known = 0;
        for (Py_ssize_t i = first[comment]; i < first[comment + 1]; i++) {
            uint32_t initial = tokens->codes[tokens->starts[index[i]]];
            if (initial == '"' || initial == '?') {
                count--;
            } else if (!rows[i][0]) {
                known--;
                add_grams(vocabulary, tokens, index[i], i, out);
            }
        }
        APPEND(&out[COUNTS], int64_t, count);
        APPEND(&out[KNOWN], int64_t, count + known);
    }
}

/* --- Signals --------------------------------------------------------------------------------------------------- */

static void add_signals(const Vocabulary *vocabulary, const Tokens *tokens, const int64_t *links, const int64_t *marks,
                        const int64_t *handles, Vector *out) {
    for (Py_ssize_t comment = 0; comment < tokens->comments; comment++) {
        int64_t counts[SIGNALS] = {links[comment * LINK_COUNTS], handles[comment]}, shouted = 0;
        memcpy(counts + 2, marks + comment * MARK_KINDS, MARK_KINDS * sizeof(int64_t));
        Py_ssize_t begin = tokens->first[comment], end = tokens->first[comment + 1];
        for (Py_ssize_t token = begin; token < end; token++) {
            Py_ssize_t start = tokens->starts[token], length = tokens->starts[token + 1] - start;
            uint32_t initial = tokens->codes[start];
            counts[7] += initial >= '0' && initial <= '9' && length >= LONG_NUMBER;
            shouted += tokens->capitals[token] && length >= CAPITAL_WORD;
        }
        counts[8] = 100 * shouted / (end - begin);
        memcpy(counts + 9, links + comment * LINK_COUNTS + 1, (LINK_COUNTS - 1) * sizeof(int64_t));
        int64_t own = 0;
        for (int kind = OWN_LINKS; kind < LINK_COUNTS; kind++) own += links[comment * LINK_COUNTS + kind];
        counts[SIGNALS - 1] = own ? ALONE_WORDS + 1 - (end - begin) : 0;
        int64_t *levels = vector_extend(&out[LEVEL], SIGNALS * sizeof(int64_t));
        if (!levels) return;
        for (int signal = 0; signal < SIGNALS; signal++) {
            levels[signal] = 0;
            for (int level = 0; level < LEVELS; level++)
                levels[signal] += counts[signal] >= vocabulary->levels[signal * LEVELS + level];
        }
    }
}

/* --- What Python sees ------------------------------------------------------------------------------------------ */

static bool extract(const Vocabulary *vocabulary, const Tokens *tokens, const int64_t *links, const int64_t *marks,
                    Vector *out) {
    Vector scratch = {0}, readings = {0}, classes = {0};
    int64_t *handles = vector_extend(&scratch, tokens->comments * sizeof(int64_t) + tokens->count * sizeof(int32_t));
    bool good = handles != NULL;
    if (good) {
        int32_t *rows = (int32_t *)(handles + tokens->comments);
        memset(handles, 0, tokens->comments * sizeof(int64_t));
        look_up_tokens(vocabulary, tokens, rows);
        spelling_resolve(&vocabulary->spelling, tokens, rows, &readings, handles);
        good = collect_words(vocabulary, tokens, rows, &readings, out, &classes);
    }
    if (good && tokens->comments) {
        add_neighbours(vocabulary, out, ITEMS(classes, uint8_t), tokens->comments);
        good = add_chains(vocabulary, out, ITEMS(classes, uint8_t));
        count_words(vocabulary, tokens, out);
        add_signals(vocabulary, tokens, links, marks, handles, out);
    }
    free(scratch.data);
    free(readings.data);
    free(classes.data);
    return good;
}

/* extract(vocabulary: tuple of 16 arrays, tokens: tuple of 8 arrays) -> tuple of buffers, the fields of Features */
PyObject *kernel_extract(PyObject *module, PyObject *arguments) {
    PyObject *tables, *batch;
    Array a[16] = {0}, t[8] = {0};
    if (!PyArg_ParseTuple(arguments, "OO", &tables, &batch)) return NULL;
    if (!arrays_from(tables, a, 16, "QbQQqQQibQqibuuu")) return NULL;
    if (!arrays_from(batch, t, 8, "uqbqQbqq")) {
        arrays_release(a, 16);
        return NULL;
    }
    Vocabulary vocabulary = {
        .table = table_of(&a[0]),
        .classes = U8(a[1]),
        .salts = U64(a[2]),
        .class_hashes = U64(a[3]),
        .levels = I64(a[4]),
        .spelling = {keys_of(&a[5], &a[7], &a[8]), U64(a[6]), keys_of(&a[9], &a[11], &a[12]), I64(a[10]), U32(a[13]),
                     U32(a[14]), U32(a[15]), a[13].size},
    };
    Tokens tokens = {U32(t[0]), I64(t[1]), U8(t[2]), I64(t[3]), U64(t[4]), U8(t[5]), t[4].size, t[3].size - 1};
    Vector out[OUTPUTS] = {0};
    Py_BEGIN_ALLOW_THREADS
    out[ROWS].failed |= !extract(&vocabulary, &tokens, I64(t[6]), I64(t[7]), out);
    Py_END_ALLOW_THREADS
    arrays_release(a, 16);
    arrays_release(t, 8);
    return vectors_to_tuple(out, OUTPUTS);
}
