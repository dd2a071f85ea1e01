#!/usr/bin/env python3
"""Checks the test vectors in this folder: a second implementation of docs/protocols.md, without a line of the first.

    python3 tests/vectors/check.py              every file, a line each; exit code 1 where one is wrong
    python3 tests/vectors/check.py small/exp    some files, by their names' ends or as paths
    python3 tests/vectors/check.py --self-test  flips a bit in every message and value, and demands that it is noticed

The gates are in the folder protocol/. Wants Python 3.9 and nothing else.
"""

import copy
import json
import pathlib
import random
import sys

sys.dont_write_bytecode = True

from protocol import compare, linear, softmax  # noqa: E402
from protocol.conventions import (  # noqa: E402
    Bits, Dealer, Message, Opened, Server, Share, Wire, Wrong, chacha12, demand, frame_bytes, item_bytes, mask, pack,
    signed, size, unpack,
)
from protocol.public import batches, public_seed, session_seed, weights  # noqa: E402

HERE = pathlib.Path(__file__).parent
GATES = {**vars(linear), **vars(compare), **vars(softmax)}


def hexes(text):
    return [int(x, 16) for x in text.split()]


def plane(text):
    return [int(x) for x in text]


def held(value, b):
    """What server `b` holds of a value of a file; the dealer where `b` is none."""
    kind, shape = value["kind"], value["shape"]
    if kind == "share":
        return Share([] if b is None else hexes(value["halves"][b]), value["bits"], shape)
    if kind == "bits":
        return Bits(None if b is None else plane(value["halves"][b]), shape)
    if kind == "wire":
        masks = [hexes(m) for m in value["masks"]]
        r = [x + y for x, y in zip(*masks)] if b is None else masks[b]
        return Wire(None if b is None else hexes(value["hat"]), r, value["bits"], value["lifted"], shape)
    masks, ring = [plane(m) for m in value["masks"]], value["masks_in_ring"]
    if b is None:
        return Opened(None, [x ^ y for x, y in zip(*masks)], None, shape)
    return Opened(plane(value["hat"]), masks[b], ring and hexes(ring[b]), shape)


def same(what, found, expected):
    if found != expected:
        pairs = zip(found, expected)
        at = next((i for i, (x, y) in enumerate(pairs) if x != y), min(len(found), len(expected)))
        raise Wrong(f"{what}: element {at} is {found[at:at + 1]}, should be {expected[at:at + 1]}")


def check_value(value, n):
    """The halves are those of the value, and as many as the shape says."""
    kind, x = value["kind"], [int(v) for v in value["value"].split()]
    parts = [held(value, b) for b in (0, 1)]
    demand(len(x) == size(value["shape"]), "there are not as many elements as the shape says")
    if kind == "share":
        found = [signed(a + b, value["bits"]) for a, b in zip(parts[0].x, parts[1].x)]
    elif kind == "wire":
        lift = parts[0].lift() if value["lifted"] else 0
        found = [signed(h - lift - a - b, value["bits"]) for h, a, b in zip(parts[0].hat, parts[0].r, parts[1].r)]
    elif kind == "bits":
        found = [a ^ b for a, b in zip(parts[0].x, parts[1].x)]
    else:
        found = [h ^ a ^ b for h, a, b in zip(parts[0].hat, parts[0].own, parts[1].own)]
        if parts[0].ring is not None:
            ring = [a + b & mask(n) for a, b in zip(parts[0].ring, parts[1].ring)]
            same("the masks in the ring", ring, [a ^ b for a, b in zip(parts[0].own, parts[1].own)])
    same("the value", found, x)


def converse(servers):
    """Lets two servers' functions talk; what both sent by round, and what both made."""
    sent, answer, out = [], [None, None], [None, None]
    while out == [None, None]:
        asked = [None, None]
        for b in (0, 1):
            try:
                asked[b] = servers[b].send(answer[b])
            except StopIteration as end:
                out[b] = end.value
        if out == [None, None]:
            sent.append([Message([i for i, _ in a], [(len(i), bits) for i, bits in a]) for a in asked])
            answer = [[list(i) for i, _ in asked[1 - b]] for b in (0, 1)]
    demand(None not in out, "one server goes on where the other is done")
    return sent, out


