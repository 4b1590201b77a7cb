/* Strings to tokens: text.py. */
#include "text.h"

/* --- Symbols and marks ---------------------------------------------------------------------------------------- */

static inline bool in_table(const Array *table, uint32_t code) {
    return U8(*table)[code < (uint32_t)table->size ? code : (uint32_t)table->size - 1];
}

/* Whether a letter-like symbol stands for a letter: see `_admit_symbols`. */
static bool is_letter_like(const Batch *batch, const Knowledge *known, Py_ssize_t place) {
    uint8_t left = class_at(batch, place - 1), right = class_at(batch, place + 1), before = class_at(batch, place - 2);
    bool like_left = left == SYMBOL && in_table(known->letter_like, code_at(batch, place - 1));
    bool like_right = right == SYMBOL && in_table(known->letter_like, code_at(batch, place + 1));
    bool inner = before == LETTER || before == SYMBOL, inner_digit = inner && left == DIGIT;
    if (right == DIGIT && !inner_digit && !(inner && like_left)) return false;
    return left == LETTER || right == LETTER || like_left || like_right || inner_digit;
}

/* Whether another symbol, but a star, stands for a letter between its neighbours. */
static bool is_infix(const Batch *batch, Py_ssize_t place) {
    uint32_t code = CODE(batch, place);
    uint8_t left = class_at(batch, place - 1), right = class_at(batch, place + 1);
    if (left == LETTER && right == LETTER) return true;
    bool mixed = (left == LETTER && right == DIGIT) || (left == DIGIT && right == LETTER);
    return mixed && (code == '!' || code == '|');
}

static void admit(Batch *batch, Py_ssize_t count) {
    for (Py_ssize_t i = 0; i < count; i++) batch->classes[batch->scratch[i]] = LETTER;
}

/* Make letters of the symbols that stand for letters inside a word; all of a kind are judged before one is changed. */
static void admit_symbols(Batch *batch, const Knowledge *known) {
    Py_ssize_t admitted = 0, others = 0, stars = 0;
    int64_t *star_places = batch->scratch + batch->mark_count;
    for (Py_ssize_t i = 0; i < batch->mark_count; i++) {
        Py_ssize_t place = batch->marks[i];
        if (batch->classes[place] != SYMBOL) continue;
        uint32_t code = CODE(batch, place);
        if (code == '*') star_places[stars++] = place;
        else if (!in_table(known->letter_like, code)) others++;
        else if (is_letter_like(batch, known, place)) batch->scratch[admitted++] = place;
    }
    admit(batch, admitted);
    admitted = 0;
    for (Py_ssize_t i = 0; others && i < batch->mark_count; i++) {
        Py_ssize_t place = batch->marks[i];
        uint32_t code = CODE(batch, place);
        if (batch->classes[place] != SYMBOL || code == '*' || in_table(known->letter_like, code)) continue;
        if (is_infix(batch, place)) batch->scratch[admitted++] = place;
    }
    admit(batch, admitted);
    admitted = 0;
    for (Py_ssize_t i = 0; i < stars;) {
        Py_ssize_t begin = star_places[i], end = begin + 1;
        for (i++; i < stars && star_places[i] == end; i++) end++;
        bool preceded = class_at(batch, begin - 1) == LETTER, followed = class_at(batch, end) == LETTER;
        bool brief = class_at(batch, begin - 3) != LETTER || class_at(batch, begin - 2) != LETTER;
        if (preceded && (followed || (brief && end - begin > 1))) {
            batch->scratch[admitted++] = begin;
            batch->scratch[admitted++] = end;
        }
    }
    for (Py_ssize_t i = 0; i < admitted; i += 2)
        memset(batch->classes + batch->scratch[i], LETTER, batch->scratch[i + 1] - batch->scratch[i]);
}

