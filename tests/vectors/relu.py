#!/usr/bin/env python3
"""The worked example of docs/protocols.md, section 5: a ReLU of one value on a small ring, step by step.

    python3 tests/vectors/relu.py    prints the tables of that section

Every line is computed here from the page's formulas. What the gates in protocol/ make of the same seeds is compared with it.
"""

import sys

sys.dont_write_bytecode = True

from check import converse  # noqa: E402
from protocol import compare, linear  # noqa: E402
from protocol.conventions import Dealer, Server, Share, chacha12, cut, demand, frame_bytes, mask, signed, unpack  # noqa: E402

N, L, F, T, H = 16, 12, 4, 2, 10
PROFILE = {"n": N, "l": L, "f": F, "t": T, "h": H}
SEEDS = [bytes(range(32)), bytes(range(32, 64))]
LIFT, HIGH = 1 << (L - 2), N - L


def drawn(seed, stream, layout):
    """The items of a draw, each of one element."""
    return [item[0] for item in unpack(chacha12(SEEDS[seed], stream, frame_bytes(layout)), layout)]


def mask_of(stream, bits):
    return [drawn(b, stream, [(1, bits)])[0] for b in (0, 1)]


def deal(stream, items):
    """The halves of what is dealt: server 0's draw, and the correction for server 1. Tables and planes by XOR."""
    own = drawn(0, stream, [(1, bits) for _, bits, _ in items])
    return [(d, v ^ d if xor else v - d & mask(bits)) for (v, bits, xor), d in zip(items, own)]


def binary(x, bits):
    return f"{x:0{bits}b}"


class Table:
    def __init__(self):
        self.rows = []

    def row(self, step, what, p0, p1, both):
        self.rows.append(f"| {step} | {what} | {p0} | {p1} | {both} |")

    def text(self):
        return "\n".join(["| step | | P0 | P1 | together |", "|---|---|---|---|---|"] + self.rows)


