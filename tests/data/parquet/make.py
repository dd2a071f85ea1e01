#!/usr/bin/env python3
"""Writes the table people.csv as Parquet files with pyarrow and fastparquet, and tables that are refused.

    python3 -m venv venv && venv/bin/pip install pyarrow fastparquet && venv/bin/python tests/data/parquet/make.py

broken/ has tables that are whole, and that ppdnn does not read.
"""

import csv
import datetime
import decimal
import pathlib

import fastparquet
import pandas
import pyarrow
import pyarrow.parquet

HERE = pathlib.Path(__file__).parent
CSV = HERE.parent / "tables" / "people.csv"


def people():
    """The table with numbers as numbers, and missing values as null."""
    with open(CSV, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["size"] = None if row["size"] in ("", "?") else float(row["size"])
        row["city"] = row["city"] or None
        row["age"] = float(row["age"])
    return pyarrow.Table.from_pylist(rows)


def kinds():
    """A column of every kind that is read, with nulls; the texts beside it are what each must be read as."""
    columns = {
        "flag": pyarrow.array([True, None, False]),
        "i8": pyarrow.array([-128, None, 127], pyarrow.int8()),
        "u8": pyarrow.array([0, None, 255], pyarrow.uint8()),
        "u16": pyarrow.array([0, None, 65535], pyarrow.uint16()),
        "i32": pyarrow.array([-(2**31), None, 2**31 - 1], pyarrow.int32()),
        "u32": pyarrow.array([0, None, 2**32 - 1], pyarrow.uint32()),
        "i64": pyarrow.array([-(2**63), None, 2**63 - 1], pyarrow.int64()),
        "u64": pyarrow.array([0, None, 2**64 - 1], pyarrow.uint64()),
        "f32": pyarrow.array([0.1, None, -3.4028234663852886e38], pyarrow.float32()),
        "f64": pyarrow.array([0.1, None, 1e-300], pyarrow.float64()),
        "date": pyarrow.array([datetime.date(1970, 1, 2), None, datetime.date(1969, 12, 31)]),
        "bytes": pyarrow.array([b"a,b", None, b"\"c\""], pyarrow.binary()),
        "answer": pyarrow.array(["no", "yes", "no"]),
    }
    return pyarrow.table(columns)


def save(table, name, **options):
    path = HERE / name
    path.parent.mkdir(exist_ok=True)
    pyarrow.parquet.write_table(table, path, **options)


def good():
    table = people()
    save(table, "snappy.parquet")
    save(table, "plain.parquet", compression="none", use_dictionary=False)
    save(table, "version2.parquet", version="2.6", data_page_version="2.0", row_group_size=7)
    save(table, "pages.parquet", data_page_size=16, dictionary_pagesize_limit=32, write_batch_size=3)
    save(table, "gzip.parquet", compression="gzip")
    save(table, "zstd.parquet", compression="zstd", data_page_version="2.0")
    fastparquet.write(str(HERE / "fastparquet.parquet"), table.to_pandas(), compression="SNAPPY")
    save(kinds(), "kinds.parquet")


def broken():
    table = people().slice(0, 3)
    n = table.num_rows

    def other(column, **options):
        save(table.append_column("other", column), f"broken/{options.pop('name')}.parquet", **options)

    other(pyarrow.array([[1, 2]] * n), name="list")
    other(pyarrow.array([{"a": 1}] * n), name="record")
    other(pyarrow.array([decimal.Decimal("1.5")] * n), name="decimal")
    other(pyarrow.array([b"ab"] * n, pyarrow.binary(2)), name="fixed")
    other(pyarrow.array([1] * n), name="delta", use_dictionary=False, column_encoding={"other": "DELTA_BINARY_PACKED"})
    save(table, "broken/brotli.parquet", compression="brotli")
    save(table.slice(0, 0), "broken/no-rows.parquet")
    save(table.select(["age"]), "broken/one-column.parquet")
    save(pyarrow.table({}), "broken/no-column.parquet")
    doubled = pyarrow.Table.from_arrays([*table.columns[:-1], table["age"]], names=["set", "size", "city", "age", "note", "age"])
    save(doubled, "broken/doubled.parquet")
    aged = table.set_column(3, "age", pyarrow.array([1.0, 2.0, 80.5]))
    save(aged, "broken/out-of-range.parquet")
    save(table.set_column(3, "age", pyarrow.array([1.0, None, 8.0])), "broken/missing-value.parquet")
    save(table.set_column(2, "city", pyarrow.array([b"Graz", b"Gr\xe4z", b"Linz"])), "broken/latin-1.parquet")


good()
broken()
