"""Section 4, and 8's count of hits."""

from decimal import Decimal, localcontext
from functools import lru_cache

from .conventions import Share, cut, mask
from .linear import carry, extended, half_of, public

# 4 Softmax


def exponent_frac(p):
    return min(p["f"], 10)


def below_max_dealer(d, entries, inputs):
    y, won = inputs
    bits = 8 + d.p["f"]
    d.ship([(won.own, bits), ([a * (r & mask(y.bits)) for a, r in zip(won.own, y.r)], bits)])


def below_max_server(s, entries, inputs):
    y, won = inputs
    bits, drop, c = 8 + s.p["f"], s.p["f"] - exponent_frac(s.p), y.shape[1]
    own, own_rho = s.dealt([(len(y.hat), bits)] * 2)
    half = [(public(y, i)[0] if s.b == 0 else 0) - r for i, r in enumerate(y.r)]
    part = [
        b * x + (1 - 2 * b) * (public(y, i)[0] * own[i] - own_rho[i]) for i, (b, x) in enumerate(zip(won.hat, half))
    ]
    d = [x - sum(part[i // c * c:i // c * c + c]) & mask(bits) for i, x in enumerate(half)]
    return [Share([cut(s.b, x, drop) for x in d], bits - drop, y.shape)]
    yield


def nearest_double(x):
    """The double nearest to e^x."""
    with localcontext() as context:
        context.prec = 50
        return float(Decimal(x).exp())


@lru_cache(maxsize=None)
def exp_low(frac):
    """e^(j / 2^frac) with 16 fraction bits, to the nearest."""
    with localcontext() as context:
        context.prec = 40
        return [int((Decimal(j) / 2**frac).exp() * 65536 + Decimal(1) / 2) for j in range(16 << frac)]


@lru_cache(maxsize=None)
def decay(frac, j):
    """e^-(j / 2^frac): the constants of the bits of j in doubles, multiplied from the lowest up."""
    x = 1.0
    for bit in range(4 + frac):
        if j >> bit & 1:
            x *= nearest_double(-(Decimal(2) ** (bit - frac)))
    return x


def exp_entry(knot, low):
    """One entry: `knot` is J."""
    if knot < -1:
        return 0
    # 40 fraction bits; Python rounds ties to the even number, as the text asks
    return round(min(nearest_double(16 * knot) * 2.0**40 * low, 2.0**50))


def exp_dealer(d, entries, inputs):
    [x], frac = inputs, exponent_frac(d.p)
    table = []
    for r in x.r:
        r &= mask(8 + frac)
        high, low = r >> (4 + frac), decay(frac, r & mask(4 + frac))
        # J = i - high mod 16, in -14 .. 1
        table += [exp_entry((i - high + 14) % 16 - 14, low) for i in range(16)]
    d.ship([(table, 60)])


def exp_server(s, entries, inputs):
    [x], frac = inputs, exponent_frac(s.p)
    [table] = s.dealt([(16 * len(x.hat), 60)])
    low = exp_low(frac)
    e = [table[16 * i + (v >> (4 + frac))] * low[v & mask(4 + frac)] & mask(60) for i, v in enumerate(x.hat)]
    return [Share([cut(s.b, v, 40) for v in e], 20, x.shape)]
    yield


def row_sum_server(s, entries, inputs):
    [e] = inputs
    rows, classes = e.shape
    sums = [sum(e.x[i * classes:(i + 1) * classes]) & mask(20) for i in range(rows)]
    return [Share([cut(s.b, v, 4) for v in sums], 16, [rows])]
    yield


def knots(p):
    """Bits of a knot's number, and of a coefficient."""
    return (7, 34) if p["f"] <= 8 else (8, 40)


CHEBYSHEV = [0.984807753012208, 0.8660254037844386, 0.6427876096865394, 0.3420201433256687]
CHEBYSHEV += [0.0] + [-t for t in reversed(CHEBYSHEV)]


@lru_cache(maxsize=None)
def polynomial(log_knots, knot):
    """a0, a1, a2 of a knot, in doubles and in this order of operations."""
    step = 16.0 / 2.0**log_knots

    def mean(g):
        total = 0.0
        for t in CHEBYSHEV:
            total += g(t)
        return total / 9.0

    def f(t):
        return 1.0 / max(knot * step + t * step, 0.5)

    b0, b1, b2 = mean(f), 2.0 * mean(lambda t: f(t) * t), 2.0 * mean(lambda t: f(t) * (2.0 * t * t - 1.0))
    return b0 - b2, b1 / step, 2.0 * b2 / (step * step)


def reciprocal_dealer(d, entries, inputs):
    [x], (log_knots, bits) = inputs, knots(d.p)
    digit = 16 - log_knots
    orders = [[], [], []]
    for r in x.r:
        r &= mask(16)
        high, low = r >> digit, (r & mask(digit)) * 2.0**-12
        for i in range(1 << log_knots):
            a0, a1, a2 = polynomial(log_knots, (i - high) % (1 << log_knots))
            orders[0].append(round(a0 * 2.0**30 - a1 * (low * 2.0**30) + a2 * (low * low * 2.0**30)))
            orders[1].append(round(a1 * 2.0**18 - a2 * (2.0 * low * 2.0**18)))
            orders[2].append(round(a2 * 2.0**6))
    d.ship([(c, bits) for c in orders])


def reciprocal_server(s, entries, inputs):
    [x], (log_knots, bits) = inputs, knots(s.p)
    digit, count = 16 - log_knots, 1 << log_knots
    c0, c1, c2 = s.dealt([(len(x.hat) * count, bits)] * 3)
    out = []
    for i, v in enumerate(x.hat):
        at, low = i * count + (v >> digit), v & mask(digit)
        out.append(cut(s.b, c0[at] + c1[at] * low + c2[at] * low * low & mask(bits), 14))
    return [Share(out, 20, x.shape)]
    yield


def probability_layout(p, rows, classes):
    n, count = p["n"] + 32 - p["f"], rows * classes
    return [(count, n - 20)] * 2 + [(rows, n - 20)] * 2 + [(count, n)] + [(count, n - 20)] * 2 + [(count, n - 40)]


def probability_dealer(d, entries, inputs):
    a, b = inputs
    classes = a.shape[1]
    (kappa_a, mu_a), (kappa_b, mu_b) = carry(a), carry(b)
    r_a, r_b = [r & mask(20) for r in a.r], [r & mask(20) for r in b.r]
    per = [i // classes for i in range(len(r_a))]
    items = [kappa_a, mu_a, kappa_b, mu_b]
    for x, y in ((r_a, r_b), (mu_a, r_b), (r_a, mu_b), (mu_a, mu_b)):
        items.append([x[i] * y[row] for i, row in enumerate(per)])
    layout = probability_layout(d.p, len(r_b), classes)
    d.ship([(item, bits) for item, (_, bits) in zip(items, layout)])


def probability_server(s, entries, inputs):
    a, b = inputs
    classes, n = a.shape[1], s.p["n"] + 32 - s.p["f"]
    kappa_a, mu_a, kappa_b, mu_b, rr, mr, rm, mm = s.dealt(probability_layout(s.p, len(b.hat), classes))
    half_a, half_b = extended(s, a, kappa_a, mu_a), extended(s, b, kappa_b, mu_b)
    out = []
    for i in range(len(a.hat)):
        row = i // classes
        (whole_a, n_a), (whole_b, n_b) = public(a, i), public(b, row)
        x = whole_a * half_b[row] + whole_b * half_a[i] - (whole_a * whole_b if s.b == 0 else 0) + rr[i]
        x += -(n_a * mr[i] << 20) - (n_b * rm[i] << 20) + (n_a * n_b * mm[i] << 40)
        out.append(cut(s.b, x & mask(n), n - s.p["n"]))
    return [Share(out, s.p["n"], a.shape)]
    yield


# 8 Hits


def hits_dealer(d, entries, inputs):
    won, labels = inputs
    n = d.p["n"]
    d.ship([(won.own, n), ([a * r for a, r in zip(won.own, labels.r)], n)])


def hits_server(s, entries, inputs):
    (won, labels), n = inputs, s.p["n"]
    own, own_r = s.dealt([(len(labels.hat), n)] * 2)
    half, total = half_of(s, labels), 0
    for i, hat in enumerate(won.hat):
        total += hat * half[i] + (1 - 2 * hat) * (labels.hat[i] * own[i] - own_r[i])
    return [Share([total], n, [1])]
    yield
