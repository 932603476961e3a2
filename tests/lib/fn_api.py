"""The runner's side of Beam's Fn API for stories: its messages written and read by hand (numbers of beam_fn_api.proto,
beam_runner_api.proto), and a fake runner that says what a story tells it to, over tests/beam/fn_bridge.c."""
import json
import os
import queue
import struct
import subprocess
import threading
import time

import tap
import world as W

# ---- protobuf, as far as it goes ----


def varint(n):
    out = b''
    n &= (1 << 64) - 1
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(number, value):
    """int: varint; bytes or str: length-delimited; float: double; None: left out; list: repeated."""
    if value is None:
        return b''
    if isinstance(value, list):
        return b''.join(field(number, v) for v in value)
    if isinstance(value, bool) or isinstance(value, int):
        return varint(number << 3) + varint(int(value))
    if isinstance(value, float):
        return varint(number << 3 | 1) + struct.pack('<d', value)
    if isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


def msg(**fields):
    """msg(_1='x', _4=True)"""
    return b''.join(field(int(k[1:]), v) for k, v in fields.items())


def entries(mapping):
    """A map field: {key: message bytes or string}."""
    return [msg(_1=k, _2=v) for k, v in mapping.items()]


def read_varint(b, at):
    n = shift = 0
    while True:
        n |= (b[at] & 127) << shift
        at += 1
        if b[at - 1] < 128:
            return n, at
        shift += 7


def fields(b):
    """{number: [values]}; length-delimited ones are bytes."""
    out, at = {}, 0
    while at < len(b):
        tag, at = read_varint(b, at)
        if tag & 7 == 0:
            value, at = read_varint(b, at)
        elif tag & 7 == 1:
            value, at = b[at:at + 8], at + 8
        elif tag & 7 == 5:
            value, at = b[at:at + 4], at + 4
        else:
            length, at = read_varint(b, at)
            value, at = b[at:at + length], at + length
            assert len(value) == length
        out.setdefault(tag >> 3, []).append(value)
    return out


def one(f, number, otherwise=b''):
    return f.get(number, [otherwise])[-1]


def map_of(f, number):
    out = {}
    for e in f.get(number, []):
        e = fields(e)
        out[one(e, 1).decode()] = one(e, 2)
    return out


# ---- coders ----

MIN_HEADER = bytes.fromhex('7fdf3b645a1cac09000000010f')


def header(ms=1700000000000, pane=b'\x0f'):
    return struct.pack('>Q', (ms + (1 << 63)) & (1 << 64) - 1) + b'\0\0\0\1' + pane


def element(value, head=MIN_HEADER):
    value = value.encode() if isinstance(value, str) else value
    return head + varint(len(value)) + value


def shard(n, head=MIN_HEADER):
    return head + b'\4' + struct.pack('>I', n) + b'\1\1' + struct.pack('>d', 1.0)


def names_in(data):
    """The values of a block of windowed bytes with plain panes."""
    out, at = [], 0
    while at < len(data):
        at += 13
        length, at = read_varint(data, at)
        out.append(data[at:at + length].decode('utf-8', 'replace'))
        at += length
    return out


# ---- stages ----

def spec(urn, payload=b''):
    return msg(_1=urn, _3=payload or None)


class Stage:
    """A descriptor that is put together step by step."""

    def __init__(self, stage_id, port):
        self.id, self.port, self.steps, self.collections = stage_id, port, {}, set()
        self.coders = {
            'c_bytes': spec('beam:coder:bytes:v1'), 'c_gw': spec('beam:coder:global_window:v1'), 'c_double': spec('beam:coder:double:v1'),
        }
        self.coder = {k: msg(_1=v) for k, v in self.coders.items()}
        self.add_coder('c_pair', 'beam:coder:kv:v1', 'c_bytes', 'c_bytes')
        self.add_coder('c_sized', 'beam:coder:kv:v1', 'c_pair', 'c_double')
        for name in ('bytes', 'pair', 'sized'):
            self.add_coder('w_' + name, 'beam:coder:windowed_value:v1', 'c_' + name, 'c_gw')

    def add_coder(self, name, urn, *parts):
        self.coder[name] = msg(_1=spec(urn), _2=list(parts))

    def step(self, name, urn, payload, inputs, outputs):
        self.collections |= set(inputs.values()) | set(outputs.values())
        self.steps[name] = msg(_1=spec(urn, payload), _3=entries(inputs), _4=entries(outputs), _5='name of ' + name, _7='c_env')
        return self

    def port_payload(self, coder):
        return msg(_1=msg(_1='127.0.0.1:%d' % self.port), _2=coder)

    def source(self, out, coder='w_bytes', name='read/fn'):
        return self.step(name, 'beam:runner:source:v1', self.port_payload(coder), {}, {'i0': out})

    def sink(self, into, coder='w_bytes', name=None):
        return self.step(name or 'write/' + into, 'beam:runner:sink:v1', self.port_payload(coder), {'i0': into}, {})

    def pardo(self, name, dofn, into, urn='beam:transform:pardo:v1', **outputs):
        payload = msg(_1=msg(_1='beam:dofn:c:v1', _3=json.dumps(dofn)), _7='c_bytes' if 'sdf' in urn else None, _8='sdf' in urn or None)
        return self.step(name, urn, payload, {'in': into}, outputs)

    def bytes(self):
        pcs = {c: msg(_1='name of ' + c, _2='c_bytes', _3=1, _4='ws') for c in self.collections}
        return msg(_1=self.id, _2=entries(self.steps), _3=entries(pcs), _5=entries(self.coder))