def expected(file, at):
    """What a gate should draw, ship, send and make, from what goes in."""
    step, p = file["program"][at], file["profile"]
    seeds = [bytes.fromhex(seed) for seed in file["seeds"]]
    number = sum(len(before["streams"]) for before in file["program"][:at])
    gate, entries = step["gate"], step["entries"]
    inputs = [file["values"][i] for i in step["in"]]
    dealer = Dealer(p, seeds, number)
    if f"{gate}_dealer" in GATES:
        GATES[f"{gate}_dealer"](dealer, entries, [held(value, None) for value in inputs])
    servers = []
    for b in (0, 1):
        server = Server(b, p, seeds[b], number, dealer.shipped)
        servers.append(GATES[f"{gate}_server"](server, entries, [held(value, b) for value in inputs]))
    sent, out = converse(servers)
    return dealer.streams, sent, out


def check_message(what, text, message):
    data = bytes.fromhex(text)
    demand(len(data) == frame_bytes(message.layout), f"{what}: {len(data)} bytes, not {frame_bytes(message.layout)}")
    for at, (found, wanted) in enumerate(zip(unpack(data, message.layout), message.items)):
        same(f"{what}, item {at}", found, wanted)


def check_output(what, value, part, b):
    found = held(value, b)
    demand(type(found) is type(part), f"{what}: it is of another kind")
    for name, wanted in vars(part).items():
        field = getattr(found, name)
        if isinstance(wanted, list):
            same(f"{what}, `{name}`", field, wanted)
        else:
            demand(field == wanted, f"{what}: `{name}` is {field}, should be {wanted}")


def check_step(file, at, want=None):
    step = file["program"][at]
    streams, sent, out = want or expected(file, at)
    demand([s["number"] for s in step["streams"]] == [s[0] for s in streams], "the stream numbers are others")
    for found, (number, draws, dealt) in zip(step["streams"], streams):
        demand(len(found["draws"]) == len(draws), f"stream {number}: another number of servers draw")
        for b, message in enumerate(draws):
            check_message(f"stream {number}, server {b}'s draw", found["draws"][b], message)
        demand(("dealt" in found) == (dealt is not None), f"stream {number}: one of mask and frame is the other")
        if dealt is not None:
            check_message(f"stream {number}, what is dealt", found["dealt"], dealt)
    demand(len(step["sent"]) == len(sent), "the number of rounds is another")
    for turn, both in enumerate(sent):
        for b in (0, 1):
            check_message(f"round {turn}, from server {b}", step["sent"][turn][b], both[b])
    demand(len(step["out"]) == len(out[0]), "the number of values that come out is another")
    for i, index in enumerate(step["out"]):
        for b in (0, 1):
            check_output(f"output {i} of server {b}", file["values"][index], out[b][i], b)


def check_reveal(file, at):
    """8: server 0 adds and server 1 subtracts the same number."""
    reveal = file["reveals"][at]
    share, seed = file["values"][reveal["share"]], bytes.fromhex(file["common_seed"])
    count, bits = size(share["shape"]), share["bits"]
    [pads] = unpack(chacha12(seed, at, 8 * count), [(count, 64)])
    for b, sign in ((0, 1), (1, -1)):
        half = [x + sign * pad & mask(bits) for x, pad in zip(hexes(share["halves"][b]), pads)]
        same(f"what server {b} hands out", hexes(reveal["handed"][b]), half)
    same("the value", [int(x) for x in reveal["value"].split()], [int(x) for x in share["value"].split()])


def check_session(file):
    p = file["profile"]
    demand(p in PROFILES, "the profile is none of section 9")
    for at, value in enumerate(file["values"]):
        where(f"value {at}", check_value, value, p["n"])
    for at, step in enumerate(file["program"]):
        where(f"gate {at}, {step['gate']}", check_step, file, at)
    for at in range(len(file.get("reveals", []))):
        where(f"reveal {at}", check_reveal, file, at)
    gates = [step["gate"] for step in file["program"]]
    demand(file["gate"] in gates or file["gate"] == "reveal" and file["reveals"], "the gate of the file is missing")
    return f"{len(gates)} gates, {sum(len(s['sent']) for s in file['program'])} rounds"