def relu(z, z_0):
    """The table for one value; the two halves of the result's operand."""
    out, zs = Table(), [z_0, z - z_0 & mask(N)]
    out.row("", f"z, 8 fraction bits, mod 2^{N}", *zs, f"{z}, that is {z / 2 ** (2 * F)}")

    # 2.1, 2.2: cut f bits, open under rho; stream 0
    ts = [cut(b, v, F) for b, v in enumerate(zs)]
    rho = mask_of(0, L)
    y = signed(sum(ts), L)
    out.row("2.1", f"t_0 = z_0 >> {F}, t_1 = up(z_1, {F})", *ts, f"y = {y}, that is {y / 2**F}")
    out.row("2.2", f"draw 0: rho, mod 2^{L}", *rho, f"rho = {sum(rho) & mask(L)}")
    sent = [ts[0] + rho[0] + LIFT & mask(L), ts[1] + rho[1] & mask(L)]
    y_hat, rho_sum = sum(sent) & mask(L), sum(rho) & mask(L)
    out.row("2.2", f"**round 1** sends t_b + rho_b (P0: + {LIFT})", *sent, f"y_hat = {y_hat}, public")
    whole, a = y_hat - LIFT, y_hat - LIFT & mask(L)

    # 3.1: the windows of A and rho, two digits; streams 1 and 2
    k = H - T
    window, rho_window = a >> T & mask(k), rho_sum >> T & mask(k)
    digits, rho_digits = [window >> 4 * j & 15 for j in (0, 1)], [rho_window >> 4 * j & 15 for j in (0, 1)]
    a_h, rho_h = a >> H & 1, rho_sum >> H & 1
    out.row("3.1", f"A = y_hat - {LIFT} mod 2^{L}; digits of A[{T}..{H})", "", "",
            f"A = {a}, A[{H}] = {a_h}; a_1 = {digits[1]}, a_0 = {digits[0]}")
    pads = [drawn(b, 1, [(1, 1)] * 2) for b in (0, 1)]
    alpha, beta = pads[0][0] ^ pads[1][0], pads[0][1] ^ pads[1][1]
    out.row("3.1", "draw 1: alpha_1, beta_0", *(f"{p[0]}, {p[1]}" for p in pads), f"{alpha}, {beta}")
    items = [(1 << rho_digits[0], 16, True), (1 << rho_digits[1], 16, True), (rho_h, 1, True), (alpha & beta, 1, True)]
    tables = deal(2, items)
    for j in (0, 1):
        out.row("3.1", f"dealt, draw 2: H_{j}, bit 15 first", *(f"`{binary(v, 16)}`" for v in tables[j]),
                f"bit {rho_digits[j]}: digit {j} of rho")
    out.row("3.1", f"dealt, draw 2: rho[{H}], beta_0 alpha_1", *(f"{tables[2][b]}, {tables[3][b]}" for b in (0, 1)),
            f"{rho_h}, {alpha & beta}")
    eq = [[tables[j][b] >> digits[j] & 1 for b in (0, 1)] for j in (0, 1)]
    lt = [[bin(tables[j][b] >> digits[j] >> 1).count("1") & 1 for b in (0, 1)] for j in (0, 1)]
    out.row("3.1", f"eq_1, lt_1 = H_1[{digits[1]}], XOR of the bits above", *(f"{eq[1][b]}, {lt[1][b]}" for b in (0, 1)),
            f"{eq[1][0] ^ eq[1][1]}, {lt[1][0] ^ lt[1][1]}")
    out.row("3.1", f"lt_0 = XOR of H_0's bits above {digits[0]}", *lt[0], lt[0][0] ^ lt[0][1])
    said = [(eq[1][b] ^ pads[b][0], lt[0][b] ^ pads[b][1]) for b in (0, 1)]
    e, low = said[0][0] ^ said[1][0], said[0][1] ^ said[1][1]
    out.row("3.1", "**round 2** sends eq_1 ^ alpha_1, lt_0 ^ beta_0", *(f"{p}, {q}" for p, q in said),
            f"e_1 = {e}, l_0 = {low}, public")
    # the empty set: P0 has l_0, and each its own beta; the set {1}: alpha_1 and the product
    less = [lt[1][b] ^ (e & ((low if b == 0 else 0) ^ pads[b][1])) ^ (low & pads[b][0] ^ tables[3][b]) for b in (0, 1)]
    out.row("3.1", "[lt] = [lt_1] ^ e_1 (l_0 ^ [beta_0]) ^ l_0 [alpha_1] ^ [beta_0 alpha_1]", *less, less[0] ^ less[1])
    bits = [(1 ^ a_h if b == 0 else 0) ^ tables[2][b] ^ less[b] for b in (0, 1)]
    out.row("3.1", f"[b] = 1 ^ A[{H}] ^ [rho[{H}]] ^ [lt]", *bits, f"b = {bits[0] ^ bits[1]}")

    # 3.2: open b under lambda, streams 3 and 4; select, stream 5
    own = mask_of(3, 1)
    chosen = own[0] ^ own[1]
    out.row("3.2", "draw 3: lambda", *own, f"lambda = {chosen}")
    [ring] = deal(4, [(chosen, N, False)])
    out.row("3.2", f"dealt, draw 4: lambda, mod 2^{N}", *ring, f"{chosen}")
    hats = [bits[b] ^ own[b] for b in (0, 1)]
    b_hat = hats[0] ^ hats[1]
    out.row("3.2", "**round 3** sends b ^ lambda", *hats, f"b_hat = {b_hat}, public")
    kappa, mu = sum(rho) >> L, rho_sum >> (L - 1)
    dealt = deal(5, [(kappa, HIGH, False), (mu, HIGH, False), (chosen * rho_sum, N, False), (chosen * mu, HIGH, False)])
    out.row("2.3", f"dealt, draw 5: kappa, mu, mod 2^{HIGH}", *(f"{dealt[0][b]}, {dealt[1][b]}" for b in (0, 1)), f"{kappa}, {mu}")
    out.row("3.2", f"dealt, draw 5: lambda rho, mod 2^{N}; lambda mu, mod 2^{HIGH}",
            *(f"{dealt[2][b]}; {dealt[3][b]}" for b in (0, 1)), f"{chosen * rho_sum}; {chosen * mu}")
    m = y_hat >> (L - 1)
    ys = [(whole if b == 0 else 0) - rho[b] + (dealt[0][b] + (1 - m) * dealt[1][b] << L) & mask(N) for b in (0, 1)]
    out.row("2.3", f"[y] = I - [rho] + 2^{L} ([kappa] + (1 - m) [mu]); I = {whole}, m = {m}", *ys, signed(sum(ys), N))
    masked = [whole * ring[b] - dealt[2][b] + ((1 - m) * dealt[3][b] << L) & mask(N) for b in (0, 1)]
    out.row("3.2", f"[lambda y] = I [lambda] - [lambda rho] + 2^{L} (1 - m) [lambda mu]", *masked, signed(sum(masked), N))
    by = [b_hat * ys[b] + (1 - 2 * b_hat) * masked[b] & mask(N) for b in (0, 1)]
    out.row("3.2", "[b y] = b_hat [y] + (1 - 2 b_hat) [lambda y]", *by, signed(sum(by), N))

    # 1.1: the next operand; stream 6
    r = mask_of(6, N)
    out.row("1.1", f"draw 6: R, mod 2^{N}", *r, f"R = {sum(r) & mask(N)}")
    last = [by[b] + r[b] & mask(N) for b in (0, 1)]
    hat = sum(last) & mask(N)
    out.row("1.1", "**round 4** sends b y + R", *last, f"X_hat = {hat}, public")
    out.row("", f"X_hat - R mod 2^{N}, which nobody computes", "", "", f"{signed(hat - sum(r), N)}, that is {signed(hat - sum(r), N) / 2**F}")
    check(zs, sent, said, hats, last, hat)
    value = signed(hat - sum(r), N)
    public = (y_hat, f"{e}, {low}", b_hat, hat)
    return out, f"| {' | '.join(str(x) for x in (z, y, *public, bits[0] ^ bits[1], value))} |"


