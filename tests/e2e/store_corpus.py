#!/usr/bin/env python3
"""Every sample message in the stores of the local cloud: metadata and parsedData of the valid ones as Google's documents say, in
each parser version, worked out here a second time and in another way; the others refused with a NACK, or stored byte for byte by a
store that takes anything; never a 5xx. Without the corpus beside the project, generated messages are used, and the skip says so."""
import base64
import datetime
import glob
import os
import re

import lib  # noqa: F401
import world as W
from made import generated
from rest import in_threads, message_id
from tap import check, equal, note, skip, story

CORPUS = os.environ.get('HL7_CORPUS', os.path.join(os.path.dirname(W.TOP), 'shared', 'corpus'))
DATASET = '/v1/projects/p/locations/l/datasets/corpus'
ESCAPES = {'F': 0, 'S': 1, 'R': 2, 'E': 3, 'T': 4, 'P': 5}
WITH_SET_ID = 'PID NK1 PV1 OBR OBX NTE AL1 DG1 PR1 GT1 IN1 IN3 FT1 TXA AIS AIG AIL AIP RGS TQ1 TQ2 SPM IAM'.split()


def read(part):
    found = {}
    for path in sorted(glob.glob(os.path.join(CORPUS, part, '*.hl7'))):
        with open(path, 'rb') as f:
            found[os.path.basename(path)] = f.read()
    return found


# ---- what a message should be in the store ----

class Separators:
    def __init__(self, header):
        self.all = header[3] + header.split(header[3])[1]

    def __getitem__(self, n):
        return self.all[n] if n < len(self.all) else None


FIELD, COMPONENT, REPETITION, ESCAPE, SUBCOMPONENT = range(5)


def undo(value, seps):
    def one(m):
        n = ESCAPES.get(m.group(1))
        return seps[n] if n is not None and seps[n] else m.group(0)
    e = re.escape(seps[ESCAPE])
    return re.sub(e + '([^' + e + ']*)' + e, one, value)


def leaves(value, seps):
    """(".1.2" or "[0].1", value) of all that is there"""
    repetitions = value.split(seps[REPETITION])
    for r, repetition in enumerate(repetitions):
        at = '[%d]' % r if len(repetitions) > 1 else ''
        components = repetition.split(seps[COMPONENT])
        if len(components) == 1 and (not seps[SUBCOMPONENT] or seps[SUBCOMPONENT] not in repetition):
            yield at, repetition
            continue
        for c, component in enumerate(components):
            parts = component.split(seps[SUBCOMPONENT]) if seps[SUBCOMPONENT] else [component]
            for s, part in enumerate(parts):
                yield '%s.%d%s' % (at, c + 1, '.%d' % (s + 1) if len(parts) > 1 else ''), part


def parsed(text, version):
    segments, seps = [], None
    for line in filter(None, text.split('\r')):
        header = line[:3] in ('MSH', 'FHS', 'BHS') and len(line) > 3
        if header:
            seps = Separators(line)
        parts = line.split(seps[FIELD])
        fields = {'0': parts[0]}
        if header:
            offset = 0 if version == 'V1' else 1
            if version != 'V1':
                fields['1'] = seps[FIELD]
            fields[str(1 + offset)] = parts[1]
            rest = enumerate(parts[2:], 2 + offset)
        else:
            rest = enumerate(parts[1:], 1)
        for n, value in rest:
            for at, leaf in leaves(value, seps):
                if leaf:
                    fields['%d%s' % (n, at)] = undo(leaf, seps) if version == 'V3' else leaf
        segment = {'segmentId': parts[0], 'fields': fields}
        if parts[0] in WITH_SET_ID and len(parts) > 1 and parts[1]:
            segment['setId'] = parts[1]
        segments.append(segment)
    return segments


def send_time(text):
    m = re.fullmatch(r'(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\.\d{1,9})?([+-]\d{4})?', text.strip())
    if not m or (m.group(7) and not m.group(6)):
        return None
    try:
        part = [int(p) if p else d for p, d in zip(m.groups()[:6], (1, 1, 1, 0, 0, 0))]
        at = datetime.datetime(*part, microsecond=int((m.group(7) or '.0')[1:7].ljust(6, '0')))
        if m.group(8):
            sign = -1 if m.group(8)[0] == '-' else 1
            at -= sign * datetime.timedelta(hours=int(m.group(8)[1:3]), minutes=int(m.group(8)[3:]))
    except (ValueError, OverflowError):
        return None
    return at


def facts(text):
    """(type, facility, send time, patient ids) of the first header and all PIDs"""
    lines = text.split('\r')
    msh = next(l for l in lines if l[:3] == 'MSH')
    seps = Separators(msh)
    field = msh.split(seps[FIELD]) + [''] * 20
    first = lambda value: value.split(seps[COMPONENT])[0]
    ids = []
    for line in lines:
        parts = line.split(seps[FIELD])
        if parts[0] != 'PID':
            continue
        for value in parts[2:5]:
            for one in value.split(seps[REPETITION]):
                components = one.split(seps[COMPONENT])
                if components[0]:
                    ids.append({'value': components[0], **({'type': components[4]} if len(components) > 4 and components[4] else {})})
    return first(field[8]), first(field[3]), send_time(first(field[6])), ids


def read_time(text):
    form = '%Y-%m-%dT%H:%M:%S.%fZ' if '.' in text else '%Y-%m-%dT%H:%M:%SZ'
    return datetime.datetime.strptime(text, form)


