#!/usr/bin/env python3
"""Each rule of tools/tidy is broken in a tiny tree, and said with file and line; a tree that keeps them all is clean."""
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'lib'))
from tap import check, equal, story  # noqa: E402

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HEADER = '/* What it promises. */\n#ifndef %s_H\n#define %s_H\n\n%s\n#endif\n'
CLEAN = {
    'src/base/thing.c': '#include "base/thing.h"\n\nint thing_size(void)\n{\n    return 1;\n}\n',
    'src/base/thing.h': HEADER % ('BASE_THING', 'BASE_THING', 'int thing_size(void);\n'),
    'src/net/wire.c': '#include "loop/loop.h"\n#include <openssl/ssl.h>\n',
    'src/loop/loop.h': HEADER % ('LOOP_LOOP', 'LOOP_LOOP', ''),
    'src/obs/events.def': 'EVENT(STARTED, INFO, "started", "the relay has started")\n',
    'docs/PAGE.md': 'See [the other](OTHER.md), [the web](https://example.com/x) and [below](#here).\n',
    'docs/OTHER.md': 'Text.\n',
    'tests/unit/base/test_thing.c': '/* A test. */\n',
    'tools/run': '#!/bin/sh\ntrue\n',
}
# rule: (file, text, what else the line must say)
BROKEN = {
    'layer': ('src/base/low.c', '#include "net/wire.h"\n', 'base/ may not include net/wire.h'),
    'third-party': ('src/relay/curl.c', '#include <curl/curl.h>\n', 'relay/ may not include curl/curl.h'),
    'prefix': ('src/net/pipe.h', HEADER % ('NET_PIPE', 'NET_PIPE', 'int open_it(void);\n'), 'open_it()'),
    'unique': ('tests/unit/net/thing.c', '/* The second of that name. */\n', 'src/base/thing.c'),
    'file-size': ('src/base/long.c', '/* x */\n' * 801, '801 lines'),
    'function-size': ('src/base/tall.c', 'void tall(void)\n{\n' + '    ;\n' * 80 + '}\n', '82 lines'),
    'banned': ('src/net/mem_user.c', 'void *p(void)\n{\n    return malloc(3);\n}\n', 'mem_alloc'),
    'pure': ('src/relay/watch.c', 'us_t f(void)\n{\n    return clock_now();\n}\n', 'clock_now'),
    'row': ('src/obs/bare.def', 'EVENT(BARE, INFO, "bare")\n', 'BARE'),
    'header': ('src/base/open.h', '#ifndef BASE_OPEN_H\n#define BASE_OPEN_H\n#endif\n', 'contract'),
    'white': ('src/base/tab.c', 'int\tx;\n', 'a tab'),
    'word': ('docs/NOTE.md', 'TO' + 'DO: later.\n', 'TO' + 'DO'),
    'link': ('docs/LOST.md', 'See [nothing](NOWHERE.md).\n', 'NOWHERE.md'),
    'mode': ('docs/RUN.md', 'Text.\n', 'executable'),
    'columns': ('src/base/wide.c', '/* ' + 'x' * 170 + ' */\n', '176 columns'),
}
MORE = [
    ('header', 'src/base/unguarded.h', '/* A contract. */\nint x;\n', 'BASE_UNGUARDED_H'),
    ('white', 'src/base/open_end.c', 'int x;', 'newline'),
    ('white', 'src/base/space.c', 'int x; \n', 'trailing space'),
    ('white', 'src/base/dos.c', 'int x;\r\n', 'CR'),
    ('banned', 'tests/unit/base/nap.py', 'time.' + 'sleep(1)\n', 'wait for conditions'),
    ('banned', 'src/net/off.c', 'int x = SSL_VERIFY_NONE;\n', 'always checked'),
    ('banned', 'src/cloud/join.c', 'void f(void)\n{\n    strcpy(a, b);\n}\n', 'struct buf'),
    ('pure', 'src/hl7/look.c', '#include <sys/socket.h>\n', 'sys/socket.h'),
    ('word', 'src/base/merge.c', '<' * 7 + ' HEAD\n', '<<<'),
    ('layer', 'src/unknown/new.c', '/* x */\n', 'no row'),
]
FINE = [
    ('src/net/talk.c', '/* malloc(3) in a comment, and */ const char *s = "strcpy(a, b)";\n', 'words in comments and strings'),
    ('src/net/member.c', 'void f(void)\n{\n    x->free(1);\n    y.time(2);\n}\n', 'members that are called like banned functions'),
    ('src/net/excused.c', '/* tidy: banned: the library frees it */\nvoid f(void)\n{\n    /* tidy: banned: the library frees it */\n    free(p);\n}\n',
     'a rule that is broken on purpose, with its reason'),
]


def write(tree, name, text, mode=0o644):
    path = os.path.join(tree, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', newline='') as f:
        f.write(text)
    os.chmod(path, mode)


def tidy(*extra):
    """The exit code and the lines of a clean tree with these files put in: (name, text, mode)."""
    with tempfile.TemporaryDirectory(prefix='hl7relay-tidy-') as tree:
        for name, text in CLEAN.items():
            write(tree, name, text, 0o755 if text.startswith('#!') else 0o644)
        os.makedirs(os.path.join(tree, 'tools'), exist_ok=True)
        for name in ('tidy', 'layers.txt'):
            shutil.copy(os.path.join(TOP, 'tools', name), os.path.join(tree, 'tools', name))
        for name, text, mode in extra:
            write(tree, name, text, mode)
        done = subprocess.run([sys.executable, os.path.join(tree, 'tools/tidy')], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        lines = done.stdout.decode().split('\n')
        return done.returncode, [line for line in lines if line and not line.startswith('tidy: ')]


with story():
    equal(tidy(), (0, []), 'a tree that keeps all rules is clean')
    rules = subprocess.run([os.path.join(TOP, 'tools/tidy'), '--rules'], stdout=subprocess.PIPE, check=True).stdout.decode().split('\n')
    equal(sorted(BROKEN), sorted(line.split()[0] for line in rules if line), 'each rule is broken here')
    rows = [(r, *row) for r, row in BROKEN.items()] + MORE
    code, lines = tidy(*[(name, text, 0o755 if rule == 'mode' else 0o644) for rule, name, text, _ in rows])
    equal(code, 1, 'a tree with broken rules is said by the exit code')
    for rule, name, _, says in rows:
        hits = [line for line in lines if line.startswith(name + ':') and ': %s: ' % rule in line and says in line]
        check(hits, '%s: %s' % (rule, says.replace('<<<', 'a mark of a merge')), '\n'.join(lines))
        lines = [line for line in lines if line not in hits]
    equal(lines, [], 'and nothing else is said')
    equal(tidy(*[(name, text, 0o644) for name, text, _ in FINE]), (0, []), 'no fault: ' + '; '.join(what for _, _, what in FINE))
