#!/usr/bin/env python3
"""`hl7relay dead`: lists what could not be delivered, shows one, sends names again, and releases the storm guard."""
import json
import os

import lib  # noqa: F401
import world as W
from made import announce, generated, tiny
from rest import create
from tap import check, equal, story


def entries(w, *args):
    code, out, err = w.run('dead', 'list', '--dir', w.path('dead'), '--json', *args)
    lines = [json.loads(line) for line in out.splitlines()]
    return code, [e for e in lines if e['type'] in ('dead', 'skipped')], err


with story(), W.World(accept_all='source') as w:
    w.furnish()
    config = w.config()
    announce(w, generated(20))
    bad = announce(w, generated(3, '--malformed'))
    gone = list(announce(w, [tiny(1)]))
    message = tiny(1)
    w.rest.expect('DELETE', '/v1/' + gone[0])
    w.publish([b'SECRET not a name', b''])
    code, out, err = w.run('run', '--config_path', config, '--status_listen', '', '--until-empty', '3s', timeout=120)
    equal(code, 3, 'a run that ends with dead letters says so by its exit code')

    code, found, err = entries(w)
    equal(code, 0, 'list ends with 0')
    equal(sorted(e['reason'] for e in found), sorted(['dest_nack'] * 3 + ['source_not_found', 'bad_path', 'empty_notification']), 'each once')
    check('SECRET' not in json.dumps(found), 'what is no name is not shown')
    code, found, err = entries(w, '--reason', 'dest_nack')
    equal({e['name'] for e in found}, set(bad), '--reason')
    equal(len(entries(w, '--limit', '2')[1]), 2, '--limit')
    equal(len(entries(w, '--since', '1h')[1]), 6, '--since an hour ago')
    equal(len(entries(w, '--since', '2999-01-01T00:00:00Z')[1]), 0, '--since the future')
    code, out, err = w.run('dead', 'show', '--dir', w.path('dead'), gone[0])
    equal(code, 0, 'show')
    check('source_not_found' in out and 'what to do' in out and 'http 404' in out, 'shows why and what to do', out)
    equal(w.run('dead', 'show', '--dir', w.path('dead'), 'none')[0], 5, 'no such one')

    equal(create(w.rest, W.SOURCE, message), gone[0], 'the message is at the source again')
    code, out, err = w.run('dead', 'replay', '--config_path', config, '--reason', 'source_not_found')
    equal((code, out.split()[0]), (0, '1'), 'one is published again: ' + out + err)
    code, out, err = w.run('dead', 'replay', '--config_path', config, '--reason', 'source_not_found')
    equal((code, out.split()[0]), (0, '0'), 'and not a second time: ' + out + err)
    code, found, err = entries(w, '--reason', 'source_not_found')
    equal([e['replayed'] for e in found], [True], 'it is marked')
    code, out, err = w.run('run', '--config_path', config, '--status_listen', '', '--until-empty', '3s', timeout=120)
    equal(code, 0, 'the replayed one went through')
    code, out, err = w.run('dead', 'replay', '--config_path', config, '--reason', 'bad_path')
    check('1 have no name' in out, 'what has no name cannot be replayed', out)

    equal([e['also_delivered'] for e in entries(w)[1] if e.get('name') == gone[0]], [False], 'nobody has looked yet')
    code, out, err = w.run('verify', '--config_path', config)
    check('1 of the dead letters' in out, 'verify finds the copy of one that was replayed', out + err)
    equal(sorted(e['reason'] for e in entries(w)[1] if e['also_delivered']), ['source_not_found'], 'which is listed as also delivered')
    code, out, err = w.run('verify', '--config_path', config, '--json')
    equal(json.loads(out.split('\n')[0])['also_delivered'], 1, 'and counted again the next time')
    with open(w.path('dead/replayed.dlq')) as f:
        equal(f.read().count('"kind":"delivered"'), 1, 'but marked once')
    check('also delivered' in w.run('dead', 'list', '--dir', w.path('dead'))[1], 'people see it, too')

    with open(w.path('dead/storm-guard'), 'w') as f:
        f.write('{"v":1,"held_since":"2026-01-01T00:00:00Z"}\n')
    code, out, err = w.run('dead', 'accept', '--config_path', config)
    check(code == 0 and 'released' in out and not os.path.exists(w.path('dead/storm-guard')), 'accept releases the storm guard', out + err)
    code, out, err = w.run('dead', 'accept', '--config_path', config)
    check(code == 0 and 'nothing to release' in out, 'and says when there is nothing to release', out)

    segment = sorted(n for n in os.listdir(w.path('dead')) if n.startswith('segment-'))[0]
    with open(w.path('dead/' + segment), 'r+b') as f:
        f.seek(300)
        byte = f.read(1)
        f.seek(300)
        f.write(bytes([byte[0] ^ 1]))
    code, out, err = w.run('dead', 'list', '--dir', w.path('dead'))
    check(code == 65 and 'damaged' in err and segment in err, 'a damaged line is named', err)
    for args in (['dead'], ['dead', 'lst'], ['dead', 'replay', '--dir', w.path('dead')], ['dead', 'list', '--dir', 'x', '--since', 'soon']):
        equal(w.run(*args)[0], 64, ' '.join(args[:2]) + ': wrong use')
