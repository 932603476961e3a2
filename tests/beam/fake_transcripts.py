#!/usr/bin/env python3
"""What real runners said, message by message (../shared/beam-fixtures), said again to our worker: their descriptors with
their ids, their data, their finalizations. Only addresses and what the steps carry are exchanged for ours."""
import glob
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'lib'))
import world as W
from fn_api import Done, Fake, counted, field, fields, map_of, one, read_varint, varint
from ledger import judge
from made import announce, tiny
from tap import check, equal, note, skip, story, wait_for

FIXTURES = os.environ.get('BEAM_FIXTURES', os.path.join(os.path.dirname(W.TOP), 'shared', 'beam-fixtures'))
BOUNDED = ('prism-bounded', 'flink-bounded', 'python-bounded')
SDF = ('prism-sdf', 'flink-sdf', 'python-sdf')


def records(folder):
    with open(os.path.join(FIXTURES, folder, 'worker1.bin'), 'rb') as f:
        blob = f.read()
    with open(os.path.join(FIXTURES, folder, 'worker1.tsv')) as f:
        for line in f.read().split('\n')[1:]:
            if line:
                _, _, direction, stream, _, offset, length = line.split('\t')
                start = read_varint(blob, int(offset))[1]
                yield direction, stream, blob[start:start + int(length)]


def tokens(b):
    """The fields of a message in their order: (number, wire type, value)."""
    at = 0
    while at < len(b):
        tag, at = read_varint(b, at)
        if tag & 7 == 0:
            value, at = read_varint(b, at)
        elif tag & 7 == 1:
            value, at = b[at:at + 8], at + 8
        else:
            assert tag & 7 == 2
            length, at = read_varint(b, at)
            value, at = b[at:at + length], at + length
        yield tag >> 3, tag & 7, value


def rewrite(b, change):
    """Every length-delimited field as change(number, value) has it; the rest as it was."""
    out = b''
    for number, kind, value in tokens(b):
        if kind == 0:
            out += varint(number << 3) + varint(value)
        elif kind == 1:
            out += varint(number << 3 | 1) + value
        else:
            out += field(number, change(number, value))
    return out


def own_descriptor(b, f, names):
    """The same stage with our address and our functions."""
    def do_fn(number, value):
        if number != 3:
            return value
        theirs = json.loads(value)
        more = {'shards': {'shards': theirs.get('n')}, 'create': {'names': names}}.get(theirs['fn'], {})
        return json.dumps(f.dofn(theirs['fn'], **more)).encode()

    def spec(urn):
        if urn in (b'beam:runner:source:v1', b'beam:runner:sink:v1'):
            at = field(1, '127.0.0.1:%d' % f.port)
            return lambda n, v: rewrite(v, lambda m, x: at if m == 1 else x) if n == 3 else v
        return lambda n, v: rewrite(v, lambda m, x: rewrite(x, do_fn) if m == 1 else x) if n == 3 and b'beam:dofn' in v else v

    def transform(number, value):
        return rewrite(value, spec(one(fields(value), 1))) if number == 1 else value

    return rewrite(b, lambda n, v: rewrite(v, lambda m, x: rewrite(x, transform) if m == 2 else x) if n == 2 else v)


def replay(f, folder, names):
    """Says all that the runner said. {bundle: (our Done, theirs)}, what ours and theirs put out."""
    theirs, bundles, out, finalized = {}, [], {}, []
    for direction, stream, b in records(folder):
        if direction == 'W>R' and stream == 'control':
            theirs.setdefault(one(fields(b), 1).decode(), []).append(Done(fields(b)))
        elif direction == 'W>R' and stream == 'data':
            for d in map(fields, fields(b).get(1, [])):
                key = one(d, 1).decode(), one(d, 2).decode()
                out[key] = out.get(key, b'') + one(d, 3)
        elif direction == 'R>W' and stream == 'descriptor':
            f.say('stage', one(fields(b), 1).decode(), own_descriptor(b, f, names).hex())
    answered = {}
    for direction, stream, b in records(folder):
        if direction != 'R>W' or stream not in ('control', 'data'):
            continue
        if stream == 'data':
            wait_for('the data stream', lambda: 'data' in f.open)
            f.say('send', 'data', b.hex())
            continue
        request = fields(b)
        if 1001 in request:
            bundles.append(one(request, 1).decode())
        if 1004 in request:
            of = one(fields(one(request, 1004)), 1).decode()
            finalized.append(of)
            if of not in answered:
                answered[of] = Done(f.wait(of))
        f.say('send', 'control', b.hex())
    for bundle in bundles:
        if bundle not in answered:
            answered[bundle] = Done(f.wait(bundle))
    return {i: (answered[i], theirs[i][0]) for i in bundles}, out, finalized


def key(done):
    """What must come back to the runner, but for times."""
    return sorted((one(a, 1), one(a, 2), one(a, 3), sorted(map_of(a, 4))) for a in (fields(one(r, 1)) for r in done.residuals))


with story():
    if not glob.glob(os.path.join(FIXTURES, '*', 'worker1.bin')):
        skip('the recordings of real runners', 'no recordings at ../shared/beam-fixtures')
    else:
        with W.World(durable=False) as w:
            w.furnish()
            for folder in BOUNDED:
                stored = announce(w, [tiny(n) for n in range(BOUNDED.index(folder) * 100, BOUNDED.index(folder) * 100 + 30)])
                with Fake(w) as f:
                    got, _, _ = replay(f, folder, list(stored))
                    equal([d.error for d, _ in got.values()], [''], folder + ': its bundle is answered')
                    equal([d.counters for d, _ in got.values()], [counted(30, 0, 30, 0)], folder + ': thirty messages are moved')
                ledger = judge(w, stored)
                equal((ledger.identical, ledger.lost), (30, []), folder + ': and are there')
            for folder in SDF:
                with Fake(w) as f:
                    got, out, finalized = replay(f, folder, [])
                    equal([d.error for d, _ in got.values() if not d.ok], [], folder + ': every bundle is answered')
                    equal({i: key(d) for i, (d, t) in got.items() if t.residuals}, {i: key(t) for i, (_, t) in got.items() if t.residuals},
                          folder + ': the same residuals, byte for byte')
                    wanted = {k: v for k, v in out.items() if v}
                    for i, sink in wanted:
                        f.closed(i, sink)
                    equal({k: v for k, v in f.out.items() if v}, wanted, folder + ': the same shards, byte for byte')
                    wait_for('the finalizations to be answered', lambda: len(finalized) == sum(1004 in a for i in f.answers.values() for a in i))
                    check(len(finalized) > 0, folder + ': finalizations are answered, with an empty id of their own or not')
