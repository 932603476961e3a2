#!/usr/bin/env python3
"""/metrics is what Prometheus wants, by its own linter, and every row of the table that it shows is documented."""
import re
import shutil
import subprocess

import lib  # noqa: F401
import world as W
from made import announce, generated
from tap import check, equal, skip, story, wait_for

with story(), W.World() as w:
    w.furnish()
    w.config()
    w.start_relay()
    announce(w, generated(50))
    wait_for('all messages to be delivered', lambda: w.metric('hl7relay_messages_delivered_total') >= 50)
    page = w.page('/metrics')
    promtool = shutil.which('promtool')
    if promtool:
        done = subprocess.run([promtool, 'check', 'metrics'], input=page.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              check=False)
        equal((done.returncode, done.stdout.decode()), (0, ''), 'promtool has nothing to say')
    else:
        skip('promtool', 'no promtool on this machine')
    with open(W.TOP + '/src/obs/metrics.def') as f:
        table = f.read()
    names = set(re.findall(r'^# TYPE (hl7relay_\w+)', page, re.M)) - {'hl7relay_build_info'}
    check(len(names) > 10, 'there are metrics', names)
    check(all('"%s"' % n in table for n in names), 'each is a row of metrics.def', [n for n in names if '"%s"' % n not in table])
    check(page.count('\n') < 400, 'and they are not too many', page.count('\n'))
