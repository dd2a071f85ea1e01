"""Sections 1 and 2: openings, products, what is local, extension, selection, rescaling."""

from .conventions import Share, Wire, chacha12, cut, mask, size

# 1.1, 2.2 Openings


def open_dealer(d, entries, inputs):
    for e, x in zip(entries, inputs):
        d.draw([(size(x.shape), e["bits"])])


def open_server(s, entries, inputs):
    asked, masks = [], []
    for e, x in zip(entries, inputs):
        [r] = s.draw([(len(x.x), e["bits"])])
        lift = 1 << (e["bits"] - 2) if e["lifted"] and s.b == 0 else 0
        t = [cut(s.b, v, e["cut"]) + m + lift & mask(e["bits"]) for v, m in zip(x.x, r)]
        asked.append((t, e["bits"]))
        masks.append(r)
    peer = yield asked
    out = []
    for e, x, (mine, bits), theirs, r in zip(entries, inputs, asked, peer, masks):
        hat = [a + b & mask(bits) for a, b in zip(mine, theirs)]
        out.append(Wire(hat, r, bits, e["lifted"], x.shape))
    return out


# 1.1 Product


def matrix(x, shape, transposed):
    rows, cols = shape
    x = [x[i * cols:(i + 1) * cols] for i in range(rows)]
    return [list(col) for col in zip(*x)] if transposed else x