/* Make tokens of quotation marks, and of the first of a run of question marks; count all marks. */
static void admit_marks(Batch *batch, const Knowledge *known, int64_t *counted, Py_ssize_t kinds) {
    Py_ssize_t question = -2, admitted = 0, comment = 0;
    for (Py_ssize_t i = 0; i < batch->mark_count; i++) {
        Py_ssize_t place = batch->marks[i];
        uint32_t code = CODE(batch, place);
        if (code != '\'') continue;
        bool inside = is_alphanumeric(batch->classes[place - 1]) && is_alphanumeric(class_at(batch, place + 1));
        if (!inside) batch->entries[place] = '"';
    }
    for (Py_ssize_t i = 0; i < batch->mark_count; i++) {
        Py_ssize_t place = batch->marks[i];
        uint32_t code = CODE(batch, place);
        while (comment + 1 < batch->comments && batch->boundaries[comment + 1] <= place) comment++;
        uint8_t kind = code < (uint32_t)known->counted->size ? U8(*known->counted)[code] : (uint8_t)kinds;
        if (kind < kinds) counted[comment * kinds + kind]++;
        bool token = false;
        if (code == '?') {
            token = question != place - 1;
            question = place;
        } else if (code == '"') {
            token = code_at(batch, place - 1) != '=' && code_at(batch, place + 1) != '>';
        }
        if (token && batch->classes[place] == PUNCTUATION) batch->scratch[admitted++] = place;
    }
    for (Py_ssize_t i = 0; i < admitted; i++) batch->classes[batch->scratch[i]] = SINGLE;
}

/* --- Tokens --------------------------------------------------------------------------------------------------- */

#define MARK_KINDS 5
#define KNOWLEDGE 11 /* arrays of it */
enum { CODES, STARTS, BEGINS, ENDS, GAPS, FIRST, OFFSETS, HASHES, CAPITALS, LINKS, MARKS, OUTPUTS };

/* Drop what is ignored. */
static bool compact(Batch *batch) {
    const Py_ssize_t size = batch->size;
    uint32_t *restrict entries = batch->entries;
    uint8_t *restrict classes = batch->classes;
    int64_t *restrict positions = malloc((size + 1) * sizeof(int64_t));
    Py_ssize_t kept = 0, comments = 0;
    batch->positions = positions;
    if (!positions) return false;
    for (Py_ssize_t place = 0; place < size; place++) {
        uint8_t class = classes[place];
        entries[kept] = entries[place];
        classes[kept] = class;
        positions[kept] = place;
        if (class == BOUNDARY) batch->boundaries[comments++] = kept;
        kept += class != IGNORED;
    }
    batch->size = kept;
    return true;
}

/* Note the places of punctuation and symbols. */
static void find_marks(Batch *batch) {
    const Py_ssize_t size = batch->size;
    const uint8_t *restrict classes = batch->classes;
    int64_t *restrict marks = batch->marks;
    Py_ssize_t count = 0;
    for (Py_ssize_t place = 0; place < size; place++) {
        marks[count] = place;
        count += (uint8_t)(classes[place] - PUNCTUATION) < 2;
    }
    batch->mark_count = count;
}

/* What stands between the token whose last character is at `last` and one that begins at `place`. */
static inline uint8_t gap_between(const Batch *batch, Py_ssize_t last, Py_ssize_t place) {
    if (batch->classes[place] == BOUNDARY || batch->classes[last] == BOUNDARY || place - last > 2) return APART;
    if (place - last == 1) return ADJACENT;
    if (batch->classes[place - 1] == SPACE) return ONE_BLANK;
    return CODE(batch, place - 1) == '\'' ? APART : ONE_MARK;
}

