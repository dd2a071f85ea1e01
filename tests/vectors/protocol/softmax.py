"""Section 4, and 8's count of hits."""

from decimal import ROUND_HALF_EVEN, Decimal, localcontext
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


def nearest(x):
    """The integer nearest to a decimal number; none of the tables' lies half-way."""
    return int(x.to_integral_value(ROUND_HALF_EVEN))


def exp(x, frac):
    """e^x with `frac` fraction bits, to the nearest."""
    with localcontext() as context:
        context.prec = 50
        return nearest(Decimal(x).exp() * 2**frac)


@lru_cache(maxsize=None)
def exp_low(frac):
    """e^(j / 2^frac) with 16 fraction bits."""
    return [exp(Decimal(j) / 2**frac, 16) for j in range(16 << frac)]


@lru_cache(maxsize=None)
def exp_entry(knot, low, frac):
    """One entry: `knot` is J, `low` is rho_lo in units of 2^-frac."""
    exponent = 16 * knot - Decimal(low) / 2**frac
    return exp(exponent, 40) if exponent <= 2 else 0


def exp_dealer(d, entries, inputs):
    [x], frac = inputs, exponent_frac(d.p)
    table = []
    for r in x.r:
        r &= mask(8 + frac)
        high, low = r >> (4 + frac), r & mask(4 + frac)
        # J = i - high mod 16, in -14 .. 1
        table += [exp_entry((i - high + 14) % 16 - 14, low, frac) for i in range(16)]
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


def cosine(x):
    """cos(x), by its series."""
    term, total, i = Decimal(1), Decimal(0), 0
    while abs(term) > Decimal(10) ** -50:
        total, i = total + term, i + 2
        term *= -x * x / (i * (i - 1))
    return total


PI = Decimal("3.14159265358979323846264338327950288419716939937510582")


@lru_cache(maxsize=None)
def polynomial(log_knots, knot, root=False):
    """A0, A1, A2 of a knot, of 1 / S or of its root."""
    with localcontext() as context:
        context.prec = 50
        s, points = Decimal(16) / 2**log_knots, [cosine((2 * v + 1) * PI / 18) for v in range(9)]
        f = [1 / max((knot + t) * s, Decimal("0.5")) for t in points]
        f = [x.sqrt() for x in f] if root else f
        b0, b1 = sum(f) / 9, 2 * sum(x * t for x, t in zip(f, points)) / 9
        b2 = 2 * sum(x * (2 * t * t - 1) for x, t in zip(f, points)) / 9
        a2 = nearest(2**7 * b2 / s**2)
        return nearest(2**30 * b0 - 2**23 * s**2 * a2), nearest(2**18 * b1 / s), a2


def reciprocal_dealer(d, entries, inputs, root=False):
    [x], (log_knots, bits) = inputs, knots(d.p)
    digit = 16 - log_knots
    orders = [[], [], []]
    for rho in x.r:
        high, r = (rho & mask(16)) >> digit, rho & mask(digit)
        for i in range(1 << log_knots):
            a0, a1, a2 = polynomial(log_knots, (i - high) % (1 << log_knots), root)
            for order, c in zip(orders, (a0 - a1 * r + a2 * r * r, a1 - 2 * a2 * r, a2)):
                order.append(c)
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


def inverse_sqrt_dealer(d, entries, inputs):
    reciprocal_dealer(d, entries, inputs, root=True)


inverse_sqrt_server = reciprocal_server


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
