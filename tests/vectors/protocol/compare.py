"""Section 3: comparisons, bits, the winner of a row."""

from itertools import combinations

from .conventions import Bits, Opened, Share, Wire, mask, size
from .linear import open_dealer, open_server, public

# 3 Windows, 3.1 comparison


def on(window, bits):
    """The window on a wire of so many bits: t and h."""
    h = min(window["h"], bits - 2)
    return max(window["t"] - (window["h"] - h), 0), h


def subsets(digits, least):
    """Subsets of ascending digits with at least so many elements, ascending as bit masks."""
    found = [set(c) for k in range(least, len(digits) + 1) for c in combinations(digits, k)]
    return sorted((frozenset(c) for c in found), key=lambda c: sum(1 << i for i in c))


def products_of(m):
    """What is dealt of the masks' products: sets of alphas, and with them a beta or none."""
    out = [(None, c) for c in subsets(range(1, m), 2)]
    return out + [(j, c) for j in range(m - 1) for c in subsets(range(j + 1, m), 1)]


def compare_dealer(d, wires):
    """For every `(windows of rho, k, thresholds)`."""
    for rho, k, thresholds in wires:
        m, count = k // 4, len(rho)
        for nth in range(thresholds):
            own0, own1 = d.draw([(count, 1)] * (2 * m - 2))
            own = [[a ^ b for a, b in zip(p, q)] for p, q in zip(own0, own1)]
            alpha, beta = dict(zip(range(1, m), own)), own[m - 1:]
            frame = []
            if nth == 0:
                frame = [([1 << (r >> 4 * j & 15) for r in rho], 16, "xor") for j in range(m)]
                frame.append(([r >> k & 1 for r in rho], 1))
            for j, chosen in products_of(m):
                planes = [alpha[i] for i in chosen] + ([] if j is None else [beta[j]])
                frame.append(([int(all(bits)) for bits in zip(*planes)], 1))
            d.ship(frame)


def compare_server(s, wires):
    """For every `([windows of A, by threshold], k)` shares of `[y >= 0]`, by threshold."""
    held, asked = [], []
    for windows, k in wires:
        m, tables = k // 4, None
        for a in windows:
            count = len(a)
            own = s.draw([(count, 1)] * (2 * m - 2))
            layout = [] if tables else [(count, 16)] * m + [(count, 1)]
            frame = s.dealt(layout + [(count, 1)] * len(products_of(m)))
            tables = tables or frame[:m + 1]
            products = dict(zip(products_of(m), frame[len(layout):]))
            products.update({(None, frozenset([i])): own[i - 1] for i in range(1, m)})
            products.update({(j, frozenset()): own[m - 1 + j] for j in range(m - 1)})
            eq, lt = [], []
            for j in range(m):
                digit = [v >> 4 * j & 15 for v in a]
                eq.append([t >> v & 1 for t, v in zip(tables[j], digit)])
                lt.append([bin(t >> v >> 1).count("1") & 1 for t, v in zip(tables[j], digit)])
            sent = [[x ^ y for x, y in zip(p, q)] for p, q in zip(eq[1:] + lt[:-1], own)]
            held.append((a, k, tables[m], products, lt[-1], sent))
            asked += [(plane, 1) for plane in sent]
    peer, out = (yield asked), []
    for a, k, top, products, last, sent in held:
        m = k // 4
        opened = [[x ^ y for x, y in zip(p, peer.pop(0))] for p in sent]
        e, l, bits = dict(zip(range(1, m), opened)), opened[m - 1:], []
        for i, v in enumerate(a):
            less = last[i]
            for j in range(m - 1):
                for chosen in subsets(range(j + 1, m), 0):
                    alpha = products[None, chosen][i] if chosen else int(s.b == 0)
                    term = l[j][i] & alpha ^ products[j, chosen][i]
                    less ^= term & all(e[d][i] for d in range(j + 1, m) if d not in chosen)
            bits.append((1 ^ v >> k & 1 if s.b == 0 else 0) ^ top[i] ^ less)
        out.append(bits)
    return out


