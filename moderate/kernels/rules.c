/* The rule book: `RuleBook.find` and `RuleBook.severities` of rules.py. */
#include "model.h"
#include "quotations.h"

#define LONGEST_PHRASE 10
#define AHEAD 8 /* words by which entries, and what these lead to, are asked for before they are read */
enum { NONE, MILD, STRONG };
enum { START, END, RULE, INNOCENT, OUTPUTS };

typedef struct {
    Table table;
    uint64_t salt, phrase;        /* of prefixes, and of phrases among the kinds of hashes */
    const uint64_t (*phrases)[2]; /* of each row: hash of the prefix; end and begin of its rules, 32 bits each */
    const int64_t *rules;
    Filter filter;
    Py_ssize_t rows;
} Book;

typedef struct {
    const uint64_t *words;
    Py_ssize_t count;
} Words;

/* What ends in one place: an end and a rule each, exceptions below 0. */
typedef struct {
    int64_t end, rule;
} Ending;

/* All endings of phrases that begin at word `at`. */
static void walk(const Book *book, const Words *words, Py_ssize_t at, Vector *endings) {
    uint64_t hash = words->words[at];
    endings->bytes = 0;
    for (Py_ssize_t length = 1; length <= LONGEST_PHRASE; length++) {
        if (!filter_passes(book->filter, hash)) return;
        int32_t row = table_row(&book->table, hash * book->salt);
        if (!row || row >= book->rows || book->phrases[row][0] != hash) return;
        uint64_t bounds = book->phrases[row][1];
        for (uint32_t i = (uint32_t)bounds; i < bounds >> 32; i++)
            APPEND(endings, Ending, ((Ending){at + length - 1, book->rules[i]}));
        hash = combine(hash, at + length < words->count ? words->words[at + length] : 0, book->phrase);
    }
}

/* Ask for what `walk` will read first at some words behind this one. */
static inline void ask_for(const Book *book, const Words *words, Py_ssize_t at) {
    if (at + 2 * AHEAD >= words->count) return;
    uint64_t next = words->words[at + AHEAD], later = words->words[at + 2 * AHEAD];
    if (filter_passes(book->filter, later)) table_prefetch(&book->table, later * book->salt);
    if (!filter_passes(book->filter, next)) return;
    __builtin_prefetch(book->phrases + table_row(&book->table, next * book->salt));
    uint64_t pair = combine(next, words->words[at + AHEAD + 1], book->phrase);
    if (filter_passes(book->filter, pair)) table_prefetch(&book->table, pair * book->salt);
}

static int by_place(const void *a, const void *b) {
    const Ending *left = a, *right = b;
    if (left->end != right->end) return left->end < right->end ? -1 : 1;
    return (left->rule > right->rule) - (left->rule < right->rule);
}

/* Find all hits, in order of place; an exception makes its words innocent, and hits of its rule inside it none. Words
   that are `quoted` are innocent, and no hit begins at one. `reach` holds the last word of the exceptions of each rule
   so far. */
static void find(const Book *book, const Words *words, const Vector *quoted, int64_t *reach, Vector *out) {
    Vector endings = {0};
    int64_t innocent = 0; /* the first word that is not yet known to be */
    const int64_t *quote = ITEMS(*quoted, int64_t), *quotes_end = quote + COUNT(*quoted, int64_t);
    for (Py_ssize_t at = 0; at < words->count; at++) {
        ask_for(book, words, at);
        bool inside = quote < quotes_end && *quote == at;
        if (inside) {
            quote++;
            if (innocent <= at) {
                APPEND(&out[INNOCENT], int64_t, at);
                innocent = at + 1;
            }
        }
        walk(book, words, at, &endings);
        Py_ssize_t count = COUNT(endings, Ending);
        Ending *ending = ITEMS(endings, Ending);
        if (!count) continue;
        for (Py_ssize_t i = 0; i < count; i++) {
            if (ending[i].rule >= 0) continue;
            int64_t *last = &reach[-1 - ending[i].rule];
            if (ending[i].end > *last) *last = ending[i].end;
            if (innocent < at) innocent = at;
            for (; innocent <= ending[i].end; innocent++) APPEND(&out[INNOCENT], int64_t, innocent);
        }
        if (count > 1) qsort(ending, count, sizeof(Ending), by_place);
        for (Py_ssize_t i = 0; i < count; i++) {
            if (inside || ending[i].rule < 0 || reach[ending[i].rule] >= ending[i].end) continue;
            APPEND(&out[START], int64_t, at);
            APPEND(&out[END], int64_t, ending[i].end);
            APPEND(&out[RULE], int64_t, ending[i].rule);
        }
    }
    out[START].failed |= endings.failed;
    free(endings.data);
}

