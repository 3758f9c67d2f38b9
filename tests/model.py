"""The grouping as docs/grouping-classic.md tells it, by brute force: every report is scored against every
earlier one. Nothing here is shared with the server, so that the two can be held against each other.

    m = Model()
    m.post({...})  ->  Placement(match, score, buckets)
"""

import math
import struct
import unicodedata
from collections import Counter, namedtuple

THRESHOLDS = [float(t) for t in range(1, 12)]
QUERY_TERMS = 20
MIN_MATCH = 30
NOT_INDEXED = {"database_id", "date", "buckets", "force_bucket", "href", "stacktrace.depth",
               "stacktrace.logdf", "stacktrace.address", "stacktrace.debug_id",
               "stacktrace.ignored", "hostname", "process_cwd", "processing_errors"}
NOT_INDEXED_BELOW = ("buckets.", "stacktrace.registers.", "stacktrace.generated.",
                     "stacktrace.source_lines.", "numbers.", "ids.", "objects.", "threads.",
                     "annotations.", "arch.", "modules.")

Placement = namedtuple("Placement", "match score buckets")


def single(x):
    """x rounded to single precision."""
    return struct.unpack("f", struct.pack("f", x))[0]


def kind(c):
    if c in "0123456789":
        return "digit"
    category = unicodedata.category(c)
    if category == "Lu":
        return "upper"
    return "letter" if category.startswith("L") else None


def tokens(text):
    """Runs of one kind; but of several capitals before small letters the last one belongs to them."""
    out = []
    run, last = "", None
    for c in text:
        k = kind(c)
        if k == last and k:
            run += c
        elif k == "letter" and last == "upper":
            if len(run) > 1:
                out.append(run[:-1])
            run = run[-1] + c
        else:
            if run:
                out.append(run)
            run = c if k else ""
        last = k
    if run:
        out.append(run)
    return out


def texts(value, path=""):
    """(field, string) for every string of a report; numbers and booleans are strings too."""
    if path in NOT_INDEXED or path.startswith(NOT_INDEXED_BELOW) or value is None:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            name = key.replace(".", "_").replace(":", "_")
            yield from texts(inner, path + "." + name if path else name)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner, path)
    elif isinstance(value, bool):
        yield path, "true" if value else "false"
    else:
        yield path, str(value)


def norm(length):
    """1/sqrt(length) cut to three bits of mantissa (Lucene's SmallFloat, zero exponent 15)."""
    bits = struct.unpack("I", struct.pack("f", 1.0 / math.sqrt(length)))[0]
    return struct.unpack("f", struct.pack("I", bits >> 21 << 21))[0]


class Indexed:
    """One report as the scoring sees it: tf and norm of every (field, token)."""

    def __init__(self, report):
        self.tf = Counter()
        lengths = Counter()
        for field, text in texts(report):
            for token in tokens(text):
                self.tf[(field.encode(), token.encode())] += 1
                lengths[field.encode()] += 1
        self.norms = {field: norm(n) for field, n in lengths.items()}


class Model:
    def __init__(self):
        self.ids = []
        self.reports = []
        self.buckets = []
        self.df = Counter()

    def idf(self, term):
        return 1.0 + math.log(len(self.reports) / (self.df[term] + 1.0))

    def query(self, report):
        """The terms that a report asks for: the best of each field, in the order of the sum."""
        fields = {}
        for term, tf in report.tf.items():
            if self.df[term]:
                weight = single(single(tf) * single(self.idf(term)))
                fields.setdefault(term[0], []).append((-weight, term))
        return sorted(term for best in fields.values() for _, term in sorted(best)[:QUERY_TERMS])

    def weights(self, query):
        """idf^2 of the query's terms, and query_norm."""
        squares = {term: self.idf(term) ** 2 for term in query}
        return squares, 1.0 / math.sqrt(sum(squares.values())) if squares else 0.0

    def parts(self, query, other, weights=None, min_match=MIN_MATCH):
        """What each term of the query gives to the score, before rounding: {term: value}."""
        squares, query_norm = weights or self.weights(query)
        matching = [term for term in query if term in other.tf]
        if len(matching) < max(1, len(query) * min_match // 100):
            return {}
        factor = len(matching) / len(query) * query_norm
        return {term: factor * math.sqrt(other.tf[term]) * squares[term] * other.norms[term[0]]
                for term in matching}

    def nearest(self, report):
        query = self.query(report)
        weights = self.weights(query)
        best, best_score = None, 0.0
        for number, other in enumerate(self.reports):
            score = single(sum(self.parts(query, other, weights).values()))
            if score > best_score:
                best, best_score = number, score
        return best, best_score

    def post(self, report):
        indexed = Indexed(report)
        match, score = self.nearest(indexed)
        if score < THRESHOLDS[0]:
            match, score = None, 0.0
        own = report["database_id"]
        buckets = [self.buckets[match][t] if match is not None and score >= threshold else own
                   for t, threshold in enumerate(THRESHOLDS)]
        self.ids.append(own)
        self.reports.append(indexed)
        self.buckets.append(buckets)
        for term in indexed.tf:
            self.df[term] += 1
        return Placement(None if match is None else self.ids[match], score, buckets)
