#!/usr/bin/env python3
"""Python's portable runner: a bounded job to DONE, with an EXTERNAL pool; a job without an end is refused before it begins."""
import beam_lib  # noqa: F401
import bounded
import world as W
from runners import Pool, Runner, need
from tap import check, equal, story

need('python', "a bounded job on Python's runner")

with story(), W.World(accept_all='source') as w:
    bounded.furnish(w)
    code, out, err = W.run('submit', '--config_path', w.path('config.json'), '--runner', 'PortableRunner')
    equal(code, 78, 'a subscription has no end: refused')
    check('use submit --names FILE' in err, 'and the way is named', err)
    with Runner('python', w) as python, Pool(w) as pool:
        bounded.run(w, python, 'PortableRunner', '--environment_type', 'EXTERNAL', '--environment_config', pool.place)
