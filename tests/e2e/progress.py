#!/usr/bin/env python3
"""On a terminal a block of figures stays below the log: drawn after every line, taken away at the end."""
import os
import pty
import re

import lib  # noqa: F401
import world as W
from made import announce, generated
from tap import check, equal, story

COUNT = 50
BLOCK = 6

with story(), W.World() as w:
    w.furnish()
    config = w.config(log={'format': 'auto'})
    announce(w, generated(COUNT))
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(W.binary(), [W.binary(), 'run', '--config_path', config, '--status_listen', '', '--until-empty', '3s'],
                  {**os.environ, 'TERM': 'xterm'})
    out = b''
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            break
        if not piece:
            break
        out += piece
    equal(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0, 'it ends with 0 when the subscription is quiet')
    text = out.decode().replace('\r\n', '\n')
    drawn = text.count('\nreceived %d = delivered %d' % (COUNT, COUNT))
    erased = text.count('\033[%dF\033[J' % BLOCK)
    check(drawn >= 1, 'the block shows the ledger', text[-2000:])
    check(text.count('event=message_delivered') == COUNT, 'the log is there, line by line')

    screen = []    # what a terminal would show
    for part in re.split(r'(\033\[%dF\033\[J)' % BLOCK, text):
        if part.startswith('\033['):
            del screen[-BLOCK:]
        else:
            screen += part.split('\n')[:-1]
    check(all('event=' in line for line in screen), 'at the end only the log is left', [line for line in screen if 'event=' not in line])
    check(erased >= 1, 'each block takes the place of the one before', erased)
