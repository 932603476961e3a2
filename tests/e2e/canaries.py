#!/usr/bin/env python3
"""No patient data and no secret is in anything that the relay writes or shows, whatever goes wrong meanwhile: plain, in
base64, hex, percent- or JSON-escaped. This search shares no code with the program's own."""
import base64
import glob
import os
import re

import lib  # noqa: F401
import world as W
from made import MARK, announce, generated, tiny
from tap import check, equal, note, story, wait_for

TOKEN = 'ya29.SECRETTOKENCANARY'
FAULTS = ['get:truncate:p=0.05', 'ingest:cut:p=0.02', 'get:html:p=0.05', 'ingest:400:p=0.02', 'get:wrong_name:p=0.02', 'ingest:500:p=0.05',
          'get:no_data:p=0.01', 'get:bad_base64:p=0.01', 'stream:duplicate:p=0.1']


def forms(mark):
    raw = mark.encode()
    yield 'plain', re.compile(re.escape(raw), re.I)
    yield 'hex', re.compile(raw.hex().encode(), re.I)
    yield 'percent', re.compile(b''.join(b'(?:%%%02x|%s)' % (c, re.escape(bytes([c]))) for c in raw), re.I)
    yield 'json', re.compile(b''.join(b'(?:\\\\u00%02x|%s)' % (c, re.escape(bytes([c]))) for c in raw), re.I)
    for shift in range(3):
        coded = base64.b64encode(b'\0' * shift + raw)[4 if shift else 0:(shift + len(raw)) // 3 * 4]
        yield 'base64/%d' % shift, re.compile(re.escape(coded))


def sweep(text, marks):
    return [(mark[:6], name) for mark in marks for name, pattern in forms(mark) if pattern.search(text)]


with story(), W.World(accept_all='source') as w:
    planted = base64.b64encode(b'ab' + MARK.encode() + b'xyz')
    check(sweep(planted, [MARK]), 'the search finds what it must find')
    w.furnish()
    w.write('token', TOKEN + '\n')
    w.config(log={'format': 'json', 'level': 'debug'})
    w.faults(*FAULTS)
    stored = announce(w, generated(400) + generated(8, '--malformed') + [tiny(n) for n in range(5)])
    w.publish([tiny(99), ('%s/messages/%s' % (W.SOURCE, MARK + '$')).encode(), base64.b64encode(tiny(98)), b''])
    w.start_relay('-v', env={'SOME_TOKEN': TOKEN})
    pages = []

    def finished():
        for path in ('/', '/metrics', '/status.json', '/readyz', '/livez'):
            pages.append(w.page(path) or '')
        return w.metric('hl7relay_messages_delivered_total') + w.metric('hl7relay_messages_dead_total') >= len(stored)

    wait_for('all to be delivered or dead', finished, 180)
    equal(w.relay.stop(), 0, 'SIGTERM ends it with 0')
    listed = [w.run('dead', 'list', '--config_path', w.path('config.json')), w.run('verify', '--config_path', w.path('config.json')),
              w.run('check', '--config_path', w.path('config.json'), '--show-effective')]
    w.cloud.stop()
    found, count = [], 0
    for root, _, files in os.walk(w.dir):
        if root.startswith(w.path('cloud')) and not root.endswith('.log'):
            continue    # the local cloud's own data holds the messages
        for name in files:
            with open(os.path.join(root, name), 'rb') as f:
                text = f.read()
            hits = sweep(text, [MARK] if name == 'token' else [MARK, TOKEN])
            found += [(name,) + hit for hit in hits]
            count += 1
    for text in pages + [part for run in listed for part in run[1:]]:
        found += [('a page or output',) + hit for hit in sweep(text.encode(), [MARK, TOKEN])]
    note('%d files, %d pages' % (count, len(pages)))
    equal(found, [], 'no canary anywhere')
    check(not glob.glob(os.path.join(w.dir, 'core*')), 'and no core file')
