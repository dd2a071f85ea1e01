"""0.2 to 0.4 and 2.1: randomness, packing, who rounds how; the parties, and what a value is to each."""

import struct
from functools import lru_cache


class Wrong(Exception):
    """Something is not what it should be."""


def demand(is_right, what):
    if not is_right:
        raise Wrong(what)


@lru_cache(maxsize=4096)
def chacha12(seed, stream, length, block=0):
    """The first `length` bytes of a key stream from a block on: a block counter, below 2^32 here, and a 64-bit stream number."""
    key = struct.unpack("<8I", seed)
    out = bytearray()
    while len(out) < length:
        start = [*CONSTANTS, *key, block & M32, block >> 32, stream & M32, stream >> 32]
        x = list(start)
        for _ in range(6):
            for a, b, c, d in QUARTERS:
                for p, q, r, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
                    x[p] = (x[p] + x[q]) & M32
                    y = x[r] ^ x[p]
                    x[r] = (y << turn | y >> (32 - turn)) & M32
        out += struct.pack("<16I", *((a + b) & M32 for a, b in zip(x, start)))
        block += 1
    return bytes(out[:length])


M32 = 0xFFFFFFFF
CONSTANTS = (0x61707865, 0x3320646E, 0x79622D32, 0x6B206574)
QUARTERS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
            (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))


def mask(bits):
    return (1 << bits) - 1


def signed(x, bits):
    x &= mask(bits)
    return x - (x >> (bits - 1) << bits)


def item_bytes(count, bits):
    """Bytes of an item: whole words."""
    return (count * bits + 31) // 32 * 4


def frame_bytes(layout):
    return sum(item_bytes(*item) for item in layout)


def unpack(data, layout):
    """The items of a frame; a layout lists their counts and bits."""
    items, at = [], 0
    for count, bits in layout:
        text = int.from_bytes(data[at:at + item_bytes(count, bits)], "little")
        items.append([text >> (i * bits) & mask(bits) for i in range(count)])
        at += item_bytes(count, bits)
    return items


def pack(x, bits):
    text = sum((x & mask(bits)) << (i * bits) for i, x in enumerate(x))
    return text.to_bytes(item_bytes(len(x), bits), "little")


def up(x, k):
    return (x >> k) + (x & mask(k) != 0)


def cut(b, x, k):
    """P0 shifts, P1 rounds up."""
    return up(x, k) if b else x >> k


class Message:
    """What should be sent or drawn: items with their bits."""

    def __init__(self, items, layout):
        self.items, self.layout = items, layout


class Dealer:
    """Has both seeds; writes down what the servers draw and what it ships."""

    def __init__(self, profile, seeds, number):
        self.p, self.seeds, self.number = profile, seeds, number
        self.streams, self.shipped = [], []

    def draw(self, layout):
        """Both servers' draws, items of each."""
        data = [chacha12(seed, self.number, frame_bytes(layout)) for seed in self.seeds]
        items = [unpack(d, layout) for d in data]
        self.streams.append((self.number, [Message(i, layout) for i in items], None))
        self.number += 1
        return items

    def ship(self, frame):
        """Sends server 1 the items `(values, bits)` less server 0's draw; with a third member, XOR."""
        layout = [(len(item[0]), item[1]) for item in frame]
        own = unpack(chacha12(self.seeds[0], self.number, frame_bytes(layout)), layout)
        correction = [
            [(v ^ d if rest else v - d) & mask(bits) for v, d in zip(values, drawn)]
            for (values, bits, *rest), drawn in zip(frame, own)
        ]
        self.streams.append((self.number, [Message(own, layout)], Message(correction, layout)))
        self.shipped.append((correction, layout))
        self.number += 1


class Server:
    """Has its own seed and what the dealer ships."""

    def __init__(self, b, profile, seed, number, shipped):
        self.b, self.p, self.seed, self.number, self.shipped = b, profile, seed, number, list(shipped)

    def draw(self, layout):
        data = chacha12(self.seed, self.number, frame_bytes(layout))
        self.number += 1
        return unpack(data, layout)

    def dealt(self, layout):
        """P0 draws its half of a frame, P1 is sent it."""
        if self.b == 0:
            return self.draw(layout)
        items, shipped = self.shipped.pop(0)
        self.number += 1
        demand(shipped == layout, f"the dealer ships {shipped}, server 1 expects {layout}")
        return items


# Values. What is shared is a list of integers in [0, 2^bits) or of bits; a dealer has masks and shapes.


class Share:
    def __init__(self, x, bits, shape):
        self.x, self.bits, self.shape = [v & mask(bits) for v in x], bits, list(shape)


class Wire:
    """`hat` and a server's own half `r` of the mask; at the dealer `r` is the sum of both halves, not reduced."""

    def __init__(self, hat, r, bits, lifted, shape):
        self.hat, self.r, self.bits, self.lifted, self.shape = hat, r, bits, lifted, list(shape)

    def lift(self):
        return 1 << (self.bits - 2)


class Bits:
    def __init__(self, x, shape):
        self.x, self.shape = x, list(shape)


class Opened:
    """Opened bits, a server's own half of their masks and of the masks in the ring; at the dealer the masks."""

    def __init__(self, hat, own, ring, shape):
        self.hat, self.own, self.ring, self.shape = hat, own, ring, list(shape)


def size(shape):
    out = 1
    for n in shape:
        out *= n
    return out