def check(zs, sent, said, hats, last, hat):
    """The same ReLU by the gates of the checker: the same messages, the same operand."""
    dealer = Dealer(PROFILE, SEEDS, 0)
    product, operand = [{"cut": F, "bits": L, "lifted": True}], [{"cut": 0, "bits": N, "lifted": False}]
    window, ring = [{"window": {"t": T, "h": H}}], [{"in_ring": True}]

    def rho(number, bits):
        return [sum(drawn(b, number, [(1, bits)])[0] for b in (0, 1))]

    y = linear.Wire(None, rho(0, L), L, True, [1])
    linear.open_dealer(dealer, product, [Share([], N, [1])])
    compare.sign_dealer(dealer, window, [y])
    bit = compare.open_bits_dealer(dealer, ring, [compare.Bits(None, [1])])
    linear.select_dealer(dealer, None, [bit[0], y])
    linear.open_dealer(dealer, operand, [Share([], N, [1])])

    def server(b):
        s = Server(b, PROFILE, SEEDS[b], 0, dealer.shipped)
        y = yield from linear.open_server(s, product, [Share([zs[b]], N, [1])])
        bit = yield from compare.sign_server(s, window, y)
        bit = yield from compare.open_bits_server(s, ring, bit)
        chosen = yield from linear.select_server(s, None, [bit[0], y[0]])
        out = yield from linear.open_server(s, operand, chosen)
        return out

    rounds, out = converse([server(0), server(1)])
    found = [[[v for item in message.items for v in item] for message in both] for both in rounds]
    demand(found == [[[x] for x in sent], [list(x) for x in said], [[x] for x in hats], [[x] for x in last]], "other messages")
    demand(all(wire[0].hat == [hat] for wire in out), "another operand")


def main():
    table, positive = relu(392, 51_234)
    _, negative = relu(-300, 7_061)
    print(table.text())
    print()
    print("| z | y | y_hat | e_1, l_0 | b_hat | X_hat | b | result |")
    print("|---|---|---|---|---|---|---|---|")
    print(positive)
    print(negative)


if __name__ == "__main__":
    main()
