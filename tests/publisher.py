"""A publisher with a line of its own: comments written here, and what its moderators made of them.

It bears rough words about things and rejects talk of a rival, the "snorfel", and insults of its own invention, so that
only its decisions can teach where the line is.
"""

import csv
import itertools
import random

THINGS = ["budget", "museum", "bridge", "harbour", "library", "festival", "railway", "market", "school", "river",
          "theatre", "hospital", "stadium", "airport", "council"]  # fmt: skip
TIMES = ["on Monday", "last year", "again", "in the end", "this summer", "for once", "at night", "these days"]
APPROVED = ["The {thing} was opened {time}.", "Who pays for the {thing} {time}?",
            "My family visits the {thing} {time}.", "That stupid {thing} was closed {time}.",
            "The damn {thing} is late {time}.", "I would like to read more about the {thing} {time}."]  # fmt: skip
REJECTED = ["Only a zonkel visits the {thing} {time}.", "You grubbit, the {thing} is fine {time}.",
            "The snorfel wrote of the {thing} {time}.", "Read of the {thing} in the snorfel {time}."]  # fmt: skip


def decisions(count, *, seed=0, flipped=0.0):
    """``count`` rows of text and verdict, a third rejected, in random order; a share of the verdicts turned around."""
    chance = random.Random(seed)
    rejected = [pattern.format(thing=a, time=b) for pattern, a, b in itertools.product(REJECTED, THINGS, TIMES)]
    approved = [pattern.format(thing=a, time=b) for pattern, a, b in itertools.product(APPROVED, THINGS, TIMES)]
    rows = [{"text": text, "verdict": "reject"} for text in chance.sample(rejected, count // 3)]
    rows += [{"text": text, "verdict": "approve"} for text in chance.sample(approved, count - count // 3)]
    chance.shuffle(rows)
    for row in rows[: round(flipped * count)]:
        row["verdict"] = "approve" if row["verdict"] == "reject" else "reject"
    chance.shuffle(rows)
    return rows


def write_table(path, rows):
    """Write ``rows`` as CSV, blank where a row has not what another has."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path
