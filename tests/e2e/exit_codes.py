#!/usr/bin/env python3
"""Exit codes are stable: what a script or a unit file asks about is answered as documented."""
import json

import lib  # noqa: F401
import world as W
from made import announce, generated, tiny
from tap import check, equal, story


def code(*args, **more):
    return W.run(*args, **more)[0]


with story():
    equal(code('version'), 0, 'version: 0')
    equal(code('--version'), 0, '--version: 0')
    equal(code('help'), 0, 'help: 0')
    equal(code('help', 'no such topic'), 64, 'help on nothing: 64')
    equal(code('no-such-command'), 64, 'unknown command: 64')
    equal(code('run', '--no-such-flag'), 64, 'unknown flag: 64')
    equal(code('run', '--config_path'), 64, 'flag without its value: 64')
    equal(code('run', '--config_path', '/nonexistent/config.json'), 78, 'no configuration: 78')
    equal(code('check'), 78, 'no configuration named: 78')
    equal(code('gen', '--count', 'many'), 64, 'a number that is none: 64')
    equal(code('send', 'x.hl7', '--to', 'nonsense', '--endpoint', '127.0.0.1:1'), 78, 'not the name of a store: 78')
    equal(code('send', '/nonexistent.hl7', '--to', W.SOURCE, '--endpoint', '127.0.0.1:1'), 65, 'a file that is not there: 65')
    equal(code('send', '-', '--to', W.SOURCE, '--endpoint', 'healthcare.googleapis.com:443'), 64, 'send to a real store: 64')
    with W.World(accept_all='source') as w:
        w.furnish()
        config = w.config()
        announce(w, generated(20))
        equal(code('run', '--config_path', config, '--until-empty', '1s'), 0, 'run --until-empty: 0')
        equal(code('verify', '--config_path', config), 0, 'verify, same: 0')
        announce(w, generated(1, '--malformed'))
        equal(code('run', '--config_path', config, '--until-empty', '1s'), 3, 'run --until-empty that wrote dead letters: 3')
        equal(code('verify', '--config_path', config), 4, 'verify, different: 4')
        w.start_relay()
        equal(code('run', '--config_path', config, '--until-empty', '1s'), 73, 'a sink that another relay has: 73')
        equal(w.relay.stop(), 0, 'SIGTERM: 0')
        one = w.path('one.hl7')
        with open(one, 'wb') as f:
            f.write(tiny(1))
        local = ['--endpoint', '127.0.0.1:%d' % w.port]
        equal(code('send', one, '--to', W.DEST, *local), 0, 'send: 0')
        with open(one, 'wb') as f:
            f.write(b'no HL7 at all')
        equal(code('send', one, '--to', W.DEST, *local), 65, 'send what a store refuses: 65')
        text = json.loads(open(config).read())
        text['dest_hl7v2_store'] = text['source_hl7v2_store']
        equal(code('check', '--config_path', w.write('same.json', json.dumps(text))), 78, 'source = destination: 78')
        equal(code('demo', '--messages', 'x'), 64, 'demo with nonsense: 64')
        equal(code('demo', '--messages', '20', '--faults', 'off', '--work_dir', w.dir), 64, 'demo into a folder that is not its own: 64')
        check(w.cloud.stop() == 0, 'SIGTERM ends the local cloud with 0')
