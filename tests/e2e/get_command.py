#!/usr/bin/env python3
"""get NAME: a message as a tree, masked; values only when asked for; one sentence and an exit code for what goes wrong."""
import json
import os
import pty
import re
import subprocess

import lib  # noqa: F401
from rest import create, message_id
from tap import check, equal, story, wait_for
from world import DEST, SOURCE, World, binary, environment, run

MESSAGE = ('MSH|^~\\&|LAB|HOSP|X|Y|20260101120000||ORU^R01^ORU_R01|CTRL7|P|2.5.1\rPID|1||4711^^^HOSP^MR~815^^^STATE&1.2.3&ISO^SS||'
           'Mustermann^M\u00e4rta^^Dr.||19700203|F\rOBR|1|||GLU^Glucose\rOBX|1|NM|GLU||105|mg/dl|||||F\rOBX|2|ST|NOTE||fine\r').encode()
SECRETS = ('Mustermann', 'rta', '4711', '19700203', 'CTRL7', 'Glucose', '105', 'HOSP', 'LAB', 'fine')


def on_terminal(args, typed):
    """Run on a terminal of its own: (exit code, what the terminal showed)."""
    here, there = pty.openpty()
    env = environment(TERM='xterm')
    process = subprocess.Popen([binary(), *args], stdin=there, stdout=there, stderr=there, env=env, start_new_session=True)
    os.close(there)
    os.write(here, typed)
    shown = b''
    while True:
        try:
            piece = os.read(here, 65536)
        except OSError:    # EIO: the other side has closed
            break
        if not piece:
            break
        shown += piece
    os.close(here)
    return process.wait(), shown.decode()


with story(), World(accept_all='destination') as w:
    w.furnish()
    name = create(w.rest, SOURCE, MESSAGE)
    at = ('--endpoint', '127.0.0.1:%d' % w.port)
    code, out, talk = run('get', name, *at)
    equal((code, talk), (0, ''), 'get')
    check(not any(secret in out for secret in SECRETS), 'no value is shown', out)
    for line in ('MSH  Message header', 'PID  Patient identification', '  PID-5           Patient name', 'OBX[2]  Observation/result'):
        check(line + '\n' in out, 'the tree has: ' + line.strip(), out)
    check(re.search(r'^    PID-5\.1 +\*{10}$', out, re.M), 'values are masked at their length', out)
    check(re.search(r'^    MSH-9\.1 +ORU$', out, re.M) and re.search(r'^  MSH-12 +Version ID +2\.5\.1$', out, re.M), 'type and version are no secrets', out)
    check('PID-3[2].4.2' in out, 'repetitions, components and subcomponents have their paths')
    check('\033' not in out, 'no colours in a pipe')

    code, out, talk = run('get', name, *at, '--unmask')
    check(code == 64 and '--yes' in talk and out == '', '--unmask without a terminal wants --yes: ' + talk.strip())
    code, out, talk = run('get', name, *at, '--unmask', '--yes')
    check(code == 0 and all(secret in out for secret in SECRETS), '--unmask --yes shows values', out)
    code, out, talk = run('get', name, *at, '--raw')
    equal((code, out), (64, ''), '--raw without a terminal wants --yes')
    done = subprocess.run([binary(), 'get', name, *at, '--raw', '--yes'], capture_output=True, env=environment(), check=False)
    equal((done.returncode, done.stdout), (0, MESSAGE), '--raw --yes writes the very bytes')

    code, shown = on_terminal(['get', name, *at, '--unmask'], b'n\n')
    check(code == 64 and '[y/N]' in shown and 'Mustermann' not in shown, 'on a terminal it asks, and no is no')
    code, shown = on_terminal(['get', name, *at, '--unmask'], b'y\n')
    check(code == 0 and 'Mustermann' in shown, 'and yes is yes')
    code, shown = on_terminal(['get', name, *at], b'')
    check('\033[1mPID\033[0m' in shown and 'Mustermann' not in shown, 'colours on a terminal')
    check('\033' not in on_terminal(['get', name, *at, '--no-color'], b'')[1], '--no-color')

    code, out, talk = run('get', name, *at, '--json')
    parsed, end = [json.loads(line) for line in out.splitlines()]
    equal((code, parsed['masked'], parsed['bytes'], end), (0, True, len(MESSAGE), {'type': 'exit', 'code': 0}), '--json')
    fields = {f['path']: f.get('value') for s in parsed['segments'] for f in s['fields']}
    equal((fields['PID-5.1'], fields['PID-5.2'], fields['MSH-9.2'], fields['OBX[2]-5']), ('**********', '*****', 'R01', '****'), '--json: masked values')
    code, out, _ = run('get', name, *at, '--json', '--unmask', '--yes')
    fields = {f['path']: f.get('value') for s in json.loads(out.splitlines()[0])['segments'] for f in s['fields']}
    equal(fields['PID-5.2'], 'M\u00e4rta', '--json --unmask: values')

    config = w.config()
    equal(run('get', name, '--config_path', config)[0], 0, 'by a configuration: its endpoint and credentials')
    code, _, talk = run('get', name, env={'HEALTHCARE_EMULATOR_HOST': '127.0.0.1:%d' % w.port})
    equal((code, talk), (0, ''), 'by HEALTHCARE_EMULATOR_HOST')

    empty = create(w.rest, DEST, b'no message of Jane Doe at all')
    code, out, talk = run('get', empty, *at)
    check(code == 65 and out == '' and 'Jane' not in talk and '--raw' in talk, 'bytes that are no HL7v2: ' + talk.strip())

    cases = [
        (['get', *at], 64, 'name one message'), (['get', name, name, *at], 64, 'name one message'),
        (['get', 'nonsense', *at], 64, 'is not the name of a message'),
        (['get', SOURCE, *at], 64, 'is not the name of a message'),
        (['get', SOURCE + '/messages/../x', *at], 64, 'is not the name of a message'),
        (['get', 'projects/p/messages/x', *at], 64, 'get: '),
        (['get', SOURCE + '/messages/' + message_id(b'other'), *at], 1, 'has no message with this id'),
        (['get', name], 64, 'where is this store?'),
        (['get', name, '--endpoint', 'example.com:80'], 64, 'only a local cloud'),
        (['get', name, '--endpoint', '127.0.0.1:1'], 69, 'get: '),
        (['get', name, '--raw', '--json', '--yes', *at], 64, '--raw writes the bytes alone'),
        (['get', name, '--config_path', w.path('nothere.json')], 78, 'nothere.json'),
    ]
    for args, wanted, words in cases:
        code, out, talk = run(*args)
        check(code == wanted and words in talk and '*' not in out, 'exit %d: %s' % (wanted, talk.strip().split('\n')[0].replace(w.dir, '')[:150]),
              '%d: %s' % (code, talk))
    for rule, wanted, words in (('get:403', 77, 'lack healthcare.hl7V2Messages.get'), ('get:401', 77, 'not accepted'), ('get:429', 75, 'quota'),
                                ('get:503', 69, 'answers 503'), ('get:no_data', 65, 'no data')):
        w.faults(rule)
        wait_for('the rule', lambda: w.rest.once('GET', '/v1/' + name)[0] == int(rule[4:7]) if rule[4].isdigit() else
                 'none' in (w.rest.once('GET', '/v1/' + name)[1] or {}))
        code, out, talk = run('get', name, *at)
        check(code == wanted and words in talk and talk.count('\n') == 1, 'exit %d: %s' % (wanted, talk.strip()), '%d: %s' % (code, talk))