def where(place, check, *args):
    try:
        return check(*args)
    except Wrong as wrong:
        raise Wrong(f"{place}: {wrong}") from None


PROFILES = [
    {"name": "small", "n": 32, "l": 24, "f": 8, "t": 4, "h": 16},
    {"name": "wide", "n": 48, "l": 32, "f": 16, "t": 12, "h": 24},
]


def check_streams(file):
    for at, s in enumerate(file):
        data = bytes.fromhex(s["bytes"])
        same(f"stream {at}", data, chacha12(bytes.fromhex(s["seed"]), int(s["stream"]), len(data), s["block"]))
    return f"{len(file)} streams"


def check_packing(file):
    for p in file:
        x, data = hexes(p["values"]), bytes.fromhex(p["bytes"])
        same(f"{p['bits']} bits, packed", data, pack(x, p["bits"]))
        same(f"{p['bits']} bits, unpacked", unpack(data, [(len(x), p["bits"])])[0], x)
    return f"{len(file)} widths"


def check_owners(file):
    """8: every row is masked from blocks of its own; servers gather rows by number, owners one behind the other."""
    n = file["profile"]["n"]
    for s in file["sets"]:
        cols, hats, masks = s["cols"], [], [[], []]
        length = item_bytes(cols, n)
        for owner in s["owners"]:
            seeds, sent = [bytes.fromhex(seed) for seed in owner["seeds"]], b""
            for row, text in enumerate(owner["rows"]):
                block = row * -(-length // 64)
                drawn = [unpack(chacha12(seed, s["stream"], length, block), [(cols, n)])[0] for seed in seeds]
                hats.append([int(x) + a + b & mask(n) for x, a, b in zip(text.split(), *drawn)])
                sent += pack(hats[-1], n)
                for b in (0, 1):
                    masks[b].append(drawn[b])
            check_message("what an owner sends", owner["sent"], Message([list(sent)], [(len(sent), 8)]))
        batch = s["batch"]
        same("the batch", hexes(batch["hat"]), sum((hats[row] for row in batch["rows"]), []))
        for b in (0, 1):
            wanted = sum((masks[b][row] for row in batch["rows"]), [])
            same(f"server {b}'s masks of the batch", hexes(batch["masks"][b]), wanted)
    return f"{len(file['sets'])} sets"


def check_public(file):
    """0.6, public choices: keys, the order of rows, initial weights."""
    for k in file["keys"]:
        same(f"the key of {k['label']}", bytes.fromhex(k["key"]), public_seed(k["seed"], k["label"]))
    for o in file["orders"]:
        found = [[int(x) for x in batch.split()] for batch in o["batches"]]
        same("the batches", found, batches(o["seed"], o["rows"], o["batch"], o["epoch"]))
    for i in file["weights"]:
        same(f"weights by {i['init']}", [signed(x, 64) for text in i["layers"] for x in hexes(text)], weights(i))
    return f"{len(file['keys'])} keys, {len(file['orders'])} orders, {len(file['weights'])} sets of weights"


def check_sessions(file):
    """0.4, randomness: a server's seed."""
    for at, s in enumerate(file):
        same(f"seed {at}", bytes.fromhex(s["seed"]), session_seed(s))
    return f"{len(file)} seeds"


SPECIAL = {
    "packing": check_packing,
    "public": check_public,
    "sessions": check_sessions,
    "small-owners": check_owners,
    "streams": check_streams,
    "wide-owners": check_owners,
}


def main(arguments):
    self_test = "--self-test" in arguments
    names = [a for a in arguments if not a.startswith("-")]
    if set(arguments) - set(names) - {"--self-test"}:
        print(__doc__)
        return 2
    paths = sorted(HERE.glob("**/*.json"))
    if names:
        paths = [path for path in paths if any(path.match(f"*{name}.json") for name in names)]
        paths += [path for path in map(pathlib.Path, names) if path.is_file()]
    failed = not paths
    for path in paths:
        name = path.relative_to(HERE).with_suffix("").as_posix() if HERE in path.parents else str(path)
        try:
            file = json.loads(path.read_text())
            check = SPECIAL.get(path.stem, check_session)
            said = check(file)
            if self_test:
                said += f", {flip_all(file, path.stem)} flipped bits noticed"
            print(f"{name}: right: {said}")
        except Wrong as wrong:
            print(f"{name}: WRONG: {wrong}")
            failed = True
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            print(f"{name}: WRONG: it cannot be read: {type(error).__name__}: {error}")
            failed = True
    print("something is wrong" if failed else f"all {len(paths)} files are right")
    return 1 if failed else 0


# The self-test: a checker that notices nothing would find everything right


def flip_all(file, stem):
    """Flips a bit of everything, one after the other; how many flips were noticed."""
    chance, file = random.Random(stem), copy.deepcopy(file)
    if stem in SPECIAL:
        return sum(noticed(at, holder, key, flip_text(holder[key], chance), SPECIAL[stem], file)
                   for at, holder, key in leaves(file, stem) if key not in ("label", "init", "name"))
    count = 0
    for at, step in enumerate(file["program"]):
        want, place = expected(file, at), f"gate {at}, {step['gate']}"
        check = lambda: check_step(file, at, want)
        check()
        for found, (_, draws, dealt) in zip(step["streams"], want[0]):
            messages = [(found["draws"], b, message) for b, message in enumerate(draws)]
            messages += [(found, "dealt", dealt)] if dealt else []
            for holder, key, message in messages:
                # a row of two candidates has no products: an empty frame
                if frame_bytes(message.layout) == 0:
                    continue
                count += noticed(place, holder, key, flip_message(holder[key], message, chance), check)
        for found, both in zip(step["sent"], want[1]):
            for b in (0, 1):
                count += noticed(place, found, b, flip_message(found[b], both[b], chance), check)
        for index in step["out"]:
            for _, holder, key in leaves(file["values"][index], ""):
                if key not in ("kind", "value"):
                    count += noticed(place, holder, key, flip_text(holder[key], chance), check)
    for at, value in enumerate(file["values"]):
        for _, holder, key in leaves(value, ""):
            if key != "kind":
                text = flip_text(holder[key], chance)
                count += noticed(f"value {at}", holder, key, text, check_value, value, file["profile"]["n"])
    for at, reveal in enumerate(file.get("reveals", [])):
        for _, holder, key in leaves(reveal, ""):
            count += noticed(f"reveal {at}", holder, key, flip_text(holder[key], chance), check_reveal, file, at)
    for b in (0, 1):
        if any(any(stream["draws"][b:]) for step in file["program"] for stream in step["streams"]):
            text = flip_text(file["seeds"][b], chance)
            count += noticed(f"seed {b}", file["seeds"], b, text, check_session, file)
    return count


def leaves(x, place):
    """Places of all texts."""
    for key, value in x.items() if isinstance(x, dict) else enumerate(x):
        if isinstance(value, str):
            yield f"{place}/{key}", x, key
        elif isinstance(value, (dict, list)):
            yield from leaves(value, f"{place}/{key}")


def noticed(place, holder, key, text, check, *args):
    kept, holder[key] = holder[key], text
    try:
        check(*args)
    except Wrong:
        return 1
    finally:
        holder[key] = kept
    raise Wrong(f"{place}, {key}: nobody notices a flipped bit")


def flip_message(text, message, chance):
    """Flips a bit that belongs to an element, not one behind the last."""
    at = chance.randrange(sum(count * bits for count, bits in message.layout))
    begin = 0
    for count, bits in message.layout:
        if at < count * bits:
            break
        at -= count * bits
        begin += item_bytes(count, bits)
    data = bytearray(bytes.fromhex(text))
    data[begin + at // 8] ^= 1 << at % 8
    return data.hex()


def flip_text(text, chance):
    """Flips the lowest bit of a digit, but for a sign."""
    at = chance.choice([i for i, c in enumerate(text) if c not in " -"])
    return text[:at] + "%x" % (int(text[at], 16) ^ 1) + text[at + 1:]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