static void cut_tokens(const Batch *batch, Vector *out) {
    const Py_ssize_t size = batch->size;
    const uint32_t *restrict entries = batch->entries;
    const uint8_t *restrict classes = batch->classes;
    const int64_t *restrict places = batch->positions;
    uint32_t *restrict codes = ITEMS(out[CODES], uint32_t);
    int64_t *restrict starts = ITEMS(out[STARTS], int64_t), *restrict first = ITEMS(out[FIRST], int64_t);
    int64_t *restrict begins = ITEMS(out[BEGINS], int64_t), *restrict ends = ITEMS(out[ENDS], int64_t);
    uint64_t *restrict hashes = ITEMS(out[HASHES], uint64_t);
    uint8_t *restrict capitals = ITEMS(out[CAPITALS], uint8_t), *restrict gaps = ITEMS(out[GAPS], uint8_t);
    Py_ssize_t letters = 0, tokens = 0, comment = 0, place = 0, last = 0; /* last: place of the last letter before */
    while (place < size) {
        uint8_t class = classes[place];
        if (class < SINGLE) {
            place++;
            continue;
        }
        if (class == BOUNDARY) first[comment++] = tokens;
        starts[tokens] = letters;
        gaps[tokens] = gap_between(batch, last, place);
        begins[tokens] = places ? places[place] : place;
        uint64_t hash = 0, power = 1;
        uint32_t upper = UPPER;
        bool word = is_alphanumeric(class);
        do {
            uint32_t entry = entries[place++], code = entry & CODE_MASK;
            upper &= entry;
            codes[letters++] = code;
            hash += (uint64_t)(code + 1) * power;
            power *= BASE;
        } while (word && place < size && is_alphanumeric(classes[place]));
        capitals[tokens] = upper != 0;
        last = place - 1;
        ends[tokens] = (places ? places[last] : last) + 1;
        hashes[tokens++] = mix(hash);
    }
    starts[tokens] = letters;
    first[comment] = tokens;
    out[CODES].bytes = letters * sizeof(uint32_t);
    out[CAPITALS].bytes = out[GAPS].bytes = tokens;
    out[BEGINS].bytes = out[ENDS].bytes = tokens * sizeof(int64_t);
    out[STARTS].bytes = (tokens + 1) * sizeof(int64_t);
    out[HASHES].bytes = tokens * sizeof(uint64_t);
    out[FIRST].bytes = (comment + 1) * sizeof(int64_t);
}

static bool allocate(Batch *batch, Vector *out, Py_ssize_t size, Py_ssize_t comments) {
    batch->size = size;
    batch->comments = comments;
    batch->entries = malloc((size + 1) * sizeof(uint32_t));
    batch->classes = malloc(size + 1);
    batch->marks = malloc((size + 1) * sizeof(int64_t));
    batch->scratch = malloc((2 * size + 2) * sizeof(int64_t));
    batch->boundaries = malloc((comments + 1) * sizeof(int64_t));
    const size_t bytes[OUTPUTS] = {
        [CODES] = size * sizeof(uint32_t),
        [STARTS] = (size + 1) * sizeof(int64_t),
        [BEGINS] = size * sizeof(int64_t),
        [ENDS] = size * sizeof(int64_t),
        [GAPS] = size,
        [FIRST] = (comments + 1) * sizeof(int64_t),
        [OFFSETS] = comments * sizeof(int64_t),
        [HASHES] = size * sizeof(uint64_t),
        [CAPITALS] = size,
        [LINKS] = comments * LINK_COUNTS * sizeof(int64_t),
        [MARKS] = comments * MARK_KINDS * sizeof(int64_t),
    };
    bool good = batch->entries && batch->classes && batch->marks && batch->scratch;
    good = good && batch->boundaries;
    for (int i = 0; i < OUTPUTS; i++) {
        vector_extend(&out[i], bytes[i]);
        good = good && !out[i].failed;
    }
    return good;
}

/* Fold the code points and class them; whether there is anything to drop. */
static bool fold(Batch *batch, const Knowledge *known, const int64_t *offsets) {
    const uint32_t *folding = U32(*known->folding);
    const Py_ssize_t size = batch->size;
    uint32_t *restrict entries = batch->entries;
    uint8_t *restrict classes = batch->classes;
    bool ampersand = false, ignored = false;
    for (Py_ssize_t i = 0; i < batch->comments; i++) batch->boundaries[i] = offsets[i] - 1;
    for (Py_ssize_t place = 0; place < size; place++) {
        uint32_t entry = folding[entries[place]];
        uint8_t class = (entry >> CLASS_SHIFT) & 7;
        entries[place] = entry;
        classes[place] = class;
        ampersand |= (entry & CODE_MASK) == '&';
        ignored |= class == IGNORED;
    }
    if (ampersand) replace_entities(batch, known);
    bool drawn = replace_drawings(batch, known);
    if (!ampersand && !drawn) return ignored;
    return ignored || memchr(classes, IGNORED, (size_t)size);
}

