/* What rules.c needs of quotations.c. */
#ifndef MODERATE_QUOTATIONS_H
#define MODERATE_QUOTATIONS_H

#include "kernels.h"

/* The words by which a quotation is known, and how far it reaches, as in quotations.py. */
typedef struct {
    const uint64_t *hashes; /* sorted */
    const int64_t *roles;
    Py_ssize_t size;
    Filter filter;
    unsigned long long mark, boundary;
    Py_ssize_t before, behind, longest, least_said;
} Quoting;

/* Append the words of a batch that are quoted in order to condemn them, in order. */
void find_quotations(const Quoting *quoting, const uint64_t *words, Py_ssize_t count, Vector *out);

#endif
