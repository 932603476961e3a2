#!/usr/bin/env python3
"""`demo --runner PrismRunner`: the same closing ledger as the direct demo's, with the worker killed on the way; and without
faults the runner's counters are the ledger to the message."""
import json
import os
import tempfile

import beam_lib  # noqa: F401
import world as W
from runners import PRISM, need
from tap import check, equal, story

need('prism', 'the demo on Prism')


def demo(folder, *flags):
    code, out, err = W.run('demo', '--runner', 'PrismRunner', '--prism', PRISM, '--messages', '600', '--work_dir',
                           os.path.join(folder, 'work'), '--json', *flags, timeout=240)
    lines = [json.loads(line) for line in out.split('\n') if line.startswith('{')]
    return code, next((x for x in lines if x.get('type') == 'ledger'), {}), err


with story(), tempfile.TemporaryDirectory(prefix='hl7relay-beam-') as folder:
    for flags, killed in ((('--faults', 'on'), True), (('--faults', 'off'), False)):
        code, ledger, err = demo(folder, *flags)
        equal(code, 0, '%s %s: exit 0' % flags)
        equal(ledger.get('killed'), killed, '%s %s: the worker was %s' % (*flags, 'killed half way' if killed else 'left alone'))
        equal([ledger.get(k) for k in ('announced', 'identical', 'dead', 'skipped', 'pending')], [600, 585, 12, 3, 0],
              '%s %s: its ledger' % flags)
        equal([ledger.get(k) for k in ('lost', 'altered', 'leaked', 'unexpected', 'unreadable')], [0] * 5,
              '%s %s: nothing lost, altered, leaked' % flags)
        check(ledger.get('counters_agree'), "%s %s: the runner's counters agree" % flags, ledger or err)
