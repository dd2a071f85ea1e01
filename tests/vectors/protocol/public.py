"""0.6 and 0.4: keys of labels, the order of rows, initial weights; seeds of sessions."""

import math
import struct

from .conventions import M32, QUARTERS, chacha12, demand, unpack


def public_seed(seed, label):
    return blake3_derive("ppdnn 2026 public choices", int(seed).to_bytes(8, "little") + label.encode())


def session_seed(s):
    """A server's seed, from the parts of dealer and server."""
    dealer, server, agreed = (bytes.fromhex(s[key]) for key in ("dealer_part", "server_part", "agreed"))
    numbers = int(s["server"]).to_bytes(1, "little") + int(s["session"]).to_bytes(8, "little")
    return blake3_derive("ppdnn 2026 seed of a server's session", dealer + server + numbers + agreed)


def batches(seed, rows, batch, epoch):
    """Fisher and Yates from the last row down, then batches, each ascending."""
    order = list(range(rows))
    [numbers] = unpack(chacha12(public_seed(seed, "shuffle"), epoch, 8 * rows), [(rows, 64)])
    for i in range(rows - 1, 0, -1):
        j = numbers[i] % (i + 1)
        order[i], order[j] = order[j], order[i]
    return [sorted(order[i:i + batch]) for i in range(0, rows, batch)]


def weights(i):
    """A number from two words by Box and Muller, times the deviation, with 32 fraction bits; biases are 0."""
    out = []
    for stream, (inputs, outputs) in enumerate(i["sizes"]):
        count = inputs * outputs
        [words] = unpack(chacha12(public_seed(i["seed"], "initial weights"), stream, 8 * count), [(2 * count, 32)])
        for a, b in zip(words[::2], words[1::2]):
            u, v = (a + 0.5) * 2.0**-32, (b + 0.5) * 2.0**-32
            normal = math.sqrt(-2.0 * math.log(u)) * math.cos(2.0 * math.pi * v)
            x = {
                "he": normal * math.sqrt(2.0 / inputs),
                "glorot": normal * math.sqrt(2.0 / (inputs + outputs)),
                "uniform": (2.0 * u - 1.0) / math.sqrt(inputs),
            }[i["init"]] * 2.0**32
            out.append(int(math.copysign(math.floor(abs(x) + 0.5), x)))
        out += [0] * outputs
    return out


def blake3_derive(context, material):
    """BLAKE3 in its mode `derive_key`, for inputs of up to one chunk of 1024 bytes."""
    key = blake3_chunk(BLAKE3_IV, context.encode(), 1 << 5)
    return struct.pack("<8I", *blake3_chunk(key, material, 1 << 6))


BLAKE3_IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
BLAKE3_ORDER = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)


def blake3_chunk(key, data, mode):
    demand(len(data) <= 1024, "an input of more than one chunk")
    blocks = [data[i:i + 64] for i in range(0, len(data), 64)] or [b""]
    chain = tuple(key)
    for at, block in enumerate(blocks):
        last = at + 1 == len(blocks)
        flags = mode | (1 if at == 0 else 0) | (2 | 8 if last else 0)
        words = list(struct.unpack("<16I", block.ljust(64, b"\0")))
        x = [*chain, *BLAKE3_IV[:4], 0, 0, len(block), flags]
        for _ in range(7):
            for i, (a, b, c, d) in enumerate(QUARTERS):
                for (turn_d, turn_b), word in zip(((16, 12), (8, 7)), words[2 * i:2 * i + 2]):
                    x[a] = (x[a] + x[b] + word) & M32
                    x[d] = turned(x[d] ^ x[a], turn_d)
                    x[c] = (x[c] + x[d]) & M32
                    x[b] = turned(x[b] ^ x[c], turn_b)
            words = [words[i] for i in BLAKE3_ORDER]
        chain = tuple(p ^ q for p, q in zip(x[:8], x[8:]))
    return chain


def turned(x, by):
    return x >> by | x << (32 - by) & M32
