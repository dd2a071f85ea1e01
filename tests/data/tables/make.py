#!/usr/bin/env python3
"""Writes the tables of this folder with Python's csv module, and what they mean by a second implementation of people.toml.

    python3 tests/data/tables/make.py

Wants Python 3.9 and nothing else. broken/ has tables with one mistake each.
"""

import csv
import gzip
import io
import json
import pathlib
import struct

HERE = pathlib.Path(__file__).parent
HEADER = ["set", "size", "city", "age", "note", "answer"]
CITIES = ["Graz", "Linz", 'St. Poelten, "Noe"']
NOTES = ["plain", "two\nlines", 'a "quoted" word', "a, b; c\td|e", "", "\u00fcber"]
CLASSES = ["no", "yes"]


def people():
    for i in range(40):
        size = "?" if i % 11 == 3 else f"{i * 0.37 - 5:.3e}" if i % 3 else str(i - 7)
        city = "" if i % 9 == 4 else CITIES[i // 2 % 3]
        age = f" {i * 2 % 81} " if i % 2 else f"{i * 1.75 % 80}"
        yield ["test" if i % 5 == 0 else "train", size, city, age, NOTES[i % len(NOTES)], CLASSES[i % 7 % 2]]


def single(x):
    """The nearest number of 32 bits."""
    return struct.unpack("<f", struct.pack("<f", x))[0]


def meaning(row):
    _, size, city, age, _, answer = (field.strip() for field in row)
    cities = [float(city == known) for known in CITIES] + [float(city in ("", "?"))]
    features = [float(age) / 80, *cities, 0.5 if size in ("", "?") else float(size)]
    return [single(x) for x in features], CLASSES.index(answer)


def table(rows, header=HEADER, **dialect):
    out = io.StringIO(newline="")
    csv.writer(out, **dialect).writerows([header, *rows])
    return out.getvalue().encode()


def write(name, content):
    path = HERE / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


def changed(line, column, value, header=HEADER):
    """The rows with another value in a line of the file; notes have one line each, so that lines are rows."""
    rows = [[field if field != NOTES[1] else "one line" for field in row] for row in people()][:6]
    rows[line - 2][HEADER.index(column)] = value
    return table(rows, header, lineterminator="\n")


def good():
    rows = list(people())
    write("people.csv", table(rows, lineterminator="\n"))
    write("people.tsv", table(rows, delimiter="\t", lineterminator="\n"))
    write("people-semicolon.csv", table(rows, delimiter=";", quoting=csv.QUOTE_ALL, lineterminator="\n"))
    write("people-bom-crlf.csv", b"\xef\xbb\xbf" + table(rows, lineterminator="\r\n"))
    write("people.csv.gz", gzip.compress(table(rows), mtime=0))
    order = [3, 5, 0, 1, 4, 2]
    turned = [[row[i] for i in order] for row in rows]
    write("people-other-order.csv", table(turned, [HEADER[i] for i in order], lineterminator="\n"))
    sets = {of: [meaning(row) for row in rows if row[0] == of] for of in ("train", "test")}
    write("people.json", (json.dumps(sets, indent=None) + "\n").encode())


def broken():
    fine = changed(2, "note", "x")
    lines = fine.split(b"\n")
    write("broken/empty.csv", b"")
    write("broken/blank.csv", b"\n\n  \n")
    write("broken/wrong-delimiter.csv", fine.replace(b",", b":"))
    write("broken/missing-fields.csv", b"\n".join([*lines[:3], lines[3].rsplit(b",", 2)[0], *lines[4:]]))
    write("broken/extra-fields.csv", b"\n".join([*lines[:4], lines[4] + b",yes", *lines[5:]]))
    write("broken/nan.csv", changed(3, "age", "nan"))
    write("broken/infinity.csv", changed(4, "size", "-inf"))
    write("broken/too-large.csv", changed(4, "size", "1e39"))
    write("broken/text-in-number.csv", changed(5, "age", "forty"))
    write("broken/comma-in-number.csv", changed(5, "size", "1,5"))
    write("broken/out-of-range.csv", changed(6, "age", "80.5"))
    write("broken/missing-value.csv", changed(6, "age", " ? "))
    write("broken/unknown-category.csv", changed(2, "city", "graz"))
    write("broken/unknown-class.csv", changed(7, "answer", "maybe"))
    write("broken/unknown-part.csv", changed(3, "set", "Test"))
    write("broken/missing-label.csv", changed(7, "answer", ""))
    write("broken/duplicate-header.csv", changed(2, "note", "x", ["set", "size", "city", "age", "age", "answer"]))
    write("broken/unknown-column.csv", changed(2, "note", "x", ["set", "size", "city", "age", "notes", "answer"]))
    write("broken/no-column.csv", changed(2, "note", "x", ["set", "size", "town", "age", "note", "answer"]))
    write("broken/latin-1.csv", changed(2, "city", "Grz").replace(b"Grz", b"Gr\xe4z"))
    write("broken/utf-16.csv", fine.decode().encode("utf-16"))
    write("broken/cut.csv.gz", gzip.compress(fine, mtime=0)[:60])
    write("broken/spreadsheet.csv", b"PK\x03\x04" + bytes(40))


good()
broken()
