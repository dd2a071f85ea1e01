#!/usr/bin/env python3
"""Writes the images of this folder with Pillow, and what they mean: the features and the class of every file by its path.

    python3 tests/data/pictures/make.py

Wants Pillow and NumPy. broken/ has folders with one mistake each.
"""

import gzip
import io
import json
import pathlib
import shutil
import struct
import zlib

import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).parent
WIDTH, HEIGHT = 6, 4
CLASSES = ["cat", "dog", "wild goose"]
random = np.random.default_rng(2)


def picture(width=WIDTH, height=HEIGHT):
    """A smooth image, which JPEG leaves much as it is."""
    y, x = np.mgrid[0:height, 0:width]
    colour = random.integers(0, 100, 3)
    planes = [colour[0] + 12 * x, colour[1] + 15 * y, colour[2] + 5 * (x + y)]
    return Image.fromarray(np.clip(np.stack(planes, axis=-1), 0, 255).astype(np.uint8), "RGB")


def put(name, image, **options):
    path = HERE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)


def write(name, content):
    path = HERE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def features(image, channels, size=(WIDTH, HEIGHT)):
    image = image.convert("L" if channels == 1 else "RGB")
    if image.size != size:
        image = image.resize(size, Image.Resampling.BILINEAR)
    return (np.asarray(image).astype(np.float32) / 255).ravel().tolist()


def all_of(folder, channels, size=(WIDTH, HEIGHT)):
    files = sorted(path for path in (HERE / folder).rglob("*") if path.is_file() and path.name[0] not in ".T")
    return {
        str(path.relative_to(HERE / folder)): [features(Image.open(path), channels, size), CLASSES.index(path.parent.name)]
        for path in files
    }


def png_of(width, height, data=b""):
    """A PNG file that announces a size, with whatever pixels."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def main():
    for folder in ["png", "jpeg", "sizes", "parts", "broken", "records"]:
        shutil.rmtree(HERE / folder, ignore_errors=True)
    # every kind of PNG
    put("png/cat/colour.png", picture())
    put("png/cat/palette.png", picture().quantize(16))
    put("png/cat/opacity.png", Image.merge("RGBA", [*picture().split(), picture().convert("L")]))
    put("png/dog/grey.png", picture().convert("L"))
    put("png/dog/grey-opacity.png", Image.merge("LA", [picture().convert("L"), picture().convert("L")]))
    put("png/dog/bits.png", picture().convert("1"))
    put("png/wild goose/A (1).PNG", picture())
    put("png/wild goose/no-ending", picture(), format="PNG")
    write("png/.DS_Store", b"Bud1")
    write("png/cat/Thumbs.db", b"\xd0\xcf\x11\xe0")
    # JPEG: in colour, in grey, progressive
    put("jpeg/cat/a.jpg", picture(), quality=95, subsampling=0)
    put("jpeg/cat/b.jpeg", picture().convert("L"), quality=95)
    put("jpeg/dog/c.jpg", picture(), quality=95, subsampling=0, progressive=True)
    put("jpeg/wild goose/d.JPG", picture(), quality=90)
    # other sizes
    put("sizes/cat/large.png", picture(19, 11))
    put("sizes/cat/same.png", picture())
    put("sizes/dog/small.png", picture(3, 2))
    put("sizes/dog/tall.png", picture(5, 13))
    # folders for training and testing
    for i in range(4):
        put(f"parts/train/{CLASSES[i % 3]}/{i}.png", picture())
    for i in range(3):
        put(f"parts/test/{CLASSES[i]}/{i}.png", picture())
    broken()
    records()
    meanings = {
        "png": all_of("png", 3),
        "png in grey": all_of("png", 1),
        "jpeg": all_of("jpeg", 3),
        "sizes": all_of("sizes", 3),
        "train": all_of("parts/train", 3),
        "test": all_of("parts/test", 3),
    }
    write("meaning.json", json.dumps(meanings).encode())


def broken():
    for name in ["size", "cut", "cut-jpeg", "checksum", "text", "announced", "empty", "folder", "gif"]:
        put(f"broken/{name}/cat/good.png", picture())
    whole = io.BytesIO()
    picture(40, 30).resize((WIDTH, HEIGHT)).save(whole, format="PNG")
    whole = whole.getvalue()
    jpeg = io.BytesIO()
    noise = Image.fromarray(random.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8), "RGB")
    noise.save(jpeg, format="JPEG", quality=95)
    jpeg = jpeg.getvalue()
    put("broken/size/dog/bad.png", picture(WIDTH + 1, HEIGHT))
    write("broken/cut/dog/bad.png", whole[: len(whole) - 30])
    write("broken/cut-jpeg/dog/bad.png", jpeg[: len(jpeg) - 40])
    at = whole.index(b"IDAT") + 8
    write("broken/checksum/dog/bad.png", whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
    write("broken/text/dog/bad.png", b"not an image\n")
    write("broken/announced/dog/bad.png", png_of(2**31 - 1, 2**31 - 1))
    write("broken/empty/dog/bad.png", b"")
    put("broken/folder/fox/bad.png", picture())
    put("broken/gif/dog/bad.png", picture().quantize(4), format="GIF")


def records():
    """Records as CIFAR-10 has them, of images of 3 x 4 pixels, and what they mean."""
    meaning = {}
    for name, rows in [("data_batch_1.bin", 5), ("data_batch_2.bin", 4), ("test_batch.bin", 3)]:
        images = random.integers(0, 256, (rows, 3, 4, 3), dtype=np.uint8)
        labels = random.integers(0, 3, rows, dtype=np.uint8)
        content = b"".join(bytes([c]) + image.transpose(2, 0, 1).tobytes() for c, image in zip(labels, images))
        write(f"records/cifar/{name}", content)
        if "test" in name:
            write("records/test.bin.gz", gzip.compress(content, mtime=0))
            write("records/fine.bin", b"".join(b"\7" + content[at : at + 37] for at in range(0, len(content), 37)))
            write("records/cut.bin", content[:-1])
            write("records/label.bin", content[:37] + b"\x03" + content[38:])
            write("records/empty.bin", b"")
        meaning[name] = [
            [(image.astype(np.float32) / 255).ravel().tolist(), int(c)] for c, image in zip(labels, images)
        ]
    write("records/meaning.json", json.dumps(meaning).encode())


if __name__ == "__main__":
    main()
