#!/usr/bin/env python3
"""Help texts change on purpose only: tests/golden/help has them. `tools/golden` shows and accepts changes."""
import os
import re

import lib  # noqa: F401
import world as W
from tap import check, story

FOLDER = os.path.join(W.TOP, 'tests', 'golden', 'help')

with story():
    names = sorted(os.listdir(FOLDER)) if os.path.isdir(FOLDER) else []
    check(names, 'there are golden texts')
    for name in names:
        words = name[:-len('.txt')].split('+')
        code, out, err = W.run(*words)
        with open(os.path.join(FOLDER, name)) as f:
            wanted = f.read()
        check(code == 0 and out == wanted, '`hl7relay %s` is as it was' % ' '.join(words),
              'see: tools/golden\nexit %d, %d lines instead of %d' % (code, out.count('\n'), wanted.count('\n')))
        if words[-1] == '--help':
            check(max(len(line) for line in out.split('\n')) <= 80, '`%s` fits 80 columns' % ' '.join(words),
                  '\n'.join(line for line in out.split('\n') if len(line) > 80)[:300])
    code, out, _ = W.run('help')
    for command in re.findall(r'^  ([a-z]+) ', out, re.M):
        check('%s+--help.txt' % command in names, 'help of %s has a golden text' % command)