/* find((words, table entries, phrases, ending_rules, columns, filter, hashes, roles and filter of quotations), salt,
   salt of phrases, (mark, boundary, before, behind, longest, least said) of quotations)
   -> start, end, rule and innocent words: the fields of rules.Hits */
PyObject *kernel_find(PyObject *module, PyObject *arguments) {
    PyObject *tables;
    unsigned long long salt, phrase;
    Quoting q = {0};
    Array a[9] = {0};
    if (!PyArg_ParseTuple(arguments, "OKK(KKnnnn)", &tables, &salt, &phrase, &q.mark, &q.boundary, &q.before, &q.behind,
                          &q.longest, &q.least_said))
        return NULL;
    if (!arrays_from(tables, a, 9, "QQQqqbQqb")) return NULL;
    q.hashes = U64(a[6]), q.roles = I64(a[7]), q.size = a[6].size, q.filter = filter_of(&a[8]);
    Book book = {
        .table = table_of(&a[1]), .salt = salt, .phrase = phrase, .phrases = (const uint64_t(*)[2])a[2].data,
        .rules = I64(a[3]), .filter = filter_of(&a[5]), .rows = a[2].size / 2,
    };
    Words words = {U64(a[0]), a[0].size};
    Vector out[OUTPUTS] = {0}, reach = {0}, quoted = {0};
    Py_ssize_t rules = a[4].size;
    Py_BEGIN_ALLOW_THREADS
    int64_t *last = vector_extend(&reach, (rules + 1) * sizeof(int64_t));
    for (Py_ssize_t rule = 0; last && rule < rules; rule++) last[rule] = -1;
    if (last) find_quotations(&q, words.words, words.count, &quoted);
    if (last && !quoted.failed) find(&book, &words, &quoted, last, out);
    else out[START].failed = true;
    Py_END_ALLOW_THREADS
    free(reach.data);
    free(quoted.data);
    arrays_release(a, 9);
    return vectors_to_tuple(out, OUTPUTS);
}

/* severities((start, rule, first, columns, levels, family)) -> int64 (n, HEADS) */
PyObject *kernel_severities(PyObject *module, PyObject *tables) {
    Array a[6] = {0};
    if (!arrays_from(tables, a, 6, "qqqqqq")) return NULL;
    const int64_t *start = I64(a[0]), *rule = I64(a[1]), *first = I64(a[2]), *columns = I64(a[3]), *levels = I64(a[4]);
    const int64_t *family = I64(a[5]);
    Py_ssize_t hits = a[0].size, comments = a[2].size - 1, hit = 0;
    Vector out = {0};
    int64_t *severities = vector_extend(&out, comments * HEADS * sizeof(int64_t));
    if (severities && comments) memset(severities, 0, out.bytes);
    for (Py_ssize_t comment = 0; severities && comment < comments; comment++, severities += HEADS) {
        int64_t mild[HEADS]; /* where the first mild hit of each category is */
        memset(mild, -1, sizeof mild);
        for (; hit < hits && start[hit] < first[comment + 1]; hit++) {
            int64_t column = columns[rule[hit]], level = levels[rule[hit]];
            if (level == MILD && mild[column] >= 0 && mild[column] != start[hit]) level = STRONG;
            else if (level == MILD) mild[column] = start[hit];
            if (level > severities[column]) severities[column] = level;
        }
        for (Py_ssize_t i = 0; i + 1 < a[5].size; i += 2) {
            int64_t child = severities[family[i]], *parent = &severities[family[i + 1]];
            if (child > *parent) *parent = child;
        }
    }
    arrays_release(a, 6);
    return vectors_to_tuple(&out, 1);
}
