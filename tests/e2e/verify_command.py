#!/usr/bin/env python3
"""verify: same, missing, only there, different and unreadable are told apart; what a lagging list lacks is asked for."""
import json

import lib  # noqa: F401
import world as W
from made import generated
from rest import create
from tap import check, equal, story

with story(), W.World(accept_all='destination') as w:
    w.furnish()
    config = w.config()
    both, missing, extra = generated(40), generated(43)[40:], generated(45)[43:]
    for m in both + missing:
        create(w.rest, W.SOURCE, m)
    for m in both + extra:
        create(w.rest, W.DEST, m)
    for flags in ([], ['--deep']):
        code, out, err = w.run('verify', '--config_path', config, '--json', *flags)
        last = [json.loads(line) for line in out.split('\n') if line.startswith('{')]
        report = next((x for x in last if x.get('type') == 'verify'), {})
        equal(code, 4, 'differences: exit 4 ' + ' '.join(flags))
        equal([report.get(k) for k in ('same', 'missing', 'extra', 'different', 'unreadable')], [40, 3, 2, 0, 0],
              'counts ' + ' '.join(flags))
    combined = w.path('report.txt')
    w.run('verify', '--config_path', config, '--combined', combined)
    lines = open(combined).read().split('\n')
    equal([sum(line.startswith(c + ' ') for line in lines) for c in '=+-*!'], [40, 3, 2, 0, 0], '--combined has a line for each')
    w.faults('get@destination:bad_base64:every=40')
    code, out, _ = w.run('verify', '--config_path', config, '--deep')
    equal(code, 4, 'a copy that cannot be read: exit 4')
    check('!' in out, 'and it is called unreadable', out)
    w.faults('list:503:p=0.5', 'list:reset:p=0.1')
    code, out, err = w.run('verify', '--config_path', config)
    check(code == 4, 'a list that fails now and then is asked again', '%d %s' % (code, err))
    w.faults()
    for m in missing:
        create(w.rest, W.DEST, m)
    for m in extra:
        create(w.rest, W.SOURCE, m)
    equal(w.run('verify', '--config_path', config, '--deep')[0], 0, 'the same: exit 0')
