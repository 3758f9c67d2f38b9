"""The Backtrace query language, done plainly: row by row, over a list of dictionaries.

What a query must answer by docs/query-api.md, written without a look at src/columns, so that the
two can be held against each other. Rows are {attribute: value} with the object id as `_tx`; values
are int, float, bool or str. Slow, and short enough to be believed."""

import datetime
import json
import re
from fractions import Fraction

NO_VALUE = object()


def kind_of(values):
    """The type of a column that holds these."""
    kinds = {"bool" if isinstance(v, bool) else "int" if isinstance(v, int) else
             "double" if isinstance(v, float) else "string" for v in values}
    if not kinds or kinds == {"int"}:
        ints = list(values)
        if ints and min(ints) < 0:
            return "int" if max(ints) < 2**63 else "double"
        return "uint"
    if kinds <= {"int", "double"}:
        return "double"
    return kinds.pop() if len(kinds) == 1 else "string"


def text_of(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value)


class Table:
    def __init__(self, rows):
        self.rows = sorted(rows, key=lambda row: row["_tx"])
        self.names = sorted({name for row in rows for name in row})
        self.kinds = {}
        for name in self.names:
            self.kinds[name] = kind_of([row[name] for row in rows if name in row])
            for row in self.rows:
                if name not in row:
                    continue
                if self.kinds[name] == "string":
                    row[name] = text_of(row[name])
                elif self.kinds[name] == "double":
                    row[name] = float(row[name])
        self.kinds["object"] = self.kinds["_tx"] = "uint"

    def value(self, row, name, virtuals):
        if name == "object":
            return row["_tx"]
        if name not in virtuals:
            return row.get(name)
        v = virtuals[name]
        given = v[v["type"]]
        base = self.value(row, given["backing_column"], {})
        if base is None:
            return None
        if v["type"] == "quantize_uint":
            size, offset = given["size"], given.get("offset", 0)
            return (base + offset) // size * size - offset
        day = datetime.datetime.fromtimestamp(base, datetime.timezone.utc).replace(
            hour=0, minute=0, second=0, microsecond=0)
        if given["granularity"] != "day":
            day = day.replace(day=1)
        if given["granularity"] == "quarter":
            day = day.replace(month=(day.month - 1) // 3 * 3 + 1)
        if given["granularity"] == "year":
            day = day.replace(month=1)
        return int(day.timestamp())

    def kind(self, name, virtuals):
        return "uint" if name in virtuals else self.kinds[name]


def number_of(value):
    """A filter's value as a number; NO_VALUE when it is none."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, (int, float)):
        return Fraction(value)
    if re.fullmatch(r"0[xX][0-9a-fA-F]+", value):
        return int(value, 16)
    if re.fullmatch(r"-?\d+(\.\d*)?([eE][-+]?\d+)?", value):
        return Fraction(value.rstrip(".") if value.endswith(".") else value)
    return NO_VALUE


def bool_of(value):
    return {"true": True, "1": True, "false": False, "0": False}.get(text_of(value), NO_VALUE)


ORDERED = {"at-least": lambda a, b: a >= b, "at-most": lambda a, b: a <= b,
           "greater-than": lambda a, b: a > b, "less-than": lambda a, b: a < b}


def holds(kind, mine, condition):
    op, rest = condition[0], condition[1:]
    if op == "is-set":
        return mine is not None
    if op == "is-not-set":
        return mine is None
    negative = op in ("not-equal", "not-contains", "inverse-regular-expression")
    if mine is None:
        return negative
    value = rest[0]
    fold = len(rest) > 1 and rest[1].get("case_insensitive", False)
    if op in ("contains", "not-contains", "regular-expression", "inverse-regular-expression"):
        wanted = text_of(value)
        if "contains" in op:
            found = wanted.lower() in mine.lower() if fold else wanted in mine
        else:
            found = re.search(wanted, mine, re.IGNORECASE if fold else 0) is not None
        return found != negative
    if kind == "string":
        a, b = mine.encode(), text_of(value).encode()
        if op in ("equal", "not-equal"):
            same = a.lower() == b.lower() if fold else a == b
            return same != negative
        return ORDERED[op](a, b)
    if kind == "bool":
        return (mine == bool_of(value)) != negative
    a, b = Fraction(mine), number_of(value)
    if op in ("equal", "not-equal"):
        return (b is not NO_VALUE and a == b) != negative
    return ORDERED[op](a, b)


def sort_key(value):
    """Texts go by bytes."""
    return value.encode() if isinstance(value, str) else value


class Fold:
    """What one fold says of one group's rows, in the order of their ids."""

    def __init__(self, table, virtuals, name, op, *arguments):
        self.table, self.virtuals, self.name, self.op = table, virtuals, name, op
        self.arguments = arguments
        self.kind = table.kind(name, virtuals)

    def __call__(self, rows):
        values = [v for row in rows
                  if (v := self.table.value(row, self.name, self.virtuals)) is not None]
        if self.op == "object":
            return [rows[-1]["_tx"]]
        if self.op == "count":
            return [len(values)]
        if self.op == "unique":
            return [len(set(values))]
        if not values:
            return []
        return getattr(self, self.op)(values)

    def head(self, values):
        return values[:1]

    first = head

    def tail(self, values):
        return values[-1:]

    last = tail

    def sum(self, values):
        return [sum(values)] if self.kind != "string" else []

    def mean(self, values):
        return [sum(values) / len(values)] if self.kind != "string" else []

    def min(self, values):
        return [min(values, key=sort_key)]

    def max(self, values):
        return [max(values, key=sort_key)]

    def range(self, values):
        return self.min(values) + self.max(values)

    def histogram(self, values):
        counts = {}
        for v in values:
            counts[v] = counts.get(v, 0) + 1
        return counts

    distribution = histogram

    def bin(self, values):
        return values if self.kind in ("uint", "int", "double") else []


class Model:
    def __init__(self, rows):
        self.table = Table(rows)

    def matching(self, query):
        virtuals = {v["name"]: v for v in query.get("virtual_columns", [])}

        def passes(row, alternative):
            return all(holds(self.table.kind(name, virtuals), self.table.value(row, name, virtuals), c)
                       for name, conditions in alternative.items() for c in conditions)

        alternatives = query.get("filter") or [{}]
        return virtuals, [row for row in self.table.rows
                          if any(passes(row, one) for one in alternatives)]

    @staticmethod
    def page(items, query):
        offset = query.get("offset", 0)
        return items[offset:offset + query["limit"]] if "limit" in query else items[offset:]

    def select(self, query):
        """[(id, [values])], and how many there were before the page was cut."""
        virtuals, rows = self.matching(query)
        for order in reversed(query.get("order", [])):
            rows = ordered(rows, lambda row: self.table.value(row, order["name"], virtuals),
                           order["ordering"])
        shown = [(row["_tx"], [self.table.value(row, name, virtuals) for name in query["select"]])
                 for row in self.page(rows, query)]
        return shown, len(rows)

    def fold(self, query):
        """[(key, [fold], rows)], and how many groups there were; folds in the order of the request."""
        virtuals, rows = self.matching(query)
        folds = [Fold(self.table, virtuals, name, *op)
                 for name, ops in query.get("fold", {}).items() for op in ops]
        groups = {}
        for row in rows:
            key = self.table.value(row, query["group"][0], virtuals) if query.get("group") else None
            groups.setdefault(key, []).append(row)
        told = [(key, [fold(members) for fold in folds], len(members))
                for key, members in groups.items()]
        places = [f"{name};{i}" for name, ops in query.get("fold", {}).items()
                  for i in range(len(ops))]
        for order in reversed(query.get("order", [])):
            def by(group, name=order["name"]):
                if name == ";group":
                    return group[0]
                if name == ";count":
                    return group[2]
                value = group[1][places.index(name)]
                return value[0] if value else None
            told = ordered(told, by, order["ordering"])
        return self.page(told, query), len(told)


def ordered(items, value, ordering):
    """Equal ones stay as they stand; those without a value come last either way."""
    having = [item for item in items if value(item) is not None]
    having.sort(key=lambda item: sort_key(value(item)), reverse=ordering == "descending")
    return having + [item for item in items if value(item) is None]


# --- answers -------------------------------------------------------------------------------------

def unpack_rows(response):
    """[(id, [values])] of the answer to a select."""
    ids = []
    for label, runs in response["objects"]:
        assert label == "*"
        for run in runs:
            ids += range(run[0], run[0] + (run[1] if len(run) > 1 else 0) + 1)
    columns = []
    for values in response["values"]:
        assert values[0] == "*"
        columns.append([value for value, repeat in values[1:] for _ in range(repeat)])
    assert all(len(column) == len(ids) for column in columns)
    return [(ids[i], [column[i] for column in columns]) for i in range(len(ids))]


def bins_are_right(bins, values, arguments):
    """Each of these bins holds what lies in it, they do not overlap, and nothing is forgotten."""
    if not values:
        return bins == []
    if len(arguments) > 1:
        low, high = arguments[1], arguments[2]
        values = [v for v in values if low <= v <= high]
    if not values:
        return len(bins) == 1 and bins[0][2] == 0
    for i, (start, end, count) in enumerate(bins):
        last = i == len(bins) - 1
        inside = [v for v in values if start <= v and (v < end or (v == end and last))]
        assert count == len(inside) > 0, (bins, sorted(values))
        assert start <= end and (last or end <= bins[i + 1][0]), bins
    assert sum(count for _, _, count in bins) == len(values), (bins, sorted(values))
    assert len(bins) <= (arguments[0] if arguments else 32)
    return True
