#!/usr/bin/env python3
"""Writes rows with numbers and with several labels to learn: with pandas' way of writing CSV (Python's csv module) and with NumPy.

    python3 tests/data/targets/make.py

Wants Python 3.9 and NumPy. meaning.json is what they mean, by a second implementation of the descriptions in ../targets.rs.
"""

import csv
import json
import pathlib

import numpy

HERE = pathlib.Path(__file__).parent
WORDS = [("0", "1"), ("no", "yes"), ("False", "TRUE")]


def single(x):
    return float(numpy.float32(x))


def main():
    rows = []
    for i in range(30):
        size, rooms = i * 37 % 101, i * 61 % 11
        price = 1000.0 * size + 777.25 * rooms + i / 7
        rent = -2 + i * 13 % 40 / 10
        labels = [size > 50, rooms > 5, i % 4 == 0]
        rows.append((size, rooms, price, rent, labels))
    with open(HERE / "homes.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["size", "price", "big", "rooms", "old", "rent", "sold"])
        for i, (size, rooms, price, rent, labels) in enumerate(rows):
            big, sold, old = (words[label] for words, label in zip(WORDS, labels))
            table.writerow([size, repr(price), big, rooms, old, f" {rent:+.1e} ", sold])
    x = numpy.array([[size, rooms] for size, rooms, *_ in rows], dtype=numpy.float64)
    numbers = numpy.array([[price, rent] for _, _, price, rent, _ in rows])
    labels = numpy.array([labels for *_, labels in rows])
    numpy.savez(HERE / "numbers.npz", x=x, y=numbers)
    numpy.savez(HERE / "labels.npz", x=x, y=labels.astype(numpy.uint8))
    numpy.savez(HERE / "single.npz", x=x, y=numbers[:, :1].astype(numpy.float32)[:, 0])
    meaning = {
        "features": [[single(size / 100), single(rooms / 10)] for size, rooms, *_ in rows],
        "numbers": [[single(price / 125000), single(rent)] for _, _, price, rent, _ in rows],
        "labels": [[bool(label) for label in labels] for *_, labels in rows],
    }
    (HERE / "meaning.json").write_text(json.dumps(meaning) + "\n")


main()