class Fake:
    """with Fake(w) as f: the bridge, and a worker that is connected to it."""

    def __init__(self, w, runner='PrismRunner', worker_id="'w[1]'", settings=None, env=None, open_ms=None, **more):
        self.dofn_more = {'open_ms': open_ms} if open_ms else {}
        self.w, self.runner, self.worker_id, self.env = w, runner, worker_id, env
        self.settings = settings if settings is not None else {
            'project_id': 'p', 'region': 'us-central1', 'source_hl7v2_store': W.SOURCE, 'dest_hl7v2_store': W.DEST,
            'pubsub_subscription': W.SUBSCRIPTION, 'pubsub_endpoint': 'http://127.0.0.1:%d' % w.port,
            'healthcare_endpoint': 'http://127.0.0.1:%d' % w.port, 'state_dir': w.path('state'),
            'dead_letter': {'sink': 'file://' + w.path('dead'), 'kept_volume': True}, **more}
        self.answers, self.out, self.lasts, self.logs, self.calls = {}, {}, {}, [], []
        self.order = queue.Queue()
        self.open = set()
        self.last_ids = 0
        self.lock = threading.Lock()

    def __enter__(self):
        bridge = os.environ.get('FN_BRIDGE') or os.path.join(os.path.dirname(os.environ['HL7RELAY']), '../../tests/beam/fn_bridge')
        self.bridge = subprocess.Popen([bridge], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=W.environment())
        self.port = int(self.bridge.stdout.readline().split()[1])
        threading.Thread(target=self._read, daemon=True).start()
        at = msg(_1='127.0.0.1:%d' % self.port)
        meta = {'runner': 'fake', 'runner_version': '1'}
        self.say('provision', msg(_1=msg(_8=at, _9=at, _10=at, _13=entries(meta))).hex())
        self.start_worker()
        return self

    def start_worker(self, *flags, wait=True):
        self.open.clear()
        self.worker = W.Process(['beam-worker', '-id=' + self.worker_id, '--provision_endpoint=127.0.0.1:%d' % self.port,
                                 '--semi_persist_dir=/tmp', '--some_new_flag=1', '-v', *flags], self.w.path('worker.log'), self.env)
        if wait:
            tap.wait_for('the worker to open its control stream', lambda: 'control' in self.open or not self.worker.is_running())

    def __exit__(self, kind, value, trace):
        if self.worker.is_running():
            self.worker.kill()
        self.bridge.kill()
        self.bridge.wait()
        if kind is not None:
            with open(self.w.path('worker.log'), errors='replace') as f:
                tap.note('--- the end of worker.log\n' + f.read()[-6000:])

    def _read(self):
        for line in self.bridge.stdout:
            words = line.decode('utf-8', 'replace').rstrip('\n').split(' ')
            with self.lock:
                self._take(words)

    def _take(self, words):
        what, stream = words[0], words[1]
        raw = bytes.fromhex(words[-1]) if what == 'got' else b''
        if what == 'open':
            self.open.add(stream)
            self.calls.append((stream, ' '.join(words[2:])))
        elif what == 'call':
            self.calls.append((stream, words[2]))
        elif what in ('gone', 'half'):
            self.open.discard(stream)
        elif what == 'got' and stream == 'control':
            f = fields(raw)
            self.answers.setdefault(one(f, 1).decode(), []).append(f)
        elif what == 'got' and stream == 'data':
            for d in fields(raw).get(1, []):
                d = fields(d)
                key = one(d, 1).decode(), one(d, 2).decode()
                self.out[key] = self.out.get(key, b'') + one(d, 3)
                self.lasts[key] = self.lasts.get(key, 0) + one(d, 4, 0)
        elif what == 'got':
            self.logs += [fields(e) for e in fields(raw).get(1, [])]

    # ---- what the runner says ----

    def say(self, *words):
        self.bridge.stdin.write((' '.join(words) + '\n').encode())
        self.bridge.stdin.flush()

    def dofn(self, do, **more):
        return {'do': do, 'v': 1, 'runner': self.runner, 'source': 'create', 'settings': self.settings, **self.dofn_more, **more}

    def stage(self, stage):
        self.say('stage', stage.id, stage.bytes().hex())

    def instruct(self, instruction, **request):
        self.say('send', 'control', msg(_1=instruction, **request).hex())

    def bundle(self, instruction, stage):
        self.instruct(instruction, _1001=msg(_1=stage))

    def data(self, instruction, data, last=True, transform='read/fn'):
        tap.wait_for('the data stream', lambda: 'data' in self.open)    # the first bundle's stage makes the worker open it
        parts = [msg(_1=instruction, _2=transform, _3=data)] if data else []
        if last:
            parts.append(msg(_1=instruction, _2=transform, _4=True))
        self.say('send', 'data', msg(_1=parts).hex())

    def wait(self, instruction, seconds=60):
        """The first answer to an instruction that nobody has taken yet: {number: [values]}."""
        def taken():
            with self.lock:
                got = self.answers.get(instruction)
                return got.pop(0) if got else None
        return tap.wait_for('an answer to %r' % instruction, taken, seconds)

    def wait_or_open(self, instruction):
        """An answer; or the bundle waits for its data, which closes it."""
        self.ask(_1006=b'')
        if not self.has_answer(instruction) and 'data' in self.open:
            self.data(instruction, b'')
        self.ask(_1006=b'')

    def has_answer(self, instruction):
        with self.lock:
            return bool(self.answers.get(instruction))

    def closed(self, instruction, *sinks):
        """Waits until these outputs are closed: they come on another stream than the answer."""
        tap.wait_for('the outputs of %s' % instruction, lambda: all(self.lasts.get((instruction, s)) for s in sinks))

    def ask(self, seconds=60, instruction=None, **request):
        """A small instruction and its answer, with how long that took."""
        self.last_ids += 1
        j = instruction if instruction is not None else 'ask-%d' % self.last_ids
        began = time.monotonic()
        self.instruct(j, **request)
        answer = self.wait(j, seconds)
        self.took = time.monotonic() - began
        return answer

    def finalize(self, instruction, j=None):
        return self.ask(instruction=j, _1004=msg(_1=instruction))

    # ---- stages of our pipelines ----

    def fused(self, stage_id='fused', with_attributes=False, source='pubsub_read'):
        """log, fetch, ingest and both failure logs in one, from a source of the runner's."""
        s = Stage(stage_id, self.port).source('pc_msg')
        more = {'source': source, 'with_attributes': with_attributes}
        s.pardo('t_log', self.dofn('log', **more), 'pc_msg', out='pc_logged')
        self.tail(s, more)
        self.stage(s)

    def tail(self, s, more):
        s.pardo('Fetch Full/ParDo', self.dofn('fetch', **more), 'pc_logged', out='pc_fetched', failed_fetch='pc_ff')
        s.pardo('t_ingest', self.dofn('ingest', **more), 'pc_fetched', out='pc_ok', failed_ingest='pc_fi')
        s.pardo('t_ff', self.dofn('dead_fetch', **more), 'pc_ff').pardo('t_fi', self.dofn('dead_ingest', **more), 'pc_fi')
        s.sink('pc_ok').sink('pc_ff').sink('pc_fi')

    def pulling(self, stage_id='pulling', **more):
        """The C source with all that moves its messages."""
        more = {'source': 'pull', **more}
        s = Stage(stage_id, self.port).source('nt_sized', 'w_sized')
        s.pardo('t_pull/Process', self.dofn('pull', **more), 'nt_sized', urn='beam:transform:sdf_process_sized_element_and_restrictions:v1',
                out='pc_msg')
        s.pardo('t_log', self.dofn('log', **more), 'pc_msg', out='pc_logged')
        self.tail(s, more)
        self.stage(s)


# ---- answers, read ----

class Done:
    """A ProcessBundleResponse."""

    def __init__(self, answer):
        self.error = one(answer, 2).decode()
        self.ok = 1001 in answer
        f = fields(one(answer, 1001))
        self.residuals = [fields(r) for r in f.get(2, [])]
        self.finalize = bool(one(f, 4, 0))
        self.short = {k: read_varint(v, 0)[0] for k, v in map_of(f, 5).items()}
        self.counters, self.elements = {}, {}
        for info in f.get(3, []):
            i = fields(info)
            labels = {k: v.decode() for k, v in map_of(i, 4).items()}
            n = read_varint(one(i, 3), 0)[0]
            if 'NAME' in labels:
                self.counters[labels['NAME']] = self.counters.get(labels['NAME'], 0) + n
            if 'PCOLLECTION' in labels:
                self.elements[labels['PCOLLECTION']] = n

    def shards(self):
        return [one(fields(one(r, 1)), 3) for r in self.residuals]


def counted(fetched, failed_fetch, ingested, failed_ingest):
    return {'Fetched': fetched, 'FailedFetch': failed_fetch, 'Ingested': ingested, 'FailedIngest': failed_ingest}
