/* A batch of comments on its way to tokens: what text.c and links.c share. */
#ifndef MODERATE_TEXT_H
#define MODERATE_TEXT_H

#include "kernels.h"

typedef struct {
    Py_ssize_t size, comments;
    uint32_t *entries; /* folded code point and flags */
    uint8_t *classes;
    int64_t *positions; /* place in the joined batch; NULL where nothing was dropped: the place itself */
    int64_t *boundaries, *marks, *scratch;
    Py_ssize_t mark_count;
} Batch;

typedef struct {
    const Array *folding, *named_keys, *named_codes, *domain_keys, *path_keys, *tag_keys, *site_keys, *sites;
    const Array *referral_keys, *letter_like, *counted;
} Knowledge;

#define CODE(batch, place) ((batch)->entries[place] & CODE_MASK)

static inline uint32_t code_at(const Batch *batch, Py_ssize_t place) {
    return place >= 0 && place < batch->size ? CODE(batch, place) : 0;
}

static inline uint8_t class_at(const Batch *batch, Py_ssize_t place) {
    return place >= 0 && place < batch->size ? batch->classes[place] : SPACE;
}

static inline bool is_alphanumeric(uint8_t class) { return (class | 1) == DIGIT; }

/* Put the character in place of each HTML entity, and mark the rest of it as ignored. */
void replace_entities(Batch *batch, const Knowledge *known);

/* Put the letter in place of each one that is drawn with several strokes, and mark the rest of it as ignored; whether
   there was any. */
bool replace_drawings(Batch *batch, const Knowledge *known);

/* Make punctuation of HTML tags; blank out the links and count those of each comment, (comments, LINK_COUNTS). */
void cut_links(Batch *batch, const Knowledge *known, int64_t *links);

#endif
