#!/usr/bin/env python3
"""The Kubernetes manifests against the program that they start: configuration, arguments, probes, port, times."""
import json
import os
import re
import urllib.request

import lib  # noqa: F401
import world as W
from tap import check, equal, story, wait_for

FOLDER = os.path.join(W.TOP, 'deploy/kubernetes')


def text_of(name):
    with open(os.path.join(FOLDER, name)) as f:
        return re.sub(r'(?m)(^|\s)#.*$', '', f.read())


with story(), W.World() as w:
    path = os.path.join(FOLDER, 'config.json')
    code, out, err = W.run('check', '--config_path', path)
    equal(code, 0, 'the configuration is one: ' + err)
    check('projects/PROJECT/topics/hl7relay-dead' in out, 'and its dead letters outlive the pod', out)
    with open(path) as f:
        theirs = json.load(f)
    made = text_of('kustomization.yaml')
    listed = re.findall(r'- (\S+\.yaml)', made)
    equal(sorted(listed), sorted(n for n in os.listdir(FOLDER) if n.endswith('.yaml') and n != 'kustomization.yaml'), 'every manifest is applied')
    deployment = text_of('deployment.yaml')
    port = theirs['status_listen'].split(':')[1]
    equal(set(re.findall(r'containerPort: (\d+)', deployment) + re.findall(r'prometheus.io/port: "(\d+)"', deployment)), {port}, 'one port')
    args = json.loads(re.search(r'args: (\[.*\])', deployment).group(1))
    mount = re.search(r'name: config, mountPath: ([^,]+),', deployment).group(1)
    equal(args, ['run', '--config_path', mount + '/config.json'], 'the arguments name the mounted file')
    check('mountPath: ' + theirs['state_dir'] in deployment, 'state_dir is mounted, where the root is read-only')
    grace = int(re.search(r'terminationGracePeriodSeconds: (\d+)', deployment).group(1))
    drain = re.search(r'"shutdown.drain_timeout", DURATION, "(\d+)s"', open(os.path.join(W.TOP, 'src/conf/options.def')).read())
    check(grace >= int(drain.group(1)) + 5, 'the time to end holds a whole drain')
    equal(len(set(re.findall(r'matchLabels: ({ app: \w+ })', deployment + text_of('pdb.yaml')))), 1, 'one label selects')

    w.furnish()
    dead, keeper = theirs['dead_letter']['topic'].replace('PROJECT', 'p'), theirs['dead_letter']['subscription'].replace('PROJECT', 'p')
    w.rest.expect('PUT', '/v1/' + dead, {})
    w.rest.expect('PUT', '/v1/' + keeper, {'topic': dead})
    config = w.config(**{**{k: theirs[k] for k in ('flow', 'log')}, 'status_listen': '0.0.0.0:0',
                         'dead_letter': {'sink': '', 'topic': dead, 'subscription': keeper}})
    w.start_relay(config=config)
    for probe in re.findall(r'path: (/\w+)', deployment):
        wait_for(probe, lambda p=probe: w.page(p) is not None, 30)
        asked = urllib.request.Request('http://127.0.0.1:%d%s' % (w.status_port, probe), headers={'Host': '10.1.2.3:' + port})
        equal(urllib.request.urlopen(asked, timeout=10).status, 200, probe + ' answers, asked by the address of a pod')
    equal(w.relay.stop(), 0, 'SIGTERM ends it with 0')