def windows_of(values, bits, window, less=0):
    t, h = on(window, bits)
    less = less >> t << t
    return [(v - less & mask(bits)) >> t & mask(h - t + 1) for v in values], h - t


def lifted_off(y):
    return [v - y.lift() for v in y.hat]


def sign_dealer(d, entries, inputs):
    compare_dealer(d, [(*windows_of(y.r, y.bits, e["window"]), 1) for e, y in zip(entries, inputs)])


def sign_server(s, entries, inputs):
    windows = [windows_of(lifted_off(y), y.bits, e["window"]) for e, y in zip(entries, inputs)]
    bits = yield from compare_server(s, [([a], k) for a, k in windows])
    return [Bits(b, y.shape) for b, y in zip(bits, inputs)]


def at_least_dealer(d, entries, inputs):
    y = inputs[0]
    compare_dealer(d, [(*windows_of(y.r, y.bits, entries[0]["window"]), len(entries))])


def at_least_server(s, entries, inputs):
    y = inputs[0]
    windows = [windows_of(lifted_off(y), y.bits, e["window"], e["threshold"]) for e in entries]
    bits = yield from compare_server(s, [([a for a, _ in windows], windows[0][1])])
    return [Bits(b, y.shape) for b in bits]


def pairs_of(values, y, window):
    """Differences of the windows of all pairs of a row, pair by pair, and k."""
    (t, h), (rows, classes) = on(window, y.bits), y.shape
    v = [(v & mask(y.bits)) >> t for v in values]
    pairs = combinations(range(classes), 2)
    return [v[r * classes + i] - v[r * classes + j] & mask(h - t + 1) for i, j in pairs for r in range(rows)], h - t


def pair_signs_dealer(d, entries, inputs):
    [y] = inputs
    compare_dealer(d, [(*pairs_of(y.r, y, entries[0]["window"]), 1)])