def differences(message, text, version):
    """What in a Message is not as it should be. Names of fields alone: nothing of the content."""
    kind, facility, sent, ids = facts(text)
    wrong = []
    if message.get('messageType', '') != kind:
        wrong.append('messageType')
    if message.get('sendFacility', '') != facility:
        wrong.append('sendFacility')
    if (read_time(message['sendTime']) if 'sendTime' in message else None) != sent:
        wrong.append('sendTime')
    if message.get('patientIds', []) != ids:
        wrong.append('patientIds')
    want, got = parsed(text, version), message['parsedData']['segments']
    if got != want:
        at = next((n for n, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
        wrong.append('parsedData: segment %d of %d' % (at, len(want)))
    return wrong


# ---- the story ----

def ingest(rest, store, data, method='messages:ingest'):
    return rest.ask('POST', '%s/hl7V2Stores/%s/%s' % (DATASET, store, method), {'message': {'data': base64.b64encode(data).decode()}})


def get(rest, store, data, view):
    return rest.ask('GET', '%s/hl7V2Stores/%s/messages/%s?view=%s' % (DATASET, store, message_id(data), view))


def try_valid(rest, name, data):
    """(name, what is wrong): a list, or None when the declared character set is one that stores refuse, as documented."""
    wrong = []
    for version in ('V1', 'V2', 'V3'):
        status, answer = ingest(rest, version, data)
        if status == 400 and answer['error']['message'].startswith('unsupported encoding in message'):
            return name, None
        if status != 200:
            return name, ['%s: HTTP %d' % (version, status)]
        text = data.decode('utf-8')
        msh = next(l for l in text.split('\r') if l[:3] == 'MSH')
        ack = base64.b64decode(answer['hl7Ack']).decode().split('\r')
        if ack[1].split(msh[3]) != ['MSA', 'AA', msh.split(msh[3])[9]]:
            wrong.append('the ACK')
        status, message = get(rest, version, data, 'FULL')
        if status != 200 or base64.b64decode(message['data']) != data:
            wrong.append('%s: the bytes, HTTP %d' % (version, status))
        else:
            wrong += ['%s: %s' % (version, w) for w in differences(message, text, version)]
    return name, wrong


def try_malformed(rest, name, data):
    """(refused, what is wrong)"""
    wrong, refused = [], False
    status, answer = ingest(rest, 'V3', data)
    if status == 400:
        refused = True
        details = answer['error'].get('details', [{}])
        if data and not any('hl7Nack' in d for d in details):
            wrong.append('refused without a NACK')
        if ingest(rest, 'V3', data, 'messages')[0] != 400 or get(rest, 'V3', data, 'BASIC')[0] != 404:
            wrong.append('refused, and there all the same')
    elif status != 200:
        wrong.append('HTTP %d' % status)
    status, answer = ingest(rest, 'any', data)
    if status != 200:
        wrong.append('the store that takes anything: HTTP %d' % status)
        return refused, wrong
    for view in ('RAW_ONLY', 'FULL', 'PARSED_ONLY'):
        status, message = get(rest, 'any', data, view)
        if status != 200 or (view != 'PARSED_ONLY' and base64.b64decode(message.get('data', '')) != data):
            wrong.append('%s: HTTP %d, or other bytes' % (view, status))
    return refused, wrong


with story(), W.World(accept_all='any', durable=False) as w:
    w.rest.expect('POST', DATASET.rsplit('/', 1)[0] + '?datasetId=corpus', {})
    for version in ('V1', 'V2', 'V3'):
        w.rest.expect('POST', '%s/hl7V2Stores?hl7V2StoreId=%s' % (DATASET, version), {'parserConfig': {'version': version}})
    w.rest.expect('POST', DATASET + '/hl7V2Stores?hl7V2StoreId=any', {})
    valid, malformed = read('valid'), read('malformed')
    if valid:
        check(True, 'the sample messages are there')
    else:
        skip('the sample messages', 'no corpus at ../shared/corpus')
        valid = {'made %d' % n: m for n, m in enumerate(generated(150))}
        malformed = {'bad %d' % n: m for n, m in enumerate(generated(60, '--malformed'))}
    results = in_threads(lambda item: try_valid(w.rest, *item), list(valid.items()))
    for name, wrong in results:
        for what in wrong or []:
            note('%s: %s' % (name, what))
    declared = sum(wrong is None for _, wrong in results)
    check(not any(wrong for _, wrong in results), 'every valid message is as the documents say, in three parser versions')
    note('%d valid, of which %d declare a character set that stores refuse, as documented' % (len(valid), declared))
    check(declared * 5 < len(valid), 'few are refused for their character set')
    results = in_threads(lambda item: (item[0], *try_malformed(w.rest, *item)), list(malformed.items()))
    for name, _, wrong in results:
        for what in wrong:
            note('%s: %s' % (name, what))
    check(not any(wrong for _, _, wrong in results), 'a malformed one is refused with a NACK or kept byte for byte')
    refused = sum(r for _, r, _ in results)
    note('%d malformed, %d refused by a strict store' % (len(malformed), refused))
    check(refused * 10 > len(malformed) * 9, 'nearly all of them are refused by a strict store')
    equal(w.rest.ask('GET', DATASET + '/hl7V2Stores/any:getHL7v2StoreMetrics')[0], 200, 'and they can be counted')
    status, page = w.rest.ask('GET', DATASET + '/hl7V2Stores/any/messages?view=FULL&pageSize=1000')
    check(status == 200 and page['hl7V2Messages'], 'and listed in full')