def multiply(e, x, x_shape, w, w_shape):
    """The bilinear map of two operands, and its shape."""
    if "of" in e:
        return convolve(e, x, w, x_shape[0])
    if "step" in e:
        return [v * w[i // e["step"] % len(w)] for i, v in enumerate(x)], x_shape
    if "chunk" in e:
        return chunks(e, [a * b for a, b in zip(x, w)])
    a = matrix(x, x_shape, e["layout"] == "x^T w")
    b = matrix(w, w_shape, e["layout"] != "x w^T")
    return [sum(p * q for p, q in zip(row, col)) for row in a for col in b], [len(a), len(b)]


def chunks(e, x):
    """Sums over chunks of rows, column by column, and their shape."""
    cols, rows = e["cols"], e["cols"] * e["chunk"]
    parts = [x[i:i + rows] for i in range(0, len(x), rows)]
    sums = [sum(part[j::cols]) for part in parts for j in range(cols)]
    return sums, [cols] if len(parts) == 1 else [len(parts), cols]


def under(e):
    """For every position and every tap of a filter, the row and column of the image under it, where there is one."""
    (height, width), (rows, columns), gap = e["image"], positions(e), e.get("gap", [1, 1])
    apart = e.get("dilation", [1, 1])
    for y in range(rows):
        for x in range(columns):
            for i in range(e["kernel"][0]):
                for j in range(e["kernel"][1]):
                    u = y * e["stride"][0] - e["padding"][0] + i * apart[0]
                    v = x * e["stride"][1] - e["padding"][1] + j * apart[1]
                    if u % gap[0] == v % gap[1] == 0 and 0 <= u // gap[0] < height and 0 <= v // gap[1] < width:
                        yield y * columns + x, i * e["kernel"][1] + j, u // gap[0] * width + v // gap[1]


def positions(e):
    return e.get("positions") or [
        (e["image"][a] + 2 * e["padding"][a] - e["kernel"][a]) // e["stride"][a] + 1 for a in (0, 1)
    ]


def convolve(e, x, w, batch):
    """Forward, or the gradient by the filter or by the images."""
    c, outputs = e["channels"], e["outputs"]
    pixels, places, taps = size(e["image"]), size(positions(e)), size(e["kernel"])
    shape = {
        "images and filter": [batch, places * outputs],
        "images and gradient": [taps * c, outputs],
        "gradient and filter": [batch, pixels * c],
    }[e["of"]]
    out = [0] * size(shape)
    for n in range(batch):
        for place, tap, pixel in under(e):
            for p in range(c):
                for q in range(outputs):
                    image, weight = (n * pixels + pixel) * c + p, (tap * c + p) * outputs + q
                    output = (n * places + place) * outputs + q
                    if e["of"] == "images and filter":
                        out[output] += x[image] * w[weight]
                    elif e["of"] == "images and gradient":
                        out[weight] += x[image] * w[output]
                    else:
                        out[image] += x[output] * w[weight]
    return out, shape


def product_dealer(d, entries, inputs):
    x, w = inputs
    c, _ = multiply(entries[0], x.r, x.shape, w.r, w.shape)
    d.ship([(c, d.p["n"])])


def product_server(s, entries, inputs):
    (x, w), n = inputs, s.p["n"]
    half = [(v if s.b == 0 else 0) - r for v, r in zip(w.hat, w.r)]
    first, shape = multiply(entries[0], x.hat, x.shape, half, w.shape)
    second, _ = multiply(entries[0], x.r, x.shape, w.hat, w.shape)
    [c] = s.dealt([(len(first), n)])
    return [Share([a - b + c for a, b, c in zip(first, second, c)], n, shape)]
    yield


convolution_dealer, convolution_server = product_dealer, product_server
dot_dealer, dot_server = product_dealer, product_server
scale_dealer, scale_server = product_dealer, product_server


# 1.1, 2.4, 3.6 What is local


def narrow_server(s, entries, inputs):
    return [Share([cut(s.b, v, entries[0]["cut"]) for v in inputs[0].x], s.p["n"], inputs[0].shape)]
    yield


def add_row_server(s, entries, inputs):
    z, row = inputs
    return [Share([v + row.x[i % len(row.x)] for i, v in enumerate(z.x)], z.bits, z.shape)]
    yield


def half_of(s, wire):
    return [(v if s.b == 0 else 0) - r for v, r in zip(wire.hat, wire.r)]


def share_server(s, entries, inputs):
    [x] = inputs
    return [Share(half_of(s, x), x.bits, x.shape)]
    yield


def box_sums(e, x, batch):
    c, pixels, places = e["channels"], size(e["image"]), size(e["positions"])
    out = [0] * (batch * places * c)
    for n in range(batch):
        for place, _, pixel in under(e):
            for p in range(c):
                out[(n * places + place) * c + p] += x[(n * pixels + pixel) * c + p]
    return out


def box_sum_server(s, entries, inputs):
    [x], e = inputs, entries[0]
    batch = x.shape[0]
    shape = [batch, size(e["positions"]) * e["channels"]]
    if isinstance(x, Share):
        return [Share(box_sums(e, x.x, batch), x.bits, shape)]
    hat, r = ([v & mask(x.bits) for v in box_sums(e, part, batch)] for part in (x.hat, x.r))
    # one value a box is a wire like the one it is of
    return [Wire(hat, r, x.bits, x.lifted and e["kernel"] == [1, 1], shape)]
    yield


def dropout_server(s, entries, inputs):
    [x], e = inputs, entries[0]
    count = size(x.shape)
    coins = chacha12(bytes.fromhex(e["seed"]), int(e["stream"]), 4 * count)
    kept = [int.from_bytes(coins[4 * i : 4 * i + 4], "little") < e["below"] for i in range(count)]
    if isinstance(x, Share):
        return [Share([v * k for v, k in zip(x.x, kept)], x.bits, x.shape)]
    hat, r = ([v * k for v, k in zip(part, kept)] for part in (x.hat, x.r))
    return [Wire(hat, r, x.bits, x.lifted, x.shape)]
    yield


def sum_rows_server(s, entries, inputs):
    [x] = inputs
    cols, half = entries[0]["cols"], half_of(s, x)
    return [Share([sum(half[j::cols]) << entries[0]["shift"] for j in range(cols)], x.bits, [cols])]
    yield


def sum_chunks_server(s, entries, inputs):
    [x] = inputs
    sums, shape = chunks(entries[0], x.x)
    return [Share(sums, x.bits, shape)]
    yield


def combine_server(s, entries, inputs):
    (x, y), e = inputs, entries[0]
    return [Share([e["kx"] * a + e["ky"] * b for a, b in zip(x.x, y.x)], x.bits, x.shape)]
    yield


# 2.3 Extension, 3.2 select


def carry(y):
    """kappa and mu of a mask."""
    return [r >> y.bits for r in y.r], [r >> (y.bits - 1) & 1 for r in y.r]


def public(y, i):
    """I as an integer, and 1 - m."""
    return y.hat[i] - y.lift(), 1 - (y.hat[i] >> (y.bits - 1))


def extended(s, y, kappa, mu):
    out = []
    for i, r in enumerate(y.r):
        whole, n = public(y, i)
        out.append((whole if s.b == 0 else 0) - r + ((kappa[i] + n * mu[i]) << y.bits))
    return out


def extend_dealer(d, entries, inputs):
    [y] = inputs
    kappa, mu = carry(y)
    high = d.p["n"] - y.bits
    d.ship([(kappa, high), (mu, high)])


def extend_server(s, entries, inputs):
    [y], n = inputs, s.p["n"]
    kappa, mu = s.dealt([(len(y.hat), n - y.bits)] * 2)
    return [Share(extended(s, y, kappa, mu), n, y.shape)]
    yield


def select_dealer(d, entries, inputs):
    b, y = inputs
    (kappa, mu), n, high = carry(y), d.p["n"], d.p["n"] - y.bits
    rho = [r & mask(y.bits) for r in y.r]
    d.ship([
        (kappa, high),
        (mu, high),
        ([a * r for a, r in zip(b.own, rho)], n),
        ([a * m for a, m in zip(b.own, mu)], high),
    ])


def select_server(s, entries, inputs):
    (b, y), n, count = inputs, s.p["n"], len(inputs[1].hat)
    high = n - y.bits
    kappa, mu, lambda_rho, lambda_mu = s.dealt([(count, high), (count, high), (count, n), (count, high)])
    out = []
    for i, v in enumerate(extended(s, y, kappa, mu)):
        whole, m = public(y, i)
        masked = whole * b.ring[i] - lambda_rho[i] + (m * lambda_mu[i] << y.bits)
        out.append(b.hat[i] * v + (1 - 2 * b.hat[i]) * masked)
    return [Share(out, n, y.shape)]
    yield


# 2.5 Rescale


def rescale_dealer(d, entries, inputs):
    for e, x in zip(entries, inputs):
        count = size(x.shape)
        [a], [b] = d.draw([(count, 1)])
        d.ship([([p & q for p, q in zip(a, b)], 64 - e["bits"] + e["shift"])])


def rescale_server(s, entries, inputs):
    held = []
    for e, x in zip(entries, inputs):
        n, count = e["bits"], len(x.x)
        [alpha] = s.draw([(count, 1)])
        [both] = s.dealt([(count, 64 - n + e["shift"])])
        lifted = [v * e["scale"] + (1 << (n - 2) if s.b == 0 else 0) & mask(n) for v in x.x]
        held.append((lifted, alpha, both, [v >> (n - 1) ^ a for v, a in zip(lifted, alpha)]))
    peer = yield [(u, 1) for *_, u in held]
    out = []
    for e, x, (lifted, alpha, both, asked), theirs in zip(entries, inputs, held, peer):
        n, k, y = e["bits"], e["shift"], []
        for v, a, p, u, w in zip(lifted, alpha, both, asked, theirs):
            product = (u * w if s.b == 0 else 0) + w * (1 - 2 * u) * a + (1 - 2 * u) * (1 - 2 * w) * p
            wrap = (v >> (n - 1)) - product
            t = cut(s.b, v, k) if k > 0 else v << -k
            t -= (wrap << (n - k)) + (1 << (n - 2 - k) if s.b == 0 else 0)
            y.append(e["times"] * t)
        out.append(Share(y, 64, x.shape))
    return out