def pair_signs_server(s, entries, inputs):
    [y] = inputs
    a, k = pairs_of(lifted_off(y), y, entries[0]["window"])
    [bits] = yield from compare_server(s, [([a], k)])
    return [Bits(bits, [len(a) // y.shape[0], y.shape[0]])]


def larger_dealer(d, entries, inputs):
    compare_dealer(d, [
        (*difference(x.r, y.r, x, e["window"]), 1) for e, x, y in zip(entries, inputs[::2], inputs[1::2])
    ])


def larger_server(s, entries, inputs):
    pairs = list(zip(entries, inputs[::2], inputs[1::2]))
    windows = [difference(lifted_off(x), lifted_off(y), x, e["window"]) for e, x, y in pairs]
    bits = yield from compare_server(s, [([a], k) for a, k in windows])
    return [Bits(b, x.shape) for b, (_, x, _) in zip(bits, pairs)]


def difference(x, y, wire, window):
    """3.3: both are cut to the window, then subtracted."""
    t, h = on(window, wire.bits)
    return [((v & mask(wire.bits)) >> t) - ((w & mask(wire.bits)) >> t) & mask(h - t + 1) for v, w in zip(x, y)], h - t


# 3.3 What is picked


def pick_dealer(d, entries, inputs):
    c, x, y = inputs
    d.ship([(c.own, x.bits), ([a * (p - q) for a, p, q in zip(c.own, x.r, y.r)], x.bits)])


def pick_server(s, entries, inputs):
    c, x, y = inputs
    own, own_delta = s.dealt([(len(x.hat), x.bits)] * 2)
    out = []
    for i, hat in enumerate(c.hat):
        apart = x.hat[i] - y.hat[i]
        d = (apart if s.b == 0 else 0) - x.r[i] + y.r[i]
        below = (public(y, i)[0] if s.b == 0 else 0) - y.r[i]
        out.append(below + hat * d + (1 - 2 * hat) * (apart * own[i] - own_delta[i]))
    return [Share(out, x.bits, x.shape)]
    yield


# 3.2, 3.4 Bits


def open_bits_dealer(d, entries, inputs):
    out = []
    for e, b in zip(entries, inputs):
        [a], [c] = d.draw([(size(b.shape), 1)])
        own = [p ^ q for p, q in zip(a, c)]
        if e["in_ring"]:
            d.ship([(own, d.p["n"])])
        out.append(Opened(None, own, None, b.shape))
    return out


def open_bits_server(s, entries, inputs):
    held = []
    for e, b in zip(entries, inputs):
        [own] = s.draw([(len(b.x), 1)])
        ring = s.dealt([(len(b.x), s.p["n"])])[0] if e["in_ring"] else None
        held.append(([x ^ y for x, y in zip(b.x, own)], own, ring))
    peer = yield [(masked, 1) for masked, *_ in held]
    return [
        Opened([x ^ y for x, y in zip(masked, theirs)], own, ring, b.shape)
        for b, (masked, own, ring), theirs in zip(inputs, held, peer)
    ]


def open_with_bits_dealer(d, entries, inputs):
    values, bits = split(entries, inputs)
    open_dealer(d, *values)
    open_bits_dealer(d, *bits)


def open_with_bits_server(s, entries, inputs):
    """Both lists in one round, the values first."""
    values, bits = split(entries, inputs)
    wires, opened = open_server(s, *values), open_bits_server(s, *bits)
    first, second = next(wires), next(opened)
    peer = yield first + second
    return ended(wires, peer[:len(first)]) + ended(opened, peer[len(first):])


def split(entries, inputs):
    count = sum("lifted" in e for e in entries)
    return (entries[:count], inputs[:count]), (entries[count:], inputs[count:])


def ended(server, peer):
    try:
        server.send(peer)
    except StopIteration as end:
        return end.value
    raise AssertionError("an opening takes one round")


def and_dealer(d, entries, inputs):
    planes = subsets(range(len(inputs)), 2)
    d.ship([([int(all(bits)) for bits in zip(*(inputs[i].own for i in chosen))], 1) for chosen in planes])


def and_server(s, entries, inputs):
    planes, count = subsets(range(len(inputs)), 2), len(inputs[0].hat)
    products, out = dict(zip(planes, s.dealt([(count, 1)] * len(planes)))), []
    for at in range(count):
        hats = [b.hat[at] ^ flip for b, flip in zip(inputs, entries[0]["flips"])]
        out.append(and_all(s, hats, [b.own[at] for b in inputs], {c: plane[at] for c, plane in products.items()}))
    return [Bits(out, inputs[0].shape)]
    yield


def and_all(s, hats, owns, products):
    """The AND of open bits, one input after the other: of the masks' products those with it and those without."""
    fold = dict(products)
    fold[frozenset()] = int(s.b == 0)
    fold.update({frozenset([i]): own for i, own in enumerate(owns)})
    for i, hat in enumerate(hats):
        fold = {chosen: hat & x ^ fold[chosen | {i}] for chosen, x in fold.items() if i not in chosen}
    return fold[frozenset()]


def xor_server(s, entries, inputs):
    a, b = inputs
    return [Bits([x ^ y for x, y in zip(a.x, b.x)], a.shape)]
    yield


def share_bits_server(s, entries, inputs):
    [b] = inputs
    x = [(hat if s.b == 0 else 0) + (1 - 2 * hat) * r for hat, r in zip(b.hat, b.ring)]
    return [Share(x, s.p["n"], b.shape)]
    yield


# 3.4 Winner of a row


def contests(rows, classes):
    """For every row and candidate its pairs in order: where their bit lies, and whether it counts complemented."""
    pairs = list(combinations(range(classes), 2))
    return [
        [(q * rows + row, pair[1] == x) for q, pair in enumerate(pairs) if x in pair]
        for row in range(rows) for x in range(classes)
    ]


def winner_dealer(d, entries, inputs):
    [y] = inputs
    rows, classes = y.shape
    pair_signs_dealer(d, entries, inputs)
    [c] = open_bits_dealer(d, [{"in_ring": False}], [Bits(None, [classes * (classes - 1) // 2, rows])])
    lists = contests(rows, classes)
    planes = subsets(range(classes - 1), 2)
    d.ship([([int(all(c.own[of[i][0]] for i in chosen)) for of in lists], 1) for chosen in planes])
    return [Bits(None, y.shape)]


def winner_server(s, entries, inputs):
    [y] = inputs
    rows, classes = y.shape
    c = yield from pair_signs_server(s, entries, inputs)
    [c] = yield from open_bits_server(s, [{"in_ring": False}], c)
    planes = subsets(range(classes - 1), 2)
    products = dict(zip(planes, s.dealt([(rows * classes, 1)] * len(planes))))
    won = []
    for at, of in enumerate(contests(rows, classes)):
        hats, owns = [c.hat[where] ^ flip for where, flip in of], [c.own[where] for where, _ in of]
        won.append(and_all(s, hats, owns, {chosen: plane[at] for chosen, plane in products.items()}))
    return [Bits(won, y.shape)]


# 3.7 Ranges


def partner(e, at):
    """The element that is subtracted: in the same row, so many columns further."""
    row = at // e["cols"] * e["cols"]
    return row + (at - row + e["turn"]) % e["cols"]


def sample_server(s, entries, inputs):
    [e], y = entries, inputs[0]
    minus, kept = inputs[1] if e["difference"] else None, inputs[-1] if e["kept"] else None

    def taken(values, others, held):
        places = [e["at"] + i * e["stride"] for i in range(e["count"])]
        return held + [values[at] - (others[partner(e, at)] if others else 0) for at in places]

    hat = taken(y.hat, minus and minus.hat, kept.hat if kept else [])
    r = taken(y.r, minus and minus.r, kept.r if kept else [])
    hat, r = ([v & mask(y.bits) for v in x] for x in (hat, r))
    return [Wire(hat, r, y.bits, y.lifted and minus is None, [len(hat)])]
    yield


def range_window(bits):
    """t and k: the top bits of the wire's ring."""
    k = min(bits - bits % 4, 12)
    return bits - k, k


def outside_dealer(d, entries, inputs):
    wires = []
    for y in inputs:
        t, k = range_window(y.bits)
        wires.append(([(r & mask(y.bits)) >> t for r in y.r], k, 2))
    compare_dealer(d, wires)


def outside_server(s, entries, inputs):
    wires, turned = [], []
    for e, y in zip(entries, inputs):
        t, k = range_window(y.bits)
        bound = -(-e["bound"] >> t) << t
        values = [v - (y.lift() if y.lifted else 0) for v in y.hat]
        low, high = ([(v - c & mask(y.bits)) >> t for v in values] for c in (-bound, bound + (1 << t)))
        wires.append(([low, high], k))
        # what is between the two, around the ring: P0 turns over where they come in this order
        turned.append([int(a <= b) if s.b == 0 else 0 for a, b in zip(high, low)])
    bits, out = (yield from compare_server(s, wires)), []
    for y, flips in zip(inputs, turned):
        a, b = bits.pop(0), bits.pop(0)
        out.append(Bits([p ^ q ^ flip for p, q, flip in zip(a, b, flips)], y.shape))
    return out


def count_server(s, entries, inputs):
    [e] = entries
    bits, before = (inputs[:-1], inputs[-1]) if e["before"] else (inputs, None)
    counts = [sum((hat if s.b == 0 else 0) + (1 - 2 * hat) * r for hat, r in zip(b.hat, b.ring)) for b in bits]
    return [Share([x + (before.x[i] if before else 0) for i, x in enumerate(counts)], s.p["n"], [len(counts)])]
    yield
