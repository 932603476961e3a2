#!/usr/bin/env python3
"""status and top: how a running relay is, from its status port."""
import json
import os
import pty
import select
import signal
import subprocess

import lib  # noqa: F401
from made import announce, tiny
from tap import check, equal, story, wait_for
from world import World, binary, environment, run

with story(), World(durable=False) as w:
    w.furnish()
    w.start_relay()
    announce(w, [tiny(i) for i in range(20)])
    wait_for('the copies', lambda: w.metric('hl7relay_messages_delivered_total') == 20)
    url = '127.0.0.1:%d' % w.status_port
    code, out, talk = run('status', '--url', url)
    lines = out.splitlines()
    equal((code, talk), (0, ''), 'status')
    check(lines[1].startswith('OK  '), 'the verdict: ' + lines[1], out)
    check(lines[2].startswith('UNACCOUNTED 0   received 20 = delivered 20 (0 dup)'), 'the ledger: ' + lines[2], out)
    check('\033' not in out, 'no colours in a pipe')
    code, out, _ = run('status', '--url', 'http://%s/' % url, '--json')
    status, end = [json.loads(line) for line in out.splitlines()]
    equal((code, status['ledger']['delivered'], end['code']), (0, 20, 0), 'status --json')
    for args, wanted, words in ((['status', '--url', '127.0.0.1:1'], 69, 'no relay answers at 127.0.0.1:1'),
                                (['status', '--url', 'http://a b/c'], 64, 'is no http://HOST:PORT'),
                                (['status', '--url', '127.0.0.1:%d' % w.port], 69, 'no relay answers'),
                                (['status', 'now'], 64, 'takes no "now"'), (['top', '--url', url], 64, 'top draws on a terminal')):
        code, out, talk = run(*args)
        check(code == wanted and words in talk and talk.count('\n') == 1, 'exit %d: %s' % (wanted, talk.strip()), '%d: %s' % (code, talk))

    here, there = pty.openpty()
    top = subprocess.Popen([binary(), 'top', '--url', url], stdin=there, stdout=there, stderr=there, env=environment(TERM='xterm'))
    os.close(there)
    shown = b''

    def top_shows(text):
        global shown
        while select.select([here], [], [], 0)[0]:
            shown += os.read(here, 65536)
        return text in shown
    wait_for('the first picture', lambda: top_shows(b'delivered 20 '))
    announce(w, [tiny(99)])
    wait_for('the next one', lambda: top_shows(b'delivered 21 '))
    check(True, 'top follows')
    w.relay.stop()
    wait_for('the reason', lambda: top_shows(b'no relay answers'))
    check(True, 'a relay that went away is told of and waited for')
    top.send_signal(signal.SIGINT)
    equal(top.wait(), 0, 'Ctrl-C ends it')
    os.close(here)
