#!/usr/bin/env python3
"""The engine touches nothing: relay/ and the objects of base/ that it pulls in use no symbol beyond a short list.

  purity.py librelay.a libbase.a      prints TAP
"""
import fnmatch
import re
import subprocess
import sys

# Memory, strings, arithmetic, and the end of the process; the compiler's own guards.
ALLOWED = ['mem*', 'str*', '__mem*_chk', '__str*_chk', 'malloc', 'calloc', 'realloc', 'free', 'abort', '__stack_chk_fail',
           '_GLOBAL_OFFSET_TABLE_', 'bcmp', '__udivti3', '__popcountdi2']


def symbols(archive):
    """{object: (defined, undefined)}"""
    text = subprocess.run(['nm', '-A', archive], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout.decode()
    objects = {}
    for line in text.split('\n'):
        m = re.match(r'^.*:([^:]+):\s*(?:[0-9a-f]+)?\s+(\w)\s+(\S+)$', line)
        if m:
            defined, undefined = objects.setdefault(m.group(1), (set(), set()))
            (undefined if m.group(2) in 'Uw' else defined).add(m.group(3))
    return objects


def main():
    relay, base = symbols(sys.argv[1]), symbols(sys.argv[2])
    used = dict(relay)
    while True:
        defined = set().union(*(d for d, _ in used.values()))
        wanted = set().union(*(u for _, u in used.values())) - defined
        more = {name: o for name, o in base.items() if name not in used and o[0] & wanted}
        if not more:
            break
        used.update(more)
    impure = sorted(s for s in wanted if not any(fnmatch.fnmatchcase(s, a) for a in ALLOWED))
    print('1..2')
    print('%s 1 - there is an engine to look at' % ('ok' if len(relay) > 3 else 'not ok'))
    for symbol in impure:
        print('# %s in %s' % (symbol, ', '.join(sorted(n for n, (_, u) in used.items() if symbol in u))))
    print('%s 2 - relay/ and what it uses of base/ use memory, strings and arithmetic alone' % ('not ok' if impure else 'ok'))
    return 1 if impure or len(relay) <= 3 else 0


sys.exit(main())