static bool tokenize(Batch *batch, const Knowledge *known, Vector *out) {
    if (fold(batch, known, ITEMS(out[OFFSETS], int64_t)) && !compact(batch)) return false;
    find_marks(batch);
    memset(out[LINKS].data, 0, out[LINKS].bytes);
    memset(out[MARKS].data, 0, out[MARKS].bytes);
    cut_links(batch, known, ITEMS(out[LINKS], int64_t));
    admit_symbols(batch, known);
    admit_marks(batch, known, ITEMS(out[MARKS], int64_t), MARK_KINDS);
    cut_tokens(batch, out);
    return true;
}

/* Copy the strings behind one another, a place for a boundary before each; false with an exception. */
static bool decode(PyObject *texts, Batch *batch, int64_t *offsets) {
    Py_ssize_t place = 0;
    for (Py_ssize_t i = 0; i < batch->comments; i++) {
        PyObject *text = PyList_GetItem(texts, i);
        Py_ssize_t length = PyUnicode_GetLength(text);
        batch->entries[place++] = BOUNDARY_CODE;
        offsets[i] = place;
        if (length && !PyUnicode_AsUCS4(text, batch->entries + place, length, 0)) return false;
        place += length;
    }
    return true;
}

/* tokenize(texts: list[str], tables: tuple of eleven arrays) -> tuple of eleven buffers, the fields of text.Tokens */
PyObject *kernel_tokenize(PyObject *module, PyObject *arguments) {
    PyObject *texts, *tables;
    if (!PyArg_ParseTuple(arguments, "O!O", &PyList_Type, &texts, &tables)) return NULL;
    Array arrays[KNOWLEDGE] = {0};
    if (!arrays_from(tables, arrays, KNOWLEDGE, "uqqqqqqqqbb")) return NULL;
    Knowledge known = {
        .folding = &arrays[0], .named_keys = &arrays[1], .named_codes = &arrays[2], .domain_keys = &arrays[3],
        .path_keys = &arrays[4], .tag_keys = &arrays[5], .site_keys = &arrays[6], .sites = &arrays[7],
        .referral_keys = &arrays[8], .letter_like = &arrays[9], .counted = &arrays[10],
    };
    Py_ssize_t comments = PyList_Size(texts), size = comments;
    for (Py_ssize_t i = 0; i < comments; i++) {
        PyObject *text = PyList_GetItem(texts, i);
        if (!PyUnicode_Check(text)) {
            PyErr_SetString(PyExc_TypeError, "expected a list of str");
            arrays_release(arrays, KNOWLEDGE);
            return NULL;
        }
        size += PyUnicode_GetLength(text);
    }
    Batch batch = {0};
    Vector out[OUTPUTS] = {0};
    bool good = allocate(&batch, out, size, comments);
    if (!good) PyErr_NoMemory();
    good = good && decode(texts, &batch, ITEMS(out[OFFSETS], int64_t));
    if (good) {
        Py_BEGIN_ALLOW_THREADS
        out[CODES].failed |= !tokenize(&batch, &known, out);
        Py_END_ALLOW_THREADS
    }
    free(batch.entries);
    free(batch.classes);
    free(batch.positions);
    free(batch.marks);
    free(batch.scratch);
    free(batch.boundaries);
    arrays_release(arrays, KNOWLEDGE);
    PyObject *result = good ? vectors_to_tuple(out, OUTPUTS) : NULL;
    for (int i = 0; i < OUTPUTS; i++) free(out[i].data);
    return result;
}
