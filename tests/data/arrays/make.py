#!/usr/bin/env python3
"""Writes the arrays of this folder with NumPy, and what they mean: features and class of every row.

    python3 tests/data/arrays/make.py

Wants NumPy. broken/ has files with one mistake each.
"""

import gzip
import io
import json
import pathlib
import struct
import zipfile

import numpy as np

HERE = pathlib.Path(__file__).parent
ROWS, HEIGHT, WIDTH, CHANNELS = 9, 3, 4, 2


def write(name, content):
    path = HERE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def npy(array, **options):
    out = io.BytesIO()
    np.lib.format.write_array(out, array, **options)
    return out.getvalue()


def npz(compressed=False, **arrays):
    out = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(out, **arrays)
    return out.getvalue()


def idx(array):
    kinds = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}
    head = bytes([0, 0, kinds[array.dtype.str[1:]], array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.astype(array.dtype.newbyteorder(">")).tobytes()


def meaning(x, y, low=0, high=255):
    x = (x.astype(np.float64) - low) / (high - low)
    return [[row.ravel().astype(np.float32).tolist(), int(c)] for row, c in zip(x, np.ravel(y))]


def fixed(content):
    """A gzip file without a time."""
    return gzip.compress(content, mtime=0)


def main():
    random = np.random.default_rng(1)
    x = random.integers(0, 256, (ROWS, HEIGHT, WIDTH), dtype=np.uint8)
    y = random.integers(0, 3, ROWS)
    colour = random.integers(0, 256, (ROWS, HEIGHT, WIDTH, CHANNELS), dtype=np.uint8)
    reals = random.normal(size=(ROWS, 5))

    for name, content in {
        "stored.npz": npz(x=x, y=y),
        "packed.npz": npz(compressed=True, x=x, y=y.astype(np.uint8)),
        "column.npz": npz(x=x[..., None], y=y.astype(np.int16)[:, None]),
        "wide.npz": npz(x=x.astype(np.int64), y=y.astype(np.uint64)),
        "big-endian.npz": npz(x=x.astype(">f4"), y=y.astype(">i4")),
        "split.npz": npz(x_train=x[:6], y_train=y[:6], x_test=x[6:], y_test=y[6:]),
        "first.npz": npz(x=colour.transpose(0, 3, 1, 2).copy(), y=y),
        "last.npz": npz(x=colour, y=y),
        "reals.npz": npz(x=reals, y=y),
        "reals32.npz": npz(x=reals.astype(np.float32), y=y),
        "npy/x.npy": npy(x),
        "npy/y.npy": npy(y),
        "version2/x.npy": npy(x, version=(2, 0)),
        "version2/y.npy": npy(y.astype(np.int8), version=(3, 0)),
        "gzip/x.npy.gz": fixed(npy(x)),
        "gzip/y.npy.gz": fixed(npy(y)),
        "idx/x": idx(x),
        "idx/y": idx(y.astype(np.uint8)),
        "idx-gzip/x.gz": fixed(idx(x.astype(np.int16))),
        "idx-gzip/y.gz": fixed(idx(y.astype(np.int32))),
    }.items():
        write(name, content)
    everything = {
        "grey": meaning(x, y),
        "colour": meaning(colour, y),
        "reals": meaning(reals, y, 0, 1),
        "reals32": meaning(reals.astype(np.float32), y, 0, 1),
    }
    write("meaning.json", json.dumps(everything).encode())
    broken(x, y, reals)


def changed(array, at, value):
    array = array.copy()
    array[at] = value
    return array


def broken(x, y, reals):
    whole = npy(x)
    stored = npz(x=x, y=y)
    hostile = npy(x).replace(b"(9, 3, 4), }" + 16 * b" ", b"(9007199254740, 3, 4), }" + 4 * b" ")
    assert len(hostile) == len(whole) and hostile != whole
    overflow = npy(x).replace(b"(9, 3, 4), }" + 18 * b" ", b"(9223372036854775807, 3, 4), }")
    assert len(overflow) == len(whole) and overflow != whole
    for name, x_file, y_file in [
        ("shape", npy(x.reshape(ROWS, -1)), npy(y)),
        ("rows", npy(x[:8]), npy(y)),
        ("label-axes", npy(x), npy(np.eye(3, dtype=np.int64)[y])),
        ("label-floats", npy(x), npy(y.astype(float))),
        ("label-range", npy(x), npy(changed(y, 4, 3))),
        ("label-negative", npy(x), npy(changed(y, 5, -1))),
        ("nan", npy(changed(x.astype(np.float32), (2, 1, 3), np.nan)), npy(y)),
        ("infinity", npy(changed(x.astype(np.float64), (3, 0, 0), np.inf)), npy(y)),
        ("range", npy(changed(x.astype(np.int32), (7, 2, 1), 256)), npy(y)),
        ("cut", whole[:-5], npy(y)),
        ("cut-header", whole[:50], npy(y)),
        ("hostile", hostile, npy(y)),
        ("overflow", overflow, npy(y)),
        ("hostile-labels", whole, npy(y).replace(b"(9,), }" + 13 * b" ", b"(9007199254740,), }" + b" ")),
        ("header", whole[:8] + b"\xff\xff\xff\x7f" + whole[12:], npy(y)),
        ("long-header", b"\x93NUMPY\x02\x00\xff\xff\xff\x7f" + whole[10:], npy(y)),
        ("long", whole + b"\0", npy(y)),
        ("fortran", npy(np.asfortranarray(x)), npy(y)),
        ("objects", npy(np.array([None] * ROWS), allow_pickle=True), npy(y)),
        ("text", b"x,y\n1,2\n", npy(y)),
        ("empty", b"", npy(y)),
        ("cut-gzip", fixed(whole)[:-20], npy(y)),
        ("idx-cut", idx(x)[:-1], idx(y.astype(np.uint8))),
        ("idx-hostile", bytes([0, 0, 8, 3]) + 3 * b"\xff\xff\xff\xff" + b"abc", npy(y)),
        ("idx-kind", bytes([0, 0, 7, 3]) + bytes(12), npy(y)),
    ]:
        write(f"broken/{name}/x.npy", x_file)
        write(f"broken/{name}/y.npy", y_file)
    write("broken/no-labels.npz", npz(x=x, labels=y))
    write("broken/cut.npz", stored[: len(stored) // 2])
    at = stored.index(x.tobytes())
    write("broken/checksum.npz", stored[:at] + bytes([stored[at] ^ 1]) + stored[at + 1 :])
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        # a small archive that unpacks to much more than its header says, and one of no arrays
        out.writestr("x.npy", whole + bytes(1 << 22))
        out.writestr("y.npy", npy(y))
    write("broken/bomb.npz", archive.getvalue())
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("xl/workbook.xml", "<workbook/>")
    write("broken/spreadsheet.npz", archive.getvalue())


if __name__ == "__main__":
    main()
