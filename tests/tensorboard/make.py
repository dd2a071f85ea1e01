#!/usr/bin/env python3
"""Writes pinned.tfevents: records of TensorFlow's format TFRecord, each with a message Event, made from their definitions.

    python3 tests/tensorboard/make.py

A record is the length of its data (u64, little-endian), the masked CRC-32C of the length, the data, and the masked CRC-32C of
the data. The messages are those of event.proto and summary.proto:

    Event { double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5; }
    Summary { repeated Value value = 1; }    Value { string tag = 1; float simple_value = 2; }

Wants Python 3.9 and nothing else.
"""

import pathlib
import struct

HERE = pathlib.Path(__file__).parent


def table():
    """The CRC-32C (polynomial 0x1EDC6F41, reflected) of every byte."""
    crcs = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        crcs.append(byte)
    return crcs


TABLE = table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


assert crc32c(b"123456789") == 0xE3069283


def masked(data):
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def record(data):
    length = struct.pack("<Q", len(data))
    return length + masked(length) + data + masked(data)


def varint(number):
    data = bytearray()
    while number >= 0x80:
        data.append(number & 0x7F | 0x80)
        number >>= 7
    data.append(number)
    return bytes(data)


def field(number, data):
    """A field with bytes: a text or a message."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def event(step, content):
    time = varint(1 << 3 | 1) + struct.pack("<d", 1_700_000_000.5)
    # a number that is 0 is left out, except in an alternative (oneof), which simple_value is one of
    step = varint(2 << 3) + varint(step) if step else b""
    return record(time + step + content)


def value(tag, number):
    return field(1, field(1, tag.encode()) + varint(2 << 3 | 5) + struct.pack("<f", number))


EVENTS = [
    event(0, field(3, b"brain.Event:2")),
    event(
        468,
        field(5, value("accuracy/test", 0.9123) + value("time/seconds", 12.5) + value("bytes/servers", 2.58e9)),
    ),
    event(468, field(5, value("ranges/out_of_range", 0.0))),
    event(2**40, field(5, value("figures/r2/größe", -0.25) + value("figures/rmse/größe", float("inf")))),
]

(HERE / "pinned.tfevents").write_bytes(b"".join(EVENTS))
