#!/usr/bin/env python3
"""The demo's proof can fail: what is lost, altered or leaked on purpose is found, and nothing else is said to be."""
import json
import os
import tempfile

import lib  # noqa: F401
import world as W
from tap import check, equal, story


def demo(folder, *flags):
    code, out, err = W.run('demo', '--messages', '300', '--work_dir', os.path.join(folder, 'work'), '--json', *flags, timeout=240)
    lines = [json.loads(line) for line in out.split('\n') if line.startswith('{')]
    return code, next((x for x in lines if x.get('type') == 'ledger'), {}), err


with story(), tempfile.TemporaryDirectory(prefix='hl7relay-e2e-') as folder:
    code, ledger, err = demo(folder)
    equal(code, 0, 'with faults and a kill: exit 0')
    check(ledger.get('killed'), 'the relay was killed half way', ledger or err)
    equal([ledger.get(k) for k in ('announced', 'identical', 'dead', 'skipped', 'pending')], [300, 285, 12, 3, 0], 'its ledger')
    equal([ledger.get(k) for k in ('lost', 'altered', 'leaked', 'unexpected', 'unreadable')], [0] * 5, 'nothing lost, altered, leaked')
    check(ledger.get('counters_agree'), "the relay's own counters agree", ledger)
    equal(ledger.get('dead_by_reason'), {'dest_nack': 4, 'source_not_found': 3, 'foreign_store': 2, 'bad_path': 2, 'too_large': 1},
          'each dead letter has the reason of what was planted')
    code, ledger, _ = demo(folder, '--faults', 'off', '--break', 'lose')
    equal((code, ledger.get('lost'), ledger.get('leaked')), (4, 1, 0), '--break lose is found')
    code, ledger, _ = demo(folder, '--faults', 'off', '--break', 'alter')
    equal((code, ledger.get('altered'), ledger.get('unexpected')), (4, 1, 1), '--break alter is found')
    code, ledger, _ = demo(folder, '--faults', 'off', '--break', 'leak', '--seed', '43')    # the seed chooses the form
    equal((code, ledger.get('leaked'), ledger.get('lost')), (4, 1, 0), '--break leak is found')
