#!/usr/bin/env python3
"""`check` looks at this machine, and asks nobody: credentials, the directory of dead letters, room on its disk."""
import json
import os

import lib  # noqa: F401
import world as W
from tap import check, equal, story


def looked(w, config, **env):
    code, out, err = W.run('check', '--config_path', config, '--json', env=env)
    lines = [json.loads(line) for line in out.split('\n') if line]
    return code, {p['name']: p for p in lines[0].get('places', [])} if lines else {}, out + err


with story(), W.World(durable=False) as w:
    w.furnish()
    config = w.config()
    code, places, said = looked(w, config)
    equal((code, sorted(places)), (0, ['disk', 'sink']), 'the local cloud needs no credentials')
    check('will be made' in places['sink']['text'] and not os.path.exists(w.path('dead')), 'a sink that is not there yet, and is not made', places)
    check('GB' in places['disk']['text'], 'room on its disk', places)
    w.start_relay()
    code, places, said = looked(w, config)
    check(code == 0 and 'in use by a relay' in places['sink']['text'], 'a sink that a relay has', said)
    equal(w.relay.stop(), 0, 'which was not disturbed')
    code, places, said = looked(w, config)
    check(code == 0 and 'nobody has it' in places['sink']['text'], 'a sink that is free', said)
    code, places, said = looked(w, w.config(dead_letter={'sink': 'file://' + w.path('config.json')}))
    equal((code, places['sink']['ok']), (73, False), 'a sink that is a file: 73')
    code, places, said = looked(w, w.config(dead_letter={'sink': 'file://' + w.path('a/b/c/d')}))
    equal((code, places['sink']['ok']), (73, False), 'a sink far from any directory: 73')
    os.mkdir(w.path('sealed'), 0o500)
    if os.geteuid() != 0:
        equal(looked(w, w.config(dead_letter={'sink': 'file://' + w.path('sealed')}))[0], 73, 'a sink that cannot be written: 73')

    real = {'pubsub_endpoint': None, 'healthcare_endpoint': None}
    missing = w.path('no-key.json')
    code, places, said = looked(w, w.config(**real), GOOGLE_APPLICATION_CREDENTIALS=missing)
    check(code == 78 and not places['credentials']['ok'] and missing in places['credentials']['text'], 'credentials that are not there: 78', said)
    w.write('token', 'ya29.SECRET\n')
    code, places, said = looked(w, w.config(auth={'mode': 'token_file:' + w.path('token')}, **real))
    check(code == 78 and not places['credentials']['ok'], 'a token that everybody may read', said)
    os.chmod(w.path('token'), 0o600)
    code, places, said = looked(w, w.config(auth={'mode': 'token_file:' + w.path('token')}, **real))
    check(code == 0 and places['credentials']['ok'] and 'SECRET' not in said, 'a token file, whose content is not shown', said)
    code, out, err = W.run('check', '--config_path', w.config(auth={'mode': 'metadata'}, **real))
    check(code == 0 and 'not asked' in out and 'sink' in out and 'disk' in out, 'the metadata server is named, not asked; a line for each', out + err)
